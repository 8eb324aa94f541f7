"""Fit one operator table: split rows, place knots, solve, quantize, and measure the error on the rows held out.

Analytic times and grid coordinates come from the library itself (`paretoserve.cost.grids.features`), so what is
fitted here is exactly what is looked up there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from paretoserve import _native
from paretoserve.cost.grids import Rates, features, fit_grid

STEP = 1 / 32
"""Smallest step of the stored log-ratios; rounding to it costs at most 1.6 %, 0.8 % on average, before
interpolation."""


@dataclass(frozen=True)
class OperatorTable:
    """Measured rows of one operator and how its grid is laid out."""

    name: str
    """Table name, for example ``gemm/bf16``."""
    rows: np.ndarray
    """Arguments, float64, shape (n, columns of the operator)."""
    nanoseconds: np.ndarray
    """Measured time, float64, shape (n,)."""
    axes: list[list[float]]
    """Candidate knots per axis; those that no row touches are dropped."""
    bend: list[float]
    """Smoothness per axis; small where neighbors run different kernels."""
    shape_columns: list[int] = field(default_factory=list)
    """Columns whose combinations are also held out as a whole."""
    note: str = ""
    """What a reader of the error should know about the rows."""


@dataclass(frozen=True)
class FittedTable:
    """A fitted grid as it is stored."""

    name: str
    axes: list[list[float]]
    codes: np.ndarray
    offset: float
    step: float
    supported: np.ndarray
    errors: dict[str, object]

    def values(self) -> np.ndarray:
        """Return the log-ratios, float32, one per knot."""
        return (self.offset + self.step * self.codes.astype(np.float64)).astype(np.float32)


def uniform(columns: np.ndarray, salt: int) -> np.ndarray:
    """Hash each row of whole numbers to [0, 1): the same on every machine and for every order of the rows."""
    state = np.full(len(columns), salt, dtype=np.uint64)
    for column in columns.T:
        finite = np.where(np.isfinite(column), column, -1.0)
        state = (state ^ np.round(finite).astype(np.int64).astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        state ^= state >> np.uint64(29)
        state *= np.uint64(0xBF58476D1CE4E5B9)
        state ^= state >> np.uint64(32)
    return (state >> np.uint64(11)).astype(np.float64) / 2.0**53


def held_out(table: OperatorTable) -> tuple[np.ndarray, np.ndarray]:
    """Mark the rows that are not fitted: single rows, and rows of whole shapes (a tenth of each)."""
    single = uniform(table.rows, 1) < 0.1
    if not table.shape_columns:
        return uniform(table.rows, 1) < 0.2, np.zeros(len(table.rows), dtype=bool)
    shape = uniform(table.rows[:, table.shape_columns], 2) < 0.1
    return single & ~shape, shape


def fit(table: OperatorTable, rates: Rates) -> FittedTable:
    """Fit `table` on its training rows and measure the stored grid on the others."""
    analytic, points = features(rates, table.name, table.rows)
    points = np.ascontiguousarray(points[:, : len(table.axes)])
    single, shape = held_out(table)
    train = ~(single | shape)
    axes = [_touched(np.asarray(axis, dtype=np.float64), points[train, i]) for i, axis in enumerate(table.axes)]
    target = np.log(table.nanoseconds / analytic)
    grid = fit_grid(axes, points[train], target[train], bend=table.bend)
    values = grid.values
    offset = float(np.round(values.min(), 4))
    step = max(STEP, float(np.ceil((values.max() - offset) / 255 * 1e6) / 1e6))
    codes = np.round((values.astype(np.float64) - offset) / step).clip(0, 255).astype(np.uint8)
    fitted = FittedTable(table.name, [list(axis) for axis in axes], codes, offset, step, grid.supported, {})
    predicted = estimate(fitted, rates, table.rows)
    fitted.errors.update(rows=int(train.sum()), held_out=error(predicted, table.nanoseconds, single))
    if shape.any():
        fitted.errors.update(held_out_shapes=error(predicted, table.nanoseconds, shape))
    if table.note:
        fitted.errors.update(note=table.note)
    return fitted


def estimate(fitted: FittedTable, rates: Rates, rows: np.ndarray) -> np.ndarray:
    """Return the nanoseconds that the library estimates from a fitted table, shape (n,)."""
    axes = [np.array(axis) for axis in fitted.axes]
    operators = _native.Operators(rates, 0.0, 1.0, [(fitted.name, axes, fitted.values(), fitted.supported)])
    nanoseconds, provenance = np.empty(len(rows)), np.empty(len(rows), dtype=np.uint8)
    operators.estimate(nanoseconds, provenance, fitted.name, np.ascontiguousarray(rows, dtype=np.float64), False)
    return nanoseconds


def error(predicted: np.ndarray, measured: np.ndarray, rows: np.ndarray) -> dict[str, float]:
    """Summarize the relative error on `rows` in percent."""
    relative = 100 * (predicted[rows] / measured[rows] - 1)
    if not len(relative):
        return {"rows": 0}
    return {
        "rows": len(relative),
        "mean_absolute_percent": round(float(np.abs(relative).mean()), 2),
        "median_absolute_percent": round(float(np.median(np.abs(relative))), 2),
        "p95_absolute_percent": round(float(np.quantile(np.abs(relative), 0.95)), 2),
        "bias_percent": round(float(relative.mean()), 2),
    }


def fastest(frame: pd.DataFrame, columns: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return one row per combination of `columns` and its smallest latency in milliseconds."""
    best = frame.groupby(columns, as_index=False).latency.min()
    best = best[best.latency > 0]
    return best[columns].to_numpy(dtype=np.float64, copy=True), best.latency.to_numpy(dtype=np.float64, copy=True)


def log2(sizes: list[int] | range) -> list[float]:
    """Return knots at these sizes."""
    return [round(float(np.log2(size)), 6) for size in sizes]


def _touched(axis: np.ndarray, coordinates: np.ndarray) -> np.ndarray:
    """Drop knots that no row lies next to."""
    low = np.searchsorted(axis, coordinates + 1e-5, side="right").clip(1, len(axis)) - 1
    high = np.where(coordinates > axis[low] + 1e-5, np.minimum(low + 1, len(axis) - 1), low)
    return np.ascontiguousarray(axis[np.union1d(low, high)])
