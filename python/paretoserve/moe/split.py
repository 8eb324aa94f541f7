"""Split: which of an expert's copies serves which tokens."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve import _native
from paretoserve._arrays import is_cuda
from paretoserve._integers import check_integer, integer_array
from paretoserve.errors import ShapeError
from paretoserve.moe._arguments import as_topology, count_array, plain
from paretoserve.moe.cost import CostModel

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from paretoserve.moe.topology import Topology

    Objective = Literal["tokens", "active", "cost"]

__all__ = ["Split", "Splitter", "split_tokens"]


@dataclass(frozen=True, eq=False)
class Split:
    """Tokens of each copy of each expert in one step.

    Parameters
    ----------
    quota : ndarray of int64, shape (num_experts, most copies)
        Tokens of each copy; the first ``quota[e, 0]`` tokens of an expert in the order of source ranks go to its first
        copy, and so on.
    logical_to_physical : ndarray of int64, shape (num_experts, most copies)
        Slot of each copy, rising; -1 where there is none. Of copies on one rank the first counts.
    loads : ndarray of int64, shape (num_ranks,)
        Tokens of each rank.
    ratio : float
        Largest load over the mean, each for the speed of its rank; 1 if there are no tokens.
    objective : str
        What was made even.
    """

    quota: NDArray[np.int64]
    logical_to_physical: NDArray[np.int64]
    loads: NDArray[np.int64]
    ratio: float
    objective: str

    def explain(self) -> str:
        """Return the objective, the balance and the ranks at its ends.

        Returns
        -------
        str
            One line.
        """
        high, low = int(self.loads.argmax()), int(self.loads.argmin())
        return (
            f"split by {self.objective}: max/mean {self.ratio:.4f}, rank {high} has most tokens ({self.loads[high]}), "
            f"rank {low} fewest ({self.loads[low]}), {int((self.quota > 0).sum())} copies in use"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the split as plain data.

        Returns
        -------
        dict
            Lists and numbers, ready for JSON.
        """
        return {
            "quota": self.quota.tolist(),
            "logical_to_physical": self.logical_to_physical.tolist(),
            "loads": self.loads.tolist(),
            "ratio": self.ratio,
            "objective": self.objective,
        }


class Splitter:
    """Splits steps over the copies of one layer, in memory that is allocated once.

    Parameters
    ----------
    num_experts : int
        Experts of the layer.
    physical_to_logical, num_ranks, objective, cost, slots_per_rank
        As for `split_tokens`.

    Raises
    ------
    ShapeError, DtypeError, ValueError
        As for `split_tokens`.

    Notes
    -----
    Calls from several threads wait for each other.

    Examples
    --------
    >>> splitter = Splitter(2, [0, 1, 0, -1], 2)
    >>> splitter.split([6, 2]).loads
    array([4, 4])
    """

    def __init__(
        self,
        num_experts: int,
        physical_to_logical: ArrayLike,
        num_ranks: int | Topology,
        *,
        objective: Objective = "tokens",
        cost: CostModel | None = None,
        slots_per_rank: ArrayLike | None = None,
    ) -> None:
        ranks = as_topology(num_ranks)
        if objective not in ("tokens", "active", "cost"):
            raise ValueError(f'`objective` must be "tokens", "active" or "cost", got {objective!r}')
        if objective == "cost" and not isinstance(cost, CostModel):
            raise ValueError("`cost` must be a CostModel when the objective is the cost")
        check_integer("num_experts", num_experts, 1, 2**20)
        slots = integer_array("physical_to_logical", physical_to_logical, np.int64, -1, num_experts - 1)
        starts = _slot_starts(len(slots), ranks.num_ranks, slots_per_rank)
        self._native = _native.MoeSplitter(slots, starts, num_experts, ranks.thousandths, ranks.node_size)
        self._objective, self._row = objective, cost._row() if cost and objective == "cost" else None
        self._ranks = ranks
        self._slots = np.empty((num_experts, max(self._native.most(), 1)), dtype=np.int64)
        self._native.slots(self._slots)
        self._slots.setflags(write=False)
        self._tables: Any = None

    def split(self, count: ArrayLike) -> Split:
        """Split one step.

        Parameters
        ----------
        count : array_like, shape (num_experts,) or (num_sources, num_experts), any integer dtype
            Tokens of each expert, over all ranks or per source rank. Not modified. Or a torch.Tensor of int32 or int64.

        Returns
        -------
        Split or DeviceSplit
            The same on every rank that passes the same counts; on the device if they lie on a CUDA device.

        Raises
        ------
        ShapeError, DtypeError, ValueError
            As for `split_tokens`.

        Notes
        -----
        On a CUDA device nothing waits but the first call, which copies what does not change from step to step; those
        after it may be captured into a graph.
        """
        if is_cuda(count):
            cuda = importlib.import_module("paretoserve.moe._cuda")
            if self._tables is None:
                self._tables = cuda.SplitTables(self._native, self._slots, self._ranks, self._objective, self._row)
            return cuda.split(self._tables, count)  # type: ignore[no-any-return]
        counts = plain(count, len(self._slots))
        quota = np.empty_like(self._slots)
        loads = np.empty(self._ranks.num_ranks, dtype=np.int64)
        ratio = self._native.split(quota, loads, counts, self._objective, self._row)
        return Split(quota, self._slots, loads, ratio, self._objective)


def split_tokens(
    count: ArrayLike,
    physical_to_logical: ArrayLike,
    num_ranks: int | Topology,
    *,
    objective: Objective = "tokens",
    cost: CostModel | None = None,
    slots_per_rank: ArrayLike | None = None,
) -> Split:
    """Split the tokens of each expert over its copies so that the slowest rank ends as early as it can.

    Parameters
    ----------
    count : array_like, shape (num_experts,) or (num_sources, num_experts), any integer dtype
        Tokens of each expert, over all ranks or per source rank. Not modified. A torch.Tensor on a CUDA device must be
        int32 or int64.
    physical_to_logical : array_like of int, shape (num_slots,)
        The expert in each slot of one layer, -1 if the slot is empty.
    num_ranks : int or Topology
        Ranks of the group, with speeds and dead ranks if they are not equal.
    objective : {"tokens", "active", "cost"}, default "tokens"
        What is to be even, each for the speed of its rank: tokens (large batches), experts touched (decode), or time
        under `cost`.
    cost : CostModel, optional
        Needed for the objective "cost".
    slots_per_rank : array_like of int, shape (num_ranks,), optional
        Slots that each rank owns, one after another; the same for all by default.

    Returns
    -------
    Split or DeviceSplit
        Whole tokens; rows add up to the counts. Counts on a CUDA device give the split there, without waiting but to
        copy the placement: a `Splitter` copies it once.

    Raises
    ------
    ShapeError
        If an array has the wrong shape, or slots cannot be shared equally and `slots_per_rank` is not given.
    DtypeError
        If an array does not hold integers.
    ValueError
        If a count is negative, there are more than 2^53 tokens, or an expert with tokens has no copy on a rank that is
        alive.

    Notes
    -----
    Objective "tokens": cyclic water-filling on whole tokens, then augmenting chains from the rank that ends last; when
    there is none, the split is optimal (max flow, min cut): the largest load is the optimum of the linear program,
    rounded up when ranks are equal. Objective "active": the same on one unit per expert, so each uses one copy.
    Objective "cost": a local search from both, because fixed charges make it NP-hard. Ties go to lower numbers.

    Examples
    --------
    >>> split = split_tokens([6, 2, 4], [0, 1, 0, 2], 2)
    >>> split.quota.tolist(), split.loads.tolist()
    ([[4, 2], [2, 0], [4, 0]], [6, 6])
    >>> split_tokens([6, 2, 4], [0, 1, 0, 2], 2, objective="active").quota.tolist()
    [[6, 0], [2, 0], [4, 0]]
    """
    rows: Any = count if is_cuda(count) and np.ndim(count) > 0 else count_array(count)
    splitter = Splitter(
        rows.shape[-1], physical_to_logical, num_ranks, objective=objective, cost=cost, slots_per_rank=slots_per_rank
    )
    return splitter.split(rows)


def _slot_starts(num_slots: int, num_ranks: int, slots_per_rank: ArrayLike | None) -> NDArray[np.uint32]:
    if slots_per_rank is None:
        if num_slots % num_ranks:
            hint = "\nhint: say how many each rank owns with `slots_per_rank`"
            raise ShapeError(f"`physical_to_logical` must have a multiple of {num_ranks} slots, got {num_slots}{hint}")
        sizes = np.full(num_ranks, num_slots // num_ranks)
    else:
        sizes = integer_array("slots_per_rank", slots_per_rank, np.int64, 0, num_slots, num_ranks)
        if sizes.sum() != num_slots:
            raise ShapeError(f"`slots_per_rank` must add up to {num_slots} slots, got {int(sizes.sum())}")
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.uint32)
