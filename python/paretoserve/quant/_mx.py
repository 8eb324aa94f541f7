"""MX formats: 32 numbers share a power of two. The rules are in ``rust/core/src/quant/block``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paretoserve import _native
from paretoserve.quant._call import Call, check_choice
from paretoserve.quant.quest import quest_ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve.quant._call import Parts

__all__ = ["OPTIONS", "dequantize", "parts", "quantize"]

OPTIONS = frozenset({"scale", "rounding", "seed", "nan", "rule"})

SCALES = ("rceil", "floor", "ceil", "even")
# Peers whose elements differ from ours, with the rule of their scales.
PEERS = {"modelopt": "rceil", "ggml": "floor"}
QUEST = ("quest", "quest_floor", "quest_ceil")


def parts(call: Call, shape: tuple[int, ...]) -> Parts:
    """Return shape and dtype of codes and scales."""
    check_choice("scale", call.scale or "rceil", SCALES + (QUEST if quest_ratio(call.fmt) else ()))
    check_choice("rule", call.rule, ("paretoserve", *PEERS))
    if call.rule in PEERS and (call.fmt.name, call.rounding) != ("mxfp4", "rne"):
        raise ValueError(
            f"`rule` {call.rule!r} is one of mxfp4 rounded to nearest, got {call.fmt.name}, {call.rounding}"
        )
    if call.rule in PEERS and call.scale not in (None, PEERS[call.rule]):
        raise ValueError(f"`scale` must be {PEERS[call.rule]} or left out under rule {call.rule!r}, got {call.scale}")
    *lead, columns = shape
    return {
        "codes": ((*lead, columns * call.fmt.bits // 8), "uint8"),
        "scales": ((*lead, columns // call.block[1]), "uint8"),
    }


def quantize(parts: dict[str, NDArray[Any]], x: NDArray[Any], dtype: str, call: Call) -> None:
    """Fill codes and scales from `x`."""
    ratio = quest_ratio(call.fmt)
    if call.scale in QUEST and ratio is not None:
        _native.quant_mx_quest(
            parts["codes"],
            parts["scales"],
            x,
            dtype,
            call.fmt.element,
            (call.scale, ratio),
            (call.columns, call.logical_columns),
            (call.rounding, call.seed, call.nan),
            call.threads,
        )
        return
    _native.quant_mx_quantize(
        parts["codes"],
        parts["scales"],
        x,
        dtype,
        call.fmt.element,
        PEERS.get(call.rule, call.scale or "rceil"),
        call.rule if call.rule in PEERS else None,
        (call.columns, call.logical_columns),
        (call.rounding, call.seed, call.nan),
        call.threads,
    )


def dequantize(out: NDArray[Any], dtype: str, parts: dict[str, NDArray[Any]], call: Call) -> None:
    """Fill `out` with the numbers of the blocks."""
    _native.quant_mx_dequantize(
        out, dtype, parts["codes"], parts["scales"], call.fmt.element, call.columns, call.threads
    )
