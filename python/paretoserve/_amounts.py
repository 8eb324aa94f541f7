"""Numbers as people write them, with a unit of time where a column is in seconds: 40ms, 1s, 0.04."""

from __future__ import annotations

import re
from decimal import Decimal

__all__ = ["is_seconds", "written_amount"]

_SECONDS = {"": Decimal(1), "s": Decimal(1), "ms": Decimal("1e-3"), "us": Decimal("1e-6"), "min": Decimal(60)}
_AMOUNT = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z]*)\s*")


def is_seconds(name: str) -> bool:
    """Tell whether a column is in seconds by its name: ``ttft_p99_s`` is, ``tokens_per_s`` is not."""
    return name.endswith("_s") and not name.endswith("_per_s")


def written_amount(text: str, *, timed: bool) -> float | None:
    """Return the number that `text` states, in seconds if `timed`; None if it is none or has a unit that does not fit.

    It is the float64 nearest to what is written, so that 8.2ms is the 0.0082 of a table: the product with 1e-3 is not.
    """
    match = _AMOUNT.fullmatch(text)
    if match is None or match[2] not in (_SECONDS if timed else ("",)):
        return None
    return float(Decimal(match[1]) * _SECONDS[match[2]])
