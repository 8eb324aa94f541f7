"""The best row that meets limits: what serves cheapest while the first token comes in time, say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve._names import one_of
from paretoserve.errors import DtypeError, ShapeError
from paretoserve.pareto._arguments import allowed_rows, directions
from paretoserve.pareto._points import Points, as_points
from paretoserve.pareto._values import front_rows, refuse_missing
from paretoserve.pareto.hull import hull
from paretoserve.pareto.mask import mask

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from paretoserve.pareto._arguments import Bounds, Sense
    from paretoserve.pareto._values import NanOfRows

__all__ = ["Pick", "pick"]


@dataclass(frozen=True, slots=True)
class Pick:
    """A choice under limits, and what the limits did.

    Attributes
    ----------
    index : int or None
        The row chosen; of a mixture the one with the larger share; None if nothing meets the limits.
    mixture : tuple of (int, float)
        Rows and their shares, which sum to 1: one row, or the two that interpolation mixes; empty if nothing does.
    values : tuple of float
        The objectives of the choice, those of a mixture being the means by its shares.
    num_met : int
        Rows that meet all limits.
    cut : dict of int to int
        Per limited objective, the rows outside of its limits, whatever the others say.
    nearest : int or None
        If nothing meets the limits, the row that misses them least: by the sum of what it misses, each as a share of
        the objective's range.
    missed_by : dict of int to float
        By how much that row misses the limits, per objective, in its units.
    """

    index: int | None
    mixture: tuple[tuple[int, float], ...]
    values: tuple[float, ...]
    num_met: int
    cut: dict[int, int]
    nearest: int | None
    missed_by: dict[int, float]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, ready for JSON."""
        return {
            "index": self.index,
            "mixture": [[index, share] for index, share in self.mixture],
            "values": list(self.values),
            "num_met": self.num_met,
            "cut": {str(k): count for k, count in self.cut.items()},
            "nearest": self.nearest,
            "missed_by": {str(k): excess for k, excess in self.missed_by.items()},
        }


def pick(
    points: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    best: int = 0,
    where: Mapping[int, Bounds] | Sequence[Bounds | None] | None = None,
    interpolate: bool | Literal["linear", "hull"] = False,
    nan: NanOfRows = "raise",
) -> Pick:
    """Return the row that is best in one objective among those within limits.

    Parameters
    ----------
    points : array_like, shape (n, d), any integer, float16/32/64 or bool dtype
        One row per point, one column per objective. Limits are compared in its own dtype. Not modified.
    sense : {"min", "max"} or sequence of d of them, default "min"
        Direction per objective.
    best : int, default 0
        The objective to be best in; negative ones count from the end. Of rows equal in it, one that no other of them
        dominates, and of these the first.
    where : mapping from objective index to (low, high), or sequence of d of (low, high) or None, optional
        Limits, as for `mask`: both inclusive, None for an open end.
    interpolate : bool or {"linear", "hull"}, default False
        For two objectives of which the other one has one limit, on its worse side: mix the two rows of the front
        between which the limit lies so that the mean meets it exactly. True and "linear" mix neighbors of the front,
        "hull" corners of `hull`, which is never worse. A mean: shares of the requests, not each of them, meet it.
    nan : {"raise", "drop"}, default "raise"
        Whether a row with NaN is an error or takes no part.

    Returns
    -------
    choice : Pick

    Raises
    ------
    ShapeError, DtypeError
        As for `mask`; or if there are not two objectives to interpolate.
    ValueError
        If `best` names no objective, there is NaN under ``nan="raise"``, an option is out of range, or the limits are
        not such that one can interpolate.

    Notes
    -----
    O(n d); with `interpolate` the cost of `mask` plus O(m log m). An infinity is a value like any other, but no row of
    a mixture may have one.

    Examples
    --------
    >>> points = [[10, 1.0], [4, 3.0], [2, 6.0], [12, 9.0]]  # ms per token, dollars saved
    >>> pick(points, ["min", "max"], best=1, where={0: (None, 5)}).index
    2
    >>> choice = pick([[1, 10], [3, 4], [9, 2]], best=1, where={0: (None, 6)}, interpolate=True)
    >>> choice.mixture, choice.values
    (((1, 0.5), (2, 0.5)), (6.0, 3.0))
    >>> pick([[1, 10], [3, 9], [9, 2]], best=1, where={0: (None, 5)}, interpolate="hull").mixture
    ((0, 0.5), (2, 0.5))
    >>> failed = pick([[5, 1], [7, 2]], where={0: (None, 4)})
    >>> failed.index, failed.nearest, failed.missed_by, failed.cut
    (None, 0, {0: 1.0}, {0: 2})
    >>> pick([[5, 1], [np.nan, 0]], best=1, nan="drop").index
    0
    """
    one_of("nan", nan, ("raise", "drop"))
    table = as_points("points", points)
    maximize = directions(sense, table.d)
    if isinstance(best, bool) or not isinstance(best, (int, np.integer)):
        raise DtypeError(f"`best` must be the index of an objective, got {best!r}")
    if not -table.d <= best < table.d:
        raise ValueError(f"`best` must name one of the objectives 0 to {table.d - 1}, got {best}")
    best = int(best) % table.d
    limits = _limits(where, table)
    if interpolate is not False and interpolate is not True:
        one_of("interpolate", interpolate, ("linear", "hull"))
    way: list[Sense] = ["max" if each else "min" for each in maximize]
    present = np.logical_and.reduce([column == column for column in map(table.column, range(table.d))])
    if nan == "raise" and not present.all():
        refuse_missing("points", table)
    inside = {k: allowed_rows({k: bounds}, table).astype(np.bool_) & present for k, bounds in limits.items()}
    met = np.logical_and.reduce([present, *inside.values()])
    cut = {k: int((present & ~flags).sum()) for k, flags in inside.items()}
    mixture: tuple[tuple[int, float], ...] = ()
    if interpolate is not False:
        mixture = _mixture(points, way, best, limits, nan, "linear" if interpolate is True else interpolate)
    elif met.any():
        mixture = ((_best_row(table, np.flatnonzero(met), way, best), 1.0),)
    values = tuple(_mean(table, mixture, k) for k in range(table.d)) if mixture else ()
    index = max(mixture, key=lambda part: part[1])[0] if mixture else None
    nearest, missed_by = (None, {}) if mixture else _nearest(table, np.flatnonzero(present), limits)
    return Pick(index, mixture, values, int(met.sum()), cut, nearest, missed_by)


def _limits(where: Mapping[int, Bounds] | Sequence[Bounds | None] | None, table: Points) -> dict[int, Bounds]:
    """Return the limits per objective, checked."""
    if where is None:
        return {}
    allowed_rows(where, table)
    pairs = where.items() if hasattr(where, "items") else enumerate(where)
    return {int(k): (limits[0], limits[1]) for k, limits in pairs if limits is not None}


def _best_row(table: Points, rows: NDArray[np.int64], way: list[Sense], best: int) -> int:
    """Return the row that is best in one objective; of equal ones the first that none of them dominates."""
    column = table.column(best)[rows]
    tied = rows[column == (column.max() if way[best] == "max" else column.min())]
    return int(tied[mask([table.column(k)[tied] for k in range(table.d)], way).argmax()])


def _mean(table: Points, mixture: tuple[tuple[int, float], ...], k: int) -> float:
    """Return an objective of a mixture."""
    if len(mixture) == 1:
        return float(table.column(k)[mixture[0][0]])
    return float(sum(share * float(table.column(k)[index]) for index, share in mixture))


def _mixture(
    points: ArrayLike, way: list[Sense], best: int, limits: dict[int, Bounds], nan: NanOfRows, kind: str
) -> tuple[tuple[int, float], ...]:
    """Return the rows to mix so that the limit is met exactly, with their shares; nothing if no row meets it."""
    if len(way) != 2:
        raise ShapeError(f"`points` must have 2 objectives to interpolate, got {len(way)}")
    other = 1 - best
    low, high = limits.get(other, (None, None))
    limit, better = (low, high) if way[other] == "max" else (high, low)
    if set(limits) != {other} or limit is None or better is not None:
        side = "low" if way[other] == "max" else "high"
        raise ValueError(f"`where` must hold the {side} limit of objective {other} and nothing else to interpolate")
    rows, indices, _ = front_rows("points", points, [each == "max" for each in way], nan=nan)
    if kind == "hull":
        corners = hull(rows, way)
        rows, indices = rows[corners], indices[corners]
    sign = -1.0 if way[other] == "max" else 1.0
    order = np.argsort(sign * rows[:, other], kind="stable")
    x, indices = sign * rows[order, other], indices[order]
    place = int(np.searchsorted(x, sign * float(limit), side="right"))
    if place == 0:
        return ()
    if place == len(x) or x[place - 1] == sign * float(limit):
        return ((int(indices[place - 1]), 1.0),)
    share = float((sign * float(limit) / 2 - x[place - 1] / 2) / (x[place] / 2 - x[place - 1] / 2))
    return (int(indices[place - 1]), 1.0 - share), (int(indices[place]), share)


def _nearest(table: Points, rows: NDArray[np.int64], limits: dict[int, Bounds]) -> tuple[int | None, dict[int, float]]:
    """Return the row that misses the limits least, and by how much."""
    if len(rows) == 0 or not limits:
        return None, {}
    total = np.zeros(len(rows))
    missed = {}
    with np.errstate(over="ignore", invalid="ignore"):
        for k, (low, high) in limits.items():
            column = table.column(k)[rows].astype(np.float64)
            under = np.zeros(len(rows)) if low is None else np.maximum(float(low) - column, 0)
            over = np.zeros(len(rows)) if high is None else np.maximum(column - float(high), 0)
            missed[k] = under + over
            finite = column[np.isfinite(column)]
            span = float(np.ptp(finite)) if len(finite) else 0.0
            total += missed[k] / (span if 0 < span < np.inf else 1.0)
    place = int(total.argmin())
    return int(rows[place]), {k: float(each[place]) for k, each in missed.items()}
