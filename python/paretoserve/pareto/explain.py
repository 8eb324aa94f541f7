"""Why a point is not on the front, and what would put it there."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve import _native
from paretoserve._names import one_of
from paretoserve.pareto._arguments import directions, taking_part
from paretoserve.pareto._points import as_points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from paretoserve.pareto._arguments import Bounds, Sense
    from paretoserve.pareto._points import Points, PointsLike

__all__ = ["Change", "Explanation", "explain"]

# Dominators that are listed in the text; the rest is counted.
_LISTED = 10


@dataclass(frozen=True, slots=True)
class Change:
    """What one objective alone must become for a point to be on the front.

    Attributes
    ----------
    objective : int or str
        Index of the objective, or its name if the points came as a mapping.
    value : int or float
        The value as it is.
    needed : int or float
        The value that it must reach.
    beyond : bool
        Whether it must be better than `needed`; else reaching it is enough.
    amount : int or float
        Distance from `value` to `needed`, 0 or more, in the unit of the objective.
    """

    objective: int | str
    value: float
    needed: float
    beyond: bool
    amount: float

    def __str__(self) -> str:
        way = "better than" if self.beyond else "as good as"
        name = self.objective if isinstance(self.objective, str) else f"objective {self.objective}"
        return f"{name} alone: from {self.value:g} to {way} {self.needed:g} ({self.amount:g} away)"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether a point is on the front, what keeps it off and what would put it there.

    Attributes
    ----------
    index : int
        The row that is explained.
    takes_part : bool
        False if the row has a NaN that was dropped or lies outside the bounds; nothing else is known then.
    on_front : bool
        Whether no row dominates it.
    dominators : tuple of int
        The rows that dominate it, rising.
    epsilon : float or None
        Additive epsilon: once every objective is better by more than this, the point is on the front (0.0 if it is on
        it already or needs any improvement, however small). None if a difference is infinite or not a number.
    factor : float or None
        Multiplicative epsilon: once every objective is better by more than this factor (divided by it where less is
        better, else multiplied), the point is on the front. None unless all values of the point and of its dominators
        are positive and finite.
    changes : tuple of Change or None
        Per objective the smallest change of it alone that puts the point on the front; None where no value does,
        because a dominator is at the best there is (infinity, or the better flag of a bool), or where the value itself
        is NaN or infinite. Empty for a point that is on the front or takes no part.
    """

    index: int
    takes_part: bool
    on_front: bool
    dominators: tuple[int, ...]
    epsilon: float | None
    factor: float | None
    changes: tuple[Change | None, ...]

    def __str__(self) -> str:
        if not self.takes_part:
            return f"row {self.index} takes no part: it has a NaN or lies outside the bounds"
        if self.on_front:
            return f"row {self.index} is on the front: no row dominates it"
        listed = ", ".join(map(str, self.dominators[:_LISTED]))
        more = f" and {len(self.dominators) - _LISTED} more" if len(self.dominators) > _LISTED else ""
        verb = "row dominates" if len(self.dominators) == 1 else "rows dominate"
        lines = [f"row {self.index} is not on the front: {len(self.dominators)} {verb} it ({listed}{more})"]
        if self.epsilon is not None:
            lines.append(f"  all objectives: better by more than {self.epsilon:g}")
        if self.factor is not None:
            lines.append(f"  all objectives: better by a factor of more than {self.factor:g}")
        lines.extend(f"  {change}" for change in self.changes if change is not None)
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as plain dictionaries, lists and numbers, for example for JSON.

        Returns
        -------
        explanation : dict
            One entry per attribute; `changes` as a list of dictionaries or None.
        """
        names = ("objective", "value", "needed", "beyond", "amount")
        changes = [
            None if change is None else {name: getattr(change, name) for name in names} for change in self.changes
        ]
        return {
            "index": self.index,
            "takes_part": self.takes_part,
            "on_front": self.on_front,
            "dominators": list(self.dominators),
            "epsilon": self.epsilon,
            "factor": self.factor,
            "changes": changes,
        }


def explain(
    points: PointsLike,
    index: int,
    sense: Sense | Sequence[Sense] = "min",
    *,
    nan: Literal["raise", "drop", "worst"] = "raise",
    groups: ArrayLike | None = None,
    where: Mapping[int, Bounds] | Sequence[Bounds | None] | None = None,
) -> Explanation:
    """Explain why a point is or is not on the front, and what would put it there.

    Parameters
    ----------
    points : array_like of shape (n, d), list or tuple of d arrays of shape (n,), or mapping from name to such arrays
        One row per point, one column per objective (1 or more), any integer, float of 16 to 64 bits or bool. Compared
        in its own dtype. The names of a mapping appear in the answer. Not modified.
    index : int
        The row to explain, from 0 to n - 1.
    sense : {"min", "max"} or sequence of d of them, default "min"
        Direction per objective.
    nan : {"raise", "drop", "worst"}, default "raise"
        What a row with NaN does: it is an error; it takes no part; or its NaN ranks after every number, in either
        direction, and equals other NaN.
    groups : array_like, shape (n,), optional
        A label per row (numbers or strings, not missing); only rows of the same group as row `index` are compared.
    where : mapping from objective index to (low, high), or sequence of d of (low, high) or None, optional
        Bounds, both inclusive, None for an open end. A row outside takes no part. As for `mask`.

    Returns
    -------
    explanation : Explanation
        Its dominators, the additive and multiplicative epsilon to the front, and the smallest change of each objective
        alone; `str` of it is a few readable lines, `to_dict` plain data.

    Raises
    ------
    ShapeError
        If `points` is not a matrix or an argument has not one entry per row or objective.
    DtypeError
        If `points` holds anything but real numbers of at most 64 bits.
    TypeError
        If `index` is not a whole number.
    ValueError
        If `index` is no row, there is a NaN under ``nan="raise"`` (row and column are named), or an option is out of
        range.

    Notes
    -----
    O(n d). The additive epsilon is the largest over the dominators of the smallest difference over the objectives, the
    multiplicative one the same with ratios (Zitzler et al. 2003). Integers are compared and subtracted exactly; the
    epsilons are float64.

    Examples
    --------
    >>> points = {"latency": [3.0, 4.0, 4.0], "cost": [2.0, 1.0, 3.0]}
    >>> why = explain(points, 2)
    >>> why.dominators
    (0, 1)
    >>> why.epsilon
    1.0
    >>> print(why)
    row 2 is not on the front: 2 rows dominate it (0, 1)
      all objectives: better by more than 1
      all objectives: better by a factor of more than 1.33333
      latency alone: from 4 to better than 3 (1 away)
      cost alone: from 3 to as good as 1 (2 away)
    >>> explain(points, 0).on_front
    True
    >>> explain(points, 2, "max").on_front
    True
    >>> explain(points, 2, where={1: (None, 1.5)}).takes_part
    False
    >>> explain([[1.0, 5.0], [2.0, 5.0], [float("nan"), 0.0]], 1, nan="drop").dominators
    (0,)
    >>> explain(points, 2, groups=["a", "b", "b"]).dominators
    (1,)
    """
    table = as_points("points", points)
    row = _row(index, table.n)
    maximize = directions(sense, table.d)
    out = np.zeros(table.n, dtype=np.uint8)
    takes_part = _native.pareto_dominators(
        out,
        table.native,
        maximize,
        row,
        one_of("nan", nan, ("raise", "drop", "worst")),
        *taking_part(table, groups, where),
    )
    dominators = np.flatnonzero(out)
    if not takes_part or not len(dominators):
        epsilon, factor = (0.0, 1.0) if takes_part else (None, None)
        return Explanation(row, takes_part, takes_part, (), epsilon, factor, ())
    names = list(points) if isinstance(points, Mapping) else list(range(table.d))
    return Explanation(
        row,
        takes_part=True,
        on_front=False,
        dominators=tuple(dominators.tolist()),
        epsilon=_epsilon(table, row, dominators, maximize),
        factor=_factor(table, row, dominators, maximize),
        changes=_changes(table, row, dominators, maximize, names),
    )


def _row(index: int, n: int) -> int:
    """Return `index` if it is a row, else raise."""
    if isinstance(index, bool):
        raise TypeError(f"`index` must be a whole number, got {index!r}")
    try:
        row = operator.index(index)
    except TypeError as error:
        raise TypeError(f"`index` must be a whole number, got {index!r}") from error
    if not 0 <= row < n:
        expected = f"from 0 to {n - 1}" if n else "a row, but there is none"
        raise ValueError(f"`index` must be {expected}, got {row}")
    return row


def _values(table: Points, rows: NDArray[np.int64], k: int) -> NDArray[Any]:
    """Return an objective of some rows, as float64, int64 or uint64: whichever holds them exactly."""
    values = table.column(k)[rows]
    return values.astype({"u": np.uint64, "i": np.int64, "b": np.int64}.get(values.dtype.kind, np.float64))


def _epsilon(table: Points, row: int, dominators: NDArray[np.int64], maximize: list[bool]) -> float | None:
    """Return the additive epsilon to the front."""
    least = np.full(len(dominators), np.inf)
    for k in range(table.d):
        own, others = _values(table, np.array([row]), k), _values(table, dominators, k)
        if own.dtype.kind != "f":
            # 64-bit integers may be farther apart than int64 counts; modulo 2^64 the difference is right.
            own, others = own.astype(np.uint64), others.astype(np.uint64)
        with np.errstate(all="ignore"):
            gains = (others - own if maximize[k] else own - others).astype(np.float64)
        # No shift leads away from an infinite value, or reaches one.
        least = np.minimum(least, np.where(np.isfinite(gains), gains, np.inf))
    epsilon = float(least.max())
    return epsilon if np.isfinite(epsilon) else None


def _factor(table: Points, row: int, dominators: NDArray[np.int64], maximize: list[bool]) -> float | None:
    """Return the multiplicative epsilon to the front."""
    least = np.full(len(dominators), np.inf)
    for k in range(table.d):
        own = _values(table, np.array([row]), k).astype(np.float64)
        others = _values(table, dominators, k).astype(np.float64)
        if not (np.isfinite(others) & (others > 0)).all() or not (np.isfinite(own) & (own > 0)).all():
            return None
        with np.errstate(all="ignore"):
            least = np.minimum(least, others / own if maximize[k] else own / others)
    factor = float(least.max())
    return factor if np.isfinite(factor) else None


def _changes(
    table: Points, row: int, dominators: NDArray[np.int64], maximize: list[bool], names: list[Any]
) -> tuple[Change | None, ...]:
    """Return per objective the smallest change of it alone that leads to the front."""
    worse = [_values(table, dominators, k) != _values(table, np.array([row]), k) for k in range(table.d)]
    num_worse = np.sum(worse, axis=0)
    changes: list[Change | None] = []
    for k, name in enumerate(names):
        others = _values(table, dominators, k)
        value, needed = _values(table, np.array([row]), k)[0].item(), (others.max() if maximize[k] else others.min())
        # As good as the best dominator is enough if that one is ahead nowhere else.
        beyond = bool((num_worse - worse[k])[others == needed].any())
        # A flag cannot be better than its better value, and no number than an infinite one.
        stuck = table.column(k).dtype == np.bool_ and beyond
        if stuck or not np.isfinite(value) or not np.isfinite(needed):
            changes.append(None)
        else:
            changes.append(Change(name, value, needed.item(), beyond, abs(value - needed.item())))
    return tuple(changes)
