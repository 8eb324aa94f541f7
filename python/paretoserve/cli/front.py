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
        typer.Argument(metavar="FILE...", help="CSV (also gz, xz, zst, bz2) or Parquet files, folders or patterns."),
    ],
    least: Annotated[
        list[str] | None, typer.Option("--min", metavar="COLUMN", help="Less is better; repeatable.")
    ] = None,
    most: Annotated[
        list[str] | None, typer.Option("--max", metavar="COLUMN", help="More is better; repeatable.")
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option("--metrics", metavar="NAME", help="A metric or column of plans, better as it says; repeatable."),
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option("--where", metavar="CONDITION", help='Such as "ttft_p99_s<=800ms"; repeatable.')
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
    ranks: Annotated[
        bool, typer.Option("--ranks", help="Print all rows, sorted into layers, with their rank.")
    ] = False,
    fronts: Annotated[
        int | None, typer.Option("--fronts", metavar="N", help="Print the rows of the first N layers with their rank.")
    ] = None,
    knee: Annotated[bool, typer.Option("--knee", help="Mark the knee of the front in a column `pick`.")] = False,
    knee_method: Annotated[
        str | None, typer.Option(metavar="NAME", help="Kind of knee: chord (default), angle or tradeoff.")
    ] = None,
    pick: Annotated[
        str | None, typer.Option(metavar="OBJECTIVE", help="Mark the row that is best in it within --slo.")
    ] = None,
    slo: Annotated[
        list[str] | None,
        typer.Option("--slo", metavar="NAME=LIMIT", help="Limit of --pick such as ttft_p99_s=1s; repeatable."),
    ] = None,
    interpolate: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Mix two rows to meet a limit exactly: linear (neighbors) or hull."),
    ] = None,
    hypervolume: Annotated[
        bool, typer.Option("--hypervolume", help="Tell the volume that the front dominates before --ref.")
    ] = False,
    ref: Annotated[
        list[str] | None,
        typer.Option("--ref", metavar="NAME=VALUE", help="Reference point, once for each objective."),
    ] = None,
    explain: Annotated[
        int | None, typer.Option(metavar="ROW", help="Print why this row, from 1, is on the front or not.")
    ] = None,
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
    from paretoserve._names import one_of
    from paretoserve.cli._front import Request, answer, asked, explained
    from paretoserve.cli._front_marks import by_objective
    from paretoserve.cli._front_outputs import write_html, write_plot
    from paretoserve.cli._table import FORMATS, PICTURES, check_suffix, render, tell_written, write_table

    question = asked(
        least or [], most or [], metrics or [], by or [], where or [], keep, nan, eps or [], eps_kind, threads
    )
    form = one_of("--format", form, FORMATS) if form else None
    check_suffix("--out", out)
    check_suffix("--plot", plot, PICTURES)
    if hypervolume != bool(ref):
        raise ValueError("`--hypervolume` and `--ref` must be given together")
    if interpolate is not None:
        one_of("--interpolate", interpolate, ("linear", "hull"))
        if not slo:
            raise ValueError("`--interpolate` needs the limit to meet\nhint: give --slo OBJECTIVE=LIMIT")
    if knee_method is not None:
        one_of("--knee-method", knee_method, ("chord", "angle", "tradeoff"))
    if plot is not None and len(question.maximize) < 2:
        raise ValueError("`--plot` needs 2 objectives or more, got 1")
    if fronts is not None and fronts < 1:
        raise ValueError(f"`--fronts` must be 1 or more, got {fronts}")
    of_front: dict[str, object] = {
        "--knee": knee or knee_method,
        "--pick": pick,
        "--slo": slo,
        "--eps": eps,
        "--hypervolume": hypervolume,
    }
    rows_only: dict[str, object] = {"--ranks": ranks, "--fronts": fronts, "--out": out, "--html": html, "--plot": plot}
    _alone("--ranks" if ranks else "--fronts", ranks or fronts is not None, of_front)
    _alone("--explain", explain is not None, of_front | rows_only)
    whole = {"--html": html is not None, "--ranks": ranks, "--fronts": fronts, "--explain": explain}
    request = Request(
        files,
        question,
        scan=scan,
        batch_rows=batch_rows,
        whole=next((option for option, given in whole.items() if given), None),
        layers=ranks or fronts is not None,
        num_fronts=fronts,
        knee=(knee_method or "chord") if knee or knee_method else None,
        volume=by_objective("--ref", ref, question) if ref else None,
        pick=pick,
        limits=by_objective("--slo", slo or [], question),
        interpolate=interpolate,
    )
    if explain is not None:
        typer.echo(explained(request, explain, form or "table"), nl=False)
        return
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
    tell_written(out, html, plot)


def _alone(option: str, given: bool, others: dict[str, object]) -> None:
    """Refuse options that would say nothing beside `option`."""
    other = next((name for name, value in others.items() if value not in (None, False, [])), None)
    if given and other is not None:
        raise ValueError(f"`{other}` says nothing beside `{option}`\nhint: give them in two calls")
