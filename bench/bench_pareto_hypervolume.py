"""Hypervolumes, contributions and estimates beside moocore, hvwfg and pygmo, with the ratios that are wanted.

Run with ``pytest bench/bench_pareto_hypervolume.py --benchmark-enable``.
"""

import time
import warnings

import numpy as np
import pytest

from _pareto import compare, points
from paretoserve import pareto

THREADS = 2
# Shape, points, objectives, target: all points on the front. A target of 1 asks that no peer is faster.
EXACT = [
    *(("sphere", n, d, 1) for d in (2, 3) for n in (100, 1_000)),
    *(("sphere", n, d, target) for d, target in ((2, 3), (3, 2)) for n in (10_000, 100_000)),
    *(("sphere", 100, d, 1) for d in (4, 5)),
    *(("sphere", n, 4, 1.7) for n in (1_000, 10_000, 100_000)),
    *(("sphere", n, 5, 1.7) for n in (1_000, 5_000)),
    *((shape, n, 6, 2) for shape in ("sphere", "convex", "simplex") for n in (100, 500)),
    *((shape, n, 8, 2) for shape in ("sphere", "convex", "simplex") for n in (50, 100)),
    ("sphere", 50, 10, 2),
]
# moocore takes minutes from here on.
MOOCORE_MOST = {5: 5_000, 6: 200, 8: 50, 10: 20}
HVWFG_MOST = {2: 0, 3: 0, 4: 10_000, 5: 1_000}
CONTRIBUTIONS = [("sphere", 1_000, 2, 1), ("sphere", 10_000, 3, 1), ("sphere", 1_000, 4, 20), ("sphere", 200, 6, 1)]
ESTIMATES = [(1_000, 5), (500, 6), (200, 8)]


@pytest.fixture(scope="module")
def peers():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [pytest.importorskip(name) for name in ("moocore", "hvwfg", "pygmo")]


@pytest.mark.parametrize(("shape", "n", "d", "target"), EXACT, ids=str)
def test_exact(peers, show, shape, n, d, target):
    table, ref = points(shape, n, d), np.full(d, 1.1)
    moocore, hvwfg, pygmo = peers
    calls = {}
    if n <= MOOCORE_MOST.get(d, n):
        calls["moocore"] = lambda: moocore.hypervolume(table, ref=ref)
    if n <= HVWFG_MOST.get(d, n):
        calls["hvwfg"] = lambda: hvwfg.wfg(table, ref)
    if n <= 200 and d <= 6:
        calls["pygmo"] = lambda: pygmo.hypervolume(table).compute(ref)
    expected = [call() for call in calls.values()]
    ours = pareto.hypervolume(table, ref, method="exact", threads=THREADS)
    assert np.allclose(expected, ours, rtol=1e-9)
    # What is as quick on one thread is done by one.
    threads = 1 if d <= 3 or (d <= 5 and n <= 100) else THREADS
    compare(
        show,
        f"hv {shape} d={d} n={n}",
        lambda: pareto.hypervolume(table, ref, method="exact", threads=threads),
        calls,
        target=target,
        threads=threads,
    )


@pytest.mark.parametrize(("shape", "n", "d", "target"), CONTRIBUTIONS, ids=str)
def test_contributions(peers, show, shape, n, d, target):
    table, ref = points(shape, n, d), np.full(d, 1.1)
    moocore, _, pygmo = peers
    calls = {"pygmo": lambda: pygmo.hypervolume(table).contributions(ref)} if n < 10_000 else {}
    if d <= 4:
        calls["moocore"] = lambda: moocore.hv_contributions(table, ref=ref)
    threads = THREADS if d > 3 else 1
    compare(
        show,
        f"contributions {shape} d={d} n={n}",
        lambda: pareto.hv_contributions(table, ref, threads=threads),
        calls,
        target=target,
        threads=threads,
    )


@pytest.mark.parametrize(("n", "d"), ESTIMATES, ids=str)
def test_estimate_at_equal_error(peers, show, n, d):
    """The error of a sampled volume is a matter of luck, so both are taken as roots of mean squares over ten fronts."""
    fronts = [points("sphere", n, d, seed) for seed in range(10)]
    ref = np.full(d, 1.1)
    truth = np.array([pareto.hypervolume(table, ref, method="exact", threads=THREADS) for table in fronts])

    def measured(call):
        start = time.process_time()
        values = np.array([call(table) for table in fronts])
        return (time.process_time() - start) / len(fronts), np.sqrt(np.mean((values / truth - 1) ** 2))

    def ours(rel_err):
        seconds, error = measured(
            lambda table: pareto.hypervolume(table, ref, method="approx", rel_err=rel_err, threads=THREADS)
        )
        return seconds / THREADS, error

    moocore_s, moocore_error = measured(lambda table: peers[0].hv_approx(table, ref=ref))
    rel_err = 8 * moocore_error
    seconds, error = ours(rel_err)
    while error > moocore_error:
        rel_err /= 1.5
        seconds, error = ours(rel_err)
    show(
        f"{f'estimate d={d} n={n}':34} {seconds * 1e3:6.2f} ms   {moocore_s / seconds:6.2f}x moocore "
        f"(target 5)   errors {error:.1e} and {moocore_error:.1e}, moocore {moocore_s * 1e3:.0f} ms"
    )
