"""The simulator of traces, reduced to one slot and equal steps, is the single machine of queueing theory."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from paretoserve.cost import StepTime
from paretoserve.sim import Configuration, Trace, simulate, simulate_jobs

STEP_NS = 1_000_000


def serve(arrival_ns, num_steps, policy):
    trace = Trace(
        arrival_ns=arrival_ns,
        prompt_tokens=np.ones(len(num_steps), dtype=np.int32),
        output_tokens=num_steps,
    )
    config = Configuration(max_num_seqs=1, policy=policy, fifo_share=0.0, prefix_caching=False)
    unit = StepTime.linear(STEP_NS / 1e9)
    return simulate(trace, config, step_time=unit, num_blocks=10_000, expected_output_tokens=num_steps)


@pytest.mark.parametrize("policy", ["fcfs", "srpt"])
def test_one_slot_equals_one_machine(policy):
    generator = np.random.default_rng(4)
    num_steps = generator.integers(1, 60, 5000).astype(np.int32)
    arrival_ns = np.cumsum(generator.integers(0, 66 * STEP_NS, 5000))
    arrival_ns -= arrival_ns[0]
    jobs = simulate_jobs(arrival_ns, num_steps.astype(np.int64) * STEP_NS, policy=policy, preempt="none")
    assert_array_equal(serve(arrival_ns, num_steps, policy).finish_ns, jobs.completion)


def test_fcfs_agrees_with_the_formula():
    # Geometric sizes of mean 100 steps: E[T] = E[S] + rate E[S^2] / (2 (1 - load)).
    load, mean = 0.7, 100.0
    generator = np.random.default_rng(8)
    num_steps = generator.geometric(1 / mean, 200_000).astype(np.int32)
    arrival_ns = np.cumsum(generator.exponential(mean / load * STEP_NS, len(num_steps))).astype(np.int64)
    result = serve(arrival_ns - arrival_ns[0], num_steps, "fcfs")
    second = mean**2 * (2 - 1 / mean)
    expected = mean + load / mean * second / (2 * (1 - load))
    assert np.mean(result.e2e_s) * 1e9 / STEP_NS == pytest.approx(expected, rel=0.02)
