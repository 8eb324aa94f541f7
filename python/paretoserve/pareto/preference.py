"""Scores by weights: TOPSIS, achievement (ASF), pseudo-weights, and the row that weights select.

All score on the scale of `normalise`: 0 for the best and 1 for the worst value of the front in each objective, so
weights compare objectives and not units.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from paretoserve import _native
from paretoserve._names import one_of
from paretoserve.errors import ShapeError
from paretoserve.pareto._arguments import directions, real_number, real_numbers, thread_count
from paretoserve.pareto._points import as_points
from paretoserve.pareto._values import float_rows, front_rows, like_rows
from paretoserve.pareto.mask import mask
from paretoserve.pareto.normalise import unit_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from paretoserve.pareto._arguments import Sense
    from paretoserve.pareto._values import NanOfRows

__all__ = ["asf", "possibly_optimal", "pseudo_weights", "select", "topsis"]


def _weights(weights: ArrayLike | None, d: int) -> NDArray[np.float64]:
    """Return weights that sum to 1; equal ones by default."""
    numbers = like_rows("weights", 1.0 if weights is None else weights, d)
    if (numbers < 0).any() or not (numbers > 0).any():
        raise ValueError(f"`weights` must not be negative, and not all 0, got {numbers}")
    numbers = numbers / numbers.max()
    return np.asarray(numbers / numbers.sum())


def _scattered(values: NDArray[np.float64], indices: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    """Return one entry per row, NaN for rows that take no part."""
    out = np.full((n, *values.shape[1:]), np.nan)
    out[indices] = values
    return out


def topsis(
    points: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    weights: ArrayLike | None = None,
    scale: Literal["range", "vector"] = "range",
    nan: NanOfRows = "raise",
) -> NDArray[np.float64]:
    """Return how close each row is to the best and far from the worst of all objectives, from 0 to 1.

    Parameters
    ----------
    points : array_like, shape (n, d), any integer, float16/32/64 or bool dtype
        One row per point, one column per objective. Integers above 2^53 are rounded. Not modified.
    sense : {"min", "max"} or sequence of d of them, default "min"
        Direction per objective.
    weights : float or array_like of shape (d,), optional
        Importance of each objective, not negative; only their proportions count. Equal by default.
    scale : {"range", "vector"}, default "range"
        Divide each objective by its range over the front, as `normalise`, or by the length of its column, as the
        original.
    nan : {"raise", "drop"}, default "raise"
        Whether a row with NaN is an error or takes no part: its score is NaN.

    Returns
    -------
    scores : ndarray of float64, shape (n,)
        Larger is better: distance from the worst over the sum of both distances. 0.5 where both are 0, because all
        rows are equal.

    Raises
    ------
    ShapeError, DtypeError
        As for `mask`, or if `weights` has not one number per objective.
    ValueError
        If there is an infinity, NaN under ``nan="raise"``, or a negative weight.

    Notes
    -----
    Hwang and Yoon (1981): Euclidean distances of the weighted objectives from the best and the worst values of all rows
    given. A row's score depends on the other rows. The cost of `mask` plus O(n d).

    Examples
    --------
    >>> topsis([[0, 10], [5, 4], [10, 0]]).round(3)
    array([0.5 , 0.55, 0.5 ])
    >>> topsis([[0, 10], [5, 4], [10, 0]], weights=[1, 3]).round(3)
    array([0.25, 0.59, 0.75])
    >>> topsis([[3, 4], [4, 3]], ["max", "min"], scale="vector")
    array([0., 1.])
    >>> topsis([[0, 1], [1, np.nan], [1, 0]], nan="drop")
    array([0.5, nan, 0.5])
    """
    one_of("scale", scale, ("range", "vector"))
    rows, indices, n = float_rows("points", points, nan=nan)
    maximize = directions(sense, rows.shape[1])
    share = _weights(weights, rows.shape[1])
    if len(rows) == 0:
        return np.full(n, np.nan)
    if scale == "range":
        scaled = unit_rows(rows, maximize)
    else:
        sizes = np.abs(rows).max(axis=0)
        scaled = rows / np.where(sizes > 0, sizes, 1.0)
        lengths = np.sqrt((scaled**2).sum(axis=0))
        scaled = scaled / np.where(lengths > 0, lengths, 1.0) * np.where(maximize, -1.0, 1.0)
    scaled = scaled * share
    near = np.sqrt(((scaled - scaled.min(axis=0)) ** 2).sum(axis=1))
    far = np.sqrt(((scaled.max(axis=0) - scaled) ** 2).sum(axis=1))
    scores = np.divide(far, near + far, out=np.full(len(rows), 0.5), where=near + far > 0)
    return _scattered(scores, indices, n)


def asf(
    points: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    weights: ArrayLike | None = None,
    reference: ArrayLike | None = None,
    rho: float = 1e-4,
    nan: NanOfRows = "raise",
) -> NDArray[np.float64]:
    """Return the achievement of each row: its largest weighted shortfall from a point that one aspires to.

    Parameters
    ----------
    points, sense, weights, nan
        As for `topsis`. Here the weights multiply; pymoo's `ASF` divides by its weights.
    reference : float or array_like of shape (d,), optional
        The aspired values, in the units of `points`; reachable or not. By default the ideal of the front.
    rho : float, default 1e-4
        Share of the sum of all weighted shortfalls that is added, so that of rows with the same largest one the better
        wins. 0 leaves the plain maximum.

    Returns
    -------
    scores : ndarray of float64, shape (n,)
        Smaller is better; negative where every aspiration is exceeded.

    Raises
    ------
    ShapeError, DtypeError, ValueError
        As for `topsis`; ValueError also if `rho` is negative or not finite.

    Notes
    -----
    Wierzbicki (1980): max_k w_k (f_k - r_k) + rho sum_k w_k (f_k - r_k). With rho > 0 and weights > 0 the best row is
    on the front. The cost of `mask` plus O(n d).

    Examples
    --------
    >>> asf([[0, 10], [5, 4], [10, 0]], rho=0)
    array([0.5 , 0.25, 0.5 ])
    >>> asf([[0, 10], [5, 4], [10, 0]], weights=[1, 3], rho=0).round(3)
    array([0.75, 0.3 , 0.25])
    >>> asf([[0, 10], [5, 4], [10, 0]], reference=[10, 0])
    array([0.5     , 0.199995, 0.      ])
    """
    rho = real_number("rho", rho)
    if not (np.isfinite(rho) and rho >= 0):
        raise ValueError(f"`rho` must be finite and not negative, got {rho}")
    rows, indices, n = float_rows("points", points, nan=nan)
    d = rows.shape[1]
    maximize = directions(sense, d)
    share = _weights(weights, d)
    if len(rows) == 0:
        return np.full(n, np.nan)
    scaled = unit_rows(rows, maximize)
    if reference is not None:
        together = np.vstack([rows, like_rows("reference", reference, d)])
        scaled = _as_scaled(together, rows, maximize)
        scaled = scaled[:-1] - scaled[-1]
    scaled = scaled * share
    return _scattered(scaled.max(axis=1) + rho * scaled.sum(axis=1), indices, n)


def _as_scaled(together: NDArray[np.float64], rows: NDArray[np.float64], maximize: list[bool]) -> NDArray[np.float64]:
    """Return rows on the scale that the front of `rows` has."""
    way: list[Sense] = ["max" if each else "min" for each in maximize]
    front = rows[mask(rows, way)]
    low, high = front.min(axis=0), front.max(axis=0)
    ideal, nadir = np.where(maximize, high, low), np.where(maximize, low, high)
    return unit_rows(together, maximize, ideal=ideal, nadir=nadir)


def pseudo_weights(
    points: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    nan: NanOfRows = "raise",
) -> NDArray[np.float64]:
    """Return how much each row favors each objective: its distance from the worst of the front, as shares of 1.

    Parameters
    ----------
    points, sense, nan
        As for `topsis`.

    Returns
    -------
    weights : ndarray of float64, shape (n, d)
        Every row sums to 1. A dominated row that is worse than the worst of the front has 0 there; a row that is best
        in nothing has equal shares.

    Raises
    ------
    ShapeError, DtypeError, ValueError
        As for `topsis`.

    Notes
    -----
    Deb (2001), section on multi-criterion decisions; on a front as pymoo's `PseudoWeights`. The cost of `mask` plus
    O(n d). An objective that is constant on the front counts as best in every row.

    Examples
    --------
    >>> pseudo_weights([[0, 10], [5, 4], [10, 0]]).round(3)
    array([[1.   , 0.   ],
           [0.455, 0.545],
           [0.   , 1.   ]])
    >>> pseudo_weights([[0, 1], [1, np.nan]], "max", nan="drop")
    array([[0.5, 0.5],
           [nan, nan]])
    """
    rows, indices, n = float_rows("points", points, nan=nan)
    maximize = directions(sense, rows.shape[1])
    distance = np.maximum(1.0 - unit_rows(rows, maximize), 0.0)
    sums = distance.sum(axis=1, keepdims=True)
    equal = np.full_like(distance, 1.0 / rows.shape[1])
    return _scattered(np.divide(distance, sums, out=equal, where=sums > 0), indices, n)


def select(
    points: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    weights: ArrayLike | None = None,
    method: Literal["asf", "topsis", "sum", "pseudo"] = "asf",
    nan: NanOfRows = "raise",
) -> int | None:
    """Return the index of the row of the front that weights prefer.

    Parameters
    ----------
    points, sense, weights, nan
        As for `topsis`; only the front must be finite.
    method : {"asf", "topsis", "sum", "pseudo"}, default "asf"
        - "asf": the least `asf`; every row of the front is the choice of some weights.
        - "topsis": the largest `topsis` among the rows of the front.
        - "sum": the least weighted sum; never a row inside of `hull`.
        - "pseudo": the `pseudo_weights` nearest to `weights`, by the sum of differences.

    Returns
    -------
    index : int or None
        The first of equally good rows; None without points.

    Raises
    ------
    ShapeError, DtypeError, ValueError
        As for `topsis`.

    Notes
    -----
    The cost of `mask` plus O(m d) for m points of the front.

    Examples
    --------
    >>> front = [[0, 10], [5, 4], [10, 0], [11, 11]]
    >>> select(front), select(front, weights=[9, 1]), select(front, method="sum", weights=[1, 9])
    (1, 0, 2)
    >>> select(front, method="topsis"), select(front, method="pseudo", weights=[0.4, 0.6])
    (1, 1)
    """
    one_of("method", method, ("asf", "topsis", "sum", "pseudo"))
    d = as_points("points", points).d
    maximize = directions(sense, d)
    share = _weights(weights, d)
    front = front_rows("points", points, maximize, nan=nan)
    if len(front.indices) == 0:
        return None
    way: list[Sense] = ["max" if each else "min" for each in maximize]
    if method == "asf":
        cost = asf(front.values, way, weights=share)
    elif method == "topsis":
        cost = -topsis(front.values, way, weights=share)
    elif method == "sum":
        cost = unit_rows(front.values, maximize) @ share
    else:
        cost = np.abs(pseudo_weights(front.values, way) - share).sum(axis=1)
    return int(front.indices[cost.argmin()])


def possibly_optimal(
    points: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    weights: Sequence[tuple[float, float]] | None = None,
    nan: NanOfRows = "raise",
    threads: int | None = None,
) -> NDArray[np.int64]:
    """Return the rows that have the least weighted sum for some weights within given ranges.

    Who can only say that latency matters between a half and three quarters learns which rows are left to choose from.

    Parameters
    ----------
    points, sense, nan
        As for `topsis`; only the front must be finite.
    weights : sequence of d pairs (low, high), optional
        The range of the weight of each objective, within 0 to 1; some weights in them must sum to 1. By default any
        weights.
    threads : int, optional
        Most threads to use; None decides by size. The result never depends on it.

    Returns
    -------
    indices : ndarray of int64, shape (m,)
        Rising; equal rows of the front are all in it, dominated rows never.

    Raises
    ------
    ShapeError, DtypeError
        As for `mask`, or if there is not one pair per objective.
    ValueError
        If no weights within the ranges sum to 1, a range is empty or leaves 0 to 1, there is NaN under
        ``nan="raise"``, or an infinity on the front.

    Notes
    -----
    Sums of objectives on the scale of `normalise`. A linear program per row of the front tells whether it is as good as
    every other one (to 1e-12) for some weights in the polytope of the ranges: the dual simplex form, which has d + 1
    equations. O(m^2 d) and more for m rows of the front.

    Examples
    --------
    >>> front = [[0, 10], [4, 4], [10, 0], [6, 3.5]]
    >>> possibly_optimal(front)
    array([0, 1, 2])
    >>> possibly_optimal(front, weights=[(0.5, 0.75), (0, 1)])
    array([0, 1])
    >>> possibly_optimal(front, weights=[(0.5, 0.5), (0.5, 0.5)], threads=1)
    array([1])
    """
    d = as_points("points", points).d
    maximize = directions(sense, d)
    low, high = _ranges(weights, d)
    front = front_rows("points", points, maximize, nan=nan)
    if len(front.indices) == 0:
        return front.indices
    # The front with all of its equal rows, in terms of the first of them.
    way: list[Sense] = ["max" if each else "min" for each in maximize]
    every = np.flatnonzero(mask(points, way, nan=nan))
    rows = as_points("points", points).rows(every)
    _, first, same = np.unique(np.vstack([front.values, rows]), axis=0, return_index=True, return_inverse=True)
    marked = np.zeros(len(front.indices), dtype=np.uint8)
    _native.pareto_supported(marked, unit_rows(front.values, maximize), low, high, False, thread_count(threads))
    optimal: NDArray[np.int64] = every[marked[first[same.ravel()[len(front.indices) :]]] != 0]
    return optimal.astype(np.int64, copy=False)


def _ranges(weights: Sequence[tuple[float, float]] | None, d: int) -> tuple[list[float], list[float]]:
    """Return the least and the largest weight of each objective."""
    if weights is None:
        return [0.0] * d, [1.0] * d
    pairs = real_numbers("weights", weights, f"{d} pairs of (low, high)")
    if pairs.shape != (d, 2):
        raise ShapeError(f"`weights` must be {d} pairs of (low, high), one per objective, got shape {pairs.shape}")
    bad = ~((pairs[:, 0] >= 0) & (pairs[:, 0] <= pairs[:, 1]) & (pairs[:, 1] <= 1))
    if bad.any():
        k = int(bad.argmax())
        raise ValueError(f"`weights` must have 0 <= low <= high <= 1, got {tuple(pairs[k].tolist())} for objective {k}")
    least, most = pairs.sum(axis=0)
    if not least <= 1 + 1e-12 or not most >= 1 - 1e-12:
        raise ValueError(f"`weights` must hold some that sum to 1, got sums from {least} to {most}")
    return pairs[:, 0].tolist(), pairs[:, 1].tolist()
