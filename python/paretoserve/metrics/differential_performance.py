"""Speed of generated code against clusters of reference programs: the differential performance score.

After Liu, Xie, Wang, Wei, Ding and Zhang, "Evaluating Language Models for Efficient Code Generation" (EvalPerf, arXiv
2408.06450). Costs are instruction counts, which repeat well; programs of like cost form a cluster, and a new program
gets the share of references that it is no slower than.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import integer, number, numbers, plain
from paretoserve.metrics._options import flag, instance, items

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "ReferenceClusters",
    "common_task_scores",
    "differential_performance_score",
    "evalperf_score",
    "exercises_performance",
    "reference_clusters",
]

LEAST_INSTRUCTIONS = 10_000.0


@dataclass(frozen=True)
class ReferenceClusters:
    """Reference programs of a task in groups of like cost, slowest first.

    Attributes
    ----------
    cost : ndarray of float64, shape (num_clusters,)
        Of the slowest program of each group, falling.
    size : ndarray of int64, shape (num_clusters,)
        Number of programs.
    score : ndarray of float64, shape (num_clusters,)
        Percent of all programs in this group and slower ones; 100 for the fastest.
    """

    cost: NDArray[np.float64]
    size: NDArray[np.int64]
    score: NDArray[np.float64]


@declared("evalperf", grade="R")
def reference_clusters(
    cost: ArrayLike, *, threshold: float = 0.1, noise: float = LEAST_INSTRUCTIONS
) -> ReferenceClusters:
    """Group reference programs by cost: a new group where the next cost is lower by more than a relative gap.

    Sorted downwards, the gap between a and the next b splits if ``(a - b) / a > threshold + sqrt(noise / a)``: the
    fewer instructions, the larger the gap must be.

    Parameters
    ----------
    cost : array_like, shape (num_programs,)
        Instructions, above 0, in any order.
    threshold : float, default 0.1
        The default builds references; EvalPerf asks 0.2 when it looks whether a task has groups enough.
    noise : float, default 10000
        Instructions.

    Returns
    -------
    clusters : ReferenceClusters

    Raises
    ------
    ValueError
        If a cost is not above 0 or an option is negative.
    ShapeError
        If there is no program.

    References
    ----------
    arXiv 2408.06450; numbers as in the official code.

    Examples
    --------
    >>> clusters = reference_clusters([1e6, 9.5e5, 5e5, 4.9e5, 1e5, 2e4])
    >>> clusters.cost
    array([1000000.,  500000.,  100000.,   20000.])
    >>> clusters.score.round(2)
    array([ 33.33,  66.67,  83.33, 100.  ])
    """
    gap = number("threshold", threshold, 0)
    scale = number("noise", noise, 0)
    costs = np.sort(numbers("cost", cost, 0, open_low=True, ndim=1))[::-1]
    upper = costs[:-1]
    start = np.concatenate([[0], 1 + np.flatnonzero((upper - costs[1:]) / upper > gap + np.sqrt(scale / upper))])
    size = np.diff(np.append(start, len(costs)))
    return ReferenceClusters(costs[start], size, 100.0 * np.cumsum(size) / len(costs))


@declared("evalperf", grade="R", unit="%", sense="max")
def differential_performance_score(cost: ArrayLike, clusters: ReferenceClusters, *, normalized: bool = False) -> Any:
    """Return the differential performance score of programs: the percent of references of their group and slower.

    A program belongs to the fastest group whose slowest member it does not exceed.

    Parameters
    ----------
    cost : array_like
        Instructions, above 0; infinite for a timeout or a crash.
    clusters : ReferenceClusters
        Of `reference_clusters`.
    normalized : bool, default False
        Count groups in place of programs: ``100 (j + 1) / num_clusters`` for group j.

    Returns
    -------
    score : float or ndarray of float64
        Percent; 0 if slower than every reference.

    Raises
    ------
    ValueError
        If a cost is not above 0.

    References
    ----------
    arXiv 2408.06450

    Examples
    --------
    >>> clusters = reference_clusters([1e6, 9.5e5, 5e5, 4.9e5, 1e5, 2e4])
    >>> differential_performance_score([1e4, 1.5e5, 2e6], clusters).round(2)
    array([100.  ,  66.67,   0.  ])
    >>> differential_performance_score([1e4, 1.5e5, 2e6], clusters, normalized=True)
    array([100.,  50.,   0.])
    """
    instance("clusters", clusters, ReferenceClusters)
    costs = numbers("cost", cost, 0, open_low=True, infinite=True)
    # Groups with a slowest member of at least the cost come first, since they are in falling order.
    reached = len(clusters.cost) - np.searchsorted(clusters.cost[::-1], costs, side="left")
    even = 100.0 * np.arange(1, len(clusters.cost) + 1) / len(clusters.cost)
    score = np.concatenate([[0.0], even if flag("normalized", normalized) else clusters.score])[reached]
    return plain(np.asarray(np.where(np.isfinite(costs), score, 0.0)))


@declared("evalperf", grade="R", unit="%", sense="max")
def evalperf_score(scores: Sequence[ArrayLike], *, min_correct: int = 10) -> float:
    """Return the score of a model: the mean over tasks of the mean over its correct samples.

    Parameters
    ----------
    scores : sequence of array_like
        Per task, the scores of the samples that passed; a task may have none.
    min_correct : int, default 10
        A task with fewer is not evaluated. That is the official code; the paper evaluates from one on.

    Returns
    -------
    score : float
        Percent.

    Raises
    ------
    ValueError
        If no task has samples enough or a score is outside 0 to 100.

    References
    ----------
    arXiv 2408.06450

    Examples
    --------
    >>> evalperf_score([[100, 50], [30, 50], [70]], min_correct=2)
    57.5
    """
    least = integer("min_correct", min_correct, 1)
    means = [float(np.mean(task)) for task in _tasks("scores", scores) if len(task) >= least]
    if not means:
        raise ValueError(f"`scores` must have a task with at least {least} samples, got none")
    return float(np.mean(means))


@declared("evalperf", grade="R")
def common_task_scores(
    first: Sequence[ArrayLike], second: Sequence[ArrayLike], *, min_correct: int = 10
) -> tuple[float, float]:
    """Return the scores of two models over the tasks that both solve often enough.

    Parameters
    ----------
    first, second : sequence of array_like
        As for `evalperf_score`, task by task.
    min_correct : int, default 10
        Samples that must pass.

    Returns
    -------
    first_score, second_score : float
        Percent.

    Raises
    ------
    ValueError
        If no task qualifies for both or a score is outside 0 to 100.
    ShapeError
        If the numbers of tasks differ.

    References
    ----------
    arXiv 2408.06450

    Examples
    --------
    >>> common_task_scores([[100], [40]], [[60], []], min_correct=1)
    (100.0, 60.0)
    """
    least = integer("min_correct", min_correct, 1)
    one, two = _tasks("first", first), _tasks("second", second)
    if len(one) != len(two):
        raise ShapeError(f"`second` must have as many tasks as `first`, {len(one)}, got {len(two)}")
    both = [(a, b) for a, b in zip(one, two, strict=True) if min(len(a), len(b)) >= least]
    if not both:
        raise ValueError(f"`first` and `second` must share a task with at least {least} samples each, got none")
    return float(np.mean([np.mean(a) for a, _ in both])), float(np.mean([np.mean(b) for _, b in both]))


@declared("evalperf", grade="R")
def exercises_performance(
    instructions: ArrayLike,
    *,
    min_programs: int = 10,
    min_instructions: float = LEAST_INSTRUCTIONS,
    max_variation: float = 0.05,
    min_clusters: int = 4,
) -> bool:
    """Return whether a task tells programs apart by speed, as EvalPerf asks of its tasks.

    There are programs enough, the fastest does work enough, the 99th percentile of the programs' coefficients of
    variation over repetitions is small, and costs form groups enough at a threshold of 0.2.

    Parameters
    ----------
    instructions : array_like, shape (num_programs, num_repetitions)
        Counted, above 0.
    min_programs, min_clusters : int, defaults 10 and 4
    min_instructions : float, default 10000
        Of the fastest program's mean.
    max_variation : float, default 0.05
        Standard deviation (ddof 0) over mean.

    Returns
    -------
    exercises : bool

    Raises
    ------
    ValueError
        If a count is not above 0.
    ShapeError
        If `instructions` is not two-dimensional or empty.

    References
    ----------
    arXiv 2408.06450; the percentile and the numbers are those of the official code.

    Examples
    --------
    >>> costs = np.repeat([8e6, 4e6, 2e6, 1e6], 3)
    >>> exercises_performance(np.stack([costs, costs], axis=1))
    True
    """
    counts = numbers("instructions", instructions, 0, open_low=True, ndim=2)
    programs, clusters = integer("min_programs", min_programs, 1), integer("min_clusters", min_clusters, 1)
    least, most = number("min_instructions", min_instructions, 0), number("max_variation", max_variation, 0)
    mean = counts.mean(axis=1)
    steady = np.percentile(counts.std(axis=1) / mean, 99) <= most
    groups = len(reference_clusters(mean, threshold=0.2).cost)
    enough = len(counts) >= programs and groups >= clusters
    return bool(enough and steady and mean.min() >= least)


def _tasks(argument: str, scores: Sequence[ArrayLike]) -> list[NDArray[np.float64]]:
    tasks = enumerate(items(argument, scores))
    return [np.atleast_1d(numbers(f"{argument}[{place}]", task, 0, 100)) for place, task in tasks]
