"""Fronts of two objectives as curves: values between the points, areas, ratios, and which of two curves is better."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from paretoserve.pareto._arguments import directions, real_number, real_numbers
from paretoserve.pareto._curve import curve_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from paretoserve.pareto._arguments import Sense
    from paretoserve.pareto._curve import Curve, Kind

__all__ = ["area", "crossings", "curve_dominates", "interp", "ratio"]


def interp(
    front: ArrayLike,
    at: ArrayLike,
    kind: Kind = "linear",
    *,
    sense: Sense | Sequence[Sense] = "min",
    inverse: bool = False,
    extrapolate: bool = False,
) -> NDArray[np.float64]:
    """Return the best second objective at given values of the first: the throughput at a latency, say.

    Parameters
    ----------
    front : array_like, shape (n, 2), any integer, float16/32/64 or bool dtype
        Points in any order; dominated and repeated ones do not count. Not modified.
    at : float or array_like
        Values of the first objective, of any shape; NaN gives NaN.
    kind : {"linear", "step", "monotone", "hull"}, default "linear"
        - "step": only what a point reaches by itself: the best second objective of the points whose first is no worse.
        - "linear": straight between neighbors of the front, what a mixture of the two reaches.
        - "monotone": a smooth curve through the points that never turns back between them (cubic Hermite pieces).
        - "hull": straight between the corners of `hull`, what a mixture of any two points reaches.
    sense : {"min", "max"} or sequence of 2 of them, default "min"
        Direction per objective.
    inverse : bool, default False
        Swap the objectives: `at` holds values of the second, and the result the best first objective there (the least
        cost for a quality).
    extrapolate : bool, default False
        Beyond the ends of the front, the value of the nearer end instead of NaN. Where the first objective is worse
        than at that end this is what the end reaches, too; where it is better no point reaches it.

    Returns
    -------
    values : ndarray of float64, of the shape of `at`
        In the units of the front; NaN outside of its range unless `extrapolate`, and NaN without points.

    Raises
    ------
    ShapeError, DtypeError
        As for `mask`, or if there are not two objectives.
    ValueError
        If there is NaN, an infinity on the front, or a range that float64 does not hold.

    Notes
    -----
    O(n log n + k log n) for k values. "monotone" has the slopes of Fritsch and Butland (1984) with ends by Fritsch and
    Carlson (1980), as scipy's `PchipInterpolator`.

    Examples
    --------
    >>> front = [[1, 8], [2, 4], [4, 0]]
    >>> interp(front, [1, 1.5, 3, 5])
    array([ 8.,  6.,  2., nan])
    >>> interp(front, [1, 1.5, 3, 5], "step", extrapolate=True)
    array([8., 8., 4., 0.])
    >>> interp([[1, 8], [2, 7], [3, 0]], 2, "hull")
    array(4.)
    >>> interp([[1, 8], [2, 4], [4, 3]], [1.5], "monotone").round(3)
    array([5.476])
    >>> interp([[10, 1], [5, 3]], 7.5, sense=["max", "max"])
    array(2.)
    >>> interp(front, 6, inverse=True)
    array(1.5)
    """
    curve = curve_of("front", front, kind, sense, inverse=inverse)
    return curve.values(real_numbers("at", at, "real numbers"), extrapolate)


def area(
    front: ArrayLike,
    lo: float | None = None,
    hi: float | None = None,
    kind: Kind = "linear",
    *,
    sense: Sense | Sequence[Sense] = "min",
    extrapolate: bool = False,
) -> float:
    """Return the area under a front: the integral of the second objective over the first.

    Divided by ``hi - lo`` it is the mean of the second objective over that range.

    Parameters
    ----------
    front, kind, sense, extrapolate
        As for `interp`.
    lo, hi : float, optional
        The range of the first objective; by default from end to end of the front.

    Returns
    -------
    area : float
        Negative where the second objective is; NaN if the range is not within the front's, unless `extrapolate`.

    Raises
    ------
    ShapeError, DtypeError, ValueError
        As for `interp`; ValueError also if `lo` is above `hi`, or one of them is not finite.

    Notes
    -----
    Exact for every kind, no quadrature. O(n log n).

    Examples
    --------
    >>> area([[1, 8], [2, 4], [4, 0]])
    10.0
    >>> area([[1, 8], [2, 4], [4, 0]], 1, 4, "step")
    16.0
    >>> area([[1, 8], [2, 4], [4, 0]], 0, 4)
    nan
    >>> area([[1, 8], [2, 4], [4, 0]], 0, 4, extrapolate=True)
    18.0
    >>> area([[1, 8], [2, 4], [4, 3]], 1, 2, sense=["max", "min"])
    nan
    """
    curve = curve_of("front", front, kind, sense, inverse=False)
    for name, bound in (("lo", lo), ("hi", hi)):
        if bound is not None and not np.isfinite(real_number(name, bound)):
            raise ValueError(f"`{name}` must be finite, got {bound}")
    if len(curve.at) == 0:
        return float("nan")
    first, last = float(curve.at[0]), float(curve.at[-1])
    start, stop = first if lo is None else float(lo), last if hi is None else float(hi)
    if start > stop:
        raise ValueError(f"`lo` must not be above `hi`, got {start} and {stop}")
    if (start < first or stop > last) and not extrapolate:
        return float("nan")
    # An area beyond the largest float64 is infinite.
    with np.errstate(over="ignore"):
        inner = curve.integral(min(max(start, first), last), min(max(stop, first), last)) if len(curve.at) > 1 else 0.0
    left = max(0.0, min(stop, first) - start) * float(curve.ends[0])
    right = max(0.0, stop - max(start, last)) * float(curve.ends[1])
    return left + inner + right


def ratio(
    front_a: ArrayLike,
    front_b: ArrayLike,
    at: ArrayLike,
    kind: Kind = "linear",
    *,
    sense: Sense | Sequence[Sense] = "min",
    inverse: bool = False,
    extrapolate: bool = False,
) -> NDArray[np.float64]:
    """Return the second objective of one front over that of another, at the same values of the first.

    Parameters
    ----------
    front_a, front_b : array_like, shape (n, 2) and (m, 2)
        As for `interp`.
    at, kind, sense, inverse, extrapolate
        As for `interp`.

    Returns
    -------
    ratios : ndarray of float64, of the shape of `at`
        NaN where one of the fronts has no value, or both are 0; an infinity where only that of `front_b` is 0.

    Raises
    ------
    ShapeError, DtypeError, ValueError
        As for `interp`.

    Notes
    -----
    The cost of two calls of `interp`.

    Examples
    --------
    >>> ratio([[1, 8], [4, 2]], [[1, 4], [5, 2]], [1, 4, 5])
    array([2. , 0.8, nan])
    >>> ratio([[1, 8], [4, 2]], [[1, 4], [5, 2]], 5, "step", extrapolate=True)
    array(1.)
    >>> ratio([[1, 8], [4, 2]], [[2, 8], [8, 2]], 5, inverse=True)
    array(0.5)
    """
    places = real_numbers("at", at, "real numbers")
    first = curve_of("front_a", front_a, kind, sense, inverse=inverse).values(places, extrapolate)
    second = curve_of("front_b", front_b, kind, sense, inverse=inverse).values(places, extrapolate)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.asarray(first / second)


def crossings(
    front_a: ArrayLike,
    front_b: ArrayLike,
    kind: Kind = "linear",
    *,
    sense: Sense | Sequence[Sense] = "min",
) -> NDArray[np.float64]:
    """Return where, in the first objective, the better of two fronts changes.

    Parameters
    ----------
    front_a, front_b, kind, sense
        As for `ratio`.

    Returns
    -------
    places : ndarray of float64, shape (k,)
        Rising, within the range that both fronts have. A stretch where they are equal gives the place where it ends;
        touching without changing sides gives none.

    Raises
    ------
    ShapeError, DtypeError, ValueError
        As for `interp`.

    Notes
    -----
    Roots of the differences of the pieces; O((n + m) log(n + m)).

    Examples
    --------
    >>> crossings([[0, 4], [4, 0]], [[0, 3], [4, 1]])
    array([2.])
    >>> crossings([[0, 4], [4, 0]], [[0, 3], [2, 2], [4, 1]], "step")
    array([4.])
    """
    one, other = (curve_of(name, front, kind, sense, inverse=False) for name, front in _named(front_a, front_b))
    places, signs = _sides(one, other)
    changes = []
    last = 0.0
    for place, sign in zip(places, signs, strict=True):
        if sign != 0:
            if last * sign < 0:
                changes.append(place)
            last = sign
    return np.array(changes, dtype=np.float64)


def curve_dominates(
    front_a: ArrayLike,
    front_b: ArrayLike,
    kind: Kind = "linear",
    *,
    sense: Sense | Sequence[Sense] = "min",
) -> bool:
    """Return whether one front is nowhere worse than another and somewhere better, where both have values.

    Parameters
    ----------
    front_a, front_b, kind, sense
        As for `ratio`.

    Returns
    -------
    dominates : bool
        False if the fronts have no common range.

    Raises
    ------
    ShapeError, DtypeError, ValueError
        As for `interp`.

    Notes
    -----
    Says nothing of what lies outside of the common range: compare the ends, too. Differences below 1e-12 of the range
    of the second objective count as none. Cost as for `crossings`.

    Examples
    --------
    >>> curve_dominates([[0, 2], [4, 0]], [[1, 3], [4, 1]])
    True
    >>> curve_dominates([[0, 4], [4, 0]], [[0, 3], [4, 1]])
    False
    >>> curve_dominates([[0, 2], [4, 4]], [[1, 2], [4, 3]], "step", sense=["min", "max"])
    True
    """
    one, other = (curve_of(name, front, kind, sense, inverse=False) for name, front in _named(front_a, front_b))
    signs = _sides(one, other)[1]
    better = 1.0 if directions(sense, 2)[1] else -1.0
    return bool(len(signs)) and bool((signs * better >= 0).all() and (signs != 0).any())


def _named(front_a: ArrayLike, front_b: ArrayLike) -> tuple[tuple[str, ArrayLike], tuple[str, ArrayLike]]:
    """Return both fronts with their names for messages."""
    return ("front_a", front_a), ("front_b", front_b)


def _sides(one: Curve, other: Curve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sign of one curve minus the other on stretches without a change, and where each stretch starts."""
    nothing = np.zeros(0)
    if len(one.at) == 0 or len(other.at) == 0:
        return nothing, nothing
    low, high = max(one.at[0], other.at[0]), min(one.at[-1], other.at[-1])
    if low > high:
        return nothing, nothing
    nodes = np.unique(np.concatenate([one.at, other.at, [low, high]]))
    nodes = nodes[(nodes >= low) & (nodes <= high)]
    size = max(one.size[1], other.size[1])
    places = []
    for start, stop in pairwise(nodes.tolist()):
        places += [start, *_roots(one, other, start, stop, size)]
    # Between these places lies a stretch; the ends themselves count, because a step jumps there.
    stops = np.append(places, high)
    between = (stops[:-1] + stops[1:]) / 2
    starts = np.concatenate([np.column_stack([stops[:-1], stops[:-1]]).ravel(), [high]])
    probes = np.concatenate([np.column_stack([stops[:-1], between]).ravel(), [high]])
    difference = (one.values(probes, False) - other.values(probes, False)) / size
    return starts, np.where(np.abs(difference) < 1e-12, 0.0, np.sign(difference))


def _roots(one: Curve, other: Curve, start: float, stop: float, size: float) -> list[float]:
    """Return where two curves meet inside a stretch on which both are polynomials."""
    t = (1 - np.cos(np.pi * (np.arange(4) + 0.5) / 4)) / 2
    inner = start + t * (stop - start)
    difference = (one.values(inner, False) - other.values(inner, False)) / size
    coefficients = np.polyfit(2 * t - 1, difference, 3)
    coefficients[np.abs(coefficients) < 1e-13 * max(1.0, float(np.abs(coefficients).max()))] = 0.0
    found = np.roots(coefficients)
    real = (found[np.abs(found.imag) < 1e-9].real + 1) / 2
    return sorted(float(start + place * (stop - start)) for place in real if 0 < place < 1)
