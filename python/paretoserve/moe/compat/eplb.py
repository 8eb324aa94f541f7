"""DeepSeek's EPLB: its function, with our plan behind it.

The arguments and the three results are those of ``eplb.rebalance_experts``; the balance is ours. No rank gets an
expert twice, unless it has more slots than there are experts to hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._arrays import is_torch, to_library
from paretoserve._integers import check_integer
from paretoserve.moe.placement import plan_placement
from paretoserve.moe.topology import Topology

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve._arrays import Array

__all__ = ["rebalance_experts"]


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
    Cost and rule as `moe.plan_placement`.

    Examples
    --------
    >>> import numpy as np
    >>> from paretoserve.moe.compat import eplb
    >>> eplb.rebalance_experts(np.array([[90.0, 30, 30, 30]]), 6, 1, 1, 3)[0]
    array([[0, 1, 0, 2, 0, 3]])
    """
    torch = is_torch(weight)
    values = weight.detach().cpu() if torch else np.asarray(weight)  # type: ignore[union-attr]
    gpus = check_integer("num_gpus", num_gpus, 1, 2**16)
    nodes = check_integer("num_nodes", num_nodes, 1, gpus)
    groups = check_integer("num_groups", num_groups, 1, 2**20)
    replicas = check_integer("num_replicas", num_replicas, 1, 2**24)
    if replicas % gpus or gpus % nodes:
        raise ValueError(
            f"`num_gpus` must divide `num_replicas` and be a multiple of `num_nodes`, got {gpus}, {replicas}, {nodes}"
        )
    options: dict[str, Any] = {}
    if groups % nodes == 0 and nodes > 1:
        options = {"policy": "hierarchical", "groups": groups, "topology": Topology(gpus, ranks_per_node=gpus // nodes)}
    placement = plan_placement(values, replicas, gpus, **options)
    maps = placement.physical_to_logical, placement.logical_to_physical, placement.replica_count
    if (maps[0] < 0).any():
        maps = filled(maps[0], gpus, maps[2].shape[1])
    first, second, third = (to_library(array, torch=torch, dtype="int64") for array in maps)
    return first, second, third


def filled(
    maps: NDArray[np.int64], num_gpus: int, num_experts: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the three maps with second copies in slots that could hold nothing else.

    Every GPU then holds all experts of its node, so that the same repetition on each keeps the balance.
    """
    layers, slots = maps.shape
    ranks = np.sort(np.where(maps < 0, num_experts, maps).reshape(layers, num_gpus, -1), axis=2)
    held = (ranks < num_experts).sum(axis=2, keepdims=True)
    full = np.take_along_axis(ranks, np.arange(ranks.shape[2]) % held, axis=2).reshape(layers, slots)
    counts = np.stack([np.bincount(row, minlength=num_experts) for row in full])
    table = np.full((layers, num_experts, int(counts.max())), -1, dtype=np.int64)
    for layer, row in enumerate(full):
        order = np.argsort(row, kind="stable")
        starts = np.concatenate([[0], np.cumsum(counts[layer])[:-1]])
        table[layer, row[order], np.arange(slots) - starts[row[order]]] = order
    return full, table, counts
