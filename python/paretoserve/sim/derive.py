"""Step time and cache of a configuration from a model and a system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paretoserve import cost

if TYPE_CHECKING:
    from pathlib import Path

    from paretoserve.sim.configuration import Configuration
    from paretoserve.sim.trace import Trace

__all__ = ["derive"]


def derive(
    model: str | Path | cost.Model, system: str | Path | cost.Hardware, trace: Trace, config: Configuration
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
    layout: dict[str, Any] = {
        "tensor_parallel": config.tensor_parallel,
        "pipeline_parallel": config.pipeline_parallel,
        "data_parallel": config.data_parallel,
        "expert_parallel": config.expert_parallel,
        "weight_format": config.weight_format,
        "kv_format": config.kv_format,
    }
    memory = cost.rank_memory(
        model,
        hardware=system,
        **layout,
        max_num_seqs=config.max_num_seqs,
        max_num_batched_tokens=config.max_num_batched_tokens,
        gpu_memory_utilization=config.gpu_memory_utilization,
        block_size=config.block_size,
        context_tokens=round(float(trace.prompt_tokens.mean() + trace.output_tokens.mean())),
    )
    return cost.StepTime.fit(model, system, **layout), memory.num_blocks
