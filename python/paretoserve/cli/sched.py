"""`paretoserve sched`: what the scheduler does; `compare` runs policies side by side on a trace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paretoserve.cli._exit import with_exit_codes
from paretoserve.cli._options import FormatOption, LimitOption, SeedOption, ThreadsOption, TraceOption

if TYPE_CHECKING:
    from paretoserve.sim import Comparison, Configuration, Trace

__all__ = ["compare", "group"]

group = typer.Typer(help="Compare scheduling policies.", no_args_is_help=True)

BASE_S, PREFILL_TOKEN_S, CONTEXT_TOKEN_S = 0.012, 60e-6, 20e-9
"""The engine without --model: seconds of a step, and more per prompt token and per token of context."""


@group.callback()
def _sched() -> None:
    """Compare scheduling policies."""


@group.command("compare")
@with_exit_codes
def compare(
    trace: TraceOption,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            "--policy", metavar="NAME[:SHARE]", help="Policy, with its FIFO share if not --fifo-share; repeatable."
        ),
    ] = None,
    fifo_share: Annotated[float, typer.Option(metavar="X", help="Share that goes to the oldest request.")] = 0.5,
    preempt: Annotated[str, typer.Option(metavar="NAME", help="none, or slots: shorter ones interrupt.")] = "none",
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME|PATH", help="Model; without it a linear step time.")
    ] = None,
    system: Annotated[str | None, typer.Option("--system", metavar="NAME|YAML", help="GPU system of --model.")] = None,
    tensor_parallel: Annotated[int, typer.Option(metavar="N", help="Ranks that share each matrix of --model.")] = 1,
    max_num_seqs: Annotated[int, typer.Option(metavar="N", help="Requests in a step.")] = 256,
    max_num_batched_tokens: Annotated[int, typer.Option(metavar="N", help="Tokens in a step.")] = 8192,
    kv_blocks: Annotated[
        int | None, typer.Option(metavar="N", help="Cache blocks of 16 tokens; without it no limit, or --model's.")
    ] = None,
    rate: Annotated[float | None, typer.Option(metavar="X", help="Scale the trace to X requests per second.")] = None,
    size_error: Annotated[
        float, typer.Option(metavar="X", help="Told output lengths are wrong by up to this factor, at random.")
    ] = 1.0,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            "--out", metavar="FILE", help="Also write .parquet, .csv or .json, or a chart as .html; repeatable."
        ),
    ] = None,
    limit: LimitOption = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    format: FormatOption = "table",
) -> None:
    """Serve a trace with every policy; one row each goes to stdout (--format table, csv, json or parquet).

    Times from arrival to first token (ttft) and to last token (e2e), slowdown against the same request alone, Jain's
    fairness of the slowdowns, preemptions and the tokens they wasted. Without --model a step takes 12 ms and 60 us per
    prompt token and 20 ns per token of context.

    Exit codes: 0 done; 2 wrong usage; 4 input missing or broken.
    """
    from paretoserve import sim
    from paretoserve._names import one_of
    from paretoserve.cli._table import FORMATS, check_outputs, render, write_outputs

    one_of("--format", format, FORMATS)
    check_outputs(out or [])
    if (model is None) != (system is None):
        raise ValueError("`--model` and `--system` must be given together")
    requests = sim.load_trace(trace, limit=limit, seed=seed)
    if rate is not None:
        requests = requests.scaled(rate)
    config = sim.Configuration(
        tensor_parallel=tensor_parallel,
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=max_num_batched_tokens,
        fifo_share=fifo_share,
    )
    found = sim.compare(
        requests,
        config,
        policies=policy,
        preempt=one_of("--preempt", preempt, ("none", "slots")),
        expected_output_tokens=_told(requests, size_error, seed),
        threads=threads,
        **_engine(requests, config, model, system, kv_blocks),
    )
    table = found.to_table()
    write_outputs(table, out or [], lambda path: _write_chart(path, found))
    if format == "table":
        typer.echo(
            f"{requests.num_requests} requests of {requests.name or trace}, {config.max_num_seqs} slots", err=True
        )
        columns = [name for name in table.column_names if name not in ("fifo_share", "num_requests", "makespan_s")]
        table = _across(table.select(columns))
    typer.echo(render(table, format), nl=False)


def _engine(
    trace: Trace, config: Configuration, model: str | None, system: str | None, kv_blocks: int | None
) -> dict[str, Any]:
    """Return what `sim.simulate` needs to know about the engine."""
    if model is not None:
        return {"model": model, "system": system, "num_blocks": kv_blocks}
    from paretoserve.cost import StepTime

    longest = int((trace.prompt_tokens.astype("int64") + trace.output_tokens).max())
    enough = min(min(config.max_num_seqs, trace.num_requests) * (longest // config.block_size + 2), 2**31 - 1)
    step_time = StepTime.linear(BASE_S, per_prefill_token_s=PREFILL_TOKEN_S, per_context_token_s=CONTEXT_TOKEN_S)
    return {"step_time": step_time, "num_blocks": enough if kv_blocks is None else kv_blocks}


def _told(trace: Trace, size_error: float, seed: int) -> Any:
    """Return the output lengths that schedulers are told: wrong by a factor between 1 / X and X, uniform in its log."""
    import numpy as np

    if not 1 <= size_error <= 1e6:
        raise ValueError(f"`--size-error` must be from 1 to 1000000, got {size_error}")
    if size_error == 1:
        return None
    exponents = np.random.default_rng(seed).uniform(-1, 1, trace.num_requests)
    told = np.rint(trace.output_tokens * size_error**exponents)
    return np.clip(told, 1, 2**31 - 1).astype(np.int64)


def _across(table: Any) -> Any:
    """Return a table whose columns are policies and whose rows are figures: more figures than a line holds."""
    import pyarrow as pa

    rows = table.to_pylist()
    figures = [name for name in table.column_names if name != "policy"]
    arrays = [pa.array(figures)] + [pa.array([_cell(row[name]) for name in figures]) for row in rows]
    return pa.Table.from_arrays(arrays, names=["figure", *(row["policy"] for row in rows)])


def _cell(value: float) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _write_chart(path: Path, found: Comparison) -> None:
    """Write the policies as points of an interactive page: any two figures against each other."""
    from functools import partial

    import numpy as np

    from paretoserve.pareto import mask
    from paretoserve.plan.outputs import write_file
    from paretoserve.plan.report import Axis, write_report

    columns = {name: np.array([row[name] for row in found.rows]) for name in found.rows[0] if name != "fifo_share"}
    columns["policy"] = columns["policy"].astype(object)
    spanned = ("e2e_mean_s", "e2e_p99_s")
    numbers = [name for name in columns if name not in ("policy", "num_requests", "num_rejected")]
    axes = {name: Axis(name, "max" if name == "fairness" else "min", "s" * name.endswith("_s")) for name in numbers}
    points = np.column_stack([columns[name] for name in spanned]).astype(np.float64)
    content: dict[str, Any] = {
        "title": "Scheduling policies",
        "points": columns,
        "objectives": [axes[name] for name in spanned],
        "others": [axis for name, axis in axes.items() if name not in spanned],
        "front": mask(points),
        "notes": found.explain().split("\n"),
    }
    write_file(path, partial(write_report, **content))
