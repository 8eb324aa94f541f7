"""Speculative decoding: tokens that a draft is expected to win, the speed-up, and how many tokens to draft.

The usual model of Leviathan, Kalman and Matias, "Fast Inference from Transformers via Speculative Decoding" (arXiv
2211.17192), with a roofline for the verification, so that the best draft is shorter for larger batches as measured in
"SPEED-Bench" (arXiv 2604.09557). Acceptance lengths may also be measured ones, see `paretoserve.metrics.acceptance`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, number, numbers, plain, whole

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = [
    "DraftLength",
    "expected_acceptance_length",
    "optimal_draft_length",
    "speculative_speedup",
    "verification_slowdown",
]


@dataclass(frozen=True)
class DraftLength:
    """Best number of tokens to draft.

    Attributes
    ----------
    num_tokens : int or ndarray of int64
        0 if drafting does not pay.
    speedup : float or ndarray of float64
        Over decoding without drafts, 1 or more.
    """

    num_tokens: Any
    speedup: Any


@declared("speed-bench", grade="D", unit="token", sense="max")
def expected_acceptance_length(acceptance: ArrayLike, num_draft_tokens: ArrayLike) -> Any:
    """Return the tokens per step if each drafted token is accepted with one probability, all independent.

    ``(1 - a^(g+1)) / (1 - a)`` for g drafted tokens, ``g + 1`` at a = 1; derived from the geometric sum.

    Parameters
    ----------
    acceptance : array_like
        Probability, 0 to 1.
    num_draft_tokens : array_like of int
        0 to 2^20. Both broadcast.

    Returns
    -------
    length : float or ndarray of float64
        Tokens, 1 or more.

    Raises
    ------
    ValueError
        If a probability is outside 0 to 1 or a number of tokens is no whole number of at least 0.

    References
    ----------
    arXiv 2211.17192.

    Examples
    --------
    >>> expected_acceptance_length(0.8, [1, 3, 5, 8]).round(4)
    array([1.8   , 2.952 , 3.6893, 4.3289])
    """
    chance, drafted = broadcast(
        acceptance=numbers("acceptance", acceptance, 0, 1),
        num_draft_tokens=whole("num_draft_tokens", num_draft_tokens, 0, 2**20),
    )
    sure = chance == 1
    rest = np.where(sure, 1.0, 1 - chance)
    # 1 - a^n by expm1, which keeps its digits near a = 1.
    with np.errstate(divide="ignore"):
        gone = -np.expm1((drafted + 1) * np.log1p(-rest))
    return plain(np.asarray(np.where(sure, drafted + 1.0, gone / rest)))


@declared("speed-bench", grade="D", unit="1", sense="min")
def verification_slowdown(
    batch_size: ArrayLike,
    num_draft_tokens: ArrayLike,
    *,
    parameters: float,
    weight_bytes: float,
    flops_per_s: float,
    bytes_per_s: float,
) -> Any:
    """Return how much longer a step over drafts and one token takes than a step over one token per request.

    Derived from a roofline without attention: n tokens take the longer of ``2 parameters n / flops_per_s`` and
    ``weight_bytes / bytes_per_s``.

    Parameters
    ----------
    batch_size : array_like of int
        Requests, 1 or more.
    num_draft_tokens : array_like of int
        Per request, 0 or more. Both broadcast.
    parameters, weight_bytes, flops_per_s, bytes_per_s : float
        Of the target (active parameters for a mixture of experts) and of its device; above 0.

    Returns
    -------
    slowdown : float or ndarray of float64
        1 while the weights take longer than the arithmetic.

    Raises
    ------
    ValueError
        If a size is not above 0.

    References
    ----------
    Derived here; the use is that of arXiv 2604.09557.

    Examples
    --------
    >>> gpu = {"parameters": 8e9, "weight_bytes": 16e9, "flops_per_s": 989e12, "bytes_per_s": 3.35e12}
    >>> verification_slowdown([1, 256], 3, **gpu).round(4)
    array([1.    , 3.4686])
    """
    batch, drafted = broadcast(
        batch_size=whole("batch_size", batch_size, 1),
        num_draft_tokens=whole("num_draft_tokens", num_draft_tokens, 0, 2**20),
    )
    sizes = {"parameters": parameters, "weight_bytes": weight_bytes}
    sizes |= {"flops_per_s": flops_per_s, "bytes_per_s": bytes_per_s}
    params, memory, flops, bandwidth = (number(name, value, 0, open_low=True) for name, value in sizes.items())
    ridge = memory / bandwidth * flops / (2 * params)
    return plain(np.asarray(np.maximum(batch * (drafted + 1.0), ridge) / np.maximum(batch, ridge)))


@declared("speed-bench", grade="D", unit="1", sense="max")
def speculative_speedup(
    length: ArrayLike, num_draft_tokens: ArrayLike, draft_cost: ArrayLike, slowdown: ArrayLike = 1.0
) -> Any:
    """Return the speed-up of decoding with drafts: ``length / (num_draft_tokens draft_cost + slowdown)``; derived.

    Parameters
    ----------
    length : array_like
        Acceptance length, measured or of `expected_acceptance_length`; 1 or more.
    num_draft_tokens : array_like of int
        Drafted per step, 0 or more.
    draft_cost : array_like
        Time of drafting a token over the time of a step of the target, 0 or more.
    slowdown : array_like, default 1
        Of the verification, above 0, see `verification_slowdown`. All four broadcast.

    Returns
    -------
    speedup : float or ndarray of float64

    Raises
    ------
    ValueError
        If a length is below 1, a cost is negative or a slowdown is not above 0.

    References
    ----------
    arXiv 2211.17192, for a slowdown of 1.

    Examples
    --------
    >>> speculative_speedup([1.8, 2.952], [1, 3], 0.05).round(4)
    array([1.7143, 2.567 ])
    """
    tokens, drafted, cost, slow = broadcast(
        length=numbers("length", length, 1),
        num_draft_tokens=whole("num_draft_tokens", num_draft_tokens, 0, 2**20),
        draft_cost=numbers("draft_cost", draft_cost, 0),
        slowdown=numbers("slowdown", slowdown, 0, open_low=True),
    )
    return plain(np.asarray(tokens / (drafted * cost + slow)))


@declared("speed-bench", grade="D")
def optimal_draft_length(lengths: ArrayLike, draft_cost: ArrayLike, slowdown: ArrayLike = 1.0) -> DraftLength:
    """Return the number of tokens to draft with the largest speed-up; derived from `speculative_speedup`.

    Parameters
    ----------
    lengths : array_like, shape (..., max_draft_tokens + 1)
        Acceptance length for 0, 1, 2, ... drafted tokens; the first is 1.
    draft_cost : array_like, shape (...)
        As for `speculative_speedup`.
    slowdown : array_like, shape (..., max_draft_tokens + 1), default 1
        Of the verification for 0, 1, 2, ... drafted tokens.

    Returns
    -------
    choice : DraftLength
        The shortest of equally good ones.

    Raises
    ------
    ValueError
        If a length is below 1 or that without drafts is another, a cost is negative or a slowdown is not above 0.
    ShapeError
        If shapes do not match.

    References
    ----------
    arXiv 2211.17192 and 2604.09557.

    Examples
    --------
    >>> lengths = expected_acceptance_length(0.8, np.arange(9))
    >>> choice = optimal_draft_length(lengths, 0.05)
    >>> choice.num_tokens, round(choice.speedup, 3)
    (8, 3.092)
    """
    tokens = numbers("lengths", lengths, 1)
    if tokens.ndim == 0 or tokens.shape[-1] == 0:
        raise ShapeError(f"`lengths` must have an entry per number of drafted tokens, got shape {tokens.shape}")
    if (tokens[..., 0] != 1).any():
        raise ValueError("`lengths` must start with 1, the length without drafts")
    cost = numbers("draft_cost", draft_cost, 0)[..., None]
    speedup = np.asarray(speculative_speedup(tokens, np.arange(tokens.shape[-1]), cost, slowdown))
    best = speedup.argmax(axis=-1)
    return DraftLength(plain(np.asarray(best)), plain(np.take_along_axis(speedup, best[..., None], -1)[..., 0]))
