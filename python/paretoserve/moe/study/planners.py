"""What each balancer decides for a step: tokens of each expert on each rank, and the weights that move for it.

A planner sees one step after another. Those that spill decide from the step's own counts, as the executor does; those
that place see only the steps before and move weights every so many steps, as engines do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from paretoserve.errors import DtypeError, UnknownNameError
from paretoserve.moe.compat.llep import compute_plan
from paretoserve.moe.executor.routing import checked_plan, home_of
from paretoserve.moe.placement import Placement, plan_placement
from paretoserve.moe.spill import Spiller
from paretoserve.moe.split import Splitter

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from paretoserve.moe.cost import CostModel
    from paretoserve.moe.topology import Topology

    Counts = NDArray[np.int64]

__all__ = ["PLANNERS", "Decision", "Planner", "Setting", "make_planner"]

PLANNERS = ("ep", "eplb", "placement", "split", "llep", "spill")
"""Names of planners. "ep" moves nothing. "eplb" makes a new placement every interval and shares tokens equally between
copies; "placement" goes on from the previous placement; "split" shares them as well as possible besides. "llep" is the
published rule of least-loaded expert parallelism, "spill" is `plan_spill`."""

_NOTHING = np.zeros((0, 4), dtype=np.int64)


class Setting(NamedTuple):
    """What all planners of a replay are told."""

    num_experts: int
    num_layers: int
    topology: Topology
    cost: CostModel
    num_slots: int
    interval: int


class Decision(NamedTuple):
    """What happens to one layer in one step."""

    quota: Counts
    """Tokens of each expert on each rank, shape (num_experts, num_ranks)."""
    transfers: Counts
    """Weights that move for this step alone: expert, source, destination, slot."""
    fetched: Counts
    """Weights that move into slots before this step: expert, source, destination, slot."""
    experts: Counts
    """Experts whose weights each rank holds."""
    reason: str


class Planner(Protocol):
    """Decides step by step."""

    def decide(self, totals: Counts) -> list[Decision]:
        """Return one decision per layer for the counts of a step, shape (num_layers, num_experts)."""


class _Home:
    """Standard expert parallelism, or a plan of the user's or of `plan_spill` from the step's counts."""

    def __init__(self, setting: Setting, plan: Callable[[Counts], Any] | None):
        self._home = home_of(setting.num_experts, setting.topology.num_ranks, None)
        self._native = np.bincount(self._home, minlength=setting.topology.num_ranks)
        self._plan = plan

    def decide(self, totals: Counts) -> list[Decision]:
        return [self._layer(counts) for counts in totals]

    def _layer(self, counts: Counts) -> Decision:
        plan = self._plan(counts) if self._plan else None
        quota, copies = checked_plan(plan, counts, self._home, len(self._native))
        if plan is None or not copies:
            return Decision(quota, _NOTHING, _NOTHING, self._native, getattr(plan, "reason", "nothing moves"))
        transfers = np.asarray(plan.transfers, dtype=np.int64)
        experts = self._native + np.bincount(transfers[:, 2], minlength=len(self._native))
        return Decision(quota, transfers, _NOTHING, experts, getattr(plan, "reason", "a plan of the caller's"))


class _Published:
    """The rule of the paper, behind its gate: below a ratio of the ranks' loads nothing moves."""

    def __init__(self, setting: Setting, *, threshold: float = 1.3, **options: Any):
        self._ranks = setting.topology.num_ranks
        if setting.num_experts % self._ranks:
            raise ValueError(
                f'"llep" needs a multiple of {self._ranks} experts, one block per rank, got {setting.num_experts}'
            )
        if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not threshold >= 0:
            raise ValueError(f"`threshold` must be a number that is not negative, got {threshold!r}")
        self._local = setting.num_experts // self._ranks
        self._threshold, self._options = threshold, {"repairs": (), **options}

    def __call__(self, counts: Counts) -> _Plan | None:
        loads = counts.reshape(self._ranks, self._local).sum(axis=1)
        if loads.max() * self._ranks < self._threshold * loads.sum():
            return None
        plan = compute_plan(counts, self._ranks, 0, self._local, **self._options)
        quota = np.zeros((len(counts), self._ranks), dtype=np.int64)
        for expert, ranges in plan.lpt_plan.items():
            for rank, start, end in ranges:
                quota[expert, rank] += end - start
        pairs = dict.fromkeys((one.expert_id, one.src_rank, one.dst_rank) for one in plan.weight_transfers)
        rows = [(*pair, 0) for pair in pairs]
        return _Plan(quota, np.array(rows, dtype=np.int64).reshape(-1, 4), "least-loaded assignment")


class _Plan(NamedTuple):
    quota: Counts
    transfers: Counts
    reason: str


class _Placed:
    """Placements made every `interval` steps from the counts of the interval before; the first is for equal loads."""

    def __init__(self, setting: Setting, *, keep: bool, exact: bool, **options: Any):
        self._setting, self._keep, self._exact, self._options = setting, keep, exact, options
        self._step = 0
        self._seen = np.ones((setting.num_layers, setting.num_experts), dtype=np.int64)
        self._current: Placement | None = None
        self._splits: list[Callable[[Counts], Counts]] = []
        self._held: list[Counts] = []

    def decide(self, totals: Counts) -> list[Decision]:
        fetched, since = np.zeros((0, 5), dtype=np.int64), self._step % self._setting.interval
        if since == 0:
            fetched = self._renew()
        reason = f"placed {since} steps ago" if self._step >= self._setting.interval else "placed for equal loads"
        self._step += 1
        self._seen += totals
        return [
            Decision(
                self._splits[layer](counts),
                _NOTHING,
                fetched[fetched[:, 0] == layer][:, 1:],
                self._held[layer],
                reason,
            )
            for layer, counts in enumerate(totals)
        ]

    def _renew(self) -> Counts:
        """Place anew and return the slots that are fetched."""
        setting, before = self._setting, self._current
        options = self._options | ({"previous": before} if self._keep and before is not None else {})
        ranks = setting.topology
        placement = plan_placement(self._seen, setting.num_slots, ranks.num_ranks, topology=ranks, **options)
        self._seen = np.zeros_like(self._seen)
        self._current = placement
        owner = np.repeat(np.arange(ranks.num_ranks), np.diff(placement.slot_start))
        split = _exact if self._exact else _equal
        rows = placement.physical_to_logical
        self._splits = [split(row, owner, setting.num_experts, ranks) for row in rows]
        self._held = [np.bincount(owner[row >= 0], minlength=ranks.num_ranks) for row in rows]
        return np.zeros((0, 5), dtype=np.int64) if before is None else _fetched(before, placement)


def _exact(slots: Counts, owner: Counts, num_experts: int, ranks: Topology) -> Callable[[Counts], Counts]:
    """Return what splits a layer's tokens over the copies as evenly as possible."""
    per_rank = np.bincount(owner, minlength=ranks.num_ranks)
    splitter = Splitter(num_experts, slots, ranks, slots_per_rank=per_rank)

    def split(counts: Counts) -> Counts:
        found = splitter.split(counts)
        quota = np.zeros((num_experts, ranks.num_ranks), dtype=np.int64)
        where = found.logical_to_physical >= 0
        np.add.at(quota, (np.nonzero(where)[0], owner[found.logical_to_physical[where]]), found.quota[where])
        return quota

    return split


def _equal(slots: Counts, owner: Counts, num_experts: int, ranks: Topology) -> Callable[[Counts], Counts]:
    """Return what splits a layer's tokens equally over the copies, the first ones getting one more."""
    used = np.flatnonzero(slots >= 0)
    used = used[np.argsort(slots[used], kind="stable")]
    experts = slots[used]
    copies = np.bincount(experts, minlength=num_experts)
    number = np.arange(len(used)) - (np.cumsum(copies) - copies)[experts]

    def split(counts: Counts) -> Counts:
        quota = np.zeros((num_experts, ranks.num_ranks), dtype=np.int64)
        shares = counts[experts] // copies[experts] + (number < counts[experts] % copies[experts])
        np.add.at(quota, (experts, owner[used]), shares)
        return quota

    return split


def _fetched(before: Placement, after: Placement) -> Counts:
    """Return layer, expert, source, destination and slot of each expert that its rank did not have before."""
    owner = np.repeat(np.arange(after.num_ranks), np.diff(after.slot_start))
    experts = int(max(before.physical_to_logical.max(), after.physical_to_logical.max())) + 1
    rows: list[tuple[int, ...]] = []
    for layer, (old, new) in enumerate(zip(before.physical_to_logical, after.physical_to_logical, strict=True)):
        had = np.zeros((after.num_ranks, experts), dtype=bool)
        had[owner[old >= 0], old[old >= 0]] = True
        for slot in np.flatnonzero((new >= 0) & ~had[owner, np.maximum(new, 0)]).tolist():
            sources = np.flatnonzero(had[:, new[slot]])
            rows.append((layer, int(new[slot]), int(sources[0]) if len(sources) else -1, int(owner[slot]), slot))
    return np.array(rows, dtype=np.int64).reshape(-1, 5)


def make_planner(planner: str | Callable[[Counts], Any], setting: Setting, options: dict[str, Any]) -> Planner:
    """Return the planner of a name, or one that asks a function for a plan of each layer's counts."""
    if not callable(planner) and not isinstance(planner, str):
        raise DtypeError(f"`planner` must be a name or a function, got {type(planner).__name__}")
    if options and (callable(planner) or planner == "ep"):
        raise TypeError(f"`planner` takes no options, got {', '.join(options)}")
    if callable(planner):
        return _Home(setting, planner)
    if planner == "ep":
        return _Home(setting, None)
    if planner == "llep":
        return _Home(setting, _Published(setting, **options))
    if planner == "spill":
        ranks = setting.topology.num_ranks
        spiller = Spiller(setting.num_experts, ranks, topology=setting.topology, cost=setting.cost, **options)
        return _Home(setting, spiller.plan)
    if planner in ("eplb", "placement", "split"):
        return _Placed(setting, keep=planner != "eplb", exact=planner == "split", **options)
    raise UnknownNameError(f"`planner` must be one of {', '.join(PLANNERS)}, got {planner!r}")
