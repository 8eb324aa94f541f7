"""One call of `quantize` or `dequantize`, checked: what a family of formats is asked to do.

Each family is one module (``_mx``, ``_nv``, ``_group``, ``_table``, ``_fp8``, ``_minifloat``) with the same four names:

``OPTIONS``
    frozenset of the arguments of `quantize` that apply to it, among ``scale rounding seed nan amax global_scale
    four_over_six group scale_dtype rows rule``. Any other argument that is not left at its default is refused before
    the module is called. The module checks what the values mean for the format.
``parts(call, shape)``
    Shape and dtype of each array of the QTensor, as ``{"codes": (shape, "uint8"), "scales": ...}``, for a tensor of
    `shape` with the quantized axis last and padded. Raises ValueError for options that the format does not take. Called
    before anything is allocated, for `quantize` and `dequantize` alike (where options are those of `QMeta`).
``quantize(parts, x, dtype, call)``
    Fill the arrays in `parts` (a dict of ndarrays as `as_numpy` shows them: float16 as uint16) from `x`, a contiguous
    ndarray of float32 or uint16 bits of shape (batch, rows, columns): quantized axis last, padded with zeros to
    ``call.columns``; blocks of several rows lie in one batch entry.
``dequantize(out, dtype, parts, call)``
    The inverse: fill `out`, of the shape and kind of `x` above. It keeps nothing of the padding in mind.

CUDA tensors go to ``paretoserve.quant._cuda`` instead: ``quantize(parts, x, call)``, ``dequantize(out, parts, call)``
with torch tensors, `x` and `out` of any strides, the quantized axis last but neither padded nor rotated.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from paretoserve._integers import BITS_64, check_integer, shown
from paretoserve.errors import ShapeError
from paretoserve.quant._arguments import seed_of, thread_count
from paretoserve.quant._formats import BlockFormat, block_format
from paretoserve.quant._qtensor import QMeta

if TYPE_CHECKING:
    from types import ModuleType

    Parts: TypeAlias = dict[str, tuple[tuple[int, ...], str]]

__all__ = ["Call", "call_of", "call_of_meta", "check_choice", "family", "meta_of", "padded"]

ROTATIONS = (0, 16, 32, 64, 128)


@dataclass(frozen=True, slots=True)
class Call:
    """What to do, in checked values. Attributes are the arguments of `quantize`, and these.

    Attributes
    ----------
    fmt : BlockFormat
        The format.
    block : tuple of int
        Rows and columns that share a scale; columns never -1.
    logical_columns : int
        Length of the quantized axis.
    columns : int
        The same with padding. Random words count elements without padding: element ``row * logical_columns + column``.
    """

    fmt: BlockFormat
    block: tuple[int, int]
    logical_columns: int
    columns: int
    scale: str | None = None
    rounding: str = "rne"
    seed: int = 0
    nan: str = "scale"
    amax: Any = None
    global_scale: Any = None
    four_over_six: str | None = None
    hadamard: int = 0
    signs: tuple[int, ...] | None = None
    group: int | None = None
    scale_dtype: str | None = None
    rows: int = 1
    rule: str = "paretoserve"
    threads: int | None = None


def family(fmt: BlockFormat) -> ModuleType:
    """Return the module that knows the formats of the family."""
    return importlib.import_module(f"paretoserve.quant._{fmt.family}")


def check_choice(argument: str, value: object, choices: Sequence[object]) -> None:
    """Refuse a value that is not one of `choices`."""
    if not any(value is choice or (type(value) is type(choice) and value == choice) for choice in choices):
        names = " or ".join(str(choice) for choice in choices)
        raise ValueError(f"`{argument}` must be {names}, got {shown(value)}")


def call_of(fmt: str, shape: tuple[int, ...], pad: str | None, options: dict[str, Any]) -> Call:
    """Return the checked call for a tensor of `shape`, quantized axis last.

    Raises
    ------
    UnknownNameError
        If there is no such format.
    ValueError
        If an option does not apply to the format or has no meaning.
    ShapeError
        If rows are no whole blocks and `pad` is None.
    """
    known = block_format(fmt)
    default = {field: Call.__dataclass_fields__[field].default for field in options}
    applies = family(known).OPTIONS | {"hadamard", "signs", "threads"}
    for name, value in options.items():
        if (
            name not in applies
            and value is not default[name]
            and (not isinstance(value, str) or value != default[name])
        ):
            also = ", ".join(sorted(applies))
            raise ValueError(
                f"`{name}` does not apply to {known.name}, got {shown(value)}\nhint: what applies is {also}"
            )
    check_choice("rounding", options["rounding"], ("rne", "half_away", "stochastic"))
    check_choice("nan", options["nan"], ("scale", "raise", "zero"))
    check_choice("pad", pad, (None, "zero"))
    check_choice("hadamard", options["hadamard"], ROTATIONS)
    checked = {
        "seed": seed_of(options["seed"]),
        "signs": _signs(options["signs"], options["hadamard"]),
        "threads": thread_count(options["threads"]),
    }
    block = _block(known, options["group"], shape[-1], options["hadamard"])
    call = Call(known, block, shape[-1], shape[-1], **(options | checked))
    columns = padded(call)
    if columns != shape[-1] and pad is None:
        unit = math.lcm(block[1], max(call.hadamard, 1))
        raise ShapeError(
            f"`x` must have a multiple of {unit} elements along the quantized axis for {known.name}, got {shape[-1]}"
            '\nhint: pad="zero" fills the last block with zeros; the shape is kept'
        )
    return replace(call, columns=columns)


def call_of_meta(meta: QMeta, threads: int | None) -> Call:
    """Return the call that `dequantize` makes: format, sizes and rotation; rules do not matter any more."""
    fmt = block_format(meta.fmt)
    length = meta.shape[meta.axis]
    own = {"hadamard": meta.hadamard, "signs": meta.signs, "scale_dtype": meta.scale_dtype}
    call = Call(fmt, meta.block, length, length, **own, threads=threads)  # type: ignore[arg-type]
    return replace(call, columns=padded(call))


def padded(call: Call) -> int:
    """Return the length of a row in whole blocks and whole rotations. FP8 tiles may be cut off at the edge."""
    block = 1 if call.fmt.family == "fp8" else call.block[1]
    unit = math.lcm(block, max(call.hadamard, 1))
    return -(-call.logical_columns // unit) * unit


def meta_of(call: Call, shape: tuple[int, ...], axis: int) -> QMeta:
    """Return what a QTensor says about the call."""
    default = "rceil" if call.fmt.family == "mx" else "amax"
    rule = (call.scale or default) if call.rule == "paretoserve" else call.rule
    return QMeta(
        call.fmt.name,
        shape,
        axis,
        call.block,
        rule,
        call.rounding,
        call.hadamard,
        call.signs,
        call.four_over_six,
        call.scale_dtype,
    )


def _block(fmt: BlockFormat, group: int | None, columns: int, rotation: int) -> tuple[int, int]:
    rows, width = fmt.block
    if rotation:
        # A whole row is one that is padded to whole rotations.
        columns = -(-columns // rotation) * rotation
    if group is not None:
        width = -1 if group == -1 else check_integer("group", group, 1, BITS_64)
    return rows, max(columns, 1) if width == -1 else width


def _signs(signs: Any, size: int) -> tuple[int, ...] | None:
    if signs is None:
        return None
    if size == 0:
        raise ValueError(
            "`signs` are those of a rotation, got signs and hadamard=0\nhint: set hadamard to their number"
        )
    values = np.asarray(signs)
    if values.shape != (size,):
        raise ShapeError(f"`signs` must have shape ({size},), got {values.shape}")
    if values.dtype.kind not in "iuf" or not np.all(np.abs(values) == 1):
        raise ValueError("`signs` must be 1 or -1 everywhere")
    return tuple(int(sign) for sign in values)
