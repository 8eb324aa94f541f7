"""`paretoserve moe`: what balancers of experts do; `compare` runs them side by side on load traces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paretoserve.cli._exit import with_exit_codes
from paretoserve.cli._options import FormatOption, SeedOption
from paretoserve.errors import UnknownNameError

if TYPE_CHECKING:
    from paretoserve.moe import Comparison
    from paretoserve.moe.loads import Loads

__all__ = ["compare", "group"]

group = typer.Typer(help="Compare balancers of experts.", no_args_is_help=True)

SYNTHETIC = ("power-law", "hot-spot", "burst", "hot-rank", "llep")


@group.callback()
def _moe() -> None:
    """Compare balancers of experts."""


@group.command("compare")
@with_exit_codes
def compare(
    loads: Annotated[
        list[str],
        typer.Option(
            "--loads",
            metavar="NAME|FILE",
            help=f"{', '.join(SYNTHETIC)}, or a file with counts; repeatable for the .pt files of one recording.",
        ),
    ],
    ranks: Annotated[int, typer.Option("--ranks", metavar="N", help="Ranks that share the experts.")] = 8,
    planner: Annotated[
        list[str] | None, typer.Option("--planner", metavar="NAME", help="Planner; repeatable, all that fit without.")
    ] = None,
    experts: Annotated[
        int | None, typer.Option(metavar="N", help="Experts of a layer; 128, or as many as a file names, without.")
    ] = None,
    top_k: Annotated[int, typer.Option(metavar="N", help="Experts per token.")] = 8,
    tokens_per_rank: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Tokens of a step on each rank, 8192 without; of a file, draw steps from its windows of time instead "
            "of taking its own.",
        ),
    ] = None,
    layers: Annotated[int, typer.Option(metavar="N", help="Layers of a synthetic trace.")] = 1,
    steps: Annotated[int, typer.Option(metavar="N", help="Steps to draw.")] = 64,
    select: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN=VALUE", help="Rows of a CSV to take; repeatable.")
    ] = None,
    ranks_per_node: Annotated[int | None, typer.Option(metavar="N", help="Ranks that share the fast links.")] = None,
    slots: Annotated[int | None, typer.Option(metavar="N", help="Slots of all ranks for planners that place.")] = None,
    interval: Annotated[int, typer.Option(metavar="N", help="Steps between placements.")] = 16,
    token_ns: Annotated[float, typer.Option(metavar="X", help="Time of a token in an expert.")] = 98.0,
    expert_ns: Annotated[float, typer.Option(metavar="X", help="Least time of an expert.")] = 13_000.0,
    transfer_ns: Annotated[float, typer.Option(metavar="X", help="Time to send an expert in a node.")] = 119_000.0,
    transfer_inter_ns: Annotated[
        float | None, typer.Option(metavar="X", help="Time to send an expert to another node.")
    ] = None,
    overlap: Annotated[float, typer.Option(metavar="X", help="Share of transfers that other work hides.")] = 0.0,
    expert_bytes: Annotated[int, typer.Option(metavar="N", help="Size of an expert's weights.")] = 0,
    token_bytes: Annotated[int, typer.Option(metavar="N", help="Memory of a token in an expert.")] = 0,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            "--out", metavar="FILE", help="Also write .parquet, .csv or .json, or a chart as .html; repeatable."
        ),
    ] = None,
    seed: SeedOption = 0,
    format: FormatOption = "table",
) -> None:
    """Replay load traces under every planner; one row each goes to stdout (--format table, csv, json or parquet).

    Times of a step over all layers by a cost model (the defaults are an expert of DeepSeek-V3 in FP8 on an H100 node),
    speed-up over the first planner, imbalance, transfers, background moves, memory and traffic. --loads llep gives the
    scenarios of the paper on least-loaded expert parallelism; those that no router can produce are not possible.

    Exit codes: 0 done; 2 wrong usage; 4 input missing or broken.
    """
    from paretoserve import moe
    from paretoserve._names import one_of
    from paretoserve.cli._table import FORMATS, check_outputs, render, write_outputs

    one_of("--format", format, FORMATS)
    check_outputs(out or [])
    traces = _traces(loads, ranks, experts, top_k, tokens_per_rank, layers, steps, seed, select or [])
    found = moe.compare(
        traces,
        planners=planner or None,
        num_ranks=ranks,
        cost=moe.CostModel(token_ns, expert_ns, transfer_ns, transfer_inter_ns, overlap),
        topology=moe.Topology(ranks, ranks_per_node=ranks_per_node),
        num_slots=slots,
        interval=interval,
        expert_bytes=expert_bytes,
        token_bytes=token_bytes,
    )
    table = found.to_table()
    write_outputs(table, out or [], lambda path: _write_chart(path, found))
    if format == "table":
        shown = ["loads", "planner", "step_mean_s", "step_p99_s", "speedup", "slower", "ratio_mean", "transfers_mean"]
        table = table.select([*shown, "moves_mean", "peak_tokens"])
        for trace in traces:
            typer.echo(trace.explain(), err=True)
        if not planner and "llep" not in table["planner"].to_pylist():
            typer.echo(f"llep is left out: it needs a multiple of {ranks} experts", err=True)
    typer.echo(render(table, format), nl=False)


def _traces(
    names: list[str],
    ranks: int,
    given_experts: int | None,
    top_k: int,
    tokens_per_rank: int | None,
    layers: int,
    steps: int,
    seed: int,
    select: list[str],
) -> list[Loads]:
    """Return the traces of a name, or of a file; a file's windows are drawn from if the tokens are given."""
    from paretoserve.moe import loads

    name, experts = names[0] if len(names) == 1 else "", 128 if given_experts is None else given_experts
    if select and name in SYNTHETIC:
        raise ValueError(f"`--select` needs a file with counts, got `{name}`")
    tokens = (8192 if tokens_per_rank is None else tokens_per_rank) * ranks
    size: dict[str, Any] = {"layers": layers, "steps": steps, "seed": seed}
    if name == "llep":
        return [loads.llep_scenario(experts, tokens, top_k, share=share, num_hot=hot) for share, hot in loads.SCENARIOS]
    if name == "power-law":
        return [loads.power_law(experts, tokens, top_k, **size)]
    if name == "hot-rank":
        return [loads.hot_rank(experts, tokens, top_k, num_ranks=ranks, **size)]
    if name == "hot-spot":
        return [loads.hot_spot(experts, tokens, top_k, **size)]
    if name == "burst":
        return [loads.burst(experts, tokens, top_k, start=min(16, steps // 2), **size)]
    if name and not Path(name).suffix:
        raise UnknownNameError(f"`--loads` must be {', '.join(SYNTHETIC)} or a file of counts, got `{name}`")
    pairs = [pair.partition("=") for pair in select]
    if not all(equals for _, equals, _ in pairs):
        raise ValueError(f"`--select` must be COLUMN=VALUE, got {select}")
    chosen = {column: value for column, _, value in pairs}
    read = loads.read(*names, select=chosen, num_experts=given_experts).drop_idle_layers()
    if tokens_per_rank is None:
        return [read]
    return [loads.batches(read.totals, tokens, top_k, steps=steps, seed=seed, name=read.name)]


def _write_chart(path: Path, found: Comparison) -> None:
    """Write planners and traces as points of an interactive page: any two figures against each other."""
    from functools import partial

    import numpy as np

    from paretoserve.pareto import mask
    from paretoserve.plan.outputs import write_file
    from paretoserve.plan.report import Axis, write_report

    columns = {name: np.array([row[name] for row in found.rows]) for name in found.rows[0] if name != "possible"}
    for name in ("loads", "planner"):
        columns[name] = columns[name].astype(object)
    spanned = ("step_mean_s", "peak_tokens")
    numbers = [name for name in columns if name not in ("loads", "planner")]
    units = {"s": "s", "bytes": "B"}
    axes = {
        name: Axis(name, "max" if name == "speedup" else "min", units.get(name.rpartition("_")[2], ""))
        for name in numbers
    }
    points = np.column_stack([columns[name] for name in spanned]).astype(np.float64)
    groups = np.unique(columns["loads"].astype(str), return_inverse=True)[1]
    front = np.zeros(len(points), dtype=bool)
    for group_number in range(groups.max() + 1):
        front[groups == group_number] = mask(points[groups == group_number])
    content: dict[str, Any] = {
        "title": "Balancers of experts",
        "points": columns,
        "objectives": [axes[name] for name in spanned],
        "others": [axis for name, axis in axes.items() if name not in spanned],
        "front": front,
        "notes": found.explain().split("\n"),
    }
    write_file(path, partial(write_report, **content))
