"""What `paretoserve front` does with its options: a question to files, and the answer in several forms."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._amounts import is_seconds, written_amount
from paretoserve._files import file_error
from paretoserve._names import one_of
from paretoserve.cli._front_marks import explanation, knees, picks_of, volumes
from paretoserve.cli._table import Table, read_table
from paretoserve.pareto._conditions import Written
from paretoserve.pareto._frame_columns import column_numbers
from paretoserve.pareto._metrics import metric_senses
from paretoserve.pareto._sources import files_of
from paretoserve.pareto._table_rows import Question, best_first, column_list
from paretoserve.pareto.from_frame import TableFront, frame_front
from paretoserve.pareto.scan import scan_front

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Answer", "Request", "answer", "asked", "explained"]

# Files of more bytes together are scanned, not loaded.
MOST_BYTES = 256 << 20


@dataclass(frozen=True)
class Request:
    """What to read and what to ask.

    Attributes
    ----------
    paths : list of Path
        Files, folders or patterns.
    question : Question
    scan : bool
        Read in batches whatever the size.
    batch_rows : int
    whole : str or None
        The option that needs rows off the front as well.
    layers : bool
        Rows of all layers, not only of the front; `num_fronts` is how many layers, None for all.
    knee : str or None
        The method by which to mark the knee.
    volume : dict from str to float, or None
        Reference point of the hypervolume.
    pick : str or None
        The objective to be best in within `limits`, by `interpolate` between two rows.
    """

    paths: list[Path]
    question: Question
    scan: bool = False
    batch_rows: int = 1 << 17
    whole: str | None = None
    layers: bool = False
    num_fronts: int | None = None
    knee: str | None = None
    volume: dict[str, float] | None = None
    pick: str | None = None
    limits: dict[str, float] = field(default_factory=dict)
    interpolate: str | None = None


@dataclass
class Answer:
    """What there is to show.

    Attributes
    ----------
    front : TableFront
    rows : pyarrow.Table
        The rows to print: those of the front with marks.
    table : Table or None
        All rows, if they were loaded.
    notes : list of str
        What to tell beside the rows.
    """

    front: TableFront
    rows: pa.Table
    table: Table | None
    notes: list[str] = field(default_factory=list)


def asked(
    least: list[str],
    most: list[str],
    metrics: list[str],
    by: list[str],
    where: list[str],
    keep: str,
    nan: str,
    eps: list[str],
    eps_kind: str,
    threads: int | None,
) -> Question:
    """Return the options of a question, checked in the words of the command."""
    one_of("--keep", keep, ("all", "first", "last"))
    one_of("--nan", nan, ("drop", "raise", "worst"))
    one_of("--eps-kind", eps_kind, ("add", "mult"))
    senses = metric_senses(metrics, otherwise="--min {0} or --max {0}") if metrics else {}
    objectives = [*least, *most, *senses]
    if not objectives:
        hint = "give at least one of --min COLUMN, --max COLUMN and --metrics NAME"
        raise ValueError(f"an objective is needed\nhint: {hint}")
    twice = next((name for name in objectives if objectives.count(name) > 1), None)
    if twice is not None:
        raise ValueError(
            f"`{twice}` must be given once to --min, --max or --metrics, got it {objectives.count(twice)} times"
        )
    maximize = dict.fromkeys(least, False) | dict.fromkeys(most, True)
    maximize |= {name: sense == "max" for name, sense in senses.items()}
    conditions: list[Any] = [Written.parse(condition) for condition in where]
    return Question(maximize, column_list("--by", by), conditions, keep, nan, _boxes(eps), threads, eps_kind)


def _boxes(eps: list[str]) -> float | dict[str, float] | None:
    """Return one box size for all objectives, or sizes by objective."""
    found: dict[str, float] = {}
    for text in eps:
        name, _, size = text.rpartition("=")
        amount = written_amount(size, timed=is_seconds(name))
        if amount is None or not 0 <= amount < np.inf:
            raise ValueError(f"`--eps` must be a number of 0 or more, or COLUMN=NUMBER, got `{text}`")
        found[name] = amount
    if "" in found and len(found) > 1:
        raise ValueError("`--eps` must be one number for all objectives or COLUMN=NUMBER for some, got both")
    return found.get("", found or None)


def answer(request: Request) -> Answer:
    """Read the files and return the front with what was asked about it."""
    paths = [str(path) for path in request.paths]
    files = [file for file, _ in files_of(paths)]
    large = len(files) > 1 or sum(file.stat().st_size for file in files) > MOST_BYTES
    table = None
    if not request.whole and (request.scan or large):
        front = scan_front(paths, request.question, columns=None, batch_rows=request.batch_rows)
        if front.num_rows == 0:
            raise file_error(str(files[0]), "has no rows" if len(files) == 1 else "and the other files have no rows")
    else:
        table = _loaded(request, files)
        front = frame_front(table, request.question, layers=request.layers)
    first, *others = front.explain().splitlines()
    of_groups = f" of {', '.join(request.question.by)}" if request.question.by else ""
    found = Answer(front, front.table, table, notes=[first + of_groups, *others])
    if request.layers:
        _layers(request, found)
    else:
        _mark(request, found)
    return found


def _layers(request: Request, found: Answer) -> None:
    """Put all rows in the place of the front, or those of the first layers, with their rank."""
    ranks = found.front.ranks
    assert ranks is not None
    assert found.table is not None
    rows = np.flatnonzero((ranks >= 0) & (ranks < (request.num_fronts or len(ranks))))
    name, larger = next(iter(request.question.maximize.items()))
    first = column_numbers(found.table, name, found.table.column(name))
    rows = best_first(rows, first, larger)
    rows = rows[np.argsort(ranks[rows], kind="stable")]
    found.rows = _with_column(found.table.take(rows), "rank", ranks[rows])
    found.notes.append(f"{len(rows)} rows are in {ranks[rows].max(initial=-1) + 1} layers")


def _with_column(rows: pa.Table, name: str, values: NDArray[Any]) -> pa.Table:
    """Append a column, under a longer name if there is one of that name."""
    import pyarrow as pa

    name = name if name not in rows.column_names else f"front_{name}"
    return rows.append_column(name, pa.array(values, pa.string() if values.dtype == object else pa.int32()))


def _mark(request: Request, found: Answer) -> None:
    """Answer what was asked about the front itself, and mark rows."""
    question, marks = request.question, []
    if request.volume is not None:
        found.notes += volumes(question, found.rows, request.volume)
    if request.knee is not None:
        marks.append(knees(question, found.rows, request.knee))
    if request.pick is not None or request.limits:
        marks.append(picks_of(question, found.rows, request.pick, request.limits, request.interpolate))
    for _, notes in marks:
        found.notes += notes
    if marks:
        joined = [", ".join(filter(None, words)) for words in zip(*(each for each, _ in marks), strict=True)]
        found.rows = _with_column(found.rows, "pick", np.array(joined, dtype=object))


def explained(request: Request, row: int, form: str) -> str:
    """Return why a row, counted from 1, is on the front or not: in words, or as JSON."""
    one_of("--format", form, ("table", "json"))
    files = [file for file, _ in files_of([str(path) for path in request.paths])]
    why = explanation(request.question, _loaded(request, files), row)
    if isinstance(why, str):
        plain: dict[str, Any] = {"index": row, "takes_part": False, "reason": why.partition(": ")[2]}
    else:
        plain = why.to_dict()
    return (json.dumps(plain, indent=1) if form == "json" else str(why)) + "\n"


def _loaded(request: Request, files: list[Path]) -> Table:
    """Return the one file in memory."""
    if request.scan or len(files) > 1:
        what = "`--scan` keeps only rows of the front" if request.scan else f"they are spread over {len(files)} files"
        hint = "--plot draws the front" if request.whole == "--html" else "give one file, without --scan"
        raise ValueError(f"`{request.whole}` needs all rows in memory, but {what}\nhint: {hint}")
    return read_table(files[0])
