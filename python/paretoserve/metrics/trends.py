"""How fast a cost falls: a decaying exponential fitted to the frontier over time, and its half-life.

After Erol et al., "Cost-of-Pass" (arXiv 2504.13359), who fit the normalized frontier of each data set this way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import number, numbers, plain, rising

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Trend", "fit_trend", "half_life"]

_STEPS = 200
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Trend:
    """A cost that decays: ``amplitude * exp(-rate * time) + floor``.

    Attributes
    ----------
    amplitude : float
        Part of the cost at time 0 that goes.
    rate : float
        Per unit of time, above 0.
    floor : float
        Part that stays.
    half_life : float
        Time in which the part that goes halves, ``ln 2 / rate``.
    residual : float
        Root of the mean squared error of the fit.
    """

    amplitude: float
    rate: float
    floor: float
    half_life: float
    residual: float

    def __post_init__(self) -> None:
        number("floor", self.floor)
        for name in ("amplitude", "rate", "half_life"):
            number(name, getattr(self, name), 0, open_low=True)

    def predict(self, time: ArrayLike) -> Any:
        """Return the cost at any times, in their shape; infinite so long ago that it leaves float64."""
        with np.errstate(over="ignore"):
            return plain(np.asarray(self.amplitude * np.exp(-self.rate * numbers("time", time)) + self.floor))


@declared("cost-of-pass", grade="R")
def half_life(rate: ArrayLike) -> Any:
    """Return the time in which something that decays at a rate halves, ``ln 2 / rate``.

    Parameters
    ----------
    rate : array_like
        Per unit of time, above 0.

    Returns
    -------
    half_life : float or ndarray of float64

    Raises
    ------
    ValueError
        If a rate is 0 or less, infinite or NaN.

    References
    ----------
    arXiv 2504.13359: 2.6 months (MATH-500) and 7.1 (AIME 2024).

    Examples
    --------
    >>> round(half_life(0.2666), 2)
    2.6
    """
    return plain(np.asarray(np.log(2) / numbers("rate", rate, 0, open_low=True)))


@declared("cost-of-pass", grade="T")
def fit_trend(time: ArrayLike, cost: ArrayLike) -> Trend:
    """Fit ``amplitude * exp(-rate * time) + floor`` by least squares.

    Parameters
    ----------
    time : array_like, shape (n,), n >= 3
        Rising, in any unit, such as months.
    cost : array_like, shape (n,)
        Frontier costs, finite.

    Returns
    -------
    trend : Trend
        Rates are searched between one per 100 and one per 1/100 of the time spanned; for a given rate the other two
        parameters are the solution of a linear problem.

    Raises
    ------
    ValueError
        If times do not rise (the row is named), a number is infinite or NaN, or costs do not decay.
    ShapeError
        If shapes differ or there are fewer than 3 rows.

    References
    ----------
    arXiv 2504.13359; the fit itself is not in the authors' repository.

    Examples
    --------
    >>> months = np.arange(12)
    >>> trend = fit_trend(months, 0.9 * np.exp(-0.2666 * months) + 0.1)
    >>> round(trend.half_life, 3), round(trend.floor, 3)
    (2.6, 0.1)
    """
    moments, costs = numbers("time", time, ndim=1), numbers("cost", cost, ndim=1)
    if len(costs) != len(moments) or len(costs) < 3:
        raise ShapeError(f"`time` and `cost` must have one length of 3 or more, got {len(moments)} and {len(costs)}")
    rising("time", moments)
    origin, span = moments[0], moments[-1] - moments[0]
    grid = np.linspace(np.log(0.01), np.log(100), _STEPS)
    unit = (moments - origin) / span
    errors = [_decay(unit, costs, rate)[2] for rate in grid]
    best = int(np.argmin(errors))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, _STEPS - 1)]
    log_rate = _narrowed(unit, costs, low, high)
    amplitude, floor, error = _decay(unit, costs, log_rate)
    if amplitude <= 0:
        raise ValueError(f"`cost` must decay over time, got {costs[0]:g} at first and {costs[-1]:g} at last")
    rate = float(np.exp(log_rate) / span)
    return Trend(float(amplitude * np.exp(rate * origin)), rate, floor, float(np.log(2) / rate), error**0.5)


def _decay(unit: NDArray[np.float64], costs: NDArray[np.float64], log_rate: float) -> tuple[float, float, float]:
    """Return amplitude, floor and mean squared error of the best fit with this rate."""
    shape = np.exp(-np.exp(log_rate) * unit)
    centered = shape - shape.mean()
    amplitude = float(centered @ costs / (centered @ centered))
    floor = float(costs.mean() - amplitude * shape.mean())
    return amplitude, floor, float(np.mean((amplitude * shape + floor - costs) ** 2))


def _narrowed(unit: NDArray[np.float64], costs: NDArray[np.float64], low: float, high: float) -> float:
    """Return the logarithm of the rate of least error in an interval, by golden section."""
    for _ in range(_STEPS // 2):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if _decay(unit, costs, left)[2] <= _decay(unit, costs, right)[2]:
            high = right
        else:
            low = left
    return (low + high) / 2
