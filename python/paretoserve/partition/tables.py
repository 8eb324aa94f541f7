"""From layers, devices and links to the integer tables that the native search reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from paretoserve.partition.devices import Device, Link, Links, link_table
from paretoserve.partition.layers import Layers

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Tables"]

NO_LIMIT = 2**62
MOST_NANO = 2**61


@dataclass(frozen=True, eq=False)
class Tables:
    """Blocks between legal cuts, and what they take on each kind of device.

    Attributes
    ----------
    bounds : ndarray of int64, shape (blocks + 1,)
        First layer of each block, and the number of layers.
    time, energy, send : ndarray of uint64, shape (kinds, blocks)
        Nanoseconds and nanojoules of a block, nanojoules of sending its output.
    transfer, hold : ndarray of uint64, shape (kinds, kinds, blocks)
        Nanoseconds that its output takes, and that the slowest link on the way is busy.
    memory : ndarray of uint64, shape (blocks,)
    capacity : ndarray of uint64, shape (kinds,)
    members : tuple of tuples of Device
        The devices of each kind.
    has_energy : bool
        Whether the energy of every layer is known.
    """

    bounds: NDArray[np.int64]
    time: NDArray[np.uint64]
    energy: NDArray[np.uint64]
    send: NDArray[np.uint64]
    transfer: NDArray[np.uint64]
    hold: NDArray[np.uint64]
    memory: NDArray[np.uint64]
    capacity: NDArray[np.uint64]
    members: tuple[tuple[Device, ...], ...]
    has_energy: bool

    @classmethod
    def of(cls, layers: Layers, devices: Sequence[Device], links: Links, free_order: bool) -> Tables:
        """Build the tables; in free order equal devices become one kind."""
        with np.errstate(over="ignore", invalid="ignore"):  # refused below
            made = cls._of(layers, devices, link_table(links, devices, free_order))
        return made._merged() if free_order else made

    @classmethod
    def _of(cls, layers: Layers, devices: Sequence[Device], passed: list[list[list[Link]]]) -> Tables:
        bounds = np.concatenate([[0], layers.cuts + 1, [len(layers)]])
        number, blocks = len(devices), len(bounds) - 1
        sent = layers.output_bytes[bounds[1:] - 1].astype(np.float64)
        time, energy, has_energy = _rows(layers, devices)
        transfer = np.zeros((number, number, blocks))
        hold = np.zeros((number, number, blocks))
        for source in range(number):
            for target in range(number):
                for link in passed[source][target]:
                    seconds = link.seconds(sent)
                    transfer[source, target] += seconds
                    hold[source, target] = np.maximum(hold[source, target], seconds)
        send = np.outer([device.joules_per_byte for device in devices], sent)
        return cls(
            bounds,
            _nano("seconds", np.add.reduceat(time, bounds[:-1], axis=1)),
            _nano("joules", np.add.reduceat(energy, bounds[:-1], axis=1)),
            _nano("joules_per_byte", send),
            _nano("links", transfer),
            _nano("links", hold),
            np.add.reduceat(layers.memory_bytes, bounds[:-1]).astype(np.uint64),
            np.array([NO_LIMIT if d.memory_bytes is None else d.memory_bytes for d in devices], dtype=np.uint64),
            tuple((device,) for device in devices),
            has_energy,
        )

    @property
    def count(self) -> list[int]:
        """Devices of each kind."""
        return [sum(device.count for device in kind) for kind in self.members]

    def names(self, kind: int) -> list[str]:
        """Return the name of each device of a kind, once per device."""
        return [device.name for device in self.members[kind] for _ in range(device.count)]

    def _merged(self) -> Tables:
        """Return tables in which equal devices are one kind: orders that differ by them only are not tried."""
        groups: list[list[int]] = []
        for kind in range(len(self.members)):
            for group in groups:
                if all(self._equal(kind, other) for other in group):
                    group.append(kind)
                    break
            else:
                groups.append([kind])
        first = [group[0] for group in groups]
        return Tables(
            self.bounds,
            self.time[first],
            self.energy[first],
            self.send[first],
            np.ascontiguousarray(self.transfer[first][:, first]),
            np.ascontiguousarray(self.hold[first][:, first]),
            self.memory,
            self.capacity[first],
            tuple(tuple(self.members[kind][0] for kind in group) for group in groups),
            self.has_energy,
        )

    def _equal(self, one: int, other: int) -> bool:
        """Whether two devices can stand for each other: times, memory, and links to others and between them."""
        same = all(bool((table[one] == table[other]).all()) for table in (self.time, self.energy, self.send))
        if not same or self.capacity[one] != self.capacity[other]:
            return False
        rest = [kind for kind in range(len(self.members)) if kind not in (one, other)]
        outward = (self.transfer[one, rest] == self.transfer[other, rest]).all()
        inward = (self.transfer[rest, one] == self.transfer[rest, other]).all()
        between = self.transfer[np.ix_([one, other], [one, other])]
        return bool(outward and inward and (between == between[0, 1]).all())


def _rows(layers: Layers, devices: Sequence[Device]) -> tuple[NDArray[np.float64], NDArray[np.float64], bool]:
    """Return seconds and joules of each device and layer, and whether all joules are known."""
    time = np.empty((len(devices), len(layers)))
    energy = np.zeros_like(time)
    known = True
    for index, device in enumerate(devices):
        seconds, joules = layers.row("seconds", device.name), layers.row("joules", device.name)
        assert seconds is not None
        time[index] = seconds if isinstance(layers.seconds, dict) else seconds / device.speed
        if joules is not None:
            energy[index] = joules
        elif device.watts is not None:
            energy[index] = time[index] * device.watts
        else:
            known = False
    return time, energy, known


def _nano(argument: str, values: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Return seconds or joules in whole nano-units, of which the search adds up."""
    scaled = np.rint(values * 1e9)
    if not bool((scaled <= MOST_NANO).all()):
        raise ValueError(f"`{argument}` must come to less than 2e9 seconds or joules per layer and transfer")
    return np.ascontiguousarray(scaled.astype(np.uint64))
