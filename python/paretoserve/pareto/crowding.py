"""Crowding distances: how much room a point has among its neighbors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from paretoserve.errors import DtypeError, ShapeError
from paretoserve.pareto._arguments import directions, plain_array
from paretoserve.pareto._values import float_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from paretoserve.pareto._arguments import Sense
    from paretoserve.pareto._values import NanOfRows

__all__ = ["crowding"]


def crowding(
    points: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    ranks: ArrayLike | None = None,
    nan: NanOfRows = "raise",
) -> NDArray[np.float64]:
    """Return the crowding distance of each point: the sum of the gaps between its neighbors, per objective.

    Parameters
    ----------
    points : array_like, shape (n, d), any integer, float16/32/64 or bool dtype
        One row per point, one column per objective. Integers above 2^53 are rounded. Not modified.
    sense : {"min", "max"} or sequence of d of them, default "min"
        Direction per objective. Checked only: a gap does not depend on it.
    ranks : array_like of integers, shape (n,), optional
        The layer of each row, as `ranks` of this package gives them: neighbors are of the same layer. A negative one
        takes no part. By default all rows are one layer.
    nan : {"raise", "drop"}, default "raise"
        Whether a row with NaN is an error or takes no part.

    Returns
    -------
    distance : ndarray of float64, shape (n,)
        0 or more; infinity for the first and the last row of a layer in any objective, and for all rows of a layer of
        one or two; NaN for a row that takes no part.

    Raises
    ------
    ShapeError, DtypeError
        As for `mask`, or if `ranks` has not one integer per row.
    ValueError
        If there is an infinity, or NaN under ``nan="raise"``.

    Notes
    -----
    Deb, Pratap, Agarwal and Meyarivan (2002), a sum and not a mean over objectives (pymoo divides by d). Each gap is
    divided by the range of the objective in the layer; an objective that is constant there adds nothing and makes no
    end. Equal values are ordered by index, so of several equal rows at an end only one is infinite. O(d n log n).

    Examples
    --------
    >>> crowding([[0, 10], [1, 5], [4, 1], [10, 0]])
    array([inf, 1.3, 1.4, inf])
    >>> crowding([[0, 2], [1, 1], [2, 0], [3, 3]], ranks=[0, 0, 0, 1])
    array([inf,  2., inf, inf])
    >>> crowding([[0, 2], [np.nan, 1], [2, 0]], nan="drop")
    array([inf, nan, inf])
    """
    rows, indices, n = float_rows("points", points, nan=nan)
    directions(sense, rows.shape[1])
    distance = np.full(n, np.nan)
    layers = np.zeros(len(indices), dtype=np.int64) if ranks is None else _layers(ranks, n)[indices]
    takes_part = layers >= 0
    rows, indices, layers = rows[takes_part], indices[takes_part], layers[takes_part]
    if len(indices) == 0:
        return distance
    sums = np.zeros(len(indices))
    for column in rows.T:
        # A power of two, so that no range overflows.
        column = np.ldexp(column, -int(np.frexp(np.abs(column).max())[1]) - 1)
        order = np.lexsort((column, layers))
        sums[order] += _gaps(column[order], layers[order])
    alone = np.bincount(layers)[layers] <= 2
    distance[indices] = np.where(alone, np.inf, sums)
    return distance


def _gaps(column: NDArray[np.float64], layers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the share of the range that lies between the neighbors of each value; layers follow each other."""
    first = np.flatnonzero(np.diff(layers, prepend=layers[0] - 1))
    last = np.append(first[1:], len(layers)) - 1
    counts = last - first + 1
    span = np.repeat(column[last] - column[first], counts)
    gaps = np.zeros(len(column))
    gaps[1:-1] = column[2:] - column[:-2]
    gaps[first] = np.inf
    gaps[last] = np.inf
    return np.asarray(np.divide(gaps, span, out=np.zeros_like(gaps), where=span > 0))


def _layers(ranks: ArrayLike, n: int) -> NDArray[np.int64]:
    """Return the layer of each row."""
    layers = plain_array("ranks", ranks, f"integers of shape ({n},), one per row")
    if layers.dtype.kind not in "iu":
        raise DtypeError(f"`ranks` must be integers, got {layers.dtype}")
    if layers.shape != (n,):
        raise ShapeError(f"`ranks` must have shape ({n},), one per row, got {layers.shape}")
    dense = np.unique(layers, return_inverse=True)[1] if len(layers) else layers
    return np.where(layers < 0, -1, dense).astype(np.int64)
