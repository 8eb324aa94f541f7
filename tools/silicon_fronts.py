"""Fronts of published serving points: interactivity against throughput, per model, GPU, precision and lengths.

Usage: python tools/silicon_fronts.py e2e_shared.csv.gz [--tpot-ms 20]

Prints aggregate figures only: how many points are on the fronts, what interpolation adds under a limit on the time per
output token, where the knees lie, and how the GPUs compare. Aggregated (not split) serving only.
"""

import argparse
import csv
import gzip
from dataclasses import dataclass
from pathlib import Path
from statistics import geometric_mean, median

import numpy as np

from paretoserve import pareto

SENSE = ["max", "max"]
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
    limit = 1e3 / tpot_ms
    gains = []
    for front in fronts.values():
        single = pareto.pick(front, SENSE, best=1, where={0: (limit, None)})
        if single.index is not None:
            between = pareto.pick(front, SENSE, best=1, where={0: (limit, None)}, interpolate=True)
            gains.append(between.values[1] / single.values[1])
    lines.append(
        f"time per output token of {tpot_ms:g} ms or less: met in {len(gains)} of {len(names)} groups; tokens/s/GPU "
        f"interpolated at the limit over the best single point that meets it: {geometric_mean(gains):.3f}"
    )
    inside = [0.0 < pareto.normalise(front, SENSE)[pareto.knee(front, SENSE), 0] < 1.0 for front in fronts.values()]
    lines.append(
        f"knee: inside of the front in {sum(inside)} of {len(names)} groups; else the front bends away from the ideal, "
        "and an end is the furthest point"
    )
    return lines + comparisons(table, fronts)


def comparisons(table: Table, fronts: dict[str, np.ndarray]) -> list[str]:
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


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("points", type=Path)
    parser.add_argument("--tpot-ms", type=float, default=20.0)
    options = parser.parse_args()
    print("\n".join(figures(read(options.points), options.tpot_ms)))


if __name__ == "__main__":
    main()
