"""How long the KV cache of a paused program is worth its blocks.

Keeping costs a price per second, losing the cache costs once: the ski-rental problem. Keep until both are equal and
drop then, and nobody who knows the return pays less than half (Karlin, Manasse, Rudolph and Sleator 1988); draw the
time, and the mean is within e / (e - 1) (Karlin, Manasse, McGeoch and Owicki 1990); learn from past returns, and the
mean over these is the least there is.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from paretoserve._integers import BITS_63, BITS_64, check_integer, integer_array, shown

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["keep_for"]


def keep_for(
    kv_blocks: int,
    reload_cost_s: float,
    block_price: float,
    *,
    seed: int | None = None,
    returns: ArrayLike | None = None,
) -> int:
    """Return how long to keep the KV blocks of a program that waits for a tool or a person, in nanoseconds.

    Parameters
    ----------
    kv_blocks : int
        Blocks that it holds.
    reload_cost_s : float
        What losing them costs: seconds of the engine to compute or load them again, with the wait for it.
    block_price : float
        What one block costs per second, in seconds of the engine. With N blocks in all and a full cache, 1 / N says
        that the whole cache is worth the whole engine; an empty cache has the price 0.
    seed : int, optional
        Draw the time at random, another one for every seed.
    returns : array_like of int, shape (n,), n >= 1, optional
        How long earlier pauses of the kind took, in nanoseconds.

    Returns
    -------
    int
        The time after which to drop them; 2**63 - 1 if they cost nothing.

    Raises
    ------
    ValueError
        If a number is negative, NaN or infinite, or both `seed` and `returns` are given.

    Notes
    -----
    Let c be the price of the blocks per second and V the cost of losing them. Without options the time is V / c, and
    the cost at most twice that of somebody who knows the return, whenever it is. With `seed` the time has the density
    proportional to exp(t c / V) up to V / c, and the mean cost is at most e / (e - 1) = 1.58 times that. With `returns`
    it is the time of least mean cost over the samples: where the hazard of a return falls with time, keep while
    hazard * V >= c. That has no bound for returns unlike the samples. O(n log n).

    Examples
    --------
    Twenty blocks of 10,000, which take 0.4 s to compute again:

    >>> keep_for(20, 0.4, 1e-4)
    200000000000
    >>> keep_for(20, 0.4, 1e-4, seed=7) <= 200_000_000_000
    True

    Tools that answer within a second or not for minutes:

    >>> keep_for(20, 0.4, 1e-4, returns=[300_000_000, 800_000_000, 900_000_000_000])
    800000000
    """
    blocks = check_integer("kv_blocks", kv_blocks, 0, BITS_63)
    loss, price = (
        _number(name, value) for name, value in (("reload_cost_s", reload_cost_s), ("block_price", block_price))
    )
    if seed is not None and returns is not None:
        raise ValueError("`seed` and `returns` must not be given together, got both")
    per_ns = blocks * price / 1e9
    if returns is not None:
        return _least_mean(integer_array("returns", returns, np.int64, 0, BITS_63), loss, per_ns)
    break_even = loss / per_ns if per_ns > 0 else math.inf
    if seed is not None:
        draw = np.random.default_rng(check_integer("seed", seed, 0, BITS_64)).random()
        break_even *= math.log1p(draw * (math.e - 1))
    return int(min(break_even, BITS_63))


def _least_mean(returns: NDArray[np.int64], loss: float, per_ns: float) -> int:
    """Return the time with the least mean cost over the samples: one of them, or 0."""
    if not returns.size:
        raise ValueError("`returns` must hold at least one time, got none")
    if per_ns == 0:
        return BITS_63
    times = np.concatenate(([0], np.sort(returns)))
    n = returns.size
    # Keeping until the k-th return pays for the time of k pauses in full, and loses the other n - k.
    kept = np.cumsum(times, dtype=np.float64) + times.astype(np.float64) * (n - np.arange(n + 1))
    lost = n - np.searchsorted(times[1:], times, side="right")
    # A return at the very time 0 needs no keeping.
    return int(times[np.argmin(kept * per_ns + lost * loss)])


def _number(name: str, value: object) -> float:
    number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    if 0 <= number < math.inf:
        return number
    raise ValueError(f"`{name}` must be a finite number of at least 0, got {shown(value)}")
