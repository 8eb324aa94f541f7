"""The front of a table: rows in, rows out, in the library that the table came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from paretoserve.pareto._conditions import conditions
from paretoserve.pareto._frame_columns import column_numbers
from paretoserve.pareto._frames import as_frame
from paretoserve.pareto._labels import group_codes
from paretoserve.pareto._metrics import with_metrics
from paretoserve.pareto._table_rows import (
    Question,
    best_first,
    column_list,
    front_rows,
    layer_ranks,
    objective_senses,
    taking_part,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from paretoserve.pareto._arguments import Bounds, Sense
    from paretoserve.pareto._frames import Frame
    from paretoserve.pareto._metrics import MetricLike

__all__ = ["TableFront", "frame_front", "from_frame"]


@dataclass(frozen=True)
class TableFront:
    """The rows of a table that no other row beats, and what became of the rest.

    Attributes
    ----------
    table : pandas.DataFrame, polars.DataFrame, pyarrow.Table, pyarrow.RecordBatch or dict
        All columns of the rows on the front, best first objective first.
    indices : ndarray of int64, shape (m,)
        Their row numbers in the table, or over all files of a scan in their order, from 0.
    objectives : dict from str to {"min", "max"}
    num_rows : int
        Rows that were looked at.
    num_outside : dict from str to int
        Rows that do not meet the conditions on a column, a missing value included.
    num_dropped : dict from str to int
        Rows without a value of an objective, left out under ``nan="drop"``.
    files : dict from str to int
        Of a scan: the number of rows of each file, in order.
    ranks : ndarray of int32, shape (num_rows,), or None
        If asked for: the layer of every row, 0 for the front, -1 for a row that takes no part.
    """

    table: Any
    indices: NDArray[np.int64]
    objectives: dict[str, str]
    num_rows: int
    num_outside: dict[str, int]
    num_dropped: dict[str, int]
    files: dict[str, int] = field(default_factory=dict)
    ranks: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        """Return the number of rows on the front."""
        return len(self.indices)

    def explain(self) -> str:
        """Return in words how many rows are on the front, and why others took no part."""
        lines = [f"{len(self)} of {self.num_rows} rows are on the front"]
        lines += [f"{_rows(count)} outside the bounds of `{name}`" for name, count in self.num_outside.items() if count]
        lines += [f"{_rows(count)} left out for want of `{name}`" for name, count in self.num_dropped.items() if count]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the rows themselves as plain data."""
        return {
            "indices": self.indices.tolist(),
            "objectives": dict(self.objectives),
            "num_rows": self.num_rows,
            "num_outside": dict(self.num_outside),
            "num_dropped": dict(self.num_dropped),
            "files": dict(self.files),
            "ranks": None if self.ranks is None else self.ranks.tolist(),
        }


def _rows(count: int) -> str:
    return "1 row is" if count == 1 else f"{count} rows are"


def from_frame(
    frame: Any,
    objectives: Mapping[str, Sense] | None = None,
    *,
    metrics: MetricLike | Sequence[MetricLike] | None = None,
    by: str | Sequence[str] | None = None,
    where: Mapping[str, Bounds | str | Sequence[str]] | None = None,
    keep: Literal["all", "first", "last"] = "all",
    nan: Literal["drop", "raise", "worst"] = "drop",
    eps: float | Sequence[float] | Mapping[str, float] | None = None,
    eps_kind: Literal["add", "mult"] = "add",
    ranks: bool = False,
    threads: int | None = None,
) -> TableFront:
    """Return the rows of a table that no other row beats, as a table of the same library.

    Parameters
    ----------
    frame : pandas.DataFrame, polars.DataFrame, pyarrow.Table, pyarrow.RecordBatch, or mapping from str to columns
        Anything else with an Arrow stream is read as a pyarrow.Table; columns of a mapping have shape (n,). Not
        modified. A column without missing values that its library holds in one piece is not copied.
    objectives : mapping from str to {"min", "max"}, optional
        Columns to compare, in order: integers, floats of 16 to 64 bits, bool, decimals of up to 18 digits, or a
        dictionary (categorical) of such. Compared in their own types, so integers above 2^53 stay exact, also where
        values are missing. Text, dates and times are refused. Needed unless there are `metrics`.
    metrics : function, str, object with `name` and `sense`, or sequence of such, optional
        Columns to compare, after `objectives`, that know their better direction: functions of `paretoserve.metrics`,
        whose columns are called as they are, or their names; names of `paretoserve.plan.OBJECTIVES`; or objects.
    by : str or sequence of str, optional
        Columns whose labels together name the group of a row; every group has its own front. A row without a label is
        refused.
    where : mapping from str to (low, high), text or list of texts, optional
        Conditions on any columns: bounds, both inclusive, None for an open end; or the texts of which one must stand
        there. A row outside takes no part, and neither does one without a value there.
    keep : {"all", "first", "last"}, default "all"
        Which of several rows with equal objectives is returned.
    nan : {"drop", "raise", "worst"}, default "drop"
        What a row does that lacks an objective (null, None, NaN): it is left out and counted; it is an error; or what
        is missing ranks after every number.
    eps : float, sequence of d floats, or mapping from str to float, optional
        Thin the front by boxes of this size, as `mask` does; objectives that a mapping leaves out are not thinned.
    eps_kind : {"add", "mult"}, default "add"
        Whether boxes are as wide as `eps`, or ``1 + eps`` times as far at their end as at their beginning; the latter
        takes positive values only.
    ranks : bool, default False
        Whether to sort all rows into layers as well, see `front.ranks`. Not together with `eps`.
    threads : int, optional
        Most threads to use; None decides by size. The result never depends on it.

    Returns
    -------
    front : TableFront
        `front.table` holds the rows, sorted by the first objective, best first, then by row number.

    Raises
    ------
    DtypeError
        If `frame` is no table or `objectives` no mapping.
    DataError
        If a column is missing or of the wrong kind (it is named), a group has no label, or under ``nan="raise"`` a
        value is missing (row and column are named).
    ShapeError
        If columns of a mapping differ in length.
    ValueError
        If an option is out of range, or a metric has no better direction or is an objective too.
    UnknownNameError
        If there is no metric of that name; close names are told.
    ModuleNotFoundError
        If pyarrow is needed to read a column, such as a nullable one of Arrow type in pandas, and not installed.

    Notes
    -----
    The cost of `mask`, and O(n) for each column of `by`. Memory: a byte per row, and 8 to 16 per row with `by`.

    Examples
    --------
    >>> table = {
    ...     "gpu": ["a", "a", "b", "b"],
    ...     "tok_s_gpu": [900, 700, 800, None],
    ...     "ttft_p99_s": [0.9, 0.4, 0.8, 0.1],
    ... }
    >>> objectives = {"tok_s_gpu": "max", "ttft_p99_s": "min"}
    >>> front = from_frame(table, objectives)
    >>> front.table["tok_s_gpu"], front.num_dropped
    ([900, 800, 700], {'tok_s_gpu': 1, 'ttft_p99_s': 0})
    >>> from_frame(table, {"ttft_p99_s": "min"}, by="gpu").indices
    array([3, 1])
    >>> from_frame(table, objectives, where={"ttft_p99_s": (None, 0.8)}).table["gpu"]
    ['b', 'a']
    >>> from_frame(table, objectives, where={"gpu": "a"}).num_outside
    {'gpu': 2}
    >>> from_frame(table, {"gpu": "max"})
    Traceback (most recent call last):
    paretoserve.errors.DataError: column `gpu`: must be a column of numbers, is one of text
    hint: convert it to numbers first
    >>> from_frame(table, objectives, nan="worst").indices
    array([0, 2, 1, 3])
    >>> from_frame(table, objectives, eps={"ttft_p99_s": 0.5}).indices
    array([0, 1])
    >>> from_frame(table, objectives, eps=0.5, eps_kind="mult").indices
    array([1])
    >>> from_frame(table, objectives, ranks=True).ranks
    array([ 0,  0,  0, -1], dtype=int32)
    >>> from paretoserve.metrics.cost import cost_of_pass
    >>> models = {"cost_of_pass": [0.02, 0.05, 0.40], "tok_s_gpu": [700, 900, 800]}
    >>> from_frame(models, {"tok_s_gpu": "max"}, metrics=[cost_of_pass]).indices
    array([1, 0])
    >>> print(front.explain())
    3 of 4 rows are on the front
    1 row is left out for want of `tok_s_gpu`
    """
    maximize = objective_senses(with_metrics(objectives, metrics))
    question = Question(maximize, column_list("by", by), conditions(where), keep, nan, eps, threads, eps_kind)
    return frame_front(as_frame(frame), question, layers=bool(ranks))


def frame_front(table: Frame, question: Question, *, layers: bool = False) -> TableFront:
    """Return what `from_frame` returns for arguments that are checked."""
    maximize = question.maximize
    numbers = {name: column_numbers(table, name, table.column(name)) for name in maximize}
    met = [(each, each.met(table, table.column(each.column))) for each in question.where]
    groups = group_codes(table, {name: table.column(name) for name in question.by}) if question.by else None
    taken, outside, dropped = taking_part(table, numbers, met, question)
    rows = front_rows(question, list(numbers.values()), None if taken.all() else taken, groups)
    name, larger = next(iter(maximize.items()))
    rows = best_first(rows, numbers[name], larger)
    found = layer_ranks(question, list(numbers.values()), taken, groups) if layers else None
    counts = (table.num_rows, outside, dropped)
    return TableFront(table.take(rows), rows, dict(question.senses), *counts, ranks=found)
