"""The split of a step on the device, from counts that stay there."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from paretoserve import _native
from paretoserve._launch import at
from paretoserve.moe._cuda.counts import checked, room
from paretoserve.moe.device_plan import DeviceSplit

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from paretoserve.moe.topology import Topology

__all__ = ["SplitTables", "split"]


class SplitTables:
    """What does not change from step to step, on every device that has split so far.

    Parameters
    ----------
    native : _native.MoeSplitter
        The splitter of the host.
    slots : ndarray of int64, shape (num_experts, most copies)
        Slot of each copy.
    topology : Topology
        The ranks.
    objective : str
        What is to be even.
    row : tuple of int, optional
        The cost model of the objective "cost", as the native module takes it.

    Raises
    ------
    ValueError
        If times under the cost model do not fit 64 bits whatever the counts.
    """

    def __init__(
        self,
        native: _native.MoeSplitter,
        slots: NDArray[np.int64],
        topology: Topology,
        objective: str,
        row: tuple[int, int, int, int, int, int] | None,
    ) -> None:
        self.times = None if row is None else native.times(row)
        self.host = np.array(native.tables(), dtype=np.uint32)
        self.slots, self.topology, self.objective = slots, topology, objective
        self.most_tokens = native.most_tokens()
        self._on: dict[torch.device, tuple[torch.Tensor, torch.Tensor]] = {}

    def on(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the tables and the slots on a device; the first time this copies them, which waits."""
        if device not in self._on:
            library = sys.modules["torch"]
            tables = library.tensor(self.host.view(np.int32), device=device)
            self._on[device] = tables, library.tensor(self.slots, device=device)
        return self._on[device]


def split(tables: SplitTables, count: torch.Tensor) -> DeviceSplit:
    """Return the split of counts of shape (num_experts,) or (num_sources, num_experts), int32 or int64."""
    num_experts, num_ranks, num_copies = (int(size) for size in tables.host[:3])
    count = checked(count, num_experts)
    status, quota, loads = room(count, 1), room(count, *tables.slots.shape), room(count, num_ranks)
    scratch = room(count, _native.cuda_moe_split_scratch((num_experts, num_ranks, num_copies)) // 8)
    numbers, slots = tables.on(count.device)
    a, b, c, d, e, f = (tensor.data_ptr() for tensor in (status, quota, loads, scratch, count, numbers))
    sizes = quota.shape[1], 1 if count.ndim == 1 else len(count)
    wide, active = count.itemsize == 8, tables.objective == "active"
    _native.cuda_moe_split(at(count), (a, b, c, d, e, f), sizes, wide, active, tables.times, tables.most_tokens)
    return DeviceSplit(quota, slots, loads, status, tables.slots, tables.topology, tables.objective)
