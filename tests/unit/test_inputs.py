"""Every function that takes arrays: inputs stay as they are, and calls from several threads agree."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from paretoserve import cost, pareto, sched, sim

random = np.random.default_rng(0)
POINTS = random.random((5_000, 3))
SIZES = random.integers(1, 100, 2_000)
STARTS = np.cumsum(random.integers(0, 100, 2_000))
STEP = cost.StepTime.linear(0.001, per_prefill_token_s=1e-5)


def mixed(tokens, past, decodes, context, seconds):
    return cost.MixedAttention(tokens, past, decodes, context, seconds).estimate_s(tokens, past, decodes, context)


def simulate(arrival_ns, prompt_tokens, output_tokens):
    trace = sim.Trace(arrival_ns=arrival_ns, prompt_tokens=prompt_tokens, output_tokens=output_tokens)
    return sim.simulate(trace, sim.Configuration(), step_time=STEP, num_blocks=1000).e2e_s


def schedule(request_ids, prompt_tokens):
    scheduler = sched.Scheduler()
    scheduler.submit_many(request_ids, 0, prompt_tokens=prompt_tokens)
    return scheduler.next_batch(0, slots=64, token_budget=8192, kv_free=None).request_ids


CALLS = {
    "mask": (pareto.mask, POINTS),
    "knee": (pareto.knee, POINTS),
    "gemm_s": (lambda m: cost.Operators.load("h100_sxm").gemm_s("bf16", m, 4096, 4096), SIZES),
    "mixed": (mixed, *np.array([[64, 0, 64], [0, 0, 0], [0, 4, 4], [0, 512, 512], [20e-6, 10e-6, 40e-6]])),
    "simulate": (simulate, STARTS * 1_000_000, SIZES, SIZES),
    "simulate_jobs": (lambda *arrays: sim.simulate_jobs(*arrays).completion, STARTS, SIZES),
    "schedule": (schedule, np.arange(2_000), SIZES),
}


@pytest.mark.parametrize("name", CALLS)
def test_inputs_stay_and_threads_agree(name):
    call, *inputs = CALLS[name]
    before = [array.copy() for array in inputs]
    frozen = [array.copy() for array in inputs]
    for array in frozen:
        array.setflags(write=False)
    expected = call(*frozen)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: call(*inputs), range(8)))
    assert all(np.array_equal(answer, expected) for answer in answers)
    assert all(np.array_equal(array, copy) for array, copy in zip(inputs, before, strict=True))
