"""Which experiment to do next, by a Gaussian process that knows the ones done.

Tian et al., "Efficient Estimation of Material Property Curves and Surfaces via Active Learning" (arXiv 2010.06896),
find that the largest variance is the best guide on average when the whole curve is wanted. The formulas are
derived here, from the usual ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, number, numbers, plain
from paretoserve.metrics._options import one_of, sign_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Sense = Literal["min", "max"]
    Strategy = Literal["variance", "improvement", "bound"]

__all__ = ["Experiment", "expected_improvement", "gaussian_process", "next_experiment"]


@dataclass(frozen=True, eq=False)
class Experiment:
    """The candidate to try next.

    Attributes
    ----------
    index : int
        Of the candidate of largest utility; of equal ones the first.
    utility, mean, std : ndarray of float64, shape (num_candidates,)
    """

    index: int
    utility: NDArray[np.float64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]


@declared("material-curves", grade="D")
def gaussian_process(
    x: ArrayLike,
    y: ArrayLike,
    candidates: ArrayLike,
    *,
    length: ArrayLike = 1,
    amplitude: float = 1,
    noise: float = 0,
    mean: float = 0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation of a Gaussian process after some measurements (derived).

    Parameters
    ----------
    x : array_like, shape (n,) or (n, d)
        Where was measured; all different if `noise` is 0.
    y : array_like, shape (n,)
        What was measured.
    candidates : array_like, shape (m,) or (m, d)
    length : array_like, default 1
        Of the kernel, above 0: a number or one per dimension.
    amplitude : float, default 1
        Standard deviation before any measurement, above 0.
    noise : float, default 0
        Standard deviation of a measurement, 0 or more.
    mean : float, default 0
        Before any measurement.

    Returns
    -------
    mean, std : ndarray of float64, shape (m,)
        Of the function, without the noise of a further measurement.

    Raises
    ------
    ValueError
        If a number is out of range, or measurements without noise lie so close together that the kernel is singular.
    ShapeError
        If shapes do not fit.

    Notes
    -----
    Kernel ``amplitude^2 exp(-r^2 / 2)`` with r in lengths; nothing is fitted. Exact, by Cholesky factors, in
    O(n^3 + n^2 m).

    References
    ----------
    arXiv 2010.06896; Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, algorithm 2.1.

    Examples
    --------
    >>> mean, std = gaussian_process([0, 4], [1, 2], [0, 1, 6])
    >>> mean.round(3), (std**2).round(6)
    (array([1.   , 0.628, 0.271]), array([0.      , 0.632002, 0.981684]))
    """
    at, where = _places("x", x), _places("candidates", candidates)
    seen = numbers("y", y, ndim=1)
    if len(seen) != len(at):
        raise ShapeError(f"`y` must have one value per row of `x`, {len(at)}, got {len(seen)}")
    if at.shape[1] != where.shape[1]:
        raise ShapeError(f"`candidates` must have as many columns as `x`, {at.shape[1]}, got {where.shape[1]}")
    scale = numbers("length", length, 0, open_low=True)
    if scale.shape not in ((), (at.shape[1],)):
        raise ShapeError(f"`length` must be a number or have shape ({at.shape[1]},), got {scale.shape}")
    size = number("amplitude", amplitude, 0, open_low=True)
    error = number("noise", noise, 0)
    middle = number("mean", mean)
    own = size**2 * _kernel(at / scale, at / scale) + error**2 * np.eye(len(at))
    cross = size**2 * _kernel(at / scale, where / scale)
    try:
        factor = np.linalg.cholesky(own)
    except np.linalg.LinAlgError:
        raise ValueError(
            "`x` must be further apart: rows without noise are equal or nearly so\nhint: pass `noise` above 0"
        ) from None
    half = np.linalg.solve(factor, cross)
    result = middle + half.T @ np.linalg.solve(factor, seen - middle)
    return result, np.sqrt(np.maximum(size**2 - (half**2).sum(axis=0), 0.0))


@declared("material-curves", grade="D", sense="max")
def expected_improvement(mean: ArrayLike, std: ArrayLike, incumbent: ArrayLike, *, sense: Sense = "min") -> Any:
    """Return how much a normal value is expected to be better than the best so far (derived).

    Parameters
    ----------
    mean, std : array_like
        Of the value; `std` 0 or more.
    incumbent : array_like
        The best so far.
    sense : {"min", "max"}, default "min"
        Which values are better.

    Returns
    -------
    improvement : float or ndarray of float64
        ``d Phi(d / std) + std phi(d / std)`` for a lead d of the mean over the incumbent; ``max(d, 0)`` where `std` is
        0.

    Raises
    ------
    ValueError
        If a number is out of range or NaN, or `sense` is neither.
    ShapeError
        If the arguments do not broadcast.

    References
    ----------
    arXiv 2010.06896; Jones, Schonlau and Welch, 1998.

    Examples
    --------
    >>> round(expected_improvement(1, 0.5, 1.2), 6)
    0.315219
    """
    middle, spread, best = broadcast(
        mean=numbers("mean", mean), std=numbers("std", std, 0), incumbent=numbers("incumbent", incumbent)
    )
    lead = sign_of(sense) * (middle - best)
    with np.errstate(over="ignore"):  # A lead of many deviations is as good as certain.
        ratio = np.divide(lead, spread, out=np.zeros(lead.shape), where=spread > 0)
        density = np.exp(-(ratio**2) / 2) / math.sqrt(2 * math.pi)
    below = np.vectorize(math.erfc, otypes=[float])(-ratio / math.sqrt(2)) / 2
    improvement = lead * below + spread * density
    return plain(np.where(spread > 0, np.maximum(improvement, 0.0), np.maximum(lead, 0.0)))


@declared("material-curves", grade="D")
def next_experiment(
    x: ArrayLike,
    y: ArrayLike,
    candidates: ArrayLike,
    *,
    strategy: Strategy = "variance",
    sense: Sense = "min",
    kappa: float = 1,
    length: ArrayLike = 1,
    amplitude: float = 1,
    noise: float = 0,
    mean: float = 0,
) -> Experiment:
    """Return the candidate from which most is to be learned or gained (derived).

    Parameters
    ----------
    x, y, candidates, length, amplitude, noise, mean
        As for `gaussian_process`.
    strategy : {"variance", "improvement", "bound"}, default "variance"
        Utility: the posterior variance, best on average in the paper when the whole curve is wanted; the expected
        improvement on the best of `y`; or ``kappa std`` plus the mean in the better direction.
    sense : {"min", "max"}, default "min"
        Which values are better; "variance" does not ask.
    kappa : float, default 1
        Of "bound", 0 or more.

    Returns
    -------
    experiment : Experiment

    Raises
    ------
    ValueError, ShapeError
        As for `gaussian_process`; also if `strategy` or `sense` is unknown or `kappa` negative.

    References
    ----------
    arXiv 2010.06896.

    Examples
    --------
    >>> found = next_experiment([0, 4], [0.3, 0.1], [1, 2, 3, 5, 6])
    >>> found.index, found.utility.round(6)
    (4, array([0.632002, 0.963381, 0.632002, 0.632121, 0.981684]))
    """
    one_of("strategy", strategy, ("variance", "improvement", "bound"))
    sign, wide = sign_of(sense), number("kappa", kappa, 0)
    middle, std = gaussian_process(x, y, candidates, length=length, amplitude=amplitude, noise=noise, mean=mean)
    if strategy == "variance":
        utility = std**2
    elif strategy == "improvement":
        best = sign * (sign * np.asarray(y, dtype=np.float64)).max()
        utility = np.asarray(expected_improvement(middle, std, best, sense=sense))
    else:
        utility = sign * middle + wide * std
    return Experiment(int(utility.argmax()), utility, middle, std)


def _places(argument: str, values: ArrayLike) -> NDArray[np.float64]:
    array = numbers(argument, values)
    if array.ndim not in (1, 2) or array.size == 0:
        raise ShapeError(f"`{argument}` must have shape (n,) or (n, d) and not be empty, got {array.shape}")
    return array.reshape(len(array), -1)


def _kernel(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    square = ((left[:, None] - right[None]) ** 2).sum(axis=2)
    return np.asarray(np.exp(-square / 2))
