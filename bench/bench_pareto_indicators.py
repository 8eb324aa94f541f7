"""The indicators beside moocore and pymoo, on fronts that are spheres, against 1,000 reference points.

Run with ``pytest bench/bench_pareto_indicators.py --benchmark-enable``; one cell takes seconds.
"""

import warnings

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
    cell = f"igd_plus sphere n={n} d={d}"
    benchmark.pedantic(
        lambda: compare(show, cell, lambda: pareto.igd_plus(rows, references, threads=1), calls, target=6), rounds=1
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
