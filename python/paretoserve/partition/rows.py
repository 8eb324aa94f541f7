"""A front of splits as a table: a row per split."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from paretoserve.partition.front import SplitFront

__all__ = ["table_of"]


def table_of(front: SplitFront) -> pa.Table:
    """Return the splits, and behind them the answers of other planners that are not among them."""
    import pyarrow as pa

    rows = [(split, True, front.marks(number)) for number, split in enumerate(front.splits)]
    rows += [(split, False, (name,)) for name, split in front.peers.items() if not any(name in row[2] for row in rows)]
    splits = [split for split, _, _ in rows]
    return pa.table(
        {
            "latency_s": pa.array([split.latency_s for split in splits], pa.float64()),
            # A table file has no infinity that every reader takes.
            "throughput_rps": pa.array(
                [None if split.throughput_rps == inf else split.throughput_rps for split in splits], pa.float64()
            ),
            "energy_j": pa.array([split.energy_j for split in splits], pa.float64()),
            "in_flight": pa.array([split.in_flight for split in splits], pa.int64()),
            "imbalance": pa.array([split.imbalance for split in splits], pa.float64()),
            "memory_bytes": pa.array([max(s.memory_bytes for s in split.stages) for split in splits], pa.int64()),
            "cuts": pa.array([" ".join(map(str, split.cuts)) for split in splits], pa.string()),
            "stages": pa.array([split.describe() for split in splits], pa.string()),
            "on_front": pa.array([on_front for _, on_front, _ in rows], pa.bool_()),
            "planner": pa.array([" ".join(marks) for _, _, marks in rows], pa.string()),
        }
    )
