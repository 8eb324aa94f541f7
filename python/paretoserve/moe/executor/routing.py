"""Who computes which tokens: counts and a plan turned into what one rank sends, receives and copies.

An expert's tokens have one global order: those of rank 0 first, then those of rank 1, and so on. A row of the plan's
`quota` cuts that order into intervals, rank by rank again. A rank therefore knows from the counts of all ranks alone
which of its rows go where and what arrives from whom; nothing but the rows themselves has to be exchanged.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from paretoserve.errors import DeviceError, DtypeError, ShapeError
from paretoserve.moe.device_plan import DeviceSpillPlan

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Counts = NDArray[np.int64]

__all__ = ["Copy", "Plan", "Route", "checked_plan", "home_of", "plan_digest", "route"]


class Plan(Protocol):
    """What the executor needs to know of a plan; `SpillPlan` is one."""

    @property
    def quota(self) -> NDArray[np.integer]:
        """Tokens of each expert computed by each rank, shape (num_experts, num_ranks)."""

    @property
    def transfers(self) -> NDArray[np.integer]:
        """Copies to make: expert, source rank, destination rank, slot; shape (n, 4)."""


class Copy(NamedTuple):
    """One transfer of an expert's weights; copies of a later stage come from copies of an earlier one."""

    expert: int
    source: int
    destination: int
    stage: int


@dataclass(frozen=True)
class Route:
    """What one rank does in one pass."""

    send: Counts
    """Rows of each expert to each rank, shape (num_experts, num_ranks)."""
    receive: Counts
    """Rows from each rank of each expert, shape (num_ranks, num_experts)."""
    slots: Counts
    """Experts that this rank computes, its own first, then foreign ones in the order of the plan."""
    num_native: int
    copies: tuple[Copy, ...]
    """All copies of the plan that this rank sends or receives, in the order of the plan."""

    @property
    def rows(self) -> Counts:
        """Rows that each slot computes."""
        arriving: Counts = self.receive.sum(axis=0)
        return arriving[self.slots]

    @property
    def foreign(self) -> Counts:
        """Experts of the foreign slots."""
        return self.slots[self.num_native :]


def home_of(num_experts: int, num_ranks: int, home: ArrayLike | None) -> Counts:
    """Return the rank of each expert: as given, or contiguous blocks with the remainder on the first ranks."""
    if home is None:
        sizes = np.full(num_ranks, num_experts // num_ranks, dtype=np.int64)
        sizes[: num_experts % num_ranks] += 1
        return np.repeat(np.arange(num_ranks), sizes)
    array = np.asarray(home)
    if array.shape != (num_experts,):
        raise ShapeError(f"`home` must have shape ({num_experts},), one rank per expert, got {array.shape}")
    if array.dtype.kind not in "iu":
        raise DtypeError(f"`home` must hold integers, got {array.dtype}")
    if np.any((array < 0) | (array >= num_ranks)):
        expert = int(np.flatnonzero((array < 0) | (array >= num_ranks))[0])
        raise ValueError(f"`home` must be from 0 to {num_ranks - 1}, got {int(array[expert])} for expert {expert}")
    return array.astype(np.int64)


def plan_digest(plan: Plan | None) -> int:
    """Return 63 bits that two different plans are all but certain not to share; 0 for none."""
    if plan is None:
        return 0
    quota, transfers = _parts(plan)
    state = hashlib.blake2b(digest_size=8)
    for array in (quota, transfers):
        state.update(repr(array.shape).encode())
        state.update(np.ascontiguousarray(array).tobytes())
    return int.from_bytes(state.digest(), "little") >> 1


def checked_plan(plan: Plan | None, total: Counts, home: Counts, num_ranks: int) -> tuple[Counts, tuple[Copy, ...]]:
    """Return the quotas and the copies of a plan for each expert's tokens, after all checks; of standard EP without.

    Raises
    ------
    ShapeError
        If `quota` is not (num_experts, num_ranks) or `transfers` not (n, 4).
    DtypeError
        If it has none of these, or one of them does not hold integers.
    DeviceError
        If it is on a device.
    ValueError
        If a token is not computed exactly once, or an expert would be computed where it is not.
    """
    num_experts = len(total)
    if plan is None:
        quota = np.zeros((num_experts, num_ranks), dtype=np.int64)
        quota[np.arange(num_experts), home] = total
        return quota, ()
    quota, transfers = _parts(plan)
    if quota.shape != (num_experts, num_ranks):
        raise ShapeError(f"`plan.quota` must have shape ({num_experts}, {num_ranks}), got {quota.shape}")
    if transfers.ndim != 2 or transfers.shape[1] != 4:
        raise ShapeError(f"`plan.transfers` must have shape (n, 4), got {transfers.shape}")
    if quota.min(initial=0) < 0 or np.any(quota.sum(axis=1) != total):
        expert = int(np.flatnonzero((quota.sum(axis=1) != total) | (quota.min(axis=1) < 0))[0])
        raise ValueError(
            f"`plan.quota` of expert {expert} must add up to its {int(total[expert])} tokens without negative shares, "
            f"got {quota[expert].tolist()}\nhint: plan from the counts of this very step, see ExpertParallel.counts"
        )
    copies = _staged(transfers, home, num_ranks)
    present = np.zeros((num_experts, num_ranks), dtype=bool)
    present[np.arange(num_experts), home] = True
    for copy in copies:
        present[copy.expert, copy.destination] = True
    absent = np.argwhere((quota > 0) & ~present)
    if absent.size:
        expert, rank = absent[0].tolist()
        raise ValueError(
            f"`plan` gives rank {rank} tokens of expert {expert}, but no transfer brings its weights there"
        )
    return quota, copies


def _staged(transfers: Counts, home: Counts, num_ranks: int) -> tuple[Copy, ...]:
    """Return the transfers with their stages: 1 from home, otherwise one more than the stage that brought the source.

    Transfers may come in any order; each rank may get an expert once, from a rank that has it.
    """
    sources: dict[tuple[int, int], int] = {}
    for row, (expert, source, destination, _) in enumerate(transfers.tolist()):
        if not (0 <= expert < len(home) and 0 <= source < num_ranks and 0 <= destination < num_ranks):
            raise ValueError(f"`plan.transfers` row {row} names an expert or rank that does not exist")
        if destination == home[expert] or (expert, destination) in sources:
            raise ValueError(f"`plan.transfers` row {row} brings expert {expert} to rank {destination}, which has it")
        sources[expert, destination] = source

    def stage(expert: int, rank: int) -> int:
        steps = 0
        while rank != home[expert]:
            steps += 1
            rank = sources.get((expert, rank), -1)
            if rank < 0 or steps > num_ranks:
                raise ValueError(f"`plan.transfers` takes expert {expert} from a rank that never gets it")
        return steps

    return tuple(
        Copy(expert, source, destination, stage(expert, destination))
        for expert, source, destination, _ in transfers.tolist()
    )


def route(rank: int, counts: Counts, home: Counts, quota: Counts, copies: tuple[Copy, ...]) -> Route:
    """Return what `rank` sends, receives, copies and computes.

    Parameters
    ----------
    rank : int
        The rank that asks.
    counts : ndarray of int64, shape (num_ranks, num_experts)
        Tokens of each source rank for each expert.
    home : ndarray of int64, shape (num_experts,)
        Rank that owns each expert.
    quota : ndarray of int64, shape (num_experts, num_ranks)
        Tokens of each expert computed by each rank.
    copies : tuple of Copy
        As `checked_plan` returns them.
    """
    source_end = counts.cumsum(axis=0)
    share_end = quota.cumsum(axis=1)
    source_start, share_start = source_end - counts, share_end - quota
    foreign = [copy.expert for copy in copies if copy.destination == rank]
    native = np.flatnonzero(home == rank)
    return Route(
        send=_overlap(source_start[rank, :, None], source_end[rank, :, None], share_start, share_end),
        receive=_overlap(source_start, source_end, share_start[:, rank], share_end[:, rank]),
        slots=np.concatenate([native, np.asarray(foreign, dtype=np.int64)]),
        num_native=len(native),
        copies=tuple(copy for copy in copies if rank in (copy.source, copy.destination)),
    )


def _overlap(low: Counts, high: Counts, other_low: Counts, other_high: Counts) -> Counts:
    shared: Counts = np.maximum(np.minimum(high, other_high) - np.maximum(low, other_low), 0)
    return shared


def _parts(plan: Plan) -> tuple[Counts, Counts]:
    """Return quota and transfers of a plan."""
    if isinstance(plan, DeviceSpillPlan):
        raise DeviceError("`plan` is on a CUDA device\nhint: pass plan.cpu(), which waits for it")
    if not hasattr(plan, "quota") or not hasattr(plan, "transfers"):
        raise DtypeError(f"`plan` must have `quota` and `transfers`, as a SpillPlan has, got {type(plan).__name__}")
    return _integers("plan.quota", plan.quota), _integers("plan.transfers", plan.transfers)


def _integers(argument: str, values: ArrayLike) -> Counts:
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise DtypeError(f"`{argument}` must hold integers, got {array.dtype}")
    return array.astype(np.int64)
