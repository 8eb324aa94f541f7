"""Which copy of each expert sits in which slot, and what has to be copied to get there from another placement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve import _native
from paretoserve._arrays import is_torch, numpy_values
from paretoserve._integers import BITS_63, check_integer, integer_array, shown
from paretoserve.errors import ShapeError
from paretoserve.moe._arguments import as_topology
from paretoserve.moe._counts import layer_loads

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from paretoserve.moe.topology import Topology

__all__ = ["Placement", "plan_placement"]

_MOST_SLOTS = 2**24
_MOST_TARGET = 1e6
_MOST_BYTES = 2**53


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where the copies of each layer's experts are.

    Rank r owns the slots ``slot_start[r]`` to ``slot_start[r + 1]`` of every layer; a slot's number is its physical id.

    Attributes
    ----------
    physical_to_logical : ndarray of int64, shape (num_layers, num_slots)
        Expert of each slot, -1 if it is empty.
    logical_to_physical : ndarray of int64, shape (num_layers, num_experts, most_copies)
        Slots of each expert in ascending order, then -1.
    replica_count : ndarray of int64, shape (num_layers, num_experts)
        Copies of each expert; 0 only where the layer does not have it.
    slot_start : ndarray of int64, shape (num_ranks + 1,)
        First slot of each rank.
    moves : ndarray of int64, shape (num_moves, 5)
        What to copy, if there was a previous placement: layer, expert, source rank, destination rank, slot. The source
        is -1 if no rank that is alive has the expert.
    ratio : ndarray of float64, shape (num_layers,)
        Time of the slowest rank over that of a perfect balance, if the copies of an expert share its load equally.
    """

    physical_to_logical: NDArray[np.int64]
    logical_to_physical: NDArray[np.int64]
    replica_count: NDArray[np.int64]
    slot_start: NDArray[np.int64]
    moves: NDArray[np.int64]
    ratio: NDArray[np.float64]

    @property
    def num_ranks(self) -> int:
        """Ranks of the group, dead ones included."""
        return len(self.slot_start) - 1

    def layer(self, index: int) -> NDArray[np.int64]:
        """Return the expert of each slot of one layer: what `split_tokens` and `remap_topk` take."""
        row: NDArray[np.int64] = self.physical_to_logical[index]
        return row

    def explain(self) -> str:
        """Return in words how balanced the layers are, and what has to be moved."""
        layers, slots = self.physical_to_logical.shape
        worst = int(self.ratio.argmax())
        lines = [
            f"{layers} layers, {slots} slots on {self.num_ranks} ranks",
            f"slowest rank over mean: {self.ratio.mean():.4f}, at most {self.ratio[worst]:.4f} (layer {worst})",
            f"copies of an expert: up to {int(self.replica_count.max())}",
        ]
        if len(self.moves):
            share = len(self.moves) / (layers * slots)
            lines.append(f"moves: {len(self.moves)}, {share:.1%} of the slots")
            lost = int((self.moves[:, 2] < 0).sum())
            lines += [f"of them without a source among the ranks: {lost}"] * bool(lost)
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as lists, for JSON."""
        return {name: getattr(self, name).tolist() for name in self.__slots__}


def plan_placement(
    load: ArrayLike,
    num_slots: ArrayLike,
    num_ranks: int | Topology,
    *,
    topology: Topology | None = None,
    previous: Placement | ArrayLike | None = None,
    max_moves: int | None = None,
    target: float | None = None,
    groups: int | None = None,
    policy: Literal["global", "hierarchical"] = "global",
    size: ArrayLike | None = None,
    capacity: ArrayLike | None = None,
    threads: int | None = None,
) -> Placement:
    """Choose how many copies each expert gets and on which rank each of them is.

    Parameters
    ----------
    load : array_like, shape (num_layers, num_experts), or a list of vectors
        Tokens of each expert: integers, or floats such as moving averages. -1 where a layer has no such expert.
    num_slots : int or array_like of int, shape (num_ranks,)
        Slots of all ranks together, the first ranks having one more if they do not divide; or of each rank.
    num_ranks : int or Topology
        Ranks of the group, dead ones included.
    topology : Topology, optional
        Speeds, nodes, and which ranks are dead; equal ranks on one node by default. A dead rank keeps its slot numbers
        and gets nothing.
    previous : Placement or array_like of int, shape (num_layers, num_slots), optional
        The expert of each slot now, -1 if none: copies stay where they are unless `target` cannot be met so. What is on
        dead ranks is lost. Of two copies on one rank the second is given up.
    max_moves : int, optional
        Copies that may be fetched from `previous`, in all layers together: they go where they take most tokens off the
        slowest ranks. No limit by default.
    target : float, optional
        Ratio of each layer that is good enough, at least 1. By default 1.02 from a previous placement and 1.001 from
        nothing; what is reached may be worse. With "hierarchical", of each node.
    groups : int, optional
        Groups of consecutive experts, for "hierarchical"; divides the number of experts.
    policy : {"global", "hierarchical"}, default "global"
        Whether copies may be anywhere, or those of a group on one node only, because the router sends a token to few
        groups. That costs balance, and fails for hot experts. A previous placement keeps its groups on their nodes.
    size : array_like of int, shape (num_experts,) or (num_layers, num_experts), optional
        What a copy of each expert takes, for example bytes; nothing but a slot by default.
    capacity : int or array_like of int, shape (num_ranks,), optional
        What each rank has for the copies of one layer, in units of `size`; given with it.
    threads : int, optional
        How many to use; by default as many as the work is worth. The result does not depend on it.

    Returns
    -------
    Placement
        No rank has two copies of an expert.

    Raises
    ------
    ShapeError, DtypeError
        If an array does not have its shape or does not hold numbers.
    ValueError
        If a number is out of range, a layer has more experts than the ranks that are alive have slots, an expert finds
        no rank with room for its size, or more experts are lost with dead ranks than `max_moves`; the message names
        the limit.

    Notes
    -----
    From nothing: every further copy goes to the expert whose copies carry most; then the copies go, from heavy to
    light, to the rank that is done first with them; then the slowest rank swaps experts with fast ones. That is
    O(n log n) for n slots. At last a few steps of the kind below help where swaps do not. Slots stay empty only where a
    rank already has every expert, or where any copy would be too much for a rank that is slower than others.

    From a previous placement: the slowest rank above the target gives load away, by a swap with another rank or a
    further copy of one of its experts in place of a copy that others have, whichever saves most time above the target
    per copy fetched; O(n s) per step for s slots per rank. A layer that meets the target is left as it is.

    With sizes, the first copies go largest first (best fit decreasing if need be), then further copies where they fit.
    A message that one does not fit is no proof that no packing exists.

    Ties go to fewer copies, then to lower numbers; all is computed with integers.

    Graham, "Bounds on multiprocessing timing anomalies", 1969 (the packing); DeepSeek-AI, EPLB, 2025 (the rule).

    Examples
    --------
    >>> placement = plan_placement([[90, 30, 30, 30]], 6, 3)
    >>> placement.physical_to_logical
    array([[0, 1, 0, 2, 0, 3]])
    >>> placement.ratio
    array([1.])

    The load has shifted: one copy is fetched, of expert 1 by rank 1, and expert 0 keeps two.

    >>> later = plan_placement([[60, 60, 30, 30]], 6, 3, previous=placement)
    >>> later.moves
    array([[0, 1, 0, 1, 2]])
    """
    topology = as_topology(num_ranks, topology)
    num_ranks = topology.num_ranks
    loads = layer_loads("load", load)
    start = _slot_start(num_slots, num_ranks)
    layers, experts = loads.shape
    placed = np.empty((layers, start[-1]), dtype=np.int64)
    copies = np.empty((layers, experts), dtype=np.int64)
    ratio = np.empty(layers)
    if threads is not None:
        threads = check_integer("threads", threads, 1, 2**16)
    before = None if previous is None else _previous_map(previous, placed.shape, experts)
    goal = _millionths(target, 1.001 if before is None else 1.02)
    if max_moves is not None:
        max_moves = check_integer("max_moves", max_moves, 0, BITS_63)
        if before is None:
            raise ValueError("`max_moves` needs `previous`, a placement from which to move")
    if policy not in ("global", "hierarchical"):
        raise ValueError(f'`policy` must be "global" or "hierarchical", got {shown(policy)}')
    if (policy == "hierarchical") != (groups is not None):
        raise ValueError(f'`groups` and `policy="hierarchical"` go together, got {shown(groups)} and "{policy}"')
    if groups is not None:
        groups = check_integer("groups", groups, 1, experts)
    sizes, memory = _memory(size, capacity, loads.shape, num_ranks)
    group = topology.thousandths, topology.node_size
    width = _native.moe_placement(
        placed, copies, ratio, loads, start, *group, before, goal, max_moves, groups, sizes, memory, threads
    )
    slots = np.empty((layers, experts, width), dtype=np.int64)
    moves = _native.moe_placement_maps(slots, placed, before, layers, width, start, *group)
    return Placement(placed, slots, copies, start, np.array(moves, dtype=np.int64).reshape(-1, 5), ratio)


def _slot_start(num_slots: ArrayLike, num_ranks: int) -> NDArray[np.int64]:
    """Return the first slot of each rank, and the number of slots."""
    if np.ndim(num_slots) == 0:
        total = check_integer("num_slots", num_slots, 1, _MOST_SLOTS)
        ranks = np.arange(num_ranks + 1)
        return ranks * (total // num_ranks) + np.minimum(ranks, total % num_ranks)
    each = integer_array("num_slots", num_slots, np.int64, 0, _MOST_SLOTS, num_ranks)
    if each.sum() > _MOST_SLOTS:
        raise ValueError(f"`num_slots` must sum to at most {_MOST_SLOTS}, got {each.sum()}")
    return np.concatenate([[0], np.cumsum(each)])


def _previous_map(previous: Placement | ArrayLike, shape: tuple[int, ...], num_experts: int) -> NDArray[np.int64]:
    """Return the expert of each slot before, checked."""
    values = previous.physical_to_logical if isinstance(previous, Placement) else previous
    array = numpy_values(values, "previous") if is_torch(values) else np.asarray(values)  # type: ignore[arg-type]
    if array.shape != shape:
        raise ShapeError(f"`previous` must have shape {shape}, a slot in each column, got {array.shape}")
    flat = integer_array("previous", array.reshape(-1), np.int64, -1, num_experts - 1)
    return flat.reshape(shape)


def _millionths(target: float | None, default: float) -> int:
    value = default if target is None else target
    real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not real or not 1 <= value <= _MOST_TARGET:
        raise ValueError(f"`target` must be a number from 1 to {_MOST_TARGET:g}, got {shown(value)}")
    return round(float(value) * 1e6)


def _memory(
    size: ArrayLike | None, capacity: ArrayLike | None, shape: tuple[int, int], num_ranks: int
) -> tuple[NDArray[np.uint64] | None, NDArray[np.int64]]:
    """Return the size of each expert in each layer, and the capacity of each rank."""
    if (size is None) != (capacity is None):
        raise ValueError("`size` and `capacity` must be given together, got one of them")
    if size is None or capacity is None:
        return None, np.empty(0, dtype=np.int64)
    sizes = np.asarray(size)
    if sizes.shape not in (shape, shape[1:]):
        raise ShapeError(f"`size` must have shape {shape[1:]} or {shape}, got {sizes.shape}")
    flat = integer_array("size", np.broadcast_to(sizes, shape).reshape(-1), np.uint64, 0, _MOST_BYTES)
    if np.ndim(capacity) == 0:
        capacity = np.full(num_ranks, check_integer("capacity", capacity, 0, _MOST_BYTES))
    return flat, integer_array("capacity", capacity, np.int64, 0, _MOST_BYTES, num_ranks)
