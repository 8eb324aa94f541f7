"""Profiles of torch modules measured on the CPU, and the modules of a split's stages."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING

from paretoserve._integers import check_integer, shown
from paretoserve.partition.layers import Layers
from paretoserve.partition.split import Split

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from paretoserve.partition.blocks import Part

__all__ = ["measure_layers", "stage_modules"]


def measure_layers(
    module: torch.nn.Module,
    example_inputs: torch.Tensor | tuple[torch.Tensor, ...],
    *,
    repeats: int = 10,
    warmup: int = 2,
    leaves: Sequence[type] = (),
) -> Layers:
    """Measure what the blocks of a torch module take on this CPU.

    Parameters
    ----------
    module : torch.nn.Module
        On the CPU and in evaluation mode. Blocks of a Sequential are its children, those of Sequentials in it included;
        other modules are cut wherever one tensor alone passes in their torch.fx graph, or if they cannot be traced or
        cut so, in that of torch.export for inputs of these shapes.
    example_inputs : torch.Tensor or tuple of them
        One request. Not modified.
    repeats : int, default 10
        Passes through all blocks that are timed; a block takes the median.
    warmup : int, default 2
        Passes before them.
    leaves : sequence of types of modules, optional
        What torch.fx must not look into: it is part of one block. With them torch.export is not tried.

    Returns
    -------
    Layers
        A layer per block, named after the submodule, or submodule and operation, that it ends with. Its memory is that
        of parameters and buffers, without activations; those that two blocks share count in both.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, the module cannot be traced, or it does not take the inputs.
    DeviceError
        If module or inputs are not on the CPU.

    Notes
    -----
    Times are of as many threads as torch has (``torch.set_num_threads``), without gradients. Each block gets what the
    one before has just computed, so weights come from memory as in a pass of the whole module; calling a block adds
    some microseconds. It is time that passes, so nothing else should run. Torch is imported when this is called.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 30 * 30, 10)).eval()
    >>> layers = measure_layers(module, torch.zeros(1, 3, 32, 32))
    >>> layers.names, layers.output_bytes.tolist(), layers.memory_bytes.tolist()
    (('0', '1', '2', '3'), [28800, 28800, 28800, 40], [896, 0, 0, 288040])
    """
    from paretoserve.partition.blocks import checked_blocks

    check_integer("repeats", repeats, 1, 2**20)
    check_integer("warmup", warmup, 0, 2**20)
    inputs, blocks = checked_blocks(module, example_inputs, leaves)
    parts = [blocks.part(number, number + 1) for number in range(len(blocks))]
    passes = [_pass(parts, tuple(tensor.clone() for tensor in inputs)) for _ in range(warmup + repeats)]
    return Layers(
        [median(times) / 1e9 for times in zip(*passes[warmup:], strict=True)],
        blocks.output_bytes,
        memory_bytes=[part.num_bytes for part in parts],
        names=blocks.names,
    )


def stage_modules(
    module: torch.nn.Module,
    example_inputs: torch.Tensor | tuple[torch.Tensor, ...],
    split: Split,
    *,
    leaves: Sequence[type] = (),
) -> list[Part]:
    """Cut a torch module at the places of a split of what `measure_layers` returned.

    Parameters
    ----------
    module, example_inputs, leaves
        As given to `measure_layers`.
    split : Split
        One of `split_front`.

    Returns
    -------
    list of callables
        One per stage: they can be pickled and run without gradients on as many threads as torch has now. The first
        takes what `example_inputs` was, each other one what that before it returned. Parameters are shared with
        the module.

    Raises
    ------
    TypeError, ValueError, DeviceError
        As `measure_layers`, or if the split is not one of this module.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from paretoserve.partition import Device, split_front
    >>> module, inputs = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).eval(), torch.ones(1, 4)
    >>> front = split_front(measure_layers(module, inputs), [Device("a"), Device("b")])
    >>> first, second = stage_modules(module, inputs, front.splits[0])
    >>> bool(torch.equal(second(first(inputs)), module(inputs)))
    True
    """
    from paretoserve.partition.blocks import checked_blocks

    if not isinstance(split, Split):
        raise TypeError(f"`split` must be a Split, got {shown(split)}\nhint: one of split_front(...).splits")
    _, blocks = checked_blocks(module, example_inputs, leaves)
    if split.stages[-1].stop != len(blocks):
        raise ValueError(f"`split` must be of the {len(blocks)} blocks of `module`, got one of {split.stages[-1].stop}")
    return [blocks.part(stage.first, stage.stop) for stage in split.stages]


def _pass(parts: Sequence[Part], value: tuple[torch.Tensor, ...]) -> list[int]:
    """Return the nanoseconds of each part, one behind the other."""
    times = []
    for part in parts:
        began = time.perf_counter_ns()
        value = part(value)
        times.append(time.perf_counter_ns() - began)
    return times
