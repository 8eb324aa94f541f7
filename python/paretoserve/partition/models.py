"""Profiles of transformers from the operator model: a layer per decoder block.

The step time of a model is a sum over its blocks and its head, so a block takes what a model of two such blocks takes
more than a model of one. So do the operations and bytes that its energy is computed from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from paretoserve._integers import check_integer
from paretoserve.partition.layers import Layers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve.cost import StepShape, StepTime
    from paretoserve.cost.gpu import Hardware
    from paretoserve.cost.model import Model

__all__ = ["model_layers"]

BYTES = 2
"""Of an activation and of a weight in embeddings and head: bfloat16."""


def model_layers(
    model: str | Path | Model,
    systems: Mapping[str, str | Path | Hardware] | Sequence[str] | str,
    *,
    prompt_tokens: int = 512,
    batch_size: int = 1,
    decode: bool = False,
    weight_format: str = "bf16",
    kv_format: str = "bf16",
) -> Layers:
    """Estimate what embedding, decoder blocks and head of a transformer take on one GPU of several systems.

    Parameters
    ----------
    model : str, Path or Model
        As for `cost.load_model`.
    systems : mapping from device name to system, or sequence of names of systems
        As for `cost.hardware`; a sequence names the devices after their systems.
    prompt_tokens : int, default 512
        Tokens of each prompt; with `decode` those in the cache, the new one included.
    batch_size : int, default 1
        Prompts that pass together: what one request of the split is.
    decode : bool, default False
        Whether a request is one token for each prompt instead of the prompts themselves.
    weight_format, kv_format : str, default "bf16"
        How weights and cache are stored.

    Returns
    -------
    Layers
        `embed` (which takes no time), `block 0` and so on, `head` (with all that belongs to no block). Seconds by
        device; memory is weights and cache, with a copy of tied embeddings in the head. Joules by device, as
        `cost.energy` has them for seconds, operations and bytes of each layer: the idle power for as long as it takes,
        and more for what it computes and moves. Without power of all systems there are none.

    Raises
    ------
    UnknownNameError, DataError
        If model or system are not known.
    ValueError
        If a number is out of range.

    Notes
    -----
    Times are those of `cost.StepTime` without host time; a few milliseconds for each kind of block and each system.

    Examples
    --------
    >>> layers = model_layers("qwen3-0.6b", ["h100_sxm", "a100_sxm"])
    >>> len(layers), layers.names[0], layers.names[1], layers.names[-1]
    (30, 'embed', 'block 0', 'head')
    >>> bool((layers.seconds["h100_sxm"] <= layers.seconds["a100_sxm"]).all())
    True
    """
    from paretoserve.cost import StepShape, StepTime, load_model
    from paretoserve.cost import hardware as find_hardware
    from paretoserve.cost.checks import switch

    check_integer("prompt_tokens", prompt_tokens, 1, 2**31)
    check_integer("batch_size", batch_size, 1, 2**20)
    loaded = load_model(model)
    listed = [systems] if isinstance(systems, str) else systems
    named = dict(listed) if isinstance(listed, Mapping) else {name: name for name in listed}
    if switch("decode", decode):
        shape, tokens = StepShape.of(contexts=[prompt_tokens] * batch_size), batch_size
    else:
        shape, tokens = StepShape.of(chunks=[(prompt_tokens, 0)] * batch_size), prompt_tokens * batch_size

    hardware = {name: find_hardware(system) for name, system in named.items()}
    times: dict[str, list[float]] = {name: [0.0] for name in named}
    joules: dict[str, list[float]] = {name: [0.0] for name in named}
    memory = [loaded.vocab * loaded.hidden * BYTES]
    heads = dict.fromkeys(named, (0.0, 0.0))
    for run in loaded.layers:
        one, two = (replace(loaded, layers=(replace(run, count=count),)) for count in (1, 2))
        for name, gpu in hardware.items():
            shorter, longer = (
                _taken(StepTime.fit(some, gpu, weight_format=weight_format, kv_format=kv_format, host_s=0.0), shape)
                for some in (one, two)
            )
            block, heads[name] = (
                _with_joules(np.maximum(taken, 0.0), gpu, weight_format)
                for taken in (longer - shorter, 2 * shorter - longer)
            )
            times[name] += [block[0]] * run.count
            joules[name] += [block[1]] * run.count
        cache = one.kv_bytes(prompt_tokens, kv_format=kv_format) * batch_size
        memory += [two.weights_bytes(weight_format) - one.weights_bytes(weight_format) + cache] * run.count
    known = all(gpu.power is not None for gpu in hardware.values())
    return Layers(
        {name: [*rows, heads[name][0]] for name, rows in times.items()},
        [tokens * loaded.hidden * BYTES] * (loaded.num_layers + 1) + [batch_size * 4],
        memory_bytes=[*memory, memory[0]],
        joules={name: [*rows, heads[name][1]] for name, rows in joules.items()} if known else None,
        names=["embed", *(f"block {number}" for number in range(loaded.num_layers)), "head"],
    )


def _taken(step_time: StepTime, shape: StepShape) -> NDArray[np.float64]:
    """Return seconds, operations and bytes of a step."""
    return np.array([step_time.step_s(shape), *step_time.work(shape)])


def _with_joules(taken: NDArray[np.float64], gpu: Hardware, weight_format: str) -> tuple[float, float]:
    """Return the seconds of a layer and its energy on one GPU; none if that is not known."""
    from paretoserve.cost import energy

    seconds, flops, num_bytes = taken.tolist()
    if gpu.power is None or seconds == 0:
        return seconds, 0.0
    used = energy(
        hardware=gpu, num_gpus=1, seconds=seconds, flops=flops, num_bytes=num_bytes, weight_format=weight_format
    )
    return seconds, used.joules
