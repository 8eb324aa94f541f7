"""What `paretoserve front` does with its options: a question to files, and the answer in several forms."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.cli._table import Table, read_table
from paretoserve.pareto._arguments import one_of
from paretoserve.pareto._conditions import Written
from paretoserve.pareto._frame_columns import column_numbers
from paretoserve.pareto._frames import as_frame
from paretoserve.pareto._sources import file_error, files_of
from paretoserve.pareto._table_rows import Question, column_list
from paretoserve.pareto.from_frame import TableFront, frame_front
from paretoserve.pareto.scan import scan_front

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Answer", "Request", "answer", "asked", "write_html", "write_plot"]

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
    knee : bool
        Mark the knee.
    whole : bool
        Rows off the front are needed as well.
    """

    paths: list[Path]
    question: Question
    scan: bool = False
    batch_rows: int = 1 << 17
    knee: bool = False
    whole: bool = False


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
    picks : dict from str to int
        Positions in `rows`, by the name of the mark.
    notes : list of str
        What to tell beside the rows.
    """

    front: TableFront
    rows: pa.Table
    table: Table | None
    picks: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def asked(
    least: list[str],
    most: list[str],
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
    objectives = least + most
    if not objectives:
        raise ValueError("an objective is needed\nhint: give at least one of --min COLUMN and --max COLUMN")
    twice = next((name for name in objectives if objectives.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"`{twice}` must be given once to --min or --max, got it {objectives.count(twice)} times")
    maximize = dict.fromkeys(least, False) | dict.fromkeys(most, True)
    conditions: list[Any] = [Written.parse(condition) for condition in where]
    return Question(maximize, column_list("--by", by), conditions, keep, nan, _boxes(eps), threads, eps_kind)


def _boxes(eps: list[str]) -> float | dict[str, float] | None:
    """Return one box size for all objectives, or sizes by objective."""
    found: dict[str, float] = {}
    for text in eps:
        name, _, size = text.rpartition("=")
        try:
            found[name] = float(size)
        except ValueError:
            raise ValueError(f"`--eps` must be a number or COLUMN=NUMBER, got `{text}`") from None
    if "" in found and len(found) > 1:
        raise ValueError("`--eps` must be one number for all objectives or COLUMN=NUMBER for some, got both")
    return found.get("", found or None)


def answer(request: Request) -> Answer:
    """Read the files and return the front with what was asked about it."""
    files = files_of([str(path) for path in request.paths])
    large = len(files) > 1 or sum(file.stat().st_size for file in files) > MOST_BYTES
    if request.whole and (request.scan or len(files) > 1):
        what = "`--scan` keeps only rows of the front" if request.scan else f"they are spread over {len(files)} files"
        raise ValueError(f"`--html` needs all rows in memory, but {what}\nhint: --plot draws the front")
    table = None
    if request.scan or (large and not request.whole):
        front = scan_front(files, request.question, columns=None, batch_rows=request.batch_rows)
        if front.num_rows == 0:
            raise file_error(str(files[0]), "has no rows" if len(files) == 1 else "and the other files have no rows")
    else:
        table = read_table(files[0])
        front = frame_front(table, request.question)
    first, *others = front.explain().splitlines()
    of_groups = f" of {', '.join(request.question.by)}" if request.question.by else ""
    found = Answer(front, front.table, table, notes=[first + of_groups, *others])
    if request.knee:
        _mark_knee(request, found)
    return found


def _objectives(request: Request, rows: pa.Table) -> dict[str, Any]:
    """Return the objectives of rows as float64, NaN where there is none."""
    frame = as_frame(rows)
    return {name: column_numbers(frame, name, frame.column(name)).floats() for name in request.question.maximize}


def _mark_knee(request: Request, found: Answer) -> None:
    """Add a column that marks the knee of each front."""
    from paretoserve import pareto
    from paretoserve.pareto._labels import group_codes

    senses: Any = list(request.question.senses.values())
    points = np.column_stack(list(_objectives(request, found.rows).values()))
    frame = as_frame(found.rows)
    by = {name: frame.column(name) for name in request.question.by}
    codes = group_codes(frame, by)[0] if by and len(points) else np.zeros(len(points), dtype=np.uint32)
    marks = [""] * len(points)
    for code in np.unique(codes).tolist():
        members = np.flatnonzero(codes == code)
        if not np.isfinite(points[members]).all():
            found.notes.append("no knee: an objective of the front is missing or infinite")
            continue
        best = pareto.knee(points[members], senses)
        if best is not None:
            marks[members[best]] = "knee"
            found.picks["knee"] = int(members[best])
    name = "pick" if "pick" not in found.rows.column_names else "paretoserve_pick"
    found.rows = found.rows.append_column(name, [marks])


def write_html(path: Path, request: Request, found: Answer) -> None:
    """Write the interactive report of all rows."""
    from paretoserve import pareto
    from paretoserve.plan.report import Axis, write_report

    table = found.table
    assert table is not None
    units = {"_s": "s", "_bytes": "bytes"}
    axes: list[Axis] = []
    for column, sense in request.question.senses.items():
        unit = next((unit for suffix, unit in units.items() if column.endswith(suffix)), "")
        axes.append(Axis(column, sense, unit))  # type: ignore[arg-type]
    columns = _objectives(request, table.data)
    points = np.column_stack(list(columns.values()))[found.front.indices]
    for column, values in zip(table.data.column_names, table.data.columns, strict=True):
        if column not in columns:
            texts = ["" if value is None else str(value) for value in values.to_pylist()]
            columns[column] = np.array(texts, dtype=object)
    picks = {}
    if len(points) and np.isfinite(points).all() and not request.question.by:
        picks["knee"] = int(found.front.indices[pareto.knee(points, [axis.sense for axis in axes])])
    front = np.zeros(table.num_rows, dtype=np.bool_)
    front[found.front.indices] = True
    write_report(
        path,
        title=f"Front of {Path(table.file).name}",
        points=columns,
        objectives=axes,
        front=front,
        eligible=_eligible(request, table),
        picks=picks,
        notes=found.notes,
    )


def _eligible(request: Request, table: Table) -> Any:
    """Return which rows meet all conditions and have all objectives."""
    eligible = np.ones(table.num_rows, dtype=np.bool_)
    for condition in request.question.where:
        eligible &= condition.met(table, table.column(condition.column))
    for name in request.question.maximize if request.question.nan == "drop" else ():
        absent = column_numbers(table, name, table.column(name)).absent()
        eligible &= True if absent is None else ~absent
    return eligible


def write_plot(path: Path, request: Request, found: Answer) -> None:
    """Draw the first two objectives: all rows if they were loaded, else those of the front."""
    from paretoserve import pareto

    if len(request.question.maximize) < 2:
        raise ValueError("`--plot` needs 2 objectives or more, got 1")
    rows = found.rows if found.table is None else found.table.data.filter(_eligible(request, found.table))
    by: Any = None
    if request.question.by:
        labels = [rows.column(name).to_pylist() for name in request.question.by]
        by = [" ".join(map(str, label)) for label in zip(*labels, strict=True)]
    senses: Any = request.question.senses
    pareto.plot(rows, senses, groups=by, title=found.notes[0], file=path)
