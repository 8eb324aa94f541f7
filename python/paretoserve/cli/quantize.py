"""`paretoserve quantize`: a safetensors checkpoint in fewer bits, in the layout that an engine reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paretoserve.cli._options import ThreadsOption

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from paretoserve.quant import CheckpointReport

__all__ = ["command"]


def command(
    source: Annotated[
        Path, typer.Argument(metavar="PATH", help="Folder of a model, a safetensors file, or an index of shards.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the result, not that of PATH.")],
    fmt: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="NAME", help="mxfp4, nvfp4, mxfp8, int4, int4_asym, int8, fp8_row or fp8_block."
        ),
    ] = None,
    layout: Annotated[
        str, typer.Option(metavar="NAME", help="compressed-tensors, modelopt (nvfp4) or gpt-oss (mxfp4 of experts).")
    ] = "compressed-tensors",
    budget: Annotated[
        float | None, typer.Option(metavar="BITS", help="Bits per weight over all quantized tensors, with scales.")
    ] = None,
    formats: Annotated[
        str | None,
        typer.Option(metavar="NAME,NAME", help="With --budget: formats to choose from; kept leaves a tensor as it is."),
    ] = None,
    sensitivity: Annotated[
        Path | None,
        typer.Option(metavar="JSON", help="With --budget: object of tensor names and factors on their errors."),
    ] = None,
    group: Annotated[
        int | None, typer.Option(metavar="N", help="Columns of a group of int4, default 128; -1 for rows.")
    ] = None,
    scale: Annotated[
        str | None, typer.Option(metavar="NAME", help="Rule of MX scales: rceil (default), floor, ceil or even.")
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Tensors to quantize in place of the default; repeatable."),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Tensors to leave as they are; repeatable.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what became of each tensor to .parquet, .csv or .json.")
    ] = None,
    threads: ThreadsOption = None,
) -> None:
    """Quantize a safetensors checkpoint, one tensor at a time, and print the QSNR of each.

    An interrupted run goes on where it stopped when the same command is given again. Progress goes to stderr.

    Exit codes: 0 done; 2 wrong usage; 4 input missing, broken or cut.
    """
    from rich.console import Console

    from paretoserve.cli._table import check_suffix
    from paretoserve.quant import quantize_checkpoint

    check_suffix("--report", report)
    if sensitivity is not None and budget is None:
        raise typer.BadParameter("`--sensitivity` weighs the errors for a `--budget`, got it without one")
    factors = None if sensitivity is None else _factors(sensitivity)
    stderr = Console(stderr=True, soft_wrap=True)
    with Bar(stderr) as bar:
        found = quantize_checkpoint(
            source,
            out,
            fmt,
            layout=layout,
            budget=budget,
            formats=tuple(name.strip() for name in formats.split(",")) if formats else (),
            group=group,
            scale=scale,
            include=include or (),
            exclude=exclude or (),
            sensitivity=factors,
            threads=threads,
            progress=bar.update,
        )
    _show(found, report, stderr)


def _factors(path: Path) -> dict[str, float]:
    import json

    from paretoserve.errors import DataError

    try:
        factors = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"`{path}` cannot be read: {(error.strerror or str(error)).lower()}") from None
    except ValueError as error:
        raise DataError(f"`{path}` is no JSON: {error}") from None
    if not isinstance(factors, dict):
        raise DataError(f"`{path}` must be a JSON object of tensor names and factors")
    return factors


def _show(found: CheckpointReport, report: Path | None, stderr: Console) -> None:
    """Print the quantized tensors, then what it comes to; write the report of all."""
    import pyarrow as pa

    from paretoserve.cli._table import render, write_table

    rows = found.to_rows()
    if report is not None:
        write_table(pa.Table.from_pylist(rows, _schema(pa)), report)
    columns = {"tensor": "name", "format": "format", "shape": "shape", "bits": "bits_per_weight", "qsnr_db": "qsnr_db"}
    shown = [{word: row[key] for word, key in columns.items()} for row in rows if row["format"] != "kept"]
    typer.echo(render(pa.Table.from_pylist(shown), "table"), nl=False)
    before, after = (sum(row[key] for row in rows) for key in ("bytes_before", "bytes_after"))
    lines = [
        f"{len(shown)} of {len(rows)} tensors quantized to {found.bits_per_weight:.4g} bits per weight",
        f"{before:,} bytes became {after:,}",
    ]
    if found.allocation is not None and found.allocation.score > 0:
        lines.append(f"another choice of formats could lower the error by {_percent(found)} at most")
    for line in [*lines, f"wrote {found.out}"]:
        stderr.print(line, markup=False, highlight=False)


def _percent(found: CheckpointReport) -> str:
    assert found.allocation is not None
    return f"{100 * found.allocation.gap / found.allocation.score:.2g} %"


def _schema(pa: Any) -> Any:
    text, whole, real = pa.string(), pa.int64(), pa.float64()
    kinds = {"name": text, "file": text, "dtype": text, "shape": text, "format": text, "reason": text}
    kinds |= {"bytes_before": whole, "bytes_after": whole, "bits_per_weight": real, "qsnr_db": real}
    return pa.schema(list(kinds.items()))


class Bar:
    """A progress bar in bytes; nothing where stderr is no terminal.

    Parameters
    ----------
    console : rich.console.Console
        Where it is drawn.
    """

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("quantizing"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        self._progress = Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal, refresh_per_second=5
        )
        self._task = self._progress.add_task("", total=None)
        self.update: Callable[[int, int], None] = lambda done, total: self._progress.update(
            self._task, completed=done, total=total
        )

    def __enter__(self) -> Bar:
        """Start to draw."""
        self._progress.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        """Take the bar away."""
        self._progress.__exit__(None, None, None)
