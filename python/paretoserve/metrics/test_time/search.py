"""Optimizing under a budget of interactions: power laws of improvements, and one long run against many short ones.

Chi et al., "Frontier-Eng: Benchmarking Self-Evolving Agents on Real-World Engineering Tasks with Generative
Optimization" (arXiv 2604.12290), find that improvements at iteration i come with a frequency of about 1/i, and that the
j-th of them is about 1/j as large as the first. The fit and the model of width against depth are derived here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import integer, number, numbers, whole

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["PowerLaw", "WidthDepth", "fit_power_law", "split_width_depth"]


@dataclass(frozen=True)
class PowerLaw:
    """``y = coefficient * x^exponent``.

    Attributes
    ----------
    coefficient, exponent : float
    r_squared : float
        Share of the variance of log y that the law explains; 1 if y does not vary.
    """

    coefficient: float
    exponent: float
    r_squared: float


@dataclass(frozen=True, eq=False)
class WidthDepth:
    """Ways to divide a budget.

    Attributes
    ----------
    width : ndarray of int64, shape (num_splits,)
        Runs side by side.
    depth : ndarray of int64, shape (num_splits,)
        Iterations of each, all that the budget has for it.
    gain : ndarray of float64, shape (num_splits,)
        Expected gain of the best run.
    best : int
        Index of the largest gain; of equal ones the first, which has the fewest runs.
    """

    width: NDArray[np.int64]
    depth: NDArray[np.int64]
    gain: NDArray[np.float64]
    best: int


@declared("frontier-eng", grade="D")
def fit_power_law(x: ArrayLike, y: ArrayLike) -> PowerLaw:
    """Fit ``y = c x^a`` by least squares of the logarithms (derived).

    Parameters
    ----------
    x, y : array_like, shape (n,)
        Above 0; two different x at least.

    Returns
    -------
    law : PowerLaw

    Raises
    ------
    ValueError
        If a number is not above 0 or all x are equal.
    ShapeError
        If the arrays are not one-dimensional and of one length.

    References
    ----------
    arXiv 2604.12290.

    Examples
    --------
    >>> law = fit_power_law([1, 2, 4, 8], [3, 1.5, 0.75, 0.375])
    >>> round(law.exponent, 6), round(law.coefficient, 6), round(law.r_squared, 6)
    (-1.0, 3.0, 1.0)
    """
    across = np.log(numbers("x", x, 0, open_low=True, ndim=1))
    up = np.log(numbers("y", y, 0, open_low=True, ndim=1))
    if len(across) != len(up):
        raise ShapeError(f"`x` and `y` must have one length, got {len(across)} and {len(up)}")
    from_mean, rise = across - across.mean(), up - up.mean()
    if not from_mean.any():
        raise ValueError(f"`x` must have two different values, got {len(across)} equal")
    exponent = (from_mean @ rise) / (from_mean @ from_mean)
    rest = rise - exponent * from_mean
    explained = 1 - (rest @ rest) / (rise @ rise) if rise.any() else 1.0
    return PowerLaw(float(np.exp(up.mean() - exponent * across.mean())), float(exponent), float(explained))


@declared("frontier-eng", grade="D")
def split_width_depth(
    budget: int,
    *,
    widths: ArrayLike | None = None,
    frequency: float = 1,
    frequency_power: float = 1,
    magnitude: float = 1,
    magnitude_power: float = 1,
) -> WidthDepth:
    """Return the expected gain of dividing a budget of iterations over runs of which the best counts (derived).

    Parameters
    ----------
    budget : int
        Iterations in all, 1 to 5,000.
    widths : array_like of int, shape (num_splits,), optional
        Numbers of runs to compare, 1 to `budget`; by default the divisors of the budget.
    frequency, frequency_power : float, default 1
        A run improves at iteration i with probability ``min(1, frequency / i^frequency_power)``; 0 or more.
    magnitude, magnitude_power : float, default 1
        Its j-th improvement is ``magnitude / j^magnitude_power``; 0 or more.

    Returns
    -------
    splits : WidthDepth

    Raises
    ------
    ValueError
        If a number is out of range.
    ShapeError
        If `widths` is not one-dimensional or is empty.

    Notes
    -----
    Runs are independent. Nothing is simulated: the number of improvements of a run has an exact distribution, and gains
    grow with it, so that the best of w runs has its w-th power. O(budget^2).

    References
    ----------
    arXiv 2604.12290.

    Examples
    --------
    >>> splits = split_width_depth(64, widths=[1, 4, 64])
    >>> splits.depth, splits.gain.round(2), int(splits.width[splits.best])
    (array([64, 16,  1]), array([2.18, 2.22, 1.  ]), 4)
    """
    total = integer("budget", budget, 1, 5_000)
    if widths is None:
        width = np.array([w for w in range(1, total + 1) if total % w == 0], dtype=np.int64)
    else:
        width = whole("widths", widths, 1, total, ndim=1)
    depth = total // width
    often, rarer = number("frequency", frequency, 0), number("frequency_power", frequency_power, 0)
    size, smaller = number("magnitude", magnitude, 0), number("magnitude_power", magnitude_power, 0)
    deepest = int(depth.max())
    ordinal = np.arange(1, deepest + 1, dtype=np.float64)
    with np.errstate(over="ignore"):  # What is rarer or smaller than any number is 0.
        chance = np.minimum(1.0, often / ordinal**rarer)
        gains = np.concatenate([[0.0], np.cumsum(size / ordinal**smaller)])
    needed = set(depth.tolist())
    below: dict[int, NDArray[np.float64]] = {}
    counts = np.zeros(deepest + 1)
    counts[0] = 1.0
    for iteration, p in enumerate(chance.tolist(), 1):
        counts[1 : iteration + 1] = counts[1 : iteration + 1] * (1 - p) + counts[:iteration] * p
        counts[0] *= 1 - p
        if iteration in needed:
            below[iteration] = np.minimum(1.0, np.cumsum(counts))
    gain = np.array([_best_of(below[d], w, gains) for w, d in zip(width.tolist(), depth.tolist(), strict=True)])
    return WidthDepth(width, depth, gain, int(gain.argmax()))


def _best_of(below: NDArray[np.float64], runs: int, gains: NDArray[np.float64]) -> float:
    """Return the mean of the largest of independent values of a distribution function."""
    return float(np.diff(below**runs, prepend=0.0) @ gains)
