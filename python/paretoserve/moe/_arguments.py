"""Token counts, homes and ranks as the native module takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._arrays import is_torch, numpy_values
from paretoserve._integers import check_integer, integer_array, shown
from paretoserve.errors import DtypeError, ShapeError
from paretoserve.moe.topology import Topology

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "MOST_TOKENS",
    "as_topology",
    "count_array",
    "home_array",
    "per_rank_limit",
    "plain",
    "plain_copy",
    "tolerance_millionths",
]

MOST_TOKENS = 2**53
_MOST_EXPERTS = 2**20
_UNLIMITED = 2**32 - 1


def plain(count: ArrayLike, num_experts: int) -> NDArray[np.int64]:
    """Return counts as the native module takes them; those of a step in the usual form at once."""
    ready = type(count) is np.ndarray and count.dtype == np.int64 and count.shape == (num_experts,)
    if ready and count.flags.c_contiguous:  # type: ignore[union-attr]
        return count  # type: ignore[return-value]
    return count_array(count, num_experts)


def plain_copy(count: ArrayLike, num_experts: int) -> NDArray[np.int64]:
    """Return a copy of counts as the native module takes them."""
    array = plain(count, num_experts)
    return array.copy() if array is count or array.base is not None else array


def count_array(count: ArrayLike, num_experts: int | None = None, argument: str = "count") -> NDArray[np.int64]:
    """Return token counts, (num_experts,) or (num_sources, num_experts), as contiguous int64.

    Raises
    ------
    ShapeError
        If they have another shape, or there are none.
    DtypeError
        If they are no integers.
    ValueError
        If one is negative or too large; the message names its row and column.
    """
    array = numpy_values(count, argument) if is_torch(count) else np.asarray(count)  # type: ignore[arg-type]
    width = array.shape[-1] if array.ndim else 0
    if array.ndim not in (1, 2) or array.size == 0 or (num_experts is not None and width != num_experts):
        experts = "num_experts" if num_experts is None else num_experts
        raise ShapeError(f"`{argument}` must have shape ({experts},) or (num_sources, {experts}), got {array.shape}")
    if array.dtype.kind not in "iu":
        hint = "\nhint: spill and split move whole tokens: round first, for example x.astype(int)"
        raise DtypeError(f"`{argument}` must hold integers, got {array.dtype}{hint * (array.dtype.kind == 'f')}")
    wrong = np.argwhere((array < 0) | (array > MOST_TOKENS))
    if len(wrong):
        place = tuple(int(index) for index in wrong[0])
        where = f"row {place[0]}, column {place[1]}" if array.ndim == 2 else f"row {place[0]}"
        raise ValueError(f"`{argument}` must be from 0 to {MOST_TOKENS} everywhere, got {int(array[place])} in {where}")
    return np.ascontiguousarray(array, dtype=np.int64)


def as_topology(num_ranks: int | Topology, topology: Topology | None = None) -> Topology:
    """Return the ranks described by their number, by a topology in its place, or by both."""
    if isinstance(num_ranks, Topology):
        if topology is not None and topology is not num_ranks:
            raise ValueError("`topology` must not be given if `num_ranks` is one already")
        return num_ranks
    number = check_integer("num_ranks", num_ranks, 1, 2**16)
    if topology is None:
        return Topology(number)
    if not isinstance(topology, Topology):
        raise DtypeError(f"`topology` must be a Topology, got {type(topology).__name__}")
    if topology.num_ranks != number:
        raise ShapeError(f"`topology` must have {number} ranks as `num_ranks` says, got {topology.num_ranks}")
    return topology


def home_array(home: ArrayLike | None, num_experts: int, num_ranks: int) -> NDArray[np.uint32]:
    """Return the rank of each expert: as given, or contiguous blocks with the remainder on the first ranks."""
    check_integer("num_experts", num_experts, 1, _MOST_EXPERTS)
    if home is not None:
        return integer_array("home", home, np.uint32, 0, num_ranks - 1, num_experts).copy()
    sizes = np.full(num_ranks, num_experts // num_ranks)
    sizes[: num_experts % num_ranks] += 1
    return np.repeat(np.arange(num_ranks, dtype=np.uint32), sizes)


def per_rank_limit(argument: str, limit: ArrayLike | None, num_ranks: int) -> NDArray[np.uint32]:
    """Return a limit per rank, given for all at once, for each, or not at all."""
    if limit is None:
        return np.full(num_ranks, _UNLIMITED, dtype=np.uint32)
    if np.ndim(limit) == 0:
        limit = np.full(num_ranks, check_integer(argument, limit, 0, _UNLIMITED))
    return integer_array(argument, limit, np.uint32, 0, _UNLIMITED, num_ranks)


def tolerance_millionths(tolerance: Any) -> int:
    """Return a tolerance in millionths."""
    is_number = isinstance(tolerance, int | float | np.integer | np.floating) and not isinstance(tolerance, bool)
    if not is_number or not 0 <= tolerance <= 1000:
        raise ValueError(f'`tolerance` must be "auto" or from 0 to 1000, got {shown(tolerance)}')
    return round(float(tolerance) * 1e6)
