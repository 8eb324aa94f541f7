"""`paretoserve front`: the rows of any CSV or Parquet file that no other row beats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from paretoserve.cli._table import Table

__all__ = ["command"]


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or Parquet file; gz, xz and zst too.")],
    least: Annotated[
        list[str] | None, typer.Option("--min", metavar="COLUMN", help="Less is better; repeatable.")
    ] = None,
    most: Annotated[
        list[str] | None, typer.Option("--max", metavar="COLUMN", help="More is better; repeatable.")
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option("--where", metavar="CONDITION", help='Such as "ttft_p99_s<=1"; repeatable.')
    ] = None,
    groups: Annotated[
        list[str] | None, typer.Option("--groups", metavar="COLUMN", help="A front for each value; repeatable.")
    ] = None,
    keep: Annotated[
        str, typer.Option(metavar="NAME", help="Of rows with equal objectives: all, first or last.")
    ] = "all",
    nan: Annotated[
        str, typer.Option(metavar="NAME", help="Rows without a value: drop (and count), raise, or worst.")
    ] = "drop",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the rows to .parquet, .csv or .json instead of stdout.")
    ] = None,
    form: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help="On stdout: table (default), csv, json or parquet.")
    ] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write an interactive report.")] = None,
) -> None:
    """Print the rows of a table that no other row beats in all objectives, best first objective first."""
    from paretoserve.cli._table import FORMATS, read_table, render, write_table
    from paretoserve.pareto._arguments import one_of

    one_of("--keep", keep, ("all", "first", "last"))
    one_of("--nan", nan, ("drop", "raise", "worst"))
    form = one_of("--format", form, FORMATS) if form else None
    least, most, where, groups = least or [], most or [], where or [], groups or []
    objectives = least + most
    if not objectives:
        raise ValueError("an objective is needed\nhint: give at least one of --min COLUMN and --max COLUMN")
    twice = next((name for name in objectives if objectives.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"`{twice}` must be given once to --min or --max, got it {objectives.count(twice)} times")
    if out is not None and out.suffix.lower().lstrip(".") not in FORMATS[1:]:
        raise ValueError(f"`--out` must end in .parquet, .csv or .json, got `{out.name}`")
    table = read_table(file)
    senses = ["min"] * len(least) + ["max"] * len(most)
    taken, notes = _taken(table, objectives, where, nan)
    rows = _front(table, objectives, senses, groups, taken, keep)
    notes.insert(
        0,
        f"{len(rows)} of {table.data.num_rows} rows are on the front" + (f" of {', '.join(groups)}" if groups else ""),
    )
    for note in notes:
        typer.echo(note, err=True)
    found = table.data.take(rows)
    if out is not None:
        write_table(found, out)
    if form is not None or out is None:
        typer.echo(render(found, form or "table"), nl=False)
    if html is not None:
        _write_html(
            html, table, list(zip(objectives, senses, strict=True)), rows, taken, bool(groups), notes, file.name
        )


def _taken(table: Table, objectives: list[str], where: list[str], nan: str) -> tuple[NDArray[np.bool_], list[str]]:
    """Return which rows take part, and what to tell about the others."""
    import numpy as np

    taken, notes = np.ones(table.data.num_rows, dtype=np.bool_), []
    for condition in where:
        taken &= table.rows_where(condition)
    if not taken.all():
        notes.append(f"{(~taken).sum()} rows do not meet {' and '.join(where)}")
    for name in objectives:
        missing = table.numbers(name)[1]
        if nan == "raise" and missing.any():
            hint = "--nan drop leaves such rows out, --nan worst ranks them last"
            raise table.problem_at(int(missing.argmax()), name, "must be a number, got none", hint)
        if nan == "drop":
            dropped = int((taken & missing).sum())
            taken &= ~missing
            notes += [f"{dropped} rows without `{name}` are left out"] if dropped else []
    return taken, notes


def _front(
    table: Table, objectives: list[str], senses: list[str], groups: list[str], taken: NDArray[np.bool_], keep: str
) -> NDArray[np.int64]:
    """Return the rows of the front, sorted.

    Columns of different types are compared as ranks, which keeps integers exact beside floats.
    """
    import numpy as np

    from paretoserve import pareto

    kept = np.flatnonzero(taken)
    ranks = np.empty((len(kept), len(objectives)))
    for column, name in enumerate(objectives):
        values, missing = table.numbers(name)
        ranks[:, column] = np.unique(values[kept], return_inverse=True)[1]
        ranks[missing[kept], column] = np.nan
    labels: Any = None
    if groups:
        codes = [_group_codes(table, name)[kept] for name in groups]
        labels = np.unique(np.column_stack(codes), axis=0, return_inverse=True)[1].reshape(-1)
    found = pareto.front(ranks, senses, keep=keep, nan="worst", groups=labels)  # type: ignore[arg-type]
    return kept[found]


def _group_codes(table: Table, name: str) -> NDArray[np.int64]:
    column = table.column(name).combine_chunks()
    if column.null_count:
        row = column.is_null().to_pylist().index(True)
        raise table.problem_at(row, name, "must name the group of every row, got nothing")
    codes: NDArray[Any] = column.dictionary_encode().indices.to_numpy()
    return codes.astype("int64")


def _write_html(
    path: Path,
    table: Table,
    objectives: list[tuple[str, str]],
    rows: NDArray[np.int64],
    taken: NDArray[np.bool_],
    grouped: bool,
    notes: list[str],
    name: str,
) -> None:
    import numpy as np

    from paretoserve import pareto
    from paretoserve.plan.report import Axis, write_report

    units = {"_s": "s", "_bytes": "bytes"}
    axes: list[Axis] = []
    columns: dict[str, Any] = {}
    for column, sense in objectives:
        values, missing = table.numbers(column)
        columns[column] = np.where(missing, np.nan, values.astype(np.float64))
        unit = next((unit for suffix, unit in units.items() if column.endswith(suffix)), "")
        axes.append(Axis(column, sense, unit))  # type: ignore[arg-type]
    points = np.column_stack(list(columns.values()))[rows]
    for column, values in zip(table.data.column_names, table.data.columns, strict=True):
        if column not in columns:
            columns[column] = np.array(
                ["" if value is None else str(value) for value in values.to_pylist()], dtype=object
            )
    picks = {}
    if len(rows) and np.isfinite(points).all() and not grouped:
        picks["knee"] = int(rows[pareto.knee(points, [axis.sense for axis in axes])])
    front = np.zeros(table.data.num_rows, dtype=np.bool_)
    front[rows] = True
    title = f"Front of {name}"
    write_report(
        path, title=title, points=columns, objectives=axes, front=front, eligible=taken, picks=picks, notes=notes
    )
