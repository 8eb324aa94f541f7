"""What a run draws: energy from seconds, operations and bytes moved.

P = idle + memory * (bytes/s) / bandwidth + compute * (FLOP/s) / peak per GPU, capped at the power limit. Integrated
over a run only the totals matter, so no time series is needed. The coefficients are fitted by `tools/fit_power.py`;
the power limit (TDP) itself is never used as the draw, which would overstate decoding about 2.5 times.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from paretoserve.cost.checks import not_negative, positive, positive_count
from paretoserve.cost.gpu import Hardware
from paretoserve.cost.systems import hardware as find_hardware

__all__ = ["Energy", "energy"]


@dataclass(frozen=True)
class Energy:
    """Energy of a run, GPUs only: hosts, switches and cooling come on top.

    Parameters
    ----------
    joules : float
        All GPUs together.
    mean_power_w : float
        Mean draw of one GPU.
    provenance : {"fitted", "transferred", "given"}
        How the power coefficients were obtained.
    error : float or None
        Mean absolute relative error of their fit.
    source : str
        Runs or GPU they come from.
    """

    joules: float
    mean_power_w: float
    provenance: str
    error: float | None
    source: str

    def explain(self) -> str:
        """Return the energy and where it comes from as one sentence."""
        error = "" if self.error is None else f", {self.error:.0%} mean error"
        return f"{self.joules:.4g} J, {self.mean_power_w:.0f} W per GPU ({self.provenance}: {self.source}{error})"

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain data."""
        return asdict(self)


def energy(
    *,
    hardware: str | Path | Hardware,
    num_gpus: int,
    seconds: float,
    flops: float = 0.0,
    num_bytes: float = 0.0,
    weight_format: str = "bf16",
) -> Energy:
    """Compute the energy of a run.

    Parameters
    ----------
    hardware : str, Path or Hardware
        Anything that `hardware` takes.
    num_gpus : int
        GPUs that were on, busy or not.
    seconds : float
        Duration of the run.
    flops, num_bytes : float, default 0
        Operations computed and device-memory bytes moved, on all GPUs together.
    weight_format : str, default "bf16"
        Format of the weights; decides the peak rate that operations are compared with.

    Returns
    -------
    energy : Energy

    Raises
    ------
    ValueError
        If an argument is negative, zero where it may not be, or not finite, or the system has no power coefficients.
    UnknownNameError, DataError
        As `hardware`.

    Examples
    --------
    >>> from paretoserve.cost import energy
    >>> round(energy(hardware="h100_sxm", num_gpus=1, seconds=10, num_bytes=10e12).joules)
    2960
    """
    gpu = find_hardware(hardware)
    if gpu.power is None:
        raise ValueError(
            f"`{gpu.name}` has no power coefficients\n"
            "hint: give them in its file as `power: {idle_w: ..., memory_w: ..., compute_w: ...}`"
        )
    duration, count = positive("seconds", seconds), positive_count("num_gpus", num_gpus)
    moving = not_negative("num_bytes", num_bytes) / gpu.memory_bandwidth
    computing = not_negative("flops", flops) / gpu.peak_flops(weight_format)
    idle = gpu.power.idle_w * duration * count
    limit = gpu.tdp_w * duration * count
    joules = min(idle + gpu.power.memory_w * moving + gpu.power.compute_w * computing, limit)
    return Energy(joules, joules / duration / count, gpu.power.provenance, gpu.power.error, gpu.power.source)
