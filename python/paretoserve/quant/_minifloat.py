"""Floats of 5 and 6 bits with a float scale per row. Rules: ``rust/core/src/quant/block/minifloat.rs``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paretoserve import _native
from paretoserve.quant._call import Call, check_choice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve.quant._call import Parts

__all__ = ["OPTIONS", "dequantize", "parts", "quantize"]

OPTIONS = frozenset({"scale", "rounding", "seed", "nan", "group", "scale_dtype"})

SCALE_DTYPES = ("float32", "float16", "bfloat16")


def parts(call: Call, shape: tuple[int, ...]) -> Parts:
    """Return shape and dtype of codes and scales."""
    check_choice("scale", call.scale or "amax", ("amax",))
    check_choice("scale_dtype", _scale_dtype(call), SCALE_DTYPES)
    *lead, columns = shape
    return {
        "codes": ((*lead, -(-columns * call.fmt.bits // 8)), "uint8"),
        "scales": ((*lead, columns // call.block[1]), _scale_dtype(call)),
    }


def quantize(parts: dict[str, NDArray[Any]], x: NDArray[Any], dtype: str, call: Call) -> None:
    """Fill codes and scales from `x`."""
    if x.size == 0:
        return
    _native.quant_minifloat_quantize(
        parts["codes"],
        parts["scales"],
        x,
        (dtype, _scale_dtype(call)),
        call.fmt.element,
        call.block[1],
        (call.columns, call.logical_columns),
        (call.rounding, call.seed, call.nan),
        call.threads,
    )


def dequantize(out: NDArray[Any], dtype: str, parts: dict[str, NDArray[Any]], call: Call) -> None:
    """Fill `out` with code * scale."""
    if out.size == 0:
        return
    _native.quant_minifloat_dequantize(
        out,
        parts["codes"],
        parts["scales"],
        (dtype, _scale_dtype(call)),
        call.fmt.element,
        call.block[1],
        call.columns,
        call.threads,
    )


def _scale_dtype(call: Call) -> str:
    return call.scale_dtype or call.fmt.scale
