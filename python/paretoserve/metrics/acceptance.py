"""Measures of speculative decoding runs: how many drafted tokens the target accepts, and the speed that users see.

After "SPEED-Bench" (arXiv 2604.09557) and its code. Lengths count the token that the target adds itself, so a
verification step yields at least 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, integer, numbers, whole
from paretoserve.metrics._options import flag

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Acceptance", "TokenRates", "acceptance_length", "acceptance_rates", "token_rates"]


@dataclass(frozen=True)
class Acceptance:
    """How far verification steps came.

    Attributes
    ----------
    length : float
        Mean tokens per step: the sum of `joint`.
    joint : ndarray of float64, shape (longest,)
        Share of steps with at least k tokens, for k from 1.
    conditional : ndarray of float64, shape (longest,)
        Share of the steps with k - 1 tokens or more that have k.
    """

    length: float
    joint: NDArray[np.float64]
    conditional: NDArray[np.float64]


@dataclass(frozen=True)
class TokenRates:
    """Speeds of a run.

    Attributes
    ----------
    tokens_per_s : float
        All output tokens over the time from the first start to the last end.
    tokens_per_gpu_s : float
    time_to_first_token_s : ndarray of float64, shape (num_requests,)
    user_tokens_per_s : ndarray of float64, shape (num_requests,)
        Tokens after the first over the time after the first; NaN for a request of one token.
    """

    tokens_per_s: float
    tokens_per_gpu_s: float
    time_to_first_token_s: NDArray[np.float64]
    user_tokens_per_s: NDArray[np.float64]


@declared("speed-bench", grade="R")
def acceptance_rates(lengths: ArrayLike, counts: ArrayLike | None = None) -> Acceptance:
    """Return the acceptance of verification steps by position.

    The published tool walks over lengths that occur only: where one is absent, its "conditional" rate at the next
    spans several positions. Here every position has its own.

    Parameters
    ----------
    lengths : array_like of int, shape (num_steps,)
        Tokens that each step yields, 1 or more.
    counts : array_like of int, shape (num_steps,), optional
        How often each length occurs; default once.

    Returns
    -------
    acceptance : Acceptance

    Raises
    ------
    ValueError
        If a length is below 1, a count is negative or all are 0.
    ShapeError
        If shapes differ or there is no step.

    Notes
    -----
    O(num_steps + longest).

    References
    ----------
    arXiv 2604.09557, official code.

    Examples
    --------
    >>> acceptance = acceptance_rates([1, 2, 4], [2, 3, 5])
    >>> acceptance.joint, acceptance.conditional, round(acceptance.length, 12)
    (array([1. , 0.8, 0.5, 0.5]), array([1.   , 0.8  , 0.625, 1.   ]), 2.8)
    """
    steps = whole("lengths", lengths, 1, 2**20, ndim=1)
    weight = np.ones(len(steps)) if counts is None else whole("counts", counts, ndim=1).astype(np.float64)
    if weight.shape != steps.shape:
        raise ShapeError(f"`counts` must have the shape of `lengths`, {steps.shape}, got {weight.shape}")
    if not weight.any():
        raise ValueError("`counts` must not all be 0")
    # Lengths that never occur at the top would leave 0 / 0.
    histogram = np.trim_zeros(np.bincount(steps, weight)[1:], "b")
    joint = np.cumsum(histogram[::-1])[::-1] / weight.sum()
    return Acceptance(float(joint.sum()), joint, joint / np.concatenate([[1.0], joint[:-1]]))


@declared("speed-bench", grade="R", unit="token", sense="max")
def acceptance_length(lengths: ArrayLike, turns: ArrayLike, *, pooled: bool = False) -> float:
    """Return the mean acceptance length over (request, turn) pairs, as SPEED-Bench averages.

    Parameters
    ----------
    lengths : array_like of int, shape (num_steps,)
        Tokens that each verification step yields, 1 or more.
    turns : array_like of int, shape (num_steps,)
        Number of the (request, turn) that a step belongs to, 0 or more.
    pooled : bool, default False
        Mean over all steps at once, so that turns weigh by their steps.

    Returns
    -------
    length : float
        Tokens per step.

    Raises
    ------
    ValueError
        If a length is below 1 or a turn is negative.
    ShapeError
        If shapes differ or there is no step.

    References
    ----------
    arXiv 2604.09557, official code.

    Examples
    --------
    >>> acceptance_length([4, 2, 2, 2], [0, 1, 1, 1]), acceptance_length([4, 2, 2, 2], [0, 1, 1, 1], pooled=True)
    (3.0, 2.5)
    """
    steps, group = whole("lengths", lengths, 1, ndim=1), whole("turns", turns, ndim=1)
    if steps.shape != group.shape:
        raise ShapeError(f"`turns` must have the shape of `lengths`, {steps.shape}, got {group.shape}")
    if flag("pooled", pooled):
        return float(steps.mean())
    _, place, count = np.unique(group, return_inverse=True, return_counts=True)
    return float((np.bincount(place, steps) / count).mean())


@declared("speed-bench", grade="R")
def token_rates(
    start_s: ArrayLike, first_token_s: ArrayLike, end_s: ArrayLike, num_tokens: ArrayLike, *, num_gpus: int = 1
) -> TokenRates:
    """Return the output speeds of a run, over all requests and per request.

    Parameters
    ----------
    start_s, first_token_s, end_s : array_like, shape (num_requests,)
        Times of sending, of the first and of the last token, in this order for each request.
    num_tokens : array_like of int, shape (num_requests,)
        Output tokens, 1 or more.
    num_gpus : int, default 1
        Of the tensor-parallel group.

    Returns
    -------
    rates : TokenRates

    Raises
    ------
    ValueError
        If times of a request are out of order, or the run or a request of several tokens takes no time.
    ShapeError
        If shapes do not match or there is no request.

    References
    ----------
    arXiv 2604.09557, official code.

    Examples
    --------
    >>> rates = token_rates([0.0, 1.0], [0.5, 1.2], [2.5, 3.2], [11, 21], num_gpus=2)
    >>> rates.tokens_per_s, rates.tokens_per_gpu_s, rates.user_tokens_per_s
    (10.0, 5.0, array([ 5., 10.]))
    """
    start, first, end, tokens = broadcast(
        start_s=numbers("start_s", start_s, ndim=1),
        first_token_s=numbers("first_token_s", first_token_s, ndim=1),
        end_s=numbers("end_s", end_s, ndim=1),
        num_tokens=whole("num_tokens", num_tokens, 1, ndim=1),
    )
    gpus = integer("num_gpus", num_gpus, 1)
    for name, early, late in (("first_token_s", start, first), ("end_s", first, end)):
        wrong = np.flatnonzero(late < early)
        if len(wrong):
            before = "start_s" if name == "first_token_s" else "first_token_s"
            raise ValueError(f"`{name}` must not be before `{before}`, but is in row {wrong[0]}")
    wrong = np.flatnonzero((tokens > 1) & (end == first))
    if len(wrong) or end.max() == start.min():
        row = int(wrong[0]) if len(wrong) else 0
        raise ValueError(f"`end_s` must be after `first_token_s` for several tokens, but is not in row {row}")
    user = np.divide(tokens - 1, end - first, out=np.full(len(end), np.nan), where=tokens > 1)
    rate = float(tokens.sum() / (end.max() - start.min()))
    return TokenRates(rate, rate / gpus, first - start, user)
