"""Integers in groups with a float scale, and perhaps a zero point. Rules: ``rust/core/src/quant/block/group.rs``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paretoserve import _native
from paretoserve.quant._call import Call, check_choice
from paretoserve.quant.quest import CLIPS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve.quant._call import Parts

__all__ = ["OPTIONS", "dequantize", "parts", "quantize"]

OPTIONS = frozenset({"scale", "rounding", "seed", "nan", "group", "scale_dtype"})

SCALES = ("amax", "full", "quest")
SCALE_DTYPES = ("float32", "float16", "bfloat16")


def parts(call: Call, shape: tuple[int, ...]) -> Parts:
    """Return shape and dtype of codes, scales and zero points."""
    check_choice("scale", call.scale or "amax", SCALES[:1] if call.fmt.has_zeros else SCALES)
    check_choice("scale_dtype", _scale_dtype(call), SCALE_DTYPES)
    *lead, columns = shape
    found: Parts = {
        "codes": ((*lead, -(-columns * call.fmt.bits // 8)), "uint8"),
        "scales": ((*lead, columns // call.block[1]), _scale_dtype(call)),
    }
    if call.fmt.has_zeros:
        found["zeros"] = (found["scales"][0], "uint8")
    return found


def quantize(parts: dict[str, NDArray[Any]], x: NDArray[Any], dtype: str, call: Call) -> None:
    """Fill codes, scales and zero points from `x`."""
    if x.size == 0:
        return
    _native.quant_group_quantize(
        parts["codes"],
        parts["scales"],
        parts.get("zeros"),
        x,
        dtype,
        _scale_dtype(call),
        _kind(call),
        call.block[1],
        (call.columns, call.logical_columns),
        (call.rounding, call.seed, call.nan),
        call.threads,
    )


def dequantize(out: NDArray[Any], dtype: str, parts: dict[str, NDArray[Any]], call: Call) -> None:
    """Fill `out` with (code - zero) * scale."""
    if out.size == 0:
        return
    _native.quant_group_dequantize(
        out,
        parts["codes"],
        parts["scales"],
        parts.get("zeros"),
        dtype,
        _scale_dtype(call),
        _kind(call),
        call.block[1],
        call.columns,
        call.threads,
    )


def _scale_dtype(call: Call) -> str:
    return call.scale_dtype or call.fmt.scale


def _kind(call: Call) -> tuple[int, bool, str, float]:
    return call.fmt.bits, call.fmt.has_zeros, call.scale or "amax", CLIPS[call.fmt.bits]
