"""NV formats: 16 numbers share a small float, the tensor one more. The rules are in ``rust/core/src/quant/block``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve import _native
from paretoserve._integers import shown
from paretoserve.errors import ShapeError
from paretoserve.quant._call import Call, check_choice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve.quant._call import Parts

__all__ = ["OPTIONS", "dequantize", "global_arguments", "parts", "quantize"]

OPTIONS = frozenset({"scale", "rounding", "seed", "nan", "amax", "global_scale", "four_over_six", "rows"})

SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)
# Both formats of block scales have three mantissa bits.
SMALLEST_NORMAL_CODE = 8


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
    if scale is not None:
        _refuse_encoding_scale(parts["scales"], x, scale)


def _refuse_encoding_scale(scales: NDArray[Any], x: NDArray[Any], scale: float) -> None:
    """Refuse a scale under which no block has a normal scale, such as 2688 / amax: hardly a number would survive."""
    if scales.size == 0 or scales.max() >= SMALLEST_NORMAL_CODE:
        return
    # Zeros of the wide floats are the only bits that are nothing but a sign.
    magnitudes = x.view(np.uint32) & 0x7FFFFFFF if x.itemsize == 4 else x & 0x7FFF
    if magnitudes.any():
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
