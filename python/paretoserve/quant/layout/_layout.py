"""What a layout says about itself, as data: its tensors, its settings, what it can hold. `convert` checks all of it.

A layout file then only moves bytes: `read` gets complete numpy arrays of the declared dtypes, `write` a `QTensor` of a
format that it listed, with blocks along the last axis and no rotation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve.quant._qtensor import QTensor

__all__ = ["Direct", "Layout", "Log", "Setting", "Tensor"]

# What a layout reads and writes: arrays by the names that they have in a checkpoint, without the module's name.
Tensors = dict[str, "NDArray[Any]"]


@dataclass(frozen=True, slots=True)
class Tensor:
    """One array of a layout.

    Attributes
    ----------
    name : str
        Its name in a checkpoint, without the name of the module.
    dtypes : tuple of str
        Dtypes that it may have, as numpy or torch name them. 8-bit floats reach `read` as uint8, and what `write`
        returns as uint8 becomes the first of these.
    ndim : int or None
        Its number of dimensions; None for any.
    optional : bool
        Whether it may be missing.
    """

    name: str
    dtypes: tuple[str, ...]
    ndim: int | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Setting:
    """A keyword argument of `convert` that a layout takes, because its bytes do not tell.

    Attributes
    ----------
    name : str
        The keyword.
    what : str
        One line for messages.
    default : object
        Its value if missing; ``Setting.REQUIRED`` if it must be given.
    choices : tuple of object or None
        The values that it may have.
    """

    name: str
    what: str
    default: Any = "required"
    choices: tuple[Any, ...] | None = None

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return isinstance(self.default, str) and self.default == "required"


@dataclass(slots=True)
class Log:
    """What a conversion could not keep; becomes the `ConvertReport`."""

    blocks_lossy: int = 0
    max_abs_err: float = 0.0
    exact: bool = True
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Say something that changes no value."""
        self.notes.append(text)

    def lossy(self, text: str, *, blocks: int, max_abs_err: float) -> None:
        """Say that values changed: in how many blocks, by how much at most. Errors of several steps add up."""
        self.exact = False
        self.blocks_lossy += blocks
        self.max_abs_err += max_abs_err
        self.notes.append(text)


Read = Callable[..., "QTensor"]
Write = Callable[..., Tensors]


@dataclass(frozen=True, slots=True)
class Layout:
    """A way to store a quantized weight, with the functions that read and write it.

    Attributes
    ----------
    name : str
        For example ``ct_nvfp4``.
    what : str
        One line: who writes and reads it.
    formats : tuple of str
        Block formats that it can hold.
    tensors : tuple of Tensor
        Its arrays.
    read : callable or None
        ``read(tensors, log, **settings) -> QTensor``.
    write : callable or None
        ``write(q, log, **settings) -> dict of arrays``.
    read_settings, write_settings : tuple of Setting
        Keyword arguments of either.
    refusal : str
        Why there is no `write` (or no `read`).
    extras : tuple of str
        Names in `QTensor.extras` that `write` stores or may drop without loss; others are reported as dropped.
    any_shape : bool
        Whether `write` takes blocks along any axis, padded rows and rotated weights.
    """

    name: str
    what: str
    formats: tuple[str, ...]
    tensors: tuple[Tensor, ...]
    read: Read | None
    write: Write | None
    read_settings: tuple[Setting, ...] = ()
    write_settings: tuple[Setting, ...] = ()
    refusal: str = ""
    extras: tuple[str, ...] = ()
    any_shape: bool = False


@dataclass(frozen=True, slots=True)
class Direct:
    """A conversion that needs no `QTensor` between: ``function(tensors, log, **settings) -> dict of arrays``.

    `function` returns None where the fast path does not apply; the way through a `QTensor` follows then.
    """

    src: str
    dst: str
    function: Callable[..., Tensors | None]
    settings: tuple[Setting, ...] = ()


def contiguous(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return `array` in another shape, in C order; a copy only if it has gaps."""
    return np.ascontiguousarray(array).reshape(shape)


def by_name(tensors: tuple[Tensor, ...]) -> Mapping[str, Tensor]:
    """Return the declared arrays by name."""
    return {each.name: each for each in tensors}
