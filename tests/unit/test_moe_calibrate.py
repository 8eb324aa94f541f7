"""Cost models from timings."""

import csv

import numpy as np
import pytest

from _data import data
from paretoserve import moe
from paretoserve.errors import DtypeError, ShapeError


@pytest.mark.parametrize(
    ("token", "expert", "launch"), [(98, 13_000, 0), (30, 6000, 500), (50, 0, 4000), (20, 6400, 0)]
)
def test_the_model_behind_timings_is_found(token, expert, launch):
    active = np.repeat([8, 32, 128], 12)
    tokens = active * np.tile(2 ** np.arange(12), 3)
    truth = moe.CostModel(token, expert, launch_ns=launch)
    times = [each * truth.block_ns(int(count // each)) for count, each in zip(tokens, active, strict=True)]
    found = moe.calibrate(tokens, active, times)
    for size in (1, 50, 5000):
        assert found.block_ns(size) == pytest.approx(truth.block_ns(size), rel=0.02)


def test_a_measured_layer_is_met():
    path = data("moe/moe_latency_qwen3_30b_a3b_rtxpro6000_bf16.csv")
    with path.open() as file:
        rows = [
            (int(row["tokens"]) * 8, int(row["activated_experts"]), float(row["time_us"]))
            for row in csv.DictReader(file)
        ]
    tokens, active, time_us = np.array(rows).T
    cost = moe.calibrate(tokens.astype(int), active.astype(int), time_us * 1e3, transfer_ns=[100e3])
    errors = [abs(each * cost.block_ns(int(count / each)) / (time * 1e3) - 1) for count, each, time in rows]
    assert np.median(errors) < 0.1
    # The table's own reading: about 6.4 us per active expert while tokens are few.
    assert cost.block_ns(1) == pytest.approx(6400, rel=0.15)
    assert cost.source.startswith(f"fitted to {len(rows)} rows")
    assert cost.transfer_ns == 100e3


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        (([1, 2], [1, 1], [1.0, 2.0]), {}, ShapeError, "at least 3"),
        (([1, 2, 3], [1, 1], [1.0, 2.0, 3.0]), {}, ShapeError, "`active_experts`"),
        (([1, 2, 0], [1, 1, 1], [1.0, 2.0, 3.0]), {}, ValueError, "`tokens`"),
        (([1, 2, 3], [1, 3, 1], [1.0, 2.0, 3.0]), {}, ValueError, "got 3 of 2 in row 1"),
        (([1, 2, 3], [1, 1, 1], [1.0, 2.0, float("nan")]), {}, ValueError, "`time_ns`"),
        (([1, 2, 3], [1, 1, 1], []), {}, ShapeError, "`time_ns`"),
        (([1.5, 2, 3], [1, 1, 1], [1.0, 2.0, 3.0]), {}, DtypeError, "`tokens`"),
        (([1, 2, 3], [1, 1, 1], [1.0, 2.0, 3.0]), {"transfer_ns": -1}, ValueError, "`transfer_ns`"),
        (([1, 2, 3], [1, 1, 1], [1.0, 2.0, 3.0]), {"overlap": 2}, ValueError, "`overlap`"),
    ],
)
def test_bad_timings_are_refused(arguments, options, error, words):
    with pytest.raises(error, match=words):
        moe.calibrate(*arguments, **options)
