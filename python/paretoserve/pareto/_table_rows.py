"""The front of a table's rows: which rows take part, which are on the front, and in which order they are told.

What `from_frame`, `scan` and the command share. Columns arrive as `Numbers`, so a missing value never widens a column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve import _native
from paretoserve._names import one_of
from paretoserve.errors import DtypeError
from paretoserve.pareto._arguments import box_sizes, thread_count
from paretoserve.pareto._points import as_points
from paretoserve.pareto.mask import best_first as best_order
from paretoserve.pareto.ranks import ranks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve.pareto._arguments import Sense
    from paretoserve.pareto._conditions import Condition
    from paretoserve.pareto._frame_columns import Numbers, Place

__all__ = ["Question", "best_first", "column_list", "front_rows", "layer_ranks", "objective_senses", "taking_part"]


@dataclass(frozen=True)
class Question:
    """What is asked of a table, its arguments checked.

    Attributes
    ----------
    maximize : dict
        Objectives by name, in order: whether larger is better.
    by : tuple of str
        Columns whose labels together name the group of a row.
    where : list of Condition
    keep, nan, eps, eps_kind, threads
        As for `mask`; `nan` also says what a missing value does.
    """

    maximize: dict[str, bool]
    by: tuple[str, ...] = ()
    where: list[Condition] = field(default_factory=list)
    keep: str = "all"
    nan: str = "drop"
    eps: float | Sequence[float] | Mapping[str, float] | None = None
    threads: int | None = None
    eps_kind: str = "add"

    def __post_init__(self) -> None:
        one_of("keep", self.keep, ("all", "first", "last"))
        one_of("nan", self.nan, ("drop", "raise", "worst"))
        one_of("eps_kind", self.eps_kind, ("add", "mult"))
        thread_count(self.threads)
        self.boxes([0] * len(self.maximize))

    @property
    def columns(self) -> list[str]:
        """The columns that the answer depends on, each once."""
        return list(dict.fromkeys([*self.maximize, *self.by, *(condition.column for condition in self.where)]))

    @property
    def senses(self) -> dict[str, Sense]:
        """The objectives and their directions as users write them."""
        return {name: "max" if larger else "min" for name, larger in self.maximize.items()}

    def boxes(self, scales: Sequence[int]) -> list[float] | None:
        """Return the box size per objective, times a power of ten where decimals are kept as integers."""
        if self.eps is None:
            return None
        eps = self.eps
        if isinstance(eps, Mapping):
            unknown = next((name for name in eps if name not in self.maximize), None)
            if unknown is not None:
                listed = ", ".join(f"`{name}`" for name in self.maximize)
                raise ValueError(f"`eps` must be for objectives, got one for `{unknown}`\nhint: they are {listed}")
            eps = [eps.get(name, 0.0) for name in self.maximize]
        sizes = box_sizes(eps, len(self.maximize))
        if self.eps_kind == "mult":
            return sizes
        # A decimal 0.1 is meant by 0.1, not the binary number beside it.
        return [float(Fraction(repr(size)) * 10**scale) for size, scale in zip(sizes, scales, strict=True)]


def objective_senses(objectives: Mapping[str, str]) -> dict[str, bool]:
    """Return per objective whether larger is better, from ``{"tok_s_gpu": "max", "ttft_p99_s": "min"}``."""
    if not isinstance(objectives, Mapping):
        hint = 'for example objectives={"tok_s_gpu": "max", "ttft_p99_s": "min"}'
        raise DtypeError(f"`objectives` must map columns to directions, got {objectives!r:.60}\nhint: {hint}")
    if not objectives:
        raise ValueError("`objectives` must name 1 column or more, got none")
    return {name: one_of(f"objectives[{name!r}]", sense, ("min", "max")) == "max" for name, sense in objectives.items()}


def column_list(argument: str, names: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the columns that an argument names; one may stand alone."""
    if names is None:
        return ()
    try:
        found = (names,) if isinstance(names, str) else tuple(names)
        distinct = set(found)
    except TypeError:
        raise DtypeError(f"`{argument}` must be the name of a column or a list of them, got {names!r:.40}") from None
    if len(distinct) < len(found):
        raise ValueError(f"`{argument}` must name a column once, got {list(found)}")
    return found


def taking_part(
    place: Place,
    objectives: Mapping[str, Numbers],
    met: Sequence[tuple[Condition, NDArray[np.bool_]]],
    question: Question,
    first_row: int = 0,
) -> tuple[NDArray[np.bool_], dict[str, int], dict[str, int]]:
    """Return which rows take part, and how many do not: per column outside its bounds, per column without a value.

    Parameters
    ----------
    place : Place
        Makes the error about a missing value under ``nan="raise"``.
    objectives : mapping from str to Numbers, shape (n,) each
    met : sequence of (Condition, ndarray of bool of shape (n,))
        Which rows meet each condition.
    question : Question
    first_row : int, default 0
        Number of the first row in the whole table, for messages.

    Returns
    -------
    taken : ndarray of bool, shape (n,)
    outside, dropped : dict from str to int
        Every row that takes no part is counted once: at the first column that is against it, bounds before values.
    """
    n = len(next(iter(objectives.values())).values)
    absent = {name: numbers.absent() for name, numbers in objectives.items()}
    if question.nan == "raise":
        first = [(int(rows.argmax()), name) for name, rows in absent.items() if rows is not None]
        if first:
            row, name = min(first, key=lambda each: each[0])
            hint = 'nan="drop" leaves such rows out, nan="worst" ranks them last'
            raise place.problem(name, "must be a number, got none", row=first_row + row, hint=hint)
    taken = np.ones(n, dtype=np.bool_)
    outside: dict[str, int] = {}
    for condition, rows in met:
        outside[condition.column] = outside.get(condition.column, 0) + int((taken & ~rows).sum())
        taken &= rows
    dropped: dict[str, int] = {}
    for name, missing in absent.items():
        if question.nan == "drop":
            dropped[name] = 0 if missing is None else int((taken & missing).sum())
            if missing is not None:
                taken &= ~missing
    if question.eps is not None and question.eps_kind == "mult":
        _refuse_without_share(place, objectives, question, taken, first_row)
    return taken, outside, dropped


def _refuse_without_share(
    place: Place, objectives: Mapping[str, Numbers], question: Question, taken: NDArray[np.bool_], first_row: int
) -> None:
    """Refuse a value of which no share can be taken, wherever it may be on the front."""
    sizes = question.boxes([0] * len(objectives)) or []
    for (name, numbers), size in zip(objectives.items(), sizes, strict=True):
        absent = numbers.absent()
        beyond = taken & (numbers.values <= 0) & (True if absent is None else ~absent)
        if size > 0 and beyond.any():
            row = int(beyond.argmax())
            what = f'must be positive for eps_kind="mult", got {numbers.values[row] / 10**numbers.scale}'
            hint = 'eps_kind="add" takes any value, and a size of 0 leaves an objective as it is'
            raise place.problem(name, what, row=first_row + row, hint=hint)


def front_rows(
    question: Question,
    objectives: Sequence[Numbers],
    taken: NDArray[np.bool_] | None,
    groups: tuple[NDArray[np.uint32], int] | None,
) -> NDArray[np.int64]:
    """Return the rows of the front, rising; `taken` None means all rows that the policy on NaN admits."""
    scales = [numbers.scale for numbers in objectives]
    eps = question.boxes(scales)
    points = as_points("frame", [_comparable(numbers, question.nan, eps is not None) for numbers in objectives])
    out = np.zeros(points.n, dtype=np.bool_)
    _native.pareto_mask(
        out.view(np.uint8),
        points.native,
        list(question.maximize.values()),
        question.keep,
        "worst" if question.nan == "worst" else "drop",
        None if eps is None else (eps, question.eps_kind == "mult"),
        None if groups is None else groups[0],
        0 if groups is None else groups[1],
        None if taken is None else taken.view(np.uint8),
        thread_count(question.threads),
    )
    return np.flatnonzero(out).astype(np.int64, copy=False)


def layer_ranks(
    question: Question,
    objectives: Sequence[Numbers],
    taken: NDArray[np.bool_],
    groups: tuple[NDArray[np.uint32], int] | None,
    num_fronts: int | None = None,
) -> NDArray[np.int32]:
    """Return the layer of every row that takes part, 0 for the front, -1 for others and those beyond `num_fronts`."""
    if question.eps is not None:
        raise ValueError("`eps` must be None for ranks: boxes thin the front and say nothing about further layers")
    rows = np.flatnonzero(taken)
    found = np.full(len(taken), -1, dtype=np.int32)
    if len(rows):
        found[rows] = ranks(
            [_comparable(numbers, question.nan, False)[rows] for numbers in objectives],
            list(question.senses.values()),
            nan="worst",
            groups=None if groups is None else groups[0][rows],
            num_fronts=num_fronts,
            threads=question.threads,
        )
    return found


def _comparable(numbers: Numbers, nan: str, boxed: bool) -> NDArray[Any]:
    """Return values whose NaN say what is missing, if that is ranked; integers as ranks, which floats hold exactly."""
    if nan != "worst" or numbers.missing is None:
        return numbers.values
    values = numbers.values
    if values.dtype.kind != "f" and not boxed:
        values = np.unique(values, return_inverse=True)[1]
    floats: NDArray[np.float64] = values.astype(np.float64)
    floats[numbers.missing] = np.nan
    return floats


def best_first(rows: NDArray[np.int64], first: Numbers, maximize: bool) -> NDArray[np.int64]:
    """Return `rows`, which rise, sorted by the first objective, best first, then by index; without a value last."""
    # Rows that rise and are as many as there are are all rows.
    own = first if len(rows) == len(first.values) else first.at(rows)
    absent = own.absent()
    if absent is None:
        order = best_order(own.values, maximize)
        return order if own is first else rows[order]
    present = rows[~absent]
    return np.concatenate([present[best_order(own.values[~absent], maximize)], rows[absent]])
