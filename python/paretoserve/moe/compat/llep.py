"""Least-loaded expert parallelism as published (arXiv 2601.17111), its faults repaired one by one or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from paretoserve import _native
from paretoserve._integers import check_integer, shown
from paretoserve.errors import ShapeError, UnknownNameError
from paretoserve.moe._arguments import MOST_TOKENS, count_array

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import ArrayLike, NDArray

__all__ = ["LlepPlan", "WeightTransfer", "compute_plan"]

_REPAIRS = ("merge", "keep_home", "min_piece")


class WeightTransfer(NamedTuple):
    """Weights of an expert that go to another rank, with the range of its tokens that is computed there."""

    expert_id: int
    src_rank: int
    dst_rank: int
    token_start: int
    token_end: int


@dataclass(frozen=True, eq=False)
class LlepPlan:
    """What the rule decides, under the names of its authors.

    Parameters
    ----------
    lpt_plan : dict of int to list of (rank, first token, end)
        Where the tokens of each expert go, in the order of source ranks.
    weight_transfers : list of WeightTransfer
        One per expert and rank that is not its home.
    gpu_loads : ndarray of int64, shape (ep_size,)
        Tokens of each rank.
    weights_to_send, weights_to_receive : list of (expert, rank)
        The share of `ep_rank`.
    repairs : dict of str to int
        How often each repair changed something.
    """

    lpt_plan: dict[int, list[tuple[int, int, int]]]
    weight_transfers: list[WeightTransfer]
    gpu_loads: NDArray[np.int64]
    weights_to_send: list[tuple[int, int]]
    weights_to_receive: list[tuple[int, int]]
    repairs: dict[str, int]


def compute_plan(
    counts: ArrayLike,
    ep_size: int,
    ep_rank: int,
    num_local_experts: int,
    max_tokens_factor: float = 1.0,
    min_tokens_per_gemm: int = 1024,
    *,
    repairs: Collection[str] = _REPAIRS,
) -> LlepPlan:
    """Plan one step by the rule of least-loaded expert parallelism.

    Parameters
    ----------
    counts : array_like, shape (ep_size * num_local_experts,), any integer dtype
        Tokens of each expert over all ranks. Not modified.
    ep_size, ep_rank : int
        Ranks of the group, and the one whose sends and receives are listed.
    num_local_experts : int
        Experts per rank; rank `r` is the home of those from ``r * num_local_experts`` on.
    max_tokens_factor : float, default 1.0
        Capacity of a rank over the mean, both cut to whole tokens.
    min_tokens_per_gemm : int, default 1024
        Least size of a piece, unless it is the last of its expert.
    repairs : collection of {"merge", "keep_home", "min_piece"}, default all
        "merge": a rank that gets an expert twice gets one piece. "keep_home": what would be forced on another rank
        stays at home when that leaves the fuller of the two less full. "min_piece": the least piece is at most the
        capacity. Empty: the published code's rule.

    Returns
    -------
    LlepPlan

    Raises
    ------
    ShapeError, DtypeError, ValueError
        As for `plan_spill`, and if counts do not fit the ranks or a number is out of range.
    UnknownNameError
        If a repair is not known.

    Notes
    -----
    The published code forces what nobody may take on one rank: with pieces of at least 1024 tokens and few tokens per
    rank all excess lands there. Use `plan_spill` for plans; this is what to compare with.

    Examples
    --------
    >>> compute_plan([100, 0, 0, 0], 4, 0, 1).gpu_loads
    array([25, 25, 25, 25])
    >>> compute_plan([100, 0, 0, 0], 4, 0, 1, repairs=()).gpu_loads
    array([25, 75,  0,  0])
    """
    for name in repairs:
        if name not in _REPAIRS:
            raise UnknownNameError(f"`repairs` must be of {', '.join(_REPAIRS)}, got {name!r}")
    size = check_integer("ep_size", ep_size, 1, 2**16)
    local = check_integer("num_local_experts", num_local_experts, 1, 2**20)
    rank = check_integer("ep_rank", ep_rank, 0, size - 1)
    tokens = count_array(counts, argument="counts")
    if tokens.shape != (size * local,):
        raise ShapeError(f"`counts` must have shape ({size * local},), got {tokens.shape}")
    is_number = isinstance(max_tokens_factor, int | float) and not isinstance(max_tokens_factor, bool)
    if not is_number or not 0 < max_tokens_factor <= size:
        raise ValueError(f"`max_tokens_factor` must be above 0 and at most {size}, got {shown(max_tokens_factor)}")
    minimum = check_integer("min_tokens_per_gemm", min_tokens_per_gemm, 0, MOST_TOKENS)
    total = int(tokens.sum())
    if total > MOST_TOKENS:
        raise ValueError(f"`counts` must sum to at most {MOST_TOKENS}, got {total}")
    mean = total // size
    capacity = max(int(max_tokens_factor * mean) if mean else total, 1)
    loads = np.empty(size, dtype=np.uint64)
    ranges, changed = _native.moe_llep(
        loads, tokens.astype(np.uint64), local, capacity, minimum, *(name in repairs for name in _REPAIRS)
    )
    plan: dict[int, list[tuple[int, int, int]]] = {}
    for expert, where, start, end in ranges:
        plan.setdefault(expert, []).append((where, start, end))
    moved = [
        WeightTransfer(expert, expert // local, where, start, end)
        for expert, where, start, end in ranges
        if where != expert // local
    ]
    return LlepPlan(
        plan,
        moved,
        loads.astype(np.int64),
        [(each.expert_id, each.dst_rank) for each in moved if each.src_rank == rank],
        [(each.expert_id, each.src_rank) for each in moved if each.dst_rank == rank],
        dict(zip(_REPAIRS, changed, strict=True)),
    )
