"""Time to result over many workloads: performance profiles and the AlgoPerf score.

After Dahl, Schneider, Nado et al., "Benchmarking Neural Network Training Algorithms" (arXiv 2306.07179) and Kasimbeg,
Schneider et al., "Accelerating neural network training: An analysis of the AlgoPerf competition" (arXiv 2502.15015);
profiles are Dolan and More's. The order of the steps in `algoperf_score` is that of the official scoring code, which
decides the published figures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, integer, number, numbers, plain
from paretoserve.metrics._options import items

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["algoperf_score", "geometric_mean_ratio", "performance_profile", "qualified_times", "time_to_result"]


@declared("algoperf", grade="R", unit="s", sense="min")
def time_to_result(times_s: ArrayLike) -> Any:
    """Return the time to a target: the median over studies of the earliest trial.

    ``median over studies of min over trials``, in seconds.

    Parameters
    ----------
    times_s : array_like, shape (..., num_studies, num_trials)
        Seconds until the validation target, infinite if it was never reached.

    Returns
    -------
    time_s : float or ndarray of float64, shape (...)
        Infinite if half of the studies or more never reach it.

    Raises
    ------
    ValueError
        If a time is not above 0.
    ShapeError
        If there is no study or no trial.

    References
    ----------
    arXiv 2306.07179

    Examples
    --------
    >>> time_to_result([[50, 40], [np.inf, 60], [np.inf, np.inf]])
    60.0
    """
    times = numbers("times_s", times_s, 0, open_low=True, infinite=True)
    if times.ndim < 2 or 0 in times.shape[-2:]:
        raise ShapeError(f"`times_s` must have the shape (..., num_studies, num_trials), got {times.shape}")
    return plain(np.asarray(np.median(times.min(axis=-1), axis=-1)))


@declared("algoperf", grade="R", unit="1", sense="max")
def performance_profile(times_s: ArrayLike, factors: ArrayLike) -> NDArray[np.float64]:
    """Return the share of workloads that each submission solves within a factor of the fastest submission.

    Parameters
    ----------
    times_s : array_like, shape (num_submissions, num_workloads)
        Seconds, infinite for never; a workload that nobody solves counts for nobody.
    factors : array_like, shape (num_factors,)
        Of the fastest time, 1 or more.

    Returns
    -------
    profile : ndarray of float64, shape (num_submissions, num_factors)

    Raises
    ------
    ValueError
        If a time is not above 0 or a factor is below 1.
    ShapeError
        If `times_s` is not two-dimensional or something is empty.

    References
    ----------
    arXiv 2306.07179; Dolan and More (2002).

    Examples
    --------
    >>> performance_profile([[10, 30], [20, 15]], [1, 2])
    array([[0.5, 1. ],
           [0.5, 1. ]])
    """
    ratio = _ratios(_times(times_s))
    limits = numbers("factors", factors, 1, ndim=1)
    return np.asarray((ratio[:, :, None] <= limits).mean(axis=1))


@declared("algoperf", grade="R")
def qualified_times(
    times_s: ArrayLike, variant_of: Sequence[int | None] | None = None, *, max_factor: float = 4.0
) -> NDArray[np.float64]:
    """Return the times of the base workloads that count under the rules of AlgoPerf, infinite where they do not.

    In this order: a held-out variant fails if its base failed; a time above `max_factor` times the best of its column
    fails, variants too; a base fails if its variant has failed; variants are dropped.

    Parameters
    ----------
    times_s : array_like, shape (num_submissions, num_columns)
        Seconds, infinite for missing or never.
    variant_of : sequence of int or None, optional
        Per column the column of which it is a held-out variant, None for a base workload. Default: all are bases.
    max_factor : float, default 4
        Above 1.

    Returns
    -------
    times : ndarray of float64, shape (num_submissions, num_bases)
        In the order of the base columns.

    Raises
    ------
    ValueError
        If a time is not above 0 or a variant names no base column.
    ShapeError
        If shapes do not match.

    References
    ----------
    arXiv 2502.15015; the order is that of the official code.

    Examples
    --------
    >>> qualified_times([[10, 9], [12, 50]], [None, 0])
    array([[10.],
           [inf]])
    """
    times = _times(times_s)
    num = times.shape[1]
    limit = number("max_factor", max_factor, 1, open_low=True)
    bases = [None] * num if variant_of is None else items("variant_of", variant_of)
    if len(bases) != num:
        raise ShapeError(f"`variant_of` must have one entry per column of `times_s`, {num}, got {len(bases)}")
    for column, base in enumerate(bases):
        if base is not None and bases[integer("variant_of", base, 0, num - 1)] is not None:
            raise ValueError(f"`variant_of` must name base columns, got {base} in row {column}")
    pairs = [(column, base) for column, base in enumerate(bases) if base is not None]
    held = times.copy()
    for column, base in pairs:
        held[np.isinf(times[:, base]), column] = np.inf
    held[_ratios(held) > limit] = np.inf
    for column, base in pairs:
        held[np.isinf(held[:, column]), base] = np.inf
    return held[:, [column for column, base in enumerate(bases) if base is None]]


@declared("algoperf", grade="R", unit="1", sense="max")
def algoperf_score(
    times_s: ArrayLike,
    variant_of: Sequence[int | None] | None = None,
    *,
    max_factor: float = 4.0,
    num_points: int | None = 100,
) -> NDArray[np.float64]:
    """Return the AlgoPerf score: the mean height of the performance profile from 1 to `max_factor`.

    ``1 / (max_factor - 1)`` times the integral of the profile of `qualified_times`, whose ratios are to the best time
    that survives; workloads that nobody solves stay in the denominator.

    Parameters
    ----------
    times_s, variant_of, max_factor
        As for `qualified_times`.
    num_points : int or None, default 100, 2 to 10^6
        Of the trapezoid rule, as in the official code; None for the exact integral, which is the mean over workloads
        of ``max(0, max_factor - ratio) / (max_factor - 1)`` and differs by 0.0016 at most on the competition's times.

    Returns
    -------
    score : ndarray of float64, shape (num_submissions,)
        0 to 1.

    Raises
    ------
    ValueError
        If a time is not above 0, a variant names no base column or there are fewer than 2 points.
    ShapeError
        If shapes do not match.

    References
    ----------
    arXiv 2306.07179; arXiv 2502.15015.

    Examples
    --------
    >>> algoperf_score([[10, 30], [20, 15]], num_points=None).round(4)
    array([0.8333, 0.8333])
    """
    limit = number("max_factor", max_factor, 1, open_low=True)
    times = qualified_times(times_s, variant_of, max_factor=limit)
    if num_points is None:
        return np.asarray((np.maximum(limit - _ratios(times), 0) / (limit - 1)).mean(axis=1))
    factors = np.linspace(1, limit, integer("num_points", num_points, 2, 10**6))
    profile = performance_profile(times, factors)
    return np.asarray(((profile[:, 1:] + profile[:, :-1]) / 2 * np.diff(factors)).sum(axis=1) / (limit - 1))


@declared("algoperf", grade="R", unit="1", sense="min")
def geometric_mean_ratio(times_s: ArrayLike, reference_s: ArrayLike, budget_s: ArrayLike) -> Any:
    """Return the geometric mean over workloads of time over reference time; below 1 is faster.

    ``exp(mean(ln(time / reference)))``

    A time that is infinite counts as the workload's budget and one second.

    Parameters
    ----------
    times_s, reference_s : array_like, shape (..., num_workloads)
        Seconds above 0, infinite for never.
    budget_s : array_like, shape (num_workloads,)
        Longest time allowed, above 0.

    Returns
    -------
    ratio : float or ndarray of float64, shape (...)

    Raises
    ------
    ValueError
        If a time is not above 0.
    ShapeError
        If shapes do not match or there is no workload.

    References
    ----------
    arXiv 2502.15015

    Examples
    --------
    >>> round(geometric_mean_ratio([50, np.inf], [100, 101], [200, 201]), 12)
    1.0
    """
    taken, reference, budget = broadcast(
        times_s=numbers("times_s", times_s, 0, open_low=True, infinite=True),
        reference_s=numbers("reference_s", reference_s, 0, open_low=True, infinite=True),
        budget_s=numbers("budget_s", budget_s, 0, open_low=True),
    )
    if taken.ndim == 0 or taken.shape[-1] == 0:
        raise ShapeError(f"`times_s` must have at least one workload per row, got shape {taken.shape}")
    logs = [np.log(np.where(np.isinf(seconds), budget + 1, seconds)) for seconds in (taken, reference)]
    return plain(np.asarray(np.exp((logs[0] - logs[1]).mean(axis=-1))))


def _times(times_s: ArrayLike) -> NDArray[np.float64]:
    return numbers("times_s", times_s, 0, open_low=True, infinite=True, ndim=2)


def _ratios(times: NDArray[np.float64]) -> NDArray[np.float64]:
    best = times.min(axis=0, keepdims=True)
    return np.asarray(np.divide(times, best, out=np.full(times.shape, np.inf), where=np.isfinite(times)))
