"""`paretoserve sim`: one configuration, with the times of every request."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from paretoserve.cli._options import (
    ExpertLoadOption,
    FormatOption,
    LimitOption,
    ModelOption,
    SeedOption,
    SloOption,
    SystemOption,
    TraceOption,
)

__all__ = ["command"]

FORMATS = ("table", "json")


def command(
    model: ModelOption,
    system: SystemOption,
    trace: TraceOption,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="YAML", help="Configuration; fields as the options below. Options win over it."
        ),
    ] = None,
    tensor_parallel: Annotated[int | None, typer.Option(metavar="N", help="Ranks that share each matrix.")] = None,
    pipeline_parallel: Annotated[int | None, typer.Option(metavar="N", help="Pipeline stages.")] = None,
    data_parallel: Annotated[int | None, typer.Option(metavar="N", help="Attention replicas inside an engine.")] = None,
    expert_parallel: Annotated[bool | None, typer.Option(help="Spread whole experts over the ranks.")] = None,
    expert_balancer: Annotated[
        str | None, typer.Option(metavar="NAME", help="none, eplb, placement, split or spill.")
    ] = None,
    redundant_experts: Annotated[
        int | None, typer.Option(metavar="N", help="Copies of experts beyond one each, over all ranks.")
    ] = None,
    replicas: Annotated[int | None, typer.Option(metavar="N", help="Engines behind the router.")] = None,
    weight_format: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="bf16, fp8, fp8_block, int4, mxfp4 or nvfp4; the checkpoint's own by default."
        ),
    ] = None,
    kv_format: Annotated[str | None, typer.Option(metavar="NAME", help="bf16 or fp8.")] = None,
    max_num_seqs: Annotated[int | None, typer.Option(metavar="N", help="Requests in a step.")] = None,
    max_num_batched_tokens: Annotated[int | None, typer.Option(metavar="N", help="Tokens in a step.")] = None,
    chunked_prefill: Annotated[bool | None, typer.Option(help="Cut prompts to fill a step.")] = None,
    prefix_caching: Annotated[bool | None, typer.Option(help="Share the cache of equal prefixes.")] = None,
    block_size: Annotated[int | None, typer.Option(metavar="N", help="Tokens in a cache block.")] = None,
    policy: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="fcfs, srpt, op_srpt or another of sched.Scheduler."),
    ] = None,
    fifo_share: Annotated[
        float | None, typer.Option(metavar="X", help="With all but fcfs: share that goes to the oldest request.")
    ] = None,
    router: Annotated[
        str | None, typer.Option(metavar="NAME", help="least_loaded, round_robin or prefix_affinity.")
    ] = None,
    gpu_memory_utilization: Annotated[
        float | None, typer.Option(metavar="X", help="Share of the memory that may be used.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Parquet file with one row per request.")
    ] = None,
    slo: SloOption = [],  # noqa: B006 (typer reads the default; it is never changed)
    limit: LimitOption = None,
    expert_load: ExpertLoadOption = None,
    seed: SeedOption = 0,
    format: FormatOption = "table",
) -> None:
    """Simulate one configuration; the summary goes to stdout (--format table or json), times per request to --out.

    Exit codes: 0 done; 2 wrong usage; 3 the SLO is missed or the model does not fit the memory; 4 input missing or
    broken.
    """
    options = dict(locals())
    from dataclasses import fields

    from paretoserve import cost
    from paretoserve.errors import CapacityError, UnmetSloError
    from paretoserve.plan.outputs import write_file
    from paretoserve.plan.problem import Problem
    from paretoserve.plan.single import load_configuration, simulate_one
    from paretoserve.plan.slo import meets, parse_slo
    from paretoserve.plan.store import json_text
    from paretoserve.sim import Configuration

    if format not in FORMATS:
        raise typer.BadParameter(f"`--format` must be table or json, got `{format}`")
    if out is not None and out.suffix.lower() != ".parquet":
        raise typer.BadParameter(f"`--out` must end in .parquet, got `{out.name}`")
    overrides = {field.name: options[field.name] for field in fields(Configuration) if field.name in options}
    native = cost.load_model(model).checkpoint_format
    configuration = load_configuration(config, overrides, defaults={"weight_format": native})
    limits = parse_slo(",".join(slo))
    if expert_load is not None and not configuration.expert_parallel:
        typer.echo("note: `--expert-load` changes nothing without `--expert-parallel`", err=True)
    if expert_load is None and configuration.expert_balancer != "none":
        typer.echo("note: `--expert-balancer` changes nothing but memory without `--expert-load`", err=True)
    problem = Problem.load(
        model,
        system,
        trace,
        gpus=configuration.num_gpus,
        limits=limits,
        seed=seed,
        limit=limit,
        expert_load=expert_load,
    )
    try:
        simulation, columns = simulate_one(problem, configuration)
    except CapacityError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(3) from None
    if out is not None:
        import pyarrow.parquet as parquet

        write_file(out, lambda path: parquet.write_table(simulation.to_table(), path))
        typer.echo(f"wrote {out}", err=True)
    if format == "json":
        inputs = problem.describe()
        summary = {
            "inputs": inputs,
            "configuration": configuration.to_dict(),
            "columns": columns,
            "summary": simulation.summary(),
        }
        typer.echo(json_text(summary), nl=False)
    else:
        typer.echo(_text(simulation.explain(), columns))
    if not meets(columns, limits):
        missed = [
            f"{bound}: {bound.state(columns[bound.name])}" for bound in limits if bound.excess(columns[bound.name]) > 0
        ]
        raise UnmetSloError("the configuration misses the SLO\n" + "\n".join(f"  {line}" for line in missed))


def _text(explained: str, columns: dict[str, float]) -> str:
    """Return the summary as lines: a table of latencies, then one line per other objective."""
    from paretoserve.plan.objectives import LATENCIES, OBJECTIVES, STATISTICS, amount

    def cell(name: str) -> str:
        return amount(name, columns[name]) if columns[name] == columns[name] else "-"

    lines = [explained, "", f"{'':<6}" + "".join(f"{statistic:>12}" for statistic in STATISTICS)]
    lines += [
        f"{metric:<6}" + "".join(f"{cell(f'{metric}_{statistic}_s'):>12}" for statistic in STATISTICS)
        for metric in LATENCIES
    ]
    lines.append("")
    for name, objective in OBJECTIVES.items():
        if name.partition("_")[0] not in LATENCIES:
            lines.append(f"{name:<24}{cell(name):>12}  {objective.unit}")
    return "\n".join(lines)
