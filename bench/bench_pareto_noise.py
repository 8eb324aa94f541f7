"""`pareto.bootstrap` and `front_probability` beside a loop of numpy draws and a peer's filter.

Run with ``pytest bench/bench_pareto_noise.py --benchmark-enable``. "given" leaves drawing to the caller and times the
filters alone.
"""

import numpy as np
import pytest

from _pareto import compare, points
from paretoserve.pareto import bootstrap, front_probability

THREADS = 2
ROWS, DRAWS, RUNS = 1_000, 1_000, 5


@pytest.mark.parametrize(("shape", "d"), [("uniform", 2), ("uniform", 3), ("sphere", 3), ("uniform", 6)])
def test_bootstrap(show, shape, d):
    num_samples, runs = DRAWS, RUNS
    moocore = pytest.importorskip("moocore")
    paretoset = pytest.importorskip("paretoset")
    generator = np.random.default_rng(0)
    mean = points(shape, ROWS, d)
    n = len(mean)
    measured = mean[:, None] + generator.normal(0, 0.05, (n, runs, d))
    flat, offsets = measured.reshape(-1, d), np.arange(0, n * runs + 1, runs)
    samples = mean + generator.normal(0, 0.02, (num_samples, n, d))

    def loop(keep):
        counts, rows = np.zeros(n), np.arange(n)[:, None]
        for _ in range(num_samples):
            drawn = measured[rows, generator.integers(0, runs, (n, runs))].mean(axis=1)
            counts += keep(drawn)
        return counts

    def normal_loop(keep):
        counts = np.zeros(n)
        for _ in range(num_samples):
            counts += keep(mean + 0.02 * generator.standard_normal((n, d)))
        return counts

    keeps = {"moocore": moocore.is_nondominated, "paretoset": paretoset.paretoset}
    cell = f"{shape} d={d} n={n} B={num_samples}"
    compare(
        show,
        f"bootstrap {cell}",
        lambda: bootstrap(flat, offsets=offsets, num_samples=num_samples, threads=THREADS),
        {name: lambda keep=keep: loop(keep) for name, keep in keeps.items()},
        target=20 if d == 3 else 1,
        threads=THREADS,
    )
    compare(
        show,
        f"normal {cell}",
        lambda: front_probability(mean=mean, std=0.02, num_samples=num_samples, threads=THREADS),
        {name: lambda keep=keep: normal_loop(keep) for name, keep in keeps.items()},
        target=1,
        threads=THREADS,
    )
    compare(
        show,
        f"given {cell}",
        lambda: front_probability(samples, threads=THREADS),
        {name: lambda keep=keep: [keep(draw) for draw in samples] for name, keep in keeps.items()},
        target=1,
        threads=THREADS,
    )
