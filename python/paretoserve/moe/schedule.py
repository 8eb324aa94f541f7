"""In which order the weights of a new placement travel: batches without conflicts, each of a bounded size.

An engine that serves while it rearranges copies a few experts per step. In a batch every rank talks to one other in
each direction, as in vLLM's migration scheduler; and no weights are overwritten before those who need them read them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from paretoserve._integers import check_integer, integer_array
from paretoserve.errors import ShapeError
from paretoserve.moe._arguments import as_topology
from paretoserve.moe.placement import Placement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    from paretoserve.moe.topology import Topology

__all__ = ["schedule_moves"]

_MOST_BYTES = 2**53
_MOST_INDEX = 2**31 - 1


def schedule_moves(
    moves: Placement | ArrayLike,
    *,
    previous: Placement | ArrayLike,
    num_ranks: int | Topology | None = None,
    expert_bytes: int = 1,
    max_bytes_per_step: int | None = None,
) -> list[NDArray[np.int64]]:
    """Cut the moves of a new placement into batches.

    Parameters
    ----------
    moves : Placement or array_like of int, shape (num_moves, 5)
        Layer, expert, source rank, destination rank, slot; the source is -1 if the weights come from elsewhere.
    previous : Placement or array_like of int, shape (num_layers, num_slots)
        The expert of each slot before the moves, -1 if none.
    num_ranks : int or Topology, optional
        Ranks that own equally many slots, the first having one more if they do not divide; needed where neither `moves`
        nor `previous` is a Placement, which knows its slots.
    expert_bytes : int, default 1
        Weights of an expert.
    max_bytes_per_step : int, optional
        Most that one rank sends, and most that it receives, in a batch; at least one expert. No limit by default.

    Returns
    -------
    batches : list of ndarray of int64
        Rows of `moves`, each in one batch. The batches are done one after the other; in each, everything is read before
        anything is written.

    Raises
    ------
    ShapeError, DtypeError
        If an array has the wrong shape or type.
    ValueError
        If a number is out of range, a source does not have its expert, or the slots do not fit.

    Notes
    -----
    In a batch a rank sends to one rank at most and receives from one at most. Ranks that swap experts in a circle do so
    in one batch, even if a rank in it then exceeds a limit: no order of theirs keeps all weights. Moves within a rank
    and from elsewhere take nobody's link. Earlier moves come first. O(batches x moves).

    Examples
    --------
    >>> from paretoserve import moe
    >>> moves = [[0, 0, 0, 1, 2], [0, 1, 0, 2, 4], [0, 2, 1, 0, 0]]
    >>> before = [[0, 1, 2, 3, 4, 5]]
    >>> [batch.tolist() for batch in moe.schedule_moves(moves, previous=before, num_ranks=3)]
    [[0, 2], [1]]
    """
    rows = _moves(moves)
    maps = previous.physical_to_logical if isinstance(previous, Placement) else np.asarray(previous)
    if maps.ndim != 2 or maps.dtype.kind not in "iu":
        raise ShapeError(f"`previous` must be integers of shape (num_layers, num_slots), got {maps.dtype} {maps.shape}")
    owner = _owner(moves, previous, maps.shape[1], num_ranks)
    size = check_integer("expert_bytes", expert_bytes, 1, _MOST_BYTES)
    most = (
        _MOST_BYTES
        if max_bytes_per_step is None
        else check_integer("max_bytes_per_step", max_bytes_per_step, 1, 2**63 - 1)
    )
    if most < size:
        raise ValueError(f"`max_bytes_per_step` must be at least one expert, {size}, got {most}")
    readers = _readers(rows, maps.astype(np.int64), owner)
    left, batches = list(range(len(rows))), []
    while left:
        batch = _conflict_free(left, rows, readers, most // size) or _circle(left, readers)
        chosen = set(batch)
        left = [move for move in left if move not in chosen]
        batches.append(np.array(batch, dtype=np.int64))
    return batches


def _moves(moves: Placement | ArrayLike) -> NDArray[np.int64]:
    given = moves.moves if isinstance(moves, Placement) else np.asarray(moves)
    if given.size == 0:
        return np.zeros((0, 5), dtype=np.int64)
    if given.ndim != 2 or given.shape[1] != 5:
        raise ShapeError(f"`moves` must have shape (num_moves, 5), got {given.shape}")
    return integer_array("moves", given.ravel(), np.int64, -1, _MOST_INDEX, given.size).reshape(-1, 5)


def _owner(moves: object, previous: object, num_slots: int, num_ranks: int | Topology | None) -> NDArray[np.int64]:
    """Return the rank of each slot."""
    for placement in (moves, previous):
        if isinstance(placement, Placement):
            starts = placement.slot_start
            if starts[-1] != num_slots:
                raise ValueError(f"`previous` must have {starts[-1]} slots, got {num_slots}")
            return np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    if num_ranks is None:
        raise ValueError("`num_ranks` must be given where neither `moves` nor `previous` is a Placement")
    ranks = as_topology(num_ranks).num_ranks
    counts = np.full(ranks, num_slots // ranks, dtype=np.int64)
    counts[: num_slots % ranks] += 1
    return np.repeat(np.arange(ranks), counts)


def _readers(rows: NDArray[np.int64], maps: NDArray[np.int64], owner: NDArray[np.int64]) -> list[list[int]]:
    """Return, for each move, the moves that read what it overwrites."""
    by_source: dict[tuple[int, int, int], list[int]] = {}
    for move, (layer, expert, source, destination, slot) in enumerate(rows.tolist()):
        if not (0 <= layer < len(maps) and 0 <= slot < len(owner)) or expert < 0 or owner[slot] != destination:
            raise ValueError(f"`moves` must fit `previous` and its ranks, got {rows[move].tolist()} in row {move}")
        if source >= 0:
            if not (maps[layer, owner == source] == expert).any():
                raise ValueError(
                    f"`moves` must have sources that hold the expert, got {rows[move].tolist()} in row {move}"
                )
            by_source.setdefault((layer, source, expert), []).append(move)
    found: list[list[int]] = []
    for layer, _, _, destination, slot in rows.tolist():
        readers = by_source.get((layer, destination, int(maps[layer, slot])), [])
        found.append(readers)
    return found


def _conflict_free(left: list[int], rows: NDArray[np.int64], readers: list[list[int]], most: int) -> list[int]:
    """Return moves that no link and no order forbids to happen together, earlier ones first."""
    to: dict[int, int] = {}
    source_of: dict[int, int] = {}
    sent: dict[int, int] = {}
    received: dict[int, int] = {}
    chosen = []
    for move in left:
        _, _, source, destination, _ = rows[move].tolist()
        if source not in (-1, destination):
            talks = to.get(source, destination) == destination and source_of.get(destination, source) == source
            if not talks or sent.get(source, 0) >= most or received.get(destination, 0) >= most:
                continue
            to[source], source_of[destination] = destination, source
            sent[source] = sent.get(source, 0) + 1
            received[destination] = received.get(destination, 0) + 1
        chosen.append(move)
    waiting = set(left)
    while True:
        together = set(chosen)
        kept = [move for move in chosen if all(reader in together or reader not in waiting for reader in readers[move])]
        if len(kept) == len(chosen):
            return kept
        chosen = kept


def _circle(left: Iterable[int], readers: list[list[int]]) -> list[int]:
    """Return the fewest moves that can happen before all others: the smallest set that has all its readers."""
    waiting = set(left)
    best: set[int] = set()
    for first in left:
        found, todo = {first}, [first]
        while todo:
            more = [reader for reader in readers[todo.pop()] if reader in waiting and reader not in found]
            found.update(more)
            todo += more
        if not best or len(found) < len(best):
            best = found
    return sorted(best)
