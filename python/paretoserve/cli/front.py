"""`paretoserve front`: the rows of CSV or Parquet files of any size that no other row beats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from paretoserve.cli._options import ThreadsOption

__all__ = ["command"]


def command(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="CSV (gz, xz, zst too) or Parquet files, folders of them or patterns."),
    ],
    least: Annotated[
        list[str] | None, typer.Option("--min", metavar="COLUMN", help="Less is better; repeatable.")
    ] = None,
    most: Annotated[
        list[str] | None, typer.Option("--max", metavar="COLUMN", help="More is better; repeatable.")
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option("--where", metavar="CONDITION", help='Such as "ttft_p99_s<=1"; repeatable.')
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", "--groups", metavar="COLUMN", help="A front for each value; repeatable."),
    ] = None,
    keep: Annotated[
        str, typer.Option(metavar="NAME", help="Of rows with equal objectives: all, first or last.")
    ] = "all",
    nan: Annotated[
        str, typer.Option(metavar="NAME", help="Rows without a value: drop (and count), raise, or worst.")
    ] = "drop",
    eps: Annotated[
        list[str] | None,
        typer.Option(metavar="SIZE|COLUMN=SIZE", help="Thin the front by boxes of this size; repeatable."),
    ] = None,
    eps_kind: Annotated[
        str, typer.Option(metavar="NAME", help="Whether a box size is a distance (add) or a share (mult).")
    ] = "add",
    knee: Annotated[bool, typer.Option("--knee", help="Mark the knee of the front in a column `pick`.")] = False,
    scan: Annotated[
        bool, typer.Option("--scan", help="Read in batches; without it only files beyond 256 MB are.")
    ] = False,
    batch_rows: Annotated[int, typer.Option(metavar="N", help="Most rows that a scan decodes at once.")] = 1 << 17,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the rows to .parquet, .csv or .json instead of stdout.")
    ] = None,
    form: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help="On stdout: table (default), csv, json or parquet.")
    ] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write an interactive report.")] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also draw the first two objectives: .png, .svg or .pdf.")
    ] = None,
    threads: ThreadsOption = None,
) -> None:
    """Print the rows of a table that no other row beats in all objectives, best first objective first."""
    from paretoserve.cli._front import Request, answer, asked, write_html, write_plot
    from paretoserve.cli._table import FORMATS, render, write_table
    from paretoserve.pareto._arguments import one_of

    question = asked(least or [], most or [], by or [], where or [], keep, nan, eps or [], eps_kind, threads)
    form = one_of("--format", form, FORMATS) if form else None
    if out is not None and out.suffix.lower().lstrip(".") not in FORMATS[1:]:
        raise ValueError(f"`--out` must end in .parquet, .csv or .json, got `{out.name}`")
    request = Request(files, question, scan=scan, batch_rows=batch_rows, knee=knee, whole=html is not None)
    found = answer(request)
    for note in found.notes:
        typer.echo(note, err=True)
    if out is not None:
        write_table(found.rows, out)
    if form is not None or out is None:
        typer.echo(render(found.rows, form or "table"), nl=False)
    if html is not None:
        write_html(html, request, found)
    if plot is not None:
        write_plot(plot, request, found)
