"""The executor against itself without a plan: the busiest rank's CPU time and memory, balanced and imbalanced.

Four processes on this machine, gloo, one thread each; both ways take turns in the same processes.
"""

import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import _moe_layers as layers  # noqa: E402
import _moe_work  # noqa: E402

RANKS, TURNS = 4, 3
SIZES = {"experts": 16, "tokens": 1024, "top": 2, "width": 256, "inner": 256, "dtype": torch.float32}
SKEWS = {"balanced": 0.0, "skewed": 0.5, "two hot experts": 5.0}


@pytest.mark.parametrize("load", list(SKEWS))
def test_busiest_rank(benchmark, show, load):
    arguments = (RANKS, SKEWS[load], SIZES, TURNS)
    seconds, memory = benchmark.pedantic(_moe_work.ratios, args=arguments, rounds=1)
    work = layers.batch(RANKS, skew=SKEWS[load], **SIZES)
    counts = work.counts().sum(axis=0).reshape(RANKS, -1).sum(axis=1)
    show(
        f"executor, {load}: max/mean {counts.max() / counts.mean():.2f}, busiest rank's CPU time {seconds:.2f} and "
        f"memory {memory:.2f} of standard expert parallelism ({len(layers.spill(work.counts()).transfers)} transfers)"
    )
