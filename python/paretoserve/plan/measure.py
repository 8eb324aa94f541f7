"""From one simulation to the objective columns: definitions as code, next to their names in `objectives`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from paretoserve import cost
from paretoserve.plan.objectives import OBJECTIVES, STATISTICS

if TYPE_CHECKING:
    from paretoserve.sim import Simulation

__all__ = ["latency_columns", "not_finite", "rate_columns", "refuse_unknown"]


def latency_columns(simulation: Simulation) -> dict[str, float]:
    """Return mean and percentiles of TTFT, TPOT and E2E over all requests, in seconds.

    A request with one output token has no TPOT (NaN) and is left out of its statistics; if no request has one, they
    are NaN.
    """
    columns: dict[str, float] = {}
    for metric in ("ttft", "tpot", "e2e"):
        values: NDArray[np.float64] = getattr(simulation, f"{metric}_s")
        values = values[~np.isnan(values)]
        points = [int(statistic[1:]) for statistic in STATISTICS if statistic != "mean"]
        quantiles = np.percentile(values, points) if len(values) else np.full(len(points), math.nan)
        columns[f"{metric}_mean_s"] = float(values.mean()) if len(values) else math.nan
        columns |= {f"{metric}_p{point}_s": float(value) for point, value in zip(points, quantiles, strict=True)}
    return columns


def rate_columns(simulation: Simulation, hardware: cost.Hardware, *, limits: Mapping[str, float]) -> dict[str, float]:
    """Return rates over the makespan: tokens per user and GPU, goodput, money and energy.

    Parameters
    ----------
    simulation : Simulation
        Times per request and totals.
    hardware : cost.Hardware
        Price and power of a GPU; a column whose price or power is not known is NaN.
    limits : mapping of str to float
        Seconds that a good request may take at most, per metric (`slo.request_limits`).

    Returns
    -------
    columns : dict of str to float
        The makespan runs from the first arrival to the last token. A run without duration has no rates (NaN).
    """
    good = np.ones(len(simulation.ttft_s), dtype=bool)
    for metric, limit in limits.items():
        values = getattr(simulation, f"{metric}_s")
        good &= np.isnan(values) | (values <= limit)
    tpot = simulation.tpot_s[~np.isnan(simulation.tpot_s)]
    mean_tpot = float(tpot.mean()) if len(tpot) else math.nan
    seconds, num_gpus, tokens = _makespan_s(simulation), simulation.config.num_gpus, simulation.output_tokens
    columns = {"tokens_per_s_per_user": 1.0 / mean_tpot if mean_tpot > 0 else math.nan}
    if seconds <= 0:
        names = ("tokens_per_s_per_gpu", "goodput_rps", "usd_per_mtok", "joule_per_token", "mfu", "mbu")
        return columns | dict.fromkeys(names, math.nan)
    peak = hardware.peak_flops(simulation.config.weight_format) * num_gpus * seconds
    return columns | {
        "tokens_per_s_per_gpu": tokens / seconds / num_gpus,
        "goodput_rps": float(good.sum()) / seconds,
        "usd_per_mtok": _usd_per_mtok(hardware, num_gpus, tokens / seconds),
        "joule_per_token": _joules(hardware, simulation, seconds) / tokens,
        "mfu": simulation.flops / peak,
        "mbu": simulation.bytes / (hardware.memory_bandwidth * num_gpus * seconds),
    }


def _usd_per_mtok(hardware: cost.Hardware, num_gpus: int, tokens_per_s: float) -> float:
    if hardware.price_usd_per_gpu_hour is None:
        return math.nan
    return cost.price(hardware=hardware, num_gpus=num_gpus, tokens_per_s=tokens_per_s).usd_per_mtok


def _joules(hardware: cost.Hardware, simulation: Simulation, seconds: float) -> float:
    if hardware.power is None:
        return math.nan
    return cost.energy(
        hardware=hardware,
        num_gpus=simulation.config.num_gpus,
        seconds=seconds,
        flops=simulation.flops,
        num_bytes=simulation.bytes,
        weight_format=simulation.config.weight_format,
    ).joules


def _makespan_s(simulation: Simulation) -> float:
    return (int(simulation.finish_ns.max()) - int(simulation.trace.arrival_ns[0])) / 1e9


def not_finite(columns: Mapping[str, float], names: tuple[str, ...]) -> str | None:
    """Return why a configuration has no place on a front of `names`: a column that is NaN or infinite; else None."""
    for name in names:
        if not math.isfinite(columns[name]):
            meaning = OBJECTIVES[name].meaning
            return f"{name} is not finite ({columns[name]}); it means: {meaning}\nhint: leave it out of the objectives"
    return None


def refuse_unknown(hardware: cost.Hardware, names: tuple[str, ...]) -> None:
    """Refuse objectives and limits that the system has no numbers for, before anything is simulated.

    Raises
    ------
    ValueError
        If `usd_per_mtok` is wanted without a price or `joule_per_token` without power coefficients.
    """
    for name, known, field in (
        ("usd_per_mtok", hardware.price_usd_per_gpu_hour, "price_usd_per_gpu_hour"),
        ("joule_per_token", hardware.power, "power"),
    ):
        if name in names and known is None:
            raise ValueError(
                f"`{name}` cannot be computed: no {field} is known for `{hardware.name}`\n"
                f"hint: give {field} in a system file, or leave this column out"
            )
