"""`pareto.compose` beside a fold of numpy sums and a peer's filter.

Run with ``pytest bench/bench_pareto_compose.py --benchmark-enable``.
"""

import numpy as np
import pytest

from _pareto import compare
from paretoserve.pareto import compose

# Stages, options, objectives, largest value, target.
CELLS = [(32, 6, 2, 100, 1), (80, 8, 2, 10**6, 8), (12, 4, 3, 100, 1), (8, 6, 4, 1000, 1)]


def fold(stages, keep):
    rows = stages[0]
    for stage in stages[1:]:
        sums = (rows[:, None] + stage[None]).reshape(-1, rows.shape[1])
        rows = sums[keep(sums)]
    return rows


@pytest.mark.parametrize(("num_stages", "options", "d", "largest", "target"), CELLS)
def test_compose(show, num_stages, options, d, largest, target):
    moocore = pytest.importorskip("moocore")
    paretoset = pytest.importorskip("paretoset")
    generator = np.random.default_rng(0)
    stages = [generator.integers(1, largest, (options, d)).astype(float) for _ in range(num_stages)]
    peers = {
        "moocore fold": lambda: fold(stages, moocore.is_nondominated),
        "paretoset fold": lambda: fold(stages, paretoset.paretoset),
    }
    ours = compose(stages)
    assert len(ours) == len(peers["moocore fold"]())
    name = f"{num_stages} x {options}, d={d}: {len(ours)} rows"
    compare(show, name, lambda: compose(stages, threads=1), peers, target=target)
