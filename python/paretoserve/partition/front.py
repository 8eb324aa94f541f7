"""The splits that no other one beats, and what single-answer planners would have taken."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve import _native
from paretoserve._integers import check_integer, shown
from paretoserve.cost.checks import listed, not_negative, switch
from paretoserve.errors import CapacityError
from paretoserve.partition.devices import Device, Link, Links, checked_devices
from paretoserve.partition.explain import explain
from paretoserve.partition.layers import Layers
from paretoserve.partition.split import Split, rate_of, splits_of
from paretoserve.partition.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["OBJECTIVES", "SplitFront", "split_front"]

OBJECTIVES = {"latency": "latency_s", "throughput": "throughput_rps", "energy": "energy_j"}
"""Objectives, and the attribute of a split that has each."""

MOST_LABELS = 1 << 24
"""Partial splits that a search keeps at most: 700 MB."""


@dataclass(frozen=True, eq=False)
class SplitFront:
    """Splits that no other split beats in the objectives, and the single answers of other planners.

    Splits, peers and what they hold are computed when they are first asked for.

    Attributes
    ----------
    splits : tuple of Split
        By latency (by energy if latency does not count); of splits with equal objectives one.
    objectives : tuple of str
        What counted, of "latency", "throughput" and "energy".
    peers : dict of str to Split
        The one split that other planners look for: "least_latency"; "pipedream", the largest throughput;
        "paretopipe", the least largest computation, transfers not regarded. Of several optima each takes that of least
        latency. They share devices, links and limits with the front, and `epsilon`, by which their throughput may then
        be too small.
    alone : dict of str to float
        Latency on each single device that has the memory for all layers.
    layers : Layers
    devices : tuple of Device
    epsilon : float
        No split is better than one of these by more than this share, in any objective; 0 is the exact front.
    num_labels : int
        Partial splits that the search kept.
    """

    objectives: tuple[str, ...]
    layers: Layers
    devices: tuple[Device, ...]
    epsilon: float
    num_labels: int
    _search: _Search
    _numbers: tuple[list[int], list[int]]

    def __len__(self) -> int:
        """Return the number of splits."""
        return len(self._numbers[0]) // 3

    @cached_property
    def splits(self) -> tuple[Split, ...]:
        """The splits, by latency."""
        return splits_of(*self._numbers, self.layers, self._search.tables)

    @cached_property
    def peers(self) -> dict[str, Split]:
        """The split that each other planner looks for."""
        search, tables = self._search, self._search.tables
        two = ("latency", "throughput")
        both = self.splits if self.objectives == two else search.splits(two, tables.hold, search.overlap)
        computing = search.splits(two, np.zeros_like(tables.hold), True)[-1]
        rate = rate_of(computing.stages, search.overlap)
        return {"least_latency": both[0], "pipedream": both[-1], "paretopipe": replace(computing, throughput_rps=rate)}

    @cached_property
    def alone(self) -> dict[str, float]:
        """Latency on each single device."""
        return _alone(self._search.tables)

    def marks(self, index: int) -> tuple[str, ...]:
        """Return the peers whose answer equals the objectives of a split."""
        wanted = self._point(self.splits[index])
        return tuple(name for name, split in self.peers.items() if self._point(split) == wanted)

    def beaten_by(self, peer: str) -> int | None:
        """Return the first split that beats a peer's answer in the objectives, None if no split does."""
        theirs = self._point(self.peers[peer])
        for index, split in enumerate(self.splits):
            ours = self._point(split)
            if ours != theirs and all(our <= their for our, their in zip(ours, theirs, strict=True)):
                return index
        return None

    def explain(self) -> str:
        """Return in words which splits there are and why, and where other planners' answers lie."""
        return explain(self)

    def to_dict(self) -> dict[str, Any]:
        """Return splits and peers as plain data, for JSON."""
        return {
            "objectives": list(self.objectives),
            "epsilon": self.epsilon,
            "splits": [split.to_dict() | {"marks": list(self.marks(i))} for i, split in enumerate(self.splits)],
            "peers": {name: split.to_dict() for name, split in self.peers.items()},
            "alone_s": dict(self.alone),
            "layers": list(self.layers.names),
            "devices": [device.name for device in self.devices],
        }

    def to_table(self) -> pa.Table:
        """Return a row per split, with the answers of other planners that are not on the front behind them."""
        from paretoserve.partition.rows import table_of

        return table_of(self)

    def _point(self, split: Split) -> tuple[float, ...]:
        signs = {"throughput": -1.0}
        return tuple(signs.get(name, 1.0) * getattr(split, OBJECTIVES[name]) for name in self.objectives)


def split_front(
    layers: Layers,
    devices: Sequence[Device],
    links: Links = Link(),  # noqa: B008 - it is frozen
    *,
    objectives: Sequence[str] | None = None,
    order: Literal["fixed", "free"] = "fixed",
    use_all: bool = True,
    max_replicas: int = 1,
    overlap: bool = True,
    epsilon: float = 0.0,
) -> SplitFront:
    """Find where to cut a model over a chain of devices: all splits that no other one beats.

    Parameters
    ----------
    layers : Layers
        What the layers take, and where the model may be cut.
    devices : sequence of Device
        In the order of the chain. Requests begin on the first one of a split and their results stay on the last.
    links : Link, sequence of k - 1 of them, or k rows of k of them, optional
        One for all pairs of the k devices; the chain from each device to the next; or from each device to each, on the
        diagonal between the equal devices of one place. Without it transfers take no time.
    objectives : sequence of {"latency", "throughput", "energy"}, optional
        What counts; default: latency, throughput, and energy if it is known for all layers.
    order : {"fixed", "free"}, default "fixed"
        Whether stages follow the order of `devices`, or any order.
    use_all : bool, default True
        Whether every device gets a layer. Otherwise any may be left out: it takes no part, but in a chain of links
        passes on what it gets.
    max_replicas : int, default 1
        Equal devices (of one `count`, in free order all that are equal) that may share the requests of a stage. They do
        not shorten its latency; a link to or from a stage has as many lanes as the smaller number of replicas.
    overlap : bool, default True
        Whether a device computes while it sends. Otherwise its period is its layers and its transfer together.
    epsilon : float, default 0.0
        Splits may be left out that are better than a returned one by at most this share; 0 keeps the exact front.

    Returns
    -------
    SplitFront

    Raises
    ------
    CapacityError
        If no split fits the memories; names the devices and what they lack in the split that lacks least.
    ShapeError, DtypeError, ValueError
        If an argument is out of range, devices are more than layers (of `use_all`), or the exact front is too large.

    Notes
    -----
    Label setting over the states (first stage, first layer) of a suffix, O(k n F log F) for n layers, k devices and F
    partial splits that none beats, in one thread: about 0.3 ms for the front of latency and throughput of 80 layers on
    4 devices, 30 ms for 256 on 8. Splits and peers, built when they are asked for, add 0.6 ms and 30 ms. A free order
    of devices that all differ has k 2^k / 2 states in place of k. All sums are exact, in nanoseconds and nanojoules.

    The throughput needs `Split.in_flight` requests on their way. Energy counts computing and sending, not idling.

    ParetoPipe (arXiv 2601.08025), generalized; Martins, "On a multicriteria shortest path problem", 1984.

    Examples
    --------
    >>> layers = Layers([0.02, 0.03, 0.04, 0.01], [1_000_000, 400_000, 200_000, 0])
    >>> devices = [Device("a"), Device("b", speed=2.0)]
    >>> front = split_front(layers, devices, Link(0.005, 12.5e6))
    >>> [(split.cuts, split.latency_s, split.throughput_rps) for split in front.splits]
    [((2,), 0.112, 20.0)]

    Device a is not worth its link:

    >>> split_front(layers, devices, Link(0.005, 12.5e6), use_all=False).splits[0].describe()
    'b 0-3'
    """
    if not isinstance(layers, Layers):
        raise TypeError(f"`layers` must be a Layers object, got {shown(layers)}\nhint: Layers(seconds, output_bytes)")
    chosen = checked_devices(devices)
    if order not in ("fixed", "free"):
        raise ValueError(f"`order` must be 'fixed' or 'free', got {shown(order)}")
    switch("use_all", use_all)
    switch("overlap", overlap)
    check_integer("max_replicas", max_replicas, 1, 2**16)
    not_negative("epsilon", epsilon)
    tables = Tables.of(layers, chosen, links, order == "free")
    wanted = _objectives(objectives, tables.has_energy)
    least = sum(-(-count // max_replicas) for count in tables.count)
    if use_all and least > len(tables.memory):
        raise ValueError(
            f"`devices` must be at most as many as there are layers to cut between, got {least} for "
            f"{len(tables.memory)}\nhint: use_all=False leaves devices out"
        )

    search = _Search(layers, tables, max_replicas, (order == "free", bool(use_all)), bool(overlap), float(epsilon))
    values, stages, labels = search.run(wanted, tables.hold, search.overlap)
    return SplitFront(wanted, layers, chosen, search.epsilon, labels, search, (values, stages))


@dataclass(frozen=True)
class _Search:
    """What the searches for the front and for other planners' answers share."""

    layers: Layers
    tables: Tables
    max_replicas: int
    flags: tuple[bool, bool]
    overlap: bool
    epsilon: float

    def splits(self, objectives: tuple[str, ...], hold: NDArray[np.uint64], overlap: bool) -> tuple[Split, ...]:
        """Return the splits that none beats."""
        values, stages, _ = self.run(objectives, hold, overlap)
        return splits_of(values, stages, self.layers, self.tables)

    def run(
        self, objectives: tuple[str, ...], hold: NDArray[np.uint64], overlap: bool
    ) -> tuple[list[int], list[int], int]:
        """Return the objectives of the splits, their stages, and how many partial splits were kept."""
        tables = self.tables
        counted = ("latency" in objectives, "throughput" in objectives, "energy" in objectives)
        values, stages, missing, labels = _native.partition_front(
            tables.time,
            tables.energy,
            tables.memory,
            tables.transfer,
            hold,
            tables.send,
            tables.count,
            tables.capacity,
            self.max_replicas,
            (*self.flags, overlap),
            counted,
            self.epsilon,
            MOST_LABELS,
        )
        if missing:
            raise _too_large(np.array(missing, dtype=np.int64).reshape(-1, 4), self.layers, tables)
        return values, stages, labels


def _too_large(rows: NDArray[np.int64], layers: Layers, tables: Tables) -> CapacityError:
    """Return the error that says what the devices lack, the largest lack first."""
    parts = []
    for kind, start, end, lacking in sorted(rows.tolist(), key=lambda row: -row[3]):
        first, last = int(tables.bounds[start]), int(tables.bounds[end]) - 1
        which = f"layer {first}" if first == last else f"layers {first}-{last}"
        needed = int(tables.memory[start:end].sum())
        parts.append(
            f"device `{tables.members[kind][0].name}` lacks {lacking} bytes for {which}, "
            f"which need {needed} of its {int(tables.capacity[kind])}"
        )
    return CapacityError(
        f"`layers` do not fit the devices in any split; in the one that lacks least {'; '.join(parts)}\n"
        f"hint: layers need {int(layers.memory_bytes.sum())} bytes in all; a model is cut at {len(layers.cuts)} places"
    )


def _alone(tables: Tables) -> dict[str, float]:
    """Return the latency on each device that can hold all layers."""
    enough = tables.capacity >= tables.memory.sum()
    seconds = tables.time.sum(axis=1) / 1e9
    return {
        device.name: float(seconds[kind])
        for kind, members in enumerate(tables.members)
        for device in members
        if enough[kind]
    }


def _objectives(given: Sequence[str] | None, has_energy: bool) -> tuple[str, ...]:
    if given is None:
        return tuple(OBJECTIVES) if has_energy else ("latency", "throughput")
    names = (given,) if isinstance(given, str) else listed("objectives", given)
    for name in names:
        if not isinstance(name, str) or name not in OBJECTIVES:
            raise ValueError(f"`objectives` must be among {', '.join(OBJECTIVES)}, got {shown(name)}")
    if not names or len(set(names)) < len(names):
        raise ValueError(f"`objectives` must be one or more different names, got {shown(list(names))}")
    if "energy" in names and not has_energy:
        raise ValueError("`objectives` has energy, which is not known\nhint: give layers joules or devices watts")
    return tuple(name for name in OBJECTIVES if name in names)
