"""Devices and the links between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._integers import check_integer, shown
from paretoserve.cost.checks import listed, not_negative, positive, text
from paretoserve.errors import ShapeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Device", "Link", "Links", "checked_devices", "link_table"]

MOST_BYTES = 2**60


@dataclass(frozen=True)
class Device:
    """A device of the chain, or several equal ones at the same place.

    Parameters
    ----------
    name : str
        For results, and for layer times that are given by device.
    memory_bytes : int, optional
        What it has for its layers; no limit by default. With replicas each of them holds all layers of its stage.
    count : int, default 1
        Equal devices at this place.
    speed : float, default 1.0
        Divides layer times that are given once for all devices.
    watts : float, optional
        While it computes; gives the energy of layers that state none.
    joules_per_byte : float, default 0.0
        What it spends on sending.

    Raises
    ------
    ValueError
        If a number is out of range, or the name empty.
    """

    name: str
    memory_bytes: int | None = None
    count: int = 1
    speed: float = 1.0
    watts: float | None = None
    joules_per_byte: float = 0.0

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not text("name", self.name):
            raise ValueError("`name` must not be empty")
        check_integer("count", self.count, 1, 2**16)
        if self.memory_bytes is not None:
            check_integer("memory_bytes", self.memory_bytes, 0, MOST_BYTES)
        positive("speed", self.speed)
        not_negative("joules_per_byte", self.joules_per_byte)
        if self.watts is not None:
            not_negative("watts", self.watts)


@dataclass(frozen=True)
class Link:
    """A link from one device to another.

    Parameters
    ----------
    latency_s : float, default 0.0
        Seconds of a transfer of no bytes.
    bandwidth : float, default infinity
        Bytes per second; 100 Mbit/s are 12.5e6.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    latency_s: float = 0.0
    bandwidth: float = inf

    def __post_init__(self) -> None:
        """Check the numbers."""
        not_negative("latency_s", self.latency_s)
        real = isinstance(self.bandwidth, Real) and not isinstance(self.bandwidth, bool)
        if not real or not self.bandwidth > 0:
            raise ValueError(f"`bandwidth` must be positive, in bytes per second, got {shown(self.bandwidth)}")

    def seconds(self, num_bytes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the seconds of transfers."""
        return self.latency_s + num_bytes / self.bandwidth


Links = Link | Sequence[Link] | Sequence[Sequence[Link]]


def checked_devices(devices: Sequence[Device]) -> tuple[Device, ...]:
    """Return the devices, or say what is wrong with them."""
    made = (devices,) if isinstance(devices, Device) else listed("devices", devices)
    for index, device in enumerate(made):
        if not isinstance(device, Device):
            raise TypeError(f"`devices` must hold Device objects, got {shown(device)} at {index}")
    if not made:
        raise ValueError("`devices` must hold at least one device, got none")
    names = [device.name for device in made]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"`devices` must have names of their own, got `{name}` twice\nhint: or one with count=2")
    return made


def link_table(links: Links, devices: Sequence[Device], free_order: bool) -> list[list[list[Link]]]:
    """Return the links that a transfer passes, from each device to each.

    A sequence of one link less than there are devices is a chain, in which a device that is left out passes on what it
    gets; otherwise every device reaches every other one directly.
    """
    number = len(devices)
    if isinstance(links, Link):
        return [[[links]] * number for _ in devices]
    rows: list[Any] = list(listed("links", links))
    if any(isinstance(row, Link) for row in rows) or not rows:
        if len(rows) != number - 1 or not all(isinstance(row, Link) for row in rows):
            raise ShapeError(f"`links` must be one Link, {number - 1} for the chain or {number} rows of {number}")
        if free_order:
            raise ValueError("`links` of a chain need order='fixed'\nhint: give rows of links, from device to device")
        for device in devices:
            if device.count > 1:
                raise ValueError(f"`links` of a chain do not say how the {device.count} devices `{device.name}` talk")
        return [[rows[source:target] for target in range(number)] for source in range(number)]
    table = [listed("links", row) for row in rows]
    if len(table) != number or any(len(row) != number for row in table):
        raise ShapeError(f"`links` must have {number} rows of {number} links, one per device")
    for row in table:
        for link in row:
            if not isinstance(link, Link):
                raise TypeError(f"`links` must hold Link objects, got {shown(link)}")
    return [[[link] for link in row] for row in table]
