"""Risk and return of choosing policies by estimated value: the best k by estimate, SharpeRatio@k, errors of estimates.

After Kiyohara, Kishimoto, Kawakami, Kobayashi, Nakata and Saito, "Towards Assessing and Benchmarking Risk-Return
Tradeoff of Off-Policy Evaluation" (SCOPE-RL, arXiv 2311.18207). Documentation and code of SCOPE-RL differ: the
documentation divides the variance by k, code and published figures by k - 1 and cut the gain at 0. The defaults here
are those of the code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import integer, number, numbers, plain, whole
from paretoserve.metrics._options import one_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["TopPolicies", "normalized_squared_error", "rank_correlation", "sharpe_ratio_at_k", "top_policies"]

Ties = Literal["last", "first"]


@dataclass(frozen=True)
class TopPolicies:
    """True values of the policies that an estimate ranks highest, for each number of them.

    Attributes
    ----------
    best, worst, mean : float or ndarray of float64, shape of `k`
        Of the true values of the top k.
    std : float or ndarray of float64, shape of `k`
        NaN where k is not above `ddof`.
    regret : float or ndarray of float64, shape of `k`
        Best true value of all policies minus the best of the top k.
    violation_rate : float or ndarray of float64, shape of `k`
        Share of the top k whose true value is below `safety`; NaN without one.
    """

    best: Any
    worst: Any
    mean: Any
    std: Any
    regret: Any
    violation_rate: Any


@declared("sharpe-ratio", grade="R")
def top_policies(
    true: ArrayLike,
    estimated: ArrayLike,
    k: ArrayLike,
    *,
    ddof: int = 1,
    ties: Ties = "last",
    safety: float | None = None,
) -> TopPolicies:
    """Return what one gets from testing the `k` policies of the highest estimates.

    Parameters
    ----------
    true, estimated : array_like, shape (num_policies,)
        Values of the same policies.
    k : array_like of int
        1 to num_policies; an array gives a curve.
    ddof : {1, 0}, default 1
        Of the standard deviation: 1 as SCOPE-RL's code, 0 as its documentation.
    ties : {"last", "first"}, default "last"
        Which of equal estimates comes first, the one of the higher or of the lower index; published figures have
        "last".
    safety : float, optional
        Lowest acceptable true value.

    Returns
    -------
    top : TopPolicies

    Raises
    ------
    ValueError
        If `k` is above the number of policies, or a value is NaN or infinite.
    ShapeError
        If the shapes differ.

    References
    ----------
    arXiv 2311.18207

    Examples
    --------
    >>> top = top_policies([1, 3, 4], [1, 5, 2], [1, 2])
    >>> top.best, top.regret
    (array([3., 4.]), array([1., 0.]))
    """
    value, estimate = _pair(true, estimated)
    sizes = whole("k", k, 1)
    if (sizes > len(value)).any():
        raise ValueError(f"`k` must be at most the number of policies, {len(value)}, got {int(sizes.max())}")
    ddof = integer("ddof", ddof, 0, 1)
    one_of("ties", ties, ("last", "first"))
    up = np.argsort(estimate, kind="stable")[::-1] if ties == "last" else np.argsort(-estimate, kind="stable")
    row, at = value[up], sizes - 1
    std = np.array([np.std(row[:size], ddof=ddof) if size > ddof else np.nan for size in range(1, len(row) + 1)])
    counts = np.arange(1, len(row) + 1)
    best = np.maximum.accumulate(row)
    unsafe = np.full(len(row), np.nan) if safety is None else np.cumsum(row < number("safety", safety))
    curves = (best, np.minimum.accumulate(row), np.cumsum(row) / counts, std, value.max() - best, unsafe / counts)
    return TopPolicies(*(plain(np.asarray(curve[at])) for curve in curves))


@declared("sharpe-ratio", grade="R", unit="1", sense="max")
def sharpe_ratio_at_k(
    true: ArrayLike,
    estimated: ArrayLike,
    baseline: float,
    k: ArrayLike,
    *,
    ddof: int = 1,
    ties: Ties = "last",
    clip: float | None = None,
) -> Any:
    """Return SharpeRatio@k: ``max(0, best@k - baseline) / std@k`` over the top `k` policies by estimate.

    Parameters
    ----------
    true, estimated : array_like, shape (num_policies,)
        Values of the same policies.
    baseline : float
        True value of the policy that runs today.
    k : array_like of int
        1 to num_policies; an array gives a curve.
    ddof : {1, 0}, default 1
        1 as SCOPE-RL's code and figures, 0 as its documentation.
    ties : {"last", "first"}, default "last"
        As for `top_policies`.
    clip : float, optional
        Largest ratio; SCOPE-RL has 100 on request.

    Returns
    -------
    ratio : float or ndarray of float64, shape of `k`
        NaN where k is not above `ddof`. Without spread: infinite for a gain, 0 for none.

    Raises
    ------
    ValueError
        If `k` is above the number of policies, or a value is NaN or infinite.
    ShapeError
        If the shapes differ.

    References
    ----------
    arXiv 2311.18207

    Examples
    --------
    >>> sharpe_ratio_at_k([1, 3, 4, 6], [1, 3, 4, 5], 2, [2, 3]).round(4)
    array([2.8284, 2.6186])
    """
    top = top_policies(true, estimated, k, ddof=ddof, ties=ties)
    spread = np.asarray(top.std)
    gain = np.maximum(np.asarray(top.best) - number("baseline", baseline), 0.0)
    ratio = np.where(gain > 0, np.inf, 0.0)
    ratio = np.divide(gain, spread, out=ratio, where=spread != 0)
    if clip is not None:
        ratio = np.minimum(ratio, number("clip", clip, 0, open_low=True))
    return plain(np.asarray(ratio))


@declared("sharpe-ratio", grade="R", unit="1", sense="max")
def rank_correlation(true: ArrayLike, estimated: ArrayLike) -> float:
    """Return Spearman's rank correlation of estimates with true values; equal values share their mean rank.

    Parameters
    ----------
    true, estimated : array_like, shape (num_policies,)
        At least 2, neither all equal.

    Returns
    -------
    correlation : float
        -1 to 1.

    Raises
    ------
    ValueError
        If values are NaN, infinite or all equal.
    ShapeError
        If the shapes differ.

    References
    ----------
    arXiv 2311.18207

    Examples
    --------
    >>> rank_correlation([1, 2, 3], [10, 20, 15])
    0.5
    """
    value, estimate = _pair(true, estimated)
    ranks = [_ranks(column) for column in (value, estimate)]
    for name, column in zip(("true", "estimated"), ranks, strict=True):
        if not column.any():
            raise ValueError(f"`{name}` must have two values that differ, to be ranked")
    product = float((ranks[0] * ranks[1]).sum())
    return product / float(np.sqrt((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum()))


@declared("sharpe-ratio", grade="D", unit="1", sense="min")
def normalized_squared_error(true: ArrayLike, estimated: ArrayLike) -> float:
    """Return the mean squared error of estimates over the squared range of the true values.

    ``mean((estimated - true)^2) / (max(true) - min(true))^2``

    SCOPE-RL prints the mean squared error alone; the scale is derived here, so that tasks compare.

    Parameters
    ----------
    true, estimated : array_like, shape (num_policies,)
        Values of the same policies; the true ones not all equal.

    Returns
    -------
    error : float

    Raises
    ------
    ValueError
        If values are NaN, infinite, or the true ones all equal.
    ShapeError
        If the shapes differ.

    References
    ----------
    arXiv 2311.18207, for the mean squared error.

    Examples
    --------
    >>> round(normalized_squared_error([0, 10], [1, 8]), 12)
    0.025
    """
    value, estimate = _pair(true, estimated)
    extent = float(value.max() - value.min())
    if extent == 0:
        raise ValueError("`true` must have two values that differ, since their range is the scale")
    return float(np.mean(((estimate - value) / extent) ** 2))


def _pair(true: ArrayLike, estimated: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    value, estimate = numbers("true", true, ndim=1), numbers("estimated", estimated, ndim=1)
    if value.shape != estimate.shape:
        raise ShapeError(f"`estimated` must have the shape of `true`, {value.shape}, got {estimate.shape}")
    return value, estimate


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ranks around their mean."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count + len(values)) / 2)[place])
