"""The ranks that share the experts of a model: nodes, speeds, and which of them are alive."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._integers import check_integer
from paretoserve.errors import ShapeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Topology"]

_MOST_RANKS = 2**16
_FULL_SPEED = 1000
_MOST_SPEED = 1000.0


@dataclass(frozen=True, eq=False)
class Topology:
    """Ranks of an expert-parallel group, numbered node by node.

    Parameters
    ----------
    num_ranks : int
        Ranks of the group, dead ones included.
    ranks_per_node : int, optional
        Ranks that share the fast links; all of them by default. The last node may have fewer.
    speed : array_like of float, shape (num_ranks,), optional
        Relative speed of each rank, 1 everywhere by default; kept in thousandths, from 0.001 to 1000.
    alive : array_like of bool, shape (num_ranks,), optional
        Ranks that can take work; all by default.

    Raises
    ------
    ShapeError
        If an array does not have one entry per rank.
    ValueError
        If a number is out of range, or no rank is alive.

    Examples
    --------
    >>> from paretoserve import moe
    >>> topology = moe.Topology(4, ranks_per_node=2, speed=[1, 1, 0.5, 1], alive=[True, True, True, False])
    >>> topology.thousandths
    array([1000, 1000,  500,    0], dtype=uint32)
    """

    num_ranks: int
    ranks_per_node: int | None = None
    speed: ArrayLike | None = None
    alive: ArrayLike | None = None
    thousandths: NDArray[np.uint32] = field(init=False, repr=False)
    """Speed of each rank in thousandths, 0 for a dead one: what the planners compute with."""

    def __post_init__(self) -> None:
        num_ranks = check_integer("num_ranks", self.num_ranks, 1, _MOST_RANKS)
        if self.ranks_per_node is not None:
            check_integer("ranks_per_node", self.ranks_per_node, 1, _MOST_RANKS)
        speed = _per_rank("speed", np.ones(num_ranks) if self.speed is None else self.speed, num_ranks)
        if speed.dtype.kind not in "iuf" or not np.all((speed >= 1 / _FULL_SPEED) & (speed <= _MOST_SPEED)):
            raise ValueError(
                f"`speed` must be from 0.001 to 1000 everywhere, got {speed.tolist()}\nhint: mark dead ranks by `alive`"
            )
        alive = _per_rank("alive", np.ones(num_ranks, dtype=bool) if self.alive is None else self.alive, num_ranks)
        if alive.dtype != np.bool_ or not alive.any():
            raise ValueError(f"`alive` must hold booleans, at least one of them true, got {alive.tolist()}")
        thousandths = np.rint(speed * _FULL_SPEED).astype(np.uint32) * alive
        thousandths.setflags(write=False)
        object.__setattr__(self, "thousandths", thousandths)

    @property
    def node_size(self) -> int:
        """Ranks per node; all of them if that was not given."""
        return self.ranks_per_node or self.num_ranks


def _per_rank(argument: str, values: ArrayLike, num_ranks: int) -> NDArray[Any]:
    array: NDArray[Any] = np.asarray(values)
    if array.shape != (num_ranks,):
        raise ShapeError(f"`{argument}` must have shape ({num_ranks},), got {array.shape}")
    return array
