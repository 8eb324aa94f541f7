"""What was measured, whoever measured it: seconds and joules, by part."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paretoserve.errors import DtypeError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Reading", "from_codecarbon", "from_zeus", "reading", "table"]

JOULES_PER_KWH = 3.6e6


@dataclass(frozen=True)
class Reading:
    """Energy of a stretch of time.

    Attributes
    ----------
    seconds : float
    joules : float
        All parts together; NaN if it is not known, see `missing`.
    parts : mapping from str to float
        Joules by part, such as "gpu0" or "cpu0".
    source : {"nvml", "zeus", "codecarbon"}
    missing : str
        Why `joules` is NaN: a counter went back (the driver was loaded anew), or none moved in a stretch shorter than
        it takes them. Nothing is ever free, so neither counts as 0.
    """

    seconds: float
    joules: float
    parts: Mapping[str, float]
    source: str
    missing: str = ""

    @property
    def watts(self) -> float:
        """Mean power."""
        return self.joules / self.seconds if self.seconds > 0 else math.nan


def reading(source: str, seconds: float, parts: Mapping[str, float]) -> Reading:
    """Return the sum of parts, or why it is not known."""
    joules = math.fsum(parts.values())
    back = [part for part, each in parts.items() if not each >= 0]
    if back:
        return Reading(seconds, math.nan, dict(parts), source, f"the counter of {', '.join(back)} went back")
    if joules == 0:
        return Reading(seconds, math.nan, dict(parts), source, "no counter moved")
    return Reading(seconds, joules, dict(parts), source)


def from_zeus(measurement: Any) -> Reading:
    """Return a measurement of zeus as a reading.

    Parameters
    ----------
    measurement : zeus.monitor.Measurement
        What `ZeusMonitor.end_window` returns.

    Returns
    -------
    reading : Reading
        GPUs, and CPUs and memory where zeus reads them. The overlapping parts of a chip that it reads as a whole
        (``soc_energy``) are left out.

    Raises
    ------
    DtypeError
        If it is no such object.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from_zeus(SimpleNamespace(time=2.0, gpu_energy={0: 300.0, 1: 100.0}, cpu_energy=None)).watts
    200.0
    """
    if not hasattr(measurement, "time") or not hasattr(measurement, "gpu_energy"):
        raise DtypeError(f"`measurement` must be one of zeus, got {type(measurement).__name__}")
    parts = {f"gpu{index}": float(joules) for index, joules in measurement.gpu_energy.items()}
    for name in ("cpu", "dram"):
        counted = getattr(measurement, f"{name}_energy", None) or {}
        parts |= {f"{name}{index}": float(joules) for index, joules in counted.items()}
    return reading("zeus", float(measurement.time), parts)


def from_codecarbon(emissions: Any) -> Reading:
    """Return what codecarbon measured as a reading, kWh turned into joules.

    Parameters
    ----------
    emissions : codecarbon.output.EmissionsData
        What `stop_task` of a tracker returns, or its `final_emissions_data` after `stop`.

    Returns
    -------
    reading : Reading
        CPU, GPU and RAM; codecarbon models what it cannot read.

    Raises
    ------
    DtypeError
        If it is no such object, as the number that `stop` itself returns (kg of CO2).

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> run = SimpleNamespace(duration=10.0, cpu_energy=1e-4, gpu_energy=4e-4, ram_energy=0.0)
    >>> round(from_codecarbon(run).joules, 6)
    1800.0
    """
    names = ("cpu_energy", "gpu_energy", "ram_energy")
    if not all(hasattr(emissions, name) for name in ("duration", *names)):
        hint = "\nhint: after tracker.stop() take tracker.final_emissions_data"
        raise DtypeError(f"`emissions` must be EmissionsData of codecarbon, got {type(emissions).__name__}{hint}")
    parts = {name.removesuffix("_energy"): float(getattr(emissions, name)) * JOULES_PER_KWH for name in names}
    return reading("codecarbon", float(emissions.duration), parts)


def table(readings: Iterable[Reading]) -> dict[str, list[Any]]:
    """Return readings as columns that `paretoserve.metrics.energy` takes.

    Parameters
    ----------
    readings : iterable of Reading

    Returns
    -------
    table : dict
        Columns ``seconds``, ``joules``, ``watts`` and ``missing``, one row per reading.

    Raises
    ------
    ShapeError
        If there are none.

    Examples
    --------
    >>> table([Reading(2.0, 300.0, {"gpu0": 300.0}, "nvml")])["watts"]
    [150.0]
    """
    rows = list(readings)
    if not rows:
        raise ShapeError("`readings` must not be empty\nhint: call lap() of the meter, or use window()")
    return {name: [getattr(row, name) for row in rows] for name in ("seconds", "joules", "watts", "missing")}
