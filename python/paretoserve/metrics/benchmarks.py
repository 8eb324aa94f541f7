"""What a benchmark tells of models: pass@k in its two meanings, signal over noise, decisions that carry over.

After Chen et al., "Evaluating Large Language Models Trained on Code" (arXiv 2107.03374; the unbiased pass@k), Ferrag,
Lakas and Debbah, "6G-Bench" (arXiv 2602.08675; pass@k over a subset of tasks), and Heineman et al., "Signal and Noise:
A Framework for Reducing Uncertainty in Language Model Evaluation" (arXiv 2508.13144).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import at_most, broadcast, integer, numbers, plain, whole

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "benchmark_noise",
    "benchmark_signal",
    "decision_accuracy",
    "empirical_pass_at_k",
    "signal_to_noise",
    "unbiased_pass_at_k",
]


@declared("enamel", "6g-bench", grade="R", unit="1", sense="max")
def unbiased_pass_at_k(num_samples: ArrayLike, num_correct: ArrayLike, k: ArrayLike) -> Any:
    """Return the probability that one of `k` samples is correct, estimated without bias from more samples.

    ``1 - C(n - c, k) / C(n, k)``: the share of subsets of k of the n samples that hold one of the c correct ones.

    Parameters
    ----------
    num_samples : array_like of int
        n, 1 to 10^9.
    num_correct : array_like of int
        c, 0 to n.
    k : array_like of int
        1 to n. All three broadcast.

    Returns
    -------
    pass_at_k : float or ndarray of float64
        Grows with k, unlike `empirical_pass_at_k` over subsets.

    Raises
    ------
    ValueError
        If `num_correct` or `k` is above `num_samples`, or one is no whole number.

    Notes
    -----
    O(min(c, k)) products per entry, no binomials.

    References
    ----------
    arXiv 2107.03374

    Examples
    --------
    >>> unbiased_pass_at_k(5, 3, [1, 2, 3])
    array([0.6, 0.9, 1. ])
    """
    num, right, size = broadcast(
        num_samples=whole("num_samples", num_samples, 1, 10**9),
        num_correct=whole("num_correct", num_correct),
        k=whole("k", k, 1),
    )
    at_most("num_correct", right, "num_samples", num)
    at_most("k", size, "num_samples", num)
    # C(n - c, k) / C(n, k) is symmetric in c and k, so the shorter product serves.
    few, many = np.minimum(right, size), np.maximum(right, size)
    miss = np.ones(num.shape)
    for step in range(int(few.max(initial=0))):
        factor = np.maximum(num - many - step, 0) / np.maximum(num - step, 1)
        miss = np.where(step < few, miss * factor, miss)
        if not miss[few > step].any():
            break
    return plain(np.asarray(1.0 - miss))


@declared("6g-bench", grade="R", unit="1", sense="max")
def empirical_pass_at_k(hits: ArrayLike, k: int) -> float:
    """Return the share of tasks that the first `k` samples solve: the plain count, no estimate over subsets.

    6G-Bench prints this over a *subset* of tasks beside pass@1 over all of them, so its columns need not grow with k
    (llama-3.2-1b: 0.228, 0.206, 0.206). Over one set of tasks it grows.

    Parameters
    ----------
    hits : array_like of bool, shape (num_tasks, num_samples)
        Whether a sample is correct, in the order in which they were drawn.
    k : int
        1 to num_samples.

    Returns
    -------
    pass_at_k : float

    Raises
    ------
    ValueError
        If `k` is above the number of samples or an entry is neither 0 nor 1.
    ShapeError
        If `hits` is not two-dimensional or empty.

    References
    ----------
    arXiv 2602.08675, table VIII.

    Examples
    --------
    >>> empirical_pass_at_k([[False, True], [False, False]], 2)
    0.5
    """
    solved = whole("hits", hits, 0, 1, ndim=2)
    size = integer("k", k, 1)
    if size > solved.shape[1]:
        raise ValueError(f"`k` must be at most the number of samples, {solved.shape[1]}, got {size}")
    return float(solved[:, :size].any(axis=1).mean())


@declared("signal-noise", grade="R", unit="1", sense="max")
def benchmark_signal(scores: ArrayLike) -> float:
    """Return how far a benchmark spreads models: largest difference of two scores over the mean score.

    ``(max(scores) - min(scores)) / |mean(scores)|``

    Parameters
    ----------
    scores : array_like
        One per model (or per data mixture, its mean for models below a billion parameters); read as a flat list.

    Returns
    -------
    signal : float
        0 or more; the mean counts by its size, so scores below 0 have a signal too.

    Raises
    ------
    ValueError
        If the mean is 0 or a score is infinite or NaN.
    ShapeError
        If there is no score.

    References
    ----------
    arXiv 2508.13144

    Examples
    --------
    >>> round(benchmark_signal([0.4, 0.5, 0.6]), 12)
    0.4
    """
    return _signal("scores", scores)


@declared("signal-noise", grade="R", unit="1", sense="min")
def benchmark_noise(scores: ArrayLike) -> float:
    """Return how a benchmark shakes late in training: standard deviation (ddof 0) over mean of checkpoint scores.

    ``std(scores) / |mean(scores)|``

    Parameters
    ----------
    scores : array_like
        Of the last checkpoints; the paper takes 30 of one large model, and for small ones all of (mixture,
        checkpoint) as a flat list.

    Returns
    -------
    noise : float

    Raises
    ------
    ValueError
        If the mean is 0 or a score is infinite or NaN.
    ShapeError
        If there is no score.

    References
    ----------
    arXiv 2508.13144

    Examples
    --------
    >>> round(benchmark_noise([0.58, 0.60, 0.62, 0.60]), 7)
    0.0235702
    """
    return _noise("scores", scores)


@declared("signal-noise", grade="R", unit="1", sense="max")
def signal_to_noise(signal_scores: ArrayLike, noise_scores: ArrayLike) -> float:
    """Return the signal-to-noise ratio of a benchmark, `benchmark_signal` over `benchmark_noise`.

    Parameters
    ----------
    signal_scores : array_like
        As for `benchmark_signal`.
    noise_scores : array_like
        As for `benchmark_noise`.

    Returns
    -------
    ratio : float
        Infinite where there is a signal and no noise.

    Raises
    ------
    ValueError
        If a mean is 0, a score is infinite or NaN, or neither signal nor noise is there.
    ShapeError
        If there is no score.

    References
    ----------
    arXiv 2508.13144

    Examples
    --------
    >>> round(signal_to_noise([0.4, 0.5, 0.6], [0.58, 0.60, 0.62, 0.60]), 5)
    16.97056
    """
    signal, noise = _signal("signal_scores", signal_scores), _noise("noise_scores", noise_scores)
    if noise > 0:
        return signal / noise
    if signal == 0:
        raise ValueError("`signal_scores` and `noise_scores` must not both be all equal: 0 over 0 is no ratio")
    return float(np.inf)


@declared("signal-noise", grade="R", unit="1", sense="max")
def decision_accuracy(small: ArrayLike, target: ArrayLike) -> float:
    """Return the share of pairs of models that a small scale orders as the target scale does.

    A pair (i, j) with i < j agrees if "i scores above j" is equally true at both scales: a tie counts as "not above",
    so the order of the models matters where there are ties, as in the official code.

    Parameters
    ----------
    small, target : array_like, shape (num_models,)
        Scores of the same models.

    Returns
    -------
    accuracy : float

    Raises
    ------
    ValueError
        If there are fewer than two models or a score is NaN or infinite.
    ShapeError
        If the shapes differ.

    Notes
    -----
    O(n^2) memory.

    References
    ----------
    arXiv 2508.13144

    Examples
    --------
    >>> round(decision_accuracy([0.1, 0.2, 0.3, 0.4], [0.2, 0.1, 0.35, 0.5]), 5)
    0.83333
    """
    first, second = numbers("small", small, ndim=1), numbers("target", target, ndim=1)
    if first.shape != second.shape:
        raise ShapeError(f"`target` must have the shape of `small`, {first.shape}, got {second.shape}")
    if len(first) < 2:
        raise ValueError(f"`small` must have at least 2 models, got {len(first)}")
    one, two = np.triu_indices(len(first), 1)
    return float(np.mean((first[one] > first[two]) == (second[one] > second[two])))


def _signal(argument: str, scores: ArrayLike) -> float:
    values, mean = _scores(argument, scores)
    return float((values.max() - values.min()) / mean)


def _noise(argument: str, scores: ArrayLike) -> float:
    values, mean = _scores(argument, scores)
    return float(values.std() / mean)


def _scores(argument: str, scores: ArrayLike) -> tuple[NDArray[np.float64], float]:
    values = numbers(argument, scores).reshape(-1)
    if not values.size:
        raise ShapeError(f"`{argument}` must have at least one score, got none")
    mean = abs(float(values.mean()))
    if mean == 0:
        raise ValueError(f"`{argument}` must have a mean other than 0, which they are divided by")
    return values, mean
