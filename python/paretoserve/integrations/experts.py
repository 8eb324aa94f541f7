"""Our expert placement inside vLLM's and SGLang's expert-parallel load balancers.

vLLM asks a policy class for the expert of each slot and copies what changed; ours starts from the placement that vLLM
has, so that few experts are copied. SGLang takes a placement from a JSON file at its start.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.integrations._versions import require
from paretoserve.moe.compat import eplb
from paretoserve.moe.placement import Placement, plan_placement
from paretoserve.moe.topology import Topology

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

__all__ = ["TESTED_VLLM", "install_vllm_policy", "vllm_policy", "write_sglang_location"]

TESTED_VLLM = ("0.33", "0.34")
"""Least tested version of vLLM, and the first that was not tested."""


def vllm_policy(*, target: float = 1.02, max_moves: int | None = None, hierarchical: bool = False) -> type:
    """Return a policy class for vLLM's EPLB.

    Parameters
    ----------
    target : float, default 1.02
        Ratio of slowest rank to mean above which a layer is changed, and down to which.
    max_moves : int, optional
        Experts that one rearrangement may copy, in all layers together; no limit by default.
    hierarchical : bool, default False
        Whether the experts of a group stay on one node where vLLM says that groups divide over nodes. Its own policy
        does so always; that is worth its imbalance only if traffic between nodes is what limits.

    Returns
    -------
    type
        A subclass of vLLM's ``AbstractEplbPolicy``.

    Raises
    ------
    ImportError
        If vLLM is missing or is a version this was not tested with.

    Examples
    --------
    >>> vllm_policy(target=1.05)  # doctest: +SKIP
    <class 'paretoserve.integrations.experts.vllm_policy.<locals>.ParetoEplbPolicy'>
    """
    require("vllm", *TESTED_VLLM)
    from vllm.distributed.eplb.policy.abstract import AbstractEplbPolicy

    class ParetoEplbPolicy(AbstractEplbPolicy):  # type: ignore[misc]
        """Few copies from the placement that there is."""

        @classmethod
        def rebalance_experts(
            cls,
            weight: Any,
            num_replicas: int,
            num_groups: int,
            num_nodes: int,
            num_ranks: int,
            old_global_expert_indices: Any = None,
        ) -> Any:
            """Return the expert of each slot."""
            import torch

            old = None if old_global_expert_indices is None else old_global_expert_indices.cpu().numpy()
            groups = num_groups if hierarchical and num_nodes > 1 and num_groups % num_nodes == 0 else None
            sizes = num_replicas, num_nodes, num_ranks
            maps = rebalanced(weight.cpu().numpy(), *sizes, old, groups, target=target, max_moves=max_moves)
            return torch.from_numpy(maps)

    return ParetoEplbPolicy


def rebalanced(
    weight: NDArray[Any],
    num_replicas: int,
    num_nodes: int,
    num_ranks: int,
    old: NDArray[Any] | None,
    groups: int | None,
    *,
    target: float,
    max_moves: int | None,
) -> NDArray[np.int64]:
    """Return the expert of each slot, every slot filled; from `old` if it has the same slots."""
    topology = Topology(num_ranks, ranks_per_node=-(-num_ranks // num_nodes))
    options: dict[str, Any] = {"topology": topology}
    if groups is not None:
        options |= {"groups": groups, "policy": "hierarchical"}
    if old is not None and old.shape == (len(weight), num_replicas):
        options |= {"previous": old, "target": target, "max_moves": max_moves}
        maps = plan_placement(weight, num_replicas, num_ranks, **options).physical_to_logical
        # A second copy on a rank costs nothing where nothing else was worth fetching.
        maps = np.where(maps < 0, old, maps)
    else:
        maps = plan_placement(weight, num_replicas, num_ranks, **options).physical_to_logical
    return eplb.filled(maps, num_ranks, weight.shape[1])[0] if (maps < 0).any() else maps


def install_vllm_policy(*, target: float = 1.02, max_moves: int | None = None, hierarchical: bool = False) -> None:
    """Make vLLM's policy "default", the only one that its options admit, ours.

    To be called in every process of vLLM before its engine is built, for example from a plug-in of the group
    ``vllm.general_plugins``.

    Parameters
    ----------
    target, max_moves, hierarchical
        As for `vllm_policy`.

    Returns
    -------
    None

    Raises
    ------
    ImportError
        If vLLM is missing or is a version this was not tested with.

    Examples
    --------
    >>> install_vllm_policy(max_moves=500)  # doctest: +SKIP
    """
    policy = vllm_policy(target=target, max_moves=max_moves, hierarchical=hierarchical)
    from vllm.distributed.eplb.policy import EPLB_POLICIES

    EPLB_POLICIES["default"] = policy


def write_sglang_location(placement: Placement, path: str | os.PathLike[str]) -> None:
    """Write a placement as the file that SGLang's ``--init-expert-location`` takes.

    Parameters
    ----------
    placement : Placement
        With as many slots on each rank, all of them filled. Its layers are all layers of the model, as SGLang numbers
        them.
    path : path-like
        Ends in ``.json``; overwritten.

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If the placement has an empty slot or ranks of different numbers of slots, or the path another ending.

    Examples
    --------
    >>> import tempfile
    >>> from paretoserve import moe
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_sglang_location(moe.plan_placement([[90, 30, 30, 30]], 6, 3), f"{folder}/experts.json")
    ...     print(Path(folder, "experts.json").read_text())
    {"physical_to_logical_map": [[0, 1, 0, 2, 0, 3]]}
    """
    target = Path(path)
    if target.suffix != ".json":
        raise ValueError(f"`path` must end in .json, which is how SGLang knows the format, got {target.name!r}")
    sizes = np.diff(placement.slot_start)
    if (placement.physical_to_logical < 0).any() or (sizes != sizes[0]).any():
        raise ValueError("`placement` must have as many slots on each rank, all of them filled: SGLang knows no others")
    target.write_text(json.dumps({"physical_to_logical_map": placement.physical_to_logical.tolist()}))
