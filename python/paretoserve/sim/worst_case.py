"""The least possible flow time, and a search for jobs on which a policy is far from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve import _native
from paretoserve._integers import BITS_32, BITS_64, check_integer
from paretoserve.sim.jobs import simulate_jobs

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from paretoserve.sched.scheduler import Policy

__all__ = ["WorstCase", "optimal_flow", "worst_case"]


def optimal_flow(release: ArrayLike, size: ArrayLike, *, num_operations: ArrayLike | None = None) -> int:
    """Return the smallest possible total flow time of jobs on one machine: that of ``srpt`` (Schrage 1968).

    Parameters
    ----------
    release, size, num_operations
        As in `simulate_jobs`. Not modified.

    Returns
    -------
    int
        Sum over the jobs of completion minus release.

    Notes
    -----
    O(n log n).

    Examples
    --------
    >>> from paretoserve.sim import optimal_flow
    >>> optimal_flow([0, 2, 3], [10, 4, 1])
    21
    """
    return int(simulate_jobs(release, size, num_operations=num_operations).flow.sum())


@dataclass(frozen=True, eq=False)
class WorstCase:
    """The worst jobs that a search has found, as `simulate_jobs` takes them.

    Attributes
    ----------
    release : ndarray of int64, shape (n,)
        When each job arrives.
    size : ndarray of int64, shape (sum of `num_operations`,)
        Work of each operation.
    num_operations : ndarray of int64, shape (n,)
        Operations of each job.
    flow : int
        Total flow time under the policy.
    optimal : int
        The least possible.
    """

    release: NDArray[np.int64]
    size: NDArray[np.int64]
    num_operations: NDArray[np.int64]
    flow: int
    optimal: int

    @property
    def ratio(self) -> float:
        """Flow time over the least possible."""
        return self.flow / self.optimal

    def to_dict(self) -> dict[str, Any]:
        """Return the jobs and their flow times as lists and numbers."""
        jobs = {name: getattr(self, name).tolist() for name in ("release", "size", "num_operations")}
        return {**jobs, "flow": self.flow, "optimal": self.optimal, "ratio": self.ratio}

    def explain(self) -> str:
        """Return one sentence about the search."""
        return f"{len(self.release)} jobs with flow time {self.flow}, {self.ratio:.3f} times the least possible"


def worst_case(
    policy: Policy,
    n: int,
    m: int,
    iterations: int,
    seed: int = 0,
    *,
    first_size: int | None = None,
    max_size: int = 64,
    eps: float = 0.5,
) -> WorstCase:
    """Search for jobs whose total flow time under a policy is many times the least possible.

    Parameters
    ----------
    policy : str
        One of `sched.Scheduler`'s, but ``gittins``; as in `simulate_jobs`, where preemption is free.
    n : int
        Jobs.
    m : int
        Most operations of a job; the size of one is known when the one before it is complete.
    iterations : int
        Instances to try: eight climbs from random jobs, one change at a time.
    seed : int, default 0
        Same seed, same result.
    first_size : int, optional
        Size of the first operation of every job: uniform tests; any if absent.
    max_size : int, default 64
        Largest size of an operation.
    eps : float, default 0.5
        For ``slf``.

    Returns
    -------
    WorstCase

    Raises
    ------
    ValueError
        If a number is out of range or the policy unknown.

    Notes
    -----
    O(iterations n m log n). What it finds is a lower bound of the policy's competitive ratio.

    Examples
    --------
    >>> from paretoserve.sim import worst_case
    >>> worst_case("srpt", 6, 1, 200).ratio
    1.0
    >>> worst_case("fcfs", 6, 1, 200).ratio > 2
    True
    """
    release, size, num_operations, flow, optimal = _native.sim_worst_case(
        policy,
        eps,
        check_integer("n", n, 1, BITS_32),
        check_integer("m", m, 1, BITS_32),
        0 if first_size is None else check_integer("first_size", first_size, 1, 2**24),
        check_integer("max_size", max_size, 1, 2**24),
        check_integer("iterations", iterations, 1, BITS_32),
        check_integer("seed", seed, 0, BITS_64),
    )
    releases, sizes, counts = (np.array(column, dtype=np.int64) for column in (release, size, num_operations))
    return WorstCase(releases, sizes, counts, flow, optimal)
