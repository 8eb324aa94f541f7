"""The sources of energy: each begins, says what passed since it was last asked, and ends."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from paretoserve.errors import DeviceError
from paretoserve.integrations.energy.readings import Reading, from_codecarbon, from_zeus, reading

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PACKAGES", "Codecarbon", "Counter", "Nvml", "Zeus", "imported", "tracker"]

PACKAGES = {"nvml": ("pynvml", "nvidia-ml-py"), "zeus": ("zeus.monitor", "zeus"), "codecarbon": ("codecarbon",) * 2}


def imported(source: str) -> Any:
    """Return the module that a source needs; ModuleNotFoundError that names its package."""
    module, package = PACKAGES[source]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        message = f'reading energy by "{source}" needs the package {package}\nhint: pip install {package}'
        raise ModuleNotFoundError(message, name=error.name) from None


class Counter(Protocol):
    """What a source can do: begin, give what passed since the last call, end."""

    def start(self) -> None:
        """Begin the first stretch."""

    def split(self) -> Reading:
        """Return what passed since the last call, or since the start."""

    def stop(self) -> None:
        """Let go of the source."""


@dataclass
class Nvml:
    """The energy counters of the driver, in mJ since it was loaded."""

    pynvml: Any
    gpus: Sequence[int] | None
    handles: dict[str, Any] = field(default_factory=dict)
    last: tuple[float, dict[str, int]] = (0.0, {})

    def start(self) -> None:
        """Begin the first stretch."""
        try:
            self.pynvml.nvmlInit()
        except self.pynvml.NVMLError as error:
            raise DeviceError(f"NVML does not answer: {error}\nhint: it comes with the NVIDIA driver") from None
        found = range(self.pynvml.nvmlDeviceGetCount())
        wrong = [index for index in self.gpus or () if index not in found]
        if wrong:
            self.stop()
            raise DeviceError(f"`gpus` must be below {len(found)}, the number of GPUs, got {wrong[0]}")
        chosen = found if self.gpus is None else self.gpus
        self.handles = {f"gpu{index}": self.pynvml.nvmlDeviceGetHandleByIndex(index) for index in chosen}
        self.last = self._now()

    def _now(self) -> tuple[float, dict[str, int]]:
        counters = {}
        for part, handle in self.handles.items():
            try:
                counters[part] = self.pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
            except self.pynvml.NVMLError as error:
                hint = "hint: GPUs have energy counters from Volta on; zeus adds up the power of older ones"
                raise DeviceError(f"{part} has no energy counter: {error}\n{hint}") from None
        return time.perf_counter(), counters

    def split(self) -> Reading:
        """Return what passed since the last call."""
        (before, old), self.last = self.last, self._now()
        now, new = self.last
        return reading("nvml", now - before, {part: (new[part] - old[part]) / 1e3 for part in new})

    def stop(self) -> None:
        """Let go of the source."""
        self.pynvml.nvmlShutdown()


@dataclass
class Zeus:
    """Windows of a monitor of zeus, one after the other."""

    monitor: Any
    window: str = "paretoserve"

    def start(self) -> None:
        """Begin the first stretch."""
        self.monitor.begin_window(self.window)

    def split(self) -> Reading:
        """Return what passed since the last call."""
        measurement = self.monitor.end_window(self.window)
        self.monitor.begin_window(self.window)
        return from_zeus(measurement)

    def stop(self) -> None:
        """Let go of the source."""
        self.monitor.end_window(self.window, cancel=True)


@dataclass
class Codecarbon:
    """Tasks of a tracker of codecarbon, one after the other."""

    tracker: Any

    def start(self) -> None:
        """Begin the first stretch."""
        self.tracker.start_task()

    def split(self) -> Reading:
        """Return what passed since the last call."""
        emissions = self.tracker.stop_task()
        self.tracker.start_task()
        return from_codecarbon(emissions)

    def stop(self) -> None:
        """Let go of the source."""
        self.tracker.stop_task()
        self.tracker.stop()


def tracker(codecarbon: Any, gpus: Sequence[int] | None) -> Any:
    """Return a tracker that writes no file and asks no server."""
    # The country only sets the emissions, which nobody reads here; without one the tracker would ask a server.
    options = {"country_iso_code": "USA", "save_to_file": False, "log_level": "error", "allow_multiple_runs": True}
    with warnings.catch_warnings():
        # Newer versions say that `save_to_file` is old; older ones know no other way.
        warnings.simplefilter("ignore", DeprecationWarning)
        return codecarbon.OfflineEmissionsTracker(**options, gpu_ids=None if gpus is None else list(gpus))
