"""Adaptive effort: a budget of thinking relative to what a prompt usually takes, and the reward for keeping it.

After "e1" (arXiv 2510.27042), read from secondary sources.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, numbers, plain, rising

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["calibrate_effort", "effort_budget", "effort_reward"]


@declared("e1", grade="S", unit="tokens")
def effort_budget(ratio: ArrayLike, mean_tokens: ArrayLike) -> Any:
    """Return the tokens of thinking allowed, ``ratio * mean_tokens``; after a secondary source.

    Parameters
    ----------
    ratio : array_like
        Effort asked for, above 0, at most 1.
    mean_tokens : array_like
        Running mean of what the prompt takes, 0 or more; broadcasts.

    Returns
    -------
    tokens : float or ndarray of float64

    Raises
    ------
    ValueError
        If a number is out of range, infinite or NaN.

    References
    ----------
    arXiv 2510.27042.

    Examples
    --------
    >>> effort_budget([0.25, 1.0], 4000)
    array([1000., 4000.])
    """
    share, mean = broadcast(
        ratio=numbers("ratio", ratio, 0, 1, open_low=True), mean_tokens=numbers("mean_tokens", mean_tokens, 0)
    )
    return plain(np.asarray(share * mean))


@declared("e1", grade="S", unit="1", sense="max")
def effort_reward(correct: ArrayLike, tokens: ArrayLike, ratio: ArrayLike, mean_tokens: ArrayLike) -> Any:
    """Return 1 for a correct answer within the budget, otherwise 0; after a secondary source.

    Parameters
    ----------
    correct : array_like of bool, or of numbers 0 to 1
        Whether the answer is correct; a partial credit is kept.
    tokens : array_like
        Length of the thinking, 0 or more; equal to the budget is within.
    ratio, mean_tokens : array_like
        As for `effort_budget`; all broadcast.

    Returns
    -------
    reward : float or ndarray of float64

    Raises
    ------
    ValueError
        If a number is out of range, infinite or NaN.

    References
    ----------
    arXiv 2510.27042.

    Examples
    --------
    >>> effort_reward(True, [1900, 2100], 0.5, 4000)
    array([1., 0.])
    """
    right, length, budget = broadcast(
        correct=numbers("correct", correct, 0, 1),
        tokens=numbers("tokens", tokens, 0),
        budget=np.asarray(effort_budget(ratio, mean_tokens)),
    )
    return plain(np.asarray(np.where(length <= budget, right, 0.0)))


@declared("e1", grade="D", unit="1")
def calibrate_effort(target_tokens: ArrayLike, ratio: ArrayLike, tokens: ArrayLike) -> Any:
    """Return the effort to ask for so that answers take a number of tokens; derived, by isotonic interpolation.

    Parameters
    ----------
    target_tokens : array_like
        Wanted, within what was measured.
    ratio : array_like, shape (n,)
        Efforts that were tried, rising, above 0, at most 1.
    tokens : array_like, shape (n,)
        Mean length at each. Where it falls, neighbors are averaged until it does not.

    Returns
    -------
    ratio : float or ndarray of float64
        In the shape of `target_tokens`; on a plateau the least effort.

    Raises
    ------
    ValueError
        If efforts do not rise (the row is named), a target is outside what was measured, or a number is out of range,
        infinite or NaN.
    ShapeError
        If shapes differ or are empty.

    References
    ----------
    arXiv 2510.27042.

    Examples
    --------
    >>> calibrate_effort([1500, 2100], [0.25, 0.5, 0.75, 1.0], [1000, 2000, 1800, 3000]).round(4)
    array([0.3889, 0.7955])
    """
    tried, lengths = numbers("ratio", ratio, 0, 1, open_low=True, ndim=1), numbers("tokens", tokens, 0, ndim=1)
    if len(tried) != len(lengths):
        raise ShapeError(f"`tokens` must have {len(tried)} rows as `ratio`, got {len(lengths)}")
    rising("ratio", tried)
    fitted = _isotonic(lengths)
    wanted = numbers("target_tokens", target_tokens, float(fitted[0]), float(fitted[-1]))
    above = np.searchsorted(fitted, wanted)
    below = np.maximum(above - 1, 0)
    step = fitted[above] - fitted[below]
    part = np.divide(wanted - fitted[below], step, out=np.ones(wanted.shape), where=step > 0)
    return plain(np.asarray(tried[below] + part * (tried[above] - tried[below])))


def _isotonic(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the nearest sequence in squares that does not fall: neighbors that do are pooled."""
    pools: list[tuple[float, int]] = []
    for value in values.tolist():
        mean, count = value, 1
        while pools and pools[-1][0] > mean:
            last, more = pools.pop()
            mean, count = (mean * count + last * more) / (count + more), count + more
        pools.append((mean, count))
    return np.repeat([mean for mean, _ in pools], [count for _, count in pools])
