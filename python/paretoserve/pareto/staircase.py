"""The line that a front of two objectives draws: what is reached so far, from its best x to its worst."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.pareto._arguments import directions, real_numbers
from paretoserve.pareto._points import as_points
from paretoserve.pareto.mask import front

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from paretoserve.pareto._arguments import Sense

__all__ = ["staircase"]


def staircase(
    points: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    limits: Sequence[float] | None = None,
) -> NDArray[np.float64]:
    """Return the corners of the line between what the points reach in two objectives and what they do not.

    A point reaches everything that it dominates, so the line leaves it towards worse x at its own y and then turns to
    the y of the next point: whatever the directions, the corner lies on the worse side, and no step promises a point
    that was not measured.

    Parameters
    ----------
    points : array_like, shape (n, 2), any integer, float16/32/64 or bool dtype
        Not modified. Dominated points and points with a NaN add nothing.
    sense : {"min", "max"} or a sequence of two of them, default "min"
        Direction of x and of y.
    limits : sequence of two floats, optional
        Worst x and worst y to draw the ends of the line to. Default: the worst ones among `points` without NaN.
        A point that is worse than a limit moves that end out to itself.

    Returns
    -------
    corners : ndarray of float64, shape (2 m + 1, 2)
        For a front of m points without equals: the end at the worst y, the points in turn with the corners between
        them, the end at the worst x. Shape (0, 2) without a point.

    Raises
    ------
    ShapeError
        If there are not two objectives, directions or limits.
    DtypeError
        As for `mask`.
    ValueError
        If a direction is unknown or a limit NaN.

    Notes
    -----
    The cost of `mask`. Integers above 2^53 are rounded in the corners, not in the comparison.

    Examples
    --------
    >>> staircase([[0, 3], [1, 1], [2, 2]])
    array([[0., 3.],
           [0., 3.],
           [1., 3.],
           [1., 1.],
           [2., 1.]])
    >>> staircase([[10, 1], [20, 3]], ["max", "min"], limits=[0, 5])
    array([[20.,  5.],
           [20.,  3.],
           [10.,  3.],
           [10.,  1.],
           [ 0.,  1.]])
    """
    table = as_points("points", points)
    if table.d != 2:
        raise ShapeError(f"`points` must have 2 objectives to draw a line, got {table.d}")
    maximize = directions(sense, 2)
    values = table.rows()
    values = values[~np.isnan(values).any(axis=1)]
    ends = _worst(values, maximize, limits)
    steps = table.rows(front(points, sense, keep="first", nan="drop"))
    if len(steps) == 0:
        return np.empty((0, 2))
    corners = np.empty((2 * len(steps) + 1, 2))
    corners[1::2] = steps
    corners[2:-1:2, 0], corners[2:-1:2, 1] = steps[1:, 0], steps[:-1, 1]
    corners[0] = steps[0, 0], ends[1]
    corners[-1] = ends[0], steps[-1, 1]
    return corners


def _worst(values: NDArray[np.float64], maximize: list[bool], limits: Sequence[float] | None) -> NDArray[np.float64]:
    """Return the worst x and y that the line is drawn to."""
    given = np.empty((0, 2)) if limits is None else real_numbers("limits", limits, "the worst x and y")
    if limits is not None and given.shape != (2,):
        raise ShapeError(f"`limits` must have 2 entries, the worst x and y, got shape {given.shape}")
    if np.isnan(given).any():
        raise ValueError("`limits` must be numbers, got NaN")
    seen = np.vstack([given.reshape(-1, 2), values])
    if len(seen) == 0:
        return np.full(2, np.nan)
    worst: NDArray[np.float64] = np.where(maximize, seen.min(axis=0), seen.max(axis=0))
    return worst
