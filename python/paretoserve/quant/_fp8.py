"""FP8 with float32 scales per tile, run or row, as DeepSeek has it. Rules: ``rust/core/src/quant/block/fp8.rs``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paretoserve import _native
from paretoserve.quant._call import Call, check_choice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve.quant._call import Parts

__all__ = ["OPTIONS", "dequantize", "parts", "quantize"]

OPTIONS = frozenset({"scale", "rounding", "seed", "nan", "group"})

# A tile's row is encoded at once.
MOST_TILE_COLUMNS = 512


def parts(call: Call, shape: tuple[int, ...]) -> Parts:
    """Return shape and dtype of codes and scales: codes are not padded, and tiles at the edges are cut off."""
    check_choice("scale", call.scale or "amax", ("amax", "rceil"))
    rows, columns = call.block
    if rows > 1 and columns > MOST_TILE_COLUMNS:
        raise ValueError(f"`group` must be at most {MOST_TILE_COLUMNS} for {call.fmt.name}, got {columns}")
    *lead, length = shape
    across = -(-length // columns)
    if rows > 1 and lead:
        *batch, height = lead
        lead = [*batch, -(-height // rows)]
    return {"codes": (tuple(shape), "uint8"), "scales": ((*lead, across), "float32")}


def quantize(parts: dict[str, NDArray[Any]], x: NDArray[Any], dtype: str, call: Call) -> None:
    """Fill codes and scales from `x`."""
    if x.size == 0:
        return
    powers, how = call.scale == "rceil", (call.rounding, call.seed, call.nan)
    codes, scales = parts["codes"], parts["scales"]
    if call.block[0] > 1:
        _native.quant_tiles_quantize(
            codes, scales, x, dtype, powers, call.block, x.shape[1], call.columns, how, call.threads
        )
    else:
        columns = (call.columns, call.logical_columns)
        _native.quant_scaled_quantize(codes, scales, x, dtype, powers, call.block[1], columns, how, call.threads)


def dequantize(out: NDArray[Any], dtype: str, parts: dict[str, NDArray[Any]], call: Call) -> None:
    """Fill `out` with code * scale."""
    if out.size == 0:
        return
    codes, scales = parts["codes"], parts["scales"]
    if call.block[0] > 1:
        _native.quant_tiles_dequantize(out, dtype, codes, scales, call.block, out.shape[1], call.columns, call.threads)
    else:
        _native.quant_scaled_dequantize(out, dtype, codes, scales, False, call.block[1], call.columns, call.threads)
