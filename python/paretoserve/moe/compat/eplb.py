"""DeepSeek's EPLB: its function, with our plan behind it.

The arguments and the three results are those of ``eplb.rebalance_experts``; the balance is ours. No GPU gets an expert
twice, unless it has more slots than there are experts to hold, or the published rule does so and balances better.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._arrays import is_torch, numpy_values, to_library
from paretoserve._integers import check_integer
from paretoserve.moe._counts import ABSENT, layer_loads
from paretoserve.moe.placement import plan_placement
from paretoserve.moe.topology import Topology

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve._arrays import Array

__all__ = ["rebalance_experts"]

_NEAR = 1.001  # where plan_placement is content


def rebalance_experts(
    weight: Array, num_replicas: int, num_groups: int, num_nodes: int, num_gpus: int
) -> tuple[Any, Any, Any]:
    """Choose the copies of each expert and their slots, as EPLB's function of this name does.

    Parameters
    ----------
    weight : ndarray or torch.Tensor, shape (num_layers, num_experts)
        Load of each expert; of any device.
    num_replicas : int
        Slots of all GPUs; divides by `num_gpus`.
    num_groups : int
        Groups of experts. If `num_nodes` divides it, each group stays on one node: EPLB's hierarchical policy.
    num_nodes : int
        Nodes; divides `num_gpus`.
    num_gpus : int
        GPUs.

    Returns
    -------
    physical_to_logical : int64, shape (num_layers, num_replicas)
        Expert of each slot.
    logical_to_physical : int64, shape (num_layers, num_experts, most copies)
        Slots of each expert, then -1.
    count : int64, shape (num_layers, num_experts)
        Copies of each expert. All three are torch tensors on the CPU if `weight` is one, else arrays.

    Raises
    ------
    ShapeError, DtypeError
        If `weight` is no matrix of numbers.
    ValueError
        If a number is out of range or one does not divide another.

    Notes
    -----
    Cost and rule as `moe.plan_placement`. Layers that stay above a ratio of 1.001 are planned by EPLB's own rule, too,
    which may put two copies of an expert on one GPU; the better plan wins.

    Examples
    --------
    >>> import numpy as np
    >>> from paretoserve.moe.compat import eplb
    >>> eplb.rebalance_experts(np.array([[90.0, 30, 30, 30]]), 6, 1, 1, 3)[0]
    array([[0, 1, 0, 2, 0, 3]])
    """
    torch = is_torch(weight)
    values = numpy_values(weight.detach().cpu(), "weight") if torch else np.asarray(weight)  # type: ignore[union-attr]
    gpus = check_integer("num_gpus", num_gpus, 1, 2**16)
    nodes = check_integer("num_nodes", num_nodes, 1, gpus)
    groups = check_integer("num_groups", num_groups, 1, 2**20)
    replicas = check_integer("num_replicas", num_replicas, 1, 2**24)
    if replicas % gpus or gpus % nodes:
        raise ValueError(
            f"`num_gpus` must divide `num_replicas` and be a multiple of `num_nodes`, got {gpus}, {replicas}, {nodes}"
        )
    loads = layer_loads("weight", values)
    experts = loads.shape[1]
    if replicas < experts:
        raise ValueError(f"`num_replicas` must be at least the {experts} experts, got {replicas}")
    options: dict[str, Any] = {}
    if groups % nodes == 0 and nodes > 1:
        if experts % groups:
            raise ValueError(f"`num_groups` must divide the {experts} experts, got {groups}")
        options = {"policy": "hierarchical", "groups": groups, "topology": Topology(gpus, ranks_per_node=gpus // nodes)}
    placement = plan_placement(values, replicas, gpus, **options)
    maps = placement.physical_to_logical, placement.logical_to_physical, placement.replica_count
    if (maps[0] < 0).any():
        maps = filled(maps[0], gpus, experts)
    above = np.flatnonzero((placement.ratio > _NEAR) & (loads < ABSENT).all(axis=1))
    if len(above):
        weights = np.asarray(values, dtype=np.float64)[above]
        theirs = published(weights, replicas, groups if options else 1, nodes if options else 1, gpus)
        better = _fullest(weights, theirs, gpus) < _fullest(weights, maps[0][above], gpus) * (1 - 1e-12)
        if better.any():
            maps[0][above[better]] = theirs[better]
            maps = tables(maps[0], experts)
    first, second, third = (to_library(array, torch=torch, dtype="int64") for array in maps)
    return first, second, third


def published(
    weights: NDArray[np.float64], num_replicas: int, num_groups: int, num_nodes: int, num_gpus: int
) -> NDArray[np.int64]:
    """Return the expert of each slot by EPLB's rule: groups to nodes, copies to the most loaded, copies to GPUs."""
    layers, experts = weights.shape
    own, slots = experts // num_nodes, num_replicas // num_nodes
    grouped = weights.reshape(layers, num_groups, -1).sum(axis=2)
    node_of = _packed(grouped, num_nodes).repeat(experts // num_groups, axis=1)
    held = np.argsort(node_of, axis=1, kind="stable").reshape(-1, own)
    loads = np.take_along_axis(weights, held.reshape(layers, -1), axis=1).reshape(-1, own)
    rows, copies = np.arange(len(loads)), np.ones(loads.shape, dtype=np.int64)
    for _ in range(slots - own):
        copies[rows, (loads / copies).argmax(axis=1)] += 1
    local = np.tile(np.arange(own), len(rows)).repeat(copies.ravel()).reshape(-1, slots)
    shares = np.take_along_axis(loads / copies, local, axis=1)
    order = np.argsort(_packed(shares, num_gpus // num_nodes), axis=1, kind="stable")
    return np.take_along_axis(held, np.take_along_axis(local, order, axis=1), axis=1).reshape(layers, -1)


def _packed(weights: NDArray[np.float64], packs: int) -> NDArray[np.int64]:
    """Return the pack of each item: heaviest first, each to the lightest pack that has not its share of items yet."""
    rows, items = np.arange(len(weights)), weights.shape[1]
    load, count = np.zeros((len(rows), packs)), np.zeros((len(rows), packs), dtype=np.int64)
    pack_of = np.empty(weights.shape, dtype=np.int64)
    for item in np.argsort(-weights, axis=1, kind="stable").T:
        pack = np.where(count < items // packs, load, np.inf).argmin(axis=1)
        pack_of[rows, item] = pack
        load[rows, pack] += weights[rows, item]
        count[rows, pack] += 1
    return pack_of


def _fullest(weights: NDArray[np.float64], maps: NDArray[np.int64], num_gpus: int) -> NDArray[np.float64]:
    """Return the largest load of a GPU in each layer, if the copies of an expert share its load equally."""
    copies = np.stack([np.bincount(row, minlength=weights.shape[1]) for row in maps])
    shares = np.take_along_axis(weights / copies, maps, axis=1)
    fullest: NDArray[np.float64] = shares.reshape(len(maps), num_gpus, -1).sum(axis=2).max(axis=1)
    return fullest


def filled(
    maps: NDArray[np.int64], num_gpus: int, num_experts: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the three maps with second copies in slots that could hold nothing else.

    Every GPU then holds all experts of its node, so that the same repetition on each keeps the balance.
    """
    layers, slots = maps.shape
    ranks = np.sort(np.where(maps < 0, num_experts, maps).reshape(layers, num_gpus, -1), axis=2)
    held = (ranks < num_experts).sum(axis=2, keepdims=True)
    return tables(
        np.take_along_axis(ranks, np.arange(ranks.shape[2]) % held, axis=2).reshape(layers, slots), num_experts
    )


def tables(full: NDArray[np.int64], num_experts: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the three maps of a placement that fills every slot."""
    layers, slots = full.shape
    counts = np.stack([np.bincount(row, minlength=num_experts) for row in full])
    table = np.full((layers, num_experts, int(counts.max())), -1, dtype=np.int64)
    for layer, row in enumerate(full):
        order = np.argsort(row, kind="stable")
        starts = np.concatenate([[0], np.cumsum(counts[layer])[:-1]])
        table[layer, row[order], np.arange(slots) - starts[row[order]]] = order
    return full, table, counts
