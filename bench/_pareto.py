"""Tables of known shape, and timings of a call beside those of its peers.

Time is the CPU time of the process divided by the threads that a call may use, so that other jobs of the machine count
little; ours and the peers take turns, and each is the median of its turns.
"""

import math
import statistics
import time
from collections.abc import Callable

import numpy as np

TURNS = 5
# With --benchmark-disable everything runs once, on small tables: that it runs at all is what is tested then.
SMOKE_ROWS = 300
_settings = {"smoke": False}
# A peer that takes longer than this per call is measured once.
SLOW_S = 2.0
# Shorter calls are repeated until they take about this long, so that the clock's step does not count.
TURN_S = 0.01


def points(shape: str, n: int, d: int, seed: int = 0) -> np.ndarray:
    """Return a table: `uniform`, `corr` (a noisy diagonal), `sphere` (all on the front), `grid` (ties everywhere)."""
    if _settings["smoke"]:
        n = min(n, SMOKE_ROWS)
    generator = np.random.default_rng(seed)
    if shape == "corr":
        return generator.random((n, 1)) + generator.normal(0, 0.05, (n, d))
    if shape == "grid":
        return generator.integers(0, 16, (n, d)).astype(np.float64)
    if shape == "simplex":
        return generator.dirichlet(np.ones(d), n)
    table = generator.random((n, d))
    if shape in ("sphere", "convex"):
        table = np.abs(generator.standard_normal((n, d)))
        table /= np.linalg.norm(table, axis=1, keepdims=True)
    return 1 - table if shape == "convex" else table


def smoke() -> None:
    """From now on run everything once, on small tables."""
    _settings["smoke"] = True


def seconds(call: Callable[[], object], threads: int) -> float:
    """Return the CPU seconds per thread of one call."""
    start = time.process_time()
    call()
    once = time.process_time() - start
    repeats = int(TURN_S / max(once, 1e-7))
    if repeats <= 1:
        return once / threads
    start = time.process_time()
    for _ in range(repeats):
        call()
    return (time.process_time() - start) / repeats / threads


def unit(value: float) -> str:
    """Return seconds in a unit that people read."""
    return f"{value * 1e6:.0f} us" if value < 1e-3 else f"{value * 1e3:.2f} ms" if value < 1 else f"{value:.2f} s"


def compare(
    show: Callable[[str], None],
    cell: str,
    ours: Callable[[], object],
    peers: dict[str, Callable[[], object]],
    *,
    target: float,
    threads: int = 1,
) -> float:
    """Show how many times faster than the best peer our call is, beside the target; return that ratio.

    `threads` is the number that `ours` uses; every peer has one.
    """
    calls = {"ours": ours, **peers}
    if _settings["smoke"] or not peers:
        for call in calls.values():
            call()
        show(f"{cell}: not timed, for want of peers" if not peers else f"{cell}: not timed")
        return math.nan
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for turn in range(TURNS):
        for name, call in calls.items():
            if turn == 0 or times[name][0] < SLOW_S:
                times[name].append(seconds(call, threads if name == "ours" else 1))
    medians = {name: statistics.median(each) for name, each in times.items()}
    best = min(peers, key=medians.__getitem__)
    ratio = medians[best] / medians["ours"]
    others = ", ".join(f"{name} {unit(medians[name])}" for name in peers)
    show(f"{cell:34} {unit(medians['ours']):>9}   {ratio:6.2f}x {best} (target {target})   {others}")
    return ratio
