"""From a search space to a list of distinct configurations, in a fixed order.

A space is the product of its lists, without combinations that mean the same (a router with one replica, a FIFO share
under FCFS) or that cannot exist (more GPUs than there are, heads that do not divide, experts in a dense model).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from paretoserve.plan.space import Space
from paretoserve.sim import Configuration
from paretoserve.sim.configuration import PLACING

__all__ = ["Bounds", "enumerate_space"]

MAX_CONFIGURATIONS = 100_000
DEFAULT = Configuration()
LAYOUT = (
    "tensor_parallel",
    "pipeline_parallel",
    "data_parallel",
    "expert_parallel",
    "expert_balancer",
    "redundant_experts",
    "replicas",
)
SERVING = (
    "weight_format",
    "kv_format",
    "max_num_seqs",
    "max_num_batched_tokens",
    "chunked_prefill",
    "prefix_caching",
    "block_size",
    "policy",
    "fifo_share",
    "router",
    "gpu_memory_utilization",
    "engine",
)


@dataclass(frozen=True)
class Bounds:
    """What limits a space: the GPUs, the model's architecture and the system's formats.

    Parameters
    ----------
    gpus : int
        GPUs that a configuration may use, all replicas together.
    gpus_per_node : int
        Tensor-parallel groups stay inside a node by default.
    fast_links : bool
        Whether the GPUs of a node are connected by more than PCIe.
    num_heads, num_layers : int
        Query heads and layers of the model.
    num_experts : int
        Routed experts; 0 for a dense model.
    weight_formats, kv_formats : tuple of str
        Formats tried when the space names none; empty if they cannot be known.
    expert_load : bool, default False
        Whether a load of the experts is given, so that balancers are worth a trial.
    """

    gpus: int
    gpus_per_node: int
    fast_links: bool
    num_heads: int
    num_layers: int
    num_experts: int
    weight_formats: tuple[str, ...]
    kv_formats: tuple[str, ...]
    expert_load: bool = False


def _doubling(largest: int) -> tuple[int, ...]:
    return tuple(1 << power for power in range(max(largest, 1).bit_length()))


def _layouts(space: Space, bounds: Bounds) -> Iterator[tuple[int, int, int, bool]]:
    """Yield (tensor, pipeline, data, expert) that the GPUs and the model allow.

    Pipeline stages are tried by default where tensor parallelism is not enough: between nodes, between GPUs without
    fast links, and where the heads do not divide further; elsewhere it beats them at the same number of GPUs. Data
    parallelism inside one engine is tried for mixture-of-experts models only: for a dense model it is the same as
    replicas, which do not wait for each other.
    """
    sparse = bounds.num_experts > 0
    inside = min(bounds.gpus, bounds.gpus_per_node)
    tensor = space.tensor_parallel or tuple(size for size in _doubling(inside) if bounds.num_heads % size == 0)
    stages = max(bounds.gpus // bounds.gpus_per_node, inside // max(tensor), 1 if bounds.fast_links else 2)
    pipeline = space.pipeline_parallel or _doubling(stages)
    data = space.data_parallel or (_doubling(bounds.gpus) if sparse else (1,))
    expert = space.expert_parallel if space.expert_parallel is not None else (False, True) if sparse else (False,)
    for layout in itertools.product(sorted(set(tensor)), sorted(set(pipeline)), sorted(set(data)), sorted(set(expert))):
        t, p, d, e = layout
        if t * p * d > bounds.gpus or (e and (not sparse or t * d == 1)):
            continue
        # Sizes that the user gave stay, so that the refusal can say what is wrong with them.
        fits = bounds.num_heads % t == 0 or space.tensor_parallel is not None
        fits &= p <= bounds.num_layers or space.pipeline_parallel is not None
        fits &= not e or bounds.num_experts % (t * d) == 0 or space.expert_parallel is not None
        if fits:
            yield layout


def _replicas(space: Space, most: int) -> tuple[int, ...]:
    if space.replicas is not None:
        return tuple(sorted({count for count in space.replicas if count <= most}))
    return tuple(sorted({*_doubling(most), most}))


def _balancers(space: Space, bounds: Bounds, layout: tuple[int, int, int, bool]) -> list[tuple[str, int]]:
    """Return the balancers of a layout and their redundant experts."""
    tensor, _, data, expert = layout
    if not expert:
        return [("none", 0)]
    names = space.expert_balancer or (("none", "eplb", "placement") if bounds.expert_load else ("none",))
    extra = space.redundant_experts or (tensor * data,)
    return [
        (name, copies) for name in dict.fromkeys(names) for copies in (sorted(set(extra)) if name in PLACING else (0,))
    ]


def _canonical(configuration: Configuration) -> Configuration:
    """Give fields that have no effect their default, so that equal meanings compare equal."""
    if configuration.replicas == 1:
        configuration = replace(configuration, router=DEFAULT.router)
    if configuration.policy == "fcfs":
        configuration = replace(configuration, fifo_share=DEFAULT.fifo_share)
    return configuration


def enumerate_space(space: Space, bounds: Bounds) -> list[Configuration]:
    """Return every distinct configuration of a space.

    Parameters
    ----------
    space : Space
        Options per field.
    bounds : Bounds
        GPUs, model and system.

    Returns
    -------
    configurations : list of Configuration
        Ordered by number of GPUs, then by the fields in the order of the space: the same call gives the same list.

    Raises
    ------
    ValueError
        If nothing is left, or more than 100,000 configurations are.

    Examples
    --------
    >>> bounds = Bounds(2, 8, True, 32, 32, 0, ("bf16",), ("bf16",))
    >>> found = enumerate_space(Space(policy="fcfs", pipeline_parallel=1, max_num_batched_tokens=2048), bounds)
    >>> [(configuration.tensor_parallel, configuration.replicas) for configuration in found]
    [(1, 1), (1, 2), (2, 1)]
    """
    chosen = {
        "weight_format": space.weight_format or bounds.weight_formats,
        "kv_format": space.kv_format or bounds.kv_formats,
    }
    if not chosen["weight_format"]:
        raise ValueError(
            "`space` must name a weight_format: the quantization_config of this model is in none of the known formats"
        )
    serving = {name: chosen.get(name) or getattr(space, name) for name in SERVING}
    options = list(dict.fromkeys(itertools.product(*serving.values())))
    layouts = [
        (*layout, *balancer, replicas)
        for layout in _layouts(space, bounds)
        for balancer in _balancers(space, bounds, layout)
        for replicas in _replicas(space, bounds.gpus // (layout[0] * layout[1] * layout[2]))
    ]
    if len(layouts) * len(options) > MAX_CONFIGURATIONS:
        raise ValueError(
            f"`space` has {len(layouts) * len(options):,} configurations, at most {MAX_CONFIGURATIONS:,} are searched\n"
            "hint: give fewer options per field"
        )
    found: dict[Configuration, None] = {}
    for layout, option in itertools.product(layouts, options):
        fields: dict[str, Any] = dict(zip(LAYOUT, layout, strict=True)) | dict(zip(SERVING, option, strict=True))
        # An engine that does not cut prompts needs room for a token of each of its requests.
        if fields["chunked_prefill"] or fields["max_num_batched_tokens"] >= fields["max_num_seqs"]:
            found[_canonical(Configuration(**fields))] = None
    if not found:
        raise ValueError(
            f"`space` must hold a configuration for {bounds.gpus} GPUs, got none: tensor, pipeline and data sizes "
            f"times replicas may be {bounds.gpus} at most, and expert_parallel needs experts on several GPUs"
        )
    return sorted(found, key=lambda configuration: configuration.num_gpus)
