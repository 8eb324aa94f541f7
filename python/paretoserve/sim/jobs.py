"""One machine and jobs of known size: queueing theory run through the scheduler that serves requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve import _native
from paretoserve._integers import BITS_32, BITS_63, integer_array
from paretoserve.errors import ShapeError
from paretoserve.sched._terms import native_samples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from paretoserve.sched.scheduler import Policy

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
    policy: Policy = "srpt",
    num_operations: ArrayLike | None = None,
    estimate: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    deadline: ArrayLike | None = None,
    tenant: ArrayLike | None = None,
    distribution: ArrayLike | None = None,
    fifo_share: float = 0.0,
    preempt: Literal["none", "slots"] = "slots",
    eps: float = 0.5,
    tenant_fairness: bool = False,
    samples: Sequence[ArrayLike] | None = None,
) -> Jobs:
    """Run jobs of known size on one machine, one at a time, under a policy of `sched.Scheduler`.

    Preemption costs nothing and is considered at every arrival, so ``srpt`` with the defaults is the classical policy
    that minimizes the mean flow time (Schrage 1968).

    Parameters
    ----------
    release : array_like of int, shape (n,)
        When each job arrives, at least 0, in any order. Not modified.
    size : array_like of int, shape (n,) or (sum of `num_operations`,)
        Work of each job, or of each operation of the first job, then of the second and so on, in the same unit, 1 to
        2**31 - 1 for a whole job; the machine does one unit of work per unit of time. Continuous sizes are scaled and
        rounded by the caller. Not modified.
    policy : str, default "srpt"
        One of `sched.Scheduler`'s. ``fcfs`` never interrupts a job. ``srpt`` is told the total of each job, ``slf``
        when a share `eps` of it is left, ``gittins`` never; all others the size of an operation when the one before it
        is complete.
    num_operations : array_like of int, shape (n,), optional
        Operations of each job, at least 1; one each if absent.
    estimate : array_like of int, of the shape of `size`, optional
        What the scheduler is told in place of the sizes.
    weight : array_like of float, shape (n,), optional
        Importance of each job, 0.000001 to 1000.
    deadline : array_like of int, shape (n,), optional
        When each job should be done, for ``edf``.
    tenant : array_like of int, shape (n,), optional
        Who pays, 0 to 2**32 - 1, for ``vtc`` and `tenant_fairness`.
    distribution : array_like of int, shape (n,), optional
        Which of `samples` each job follows; the first if absent.
    fifo_share : float, default 0.0
        Share of the starts that go to the oldest job, 0 to 1.
    preempt : {"slots", "none"}, default "slots"
        Whether a shorter job interrupts the running one.
    eps : float, default 0.5
        For ``slf``.
    tenant_fairness : bool, default False
        Whether the tenant that was served least goes first.
    samples : sequence of array_like of int, optional
        For ``gittins``: sizes that were seen, for each distribution.

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
    O(n log n), about two scheduler steps per job whatever its size; under "plas", whose order follows the work done,
    O(n log n) plus the work. Ties go to the job released first, then to the one that comes first in the arrays.

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

    A job of two operations, of which only the first is known, meets a job of one:

    >>> simulate_jobs([0, 0], [2, 9, 3], num_operations=[2, 1], policy="op_srpt").completion
    array([14,  5])
    """
    release = integer_array("release", release, np.int64, 0, BITS_63)
    n = len(release)
    operations = (
        None if num_operations is None else integer_array("num_operations", num_operations, np.int64, 1, _MAX_SIZE, n)
    )
    count = n if operations is None else int(operations.sum())
    size = integer_array("size", size, np.int64, 1, _MAX_SIZE, count)
    estimates = None if estimate is None else integer_array("estimate", estimate, np.int64, 1, _MAX_SIZE, count)
    deadlines = None if deadline is None else integer_array("deadline", deadline, np.int64, 0, BITS_63, n)
    weights = None if weight is None else _weights(weight, n)
    tenants = None if tenant is None else integer_array("tenant", tenant, np.int64, 0, BITS_32, n)
    kinds = None if distribution is None else integer_array("distribution", distribution, np.int64, 0, BITS_32, n)
    completion = np.empty(n, dtype=np.int64)
    num_preemptions = _native.sim_jobs(
        completion,
        release,
        size,
        operations,
        estimates,
        weights,
        deadlines,
        tenants,
        kinds,
        policy,
        fifo_share,
        preempt,
        eps,
        tenant_fairness,
        native_samples(samples),
    )
    return Jobs(completion, completion - release, num_preemptions)


def _weights(weight: ArrayLike, n: int) -> NDArray[np.int64]:
    """Return weights in millionths."""
    values = np.asarray(weight, dtype=np.float64)
    if values.shape != (n,):
        raise ShapeError(f"`weight` must have shape ({n},), as `release`, got {values.shape}")
    if not ((values >= 1e-6) & (values <= 1000)).all():
        raise ValueError("`weight` must hold numbers from 0.000001 to 1000")
    return np.round(values * 1e6).astype(np.int64)
