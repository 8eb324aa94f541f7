"""A trace of loads: how many tokens each expert gets in each step and layer, and whether that is possible at all.

A router gives each token `top_k` different experts. So counts of one source can come from a router exactly if they add
up to `top_k` per token and no expert has more than one per token (Gale and Ryser's theorem for equal rows).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._integers import BITS_63, check_integer
from paretoserve.errors import DtypeError, ShapeError
from paretoserve.moe._arguments import as_topology

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve.moe.topology import Topology

__all__ = ["Loads"]

_MOST_TOKENS = 2**53


@dataclass(frozen=True, eq=False)
class Loads:
    """Tokens per expert, step by step.

    Parameters
    ----------
    counts : ndarray of int64, shape (steps, layers, experts) or (steps, layers, ranks, experts)
        Tokens of each expert; with the rank axis, of each source rank. Not modified.
    top_k : int, optional
        Experts that each token chooses, where that is known.
    name : str, default ""
        What the loads are.
    labels : tuple of str, optional
        A word for each step.
    impossible : str, default ""
        Why no router could produce these loads; empty if one could, or if that is not known.

    Raises
    ------
    ShapeError
        If `counts` has another shape or is empty.
    DtypeError
        If it does not hold integers.
    ValueError
        If a count is negative, the tokens of a step's layer do not fit 2^53, or `top_k` is no number of experts.

    Examples
    --------
    >>> loads = Loads(np.array([[[6, 2, 0, 0]]]), top_k=2)
    >>> loads.num_steps, loads.num_layers, loads.num_experts
    (1, 1, 4)
    >>> loads.ratio(2)
    array([[2.]])
    >>> loads.impossible
    'expert 0 has 6 tokens of 4 (step 0, layer 0)'
    """

    counts: NDArray[np.int64]
    top_k: int | None = None
    name: str = ""
    labels: tuple[str, ...] = ()
    impossible: str = ""

    def __post_init__(self) -> None:
        try:
            counts = np.asarray(self.counts)
        except ValueError as error:
            raise ShapeError("`counts` must have rows of the same length") from error
        if self.top_k is not None:
            check_integer("top_k", self.top_k, 1, 2**16)
        if counts.ndim not in (3, 4) or not counts.size:
            raise ShapeError(
                "`counts` must have shape (steps, layers, experts) or (steps, layers, ranks, experts), "
                f"got {counts.shape}"
            )
        if counts.dtype.kind not in "iu":
            raise DtypeError(f"`counts` must hold integers, got {counts.dtype}")
        bad = np.argwhere((counts < 0) | (counts > BITS_63 if counts.dtype.kind == "u" else counts < 0))
        if bad.size:
            raise ValueError(f"`counts` must not be negative, got {counts[tuple(bad[0])]} at {tuple(bad[0].tolist())}")
        counts = counts.astype(np.int64)
        sums = counts.sum(axis=-1, dtype=np.float64)
        if sums.max() > _MOST_TOKENS:
            raise ValueError(f"the tokens of a layer must fit 2^53, got {sums.max():.3g}")
        if self.labels and len(self.labels) != len(counts):
            raise ShapeError(f"`labels` must have {len(counts)} words, one per step, got {len(self.labels)}")
        counts.setflags(write=False)
        object.__setattr__(self, "counts", counts)
        if not self.impossible and self.top_k is not None:
            object.__setattr__(self, "impossible", _why_impossible(counts, self.top_k))

    @property
    def num_steps(self) -> int:
        """Steps of the trace."""
        return len(self.counts)

    @property
    def num_layers(self) -> int:
        """Layers of the model that route."""
        return int(self.counts.shape[1])

    @property
    def num_experts(self) -> int:
        """Experts of each layer."""
        return int(self.counts.shape[-1])

    @property
    def totals(self) -> NDArray[np.int64]:
        """Tokens of each expert over all sources, shape (num_steps, num_layers, num_experts)."""
        totals: NDArray[np.int64] = self.counts if self.counts.ndim == 3 else self.counts.sum(axis=2)
        return totals

    def drop_idle_layers(self) -> Loads:
        """Return the trace without layers that no token reached in any step: those have no experts.

        Returns
        -------
        Loads
            The trace itself if all layers have tokens, or none has.

        Examples
        --------
        >>> Loads(np.array([[[0, 0], [3, 1]], [[0, 0], [2, 2]]])).drop_idle_layers().counts.tolist()
        [[[3, 1]], [[2, 2]]]
        """
        used = self.totals.any(axis=(0, 2))
        return self if used.all() or not used.any() else replace(self, counts=self.counts[:, used])

    def ratio(self, num_ranks: int | Topology) -> NDArray[np.float64]:
        """Return the slowest rank over the mean, in tokens at their speed, if ranks own experts in contiguous blocks.

        Parameters
        ----------
        num_ranks : int or Topology
            Ranks of the group; the first have one expert more if they do not divide.

        Returns
        -------
        ratio : ndarray of float64, shape (num_steps, num_layers)
            1 where there are no tokens; infinite where a dead rank owns some.

        Raises
        ------
        ValueError
            If there is no such number of ranks.
        """
        speed = as_topology(num_ranks).thousandths / 1000
        parts = np.array_split(self.totals, len(speed), axis=2)
        loads = np.stack([part.sum(axis=2) for part in parts], axis=2)
        with np.errstate(divide="ignore"):
            times = np.divide(loads, speed, out=np.zeros(loads.shape), where=loads > 0)
        mean = loads.sum(axis=2) / speed.sum()
        ratio: NDArray[np.float64] = np.divide(times.max(axis=2), mean, out=np.ones(mean.shape), where=mean > 0)
        return ratio

    def explain(self) -> str:
        """Return size and skew in words.

        Returns
        -------
        str
            One line, and a second one if no router could produce the loads.
        """
        totals = self.totals
        mean = totals.mean(axis=2)
        skew = (totals.max(axis=2) / np.where(mean > 0, mean, 1)).mean()
        lines = [
            f"{self.name or 'loads'}: {self.num_steps} steps, {self.num_layers} layers, {self.num_experts} experts, "
            f"{totals.sum(axis=2).mean():.0f} token copies per step and layer, fullest expert {skew:.2f} times the mean"
        ]
        return "\n".join(lines + [f"impossible: {self.impossible}"] * bool(self.impossible))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain data.

        Returns
        -------
        dict
            Lists, numbers and strings, ready for JSON.
        """
        return {
            "counts": self.counts.tolist(),
            "top_k": self.top_k,
            "name": self.name,
            "labels": list(self.labels),
            "impossible": self.impossible,
        }


def _why_impossible(counts: NDArray[np.int64], top_k: int) -> str:
    """Return the first reason why a top-k router cannot have given these counts, or nothing."""
    sums = counts.sum(axis=-1)
    uneven = np.argwhere(sums % top_k != 0)
    if uneven.size:
        return f"{sums[tuple(uneven[0])]} token copies are no multiple of {top_k} ({_place(uneven[0])})"
    above = np.argwhere(counts * top_k > sums[..., None])
    if not above.size:
        return ""
    place, expert = above[0][:-1], int(above[0][-1])
    tokens = int(sums[tuple(place)]) // top_k
    return f"expert {expert} has {counts[tuple(above[0])]} tokens of {tokens} ({_place(place)})"


def _place(index: NDArray[np.intp]) -> str:
    return ", ".join(f"{word} {int(at)}" for word, at in zip(("step", "layer", "rank"), index, strict=False))
