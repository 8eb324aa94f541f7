"""What it takes to serve the picked configuration and to check its prediction on real GPUs.

The benchmark sends a load that `vllm bench serve` can make: gamma arrivals with the trace's rate and burstiness,
lengths spread evenly around the trace's means. That is not the trace, so the same load is simulated here and its
numbers are given beside.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from paretoserve.cost.bundled import hub_id
from paretoserve.plan.evaluate import evaluate, rank_memory
from paretoserve.plan.front import describe
from paretoserve.plan.objectives import amount
from paretoserve.plan.problem import beyond_context
from paretoserve.plan.store import json_text
from paretoserve.plan.vllm import bench_arguments, notes, serve_arguments
from paretoserve.sim import Configuration, Trace

if TYPE_CHECKING:
    from paretoserve.plan.front import Front
    from paretoserve.plan.problem import Problem

__all__ = ["EMITTED", "benchmark_trace", "emit"]

FIRST_PORT = 8000
BENCH_PROMPTS = 1000
SPREAD = 0.5
EMITTED = ("serve.sh", "vllm.yaml", "bench.sh", "prediction.json")
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
COMPARED = (
    "ttft_mean_s",
    "ttft_p50_s",
    "ttft_p99_s",
    "tpot_mean_s",
    "tpot_p50_s",
    "tpot_p99_s",
    "e2e_mean_s",
    "e2e_p99_s",
)


def emit(front: Front, problem: Problem) -> dict[str, str]:
    """Return the files of ``top1/`` by name.

    Parameters
    ----------
    front : Front
        Its first pick is emitted.
    problem : Problem
        Model, system and trace.

    Returns
    -------
    files : dict of str to str
        ``serve.sh``, ``vllm.yaml`` (the flags for ``vllm serve --config``), ``bench.sh`` and ``prediction.json``.
    """
    # The first pick is the SLO's or the nearest to it; without a SLO it is the knee.
    row = next(iter(front.picks.values()))
    configuration = front.configurations[row]
    served = as_served(configuration)
    native = problem.model.checkpoint_format or "unknown"
    arguments = serve_arguments(served, native_format=native, max_model_len=_longest(problem, served))
    said = notes(configuration, native_format=native) + beyond_context(front.inputs)
    trace = benchmark_trace(problem.trace, seed=0)
    load = bench_arguments(
        "$MODEL",
        requests_per_s=problem.trace.requests_per_s,
        burstiness=burstiness(problem.trace),
        prompt_tokens=round(float(problem.trace.prompt_tokens.mean())),
        output_tokens=round(float(problem.trace.output_tokens.mean())),
        spread=SPREAD,
        num_prompts=trace.num_requests,
        seed=0,
    )
    name = hub_id(problem.model.name) or problem.model.name
    as_benchmark = _columns(dataclasses.replace(problem, trace=trace), served)
    predicted = {
        "configuration": dataclasses.asdict(configuration),
        "trace": front.row(row),
        "trace_as_served": _columns(problem, served),
        "benchmark_as_served": as_benchmark,
        "served_policy": served.policy,
        "notes": said,
    }
    return {
        "serve.sh": _serve_script(name, configuration, arguments, said, problem.hardware.gpus_per_node),
        "vllm.yaml": "".join(f"{flag[2:]}: {json.dumps(value)}\n" for flag, value in arguments.items()),
        "bench.sh": _bench_script(name, configuration, load, as_benchmark),
        "prediction.json": json_text(predicted),
    }


def as_served(configuration: Configuration) -> Configuration:
    """Return what the emitted commands serve: without the policy and the balancer that vLLM has no flag for."""
    balancer = {"spill": "none", "split": "placement"}.get(configuration.expert_balancer, configuration.expert_balancer)
    share = Configuration().fifo_share
    return dataclasses.replace(configuration, policy="fcfs", fifo_share=share, expert_balancer=balancer)


def _longest(problem: Problem, configuration: Configuration) -> int | None:
    """Return the longest sequence to ask for where the model's own is too much for cache or unchunked step."""
    fits = rank_memory(problem, configuration, min_tokens=problem.longest).kv_capacity_tokens
    if not configuration.chunked_prefill:
        fits = min(fits, configuration.max_num_batched_tokens)
    longest = problem.model.max_context
    return fits if longest is not None and fits < longest else None


def _columns(problem: Problem, configuration: Configuration) -> dict[str, float | None]:
    columns: dict[str, float | None] = evaluate(problem, configuration).get("columns", {})
    return columns


def burstiness(trace: Trace) -> float:
    """Return the shape of the gamma distribution whose gaps vary as the trace's: 1 / CV^2, within 0.05 .. 20."""
    gaps = np.diff(trace.arrival_ns).astype(np.float64)
    if len(gaps) == 0 or gaps.mean() == 0:
        return 1.0
    variation = gaps.std() / gaps.mean()
    return float(np.clip(1.0 / variation**2, 0.05, 20.0)) if variation > 0 else 20.0


def benchmark_trace(trace: Trace, *, seed: int) -> Trace:
    """Return a load as `vllm bench serve` with the emitted flags makes it, for the simulator.

    Parameters
    ----------
    trace : Trace
        Gives rate, burstiness and mean lengths.
    seed : int
        Seed of gaps and lengths.

    Returns
    -------
    trace : Trace
        `BENCH_PROMPTS` requests or as many as the trace has.
    """
    random = np.random.default_rng(seed)
    count = min(trace.num_requests, BENCH_PROMPTS)
    shape, rate = burstiness(trace), trace.requests_per_s
    gaps = random.gamma(shape, 1.0 / (rate * shape), count) if np.isfinite(rate) else np.zeros(count)
    arrival = np.concatenate([[0.0], np.cumsum(gaps)[:-1]])

    def lengths(tokens: NDArray[np.int32]) -> NDArray[np.int32]:
        mean = round(float(tokens.mean()))
        low, high = max(int(np.floor(mean * (1 - SPREAD))), 1), max(int(np.ceil(mean * (1 + SPREAD))), 1)
        return random.integers(low, high, count, endpoint=True).astype(np.int32)

    prompt, output = lengths(trace.prompt_tokens), lengths(trace.output_tokens)
    return Trace(np.rint(arrival * 1e9).astype(np.int64), prompt, output, name=f"{trace.name} as a benchmark")


def _words(arguments: Mapping[str, object]) -> str:
    parts = []
    for flag, value in arguments.items():
        text = '"$MODEL"' if value == "$MODEL" else shlex.quote(str(value))
        parts.append(flag if value is True else f"{flag} {text}")
    return " \\\n    ".join(parts)


def _head(title: str, model: str, said: list[str]) -> str:
    comments = "".join(f"# {line}\n" for line in (title, *said))
    # The name of a file is nothing that vLLM could load, and no text for a shell.
    known = f"-{model}" if HUB_ID.fullmatch(model) else "?set it to a Hugging Face id or a folder with the weights"
    return f'#!/usr/bin/env bash\n{comments}set -euo pipefail\nMODEL="${{MODEL:{known}}}"\n'


def _serve_script(
    model: str, configuration: Configuration, arguments: Mapping[str, object], said: list[str], gpus_per_node: int
) -> str:
    """Return a script that starts all replicas of one node; with several nodes it is run on each, told its number."""
    size, replicas = configuration.gpus_per_replica, configuration.replicas
    nodes = -(-configuration.num_gpus // gpus_per_node)
    together = nodes > 1 and size <= gpus_per_node
    if together:
        said = [*said, f"Run it on each of {nodes} nodes of {gpus_per_node} GPUs with NODE=0, 1 and so on."]
    elif nodes > 1:
        said = [*said, f"A replica spans {-(-size // gpus_per_node)} nodes: join them to a Ray cluster first."]
        arguments = {**arguments, "--distributed-executor-backend": "ray"}
    script = _head(f"serve {describe(configuration)}", model, said)
    script += 'NODE="${NODE:-0}"\n' if together else ""
    script += 'trap "kill 0" EXIT\n' if replicas > 1 else ""
    per_node = max(gpus_per_node // size, 1)
    for replica in range(replicas):
        node, place = divmod(replica, per_node)
        prefix = f'[ "$NODE" != {node} ] || ' if together else ""
        if size <= gpus_per_node:
            devices = ",".join(str(gpu) for gpu in range(place * size, (place + 1) * size))
            prefix += f"CUDA_VISIBLE_DEVICES={devices} "
        words = _words({**arguments, "--port": FIRST_PORT + (place if together else replica)})
        script += f'\n{prefix}vllm serve "$MODEL" \\\n    {words}'
        script += " &\n" if replicas > 1 else "\n"
    return script + ("\nwait\n" if replicas > 1 else "")


def _bench_script(
    model: str, configuration: Configuration, load: Mapping[str, object], predicted: Mapping[str, float | None]
) -> str:
    said = ["Predicted for this load (simulated with the same rate, burstiness and lengths):"]
    values = ((name, predicted.get(name)) for name in COMPARED)
    said += [f"  {name:<12} {amount(name, value)}" for name, value in values if value is not None]
    if configuration.replicas > 1:
        said.append("The load is for all replicas together: set URL to the router before them.")
    script = _head(f"check {describe(configuration)}", model, said)
    script += f'URL="${{URL:-http://127.0.0.1:{FIRST_PORT}}}"\n\n'
    return script + f'vllm bench serve --base-url "$URL" \\\n    {_words(load)}\n'
