"""The front of files that are larger than memory: read in batches, in the columns that matter, then the rows that stay.

First pass: objectives, groups and conditions only, batch by batch; of each batch its front joins the survivors so far.
Second pass: all columns of the survivors, from the row groups that hold one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from paretoserve._files import file_error
from paretoserve.pareto._common_types import common_types, converted
from paretoserve.pareto._conditions import conditions
from paretoserve.pareto._frame_columns import Numbers, column_numbers
from paretoserve.pareto._metrics import with_metrics
from paretoserve.pareto._partitions import partitioned
from paretoserve.pareto._sources import Retyped, check_columns, files_of, joined, open_source
from paretoserve.pareto._survivors import Survivors, batch_groups
from paretoserve.pareto._table_rows import Question, best_first, column_list, objective_senses, taking_part
from paretoserve.pareto.from_frame import TableFront

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    import pyarrow as pa
    from numpy.typing import NDArray

    from paretoserve.pareto._arguments import Bounds, Sense
    from paretoserve.pareto._metrics import MetricLike
    from paretoserve.pareto._sources import Source

__all__ = ["scan", "scan_front"]


def scan(
    path: str | PathLike[str] | Sequence[str | PathLike[str]],
    objectives: Mapping[str, Sense] | None = None,
    *,
    metrics: MetricLike | Sequence[MetricLike] | None = None,
    by: str | Sequence[str] | None = None,
    where: Mapping[str, Bounds | str | Sequence[str]] | None = None,
    columns: Sequence[str] | None = None,
    batch_rows: int = 1 << 17,
    keep: Literal["all", "first", "last"] = "all",
    nan: Literal["drop", "raise", "worst"] = "drop",
    eps: float | Sequence[float] | Mapping[str, float] | None = None,
    eps_kind: Literal["add", "mult"] = "add",
    threads: int | None = None,
) -> TableFront:
    r"""Return the rows of Parquet or CSV files that no other row beats, without holding the files in memory.

    Parameters
    ----------
    path : path, or list of paths
        A file; a folder (all its .parquet, .csv and .tsv files, also in folders below and compressed, by name); or a
        pattern such as ``runs/*.parquet``. The kind is recognized by content. CSV may be compressed by gz, xz, zst or
        bz2; Parquet compresses inside. Folders named ``key=value`` that are found in it (Hive partitions) are columns
        of their files: of integers or floats where all are, else of text; a column that a file has itself counts.
    objectives : mapping from str to {"min", "max"}, optional
        As for `from_frame`. Every file must have them; where their types differ, the wider one counts, and an integer
        that it cannot hold is refused.
    metrics, by, where, keep, nan, eps, eps_kind, threads
        As for `from_frame`; "first" and "last" mean in the order of files and rows. One thread also reads on one.
    columns : sequence of str, optional
        Columns to return. Default: all.
    batch_rows : int, default 131072
        Most rows that are decoded at once. The result never depends on it.

    Returns
    -------
    front : TableFront
        `front.table` is a pyarrow.Table, best first; `front.indices` count rows over all files in their order, and
        `front.files` has the number of rows of each. A column that a file lacks is null there.

    Raises
    ------
    DataError
        If a file is missing, cut or of another kind, a column is missing or holds no numbers, a group has no label, or
        a value is missing under ``nan="raise"``. File and column are named, and the row where there is one.
    ValueError, ShapeError
        If an option is out of range.
    ModuleNotFoundError
        If pyarrow is not installed (extra ``plan``).

    Notes
    -----
    Time: that of decoding, and a `mask` per batch. Memory: a batch of the columns that matter, twice the front so far
    in them, and the front in all columns; not the files. CSV: a column is as wide as its widest line needs; a line that
    widens it starts the reading anew.

    Examples
    --------
    >>> import tempfile, pathlib, pyarrow as pa, pyarrow.parquet
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> table = pa.table({"gpu": ["a", "a", "b"], "tok_s_gpu": [900, 700, 800], "ttft_p99_s": [0.9, 0.4, 0.9]})
    >>> pyarrow.parquet.write_table(table, folder / "1.parquet")
    >>> _ = (folder / "2.csv").write_text("gpu,tok_s_gpu,ttft_p99_s\nc,650,0.3\nc,600,0.5\n")
    >>> front = scan(folder, {"ttft_p99_s": "min", "tok_s_gpu": "max"})
    >>> front.table["gpu"].to_pylist(), front.indices
    (['c', 'a', 'a'], array([3, 1, 0]))
    >>> scan(folder, {"tok_s_gpu": "max"}, by="gpu", columns=["gpu"]).table.to_pydict()
    {'gpu': ['a', 'b', 'c']}
    >>> scan(folder / "*.csv", {"tok_s_gpu": "max"}, batch_rows=1).table.to_pylist()
    [{'gpu': 'c', 'tok_s_gpu': 650, 'ttft_p99_s': 0.3}]
    """
    maximize = objective_senses(with_metrics(objectives, metrics))
    question = Question(maximize, column_list("by", by), conditions(where), keep, nan, eps, threads, eps_kind)
    return scan_front(path, question, columns=columns, batch_rows=batch_rows)


def scan_front(
    path: str | PathLike[str] | Sequence[str | PathLike[str]],
    question: Question,
    *,
    columns: Sequence[str] | None,
    batch_rows: int,
) -> TableFront:
    """Return what `scan` returns for a question that is checked."""
    if isinstance(batch_rows, bool) or not isinstance(batch_rows, int | np.integer) or batch_rows < 1:
        raise ValueError(f"`batch_rows` must be a whole number of 1 or more, got {batch_rows!r}")
    files = files_of(path)
    sources = partitioned([open_source(file) for file, _ in files], [labels for _, labels in files])
    for source in sources:
        check_columns(source, question.columns)
    wanted = None if columns is None else column_list("columns", columns)
    for name in wanted or ():
        if not any(name in source.schema.names for source in sources):
            check_columns(sources[0], [name])
    reading = _Reading(sources, question, int(batch_rows), question.threads != 1)
    while True:
        try:
            found = reading.first_pass()
            break
        except Retyped:
            continue
    rows, first = found.survivors.front(question)
    larger = next(iter(question.maximize.values()))
    order = np.arange(len(rows)) if first is None else best_first(np.arange(len(rows)), first, larger)
    table = reading.rows(rows, found.starts, wanted).take(order)
    sizes = {source.file: size for source, size in zip(sources, np.diff(found.starts).tolist(), strict=True)}
    counts = (int(found.starts[-1]), found.outside, found.dropped)
    return TableFront(table, rows[order], dict(question.senses), *counts, files=sizes)


@dataclass
class _Found:
    """What the first pass finds."""

    survivors: Survivors
    starts: NDArray[np.int64]
    outside: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Reading:
    """Both passes over the files."""

    sources: list[Source]
    question: Question
    batch_rows: int
    threaded: bool

    def first_pass(self) -> _Found:
        """Read the columns that matter; may raise `Retyped`, then the types are wider and all is read again."""
        types = common_types(self.sources, list(self.question.maximize))
        found = _Found(Survivors(self.question), np.zeros(len(self.sources) + 1, dtype=np.int64))
        found.outside |= {condition.column: 0 for condition in self.question.where}
        found.dropped |= dict.fromkeys(self.question.maximize, 0) if self.question.nan == "drop" else {}
        for number, source in enumerate(self.sources):
            start, row = int(found.starts[number]), 0
            for batch in source.batches(self.question.columns, self.batch_rows, threaded=self.threaded):
                self._add(found, source, batch, types, row, start)
                row += batch.num_rows
            found.starts[number + 1] = start + row
        return found

    def _add(
        self, found: _Found, source: Source, batch: pa.RecordBatch, types: dict[str, pa.DataType], row: int, start: int
    ) -> None:
        """Add a batch that begins at `row` of a file, which begins at `start` of all files."""
        numbers: dict[str, Numbers] = {}
        for name in self.question.maximize:
            column = converted(source, name, batch.column(name), types[name])
            numbers[name] = column_numbers(source, name, column)
        met = [(each, each.met(source, batch.column(each.column))) for each in self.question.where]
        groups = batch_groups(source, {name: batch.column(name) for name in self.question.by}, row)
        taken, outside, dropped = taking_part(source, numbers, met, self.question, row)
        for total, part in ((found.outside, outside), (found.dropped, dropped)):
            for name, count in part.items():
                total[name] += count
        found.survivors.add(list(numbers.values()), taken, groups, start + row)

    def rows(self, rows: NDArray[np.int64], starts: NDArray[np.int64], wanted: Sequence[str] | None) -> pa.Table:
        """Return all wanted columns of these rows, in their order."""
        tables = {}
        for number, source in enumerate(self.sources):
            low, high = np.searchsorted(rows, starts[number : number + 2])
            names = source.schema.names if wanted is None else [name for name in wanted if name in source.schema.names]
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                hint = "choose others by `columns`"
                raise file_error(source.file, "stands in the file more than once", column=twice, hint=hint)
            local = rows[low:high] - starts[number]
            taken = source.take(local, names, batch_rows=self.batch_rows, threaded=self.threaded)
            tables[f"{number}"] = taken
        table = joined(tables)
        return table if wanted is None else table.select([name for name in wanted if name in table.schema.names])
