"""Votes among answers: how often the majority or plurality is right, and votes that count by how an answer looks.

After Wang et al., "Think Deep, Think Fast: Investigating Efficiency of Verifier-free Inference-time-scaling Methods"
(arXiv 2504.14047), which finds majority voting hard to beat and shorter, less hedging answers more often right. The
formulas are derived here, for independent answers.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, integer, number, numbers, plain, whole
from paretoserve.metrics._options import hashable, one_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Ties = Literal["random", "first", "fail"]

Answer = TypeVar("Answer", bound=Hashable)

__all__ = ["majority_vote_accuracy", "plurality_vote_accuracy", "vote_weights", "weighted_vote"]

_TIES = ("random", "first", "fail")


@declared("think-deep", grade="D", unit="1", sense="max")
def majority_vote_accuracy(success: ArrayLike, votes: ArrayLike, *, ties: Ties = "random") -> Any:
    """Return how often most of n answers are right, if each is with probability p (derived).

    Parameters
    ----------
    success : array_like
        p, 0 to 1.
    votes : array_like
        n, 1 to 10,000.
    ties : {"random", "first", "fail"}, default "random"
        As many right as wrong answers: by lot; the answer that came first, which is right as often as by lot; wrong.

    Returns
    -------
    accuracy : float or ndarray of float64
        ``sum_{k > n/2} C(n, k) p^k (1 - p)^(n - k)``, and for even n what `ties` gives of k = n / 2. Wrong answers
        all count as one; if they differ, see `plurality_vote_accuracy`.

    Raises
    ------
    ValueError
        If an argument is out of range.
    ShapeError
        If the arguments do not broadcast.

    Notes
    -----
    Exact to rounding; O(n) each. Votes cost n times as much, so cost of pass rises unless accuracy grows n-fold.

    References
    ----------
    arXiv 2504.14047.

    Examples
    --------
    >>> majority_vote_accuracy(0.6, [1, 3, 5, 9]).round(5)
    array([0.6    , 0.648  , 0.68256, 0.73343])
    """
    one_of("ties", ties, _TIES)
    p, n = broadcast(success=numbers("success", success, 0, 1), votes=whole("votes", votes, 1, 10_000))
    tied = 0.0 if ties == "fail" else 0.5
    result = np.empty(p.shape)
    for place in np.ndindex(p.shape):
        chance = _binomial(int(n[place]), float(p[place]))
        half, even = divmod(int(n[place]), 2)
        won = chance[half + 1 :].sum() + (tied * chance[half] if not even else 0.0)
        result[place] = min(1.0, won)
    return plain(result)


@declared("think-deep", grade="D", unit="1", sense="max")
def plurality_vote_accuracy(probabilities: ArrayLike, votes: int, *, ties: Ties = "random") -> float:
    """Return how often the right answer of several gets the most of n votes (derived).

    Parameters
    ----------
    probabilities : array_like, shape (num_answers,)
        That a vote is for each answer, the right one first; sum to 1.
    votes : int
        n, 1 to 200.
    ties : {"random", "first", "fail"}, default "random"
        Of equally many votes: by lot; the answer that came first; never the right one. The first two are equally often
        right, since every order of the same votes is equally probable.

    Returns
    -------
    accuracy : float

    Raises
    ------
    ValueError
        If a probability is out of range, they do not sum to 1 (to 1e-9), or another argument is out of range.
    ShapeError
        If `probabilities` is not one-dimensional or is empty.

    Notes
    -----
    Exact, by the multinomial distribution answer by answer: n products of matrices of n rows per answer.

    References
    ----------
    arXiv 2504.14047.

    Examples
    --------
    Less than half the votes may suffice if the wrong answers differ.

    >>> round(plurality_vote_accuracy([0.4, 0.6], 9), 3), round(plurality_vote_accuracy([0.4, 0.2, 0.2, 0.2], 9), 3)
    (0.267, 0.599)
    """
    one_of("ties", ties, _TIES)
    p = numbers("probabilities", probabilities, 0, 1, ndim=1)
    if abs(p.sum() - 1) > 1e-9:
        raise ValueError(f"`probabilities` must sum to 1, got {p.sum():g}")
    n = integer("votes", votes, 1, 200)
    chance = _binomial(n, min(1.0, float(p[0])))
    # What each of the others leaves of the votes that are left, in turn.
    left = p[1:][::-1].cumsum()[::-1]
    shares = np.divide(p[1:], left, out=np.zeros(len(left)), where=left > 0)
    leaves = [_leaves(n, min(1.0, share)) for share in shares.tolist()]
    won = [_share_won(leaves, n - most, most, ties) for most in range(1, n + 1)]
    return min(1.0, float(chance[1:] @ won))


def _share_won(leaves: list[NDArray[np.float64]], votes: int, most: int, ties: str) -> float:
    """Return the share that the right answer wins when it has `most` votes and the others share the rest."""
    # state[j, r]: that j answers so far also have `most` votes, and r votes are left.
    state = np.zeros((1 if ties == "fail" else votes // most + 1, votes + 1))
    state[0, votes] = 1.0
    taken = np.arange(votes + 1)[:, None] - np.arange(votes + 1)
    for leave in leaves:
        within = leave[: votes + 1, : votes + 1]
        tied = state[:-1] @ np.where(taken == most, within, 0.0)
        state = state @ np.where(taken < most, within, 0.0)
        state[1:] += tied
    # What is left over after the last answer is where one had more than `most` votes.
    return float((state[:, 0] / np.arange(1, len(state) + 1)).sum())


def _leaves(votes: int, share: float) -> NDArray[np.float64]:
    """Return the probability that an answer leaves r' of r votes, at [r, r']."""
    matrix = np.zeros((votes + 1, votes + 1))
    for remaining in range(votes + 1):
        matrix[remaining, : remaining + 1] = _binomial(remaining, share)[::-1]
    return matrix


@declared("think-deep", grade="D", unit="1")
def vote_weights(
    tokens: ArrayLike, hedges: ArrayLike = 0, *, length_power: float = 1, hedge_power: float = 1
) -> NDArray[np.float64]:
    """Return weights of votes that prefer short answers with few hedging words (derived).

    Parameters
    ----------
    tokens : array_like, shape (num_votes,)
        Length of each answer, above 0.
    hedges : array_like, shape (num_votes,), default 0
        Words such as "maybe" or "wait" in it, 0 or more.
    length_power, hedge_power : float, default 1
        How much each counts, 0 or more; 0 not at all.

    Returns
    -------
    weights : ndarray of float64, shape (num_votes,)
        ``(shortest / tokens)^length_power / (1 + hedges)^hedge_power``, 0 to 1.

    Raises
    ------
    ValueError
        If a number is out of range or NaN.
    ShapeError
        If `tokens` is not one-dimensional or is empty, or `hedges` does not broadcast with it.

    Notes
    -----
    The paper finds the directions; the form and the powers are not from it.

    References
    ----------
    arXiv 2504.14047.

    Examples
    --------
    >>> vote_weights([100, 400, 100], [0, 0, 1])
    array([1.  , 0.25, 0.5 ])
    """
    length, words = broadcast(
        tokens=numbers("tokens", tokens, 0, open_low=True, ndim=1), hedges=numbers("hedges", hedges, 0)
    )
    powers = number("length_power", length_power, 0), number("hedge_power", hedge_power, 0)
    with np.errstate(over="ignore"):
        weights: NDArray[np.float64] = (length.min() / length) ** powers[0] / (1 + words) ** powers[1]
    return weights


@declared("think-deep", grade="D")
def weighted_vote(
    answers: Sequence[Answer], weights: ArrayLike | None = None, *, ties: Ties = "first", seed: int = 0
) -> Answer | None:
    """Return the answer with the largest sum of weights (derived).

    Parameters
    ----------
    answers : sequence of hashable, length num_votes
        At least one; equal ones count together.
    weights : array_like, shape (num_votes,), optional
        0 or more and not all 0, as of `vote_weights`; by default every vote counts 1.
    ties : {"random", "first", "fail"}, default "first"
        Of sums equal to 1e-12 of the largest: by lot; the answer that came first; None.
    seed : int, default 0
        Of the lot.

    Returns
    -------
    answer : an element of `answers`, or None

    Raises
    ------
    ValueError
        If a weight is negative or not finite, all are 0, or `ties` is none of these.
    ShapeError
        If there is no answer or not one weight for each.

    References
    ----------
    arXiv 2504.14047.

    Examples
    --------
    >>> weighted_vote(["12", "15", "15"]), weighted_vote(["12", "15", "15"], [1.0, 0.3, 0.4])
    ('15', '12')
    >>> weighted_vote(["12", "15"], ties="fail") is None
    True
    """
    one_of("ties", ties, _TIES)
    ballots = hashable("answers", answers)
    if not ballots:
        raise ShapeError("`answers` must have at least one answer, got none")
    each = np.ones(len(ballots)) if weights is None else numbers("weights", weights, 0, ndim=1)
    if len(each) != len(ballots):
        raise ShapeError(f"`weights` must have one weight per answer, {len(ballots)}, got {len(each)}")
    lot = integer("seed", seed)
    sums: dict[Answer, float] = {}
    for answer, weight in zip(ballots, each.tolist(), strict=True):
        sums[answer] = sums.get(answer, 0.0) + weight
    largest = max(sums.values())
    if largest == 0:
        raise ValueError("`weights` must not all be 0")
    best = [answer for answer, weight in sums.items() if weight >= largest * (1 - 1e-12)]
    if len(best) > 1 and ties == "fail":
        return None
    return best[int(np.random.default_rng(lot).integers(len(best)))] if ties == "random" else best[0]


def _binomial(n: int, p: float) -> NDArray[np.float64]:
    """Return the probabilities of 0 to n successes."""
    if p in (0.0, 1.0):
        return np.asarray(np.arange(n + 1) == (n if p else 0), dtype=np.float64)
    k = np.arange(n + 1)
    factorial = np.concatenate([[0.0], np.cumsum(np.log(k[1:]))])
    chance = np.exp(factorial[n] - factorial - factorial[::-1] + k * math.log(p) + (n - k) * math.log1p(-p))
    return np.asarray(chance / chance.sum())
