"""Agents: limits on their turns, what turns cost when the context grows, and critics that stop errors.

After "turn control" of coding agents (arXiv 2510.16786) and "Team of Rivals" (arXiv 2601.14351)
for layered critics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, integer, number, numbers, plain, whole

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["TurnController", "critics_cost", "interception_rate", "turn_input_tokens", "turn_limit"]


@dataclass(frozen=True)
class TurnController:
    """How many turns an agent gets: a limit, extended on demand up to a cap.

    Attributes
    ----------
    limit : int
        Turns at the start, 1 or more, see `turn_limit`.
    extension : int, default 0
        Turns that each extension adds; 0 for a fixed limit. The paper's sizes are not known, so there is no other
        default.
    cap : int, optional
        Most turns after extensions. Default: `limit`.

    Examples
    --------
    >>> control = TurnController(20, extension=10, cap=45)
    >>> control.turns([15, 25, 99]), control.num_extensions([15, 25, 99])
    (array([15, 25, 45]), array([0, 1, 3]))
    >>> control.reminder(19)
    '1 of 20 turns is left'
    """

    limit: int
    extension: int = 0
    cap: int | None = None

    def __post_init__(self) -> None:
        limit, extension = integer("limit", self.limit, 1), integer("extension", self.extension)
        cap = limit if self.cap is None else integer("cap", self.cap, 1)
        if cap < limit:
            raise ValueError(f"`cap` must be at least `limit`, {limit}, got {cap}")
        if cap > limit and extension == 0:
            raise ValueError(f"`extension` must be 1 or more to go from {limit} turns to {cap}, got 0")
        for name, value in (("limit", limit), ("extension", extension), ("cap", cap)):
            object.__setattr__(self, name, value)

    @property
    def most(self) -> int:
        """The turns that nobody gets beyond."""
        return self.limit if self.cap is None else self.cap

    def allowed(self, num_extensions: ArrayLike = 0) -> Any:
        """Return the turns allowed after so many extensions."""
        return plain(np.minimum(self.limit + self.extension * whole("num_extensions", num_extensions), self.most))

    def num_extensions(self, needed: ArrayLike) -> Any:
        """Return how often runs that need so many turns ask for more and get it."""
        short = np.clip(whole("needed", needed), self.limit, self.most) - self.limit
        return plain(-(-short // max(self.extension, 1)))

    def turns(self, needed: ArrayLike) -> Any:
        """Return the turns that runs take that need so many."""
        return plain(np.minimum(whole("needed", needed), self.most))

    def reminder(self, turn: int, *, num_extensions: int = 0) -> str:
        """Return what to tell the agent after so many turns."""
        allowed = int(self.allowed(integer("num_extensions", num_extensions)))
        left = max(allowed - integer("turn", turn), 0)
        return f"{left} of {allowed} turns {'is' if left == 1 else 'are'} left"


@declared("turn-control", grade="S", unit="turns")
def turn_limit(turns: ArrayLike, percentile: float) -> int:
    """Return the limit within which a percentage of runs ended by themselves; after a secondary source.

    Parameters
    ----------
    turns : array_like of whole numbers, shape (n,)
        Of runs without a limit.
    percentile : float
        Above 0, at most 100; the paper has 25, 50 and 75.

    Returns
    -------
    limit : int
        The least number of turns in which at least that share of the runs ended.

    Raises
    ------
    ValueError
        If a number is out of range, infinite, NaN or not whole.
    ShapeError
        If there is no run.

    References
    ----------
    arXiv 2510.16786.

    Examples
    --------
    >>> turn_limit([12, 31, 18, 44, 25, 20, 60, 15], 75)
    31
    """
    runs = np.sort(whole("turns", turns, 1, ndim=1))
    share = number("percentile", percentile, 0, 100, open_low=True)
    return int(np.percentile(runs, share, method="inverted_cdf"))


@declared("turn-control", grade="D", unit="tokens", sense="min")
def turn_input_tokens(num_turns: ArrayLike, base_tokens: ArrayLike, growth_tokens: ArrayLike) -> Any:
    """Return the input tokens of a run, ``n * base + growth * n * (n - 1) / 2``; derived.

    Every turn sends the whole context again, which grows by the same number of tokens per turn.

    Parameters
    ----------
    num_turns : array_like of whole numbers, 0 or more
    base_tokens : array_like
        Context of the first turn, 0 or more.
    growth_tokens : array_like
        Added per turn, 0 or more; all broadcast.

    Returns
    -------
    tokens : float or ndarray of float64

    Raises
    ------
    ValueError
        If a number is out of range, infinite, NaN or not whole.

    References
    ----------
    arXiv 2510.16786.

    Examples
    --------
    >>> turn_input_tokens([10, 20, 40], 5000, 1500)
    array([ 117500.,  385000., 1370000.])
    """
    count, base, growth = broadcast(
        num_turns=whole("num_turns", num_turns).astype(np.float64),
        base_tokens=numbers("base_tokens", base_tokens, 0),
        growth_tokens=numbers("growth_tokens", growth_tokens, 0),
    )
    return plain(np.asarray(count * base + growth * count * (count - 1) / 2))


@declared("team-of-rivals", grade="D", unit="1", sense="max")
def interception_rate(detection: ArrayLike) -> Any:
    """Return the share of errors that at least one critic stops, ``1 - prod(1 - detection)``; derived.

    Parameters
    ----------
    detection : array_like, shape (..., critics)
        Share of errors that each critic finds, independently of the others, 0 to 1; no critics are allowed.

    Returns
    -------
    rate : float or ndarray of float64, shape (...)

    Raises
    ------
    ValueError
        If a share is out of range or NaN.
    ShapeError
        If there is no dimension of critics.

    References
    ----------
    arXiv 2601.14351; its abstract states more than 90 %.

    Examples
    --------
    >>> round(interception_rate([0.6, 0.5, 0.5]), 6)
    0.9
    """
    found = numbers("detection", detection, 0, 1)
    if found.ndim == 0:
        raise ShapeError("`detection` must have shape (..., critics), got one number\nhint: one critic is [0.6]")
    return plain(np.asarray(1 - np.prod(1 - found, axis=-1)))


@declared("team-of-rivals", grade="D", sense="min")
def critics_cost(cost: ArrayLike, passing: ArrayLike) -> Any:
    """Return the expected cost of critics in a row, each seeing what the ones before let pass; derived.

    ``sum(cost[i] * prod(passing[:i]))``

    Parameters
    ----------
    cost : array_like, shape (..., critics)
        Of one look by each critic, 0 or more, in any unit.
    passing : array_like, shape (..., critics)
        Share of what each critic sees that it lets pass, 0 to 1; broadcasts. For errors it is one less detection.

    Returns
    -------
    cost : float or ndarray of float64, shape (...)

    Raises
    ------
    ValueError
        If a number is out of range, infinite or NaN.
    ShapeError
        If shapes do not fit, or there is no dimension of critics.

    References
    ----------
    arXiv 2601.14351.

    Examples
    --------
    >>> critics_cost([1.0, 2.0, 4.0], [0.9, 0.5, 0.5])
    4.6
    """
    price, share = broadcast(cost=numbers("cost", cost, 0), passing=numbers("passing", passing, 0, 1))
    if price.ndim == 0:
        raise ShapeError("`cost` must have shape (..., critics), got one number\nhint: one critic is [1.0]")
    seen = np.ones_like(price)
    np.cumprod(share[..., :-1], axis=-1, out=seen[..., 1:])
    return plain(np.asarray((price * seen).sum(axis=-1)))
