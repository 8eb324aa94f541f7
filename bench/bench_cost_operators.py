"""Operator estimates: a million lookups, one step of the compiled model, the fit of a machine's own attention table.

Run with ``pytest bench/bench_cost_operators.py --benchmark-enable``; lookups should stay below a microsecond each.
"""

import numpy as np
import pytest

from _data import data
from paretoserve.cost import MixedAttention, Operators, StepShape, StepTime

LOOKUPS = 1_000_000


@pytest.fixture(scope="module")
def sizes():
    return np.random.default_rng(0).integers(1, 8192, (3, LOOKUPS))


def test_gemm_lookups(benchmark, sizes):
    operators = Operators.load("h100_sxm")
    benchmark.pedantic(operators.gemm_s, args=("bf16", *sizes), rounds=3)


def test_decode_lookups(benchmark, sizes):
    operators = Operators.load("h100_sxm")
    shape = {"num_heads": 32, "num_kv_heads": 8, "head_dim": 128}
    benchmark.pedantic(operators.decode_attention_s, args=(sizes[0] % 256 + 1, sizes[1]), kwargs=shape, rounds=3)


def test_step(benchmark, show):
    step_time = StepTime.fit("qwen3-32b", "h100_sxm", tensor_parallel=4).native
    shape = StepShape.of(chunks=[(512, 0)], contexts=[1500] * 64).counts
    benchmark.pedantic(step_time.step_ns, args=(shape,), rounds=20, iterations=10_000)
    if benchmark.stats:
        show(f"one step of Qwen3-32B, called from Python: {1e9 * benchmark.stats.stats.median:.0f} ns")


def test_load(benchmark):
    benchmark(Operators.load, "b200_sxm")


def test_fit_a_mixed_table(benchmark):
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_parquet(data("perf/vllm_runs/RTXPRO6000-Llama-3.1-8B/tables/attention.parquet"))
    columns = frame[["prefill_chunk", "kv_prefill", "n_decode", "kv_decode"]].to_numpy(dtype=float).T
    benchmark.pedantic(MixedAttention, args=(*columns, frame.time_us.to_numpy() * 1e-6), rounds=3)
