"""Fronts inside each of 1,000 groups, beside what the libraries offer: a pandas loop, a polars window, `diff`.

Run with ``pytest bench/bench_pareto_groups.py --benchmark-enable``; the grouped frame includes the cost of its labels.
"""

import warnings

import numpy as np
import pytest

from _pareto import compare, points
from paretoserve import pareto

NUM_GROUPS = 1_000
THREADS = 2
CELLS = [(shape, n, d) for n in (100_000, 1_000_000) for shape in ("uniform", "sphere") for d in (2, 3, 4)]
# The one that paretoset compiles for takes ten seconds a call at a million rows.
MOST_ROWS_OF_DIFF = 100_000


@pytest.fixture(scope="module")
def peers():
    """Return the modules that are installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: pytest.importorskip(name) for name in ("moocore", "pandas", "polars", "paretoset")}


def pandas_loop(moocore, frame, names):
    """Filter every group by moocore, the fastest of what users write by hand."""
    values, marked = frame[names].to_numpy(), np.zeros(len(frame), dtype=bool)
    for rows in frame.groupby("group", sort=False).indices.values():
        marked[rows] = moocore.is_nondominated(values[rows], keep_weakly=True)
    return marked


def polars_window(polars, frame):
    """Sort by x, then keep what is below the least y so far in its group; two objectives without ties only."""
    column = polars.col("x1")
    sorted_frame = frame.sort("x0")
    least = column.cum_min().shift(1).over("group")
    return sorted_frame.filter(least.is_null() | (column < least))


@pytest.mark.parametrize(("shape", "n", "d"), CELLS, ids=lambda value: str(value))
def test_groups(benchmark, show, peers, shape, n, d):
    rows = points(shape, n, d)
    labels = np.random.default_rng(1).integers(0, NUM_GROUPS, len(rows))
    names = [f"x{k}" for k in range(d)]
    columns = {name: np.ascontiguousarray(rows[:, k]) for k, name in enumerate(names)}
    frame = peers["pandas"].DataFrame(columns | {"group": labels})
    moocore, polars, paretoset = peers["moocore"], peers["polars"], peers["paretoset"].paretoset
    calls = {"pandas loop of moocore": lambda: pandas_loop(moocore, frame, names)}
    if d == 2:
        table = polars.DataFrame(columns | {"group": labels})
        calls["polars window"] = lambda: polars_window(polars, table)
    if n <= MOST_ROWS_OF_DIFF:
        joint, senses = np.column_stack([labels, rows]), ["diff"] + ["min"] * d
        calls["paretoset diff"] = lambda: paretoset(joint, sense=senses, distinct=False)
    expected = pandas_loop(moocore, frame, names)
    objectives = dict.fromkeys(names, "min")

    def table_front():
        return pareto.from_frame(frame, objectives, by="group", threads=THREADS)

    def points_mask():
        return pareto.mask(rows, groups=labels, threads=THREADS)

    assert np.array_equal(np.sort(table_front().indices), np.flatnonzero(expected))
    assert np.array_equal(points_mask(), expected)
    cell, options = f"{shape} n={n} d={d}", {"target": 10 if n == 1_000_000 else 1, "threads": THREADS}
    benchmark.pedantic(lambda: compare(show, f"{cell}, mask", points_mask, calls, **options), rounds=1)
    # It also returns the rows, sorted.
    compare(show, f"{cell}, from_frame", table_front, calls, **options)
