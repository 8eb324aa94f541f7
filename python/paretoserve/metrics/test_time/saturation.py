"""How many samples or rethinks help before more of them do not.

Wang et al., "Scaling over Scaling: Exploring Test-Time Scaling Plateau in Large Reasoning Models" (arXiv 2505.20522).
The two models are from a secondary source; the bound is derived from the paper's definition of saturation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, numbers, place_of, plain

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["sampling_gain", "sampling_success", "saturation_samples"]


@declared("ttspm", grade="S", unit="1", sense="max")
def sampling_success(success: ArrayLike, samples: ArrayLike, *, ceiling: ArrayLike = 1) -> Any:
    """Return the accuracy after N samples or rethinks, ``F_max (1 - (1 - p)^N)``.

    Parameters
    ----------
    success : array_like
        p, 0 to 1: that one sample is right, or that one rethink leaves the wrong state (which is never entered again).
    samples : array_like
        N, 0 or more.
    ceiling : array_like, default 1
        F_max, the accuracy of endless samples, 0 to 1.

    Returns
    -------
    accuracy : float or ndarray of float64

    Raises
    ------
    ValueError
        If an argument is out of range or NaN.
    ShapeError
        If the arguments do not broadcast.

    Notes
    -----
    The model is from a secondary source.

    References
    ----------
    arXiv 2505.20522.

    Examples
    --------
    >>> sampling_success(0.3, [0, 1, 10]).round(5)
    array([0.     , 0.3    , 0.97175])
    """
    p, n, most = _arguments(success, samples, ceiling)
    return plain(most * np.abs(np.expm1(n * _log_failure(p, n))))


@declared("ttspm", grade="S", unit="1", sense="max")
def sampling_gain(success: ArrayLike, samples: ArrayLike, *, ceiling: ArrayLike = 1) -> Any:
    """Return the accuracy that one more sample adds after N, ``F_max p (1 - p)^N``.

    Parameters
    ----------
    success, samples, ceiling
        As for `sampling_success`.

    Returns
    -------
    gain : float or ndarray of float64

    Raises
    ------
    ValueError
        If an argument is out of range or NaN.
    ShapeError
        If the arguments do not broadcast.

    Notes
    -----
    The model is from a secondary source.

    References
    ----------
    arXiv 2505.20522.

    Examples
    --------
    >>> sampling_gain(0.3, [9, 10]).round(6)
    array([0.012106, 0.008474])
    """
    p, n, most = _arguments(success, samples, ceiling)
    return plain(most * p * np.exp(n * _log_failure(p, n)))


@declared("ttspm", grade="D", unit="samples", sense="min")
def saturation_samples(success: ArrayLike, tolerance: ArrayLike, *, ceiling: ArrayLike = 1) -> Any:
    """Return the first N from which one more sample adds at most a tolerance (derived).

    Parameters
    ----------
    success : array_like
        p, 0 to 1.
    tolerance : array_like
        The gain that is no longer worth a sample, above 0.
    ceiling : array_like, default 1
        F_max, 0 to 1.

    Returns
    -------
    samples : float or ndarray of float64
        Whole numbers, ``ceil(ln(tolerance / (F_max p)) / ln(1 - p))``; 0 where not even the first sample adds more, as
        with p = 0; 1 where p = 1.

    Raises
    ------
    ValueError
        If an argument is out of range or NaN.
    ShapeError
        If the arguments do not broadcast.

    Notes
    -----
    The paper's printed bound could not be read; this is the only solution of its definition, for samples and rethinks
    alike. A gain that is above the tolerance by a relative 1e-12 or less counts as equal to it.

    References
    ----------
    arXiv 2505.20522.

    Examples
    --------
    >>> saturation_samples([0.3, 0.05, 0.005], 0.01)
    array([10., 32.,  0.])
    """
    bounds = numbers("tolerance", tolerance, 0)
    zero = np.argwhere(bounds == 0)
    if len(zero):
        raise ValueError(f"`tolerance` must be finite numbers above 0, got 0.0{place_of(zero[0])}")
    p, least, most = broadcast(
        success=numbers("success", success, 0, 1),
        tolerance=bounds,
        ceiling=numbers("ceiling", ceiling, 0, 1),
    )
    first = most * p
    helps = first > least
    steps = np.where(helps, 1.0, 0.0)
    many = helps & (p < 1)
    gain, bound, decay = first[many], least[many], np.log1p(-p[many])
    # Logarithms apart, since the ratio to a tiny tolerance may be no number.
    found = np.ceil((np.log(bound) - np.log(gain)) / decay)
    # Rounding may have put a whole number on the wrong side of itself.
    bound = bound * (1 + 1e-12)
    found -= gain * np.exp((found - 1) * decay) <= bound
    found += gain * np.exp(found * decay) > bound
    steps[many] = found
    return plain(steps)


def _arguments(success: ArrayLike, samples: ArrayLike, ceiling: ArrayLike) -> list[NDArray[np.float64]]:
    return broadcast(
        success=numbers("success", success, 0, 1),
        samples=numbers("samples", samples, 0),
        ceiling=numbers("ceiling", ceiling, 0, 1),
    )


def _log_failure(p: NDArray[np.float64], n: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ln(1 - p), but 0 where no sample is taken, so that 0 * -infinity is no NaN."""
    taken = n > 0
    with np.errstate(divide="ignore"):
        return np.where(taken, np.log1p(-np.where(taken, p, 0)), 0.0)
