"""The concurrency at which throughput saturates, from a measured curve or from one fitted to it.

For the study of the AMD Instinct MI325X (arXiv 2603.10031), which publishes numbers and no formulas: the definitions
here are the generic ones.
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

__all__ = ["SaturationCurve", "fit_saturation", "saturation_concurrency"]


@declared("mi325x", grade="D", unit="requests")
def saturation_concurrency(
    concurrency: ArrayLike, throughput: ArrayLike, *, fraction: float = 0.95, peak: float | None = None
) -> float:
    """Return the smallest measured concurrency that reaches a share of the peak throughput; derived definition.

    Parameters
    ----------
    concurrency : array_like, shape (n,)
        Rising, above 0.
    throughput : array_like, shape (n,)
        At each, 0 or more.
    fraction : float, default 0.95
        Of the peak, above 0 and at most 1.
    peak : float, optional
        Of a model such as `SaturationCurve.peak`. Default: the largest throughput measured.

    Returns
    -------
    concurrency : float

    Raises
    ------
    ValueError
        If concurrencies do not rise (the row is named), a number is out of range, infinite or NaN, or none reaches the
        share.
    ShapeError
        If shapes differ or are empty.

    References
    ----------
    arXiv 2603.10031.

    Examples
    --------
    >>> saturation_concurrency([1, 8, 32, 128, 512], [110, 500, 800, 990, 1000])
    128.0
    """
    users, rates = _curve(concurrency, throughput)
    share = number("fraction", fraction, 0, 1, open_low=True)
    top = float(rates.max()) if peak is None else number("peak", peak, 0, open_low=True)
    reached = np.flatnonzero(rates >= share * top)
    if len(reached) == 0:
        raise ValueError(f"`throughput` must reach {share:g} of {top:g}, got at most {rates.max():g}")
    return float(users[reached[0]])


@dataclass(frozen=True)
class SaturationCurve:
    """Throughput over concurrency, ``peak * c / (c + half)``.

    Attributes
    ----------
    peak : float
        Throughput in the limit.
    half : float
        Concurrency at which half of it is reached.
    """

    peak: float
    half: float

    def __post_init__(self) -> None:
        number("peak", self.peak, 0, open_low=True)
        number("half", self.half, 0)

    def predict(self, concurrency: ArrayLike) -> Any:
        """Return the throughput at any concurrency, in its shape."""
        users = numbers("concurrency", concurrency, 0)
        share = np.divide(users, users + self.half, out=np.zeros(users.shape), where=users > 0)
        return plain(np.asarray(self.peak * share))

    def concurrency(self, fraction: ArrayLike = 0.95) -> Any:
        """Return the concurrency that reaches shares of the peak below 1, ``half * fraction / (1 - fraction)``."""
        share = numbers("fraction", fraction, 0, 1, open_low=True)
        if (share == 1).any():
            raise ValueError("`fraction` must be below 1, because the peak is a limit, got 1")
        return plain(np.asarray(self.half * share / (1 - share)))


@declared("mi325x", grade="D")
def fit_saturation(concurrency: ArrayLike, throughput: ArrayLike) -> SaturationCurve:
    """Fit ``peak * c / (c + half)`` to a measured curve; derived, with the least squares of ``c / throughput``.

    Parameters
    ----------
    concurrency : array_like, shape (n,), n >= 2
        Rising, above 0.
    throughput : array_like, shape (n,)
        At each, above 0.

    Returns
    -------
    curve : SaturationCurve

    Raises
    ------
    ValueError
        If concurrencies do not rise, a number is out of range, infinite or NaN, or throughput does not level off.
    ShapeError
        If shapes differ or there are fewer than 2 rows.

    References
    ----------
    arXiv 2603.10031.

    Examples
    --------
    >>> curve = fit_saturation([1, 8, 64], [111.11111, 500, 888.88889])
    >>> round(curve.peak, 3), round(curve.half, 3), round(curve.concurrency(0.95), 2)
    (1000.0, 8.0, 152.0)
    """
    users, rates = _curve(concurrency, throughput)
    numbers("throughput", rates, 0, open_low=True)
    if len(users) < 2:
        raise ShapeError(f"`concurrency` must have 2 rows or more, got {len(users)}")
    centered, inverse = users - users.mean(), users / rates
    slope = float(centered @ inverse / (centered @ centered))
    offset = float(inverse.mean() - slope * users.mean())
    if slope <= 0 or offset < 0:
        raise ValueError("`throughput` must rise with concurrency and level off to be fitted")
    return SaturationCurve(1 / slope, offset / slope)


def _curve(concurrency: ArrayLike, throughput: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    users = numbers("concurrency", concurrency, 0, open_low=True, ndim=1)
    rates = numbers("throughput", throughput, 0, ndim=1)
    if len(users) != len(rates):
        raise ShapeError(f"`throughput` must have {len(users)} rows as `concurrency`, got {len(rates)}")
    rising("concurrency", users)
    return users, rates
