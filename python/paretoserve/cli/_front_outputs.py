"""The report and the picture that `paretoserve front` writes beside its rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._amounts import is_seconds
from paretoserve.cli._front_marks import objectives_of
from paretoserve.pareto._frame_columns import column_numbers

if TYPE_CHECKING:
    from paretoserve.cli._front import Answer, Request
    from paretoserve.cli._table import Table

__all__ = ["write_html", "write_plot"]


def write_html(path: Path, request: Request, found: Answer) -> None:
    """Write the interactive report of all rows."""
    from paretoserve import pareto
    from paretoserve.plan.report import Axis, write_report

    table = found.table
    assert table is not None
    axes: list[Axis] = []
    for column, sense in request.question.senses.items():
        unit = "s" if is_seconds(column) else "bytes" if column.endswith("_bytes") else ""
        axes.append(Axis(column, sense, unit))
    columns: dict[str, Any] = dict(objectives_of(request.question, table.data))
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

    rows = found.rows if found.table is None else found.table.data.filter(_eligible(request, found.table))
    by: Any = None
    if request.question.by:
        labels = [rows.column(name).to_pylist() for name in request.question.by]
        by = [" ".join(map(str, label)) for label in zip(*labels, strict=True)]
    senses: Any = request.question.senses
    pareto.plot(rows, senses, groups=by, title=found.notes[0], file=path)
