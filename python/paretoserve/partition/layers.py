"""What the layers of a model take, and where it may be cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from paretoserve._integers import integer_array, shown
from paretoserve.cost.checks import listed
from paretoserve.errors import DtypeError, ShapeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Layers"]

MOST_SECONDS = 1e9
MOST_BYTES = 2**60


class Layers:
    """The profile of a model, layer by layer.

    Parameters
    ----------
    seconds : array_like of float, shape (n,), or mapping from device name to that
        Time of each layer for one request, on a device of speed 1 or on each device.
    output_bytes : array_like of int, shape (n,)
        Size of what each layer hands on for one request.
    memory_bytes : array_like of int, shape (n,), optional
        What a device needs for each layer: weights and the largest activation; nothing by default.
    joules : array_like of float, shape (n,), or mapping from device name to that, optional
        Energy of each layer for one request; by default the time times the watts of the device.
    names : sequence of str, optional
        By default the numbers from 0 on.
    inputs : sequence of sequences of int, optional
        Of each layer the numbers of those whose output it takes, all of them smaller; by default the layer before. The
        model is then cut only where a single tensor passes: behind layers through which every path goes (dominators).

    Attributes
    ----------
    seconds, joules : ndarray of float64, or dict of them
    output_bytes, memory_bytes : ndarray of int64, shape (n,)
    names : tuple of str
    inputs : tuple of tuples of int, or None for a chain

    Raises
    ------
    ShapeError, DtypeError
        If the arrays do not have the same length or do not hold numbers.
    ValueError
        If a number is negative, NaN or infinite, or the graph is not connected; names the layer.

    Examples
    --------
    >>> layers = Layers([0.02, 0.03, 0.04], [1000, 400, 200])
    >>> len(layers), layers.cuts.tolist()
    (3, [0, 1])

    A skip connection over layer 1 forbids the cut behind it.

    >>> Layers([0.02, 0.03, 0.04], [1000, 400, 200], inputs=[[], [0], [0, 1]]).cuts.tolist()
    [0]
    """

    def __init__(
        self,
        seconds: ArrayLike | Mapping[str, ArrayLike],
        output_bytes: ArrayLike,
        *,
        memory_bytes: ArrayLike | None = None,
        joules: ArrayLike | Mapping[str, ArrayLike] | None = None,
        names: Sequence[str] | None = None,
        inputs: Sequence[Sequence[int]] | None = None,
    ) -> None:
        self.output_bytes: NDArray[np.int64] = _bytes("output_bytes", output_bytes, None)
        number = len(self.output_bytes)
        if number == 0:
            raise ShapeError("`output_bytes` must have at least one layer, got none")
        self.names = tuple(str(name) for name in (range(number) if names is None else listed("names", names)))
        if len(self.names) != number:
            raise ShapeError(f"`names` must have {number} entries, one per layer, got {len(self.names)}")
        self.seconds = self._rows("seconds", seconds)
        self.joules = None if joules is None else self._rows("joules", joules)
        needed = np.zeros(number, dtype=np.int64) if memory_bytes is None else memory_bytes
        self.memory_bytes: NDArray[np.int64] = _bytes("memory_bytes", needed, number)
        total = sum(self.memory_bytes.tolist())
        if total >= MOST_BYTES:
            raise ValueError(f"`memory_bytes` must be below {MOST_BYTES} in sum, got {total}")
        self.inputs: tuple[tuple[int, ...], ...] | None = None
        if inputs is not None:
            self.inputs = tuple(listed("inputs", row) for row in listed("inputs", inputs))
        self.cuts: NDArray[np.int64] = np.arange(number - 1) if self.inputs is None else self._cuts(self.inputs)

    def __len__(self) -> int:
        """Return the number of layers."""
        return len(self.names)

    def row(self, what: str, device: str) -> NDArray[np.float64] | None:
        """Return "seconds" or "joules" of the layers on a device; None if they are not given."""
        values = self.seconds if what == "seconds" else self.joules
        if not isinstance(values, dict):
            return values
        if device not in values:
            raise ValueError(f"`{what}` must have every device, got none for `{device}`")
        return values[device]

    def _rows(
        self, argument: str, values: ArrayLike | Mapping[str, ArrayLike]
    ) -> NDArray[np.float64] | dict[str, NDArray[np.float64]]:
        if not isinstance(values, Mapping):
            return self._floats(argument, values, "")
        if not values:
            raise ValueError(f"`{argument}` must have at least one device, got none")
        return {str(name): self._floats(argument, row, f" on `{name}`") for name, row in values.items()}

    def _floats(self, argument: str, values: ArrayLike, where: str) -> NDArray[np.float64]:
        try:
            given = np.asarray(values)
        except ValueError:
            expected = f"`{argument}` must have shape ({len(self.names)},)"
            raise ShapeError(f"{expected}, got rows of several lengths{where}") from None
        if given.dtype.kind not in "iuf":
            raise DtypeError(f"`{argument}` must hold numbers, got {given.dtype}{where}")
        if given.shape != (len(self.names),):
            raise ShapeError(f"`{argument}` must have shape ({len(self.names)},), got {given.shape}{where}")
        array = np.array(given, dtype=np.float64)
        wrong = np.flatnonzero(~((array >= 0) & (array <= MOST_SECONDS)))
        if wrong.size:
            row = int(wrong[0])
            raise ValueError(
                f"`{argument}` must be finite, not negative and at most {MOST_SECONDS:g}, "
                f"got {array[row]:g} for layer {row} (`{self.names[row]}`){where}"
            )
        return array

    def _cuts(self, inputs: tuple[tuple[int, ...], ...]) -> NDArray[np.int64]:
        """Return the layers behind which only their own output passes, or say where the graph is broken."""
        number = len(self.names)
        if len(inputs) != number:
            raise ShapeError(f"`inputs` must have {number} entries, one per layer, got {len(inputs)}")
        reach = np.zeros(number, dtype=np.int64)
        for layer, sources in enumerate(inputs):
            if bool(sources) != (layer > 0):
                what = "layers before it" if layer else "nothing, as the first layer"
                raise ValueError(
                    f"`inputs` of layer {layer} (`{self.names[layer]}`) must be {what}, got {shown(list(sources))}\n"
                    "hint: a graph that is not connected cannot be split into stages; list layers in their order"
                )
            for source in sources:
                whole = isinstance(source, int | np.integer) and not isinstance(source, bool)
                if not whole or not 0 <= source < layer:
                    raise ValueError(
                        f"`inputs` of layer {layer} (`{self.names[layer]}`) must be numbers of layers before it, "
                        f"got {shown(source)}"
                    )
                reach[source] = layer
        unused = np.flatnonzero(reach[:-1] == 0)
        if unused.size:
            layer = int(unused[0])
            raise ValueError(
                f"`inputs` must use the output of every layer but the last, got none that takes layer {layer} "
                f"(`{self.names[layer]}`)\nhint: a graph that is not connected cannot be split into stages"
            )
        before = np.concatenate([[0], np.maximum.accumulate(reach)[:-1]])
        return np.flatnonzero(before[:-1] <= np.arange(number - 1))


def _bytes(argument: str, values: ArrayLike, length: int | None) -> NDArray[np.int64]:
    made: NDArray[np.int64] = integer_array(argument, values, np.int64, 0, MOST_BYTES, length).copy()
    return made
