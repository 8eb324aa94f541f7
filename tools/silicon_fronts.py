"""Fronts of published serving points: interactivity against throughput, per model, GPU, precision and lengths.

Usage: python tools/silicon_fronts.py e2e_shared.csv.gz [--tpot-ms 20] [--picture docs/silicon-fronts.png]

Prints aggregate figures only: how many points are on the fronts, what interpolation adds under a limit on the time per
output token, where the knees lie, what measurement noise leaves open, and how the GPUs compare. The picture shows the
same of all groups together. Aggregated (not split) serving only.
"""

import argparse
import csv
import gzip
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

import numpy as np

from paretoserve import pareto

SENSE = ["max", "max"]
# Standard deviation of a measurement, relative to it.
NOISE = 0.05
COLORS = ("#0072B2", "#D55E00", "#009E73")
# Fewer points than these have no front worth a figure.
LEAST_POINTS = 5


@dataclass(frozen=True)
class Table:
    """Points of all groups: tokens/s/user and tokens/s/GPU, with the label of the group of each."""

    points: np.ndarray
    groups: np.ndarray

    def group(self, name: str) -> np.ndarray:
        """Return the points of one group."""
        return self.points[self.groups == name]

    def names(self) -> list[str]:
        """Return the groups that have enough points, sorted."""
        names, counts = np.unique(self.groups, return_counts=True)
        return names[counts >= LEAST_POINTS].tolist()


def read(path: Path) -> Table:
    """Read the measured points of engines that both prefill and decode, as a closed loop of requests gives them."""
    points, groups = [], []
    with gzip.open(path, "rt") as stream:
        for row in csv.DictReader(stream):
            if row["mode"] != "agg" or not row["silicon_concurrency"]:
                continue
            ranks = max(1.0, float(row["attention_dp_size"] or 1))
            gpus = float(row["tp_size"]) * float(row["pp_size"] or 1) * ranks
            tpot_s, ttft_s = float(row["silicon_tpot_ms"]) * 1e-3, float(row["silicon_ttft_ms"]) * 1e-3
            tokens = float(row["osl"])
            request_s = ttft_s + tpot_s * (tokens - 1)
            points.append((1 / tpot_s, float(row["silicon_concurrency"]) * tokens / request_s / gpus))
            precision = row["precision"] or row["gemm_quant_mode"] or "bf16"
            lengths = f"{float(row['isl']):.0f}/{float(row['osl']):.0f}"
            groups.append(" | ".join([row["model_path"], row["system"], precision, lengths]))
    return Table(np.array(points), np.array(groups))


def figures(table: Table, tpot_ms: float) -> list[str]:
    """Return the aggregate figures, one line each."""
    on_front = pareto.mask(table.points, SENSE, groups=table.groups)
    names = table.names()
    fronts = {name: table.points[on_front & (table.groups == name)] for name in names}
    hulls = {name: len(pareto.hull(fronts[name], SENSE)) for name in names}
    sizes = [len(np.unique(front, axis=0)) for front in fronts.values()]
    lines = [
        f"{len(table.points)} points in {len(np.unique(table.groups))} groups, {len(names)} of {LEAST_POINTS} or more",
        f"on their group's front: {on_front.mean():.0%} of the points; front sizes median {median(sizes):.0f}, "
        f"largest {max(sizes)}; on the hull: {sum(hulls.values()) / sum(sizes):.0%} of the fronts",
    ]
    gains = gains_of(fronts, tpot_ms)
    lines.append(
        f"time per output token of {tpot_ms:g} ms or less: met in {len(gains)} of {len(names)} groups; tokens/s/GPU "
        f"interpolated at the limit over the best single point that meets it: {geometric_mean(gains):.3f}"
    )
    inside = [0.0 < pareto.normalise(front, SENSE)[pareto.knee(front, SENSE), 0] < 1.0 for front in fronts.values()]
    lines.append(
        f"knee: inside of the front in {sum(inside)} of {len(names)} groups; else the front bends away from the ideal, "
        "and an end is the furthest point"
    )
    sure = pareto.front_probability(
        mean=table.points, std=NOISE * table.points, sense=SENSE, groups=table.groups, num_samples=2000
    )
    lines.append(
        f"under {NOISE:.0%} noise: of the points on their front {sure.surely_on[on_front].mean():.0%} are surely so, "
        f"{sure.open[on_front].mean():.0%} open; of the others {sure.open[~on_front].mean():.0%} are open"
    )
    return lines + comparisons(fronts)


def gains_of(fronts: dict[str, np.ndarray], tpot_ms: float) -> list[float]:
    """Return tokens/s/GPU interpolated at a limit over those of the best point within it, per group that meets it."""
    limit = 1e3 / tpot_ms
    gains = []
    for front in fronts.values():
        single = pareto.pick(front, SENSE, best=1, where={0: (limit, None)})
        if single.index is not None:
            between = pareto.pick(front, SENSE, best=1, where={0: (limit, None)}, interpolate=True)
            gains.append(between.values[1] / single.values[1])
    return gains


def comparisons(fronts: dict[str, np.ndarray]) -> list[str]:
    """Return one line per pair of GPUs: the area over the common range, and how often one front dominates."""
    found: dict[tuple[str, str], list[tuple[float, bool, int]]] = {}
    for one in fronts:
        for other in fronts:
            (model, system, precision, lengths), key = one.split(" | "), other.split(" | ")
            if key[0] != model or key[2:] != [precision, lengths] or key[1] >= system:
                continue
            lo = max(fronts[one][:, 0].min(), fronts[other][:, 0].min())
            hi = min(fronts[one][:, 0].max(), fronts[other][:, 0].max())
            if lo < hi:
                areas = [pareto.area(fronts[name], lo, hi, sense=SENSE) for name in (one, other)]
                dominates = pareto.curve_dominates(fronts[one], fronts[other], sense=SENSE)
                crossings = len(pareto.crossings(fronts[one], fronts[other], sense=SENSE))
                found.setdefault((system, key[1]), []).append((areas[0] / areas[1], dominates, crossings))
    return [
        f"{one} over {other}: area {geometric_mean([ratio for ratio, _, _ in each]):.2f}, the curve dominates in "
        f"{sum(dominates for _, dominates, _ in each)} of {len(each)} groups, {sum(n for _, _, n in each)} crossings"
        for (one, other), each in sorted(found.items())
    ]


def draw(table: Table, tpot_ms: float, path: Path) -> None:
    """Draw what the groups have in common: the shapes of their fronts, gains by interpolation, and doubt."""
    from matplotlib.figure import Figure

    on_front = pareto.mask(table.points, SENSE, groups=table.groups)
    fronts = {name: table.points[on_front & (table.groups == name)] for name in table.names()}
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    shapes, gains, doubt = figure.subplots(1, 3)
    draw_shapes(shapes, fronts)
    ratios = np.sort(gains_of(fronts, tpot_ms))[::-1]
    gains.step(np.arange(len(ratios)), ratios, where="post", color=COLORS[0])
    gains.set(title=f"Interpolated at {tpot_ms:g} ms per token", xlabel="groups, by gain", ylim=(1, None))
    gains.set_ylabel("gain in tokens/s/GPU")
    sure = pareto.front_probability(mean=table.points, std=NOISE * table.points, sense=SENSE, groups=table.groups)
    bins = np.linspace(0, 1, 21)
    for marked, label, color in ((on_front, "on the front", COLORS[0]), (~on_front, "dominated", COLORS[1])):
        doubt.hist(sure.probability[marked], bins, label=f"as measured {label}", color=color, alpha=0.7)
    doubt.set(title=f"Under {NOISE:.0%} noise", xlabel="probability to be on the front", ylabel="points", yscale="log")
    doubt.legend(frameon=False, fontsize=8, loc="upper center")
    for axes in (shapes, gains, doubt):
        axes.grid(visible=True, color="#E8ECF0", linewidth=0.8)
        axes.set_axisbelow(True)
    figure.savefig(path, dpi=90)


def draw_shapes(axes: Any, fronts: dict[str, np.ndarray]) -> None:
    """Draw what half of the groups of a GPU reach, as shares of their own best, and a band for the middle half."""
    grid = np.linspace(0.0, 1.0, 401)
    systems = Counter(name.split(" | ")[1] for name in fronts)
    for (system, count), color in zip(systems.most_common(len(COLORS)), COLORS, strict=False):
        own = [front / front.max(axis=0) for name, front in fronts.items() if name.split(" | ")[1] == system]
        most, middle, least = (reached(surface, grid) for surface in pareto.attainment(own, [0.25, 0.5, 0.75], SENSE))
        axes.fill_between(grid, least, most, color=color, alpha=0.15, linewidth=0)
        axes.plot(grid, middle, color=color, label=f"{system}, {count} groups")
    axes.set(title="What half of the groups reach", xlabel="share of the best tokens/s/user")
    axes.set_ylabel("share of the best tokens/s/GPU")
    axes.legend(frameon=False, fontsize=8)


def reached(surface: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Return the most of the second objective that a surface has with at least so much of the first."""
    values = pareto.interp(surface, grid, "step", sense=SENSE, extrapolate=True)
    return np.where(grid <= surface[:, 0].max(), values, 0.0)


def main() -> None:
    """Print the figures, and draw the picture if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("points", type=Path)
    parser.add_argument("--tpot-ms", type=float, default=20.0)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    table = read(options.points)
    print("\n".join(figures(table, options.tpot_ms)))
    if options.picture is not None:
        draw(table, options.tpot_ms, options.picture)


if __name__ == "__main__":
    main()
