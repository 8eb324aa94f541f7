"""One split: its stages and what they come to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import ceil, inf
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from paretoserve.partition.layers import Layers
    from paretoserve.partition.tables import Tables

__all__ = ["Split", "Stage", "rate_of", "splits_of"]


@dataclass(frozen=True)
class Stage:
    """Consecutive layers on one device, or on several equal ones that share the requests.

    Attributes
    ----------
    devices : tuple of str
        Names; one per replica.
    first, stop : int
        Number of its first layer, and of the one after its last.
    seconds : float
        Time of a request in its layers.
    joules : float or None
        Energy of a request in its layers and of sending the output; None unless that of all layers is known.
    memory_bytes : int
        What each of its devices needs.
    output_bytes : int
        What it sends on for a request; 0 for the last stage.
    transfer_s, hold_s : float
        Time until that has arrived, and for how long the slowest link on the way is busy with it.
    """

    devices: tuple[str, ...]
    first: int
    stop: int
    seconds: float
    joules: float | None
    memory_bytes: int
    output_bytes: int
    transfer_s: float
    hold_s: float

    @property
    def replicas(self) -> int:
        """Devices that share the requests."""
        return len(self.devices)


@dataclass(frozen=True)
class Split:
    """Stages from the first layer to the last, and their objectives.

    Attributes
    ----------
    stages : tuple of Stage
    latency_s : float
        Time of a request alone: all stages and transfers.
    throughput_rps : float
        Requests per second when enough are on their way: one per longest stage or transfer. Infinite if all take no
        time.
    energy_j : float or None
        Energy of a request, without what idle devices draw; None unless that of all layers is known.
    """

    stages: tuple[Stage, ...]
    latency_s: float
    throughput_rps: float
    energy_j: float | None

    @property
    def cuts(self) -> tuple[int, ...]:
        """Number of the first layer of each stage but the first."""
        return tuple(stage.first for stage in self.stages[1:])

    @property
    def in_flight(self) -> int:
        """Requests that must be on their way at once to reach the throughput (Little's law)."""
        return 1 if self.throughput_rps == inf else max(1, ceil(self.latency_s * self.throughput_rps - 1e-9))

    @property
    def imbalance(self) -> float:
        """Coefficient of variation of the stage times over their replicas; 0 is a perfect balance."""
        times = np.array([stage.seconds / stage.replicas for stage in self.stages])
        return float(times.std() / times.mean()) if times.any() else 0.0

    def describe(self) -> str:
        """Return the stages in one line: devices and layers, the last one included."""
        parts = []
        for stage in self.stages:
            layers = f"{stage.first}" if stage.stop == stage.first + 1 else f"{stage.first}-{stage.stop - 1}"
            parts.append(f"{'+'.join(stage.devices)} {layers}")
        return " | ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers, for JSON; an infinite throughput as None."""
        rate = None if self.throughput_rps == inf else self.throughput_rps
        return asdict(self) | {
            "throughput_rps": rate,
            "in_flight": self.in_flight,
            "imbalance": self.imbalance,
            "cuts": list(self.cuts),
            "stages": [asdict(stage) | {"devices": list(stage.devices)} for stage in self.stages],
        }


def rate_of(stages: Sequence[Stage], overlap: bool) -> float:
    """Return the requests per second of stages and links, in the whole nanoseconds of the search."""
    longest = 0
    for stage, follower in zip(stages, (*stages[1:], None), strict=True):
        busy = round(stage.seconds * 1e9) + (0 if overlap else round(stage.transfer_s * 1e9))
        longest = max(longest, -(-busy // stage.replicas))
        if follower is not None:
            longest = max(longest, -(-round(stage.hold_s * 1e9) // min(stage.replicas, follower.replicas)))
    return 1e9 / longest if longest else inf


def splits_of(values: Sequence[int], stages: Sequence[int], layers: Layers, tables: Tables) -> tuple[Split, ...]:
    """Return the splits that the native search wrote as numbers, with the names of their devices."""
    numbers = np.array(values, dtype=np.float64).reshape(-1, 3)
    rows = np.array(stages, dtype=np.int64).reshape(-1, 5)
    edges = np.searchsorted(rows[:, 0], np.arange(len(numbers) + 1)).tolist()
    parts = _stages(rows, layers, tables)
    made = []
    for (latency, bottleneck, energy), start, stop in zip(numbers.tolist(), edges[:-1], edges[1:], strict=True):
        rate = 1e9 / bottleneck if bottleneck else inf
        joules = energy / 1e9 if tables.has_energy else None
        made.append(Split(tuple(parts[start:stop]), latency / 1e9, rate, joules))
    return tuple(made)


def _stages(rows: NDArray[np.int64], layers: Layers, tables: Tables) -> list[Stage]:
    """Return the stages of all splits, one behind the other: what they take by differences of running sums."""
    split, kind, start, end, replicas = rows.T
    sends = np.append(split[1:] == split[:-1], np.zeros(len(rows[:1]), dtype=np.bool_))
    follower, last = np.roll(kind, -1), end - 1
    stop = tables.bounds[end]

    def between(table: NDArray[np.uint64], *row: NDArray[np.int64]) -> NDArray[np.uint64]:
        sums = np.zeros((*table.shape[:-1], table.shape[-1] + 1), dtype=np.uint64)
        np.cumsum(table, axis=-1, out=sums[..., 1:])
        taken: NDArray[np.uint64] = sums[*row, end] - sums[*row, start]
        return taken

    joules = (between(tables.energy, kind) + np.where(sends, tables.send[kind, last], np.uint64(0))) / 1e9
    columns = (
        tables.bounds[start],
        stop,
        between(tables.time, kind) / 1e9,
        joules if tables.has_energy else np.full(len(rows), None),
        between(tables.memory),
        np.where(sends, layers.output_bytes[stop - 1], 0),
        np.where(sends, tables.transfer[kind, follower, last], 0) / 1e9,
        np.where(sends, tables.hold[kind, follower, last], 0) / 1e9,
    )
    all_names = [tables.names(number) for number in range(len(tables.members))]
    given: dict[tuple[int, int], int] = {}
    made = []
    places = zip(split.tolist(), kind.tolist(), replicas.tolist(), strict=True)
    for (number, place, count), values in zip(places, zip(*(c.tolist() for c in columns), strict=True), strict=True):
        begin = given.get((number, place), 0)
        given[number, place] = begin + count
        made.append(Stage(tuple(all_names[place][begin : begin + count]), *values))
    return made
