"""MX formats: 32 numbers share a power of two. The rules are in ``rust/core/src/quant/block``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paretoserve import _native
from paretoserve.quant._call import Call, check_choice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve.quant._call import Parts

__all__ = ["OPTIONS", "dequantize", "parts", "quantize"]

OPTIONS = frozenset({"scale", "rounding", "seed", "nan"})

SCALES = ("rceil", "floor", "ceil", "even")


def parts(call: Call, shape: tuple[int, ...]) -> Parts:
    """Return shape and dtype of codes and scales."""
    check_choice("scale", call.scale or "rceil", SCALES)
    *lead, columns = shape
    return {
        "codes": ((*lead, columns * call.fmt.bits // 8), "uint8"),
        "scales": ((*lead, columns // call.block[1]), "uint8"),
    }


def quantize(parts: dict[str, NDArray[Any]], x: NDArray[Any], dtype: str, call: Call) -> None:
    """Fill codes and scales from `x`."""
    _native.quant_mx_quantize(
        parts["codes"],
        parts["scales"],
        x,
        dtype,
        call.fmt.element,
        call.scale or "rceil",
        (call.columns, call.logical_columns),
        (call.rounding, call.seed, call.nan),
        call.threads,
    )


def dequantize(out: NDArray[Any], dtype: str, parts: dict[str, NDArray[Any]], call: Call) -> None:
    """Fill `out` with the numbers of the blocks."""
    _native.quant_mx_dequantize(
        out, dtype, parts["codes"], parts["scales"], call.fmt.element, call.columns, call.threads
    )
