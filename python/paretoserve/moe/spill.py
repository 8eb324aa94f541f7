"""Spill: tokens of overloaded ranks go to idle ones with the weights they need, when that saves time."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve import _native
from paretoserve._arrays import is_cuda
from paretoserve._integers import check_integer
from paretoserve.moe._arguments import (
    MOST_TOKENS,
    as_topology,
    count_array,
    home_array,
    per_rank_limit,
    plain_copy,
    tolerance_millionths,
)
from paretoserve.moe.cost import CostModel
from paretoserve.moe.spill_plan import SpillPlan

if TYPE_CHECKING:
    import torch
    from numpy.typing import ArrayLike

    from paretoserve.moe.device_plan import DeviceSpillPlan
    from paretoserve.moe.topology import Topology

__all__ = ["Spiller", "plan_spill"]

_UNLIMITED = 2**32 - 1
# What "auto" means when there is nothing to weigh transfers with: a third of the transfers of exact balance.
_AUTO = 50_000


class Spiller:
    """Plans spills of one shape of layer, step after step, in memory that is allocated once.

    Parameters
    ----------
    num_experts : int
        Experts of the layer.
    num_ranks : int or Topology
        Ranks of the group.
    home, topology, cost, tolerance, min_tokens, max_foreign, max_in, max_out, fanout
        As for `plan_spill`.

    Raises
    ------
    ShapeError, DtypeError, ValueError
        As for `plan_spill`.

    Notes
    -----
    Calls from several threads wait for each other.

    Examples
    --------
    >>> spiller = Spiller(4, 2, tolerance=0.0)
    >>> spiller.plan(np.array([6, 2, 1, 1])).loads
    array([5, 5])
    """

    def __init__(
        self,
        num_experts: int,
        num_ranks: int | Topology,
        *,
        home: ArrayLike | None = None,
        topology: Topology | None = None,
        cost: CostModel | None = None,
        tolerance: float | Literal["auto"] = "auto",
        min_tokens: int = 1,
        max_foreign: ArrayLike | None = None,
        max_in: int | None = None,
        max_out: int | None = None,
        fanout: Literal["direct", "relay"] = "direct",
    ) -> None:
        ranks = as_topology(num_ranks, topology)
        if cost is not None and not isinstance(cost, CostModel):
            raise TypeError(f"`cost` must be a CostModel, got {type(cost).__name__}")
        if fanout not in ("direct", "relay"):
            raise ValueError(f'`fanout` must be "direct" or "relay", got {fanout!r}')
        if isinstance(tolerance, str) and tolerance == "auto":
            millionths = None if cost else _AUTO
        else:
            millionths = tolerance_millionths(tolerance)
        self._home = home_array(home, num_experts, ranks.num_ranks)
        self._home.setflags(write=False)
        self._max_foreign = per_rank_limit("max_foreign", max_foreign, ranks.num_ranks)
        self._num_experts = num_experts
        self._rows = num_experts + ranks.num_ranks
        self._num_ranks = ranks.num_ranks
        smallest = check_integer("min_tokens", min_tokens, 1, MOST_TOKENS)
        most_in, most_out = _limit("max_in", max_in), _limit("max_out", max_out)
        relay, row = fanout == "relay", cost._row() if cost else None
        self._native = _native.MoeSpiller(
            self._home,
            ranks.thousandths,
            ranks.node_size,
            millionths,
            smallest,
            self._max_foreign,
            most_in,
            most_out,
            relay,
            row,
        )
        self._timed, self._ranks = cost is not None, ranks
        self._options = millionths, (most_in, most_out, smallest, self._native.most_tokens()), relay, row
        self._tables: Any = None

    def plan(self, count: ArrayLike) -> SpillPlan:
        """Decide what moves in one step.

        Parameters
        ----------
        count : array_like, shape (num_experts,) or (num_sources, num_experts), any integer dtype
            Tokens of each expert, over all ranks or per source rank. Not modified. Or a torch.Tensor of int32 or int64.

        Returns
        -------
        SpillPlan or DeviceSpillPlan
            The same on every rank that passes the same counts; on the device if they lie on a CUDA device.

        Raises
        ------
        ShapeError, DtypeError, ValueError
            As for `plan_spill`.

        Notes
        -----
        On a CUDA device nothing waits but the first call, which copies what does not change from step to step; those
        after it may be captured into a graph.
        """
        if is_cuda(count):
            return self._on_device(count)  # type: ignore[return-value,arg-type]
        # A copy: the plan must not change with the buffer of the next step.
        counts = plain_copy(count, self._num_experts)
        rows = np.empty((self._rows, 5), dtype=np.int64)
        loads = np.empty(self._num_ranks, dtype=np.int64)
        found, kind, number, before, after, ratio = self._native.plan(rows, loads, counts)
        rows = rows[:found].copy()
        before_ns, after_ns = (before / 1000, after / 1000) if self._timed else (None, None)
        decision = (kind, number)
        return SpillPlan(rows[:, :4], rows[:, 4], loads, ratio, before_ns, after_ns, decision, counts, self._home)

    def _on_device(self, count: torch.Tensor) -> DeviceSpillPlan:
        cuda = importlib.import_module("paretoserve.moe._cuda")
        if self._tables is None:
            self._tables = cuda.SpillTables(self._home, self._ranks, self._max_foreign, self._options)
        plan: DeviceSpillPlan = cuda.plan(self._tables, count)
        return plan


def plan_spill(
    count: ArrayLike,
    num_ranks: int | Topology,
    *,
    home: ArrayLike | None = None,
    topology: Topology | None = None,
    cost: CostModel | None = None,
    tolerance: float | Literal["auto"] = "auto",
    min_tokens: int = 1,
    max_foreign: ArrayLike | None = None,
    max_in: int | None = None,
    max_out: int | None = None,
    fanout: Literal["direct", "relay"] = "direct",
) -> SpillPlan:
    """Move tokens of overloaded ranks, and the weights they need, to idle ranks for one step.

    Parameters
    ----------
    count : array_like, shape (num_experts,) or (num_sources, num_experts), any integer dtype
        Tokens of each expert, over all ranks or per source rank. Not modified. A torch.Tensor on a CUDA device must be
        int32 or int64.
    num_ranks : int or Topology
        Ranks of the group.
    home : array_like of int, shape (num_experts,), optional
        The rank that keeps each expert; by default contiguous blocks, the remainder on the first ranks.
    topology : Topology, optional
        Speeds, nodes and dead ranks; equal ranks on one node by default.
    cost : CostModel, optional
        What steps cost. With it a plan is never slower than moving nothing, or nothing moves.
    tolerance : float or "auto", default "auto"
        How far above its share of the tokens a rank may stay: 0 is exact balance (the mean rounded up). "auto" takes
        the one of 0, 1, 2, 5, 10, 20 and 50 % whose plan the cost model likes best; without a cost model 5 %.
    min_tokens : int, default 1
        Smaller pieces stay at home.
    max_foreign : int or array_like of int, shape (num_ranks,), optional
        Foreign experts that a rank has room for.
    max_in, max_out : int, optional
        Most transfers that a rank receives and sends.
    fanout : {"direct", "relay"}, default "direct"
        Whether weights come from the home only, or ranks that have them may pass them on.

    Returns
    -------
    SpillPlan or DeviceSpillPlan
        Transfers, loads, times and the reason; `quota` has the tokens of each expert on each rank. Counts on a CUDA
        device give the plan there, without waiting but to copy the arguments: a `Spiller` copies them once.

    Raises
    ------
    ShapeError
        If an array has the wrong shape.
    DtypeError
        If counts are no integers.
    ValueError
        If a count is negative, there are more than 2^53 tokens, an expert with tokens has a dead home, or an option is
        out of range.

    Notes
    -----
    Least-loaded assignment (arXiv 2601.17111) with merged pieces, in several orders, on integers with ties broken by
    number: every rank that plans from the same counts gets the same plan. Moving weights without end costs more than
    imbalance: exact balance on 64 ranks takes about 60 transfers, 5 % about 20. O(n (r + p)) for n transfers, r ranks
    above and p below their share, times the number of tolerances.

    Examples
    --------
    >>> plan = plan_spill([900, 100, 100, 100], 4, tolerance=0.0)
    >>> plan.transfers.tolist(), plan.loads.tolist()
    ([[0, 0, 1, 0], [0, 0, 2, 0], [0, 0, 3, 0]], [300, 300, 300, 300])
    >>> cost = CostModel(token_ns=98, expert_ns=13_000, transfer_ns=119_000)
    >>> print(plan_spill([900, 100, 100, 100], 4, cost=cost).explain())
    no-op: the best plan takes 285.3 us, doing nothing 88.2 us
    """
    rows: Any = count if is_cuda(count) and np.ndim(count) > 0 else count_array(count)
    spiller = Spiller(
        rows.shape[-1],
        num_ranks,
        home=home,
        topology=topology,
        cost=cost,
        tolerance=tolerance,
        min_tokens=min_tokens,
        max_foreign=max_foreign,
        max_in=max_in,
        max_out=max_out,
        fanout=fanout,
    )
    return spiller.plan(rows)


def _limit(argument: str, limit: int | None) -> int:
    return _UNLIMITED if limit is None else check_integer(argument, limit, 0, _UNLIMITED)
