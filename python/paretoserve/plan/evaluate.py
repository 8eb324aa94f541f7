"""One configuration at a time: does it fit, what does the simulation give, what does it cost and draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paretoserve import cost, sim
from paretoserve.errors import CapacityError
from paretoserve.plan.measure import latency_columns, rate_columns
from paretoserve.plan.problem import Problem
from paretoserve.plan.slo import request_limits
from paretoserve.plan.vllm import refusal
from paretoserve.sim import Configuration
from paretoserve.sim.derive import layout

__all__ = ["evaluate", "evaluate_many", "measure", "rank_memory", "simulate", "typical_step"]


def evaluate_many(problem: Problem, configurations: Sequence[Configuration]) -> list[dict[str, Any]]:
    """Evaluate a chunk of configurations; what an executor is sent."""
    return [evaluate(problem, configuration) for configuration in configurations]


def evaluate(problem: Problem, configuration: Configuration) -> dict[str, Any]:
    """Check the memory of one configuration, simulate it and compute its columns.

    Parameters
    ----------
    problem : Problem
        What all configurations share.
    configuration : Configuration
        The one to run.

    Returns
    -------
    outcome : dict
        ``{"columns": {name: float or None}, "provenance": str}``, None for a number that does not exist, or
        ``{"refused": reason}``.

    Notes
    -----
    SRPT is not told how long answers will be, as no engine knows: it expects the mean of the trace for all, so it
    orders by the prompts. A simulation runs on one thread, so that configurations can run beside each other.
    """
    reason = refusal(configuration)
    if reason is not None:
        return {"refused": reason}
    try:
        memory = rank_memory(problem, configuration, min_tokens=problem.longest)
        simulation = simulate(problem, configuration, memory)
    except (CapacityError, ValueError) as error:
        return {"refused": str(error)}
    if simulation.rejected.any():
        count = int(simulation.rejected.sum())
        reason = simulation.explain(int(np.flatnonzero(simulation.rejected)[0]))
        return {"refused": f"{count} of {problem.trace.num_requests} requests cannot be served, for example {reason}"}
    columns = measure(problem, simulation, memory)
    if columns["mfu"] > 1 or columns["mbu"] > 1:
        shares = f"{columns['mfu']:.0%} of peak FLOP/s, {columns['mbu']:.0%} of memory bandwidth"
        return {"refused": f"the prediction is impossible: {shares}"}
    return {
        "columns": {name: value if math.isfinite(value) else None for name, value in columns.items()},
        "provenance": problem.step_time(configuration).provenance(typical_step(simulation)),
    }


def rank_memory(problem: Problem, configuration: Configuration, *, min_tokens: int) -> cost.RankMemory:
    """Return how much cache fits; raises CapacityError or ValueError with the reason if too little does."""
    c = configuration
    return cost.rank_memory(
        problem.model,
        hardware=problem.hardware,
        **layout(c),
        max_num_seqs=c.max_num_seqs,
        max_num_batched_tokens=c.max_num_batched_tokens,
        gpu_memory_utilization=c.gpu_memory_utilization,
        block_size=c.block_size,
        context_tokens=problem.mean_tokens,
        min_tokens=min_tokens,
    )


def simulate(problem: Problem, configuration: Configuration, memory: cost.RankMemory) -> sim.Simulation:
    """Run the trace on a configuration with the blocks that fit it."""
    return sim.simulate(
        problem.trace,
        configuration,
        step_time=problem.step_time(configuration),
        num_blocks=memory.num_blocks,
        expected_output_tokens=problem.expected_output_tokens,
        threads=1,
    )


def measure(problem: Problem, simulation: sim.Simulation, memory: cost.RankMemory) -> dict[str, float]:
    """Return all columns of a run: objectives, then further figures; NaN where a number does not exist."""
    served = ~simulation.rejected
    peak = int(simulation.peak_blocks.max()) / memory.num_blocks
    cached = simulation.cached_tokens[served].sum(dtype=np.int64)
    return {
        **latency_columns(simulation),
        **rate_columns(simulation, problem.hardware, limits=request_limits(problem.limits)),
        "memory_headroom_bytes": (1.0 - peak) * memory.num_blocks * memory.block_size * memory.kv_bytes_per_token,
        "kv_blocks": float(memory.num_blocks),
        "kv_peak_share": peak,
        "preemptions": float(simulation.preemptions.sum(dtype=np.int64)),
        "ttft_growth": _growth(simulation.ttft_s[served]),
        "expert_imbalance": _imbalance(problem, simulation),
        "prefix_hit_share": float(cached / problem.trace.prompt_tokens[served].sum(dtype=np.int64)),
        "makespan_s": simulation.makespan_s,
    }


def _imbalance(problem: Problem, simulation: sim.Simulation) -> float:
    """Return the expert work of the fullest rank over the mean in the typical step; 1 without expert parallelism."""
    step = typical_step(simulation)
    tokens = (step.prefill_tokens + step.num_decodes) * simulation.config.data_parallel
    return problem.step_time(simulation.config).expert_imbalance(tokens)


def _growth(ttft_s: NDArray[np.float64]) -> float:
    """Return the mean TTFT of the last quarter of the requests over that of the first; NaN for fewer than eight."""
    quarter = len(ttft_s) // 4
    return float(ttft_s[-quarter:].mean() / ttft_s[:quarter].mean()) if quarter >= 2 else math.nan


def typical_step(simulation: sim.Simulation) -> cost.StepShape:
    """Return the step whose provenance stands for a run: a chunk of a mean prompt beside the mean number of decodes.

    The number of decodes follows from Little's law: time spent decoding, over the makespan, per rank.
    """
    config, trace = simulation.config, simulation.trace
    served = ~simulation.rejected
    decoding_ns = float((simulation.finish_ns - simulation.first_token_ns)[served].sum(dtype=np.float64))
    ranks = config.replicas * config.data_parallel
    decodes = round(decoding_ns / max(simulation.makespan_ns, 1) / ranks)
    prompt = max(round(float(trace.prompt_tokens[served].mean())), 1)
    context = prompt + round(float(trace.output_tokens[served].mean()) / 2)
    chunk = min(prompt, config.max_num_batched_tokens)
    return cost.StepShape.of(chunks=[(chunk, 0)], contexts=[context] * min(max(decodes, 1), config.max_num_seqs))
