"""The indicators beside moocore and pymoo, on fronts that are spheres, against 1,000 reference points.

Run with ``pytest bench/bench_pareto_indicators.py --benchmark-enable``; one cell takes seconds.
"""

import warnings

import numpy as np
import pytest

from _pareto import compare, points
from paretoserve import pareto

NUM_REFERENCES = 1_000


@pytest.fixture(scope="module")
def peers():
    """Return the modules that are installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        moocore = pytest.importorskip("moocore")
        indicator = pytest.importorskip("pymoo.indicators.igd_plus")
    return moocore, indicator.IGDPlus


@pytest.mark.parametrize("d", [2, 3, 6, 10])
@pytest.mark.parametrize("n", [1_000, 10_000])
def test_igd_plus(benchmark, show, peers, n, d):
    moocore, pymoo = peers
    rows, references = points("sphere", n, d), points("sphere", NUM_REFERENCES, d, seed=1)
    calls = {"moocore": lambda: moocore.igd_plus(rows, references), "pymoo": lambda: pymoo(references)(rows)}
    cell, target = f"igd_plus sphere n={n} d={d}", 6 if n == 10_000 else 1
    benchmark.pedantic(
        lambda: compare(show, cell, lambda: pareto.igd_plus(rows, references, threads=1), calls, target=target),
        rounds=1,
    )


@pytest.mark.parametrize("kind", ["add", "mult"])
@pytest.mark.parametrize("d", [2, 3, 6])
def test_epsilon(benchmark, show, peers, kind, d):
    moocore, _ = peers
    rows, references = 0.1 + points("sphere", 10_000, d), 0.1 + points("sphere", NUM_REFERENCES, d, seed=1)
    peer = moocore.epsilon_additive if kind == "add" else moocore.epsilon_mult
    calls = {"moocore": lambda: peer(rows, references)}
    cell = f"epsilon {kind} sphere n=10000 d={d}"
    benchmark.pedantic(
        lambda: compare(show, cell, lambda: pareto.epsilon(rows, references, kind=kind, threads=1), calls, target=1),
        rounds=1,
    )


def test_attainment(benchmark, show, peers):
    moocore, _ = peers
    runs = [1 - points("sphere", 2_000, 2, seed=seed) for seed in range(20)]
    rows, labels = np.vstack(runs), np.repeat(np.arange(20), len(runs[0]))
    calls = {"moocore": lambda: moocore.eaf(rows, labels)}
    levels = list(range(1, 21))
    cell = "attainment 20 runs x 2000, d=2"
    benchmark.pedantic(lambda: compare(show, cell, lambda: pareto.attainment(runs, levels), calls, target=1), rounds=1)


def test_exact_r2(benchmark, show, peers):
    moocore, _ = peers
    rows = points("sphere", 10_000, 2)
    calls = {"moocore": lambda: moocore.r2_exact(rows, ref=[0, 0])}
    benchmark.pedantic(
        lambda: compare(show, "r2 exact sphere n=10000 d=2", lambda: pareto.r2(rows, 0), calls, target=1), rounds=1
    )


def test_crowding(benchmark, show):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        metrics = pytest.importorskip("pymoo.operators.survival.rank_and_crowding.metrics")
    rows = points("sphere", 10_000, 3)
    calls = {"pymoo": lambda: metrics.calc_crowding_distance(rows)}
    benchmark.pedantic(
        lambda: compare(show, "crowding sphere n=10000 d=3", lambda: pareto.crowding(rows), calls, target=1), rounds=1
    )


def test_hull(benchmark, show):
    spatial = pytest.importorskip("scipy.spatial")
    rows = 1 - points("sphere", 100_000, 2)
    calls = {"scipy ConvexHull": lambda: spatial.ConvexHull(rows)}
    benchmark.pedantic(
        lambda: compare(show, "hull 1 - sphere n=100000 d=2", lambda: pareto.hull(rows), calls, target=1), rounds=1
    )
