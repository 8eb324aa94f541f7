"""The supported front: the rows that no mixture of others matches; mixtures of configurations reach its hull."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve import _native
from paretoserve.pareto._arguments import directions, thread_count
from paretoserve.pareto._points import as_points
from paretoserve.pareto._values import front_rows
from paretoserve.pareto.normalise import unit_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from paretoserve.pareto._arguments import Sense
    from paretoserve.pareto._values import NanOfRows

__all__ = ["hull"]

# Up to this ratio of the largest to the smallest size in a column no product of differences leaves float64.
_RANGE_BITS = 400


def hull(
    points: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    nan: NanOfRows = "raise",
    threads: int | None = None,
) -> NDArray[np.int64]:
    """Return the indices of the supported front: the corners of the convex hull on the side of the ideal.

    A row is on it when some weights, not negative, make it the best alone. Requests that are routed to two or more
    configurations in fixed shares reach every point of the hull between them (for objectives that are means), so a
    row of the front that is not on the hull is beaten by a mixture.

    Parameters
    ----------
    points : array_like, shape (n, d), any integer, float16/32/64 or bool dtype
        One row per point, one column per objective. Not modified.
    sense : {"min", "max"} or sequence of d of them, default "min"
        Direction per objective.
    nan : {"raise", "drop"}, default "raise"
        Whether a row with NaN is an error or takes no part.
    threads : int, optional
        Most threads to use, for d of 3 or more; None decides by size. The result never depends on it.

    Returns
    -------
    indices : ndarray of int64, shape (m,)
        Sorted by the first objective, best first, then by index; of equal rows the first. Empty without points.

    Raises
    ------
    ShapeError, DtypeError
        As for `mask`.
    ValueError
        If there is a NaN under ``nan="raise"``, or an infinity on the front.

    Notes
    -----
    Two objectives: Andrew's monotone chain (1979) with exact turns (Shewchuk 1997), also for integers above 2^53;
    points on a line between corners are left out. The cost of `mask` plus O(m log m) for m points of the front.
    Three and more: a linear program per row of the front, O(m^2 d) and more, in float64 on the scale of `normalise`; a
    row that is better than every mixture by less than 1e-12 of the range is left out.

    Examples
    --------
    >>> hull([[0, 4], [1, 3], [2, 1], [4, 0], [4, 4]])
    array([0, 2, 3])
    >>> hull([[0, 4], [1, 3], [2, 1], [4, 0]], ["min", "max"])
    array([0])
    >>> hull([[0, 0, 4], [0, 4, 0], [4, 0, 0], [1, 1, 1], [2, 2, 1]], threads=1)
    array([0, 1, 3, 2])
    >>> hull([[0, 4], [np.nan, 0], [4, 0]], nan="drop")
    array([0, 2])
    """
    table = as_points("points", points)
    maximize = directions(sense, table.d)
    threads = thread_count(threads)
    front = front_rows("points", points, maximize, nan=nan)
    order = np.lexsort((front.indices, -front.values[:, 0] if maximize[0] else front.values[:, 0]))
    values, indices = front.values[order], front.indices[order]
    if len(indices) <= 1 or table.d == 1:
        return indices[:1]
    if table.d > 2:
        corners = np.zeros(len(indices), dtype=np.uint8)
        _native.pareto_supported(corners, unit_rows(values, maximize), [0.0] * table.d, [1.0] * table.d, True, threads)
        supported: NDArray[np.int64] = indices[corners != 0]
        return supported
    columns = [table.column(k)[indices] for k in (0, 1)]
    exact = [_exact(column) for column in columns]
    signs = [-1.0 if each else 1.0 for each in maximize]
    if all(each is not None for each in exact):
        scaled = [
            np.ascontiguousarray(sign * each) for sign, each in zip(signs, exact, strict=True) if each is not None
        ]
        return indices[np.array(_native.pareto_hull(*scaled), dtype=np.int64)]
    numbers = [
        [Fraction(each) * int(sign) for each in column.tolist()] for sign, column in zip(signs, columns, strict=True)
    ]
    places = sorted(range(len(indices)), key=lambda place: numbers[0][place])
    return indices[[places[corner] for corner in _chain([(numbers[0][place], numbers[1][place]) for place in places])]]


def _exact(column: NDArray[Any]) -> NDArray[np.float64] | None:
    """Return a column as float64 near 1 if that is exact and safe to multiply, else None."""
    if column.dtype.kind in "iu" and column.dtype.itemsize == 8 and (np.abs(column.astype(np.float64)) > 2**53).any():
        return None
    values = column.astype(np.float64)
    sizes = np.abs(values[values != 0])
    if len(sizes) == 0:
        return values
    low, high = np.frexp(sizes.min())[1], np.frexp(sizes.max())[1]
    return np.ldexp(values, -high) if high - low <= _RANGE_BITS else None


def _chain(points: list[tuple[Fraction, Fraction]]) -> list[int]:
    """Return the places of the corners of the lower hull of points whose first coordinates rise."""
    corners: list[int] = []
    for place, (x, y) in enumerate(points):
        while len(corners) > 1:
            (x0, y0), (x1, y1) = points[corners[-2]], points[corners[-1]]
            if (x1 - x0) * (y - y0) > (y1 - y0) * (x - x0):
                break
            corners.pop()
        corners.append(place)
    return corners
