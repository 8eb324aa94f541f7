"""Speed of generated code against an expert's: efficiency of a program per level of inputs, eff@k over samples.

After Qiu, Zeng, Ezick, Lott and Tong, "How Efficient is LLM-Generated Code? A Rigorous & High-Standard Benchmark"
(ENAMEL, arXiv 2406.06647). A program that is stopped at the time limit is no lost measurement here: its level and all
harder ones count 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, integer, number, numbers, plain, whole

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["eff_at_k", "efficiency_score", "hodges_lehmann", "level_efficiency"]

HARDNESS = (0.0, 3.0, 3.0, 4.0)


@declared("enamel", grade="R", unit="s", sense="min")
def hodges_lehmann(times_s: ArrayLike) -> Any:
    """Return the Hodges-Lehmann estimate of repeated timings: the median of ``(t_a + t_b) / 2`` over all ``a <= b``.

    Parameters
    ----------
    times_s : array_like, shape (..., num_repetitions)
        Seconds, 0 or more; ENAMEL repeats 6 times.

    Returns
    -------
    time_s : float or ndarray of float64, shape (...)

    Raises
    ------
    ValueError
        If a time is negative, infinite or NaN.
    ShapeError
        If there is no repetition.

    Notes
    -----
    O(r^2) memory for r repetitions of each program.

    References
    ----------
    arXiv 2406.06647

    Examples
    --------
    >>> hodges_lehmann([1.0, 1.2, 5.0])
    2.1
    """
    times = _rows("times_s", numbers("times_s", times_s, 0))
    first, second = np.triu_indices(times.shape[-1])
    return plain(np.asarray(np.median(times[..., first] / 2 + times[..., second] / 2, axis=-1)))


@declared("enamel", grade="R", unit="1", sense="max")
def level_efficiency(
    time_s: ArrayLike,
    reference_s: ArrayLike,
    *,
    correct: ArrayLike = True,
    hardness: ArrayLike = HARDNESS,
    limit_factor: float = 2.0,
) -> NDArray[np.float64]:
    """Return the efficiency of programs at every level: ``max(0, limit - time) / (limit - reference)``.

    The limit is `limit_factor` times the longest reference of the levels that count. A level of hardness 0 only tests
    correctness: 1 if it ends within the limit. From the first level that does not end, all are 0; if that is level 0,
    or the program is wrong anywhere, every level is 0.

    Parameters
    ----------
    time_s : array_like, shape (..., num_levels)
        Seconds of the program's slowest test of each level, infinite if it ran out of time or memory.
    reference_s : array_like, shape (..., num_levels)
        Seconds of the reference's slowest test of each level; broadcasts with `time_s`.
    correct : array_like of bool, shape (...), default True
        False for a wrong answer or a crash at any level.
    hardness : array_like, shape (num_levels,), default (0, 3, 3, 4)
        Weight of each level; the defaults are the paper's.
    limit_factor : float, default 2
        Above 1.

    Returns
    -------
    efficiency : ndarray of float64, shape (..., num_levels)
        0 and more; above 1 if the program is faster than the reference.

    Raises
    ------
    ValueError
        If a time is negative or NaN, a reference is not above 0 or no level has a weight.
    ShapeError
        If shapes do not match.

    References
    ----------
    arXiv 2406.06647

    Examples
    --------
    >>> level_efficiency([0.5, 1.0, 1.25, np.inf], [1, 1, 1, 1])
    array([1.  , 1.  , 0.75, 0.  ])
    """
    weight = _weights(hardness)
    factor = number("limit_factor", limit_factor, 1, open_low=True)
    taken, reference = broadcast(
        time_s=numbers("time_s", time_s, 0, infinite=True),
        reference_s=numbers("reference_s", reference_s, 0, open_low=True),
    )
    if taken.shape[-1:] != weight.shape:
        raise ShapeError(f"`time_s` must have one column per weight of `hardness`, {weight.size}, got {taken.shape}")
    right = whole("correct", correct, 0, 1) == 1
    if right.ndim and right.shape != taken.shape[:-1]:
        raise ShapeError(f"`correct` must have one entry per program, {taken.shape[:-1]}, got {right.shape}")
    limit = factor * reference[..., weight > 0].max(axis=-1, keepdims=True)
    inside = np.logical_and.accumulate(taken <= limit, axis=-1) & right[..., None]
    # The reference of a level without weight may lie beyond the limit, so that level has no quotient of its own.
    span = np.where(weight > 0, limit - reference, 1.0)
    share = np.divide(limit - taken, span, out=np.zeros(taken.shape), where=inside)
    return np.where(inside & (weight == 0), 1.0, share)


@declared("enamel", grade="R", unit="1", sense="max")
def efficiency_score(efficiency: ArrayLike, *, hardness: ArrayLike = HARDNESS) -> Any:
    """Return the efficiency of a program over its levels: the mean weighted by hardness.

    Parameters
    ----------
    efficiency : array_like, shape (..., num_levels)
        Of `level_efficiency`, 0 or more.
    hardness : array_like, shape (num_levels,), default (0, 3, 3, 4)
        Weight of each level.

    Returns
    -------
    score : float or ndarray of float64, shape (...)
        What `eff_at_k` takes.

    Raises
    ------
    ValueError
        If an efficiency is negative or NaN or no level has a weight.
    ShapeError
        If there is not one efficiency per weight.

    References
    ----------
    arXiv 2406.06647

    Examples
    --------
    >>> efficiency_score([1.0, 0.75, 0.5, 0.0])
    0.375
    """
    weight, levels = _weights(hardness), numbers("efficiency", efficiency, 0)
    if levels.shape[-1:] != weight.shape:
        raise ShapeError(f"`efficiency` must have one column per weight, {weight.size}, got shape {levels.shape}")
    return plain(np.asarray((levels * weight).sum(axis=-1) / weight.sum()))


@declared("enamel", "llm4effi", grade="R", unit="1", sense="max")
def eff_at_k(score: ArrayLike, k: int) -> Any:
    """Return the expected efficiency of the best of `k` samples, estimated without bias from `n` samples.

    The mean of the maximum over all subsets of k: with scores sorted upwards, ``sum_r C(r-1, k-1) / C(n, k) e_(r)``
    over r from k to n. Of scores that are 0 or 1 it is pass@k.

    Parameters
    ----------
    score : array_like, shape (..., n)
        Efficiency of each sample of a problem, 0 for a failed one; any real number.
    k : int
        1 to n.

    Returns
    -------
    eff_at_k : float or ndarray of float64, shape (...)
        One per problem; the paper reports their mean.

    Raises
    ------
    ValueError
        If `k` is above n or a score is infinite or NaN.
    ShapeError
        If there is no sample.

    Notes
    -----
    O(n log n) per problem; the weights are built by ratios, so that no binomial overflows.

    References
    ----------
    arXiv 2406.06647.

    Examples
    --------
    >>> round(eff_at_k([0, 0.2, 0.5, 0.9, 1.1], 2), 12)
    0.83
    """
    scores = _rows("score", numbers("score", score))
    num = scores.shape[-1]
    size = integer("k", k, 1)
    if size > num:
        raise ValueError(f"`k` must be at most the number of samples, {num}, got {size}")
    # Weight of the best sample is k / n; each one below has C(r-2, k-1) / C(r-1, k-1) of the one above.
    below = 1.0 - (size - 1) / np.arange(num - 1, size - 1, -1)
    weight = np.cumprod(np.concatenate([[size / num], below]))[::-1]
    ordered = np.sort(scores, axis=-1)[..., size - 1 :]
    # Not by a matrix product: its order of summation may depend on the number of threads.
    return plain(np.asarray(np.einsum("...r,r->...", ordered, weight)))


def _weights(hardness: ArrayLike) -> NDArray[np.float64]:
    weight = numbers("hardness", hardness, 0, ndim=1)
    if not weight.any():
        raise ValueError("`hardness` must have a weight above 0, got only zeros")
    return weight


def _rows(argument: str, array: NDArray[np.float64]) -> NDArray[np.float64]:
    if array.ndim == 0 or array.shape[-1] == 0:
        raise ShapeError(f"`{argument}` must have at least one entry per row, got shape {array.shape}")
    return array
