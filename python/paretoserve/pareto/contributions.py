"""What single points add to a hypervolume: those of a set to the rest of it, and candidates to a set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from paretoserve import _native
from paretoserve.pareto._volumes import matrix, settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from paretoserve.pareto._arguments import Sense
    from paretoserve.pareto._points import PointsLike
    from paretoserve.pareto._volumes import NanPolicy

__all__ = ["hv_contributions", "hv_improvement", "hv_least"]


def hv_contributions(
    points: PointsLike,
    ref: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    nan: NanPolicy = "raise",
    threads: int | None = None,
) -> NDArray[np.float64]:
    """Return per point the hypervolume that is lost without it.

    Parameters
    ----------
    points, ref, sense, nan, threads
        As for `hypervolume`; the volume must be finite. A row that ``nan="drop"`` leaves out contributes 0.

    Returns
    -------
    contributions : ndarray of float64, shape (n,)
        The hypervolume of all points less that of all but this one: 0 for a dominated point, for each of several equal
        ones, and for a point that is not better than `ref` in every objective. What a point shares with one that it
        dominates is not lost with it.

    Raises
    ------
    ShapeError, DtypeError
        As for `hypervolume`.
    ValueError
        As for `hypervolume`, and if `ref` or a point inside it is infinite.

    Notes
    -----
    Up to three objectives each is a sum of boxes, so small ones keep their digits. Above, it is what others leave of
    the box between the point and where single other points end it, right to about 1e-15 of that box. O(n log n) for
    d <= 3 (HVC3D of Guerreiro and Fonseca 2018), about n^2 for d = 4; above, n exclusive volumes as in `hypervolume`.

    Examples
    --------
    >>> hv_contributions([[1, 3], [2, 2], [3, 1]], ref=[4, 4])
    array([1., 1., 1.])
    >>> hv_contributions([[1, 3], [2, 2], [2, 2], [3, 3]], ref=[4, 4])
    array([1., 0., 0., 0.])
    >>> hv_contributions([[3, 1], [1, 3]], ref=0, sense="max")
    array([2., 2.])
    >>> hv_contributions([[1, 1], [float("nan"), 0]], ref=[4, 4], nan="drop", threads=2)
    array([9., 0.])
    """
    rows = matrix("points", points)
    out = np.zeros(len(rows))
    _native.pareto_hv_contributions(out, rows, settings(rows.shape[1], ref, sense, nan, threads))
    return out


def hv_least(
    points: PointsLike,
    ref: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    nan: NanPolicy = "raise",
    threads: int | None = None,
) -> tuple[int, float]:
    """Return the point whose loss costs the least hypervolume, and what it costs.

    Parameters
    ----------
    points, ref, sense, nan, threads
        As for `hv_contributions`.

    Returns
    -------
    index : int
        The row; the first of several that cost the same. A dominated point or one outside `ref` costs nothing.
    contribution : float
        What it alone dominates.

    Raises
    ------
    ShapeError, DtypeError
        As for `hv_contributions`.
    ValueError
        As for `hv_contributions`, and if there is no point.

    Notes
    -----
    The cost of `hv_contributions`.

    Examples
    --------
    >>> hv_least([[1, 4], [2, 3], [5, 1]], ref=[6, 6])
    (0, 2.0)
    """
    contributions = hv_contributions(points, ref, sense, nan=nan, threads=threads)
    if not len(contributions):
        raise ValueError("`points` must have 1 row or more, got none")
    index = int(contributions.argmin())
    return index, float(contributions[index])


def hv_improvement(
    front: PointsLike,
    candidates: PointsLike,
    ref: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    nan: NanPolicy = "raise",
    threads: int | None = None,
) -> NDArray[np.float64]:
    """Return the hypervolume that each candidate alone would add to a set.

    Parameters
    ----------
    front : array_like, shape (n, d)
        The set, as `points` of `hypervolume`; dominated rows and duplicates change nothing, and it may have no row.
    candidates : array_like, shape (m, d)
        One row per candidate, each looked at by itself.
    ref, sense, nan, threads
        As for `hypervolume`; `nan` holds for both tables, and the volume must be finite.

    Returns
    -------
    improvement : ndarray of float64, shape (m,)
        The hypervolume of the set with the candidate less that without it: 0 for one that is dominated, equals a point
        of the set or is not better than `ref` in every objective.

    Raises
    ------
    ShapeError, DtypeError
        As for `hypervolume`, and if the tables differ in the number of objectives.
    ValueError
        As for `hypervolume`, and if `ref` or a point inside it is infinite.

    Notes
    -----
    Right to about 1e-15 of the box between a candidate and where single points of the set end it, not of the volume of
    the set. O((n + m) log n) for d <= 2, plus the points that candidates dominate; above, a pass over the front per
    candidate and the volume of what reaches into its box.

    Examples
    --------
    >>> hv_improvement([[1, 3], [3, 1]], [[2, 2], [1, 3], [0, 0], [5, 0]], ref=[4, 4])
    array([ 1.,  0., 11.,  0.])
    >>> hv_improvement(np.empty((0, 2)), [[2, 2]], ref=0, sense="max")
    array([4.])
    """
    rows = matrix("front", front)
    others = matrix("candidates", candidates, rows.shape[1])
    out = np.zeros(len(others))
    _native.pareto_hv_improvement(out, rows, others, settings(rows.shape[1], ref, sense, nan, threads))
    return out
