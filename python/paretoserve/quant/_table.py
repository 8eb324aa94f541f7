"""NF4: indices into a table, scaled by a block's largest magnitude. Rules: ``rust/core/src/quant/block/table.rs``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paretoserve import _native
from paretoserve.quant._call import Call, check_choice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve.quant._call import Parts

__all__ = ["OPTIONS", "dequantize", "parts", "quantize"]

OPTIONS = frozenset({"scale", "rounding", "seed", "nan", "group"})


def parts(call: Call, shape: tuple[int, ...]) -> Parts:
    """Return shape and dtype of codes and scales."""
    check_choice("scale", call.scale or "amax", ("amax",))
    if call.rounding == "half_away":
        raise ValueError(
            "`rounding` must be rne or stochastic for nf4, got half_away\nhint: a tie takes the lower entry"
        )
    *lead, columns = shape
    return {
        "codes": ((*lead, -(-columns // 2)), "uint8"),
        "scales": ((*lead, columns // call.block[1]), "float32"),
    }


def quantize(parts: dict[str, NDArray[Any]], x: NDArray[Any], dtype: str, call: Call) -> None:
    """Fill codes and scales from `x`."""
    if x.size == 0:
        return
    _native.quant_scaled_quantize(
        parts["codes"],
        parts["scales"],
        x,
        dtype,
        None,
        call.block[1],
        (call.columns, call.logical_columns),
        (call.rounding, call.seed, call.nan),
        call.threads,
    )


def dequantize(out: NDArray[Any], dtype: str, parts: dict[str, NDArray[Any]], call: Call) -> None:
    """Fill `out` with table entries times scales."""
    if out.size == 0:
        return
    _native.quant_scaled_dequantize(
        out, dtype, parts["codes"], parts["scales"], None, call.block[1], call.columns, call.threads
    )
