"""The weights of a checkpoint one at a time: read, checked, quantized, measured.

Nothing of a weight is kept for the next one but its largest magnitude.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import DataError
from paretoserve.quant._formats import block_format
from paretoserve.quant._qtensor import QTensor
from paretoserve.quant.analysis import energies
from paretoserve.quant.checkpoint.files import Entry, TensorFile
from paretoserve.quant.checkpoint.select import scale_group
from paretoserve.quant.checkpoint.target import Target, columns_of
from paretoserve.quant.quantize import dequantize, quantize

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Options", "Weights"]

# Elements that are dequantized at once to measure the error.
PIECE = 4 << 20
# Largest finite magnitude by its bits: what is above is infinity or NaN.
_UNSIGNED = {"F32": (np.uint32, 0x7F7FFFFF), "F16": (np.uint16, 0x7BFF), "BF16": (np.uint16, 0x7F7F)}


@dataclass(frozen=True, slots=True)
class Options:
    """How weights are quantized, whatever their format.

    Attributes
    ----------
    group : int
        Columns of a group of integers; -1 for rows.
    scale : str or None
        Rule of power-of-two scales; None for the default.
    threads : int or None
    """

    group: int
    scale: str | None
    threads: int | None


class Weights:
    """The weights to be quantized.

    Parameters
    ----------
    shards : iterable of TensorFile
    names : iterable of str
        Tensors to be quantized.
    target : Target
    options : Options
    """

    def __init__(self, shards: Iterable[TensorFile], names: Iterable[str], target: Target, options: Options) -> None:
        wanted = set(names)
        self.places = {
            name: (shard, each) for shard in shards for name, each in shard.entries.items() if name in wanted
        }
        self._target, self._options = target, options
        self._fused: dict[str, list[str]] = defaultdict(list)
        for name in self.places:
            self._fused[scale_group(name)].append(name)
        self._amax: dict[str, float] = {}

    def matrix(self, name: str) -> NDArray[Any]:
        """Return a weight as rows and columns, in its dtype."""
        shard, entry = self.places[name]
        rows, columns = columns_of(self._target, entry)
        if not self._target.experts:
            return _typed(shard.load(entry), entry.dtype).reshape(rows, columns)
        # One expert at a time, or there would be two copies of the largest tensor at once.
        size = entry.nbytes // entry.shape[0]
        matrix = np.empty((rows, columns), dtype=_typed(np.empty(0, np.uint8), entry.dtype).dtype)
        height = entry.shape[2]
        for expert in range(entry.shape[0]):
            values = _typed(shard.load(entry, expert * size, size), entry.dtype).reshape(columns, height)
            matrix[expert * height : (expert + 1) * height] = values.T
        return matrix

    def amax(self, name: str, matrix: NDArray[Any] | None = None) -> float:
        """Return the largest magnitude of a weight and of those fused with it.

        Raises
        ------
        DataError
            If a weight holds NaN or infinity.
        """
        for each in self._fused[scale_group(name)]:
            if each not in self._amax:
                values = matrix if each == name and matrix is not None else self.matrix(each)
                self._amax[each] = _amax(values, *self.places[each])
        return max(self._amax[each] for each in self._fused[scale_group(name)])

    def quantized(self, name: str, fmt: str, matrix: NDArray[Any]) -> QTensor:
        """Return a weight, read before, in a format."""
        family, options = block_format(fmt).family, self._options
        chosen: dict[str, Any] = {"threads": options.threads}
        if family == "mx" and options.scale is not None:
            chosen["scale"] = options.scale
        if family == "nv":
            chosen["amax"] = self.amax(name, matrix)
        if fmt.startswith("int4"):
            names = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
            chosen |= {"group": options.group, "scale_dtype": names[self.places[name][1].dtype]}
        return quantize(matrix, fmt, **chosen)

    def energies(self, matrix: NDArray[Any], q: QTensor) -> tuple[float, float]:
        """Return the energy of a weight and that of its error, some rows at a time."""
        rows = max(1, PIECE // max(matrix.shape[1], 1))
        rows += -rows % q.meta.block[0]
        signal = noise = 0.0
        for start in range(0, len(matrix), rows):
            part = _rows_of(q, start, min(start + rows, len(matrix)))
            x = matrix[start : start + rows]
            found = energies(x, dequantize(part, threads=self._options.threads), self._options.threads)
            signal, noise = signal + found[0], noise + found[1]
        return signal, noise


def _typed(data: NDArray[np.uint8], dtype: str) -> NDArray[Any]:
    if dtype == "BF16":
        try:
            import ml_dtypes
        except ModuleNotFoundError:
            message = (
                "bfloat16 weights need `ml_dtypes`, which is not installed\nhint: pip install 'paretoserve[quant]'"
            )
            raise ModuleNotFoundError(message, name="ml_dtypes") from None
        return data.view(ml_dtypes.bfloat16)
    return data.view({"F32": "<f4", "F16": "<f2"}[dtype])


def _amax(matrix: NDArray[Any], shard: TensorFile, entry: Entry) -> float:
    unsigned: Any
    unsigned, most = _UNSIGNED[entry.dtype]
    magnitude = np.zeros(1, dtype=unsigned)
    ones = unsigned(np.iinfo(unsigned).max // 2)
    bits = matrix.reshape(-1).view(unsigned)
    for start in range(0, len(bits), PIECE):
        piece = bits[start : start + PIECE] & ones
        magnitude[0] = max(magnitude[0], piece.max())
        if magnitude[0] > most:
            place = start + int((piece > most).argmax())
            value = float(matrix.reshape(-1)[place])
            raise DataError(f"`{shard.path}` has {value} in tensor `{entry.name}`, at row and column "
                            f"{tuple(int(each) for each in np.unravel_index(place, matrix.shape))}\n"
                            "hint: --exclude leaves a tensor as it is")  # fmt: skip
    return float(_typed(magnitude.view(np.uint8), entry.dtype)[0])


def _rows_of(q: QTensor, start: int, stop: int) -> QTensor:
    height = q.meta.block[0]
    blocks = slice(start // height, -(-stop // height))
    return replace(
        q,
        codes=q.codes[start:stop],
        scales=q.scales[blocks],
        zeros=None if q.zeros is None else q.zeros[blocks],
        meta=replace(q.meta, shape=(stop - start, q.meta.shape[1])),
    )
