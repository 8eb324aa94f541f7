"""Objectives on a common scale: 0 for the best, 1 for the worst value of the front."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from paretoserve.pareto._arguments import directions
from paretoserve.pareto._values import float_rows, like_rows
from paretoserve.pareto.mask import mask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from paretoserve.pareto._arguments import Sense
    from paretoserve.pareto._values import NanOfRows

__all__ = ["normalise", "unit_rows"]


def normalise(
    points: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    ideal: ArrayLike | None = None,
    nadir: ArrayLike | None = None,
    nan: NanOfRows = "raise",
) -> NDArray[np.float64]:
    """Return every objective as 0 at the ideal and 1 at the nadir, to be minimized.

    Parameters
    ----------
    points : array_like, shape (n, d), any integer, float16/32/64 or bool dtype
        One row per point, one column per objective. Integers above 2^53 are rounded. Not modified.
    sense : {"min", "max"} or sequence of d of them, default "min"
        Direction per objective; the result is to be minimized in all.
    ideal, nadir : float or array_like of shape (d,), optional
        What becomes 0 and what becomes 1, in the units of `points`. By default the best and the worst value of each
        objective on the front of `points`, so that a dominated row may get more than 1.
    nan : {"raise", "drop"}, default "raise"
        Whether a row with NaN is an error or takes no part: its row of the result is NaN.

    Returns
    -------
    scaled : ndarray of float64, shape (n, d)

    Raises
    ------
    ShapeError, DtypeError
        As for `mask`, or if `ideal` or `nadir` has not one number per objective.
    ValueError
        If there is an infinity, NaN under ``nan="raise"``, or a nadir that is better than the ideal.

    Notes
    -----
    An objective whose nadir equals its ideal has no scale: it becomes 0 in every row, which leaves it out of any sum.
    A range up to the largest float64 does not overflow. The cost of `mask` when a bound is not given.

    Examples
    --------
    >>> normalise([[1, 30], [2, 10], [3, 20]], ["max", "min"])
    array([[2., 2.],
           [1., 0.],
           [0., 1.]])
    >>> normalise([[1.0, 30.0]], ideal=0, nadir=[2, 40])
    array([[0.5 , 0.75]])
    >>> normalise([[1, 3], [np.nan, 1], [2, 2]], nan="drop")
    array([[ 0.,  1.],
           [nan, nan],
           [ 1.,  0.]])
    """
    rows, indices, n = float_rows("points", points, nan=nan)
    scaled = np.full((n, rows.shape[1]), np.nan)
    scaled[indices] = unit_rows(rows, directions(sense, rows.shape[1]), ideal=ideal, nadir=nadir)
    return scaled


def unit_rows(
    rows: NDArray[np.float64],
    maximize: list[bool],
    *,
    ideal: ArrayLike | None = None,
    nadir: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Return finite rows on the scale of `normalise`."""
    d = rows.shape[1]
    best, worst = _bounds(rows, maximize) if ideal is None or nadir is None else (np.zeros(d), np.zeros(d))
    best = best if ideal is None else like_rows("ideal", ideal, d)
    worst = worst if nadir is None else like_rows("nadir", nadir, d)
    scaled = np.empty_like(rows)
    for k in range(d):
        sign = -1.0 if maximize[k] else 1.0
        if sign * best[k] > sign * worst[k]:
            raise ValueError(
                f"`nadir` must not be better than `ideal`, got {worst[k]} and {best[k]} for objective {k}\n"
                "hint: the ideal is the largest value where larger is better"
            )
        # A power of two, so that the division loses nothing; without it a range from -1e308 to 1e308 would overflow.
        step = -int(np.frexp(max(abs(best[k]), abs(worst[k]), np.abs(rows[:, k]).max(initial=0.0)))[1]) - 1
        low, high, column = np.ldexp(best[k], step), np.ldexp(worst[k], step), np.ldexp(rows[:, k], step)
        if low == high and best[k] != worst[k]:
            low, high, column = best[k], worst[k], rows[:, k]
        with np.errstate(over="ignore"):
            scaled[:, k] = 0.0 if low == high else (column - low) / (high - low) + 0.0
    return scaled


def _bounds(rows: NDArray[np.float64], maximize: list[bool]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the best and the worst value of each objective on the front."""
    d = rows.shape[1]
    if len(rows) == 0:
        return np.zeros(d), np.zeros(d)
    front = rows[mask(rows, ["max" if each else "min" for each in maximize])]
    low, high = front.min(axis=0), front.max(axis=0)
    return np.where(maximize, high, low), np.where(maximize, low, high)
