"""NF4 of bitsandbytes: the first element in the HIGH nibble, rows flattened, shape and blocks in a JSON of its own.

Scales are float32 or, "double quantized", 8-bit codes of a table with an offset; those are read, and written as the
float32 numbers that they stand for.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve import _native
from paretoserve.errors import DataError, ShapeError
from paretoserve.quant._qtensor import QMeta, QTensor
from paretoserve.quant.layout._layout import Layout, Log, Setting, Tensor
from paretoserve.quant.layout._tables import NF4

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve.quant.layout._layout import Tensors

__all__ = ["LAYOUTS"]

_STATE = "weight.quant_state.bitsandbytes__nf4"
_BLOCKS = (32, 64, 128, 256, 512, 1024, 2048, 4096)


def _read(tensors: Tensors, log: Log) -> QTensor:
    state = _state(tensors[_STATE])
    (rows, columns), block = state["shape"], int(state["blocksize"])
    if columns % block:
        raise ShapeError(
            f"columns must be a multiple of the block of {block}, got {columns}: blocks of bitsandbytes run over the\n"
            "ends of rows, and those of a QTensor do not"
        )
    packed = tensors["weight"]
    if packed.size != rows * columns // 2:
        raise ShapeError(
            f"`weight` must have {rows * columns // 2} bytes for shape {(rows, columns)}, got {packed.shape}"
        )
    if "weight.quant_map" in tensors and not np.array_equal(tensors["weight.quant_map"], NF4):
        raise ValueError("`weight.quant_map` must be the table of NF4\nhint: other tables are no format of ours")
    codes = _swapped(np.ascontiguousarray(packed).reshape(rows, columns // 2))
    scales = _scales(tensors, state, rows * columns // block).reshape(rows, columns // block)
    meta = QMeta("nf4", (rows, columns), 1, (1, block), "amax")
    return QTensor(codes, scales, None, None, meta)


def _write(q: QTensor, log: Log, *, dtype: str) -> Tensors:
    if len(q.shape) != 2 or q.meta.block[0] != 1 or q.meta.block[1] not in _BLOCKS:
        raise ShapeError(f"bnb_nf4 holds a matrix in blocks of {_BLOCKS}, got shape {q.shape}, block {q.meta.block}")
    scales = np.asarray(q.scales).astype(np.float32)
    if not np.isfinite(scales).all():
        raise ValueError(f"`q.scales` must be finite, got {scales[~np.isfinite(scales)][0]}")
    state = {"quant_type": "nf4", "blocksize": q.meta.block[1], "dtype": dtype, "shape": list(q.shape)}
    return {
        "weight": _swapped(np.ascontiguousarray(q.codes)).reshape(-1, 1),
        "weight.absmax": scales.reshape(-1),
        "weight.quant_map": NF4.copy(),
        _STATE: np.frombuffer(json.dumps(state).encode(), np.uint8).copy(),
    }


def _swapped(codes: NDArray[Any]) -> NDArray[Any]:
    out = np.empty_like(codes)
    _native.quant_swap_nibbles(out, codes, None)
    return out


def _state(tensor: NDArray[Any]) -> dict[str, Any]:
    """Return the JSON that bitsandbytes keeps in a tensor of bytes, checked."""
    try:
        state: dict[str, Any] = json.loads(tensor.tobytes())
        rows, columns = (int(size) for size in state["shape"])
        block, kind = int(state["blocksize"]), str(state["quant_type"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"`{_STATE}` must be JSON with quant_type, blocksize and a shape of two: {error!r}") from error
    if kind != "nf4" or block not in _BLOCKS or rows < 1 or columns < 1:
        raise DataError(f"`{_STATE}` must be of nf4 in blocks of {_BLOCKS}, got {kind}, {block}, {(rows, columns)}")
    return state | {"shape": (rows, columns), "blocksize": block}


def _scales(tensors: Tensors, state: dict[str, Any], count: int) -> NDArray[np.float32]:
    stored = tensors["weight.absmax"]
    if stored.size != count:
        raise ShapeError(f"`weight.absmax` must have {count} scales for shape {state['shape']}, got {stored.size}")
    if stored.dtype != np.uint8:
        scales = stored.reshape(-1)
    else:
        nested, table = tensors.get("weight.nested_absmax"), tensors.get("weight.nested_quant_map")
        size, offset = int(state.get("nested_blocksize", 256)), np.float32(state.get("nested_offset", 0.0))
        if nested is None or table is None or table.size != 256 or size < 1 or nested.size != -(-count // size):
            raise ShapeError(
                "`weight.absmax` of bytes needs `weight.nested_quant_map` of 256 numbers and\n"
                f"`weight.nested_absmax` of one per {size} scales"
            )
        scales = table[stored.reshape(-1)] * np.repeat(nested, size)[:count] + offset
    if not np.isfinite(scales).all():
        raise ValueError(f"`weight.absmax` must be finite, got {scales[~np.isfinite(scales)][0]}")
    return scales


LAYOUTS = (
    Layout(
        "bnb_nf4",
        "NF4 of bitsandbytes: transformers, PEFT",
        ("nf4",),
        (
            Tensor("weight", ("uint8",)),
            Tensor("weight.absmax", ("float32", "uint8")),
            Tensor("weight.quant_map", ("float32",), 1, optional=True),
            Tensor("weight.nested_absmax", ("float32",), 1, optional=True),
            Tensor("weight.nested_quant_map", ("float32",), 1, optional=True),
            Tensor(_STATE, ("uint8",), 1),
        ),
        _read,
        _write,
        write_settings=(
            Setting("dtype", "dtype that the engine computes in", "bfloat16", ("bfloat16", "float16", "float32")),
        ),
    ),
)
