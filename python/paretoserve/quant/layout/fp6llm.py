"""FP6-LLM, also "Quant-LLM" in torchao: FP6 split into planes of 2 and 4 bits, FP5 into 1 and 4, in tensor core order.

A tile of 64 outputs and 16 inputs belongs to 32 threads: thread 4 r + c holds rows r and r + 8 of every 16, and of
those columns 2 c, 2 c + 1 and the two 8 further. What it holds of a plane are whole 32-bit words, their fields
interleaved for the kernel's masks. Words of the threads alternate; planes follow each other, the topmost first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.quant._qtensor import QMeta, QTensor
from paretoserve.quant.layout._integers import SCALE_DTYPES, check_scales
from paretoserve.quant.layout._layout import Layout, Log, Setting, Tensor
from paretoserve.quant.pack import pack_bits, unpack_bits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve.quant.layout._layout import Tensors

__all__ = ["LAYOUTS"]

FORMATS = {6: "fp6_row", 5: "fp5_row"}
# Widths of the planes, from the top bits of a code down.
PLANES = {6: (2, 4), 5: (1, 4)}
THREADS = 32

BITS = Setting("bits", "bits of a code, 6 for e3m2 or 5 for e2m2", 6, (6, 5))


def _fields(width: int) -> NDArray[np.intp]:
    """Return which of a thread's codes is in each field of a word, lowest field first."""
    steps = 4 * np.arange(8 // width)
    return np.concatenate([steps + start for start in (1, 3, 0, 2)])[::-1]


def _read(tensors: Tensors, log: Log, *, bits: int) -> QTensor:
    data = np.ascontiguousarray(tensors["packed_floatx_data"]).view(np.uint8)
    scale = tensors["scale"]
    rows, row_bytes = data.shape
    if rows % 64 or row_bytes % (8 * bits):
        raise ShapeError(
            f"`packed_floatx_data` must have a multiple of 64 rows of {8 * bits} bytes for {bits} bits, "
            f"got {rows} rows of {row_bytes} bytes\nhint: `bits` says how wide codes are"
        )
    if scale.shape != (rows,):
        raise ShapeError(f"`scale` must have shape ({rows},) beside this `packed_floatx_data`, got {scale.shape}")
    check_scales(scale, "scale")
    columns = row_bytes * 8 // bits
    codes, flat, left, start = np.zeros((rows, columns), np.uint8), data.reshape(-1), bits, 0
    for width in PLANES[bits]:
        left -= width
        plane = flat[start : start + codes.size * width // 8]
        codes |= _gathered(plane, width, rows, columns) << np.uint8(left)
        start += plane.size
    came = scale.dtype.name
    block, dtype = (1, max(columns, 1)), None if came == "float16" else came
    meta = QMeta(FORMATS[bits], (rows, columns), 1, block, "unknown", scale_dtype=dtype)
    return QTensor(np.asarray(pack_bits(codes, bits)), np.ascontiguousarray(scale).reshape(rows, 1), None, None, meta)


def _write(q: QTensor, log: Log) -> Tensors:
    bits = next(bits for bits, fmt in FORMATS.items() if fmt == q.meta.fmt)
    if len(q.shape) != 2 or q.shape[0] % 64 or q.shape[1] % 64:
        raise ShapeError(f"`q` must be a matrix with multiples of 64 rows and columns for fp6llm, got {q.shape}")
    rows, columns = q.shape
    if columns and q.meta.block != (1, columns):
        raise ShapeError(f"`q` must have one scale per row of {columns} for fp6llm, got blocks of {q.meta.block[1]}")
    if rows % 256:
        log.note("the kernel of FP6-LLM takes multiples of 256 rows")
    codes = np.asarray(unpack_bits(np.asarray(q.codes), bits, columns))
    planes, left = [], bits
    for width in PLANES[bits]:
        left -= width
        planes.append(_scattered((codes >> np.uint8(left)) & np.uint8((1 << width) - 1), width))
    packed = np.concatenate(planes).reshape(rows, columns * bits // 8)
    return {"packed_floatx_data": packed, "scale": np.ascontiguousarray(q.scales).reshape(-1)[:rows]}


def _scattered(codes: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Return the bytes of a plane of `width` bits."""
    rows, columns = codes.shape
    # Axes: tile, 16 rows, 8 of them, row, tile, 8 columns, pair of columns, column.
    tiles = codes.reshape(rows // 64, 4, 2, 8, columns // 16, 2, 4, 2).transpose(0, 4, 1, 5, 2, 7, 3, 6)
    by_word = np.ascontiguousarray(tiles).reshape(-1, 32 // width, THREADS)
    words = by_word[:, _fields(width)].transpose(0, 2, 1)
    return np.asarray(pack_bits(np.ascontiguousarray(words).reshape(-1, 32 // width), width)).reshape(-1)


def _gathered(plane: NDArray[np.uint8], width: int, rows: int, columns: int) -> NDArray[np.uint8]:
    """Return the codes of a plane: the inverse of `_scattered`."""
    words: NDArray[Any] = np.asarray(unpack_bits(plane.reshape(-1, 4), width, 32 // width))
    by_word = np.empty((words.shape[0] // THREADS, 32 // width, THREADS), np.uint8)
    by_word[:, _fields(width)] = words.reshape(-1, THREADS, 32 // width).transpose(0, 2, 1)
    tiles = by_word.reshape(rows // 64, columns // 16, 4, 2, 2, 2, 8, 4)
    return np.ascontiguousarray(tiles.transpose(0, 2, 4, 6, 1, 3, 7, 5)).reshape(rows, columns)


LAYOUTS = (
    Layout(
        "fp6llm",
        "FP6-LLM and torchao's Quant-LLM: FP6 (e3m2) or FP5 (e2m2), one scale per row",
        tuple(FORMATS.values()),
        (Tensor("packed_floatx_data", ("uint8", "int32"), 2), Tensor("scale", SCALE_DTYPES, 1)),
        _read,
        _write,
        read_settings=(BITS,),
    ),
)
