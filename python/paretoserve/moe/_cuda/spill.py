"""The spill plan of a step on the device, from counts that stay there."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from paretoserve import _native
from paretoserve._launch import at
from paretoserve.moe._cuda.counts import checked, room
from paretoserve.moe.device_plan import DeviceSpillPlan

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from paretoserve.moe.topology import Topology

__all__ = ["SpillTables", "plan"]


class SpillTables:
    """What does not change from step to step, on every device that has planned so far.

    Parameters
    ----------
    home : ndarray of uint32, shape (num_experts,)
        The rank that keeps each expert.
    topology : Topology
        The ranks.
    max_foreign : ndarray of uint32, shape (num_ranks,)
        Foreign experts that each rank has room for.
    options : tuple
        Tolerance in millionths or None, limits, relay and cost row, as the native module takes them.
    """

    def __init__(
        self,
        home: NDArray[np.uint32],
        topology: Topology,
        max_foreign: NDArray[np.uint32],
        options: tuple[int | None, tuple[int, int, int, int], bool, tuple[int, int, int, int, int, int] | None],
    ) -> None:
        counts = np.bincount(home, minlength=topology.num_ranks)
        first = np.concatenate([[0], np.cumsum(counts)])
        parts = (np.argsort(home, kind="stable"), first, home, topology.thousandths, max_foreign)
        self.host = np.concatenate([part.astype(np.uint32) for part in parts])
        self.home, self.topology, self.options = home, topology, options
        self._on: dict[torch.device, torch.Tensor] = {}

    def on(self, device: torch.device) -> torch.Tensor:
        """Return the tables on a device; the first time this copies them, which waits."""
        if device not in self._on:
            self._on[device] = sys.modules["torch"].tensor(self.host.view(np.int32), device=device)
        return self._on[device]


def plan(tables: SpillTables, count: torch.Tensor) -> DeviceSpillPlan:
    """Return the plan for counts of shape (num_experts,) or (num_sources, num_experts), int32 or int64."""
    num_experts, num_ranks = len(tables.home), tables.topology.num_ranks
    count = checked(count, num_experts)
    outcome, transfers = room(count, 5), room(count, num_experts + num_ranks, 5)
    quota, loads = room(count, num_experts, num_ranks), room(count, num_ranks)
    scratch = room(count, _native.cuda_moe_spill_scratch(num_experts, num_ranks) // 8)
    given = (outcome, transfers, quota, loads, scratch, count, tables.on(count.device))
    a, b, c, d, e, f, g = (tensor.data_ptr() for tensor in given)
    sizes = num_experts, num_ranks, tables.topology.node_size, 1 if count.ndim == 1 else len(count)
    wide = count.itemsize == 8
    _native.cuda_moe_spill(at(count), (a, b, c, d, e, f, g), sizes, wide, *tables.options)
    return DeviceSpillPlan(
        transfers[:, :4], transfers[:, 4], quota, loads, outcome, tables.home, tables.topology, tables.options[3]
    )
