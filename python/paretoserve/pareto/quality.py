"""R2, spacing and coverage: indicators that need no reference set, or compare two sets."""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve import _native
from paretoserve._names import one_of
from paretoserve.errors import ShapeError
from paretoserve.pareto._arguments import directions, thread_count
from paretoserve.pareto._points import Points, as_points
from paretoserve.pareto._values import float_rows, like_rows, refuse_missing
from paretoserve.pareto.mask import mask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from paretoserve.pareto._arguments import Sense
    from paretoserve.pareto._values import NanOfRows

__all__ = ["coverage", "covered", "r2", "spacing"]

# The grid of weights has at most so many.
_MOST_WEIGHTS = 5_000


def r2(
    points: ArrayLike,
    ideal: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    weights: ArrayLike | None = None,
    nan: NanOfRows = "raise",
    threads: int | None = None,
) -> float:
    """Return the R2 indicator: the mean, over weights, of the least weighted Chebyshev distance from the ideal.

    Parameters
    ----------
    points : array_like, shape (n, d), any integer, float16/32/64 or bool dtype
        The set to judge. Integers above 2^53 are rounded. Not modified.
    ideal : float or array_like of shape (d,)
        A point that none of `points` beats in any objective.
    sense : {"min", "max"} or sequence of d of them, default "min"
        Direction per objective.
    weights : array_like, shape (m, d), optional
        The weights to average over, none negative. By default the exact integral over all weights that sum to 1, for
        two objectives; for more the simplex lattice with most steps that has at most 5,000 weights (d of them at
        least); for one the weight 1.
    nan : {"raise", "drop"}, default "raise"
        Whether a row with NaN is an error or left out.
    threads : int, optional
        Most threads to use; None decides by size. The result never depends on it.

    Returns
    -------
    value : float
        0 or more, less is better; infinity without points.

    Raises
    ------
    ShapeError, DtypeError
        As for `mask`, or if `weights` is not a matrix of d columns with a row.
    ValueError
        If there is an infinity, NaN under ``nan="raise"``, a point better than the ideal, or a negative weight.

    Notes
    -----
    Hansen and Jaszkiewicz (1998), Brockhoff, Wagner and Trautmann (2012); exact for two objectives by the pieces of
    the lower envelope in O(n log n) (Schäpermeier and Kerschke 2025), as `r2_exact` of moocore. Else O(n m d) at worst.

    Examples
    --------
    >>> round(r2([[5, 5], [4, 6], [2, 7], [7, 4]], ideal=0), 6)
    2.594192
    >>> r2([[5, 5], [4, 6]], [10, 10], "max", weights=[[0.5, 0.5]])
    2.5
    >>> r2([[1, 1, 1], [np.nan, 0, 0]], 0, nan="drop", threads=1) < 1
    True
    """
    rows = float_rows("points", points, nan=nan).values
    d = rows.shape[1]
    maximize, threads = directions(sense, d), thread_count(threads)
    with np.errstate(over="ignore"):
        gaps = (rows - like_rows("ideal", ideal, d)) * np.where(maximize, -1.0, 1.0) + 0.0
    if (gaps < 0).any():
        row, column = np.argwhere(gaps < 0)[0]
        raise ValueError(f"`ideal` must not be beaten, but row {row} without NaN is better in objective {column}")
    if len(gaps) == 0:
        return float("inf")
    if weights is None and d == 2:
        return _exact_r2(gaps)
    grid = _lattice(d) if weights is None else float_rows("weights", weights, d=d).values
    if len(grid) == 0:
        raise ShapeError(f"`weights` must have shape (m, {d}) with m of 1 or more, got {grid.shape}")
    if (grid < 0).any():
        raise ValueError(f"`weights` must not be negative, got {grid.min()}")
    least = np.empty(len(grid))
    _native.pareto_nearest(least, np.ascontiguousarray(gaps), grid, [False] * d, "chebyshev", threads)
    return float(least.mean())


def _exact_r2(gaps: NDArray[np.float64]) -> float:
    """Integrate the least of max(w x, (1 - w) y) over w from 0 to 1."""
    front = gaps[mask(gaps, keep="first")]
    x, y = front[np.argsort(front[:, 0])].T
    # Below its own weight a point costs (1 - w) y, above it w x; neighbors change over where w x of the right one is
    # (1 - w) y of the left one.
    own = np.divide(y, x + y, out=np.zeros_like(y), where=x + y > 0)
    low = np.append(y[:-1] / (x[1:] + y[:-1]), 0.0)
    high = np.insert(low[:-1], 0, 1.0)
    falling = y * ((own - low) - (own**2 - low**2) / 2)
    return float((falling + x * (high**2 - own**2) / 2).sum())


def _lattice(d: int) -> NDArray[np.float64]:
    """Return the weights of a simplex lattice (Scheffé 1958; Das and Dennis 1998)."""
    steps = 1
    while d > 1 and comb(steps + d, d - 1) <= _MOST_WEIGHTS:
        steps += 1
    parts = np.zeros((1, 0), dtype=np.int64)
    left = np.array([steps])
    for _ in range(d - 1):
        counts = left + 1
        parts = np.repeat(parts, counts, axis=0)
        used = np.arange(len(parts)) - np.repeat(np.cumsum(counts) - counts, counts)
        left = np.repeat(left, counts) - used
        parts = np.column_stack([parts, used])
    return np.ascontiguousarray(np.column_stack([parts, left]) / steps)


def spacing(
    points: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    nan: NanOfRows = "raise",
    threads: int | None = None,
) -> float:
    """Return how unevenly points are spread: the deviation of their distances to the nearest neighbor.

    Parameters
    ----------
    points : array_like, shape (n, d), any integer, float16/32/64 or bool dtype
        2 rows or more; dominated ones count, too. Integers above 2^53 are rounded. Not modified.
    sense : {"min", "max"} or sequence of d of them, default "min"
        Direction per objective. Checked only: a distance does not depend on it.
    nan : {"raise", "drop"}, default "raise"
        Whether a row with NaN is an error or left out.
    threads : int, optional
        Most threads to use; None decides by size. The result never depends on it.

    Returns
    -------
    value : float
        0 or more, in the units of the objectives; 0 for even spacing. Equal rows have a distance of 0.

    Raises
    ------
    ShapeError, DtypeError
        As for `mask`, or if there are fewer than 2 rows.
    ValueError
        If there is an infinity, or NaN under ``nan="raise"``.

    Notes
    -----
    Schott (1995): city-block distances, sum of squares over n - 1. O(n^2 d) at worst; among leaves of a k-d tree.

    Examples
    --------
    >>> spacing([[0, 3], [1, 2], [2, 1], [3, 0]])
    0.0
    >>> spacing([[0, 4], [1, 3], [3, 1], [np.nan, 0]], nan="drop", threads=1)
    1.1547005383792515
    """
    rows = float_rows("points", points, nan=nan).values
    directions(sense, rows.shape[1])
    if len(rows) < 2:
        raise ShapeError(f"`points` must have 2 rows or more, got {len(rows)}: one point has no neighbor")
    nearest = np.empty(len(rows))
    _native.pareto_nearest_other(nearest, rows, rows.shape[1], thread_count(threads))
    largest = float(nearest.max())
    if not 0 < largest < np.inf:
        return 0.0 if largest == 0 else float("inf")
    return float(np.std(nearest / largest, ddof=1) * largest)


def coverage(
    points: ArrayLike,
    others: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    nan: NanOfRows = "raise",
    threads: int | None = None,
) -> float:
    """Return the share of other points that some point is nowhere worse than: the C-metric of two sets.

    Parameters
    ----------
    points, others : array_like, shape (n, d) and (m, d)
        The set to judge and the one to compare with, m of 1 or more. Compared exactly, whatever the dtypes; an
        infinity is a value like any other. Not modified.
    sense, nan, threads
        As for `igd`; here the directions count.

    Returns
    -------
    share : float
        From 0 to 1; 0 without points. ``coverage(a, b)`` and ``coverage(b, a)`` need not add up to 1.

    Raises
    ------
    ShapeError, DtypeError
        As for `mask`; or if the sets differ in objectives or `others` has no row.
    ValueError
        If there is NaN under ``nan="raise"``.

    Notes
    -----
    Zitzler and Thiele (1999). O((n + m) d log(n + m) + n m d) at worst.

    Examples
    --------
    >>> coverage([[1, 3], [3, 1]], [[1, 3], [2, 4], [2, 2], [0, 9]])
    0.5
    >>> coverage([[1, 3]], [[1, 3], [2, np.nan]], "max", nan="drop", threads=1)
    1.0
    """
    one, other = as_points("points", points), as_points("others", others)
    flags = covered(("points", one, nan), ("others", other, nan), directions(sense, one.d), threads)
    if len(flags) == 0:
        raise ShapeError("`others` must have 1 row or more, got none: a share of nothing has no value")
    return float(flags.mean())


def covered(
    points: tuple[str, Points, NanOfRows],
    others: tuple[str, Points, NanOfRows],
    maximize: list[bool],
    threads: int | None,
) -> NDArray[np.bool_]:
    """Return for each other row whether some point is nowhere worse; both come with their names and NaN policies."""
    (_, one, _), (name, other, _) = points, others
    if one.d != other.d:
        raise ShapeError(f"`{name}` must have {one.d} objectives, one per column, got {other.d}")
    keep = [_without_nan(*points), _without_nan(*others)]
    ranks: list[list[NDArray[np.float64]]] = [[], []]
    for k in range(one.d):
        both = _together(one.column(k)[keep[0]], other.column(k)[keep[1]])
        # Ranks compare as the values do, exactly and without infinities.
        unique = np.unique(both, return_inverse=True)[1].astype(np.float64)
        ranks[0].append(unique[: keep[0].sum()])
        ranks[1].append(unique[keep[0].sum() :])
    rows, wanted = (np.stack(columns, axis=1) for columns in ranks)
    least = np.empty(len(wanted))
    _native.pareto_nearest(
        least, np.ascontiguousarray(rows), np.ascontiguousarray(wanted), maximize, "shift", thread_count(threads)
    )
    return least <= 0


def _together(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    """Return two columns as one, in a dtype that holds both exactly."""
    common = np.result_type(one.dtype, other.dtype)
    wide = any(column.dtype.kind in "iu" and column.dtype.itemsize == 8 for column in (one, other))
    if wide and common.kind == "f":
        return np.array([*one.tolist(), *other.tolist()], dtype=object)
    return np.concatenate([one.astype(common), other.astype(common)])


def _without_nan(argument: str, points: Points, nan: NanOfRows) -> NDArray[np.bool_]:
    """Return which rows are free of NaN."""
    one_of("nan", nan, ("raise", "drop"))
    if nan == "raise":
        refuse_missing(argument, points)
    whole = [np.asarray(column == column) for column in map(points.column, range(points.d))]
    return np.asarray(np.logical_and.reduce(whole), dtype=np.bool_)
