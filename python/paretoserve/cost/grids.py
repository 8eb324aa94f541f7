"""Grids of log-ratios: analytic features of operators, and the fit of a grid to scattered rows.

What `tools/fit_operators.py` fits the shipped coefficients with; here so that a calibration can use the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paretoserve import _native

__all__ = ["Grid", "Rates", "features", "fit_grid"]

Rates = tuple[float, float, float, float, float, float, int, int]
"""Operations per second in bf16, fp8 and fp4; bytes per second of memory, links in a node, network; GPUs per node;
multiprocessors."""


@dataclass(frozen=True)
class Grid:
    """Values on a rectilinear grid.

    Attributes
    ----------
    axes : list of ndarray of float64
        Knots per axis.
    values : ndarray of float32, shape (knots,)
        One per knot, the last axis fastest.
    supported : ndarray of uint8, shape (knots,)
        1 where rows determine the knot or lie on both sides of it.
    """

    axes: list[NDArray[np.float64]]
    values: NDArray[np.float32]
    supported: NDArray[np.uint8]


def features(rates: Rates, table: str, rows: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the analytic time and the grid coordinates of operator calls.

    Parameters
    ----------
    rates : Rates
        Peak rates of the GPU.
    table : str
        Operator and formats, as in `Operators.estimate`.
    rows : array_like, shape (n, columns of the operator)
        One call per row.

    Returns
    -------
    nanoseconds : ndarray of float64, shape (n,)
    points : ndarray of float64, shape (n, 6)
        Coordinates; those past the axes of the operator are 0.

    Raises
    ------
    ValueError
        If the table is unknown or a number is negative or not finite.

    Examples
    --------
    >>> h100 = (989e12, 1978e12, 0.0, 3.35e12, 450e9, 50e9, 8, 132)
    >>> nanoseconds, points = features(h100, "gemm/bf16", [[1024, 4096, 4096]])
    >>> points[0].tolist()
    [10.0, 12.0, 12.0, 0.0, 0.0, 0.0]
    """
    calls = np.ascontiguousarray(rows, dtype=np.float64)
    nanoseconds, points = np.empty(len(calls)), np.empty((len(calls), 6))
    _native.operator_features(nanoseconds, points, rates, table, calls)
    return nanoseconds, points


def fit_grid(
    axes: Sequence[ArrayLike],
    points: ArrayLike,
    targets: ArrayLike,
    *,
    bend: Sequence[float],
    slope: float = 1e-4,
    rounds: int = 2,
) -> Grid:
    """Fit a grid so that multilinear interpolation at `points` gives `targets`.

    Parameters
    ----------
    axes : sequence of array_like
        Strictly increasing knots, up to six axes.
    points : array_like, shape (n, axes)
        Coordinates of the rows; outside the axes the edge counts.
    targets : array_like, shape (n,)
        Values to meet, such as log-ratios.
    bend : sequence of float
        Weight of the squared bend at a knot against one row, per axis; fills knots without rows.
    slope : float, default 1e-4
        Weight of the squared difference of neighbors.
    rounds : int, default 2
        Rounds of reweighting towards the smallest absolute (not squared) misfit.

    Returns
    -------
    grid : Grid

    Raises
    ------
    ShapeError
        If there are no rows or the shapes do not fit.
    ValueError
        If a number is not finite or an axis does not increase.

    Notes
    -----
    Conjugate gradients without a matrix, O(n * 2^axes) per iteration; the same bytes on every machine and thread count.

    Examples
    --------
    >>> grid = fit_grid([[0, 1, 2]], [[0.0], [0.5], [2.0]], [0.0, 1.0, 4.0], bend=[1e-3])
    >>> grid.values.round(2).tolist()
    [0.0, 2.0, 4.0]
    """
    knots = [np.ascontiguousarray(axis, dtype=np.float64) for axis in axes]
    size = int(np.prod([len(axis) for axis in knots]))
    values, supported = np.empty(size, dtype=np.float32), np.empty(size, dtype=np.uint8)
    rows = np.ascontiguousarray(points, dtype=np.float64)
    wanted = np.ascontiguousarray(targets, dtype=np.float64)
    _native.fit_grid(values, supported, knots, rows, wanted, list(map(float, bend)), slope, rounds)
    return Grid(knots, values, supported)
