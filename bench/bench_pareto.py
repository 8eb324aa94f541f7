"""`pareto.mask` against a plain numpy filter and the libraries that are installed, on tables of known shape.

Run with ``pytest bench/bench_pareto.py --benchmark-enable --benchmark-group-by=param:cell``.
"""

import numpy as np
import pytest

from paretoserve import pareto

CELLS = [
    ("uniform", 1_000, 3),
    ("uniform", 100_000, 2),
    ("uniform", 100_000, 4),
    ("uniform", 1_000_000, 3),
    ("sphere", 100_000, 3),
    ("sphere", 10_000, 6),
    ("grid", 100_000, 8),
]


def numpy_mask(points):
    """Walk the rows from the smallest sum on and strike out what each dominates: quick while the front is small."""
    left = np.argsort(points.sum(axis=1), kind="stable")
    marked = np.zeros(len(points), dtype=bool)
    while len(left):
        row = points[left[0]]
        marked[left[(points[left] == row).all(axis=1)]] = True
        left = left[(points[left] < row).any(axis=1)]
    return marked


def moocore_mask(points):
    return pytest.importorskip("moocore").is_nondominated(points, keep_weakly=True)


def paretoset_mask(points):
    return pytest.importorskip("paretoset").paretoset(points, distinct=False)


@pytest.fixture(params=CELLS, ids=lambda cell: "-".join(map(str, cell)))
def cell(request):
    shape, n, d = request.param
    points = np.random.default_rng(0).random((n, d))
    if shape == "sphere":
        points = np.abs(np.random.default_rng(0).standard_normal((n, d)))
        points /= np.linalg.norm(points, axis=1, keepdims=True)
    return np.floor(points * 16) if shape == "grid" else points


@pytest.mark.parametrize(
    "filter_points", [pareto.mask, numpy_mask, moocore_mask, paretoset_mask], ids=lambda f: f.__name__
)
def test_mask(benchmark, cell, filter_points):
    expected = pareto.mask(cell, threads=1)
    if filter_points is numpy_mask and expected.sum() > 3_000:
        pytest.skip("a pass in numpy per point of a large front takes minutes")
    marked = benchmark.pedantic(filter_points, args=(cell,), rounds=5, warmup_rounds=1)
    assert (marked == expected).all()
