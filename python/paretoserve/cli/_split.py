"""Devices and links of `paretoserve split` from text, and its report and picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve.cost import Hardware, hardware
from paretoserve.partition import Device, Link
from paretoserve.partition.front import OBJECTIVES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from paretoserve.partition import SplitFront

__all__ = ["devices_of", "links_of", "systems_of", "write_html", "write_plot"]

MOST_LABELS = 10
UNITS = {"latency_s": "s", "throughput_rps": "requests/s", "energy_j": "J"}


def devices_of(texts: Sequence[str]) -> list[Device]:
    """Return devices from texts such as ``pi,speed=0.5,memory_bytes=4e9``."""
    kinds = {"memory_bytes": True, "count": True, "speed": False, "watts": False, "joules_per_byte": False}
    made = []
    for text in texts:
        name, *parts = text.split(",")
        fields: dict[str, Any] = _fields("--devices", text, parts, kinds)
        made.append(Device(name.strip(), **fields))
    return made


def links_of(texts: Sequence[str]) -> list[Link]:
    """Return links from texts such as ``latency_s=0.005,bandwidth=12.5e6``."""
    kinds = {"latency_s": False, "bandwidth": False}
    return [Link(**_fields("--link", text, text.split(","), kinds)) for text in texts]


def systems_of(names: Sequence[str]) -> tuple[list[Device], dict[str, Hardware]]:
    """Return a device with the usable memory of each system, and the system of each device."""
    systems: dict[str, Hardware] = {}
    devices = []
    for given in names:
        found = hardware(given)
        number = sum(other.name == found.name for other in systems.values())
        name = found.name if number == 0 else f"{found.name}-{number + 1}"
        systems[name] = found
        devices.append(Device(name, memory_bytes=max(found.memory_bytes - found.reserved_bytes, 0)))
    return devices, systems


def _fields(option: str, text: str, parts: Sequence[str], kinds: dict[str, bool]) -> dict[str, Any]:
    """Return the numbers of ``field=number`` parts; of whole ones 4e9 is 4,000,000,000."""
    values: dict[str, Any] = {}
    for part in parts:
        name, sign, number = (piece.strip() for piece in part.partition("="))
        if not sign or name not in kinds or name in values:
            expected = ", ".join(f"{kind}=X" for kind in kinds)
            raise ValueError(f"`{option}` must have each of {expected} at most once, got `{part}` in `{text}`")
        try:
            value = float(number)
            if kinds[name] and not value.is_integer():
                raise ValueError
        except (ValueError, OverflowError):
            kind = "a whole number" if kinds[name] else "a number"
            raise ValueError(f"`{option}` must have {kind} for `{name}`, got `{number}` in `{text}`") from None
        values[name] = int(value) if kinds[name] else value
    return values


def _senses(front: SplitFront) -> dict[str, Literal["min", "max"]]:
    return {OBJECTIVES[name]: "max" if name == "throughput" else "min" for name in front.objectives}


def write_html(path: Path, front: SplitFront, rows: pa.Table) -> None:
    """Write the interactive report of the splits and other planners' answers."""
    from paretoserve.plan.report import Axis, write_report

    senses = _senses(front)
    columns: dict[str, Any] = {"stages": rows.column("stages").to_pylist()}
    for name in (*senses, "planner"):
        values = rows.column(name).to_pylist()
        columns[name] = values if name == "planner" else np.array([np.nan if v is None else v for v in values])
    write_report(
        path,
        title=f"Splits of {len(front.layers)} layers over {len(front.devices)} devices",
        points=columns,
        objectives=[Axis(name, sense, UNITS[name]) for name, sense in senses.items()],
        front=rows.column("on_front").to_pylist(),
    )


def write_plot(path: Path, front: SplitFront, rows: pa.Table) -> None:
    """Draw latency and throughput, or the first two objectives that counted.

    Beside the points are their cuts and the planners whose answer they are; of many splits only beside the latter.
    """
    from paretoserve import pareto

    marked = zip(rows.column("cuts").to_pylist(), rows.column("planner").to_pylist(), strict=True)
    labels = [f"{cuts} {planner}".strip() if planner or len(rows) <= MOST_LABELS else "" for cuts, planner in marked]

    senses = _senses(front)
    if len(senses) < 2:
        senses = {"latency_s": "min", "throughput_rps": "max"}
    title = f"Splits of {len(front.layers)} layers over {len(front.devices)} devices"
    pareto.plot(rows, senses, labels=labels, title=title, file=path)
