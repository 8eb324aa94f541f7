"""One machine and jobs of known size: queueing theory run through the scheduler that serves requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve import _native
from paretoserve._integers import BITS_63, integer_array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Jobs", "simulate_jobs"]

_MAX_SIZE = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Jobs:
    """When jobs completed.

    Attributes
    ----------
    completion : ndarray of int64, shape (n,)
        Time of completion, in the unit of the input.
    flow : ndarray of int64, shape (n,)
        Completion minus release.
    num_preemptions : int
        How often a job was interrupted.
    """

    completion: NDArray[np.int64]
    flow: NDArray[np.int64]
    num_preemptions: int

    def to_dict(self) -> dict[str, Any]:
        """Return the results as lists and numbers."""
        return {
            "completion": self.completion.tolist(),
            "flow": self.flow.tolist(),
            "num_preemptions": self.num_preemptions,
        }

    def explain(self) -> str:
        """Return one sentence about the run."""
        mean = f"mean flow {self.flow.mean():g}" if self.flow.size else "no flow"
        return f"{self.flow.size} jobs, {mean}, {self.num_preemptions} preemptions"


def simulate_jobs(
    release: ArrayLike,
    size: ArrayLike,
    *,
    policy: Literal["fcfs", "srpt"] = "srpt",
    fifo_share: float = 0.0,
    preempt: Literal["none", "slots"] = "slots",
) -> Jobs:
    """Run jobs of known size on one machine, one at a time, under a policy of `sched.Scheduler`.

    Preemption costs nothing and is considered at every arrival, so ``srpt`` with the defaults is the classical policy
    that minimizes the mean flow time (Schrage 1968).

    Parameters
    ----------
    release : array_like of int, shape (n,)
        When each job arrives, at least 0, in any order. Not modified.
    size : array_like of int, shape (n,)
        Work of each job in the same unit, 1 to 2**31 - 1; the machine does one unit of work per unit of time.
        Continuous sizes are scaled and rounded by the caller. Not modified.
    policy : {"srpt", "fcfs"}, default "srpt"
        ``fcfs`` never interrupts a job.
    fifo_share : float, default 0.0
        Share of the starts that go to the oldest job, 0 to 1.
    preempt : {"slots", "none"}, default "slots"
        Whether a shorter job interrupts the running one.

    Returns
    -------
    Jobs

    Raises
    ------
    ShapeError, DtypeError
        If the arrays are not two vectors of integers of one length.
    ValueError
        If a number is out of range or an option unknown.

    Notes
    -----
    O(n log n), about two scheduler steps per job whatever its size. Ties go to the job released first, then to the one
    that comes first in the arrays.

    Examples
    --------
    >>> from paretoserve.sim import simulate_jobs
    >>> simulate_jobs([0, 2, 3], [10, 4, 1]).completion
    array([15,  7,  4])
    >>> simulate_jobs([0, 2, 3], [10, 4, 1], policy="fcfs").completion
    array([10, 14, 15])
    >>> simulate_jobs([0, 2, 3], [10, 4, 1], preempt="none").completion
    array([10, 15, 11])
    >>> simulate_jobs([0, 0, 0, 0], [9, 1, 2, 3], fifo_share=0.5).completion
    array([10,  1, 12, 15])
    """
    release = integer_array("release", release, np.int64, 0, BITS_63)
    size = integer_array("size", size, np.int64, 1, _MAX_SIZE, len(release))
    completion = np.empty(len(release), dtype=np.int64)
    num_preemptions = _native.sim_jobs(completion, release, size, policy, fifo_share, preempt)
    return Jobs(completion, completion - release, num_preemptions)
