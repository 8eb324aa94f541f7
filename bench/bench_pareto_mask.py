"""`pareto.mask` beside moocore, paretoset and sweetpareto on tables of known shape, with the target of each cell.

Run with ``pytest bench/bench_pareto_mask.py --benchmark-enable``; ``PARETOSERVE_ALL_CELLS=1`` takes every shape and
number of objectives and of rows instead of a choice. Every mask is compared with that of a peer.
"""

import importlib
import itertools
import os
import warnings

import numpy as np
import pytest

from _pareto import compare, points, seconds, unit
from paretoserve import pareto

SHAPES = ("uniform", "corr", "sphere", "grid")
CHOICE = [
    *(("uniform", 1_000, d) for d in (2, 4, 8)),
    *(("corr", 1_000, d) for d in (2, 6)),
    *(("uniform", 10_000, d) for d in (2, 4)),
    ("corr", 10_000, 4),
    *(("uniform", 100_000, d) for d in (2, 4, 6)),
    *(("corr", 100_000, d) for d in (3, 8)),
    *(("grid", 100_000, d) for d in (4, 10)),
    *(("sphere", 100_000, d) for d in (2, 3, 4)),
    *(("sphere", 10_000, d) for d in (6, 10)),
    *(("uniform", 1_000_000, d) for d in (2, 4)),
    ("corr", 1_000_000, 4),
]
ALL = [
    (shape, n, d) for n, shape, d in itertools.product((1_000, 10_000, 100_000, 1_000_000), SHAPES, (2, 3, 4, 6, 8, 10))
]
CELLS = ALL if os.environ.get("PARETOSERVE_ALL_CELLS") else CHOICE


def target(shape, n, d):
    """The hard target of a cell: how many times faster than the best peer."""
    if n == 1_000:
        return 1.5 if d <= 8 else 0.9
    if shape == "sphere":
        if n == 10_000 and d < 6:
            return 1.0
        return {2: 2.0, 3: 2.5, 4: 2.5}.get(d, 6.0)
    if n == 10_000:
        return 2.5 if d <= 4 else 1.0
    return 5.0 if d <= 4 else 4.0


def imported(name):
    """A peer, or None; some warn while they are imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except ImportError:
            return None


def peers(table, slow_front):
    """A call per peer that is installed; quadratic ones only where the front is small."""
    calls = {}
    if moocore := imported("moocore"):
        calls["moocore"] = lambda: moocore.is_nondominated(table, keep_weakly=True)
    if not slow_front and (paretoset := imported("paretoset")):
        # The first call compiles.
        paretoset.paretoset(table[:10], distinct=False)
        calls["paretoset"] = lambda: paretoset.paretoset(table, distinct=False)
    if table.shape[1] == 2 and (sweetpareto := imported("sweetpareto")):
        try:
            # The compiled engine is an extra of the package; the other one is no peer.
            engine = sweetpareto.engine_factory("cython")
            calls["sweetpareto"] = lambda: engine(table[:, 0], table[:, 1], False, False)
        except ImportError:
            pass
    return calls


def threads_for(n, front):
    """As many as `mask` uses by itself: of two the prefilter from 2^16 rows on, and what sorts large fronts."""
    return min(2, os.cpu_count() or 1) if n >= 1 << 16 or front >= 1 << 14 else 1


@pytest.mark.parametrize(("shape", "n", "d"), CELLS)
def test_mask(show, shape, n, d):
    table = points(shape, n, d)
    marked = pareto.mask(table)
    calls = peers(table, slow_front=marked.sum() > 3_000)
    if "moocore" in calls:
        assert (np.asarray(calls["moocore"]()) == marked).all()
    compare(
        show,
        f"mask {shape} d={d} n={n} front={marked.sum()}",
        lambda: pareto.mask(table),
        calls,
        target=target(shape, n, d),
        threads=threads_for(n, marked.sum()),
    )


def test_call_overhead(show):
    table = np.random.default_rng(0).random((100, 3))
    taken = min(seconds(lambda: pareto.mask(table), 1) for _ in range(9))
    show(f"{'mask, call on 100 x 3':34} {unit(taken):>9}   target 15 us")
