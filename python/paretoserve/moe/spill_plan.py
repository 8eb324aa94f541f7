"""The result of `plan_spill`: what moves, why, and what it is worth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SpillPlan"]


@dataclass(frozen=True, eq=False)
class SpillPlan:
    """Which weights and tokens leave their rank in one step.

    The tokens of an expert, in the order of source ranks, go to ranks in rank order: rank `r` computes those from
    ``quota[e, :r].sum()`` up to ``quota[e, :r + 1].sum()``.

    Parameters
    ----------
    transfers : ndarray of int64, shape (n, 4)
        Expert, source rank, destination rank, and which of the foreign experts there it is. A source has the weights:
        it is the expert's home or the destination of an earlier row.
    tokens : ndarray of int64, shape (n,)
        Tokens of the expert that are computed at the destination.
    loads : ndarray of int64, shape (num_ranks,)
        Tokens of each rank.
    ratio : float
        Largest load over the mean, each for the speed of its rank; 1 if there are no tokens.
    before_ns, after_ns : float or None
        Time of the step when nothing moves and with the plan; None without a cost model.
    decision : tuple of str and int
        Kind of the reason, and its number.
    count : ndarray of int64, shape (num_experts,) or (num_sources, num_experts)
        What the plan is for.
    home : ndarray of uint32, shape (num_experts,)
        The rank that keeps each expert.
    """

    transfers: NDArray[np.int64]
    tokens: NDArray[np.int64]
    loads: NDArray[np.int64]
    ratio: float
    before_ns: float | None
    after_ns: float | None
    decision: tuple[str, int]
    count: NDArray[np.int64]
    home: NDArray[np.uint32]

    @cached_property
    def quota(self) -> NDArray[np.int64]:
        """Tokens of each expert on each rank, shape (num_experts, num_ranks)."""
        total = self.count if self.count.ndim == 1 else self.count.sum(axis=0)
        quota = np.zeros((len(self.home), len(self.loads)), dtype=np.int64)
        experts = self.transfers[:, 0]
        quota[np.arange(len(self.home)), self.home] = total
        np.subtract.at(quota, (experts, self.home[experts]), self.tokens)
        np.add.at(quota, (experts, self.transfers[:, 2]), self.tokens)
        return quota

    @property
    def reason(self) -> str:
        """Why the plan is what it is."""
        kind, number = self.decision
        if kind == "spill":
            return f"spill at a tolerance of {number / 1e4:g} %"
        if kind == "not worth":
            return (
                f"no-op: the best plan takes {number / 1e6:.1f} us, doing nothing {(self.before_ns or 0) / 1e3:.1f} us"
            )
        return {
            "empty": "no-op: there are no tokens",
            "balanced": "no-op: no rank is above its capacity",
            "limits": "no-op: no rank may take anything: too little room, or pieces too small",
        }[kind]

    def check(self) -> None:
        """Raise `DataError` unless each token is computed once, loads add up and every transfer has a source.

        Raises
        ------
        DataError
            If the plan is wrong, which is a bug.
        """
        total = self.count if self.count.ndim == 1 else self.count.sum(axis=0)
        if (self.quota < 0).any() or (self.quota.sum(axis=1) != total).any():
            raise DataError("a token is computed twice or not at all")
        if (self.quota.sum(axis=0) != self.loads).any():
            raise DataError("loads differ from the tokens of the ranks")
        if len(self.tokens) and self.tokens.min() < 1:
            raise DataError("a transfer moves no tokens")
        holds = set(enumerate(self.home.tolist()))
        slots = [0] * len(self.loads)
        for expert, source, destination, slot in self.transfers.tolist():
            if (expert, source) not in holds:
                raise DataError(f"rank {source} sends expert {expert} without having it")
            if (expert, destination) in holds or slot != slots[destination]:
                raise DataError(f"rank {destination} gets expert {expert} twice, or in the wrong slot")
            holds.add((expert, destination))
            slots[destination] += 1

    def explain(self) -> str:
        """Return the reason, the gain, and what moves where.

        Returns
        -------
        str
            One line, and one more per transfer.
        """
        lines = [self.reason]
        if len(self.tokens):
            gain = (
                ""
                if self.before_ns is None
                else f", {self.before_ns / 1e3:.1f} us -> {(self.after_ns or 0) / 1e3:.1f} us"
            )
            lines[0] += (
                f": {len(self.tokens)} transfers, {int(self.tokens.sum())} tokens, max/mean {self.ratio:.4f}{gain}"
            )
        for (expert, source, destination, slot), tokens in zip(
            self.transfers.tolist(), self.tokens.tolist(), strict=True
        ):
            lines.append(f"expert {expert}: {tokens} tokens with weights, rank {source} -> {destination}, slot {slot}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain data.

        Returns
        -------
        dict
            Lists and numbers, ready for JSON.
        """
        return {
            "reason": self.reason,
            "transfers": self.transfers.tolist(),
            "tokens": self.tokens.tolist(),
            "loads": self.loads.tolist(),
            "ratio": self.ratio,
            "before_ns": self.before_ns,
            "after_ns": self.after_ns,
        }
