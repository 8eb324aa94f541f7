"""What goes into a step time and what it answers: links, operator times, utilization."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Link", "OperatorTime", "Utilization"]


@dataclass(frozen=True)
class OperatorTime:
    """The part of a step's time that one operator takes.

    Parameters
    ----------
    operator : str
        Its name.
    seconds : float
        All its runs in the step. Negative for "both in one batch" where prefill and decode share the GPU well.
    provenance : {"measured", "interpolated", "fitted", "transferred"}
        How it was obtained: a measured row; between measured rows; a fitted or analytic form outside them; from another
        format or GPU, or from no measurement at all.
    """

    operator: str
    seconds: float
    provenance: str


@dataclass(frozen=True)
class Link:
    """A link between GPUs, for collectives that no table covers.

    Parameters
    ----------
    latency_s : float
        Seconds of a collective of no bytes.
    bandwidth : float
        Bytes per second in one direction. Measure it: a data-sheet number made a run 17 % too fast.
    """

    latency_s: float
    bandwidth: float


@dataclass(frozen=True)
class Utilization:
    """Shares of the peak rates that a step uses.

    Parameters
    ----------
    mfu, mbu : float
        Operations per second over the peak of the weight format, bytes per second over the memory bandwidth.
    """

    mfu: float
    mbu: float

    @property
    def possible(self) -> bool:
        """Whether both are at most 1; a prediction beyond is wrong."""
        return self.mfu <= 1.0 and self.mbu <= 1.0
