"""The knee of a front: the point where giving up a little of one objective stops buying much of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from paretoserve.pareto._arguments import directions, one_of
from paretoserve.pareto._points import as_points
from paretoserve.pareto.mask import mask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from paretoserve.pareto._arguments import Sense

__all__ = ["knee"]


def knee(
    points: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    nan: Literal["raise", "drop"] = "raise",
) -> int | None:
    """Return the index of the front's point furthest from the plane through its extremes, on the side of the ideal.

    Every objective is scaled to 0 for its best and 1 for its worst value on the front; one that is constant there is
    left out. The plane goes through the d corners that are worst in one objective and best in all others (for two
    objectives: the chord between the two ends of the front), so the furthest point is the one with the least sum of
    scaled objectives.

    Parameters
    ----------
    points : array_like, shape (n, d), any integer, float16/32/64 or bool dtype
        One row per point, one column per objective. Not modified.
    sense : {"min", "max"} or sequence of d of them, default "min"
        Direction per objective.
    nan : {"raise", "drop"}, default "raise"
        Whether a row with NaN is an error or takes no part.

    Returns
    -------
    index : int or None
        The first of equally far points; None when there is no point at all.

    Raises
    ------
    ShapeError, DtypeError
        As for `mask`.
    ValueError
        If there is a NaN under ``nan="raise"``, or the front holds an infinity, which no scale can hold.

    Notes
    -----
    The cost of `mask` plus O(m d) for m points of the front; distances are computed in float64. The chord method is
    that of Das (1999), "On characterizing the knee of the Pareto curve based on normal-boundary intersection".

    Examples
    --------
    >>> knee([[0, 10], [1, 2], [5, 1], [10, 0], [9, 9]])
    1
    >>> knee([[0, 0], [2, 4], [5, 5]], ["min", "max"])
    1
    """
    one_of("nan", nan, ("raise", "drop"))
    table = as_points("points", points)
    indices = np.flatnonzero(mask(points, sense, keep="first", nan=nan))
    if len(indices) == 0:
        return None
    front = table.rows(indices)
    if not np.isfinite(front).all():
        row, column = np.argwhere(~np.isfinite(front))[0]
        raise ValueError(
            f"`points` must be finite on the front, got {front[row, column]} in row {indices[row]}, column {column}"
        )
    distance = np.zeros(len(indices))
    for column, maximize in zip(front.T, directions(sense, front.shape[1]), strict=True):
        size = np.abs(column).max()
        if column.min() == column.max():
            continue
        # Divided by the size first: a range from -1e308 to 1e308 would overflow.
        scaled = column / size
        best, worst = (scaled.max(), scaled.min()) if maximize else (scaled.min(), scaled.max())
        distance += (scaled - best) / (worst - best)
    return int(indices[distance.argmin()])
