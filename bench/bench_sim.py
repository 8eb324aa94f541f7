"""The simulator on real traces, one thread: requests per CPU second, and CPU milliseconds per request.

Run with ``pytest bench/bench_sim.py --benchmark-enable``; it needs the trace files that ``tests/_data.py`` looks for.
Each case shows its rate, and what the simulation was, so that two machines compare.
"""

import sys
import time
from pathlib import Path

import pytest

from paretoserve.cost import StepTime
from paretoserve.sim import Configuration, load_trace, simulate

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from _data import data

AZURE = "traces/azure2023/AzureLLMInferenceTrace_conv.part1.csv.gz"
MOONCAKE = "traces/mooncake_fast25/conversation_trace.part1.jsonl.gz"
# Milliseconds: 12 a step, 0.06 a prompt token, 0.00002 a token of context.
LINEAR = StepTime.linear(0.012, per_prefill_token_s=60e-6, per_context_token_s=20e-9)

AZURE_CASES = {
    "fcfs": {},
    "fcfs-24-slots-overload": {"max_num_seqs": 24},
    "srpt-24-slots-overload": {"max_num_seqs": 24, "policy": "srpt"},
    "4-replicas-least-loaded": {"replicas": 4},
    "2-ranks": {"data_parallel": 2},
    "2-stages": {"pipeline_parallel": 2},
}


pytestmark = pytest.mark.benchmark(timer=time.process_time)


def report(benchmark, show, trace, run):
    result = benchmark.pedantic(run, rounds=5, iterations=1, warmup_rounds=1)
    seconds = benchmark.stats.stats.median if benchmark.stats else float("nan")
    rate, cost = trace.num_requests / seconds, 1e3 * seconds / trace.num_requests
    name = benchmark.name.removeprefix("test_")
    show(f"{name}: {rate:,.0f} requests/CPU s, {cost:.4f} CPU ms/request\n  {result.explain().splitlines()[0]}")
    benchmark.extra_info.update(requests_per_cpu_s=rate, **{k: v for k, v in result.summary().items() if k == "steps"})


@pytest.mark.parametrize("case", AZURE_CASES)
def test_azure_chat(benchmark, show, case):
    trace, config = load_trace(data(AZURE)), Configuration(**AZURE_CASES[case])
    report(benchmark, show, trace, lambda: simulate(trace, config, step_time=LINEAR, num_blocks=32768, threads=1))


def test_azure_chat_with_a_fitted_step(benchmark, show):
    trace, config = load_trace(data(AZURE)), Configuration(tensor_parallel=4)
    report(benchmark, show, trace, lambda: simulate(trace, config, model="qwen3-32b", system="h100_sxm", threads=1))


@pytest.mark.parametrize("router", ["least_loaded", "prefix_affinity"])
@pytest.mark.parametrize("num_blocks", [8192, 100_000])
def test_mooncake_conversation_on_8_workers(benchmark, show, router, num_blocks):
    trace, config = load_trace(data(MOONCAKE)), Configuration(replicas=8, router=router)
    report(benchmark, show, trace, lambda: simulate(trace, config, step_time=LINEAR, num_blocks=num_blocks, threads=1))
