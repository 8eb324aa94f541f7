"""Results of `plan_spill` and `split_tokens` for counts on a CUDA device: tensors that stay there, without waiting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from paretoserve.moe.spill_plan import SpillPlan
from paretoserve.moe.split import Split

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from paretoserve.moe.topology import Topology

__all__ = ["DeviceSpillPlan", "DeviceSplit"]

# In the order of the kernel's numbers.
_REASONS = ("empty", "balanced", "limits", "not worth", "spill")
_OF_COUNTS = (
    "`count` must be at least 0 everywhere, got a negative one",
    f"`count` must be at most {2**53} tokens in all, and times speeds fit 63 bits, got more",
)
_LONG_TIME = "`cost` must be small enough for 2^62 picoseconds in all, got more"
_SPILL_ERRORS = (
    *_OF_COUNTS,
    "`home` must be a rank that is alive for every expert with tokens, got a dead one",
    _LONG_TIME,
)
_SPLIT_ERRORS = (
    *_OF_COUNTS,
    "`physical_to_logical` must be a copy on a rank that is alive for every expert with tokens, got none for some",
    _LONG_TIME,
)


@dataclass(frozen=True, eq=False)
class DeviceSpillPlan:
    """Which weights and tokens leave their rank in one step, on the device of the counts.

    The same integers as the `SpillPlan` of the same counts. Sizes do not depend on the counts: rows of `transfers` and
    `tokens` behind the first `num_transfers` hold anything. Counts that the CPU would refuse give a plan in which
    nothing moves, and `cpu` raises what is wrong.

    Parameters
    ----------
    transfers : torch.Tensor of int64, shape (num_experts + num_ranks, 4)
        Expert, source rank, destination rank, and which of the foreign experts there it is.
    tokens : torch.Tensor of int64, shape (num_experts + num_ranks,)
        Tokens of the expert that are computed at the destination.
    quota : torch.Tensor of int64, shape (num_experts, num_ranks)
        Tokens of each expert on each rank.
    loads : torch.Tensor of int64, shape (num_ranks,)
        Tokens of each rank.
    outcome : torch.Tensor of int64, shape (5,)
        Number of transfers, reason, its number, time before and after in picoseconds.
    home : ndarray of uint32, shape (num_experts,)
        The rank that keeps each expert.
    topology : Topology
        The ranks.
    cost : tuple of int, optional
        Whether times were weighed, and with what.
    """

    transfers: torch.Tensor
    tokens: torch.Tensor
    quota: torch.Tensor
    loads: torch.Tensor
    outcome: torch.Tensor
    home: NDArray[np.uint32]
    topology: Topology
    cost: tuple[int, ...] | None

    @property
    def num_transfers(self) -> torch.Tensor:
        """How many rows of `transfers` are filled, a tensor without dimensions."""
        return self.outcome[0]

    def cpu(self) -> SpillPlan:
        """Wait for the device and return the plan as arrays.

        Returns
        -------
        SpillPlan
            Its `count` has the sums over source ranks.

        Raises
        ------
        ValueError
            If the counts are none that can be planned for.
        """
        found, reason, number, before, after = (int(value) for value in self.outcome.cpu().numpy())
        if reason >= len(_REASONS):
            raise ValueError(_SPILL_ERRORS[reason - len(_REASONS)])
        quota, loads = self.quota.cpu().numpy(), self.loads.cpu().numpy()
        transfers, tokens = self.transfers[:found].cpu().numpy(), self.tokens[:found].cpu().numpy()
        before_ns, after_ns = (None, None) if self.cost is None else (before / 1000, after / 1000)
        decision, count = (_REASONS[reason], number), quota.sum(axis=1)
        ratio = _ratio(loads, self.topology)
        return SpillPlan(transfers, tokens, loads, ratio, before_ns, after_ns, decision, count, self.home)


@dataclass(frozen=True, eq=False)
class DeviceSplit:
    """Tokens of each copy of each expert in one step, on the device of the counts.

    The same integers as the `Split` of the same counts. Counts that the CPU would refuse give nobody tokens, and `cpu`
    raises what is wrong.

    Parameters
    ----------
    quota : torch.Tensor of int64, shape (num_experts, most copies)
        Tokens of each copy.
    logical_to_physical : torch.Tensor of int64, shape (num_experts, most copies)
        Slot of each copy, rising; -1 where there is none.
    loads : torch.Tensor of int64, shape (num_ranks,)
        Tokens of each rank.
    status : torch.Tensor of int64, shape (1,)
        0, or what is wrong with the counts.
    slots : ndarray of int64, shape (num_experts, most copies)
        As `logical_to_physical`, of the host.
    topology : Topology
        The ranks.
    objective : str
        What was made even.
    """

    quota: torch.Tensor
    logical_to_physical: torch.Tensor
    loads: torch.Tensor
    status: torch.Tensor
    slots: NDArray[np.int64]
    topology: Topology
    objective: str

    def cpu(self) -> Split:
        """Wait for the device and return the split as arrays.

        Returns
        -------
        Split

        Raises
        ------
        ValueError
            If the counts are none that can be split.
        """
        status = int(self.status.cpu().numpy()[0])
        if status > 0:
            raise ValueError(_SPLIT_ERRORS[status - 1])
        loads = self.loads.cpu().numpy()
        return Split(self.quota.cpu().numpy(), self.slots, loads, _ratio(loads, self.topology), self.objective)


def _ratio(loads: NDArray[np.int64], topology: Topology) -> float:
    speed = topology.thousandths.astype(np.float64)
    alive, total = speed > 0, float(loads.sum())
    return float((loads[alive] / speed[alive]).max() * speed.sum() / total) if total else 1.0
