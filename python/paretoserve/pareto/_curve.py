"""A front of two objectives as a curve: pieces of cubic polynomials over the first objective.

Everything is computed on the scale of the front, 0 to 1 in both objectives, so that no slope overflows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from paretoserve._names import one_of
from paretoserve.errors import ShapeError
from paretoserve.pareto._arguments import directions
from paretoserve.pareto._points import as_points
from paretoserve.pareto._values import front_rows
from paretoserve.pareto.hull import hull

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from paretoserve.pareto._arguments import Sense

__all__ = ["KINDS", "Curve", "Kind", "curve_of"]

Kind: TypeAlias = Literal["step", "linear", "monotone", "hull"]
KINDS = ("step", "linear", "monotone", "hull")


@dataclass(frozen=True, slots=True)
class Curve:
    """The best second objective for each value of the first.

    Attributes
    ----------
    at : ndarray of float64, shape (m,)
        The first objective of the points, rising; in the units of the front.
    pieces : ndarray of float64, shape (max(m - 1, 0), 4)
        Coefficients of 1, t, t^2, t^3 with t the distance from the left end of the piece, both on the scale 0 to 1.
    reached : ndarray of float64, shape (m,)
        The second objective of the points, in the units of the front.
    low, size : ndarray of float64, shape (2,)
        Value = low + size * (place on the scale), per objective.
    right : bool
        Whether a point counts for what lies to its right (a step of a front whose first objective is minimized).
    flat : bool
        Whether the pieces are steps.
    """

    at: NDArray[np.float64]
    pieces: NDArray[np.float64]
    reached: NDArray[np.float64]
    low: NDArray[np.float64]
    size: NDArray[np.float64]
    right: bool
    flat: bool

    @property
    def ends(self) -> tuple[float, float]:
        """The second objective at both ends."""
        return float(self.reached[0]), float(self.reached[-1])

    def scale(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return places of the first objective on the scale."""
        return np.asarray(_minus(x, self.low[0]) / self.size[0], dtype=np.float64)

    def values(self, x: NDArray[np.float64], extrapolate: bool) -> NDArray[np.float64]:
        """Return the second objective at `x`; outside NaN, or the value of the nearer end."""
        out = np.full(x.shape, np.nan)
        if len(self.at) == 0:
            return out
        inside = (x >= self.at[0]) & (x <= self.at[-1])
        if len(self.at) > 1 and inside.any():
            piece = np.searchsorted(self.at, x[inside], side="right" if self.right else "left") - 1
            piece = np.clip(piece, 0, len(self.pieces) - 1)
            t = _minus(x[inside], self.at[piece]) / self.size[0]
            c0, c1, c2, c3 = self.pieces[piece].T
            between = self.low[1] + self.size[1] * (c0 + t * (c1 + t * (c2 + t * c3)))
            out[inside] = self.reached[piece + (not self.right)] if self.flat else between
        # The points are met exactly, also where a step jumps.
        place = np.searchsorted(self.at, x).clip(max=len(self.at) - 1)
        out = np.where(x == self.at[place], self.reached[place], out)
        if extrapolate:
            out[x < self.at[0]], out[x > self.at[-1]] = self.ends
        return out

    def integral(self, low: float, high: float) -> float:
        """Return the integral of the second objective between two places inside the range."""
        if len(self.pieces) == 0:
            return (high - low) * float(self.ends[0]) if low < high else 0.0
        nodes = self.scale(self.at)
        a, b = self.scale(np.array([low, high]))
        starts = np.clip(a, nodes[:-1], nodes[1:]) - nodes[:-1]
        stops = np.clip(b, nodes[:-1], nodes[1:]) - nodes[:-1]
        powers = np.arange(1, 5)
        terms = self.pieces * (stops[:, None] ** powers - starts[:, None] ** powers) / powers
        return float(self.size[0] * (self.size[1] * terms.sum() + self.low[1] * (b - a)))


def curve_of(argument: str, front: ArrayLike, kind: str, sense: Sense | Sequence[Sense], *, inverse: bool) -> Curve:
    """Return the curve through the front of `front`; `inverse` swaps the objectives.

    Raises
    ------
    ShapeError, DtypeError
        As for `mask`; or if there are not two objectives.
    ValueError
        If `kind` is none of `KINDS`, there is NaN, or an infinity on the front.
    """
    one_of("kind", kind, KINDS)
    if (d := as_points(argument, front).d) != 2:
        raise ShapeError(f"`{argument}` must have 2 objectives, one per column, got {d}")
    maximize = directions(sense, 2)
    values, _, _ = front_rows(argument, front, maximize, hint="leave such rows out")
    if kind == "hull":
        values = values[hull(values, ["max" if each else "min" for each in maximize])]
    if inverse:
        values, maximize = values[:, ::-1], maximize[::-1]
    values = values[np.argsort(values[:, 0], kind="stable")]
    if len(values) == 0:
        nothing = np.zeros(0)
        return Curve(nothing, np.zeros((0, 4)), nothing, np.zeros(2), np.ones(2), True, False)
    x, y = values.T
    low = values.min(axis=0)
    size = np.array([_span(x), _span(y)])
    u, v = _minus(x, low[0]) / size[0], _minus(y, low[1]) / size[1]
    return Curve(x, _pieces(u, v, kind, not maximize[0]), y, low, size, not maximize[0], kind == "step")


def _span(values: NDArray[np.float64]) -> float:
    """Return the range, 1 if there is none; refuse one that no float64 holds."""
    with np.errstate(over="ignore"):
        span = float(values.max() - values.min())
    if np.isinf(span):
        raise ValueError(f"`front` must have a range that float64 holds, got {values.min()} to {values.max()}")
    return span or 1.0


def _minus(values: NDArray[np.float64], low: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return differences; one that overflows belongs to a place far outside."""
    with np.errstate(over="ignore"):
        return np.asarray(values - low, dtype=np.float64)


def _pieces(u: NDArray[np.float64], v: NDArray[np.float64], kind: str, right: bool) -> NDArray[np.float64]:
    """Return the polynomials between neighboring points."""
    pieces = np.zeros((len(u) - 1, 4))
    if len(u) == 1:
        return pieces
    pieces[:, 0] = v[:-1]
    if kind == "step":
        pieces[:, 0] = v[:-1] if right else v[1:]
        return pieces
    width = np.diff(u)
    slope = np.diff(v) / width
    pieces[:, 1] = slope
    if kind == "monotone" and len(u) > 2:
        ends = _tangents(width, slope)
        pieces[:, 1] = ends[:-1]
        pieces[:, 2] = (3 * slope - 2 * ends[:-1] - ends[1:]) / width
        pieces[:, 3] = (ends[:-1] + ends[1:] - 2 * slope) / width**2
    return pieces


def _tangents(width: NDArray[np.float64], slope: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return slopes at the points that keep the curve monotone: Fritsch and Butland (1984), ends by three points."""
    tangents = np.zeros(len(width) + 1)
    same = slope[:-1] * slope[1:] > 0
    first, second = 2 * width[1:] + width[:-1], width[1:] + 2 * width[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        inner = (first + second) / (first / slope[:-1] + second / slope[1:])
    tangents[1:-1] = np.where(same, inner, 0.0)
    tangents[0] = _end(width[0], width[1], slope[0], slope[1])
    tangents[-1] = _end(width[-1], width[-2], slope[-1], slope[-2])
    return tangents


def _end(width: float, next_width: float, slope: float, next_slope: float) -> float:
    """Return the slope at an end: of the parabola through three points, kept monotone (Fritsch and Carlson 1980)."""
    tangent = ((2 * width + next_width) * slope - width * next_slope) / (width + next_width)
    if tangent * slope <= 0:
        return 0.0
    return 3 * slope if slope * next_slope <= 0 and abs(tangent) > 3 * abs(slope) else tangent
