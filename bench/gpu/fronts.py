"""How fast fronts, ranks, bootstraps and estimated volumes are on the device, and write the table to ``bench/results``.

Each is compared with the CPU, whose result it must equal, and with the plain way in torch on the same device: all rows
against all, every front again for a rank, random points for a volume. Wall time of a call until the device is idle,
medians. Usage: fronts.py [--scale 1.0] [--out bench/results]
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _results import write

from paretoserve import pareto

DEVICE = "cuda"
REPEATS = 5
# Comparisons of a row with a row that the plain way holds at once.
MOST_PAIRS = 1 << 28


def seconds(call: Callable[[], Any], repeats: int = 1) -> tuple[float, Any]:
    """Return the median time of a call and what it returned; the first one, which compiles, does not count."""
    result = call()
    times = []
    for _ in range(repeats):
        torch.cuda.synchronize()
        start = time.perf_counter()
        result = call()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return sorted(times)[repeats // 2], result


def dominated(points: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Tell for points of shape (..., n, d) which of others (..., m, d) dominates which: (..., m, n)."""
    shape = (*points.shape[:-2], others.shape[-2], points.shape[-2])
    no_worse = torch.ones(shape, dtype=torch.bool, device=points.device)
    better = torch.zeros_like(no_worse)
    for k in range(points.shape[-1]):
        theirs, own = others[..., :, None, k], points[..., None, :, k]
        no_worse &= theirs <= own
        better |= theirs < own
    return no_worse & better


def plain_mask(points: torch.Tensor) -> torch.Tensor:
    """Return the marks of `mask`, all rows against all."""
    step = max(1, MOST_PAIRS // len(points))
    return torch.cat([~dominated(some, points).any(0) for some in points.split(step)])


def plain_ranks(points: torch.Tensor) -> torch.Tensor:
    """Return the ranks of `ranks`, front after front."""
    ranks = torch.full((len(points),), -1, dtype=torch.int32, device=points.device)
    left, rank = torch.arange(len(points), device=points.device), 0
    while len(left) > 0:
        marks = plain_mask(points[left])
        ranks[left[marks]] = rank
        left, rank = left[~marks], rank + 1
    return ranks


def plain_bootstrap(runs: torch.Tensor, num_samples: int) -> torch.Tensor:
    """Return the probabilities of `bootstrap` with torch's random numbers; `runs` has the shape (n, m, d)."""
    n, m, d = runs.shape
    counts = torch.zeros(n, device=runs.device)
    step = max(1, MOST_PAIRS // (n * n))
    for first in range(0, num_samples, step):
        draws = min(step, num_samples - first)
        chosen = torch.randint(m, (draws, n, m, 1), device=runs.device).expand(-1, -1, -1, d)
        means = runs.expand(draws, -1, -1, -1).gather(2, chosen).mean(2)
        counts += (~dominated(means, means).any(1)).sum(0)
    return counts / num_samples


def plain_volume(points: torch.Tensor, rel_err: float) -> float:
    """Return the share of random points of the unit cube that points dominate, to a 99.9 % interval like ours."""
    hits = tried = 0
    while not hits or 3.29 * ((tried - hits) / tried / hits) ** 0.5 > rel_err:
        step = max(1, MOST_PAIRS // len(points))
        places = torch.rand(step, points.shape[1], dtype=points.dtype, device=points.device)
        inside = torch.ones(len(points), step, dtype=torch.bool, device=points.device)
        for k in range(points.shape[1]):
            inside &= points[:, None, k] <= places[None, :, k]
        hits, tried = hits + int(inside.any(0).sum()), tried + step
    return hits / tried


def cases(scale: float) -> Iterator[tuple[str, Callable[[], Any], Callable[[], Any], Callable[[], Any]]]:
    """Yield a name and the calls on the device, on the CPU, and of the plain way."""
    generator = torch.Generator().manual_seed(1)

    def table(n: int, d: int, kind: str) -> tuple[torch.Tensor, Any]:
        points = torch.rand(max(8, int(n * scale)), d, generator=generator, dtype=torch.float32)
        if kind == "sphere":
            points = 1 - points / points.norm(dim=1, keepdim=True)
        return points.to(DEVICE), points.numpy()

    for n, d, kind in ((1_000_000, 3, "uniform"), (100_000, 8, "uniform"), (100_000, 4, "sphere")):
        device, host = table(n, d, kind)
        calls = [lambda x=x: pareto.mask(x) for x in (device, host)]
        yield f"mask, {kind}, {len(host)} x {d}", *calls, lambda x=device: plain_mask(x)
    for n, d in ((20_000, 3), (20_000, 6)):
        device, host = table(n, d, "uniform")
        calls = [lambda x=x: pareto.ranks(x) for x in (device, host)]
        yield f"ranks, uniform, {len(host)} x {d}", *calls, lambda x=device: plain_ranks(x)
    num_samples = max(2, int(1000 * scale))
    for n, d in ((1000, 3), (10_000, 3)):
        device, host = table(8 * n, d, "uniform")
        ends = np.arange(0, len(host) + 1, 8)
        calls = [
            lambda x=x, e=ends: pareto.bootstrap(x, offsets=e, num_samples=num_samples).probability
            for x in (device, host)
        ]
        runs = device.view(-1, 8, d)
        name = f"bootstrap, {num_samples} draws of {len(runs)} x {d}"
        yield name, *calls, lambda x=runs: plain_bootstrap(x, num_samples)
    rel_err = 1e-3 if scale >= 1 else 0.5
    for n, d in ((1000, 6), (10_000, 10)):
        device, host = table(n, d, "uniform")
        calls = [
            lambda x=x: float(pareto.hypervolume(x, 1.0, method="approx", rel_err=rel_err)) for x in (device, host)
        ]
        yield f"volume to {rel_err:g}, {len(host)} x {d}", *calls, lambda x=device: plain_volume(x, rel_err)


def main() -> int:
    """Measure, compare, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="factor of the numbers of rows and draws")
    parser.add_argument("--out", type=Path, default=Path("bench/results"), help="folder of the table")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        print("no CUDA device", file=sys.stderr)
        return 1
    rows, lines = [], []
    for name, on_device, on_host, plain in cases(arguments.scale):
        ours, found = seconds(on_device, REPEATS)
        cpu, expected = seconds(on_host, REPEATS)
        other, _ = seconds(plain)
        found = found.cpu().numpy() if isinstance(found, torch.Tensor) else found
        if not np.array_equal(found, expected):
            print(f"{name}: not the result of the CPU", file=sys.stderr)
            return 1
        rows.append({"case": name, "ms": ours * 1e3, "cpu_ms": cpu * 1e3, "plain_ms": other * 1e3})
        times = f"{ours * 1e3:.2f} | {cpu * 1e3:.2f} | {cpu / ours:.1f} | {other * 1e3:.2f} | {other / ours:.1f}"
        lines.append(f"| {name} | {times} |")
        print(lines[-1], flush=True)
    columns = ["case", "ms", "CPU ms", "CPU / ours", "plain torch ms", "plain / ours"]
    write(arguments.out, "-fronts", columns, lines, {"scale": arguments.scale, "rows": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
