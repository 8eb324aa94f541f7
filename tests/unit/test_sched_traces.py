"""Policies on real traces: what shortest-first gains, what the FIFO share keeps, that taking slots does no harm."""

import numpy as np
import pytest

from _data import data
from paretoserve import cost, sim

STEP = cost.StepTime.linear(0.012, per_prefill_token_s=6e-5, per_decode_s=6e-5, per_context_token_s=2e-8)
TRACES = [
    "traces/azure2023/AzureLLMInferenceTrace_conv.part1.csv.gz",
    "traces/azure2023/AzureLLMInferenceTrace_code.csv.gz",
    "traces/mooncake_fast25/conversation_trace.part1.jsonl.gz",
    "traces/mooncake_fast25/synthetic_trace.jsonl.gz",
]


def run(trace, policy, slots, fifo_share=0.0, preempt="none"):
    config = sim.Configuration(policy=policy, fifo_share=fifo_share, max_num_seqs=slots)
    times = sim.simulate(trace, config, step_time=STEP, num_blocks=60_000, preempt=preempt).e2e_s
    assert np.isfinite(times).all()
    return times


@pytest.mark.parametrize("name", [TRACES[0], TRACES[2]])
def test_chat_in_overload(name):
    trace = sim.load_trace(data(name))
    first, shortest = run(trace, "fcfs", 24), run(trace, "srpt", 24)
    turns = run(trace, "srpt", 24, fifo_share=0.5)
    assert first.mean() > 100, "the engine is overloaded"
    assert shortest.mean() <= 0.55 * first.mean()
    assert turns.mean() <= 0.78 * first.mean()
    assert np.percentile(turns, 99) <= 1.35 * np.percentile(first, 99)
    assert turns.max() <= 1.35 * first.max()


@pytest.mark.parametrize("name", TRACES)
@pytest.mark.parametrize(("slots", "speed"), [(24, 1.0), (256, 2.0), (20, 0.74)])
@pytest.mark.parametrize("policy", ["srpt", "op_srpt", "balance"])
def test_slots_are_taken_only_where_it_pays(name, slots, speed, policy):
    trace = sim.load_trace(data(name))
    trace = trace.scaled(trace.requests_per_s * speed)
    for fifo_share in (0.0, 0.5):
        calm = run(trace, policy, slots, fifo_share)
        assert run(trace, policy, slots, fifo_share, "slots").mean() <= 1.02 * calm.mean()
