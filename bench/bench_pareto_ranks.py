"""`pareto.ranks` and `pareto.counts` beside their peers, on tables of known shape; the ratio to the best peer is shown.

Run with ``pytest bench/bench_pareto_ranks.py --benchmark-enable``. One thread, as every peer has.
"""

import warnings

import numpy as np
import pytest

from _pareto import compare, points
from paretoserve import pareto

# Targets per objectives and shape, from 10,000 rows on (100,000 for two and three objectives); below nothing is asked
# but that no peer is faster.
TARGETS = {2: 1.5, 3: 4, 4: {"uniform": 3, "corr": 6, "sphere": 2, "grid": 2}, 8: 2}
CELLS = [
    (shape, n, d)
    for shape in ("uniform", "corr", "sphere", "grid")
    for d in (2, 3, 4, 6, 8, 10)
    for n in (1_000, 10_000, 100_000)
]


def target(shape, n, d):
    """Return the ratio that is aimed at."""
    if n < (100_000 if d < 4 else 10_000):
        return 1
    targets = TARGETS[max(least for least in TARGETS if least <= d)]
    return targets[shape] if isinstance(targets, dict) else targets


def ranking_peers(table):
    """Return the peers that can rank this table in reasonable time and memory."""
    n = len(table)
    peers = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        moocore = pytest.importorskip("moocore")
        peers["moocore"] = lambda: moocore.pareto_rank(table)
        vamos = pytest.importorskip("vamos.foundation.kernel._numba_ranking")
        # Quadratic unless there are many layers.
        if n <= 10_000 or np.corrcoef(table, rowvar=False).min() > 0.5:
            peers["vamos"] = lambda: vamos.fast_non_dominated_sort_ranks(table)
        functions = pytest.importorskip("pymoo.functions")
        if n <= 1_000:
            efficient = functions.load_function("efficient_non_dominated_sort")
            peers["pymoo"] = lambda: efficient(table)
            pygmo = pytest.importorskip("pygmo")
            peers["pygmo"] = lambda: pygmo.fast_non_dominated_sorting(table)
    return peers


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: "-".join(map(str, cell)))
def test_ranks(benchmark, show, cell):
    table = points(*cell)
    peers = ranking_peers(table)
    expected = pareto.ranks(table, threads=1)
    assert all((peers[name]() == expected).all() for name in ("moocore", "vamos") if name in peers)
    name = "ranks {}-{}-{}".format(*cell)
    benchmark.pedantic(
        lambda: compare(show, name, lambda: pareto.ranks(table, threads=1), peers, target=target(*cell)), rounds=1
    )


def numpy_counts(table):
    """Count by a comparison of every row with all others."""
    n = len(table)
    dominated_by = np.empty(n, dtype=np.int64)
    for row in range(n):
        dominated_by[row] = ((table <= table[row]).all(axis=1) & (table < table[row]).any(axis=1)).sum()
    return dominated_by


@pytest.mark.parametrize("cell", [("uniform", 3_000, 2), ("uniform", 3_000, 3), ("uniform", 3_000, 6)])
def test_counts(benchmark, show, cell):
    table = points(*cell)
    pygmo = pytest.importorskip("pygmo")
    assert (pareto.counts(table, threads=1)[0] == numpy_counts(table)).all()
    peers = {"numpy": lambda: numpy_counts(table), "pygmo": lambda: pygmo.fast_non_dominated_sorting(table)}
    name = "counts {}-{}-{}".format(*cell)
    benchmark.pedantic(lambda: compare(show, name, lambda: pareto.counts(table, threads=1), peers, target=10), rounds=1)
