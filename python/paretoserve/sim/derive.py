"""Step time and cache of a configuration from a model and a system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paretoserve import cost

if TYPE_CHECKING:
    from pathlib import Path

    from paretoserve.sim.configuration import Configuration
    from paretoserve.sim.expert_load import ExpertLoad
    from paretoserve.sim.trace import Trace

__all__ = ["derive", "layout", "step_time"]


def derive(
    model: str | Path | cost.Model,
    system: str | Path | cost.Hardware,
    trace: Trace,
    config: Configuration,
    expert_load: ExpertLoad | None = None,
) -> tuple[cost.StepTime, int]:
    """Return the fitted step time and the KV blocks of a data-parallel rank.

    A block of a model with sliding windows is charged the mean over a sequence of the trace's mean length.

    Parameters
    ----------
    model : str, Path or cost.Model
        As for `cost.load_model`.
    system : str, Path or cost.Hardware
        As for `cost.hardware`.
    trace : Trace
        What will be served.
    config : Configuration
        Layout, formats and limits.
    expert_load : ExpertLoad, optional
        How popular experts are; by default routing is uniform.

    Returns
    -------
    step_time : cost.StepTime
    num_blocks : int

    Raises
    ------
    UnknownNameError
        If model or system are not known.
    CapacityError
        If the model does not fit.
    ValueError
        If the layout does not fit the model.
    """
    memory = cost.rank_memory(
        model,
        hardware=system,
        **layout(config),
        max_num_seqs=config.max_num_seqs,
        max_num_batched_tokens=config.max_num_batched_tokens,
        gpu_memory_utilization=config.gpu_memory_utilization,
        block_size=config.block_size,
        context_tokens=round(float(trace.prompt_tokens.mean() + trace.output_tokens.mean())),
    )
    return step_time(model, system, config, expert_load), memory.num_blocks


def step_time(
    model: str | Path | cost.Model,
    system: str | Path | cost.Hardware,
    config: Configuration,
    expert_load: ExpertLoad | None = None,
) -> cost.StepTime:
    """Return the fitted step time of a configuration, with its balancer where there is a load for it.

    Parameters
    ----------
    model, system, config, expert_load
        As for `derive`.

    Raises
    ------
    UnknownNameError
        If model or system are not known.
    ValueError
        If the layout does not fit the model, or the load has another number of experts.
    """
    loaded, hardware, spread = cost.load_model(model), cost.hardware(system), None
    if expert_load is not None and config.expert_parallel and loaded.has_experts:
        top_k = next(run.ffn.top_k for run in loaded.layers if isinstance(run.ffn, cost.Moe))
        inter = hardware.intra_node_bandwidth / hardware.inter_node_bandwidth
        spread = expert_load.spread(config, top_k=top_k, ranks_per_node=hardware.gpus_per_domain, inter=inter)
    return cost.StepTime.fit(loaded, hardware, **layout(config), spread=spread)


def layout(config: Configuration) -> dict[str, Any]:
    """Return the fields that decide how one engine is cut, and its formats."""
    names = ("tensor_parallel", "pipeline_parallel", "data_parallel", "expert_parallel", "weight_format", "kv_format")
    return {name: getattr(config, name) for name in (*names, "redundant_experts")}
