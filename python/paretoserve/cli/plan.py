"""`paretoserve plan`: search the configurations of a model on a system for a trace; show those nobody beats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paretoserve.cli._options import (
    ExpertLoadOption,
    FormatOption,
    GpusOption,
    LimitOption,
    ModelOption,
    ObjectivesOption,
    SeedOption,
    SloOption,
    SpaceOption,
    SystemOption,
    ThreadsOption,
    TraceOption,
)

if TYPE_CHECKING:
    from rich.console import Console

    from paretoserve.plan import Front

__all__ = ["command"]

FORMATS = ("table", "json", "csv")


def command(
    model: ModelOption,
    system: SystemOption,
    gpus: GpusOption,
    trace: TraceOption,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Folder for the results, and for going on after an interruption."),
    ] = None,
    slo: SloOption = [],  # noqa: B006 (typer reads the default; it is never changed)
    objectives: ObjectivesOption = None,
    space: SpaceOption = None,
    limit: LimitOption = None,
    expert_load: ExpertLoadOption = None,
    exhaustive: Annotated[
        bool,
        typer.Option("--exhaustive", help="Simulate the whole trace for all of a large space, without screening it."),
    ] = False,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    format: FormatOption = "table",
) -> None:
    """Find the serving configurations that nobody beats, and say why.

    The front goes to stdout (--format table, json or csv), progress to stderr. With --out: report.html, front.parquet,
    all.parquet, plan.json and top1/ with vLLM arguments and a benchmark that checks the prediction. An interrupted
    run goes on where it stopped when the same command is given again.

    Exit codes: 0 found; 2 wrong usage; 3 nothing meets the SLO (the nearest miss is printed and all files are
    written) or no configuration fits the memory; 4 input missing or broken.
    """
    from rich.console import Console

    from paretoserve.errors import CapacityError, UnmetSloError
    from paretoserve.plan import plan

    if format not in FORMATS:
        raise typer.BadParameter(f"`--format` must be table, json or csv, got `{format}`")
    if limit is not None and limit < 1:
        raise typer.BadParameter(f"`--limit` must be at least 1, got {limit}")
    stderr = Console(stderr=True, soft_wrap=True)
    try:
        with Bar(stderr, objectives) as bar:
            front = plan(
                model,
                system,
                trace,
                gpus=gpus,
                objectives=objectives,
                slo=",".join(slo),
                space=space,
                seed=seed,
                threads=threads,
                out=out,
                limit=limit,
                expert_load=expert_load,
                exhaustive=exhaustive,
                progress=bar.update,
                running=bar.front,
            )
    except CapacityError as error:
        stderr.print(f"error: {error}", markup=False, highlight=False)
        raise typer.Exit(3) from None
    except (KeyboardInterrupt, OSError):
        if out is not None and bar.done:
            stderr.print(
                f"{bar.done} of {bar.total} configurations are kept in {out}; the same command goes on from there",
                markup=False,
            )
        raise
    show(front, format, stderr)
    if out is not None:
        stderr.print(
            f"wrote {out / 'report.html'}, front.parquet, all.parquet, plan.json and top1/",
            markup=False,
            highlight=False,
        )
    if front.miss is not None:
        raise UnmetSloError(unmet(front))


def unmet(front: Front) -> str:
    """Return the message for a plan whose SLO nobody meets: nearest configuration, by how much, and what binds."""
    from paretoserve.plan import describe

    miss = front.miss
    assert miss is not None
    lines = [
        f"no configuration meets the SLO ({', '.join(map(str, front.limits))})",
        f"nearest: {describe(front.configurations[miss.row])} on {front.configurations[miss.row].num_gpus} GPUs",
    ]
    for limit in front.limits:
        value = float(front.columns[limit.name][miss.row])
        lines.append(f"  {limit}: {limit.state(value)}{' (binds)' if limit == miss.limit else ''}")
    lines.append(f"hint: relax {miss.limit.name}, allow more GPUs or widen the space")
    return "\n".join(lines)


def show(front: Front, format: str, stderr: Console) -> None:
    """Print a front on stdout in one of `FORMATS`, and what was refused on stderr."""
    import sys

    from rich.console import Console

    from paretoserve.plan.outputs import plan_json
    from paretoserve.plan.terminal import print_front, print_refusals

    print_refusals(front, stderr)
    if format == "json":
        typer.echo(plan_json(front), nl=False)
    elif format == "csv":
        import csv

        records = front.records()
        writer = csv.DictWriter(sys.stdout, list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    else:
        # Without a terminal there is no width to keep to: a file or a pipe gets whole lines.
        print_front(front, Console(width=None if sys.stdout.isatty() else 200))


class Bar:
    """Progress of a sweep and its front so far on stderr: a moving bar on a terminal, nothing otherwise."""

    def __init__(self, console: Console, objectives: str | None) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        from paretoserve.pareto import Archive
        from paretoserve.plan.objectives import OBJECTIVES, parse_objectives

        columns = (
            *(TextColumn("simulating"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()),
            TextColumn("{task.fields[on_front]} on the front"),
        )
        self._progress = Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal, refresh_per_second=5
        )
        self._task = self._progress.add_task("", total=None, on_front=0)
        self.done = self.total = 0
        names = parse_objectives(objectives)
        self.front = Archive(len(names), [OBJECTIVES[name].sense for name in names])

    def update(self, done: int, total: int) -> None:
        """Take over how many configurations are finished, of how many."""
        self.done, self.total = done, total
        self._progress.update(self._task, completed=done, total=total, on_front=len(self.front))

    def __enter__(self) -> Bar:
        """Start to draw."""
        self._progress.start()
        return self

    def __exit__(self, *raised: object) -> None:
        """Remove the bar."""
        self._progress.stop()
