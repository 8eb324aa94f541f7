"""What a conversion tells about itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paretoserve.quant.layout._layout import Log

__all__ = ["ConvertReport", "report"]


@dataclass(frozen=True, slots=True)
class ConvertReport:
    """What a conversion kept.

    Attributes
    ----------
    exact : bool
        Whether every weight is the same number as before.
    blocks_lossy : int
        How many blocks have other codes or scales than an exact conversion would have given them.
    max_abs_err : float
        Largest difference between a weight before and after, at most.
    notes : tuple of str
        What else to know: what changed, what was dropped, what the engine must be told.
    """

    exact: bool
    blocks_lossy: int
    max_abs_err: float
    notes: tuple[str, ...]


def report(log: Log) -> ConvertReport:
    """Return what `log` collected."""
    return ConvertReport(log.exact, log.blocks_lossy, float(log.max_abs_err), tuple(log.notes))
