"""Policies on real traces in the simulated engine: what shortest-first gains, what the FIFO share keeps, what slots do.

Run with ``pytest bench/bench_sched_traces.py --benchmark-enable``, or as a script with ``tests`` on the path; it needs
the files that ``tests/_data.py`` looks for. Ratios are to FCFS on the same trace, the same on every machine. A step
takes 12 ms, 60 us per token computed and 20 ns per token of context; schedulers know true lengths.
"""

import time

import numpy as np
import pytest

from _data import data
from paretoserve import cost, sim

pytestmark = pytest.mark.benchmark(timer=time.process_time, min_rounds=1, max_time=0.0)

STEP = cost.StepTime.linear(0.012, per_prefill_token_s=6e-5, per_decode_s=6e-5, per_context_token_s=2e-8)
TRACES = {
    "Azure chat": "traces/azure2023/AzureLLMInferenceTrace_conv.part1.csv.gz",
    "Azure code": "traces/azure2023/AzureLLMInferenceTrace_code.csv.gz",
    "Mooncake conversation": "traces/mooncake_fast25/conversation_trace.part1.jsonl.gz",
    "Mooncake synthetic": "traces/mooncake_fast25/synthetic_trace.jsonl.gz",
}
CASES = [(24, 1.0), (256, 2.0), (20, 0.74)]
"""Slots, and by how much the arrivals are faster."""


def lines(name):
    trace = sim.load_trace(data(TRACES[name]))
    for slots, speed in CASES:
        faster = trace.scaled(trace.requests_per_s * speed)

        def served(policy, fifo_share=0.0, preempt="none", faster=faster, slots=slots):
            config = sim.Configuration(policy=policy, fifo_share=fifo_share, max_num_seqs=slots)
            return sim.simulate(faster, config, step_time=STEP, num_blocks=60_000, preempt=preempt)

        first = served("fcfs")
        wait = first.ttft_s.mean()
        base = first.e2e_s
        cells = [f"FCFS mean {base.mean():.1f} s, of that {wait:.1f} s to the first token"]
        for fifo_share in (0.0, 0.5):
            times = served("srpt", fifo_share).e2e_s
            ratios = (
                times.mean() / base.mean(),
                np.percentile(times, 99) / np.percentile(base, 99),
                times.max() / base.max(),
            )
            cells.append(f"srpt:{fifo_share:g} mean {ratios[0]:.2f} p99 {ratios[1]:.2f} max {ratios[2]:.2f}")
            slotted = served("srpt", fifo_share, "slots").e2e_s.mean() / times.mean()
            cells.append(f"its slots taken {slotted:.3f}")
        yield f"{name}, {slots} slots, {speed:g}x: " + "; ".join(cells)


@pytest.mark.parametrize("name", TRACES)
def test_trace(benchmark, show, name):
    for line in benchmark.pedantic(lambda: list(lines(name)), rounds=1):
        show(line)


if __name__ == "__main__":
    for name in TRACES:
        for line in lines(name):
            print(line)
