"""NV formats: 16 numbers share a small float, the tensor one more. The rules are in ``rust/core/src/quant/block``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve import _native
from paretoserve._arrays import widened
from paretoserve._integers import shown
from paretoserve.errors import ShapeError
from paretoserve.quant._call import Call, check_choice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve.quant._call import Parts

__all__ = ["OPTIONS", "dequantize", "global_arguments", "parts", "quantize"]

OPTIONS = frozenset({"scale", "rounding", "seed", "nan", "amax", "global_scale", "four_over_six", "rows"})

SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)
# Numbers that are looked at together.
SCANNED = 1 << 14


def parts(call: Call, shape: tuple[int, ...]) -> Parts:
    """Return shape and dtype of codes, scales and the tensor's scale."""
    check_choice("scale", call.scale, (None, "amax"))
    check_choice("four_over_six", call.four_over_six, (None, "mse", "mae", "absmax"))
    if call.four_over_six is not None and call.fmt.name != "nvfp4":
        raise ValueError(f"`four_over_six` applies to nvfp4 only, got {call.fmt.name}")
    check_choice("rows", call.rows, (1, 16))
    if call.rows > 1 and call.four_over_six is not None:
        raise ValueError("`four_over_six` chooses per row, got rows=16, where scales are shared\nhint: take rows=1")
    if call.amax is not None and call.global_scale is not None:
        raise ValueError("`amax` and `global_scale` both say what the tensor's scale is\nhint: give one of them")
    *lead, columns = shape
    return {
        "codes": ((*lead, columns // 2), "uint8"),
        "scales": ((*lead, columns // call.block[1]), "uint8"),
        "global_scale": ((), "float32"),
    }


def global_arguments(call: Call) -> tuple[float | None, float | None]:
    """Return `amax` and `global_scale` as numbers, checked.

    A scale that is 0 or subnormal has no float32 reciprocal, so it is refused; an `amax` may be 0.
    """
    amax, scale = _number("amax", call.amax), _number("global_scale", call.global_scale)
    if amax is not None and not 0 <= amax < np.inf:
        raise ValueError(f"`amax` must be 0 or more and finite, got {amax}")
    if scale is not None and not SMALLEST_NORMAL <= scale < np.inf:
        hint = (
            "\nhint: it is the scale that decodes, amax / 2688 for nvfp4; what compressed-tensors stores is its inverse"
        )
        raise ValueError(f"`global_scale` must be a normal float32 above 0, got {scale}{hint}")
    return amax, scale


def quantize(parts: dict[str, NDArray[Any]], x: NDArray[Any], dtype: str, call: Call) -> None:
    """Fill codes, scales and the tensor's scale from `x`."""
    amax, scale = global_arguments(call)
    if scale is not None:
        _refuse_encoding_scale(x, dtype, scale, call)
    parts["global_scale"][...] = _native.quant_nv_quantize(
        parts["codes"],
        parts["scales"],
        x,
        dtype,
        call.fmt.name,
        amax,
        scale,
        call.four_over_six,
        x.shape[1] if call.rows > 1 else None,
        (call.columns, call.logical_columns),
        (call.rounding, call.seed, call.nan),
        call.threads,
    )


def _refuse_encoding_scale(x: NDArray[Any], dtype: str, scale: float, call: Call) -> None:
    """Refuse a scale under which no block has a normal scale, such as 2688 / amax: hardly a number would survive.

    Looks no further than the first number that is large enough, most often in the first few thousand.
    """
    # What rounds to a scale of eight steps, the first that is normal: both formats have three mantissa bits.
    step = 2.0**-17 if call.fmt.scale == "ue5m3" else 2.0**-9
    least = 7.5 * step * (7 if call.fmt.element == "int4" else 4 if call.four_over_six else 6)
    bits: NDArray[np.unsignedinteger[Any]] = x.reshape(-1).view(np.uint32 if x.itemsize == 4 else np.uint16)
    seen = False
    for start in range(0, bits.size, SCANNED):
        part = bits[start : start + SCANNED] & (0x7FFFFFFF if x.itemsize == 4 else 0x7FFF)
        largest = float(widened(part.max(keepdims=True).view(x.dtype), dtype)[0])
        # What is not finite is for the policy that was asked for.
        if not largest / scale < least:
            return
        seen |= largest > 0
    if seen:
        raise ValueError(
            f"`global_scale` must be the scale that decodes, amax / 2688 for nvfp4, got {scale}: all blocks would have "
            "subnormal scales\nhint: what compressed-tensors stores, 2688 / amax, is its inverse"
        )


def dequantize(out: NDArray[Any], dtype: str, parts: dict[str, NDArray[Any]], call: Call) -> None:
    """Fill `out` with the numbers of the blocks."""
    _native.quant_nv_dequantize(
        out,
        dtype,
        parts["codes"],
        parts["scales"],
        float(parts["global_scale"]),
        call.fmt.name,
        call.columns,
        call.threads,
    )


def _number(argument: str, value: Any) -> float | None:
    """Return a number or an array of one as float32 in a float; None stays None."""
    if value is None:
        return None
    shape = tuple(getattr(value, "shape", ()))
    if shape not in ((), (1,)):
        raise ShapeError(f"`{argument}` must be a number or have shape (), got {shape}")
    try:
        with np.errstate(over="ignore"):
            return float(np.float32(float(value.reshape(()) if shape else value)))
    except (TypeError, ValueError) as error:
        raise ValueError(f"`{argument}` must be a number, got {shown(value)}") from error
