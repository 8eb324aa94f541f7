"""Measured joules and seconds for `paretoserve.metrics`: NVML counters, zeus and codecarbon behind one face.

The three count the same joules in other ways: NVML reads the energy counter of each GPU (Volta and later), zeus adds
what it knows of CPU and memory, codecarbon models what it cannot read and keeps kWh. Each is imported when it is used.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from paretoserve.integrations.energy.counters import PACKAGES, Codecarbon, Counter, Nvml, Zeus, imported, tracker
from paretoserve.integrations.energy.readings import Reading, from_codecarbon, from_zeus, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

__all__ = ["Meter", "Reading", "from_codecarbon", "from_zeus", "table"]


class Meter:
    """Energy of stretches of a program, by the source that is installed.

    Parameters
    ----------
    source : {"nvml", "zeus", "codecarbon"}, default "nvml"
    gpus : sequence of int, optional
        Which GPUs, in the numbering of the driver (NVML) or of zeus; all by default. codecarbon: its own option.
    monitor : zeus.monitor.ZeusMonitor or codecarbon.OfflineEmissionsTracker, optional
        Use this one instead of making one. The tracker made here writes no file and asks no server.

    Attributes
    ----------
    readings : list of Reading

    Raises
    ------
    ModuleNotFoundError
        If the package of `source` is not installed; the message names it.
    DeviceError
        If there is no driver, no such GPU, or a GPU without an energy counter.
    ValueError
        If `source` is another word.

    Notes
    -----
    `lap` charges what passed since the last lap, so idle time goes to the next stretch; `window` counts only its body.
    Energy counters move a few times per second: a stretch below about 0.1 s may read as missing.

    Examples
    --------
    >>> from paretoserve.integrations.energy import Meter, table
    >>> def measured(queries, answer):
    ...     with Meter("nvml", gpus=[0]) as meter:
    ...         for query in queries:
    ...             answer(query)
    ...             meter.lap()
    ...     return table(meter.readings)
    >>> Meter("sundial")
    Traceback (most recent call last):
    ValueError: `source` must be one of nvml, zeus, codecarbon, got `sundial`
    """

    def __init__(
        self,
        source: Literal["nvml", "zeus", "codecarbon"] = "nvml",
        *,
        gpus: Sequence[int] | None = None,
        monitor: Any = None,
    ) -> None:
        if source not in PACKAGES:
            raise ValueError(f"`source` must be one of {', '.join(PACKAGES)}, got `{source}`")
        self.readings: list[Reading] = []
        self._counter: Counter
        if source == "nvml":
            self._counter = Nvml(imported("nvml"), gpus)
        elif source == "zeus":
            self._counter = Zeus(monitor or imported("zeus").ZeusMonitor(gpu_indices=gpus))
        else:
            self._counter = Codecarbon(monitor or tracker(imported("codecarbon"), gpus))

    def __enter__(self) -> Meter:
        self._counter.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._counter.stop()

    def lap(self) -> Reading:
        """Return, and keep, what passed since the last lap, window or the beginning."""
        self.readings.append(self._counter.split())
        return self.readings[-1]

    @contextmanager
    def window(self) -> Iterator[None]:
        """Keep the energy of the body of a ``with`` statement; what passed before it is left out."""
        self._counter.split()
        yield
        self.lap()
