"""The scheduler through Python with a long queue: what a serving engine would pay per call.

Run with ``make bench`` or ``pytest bench/bench_sched.py --benchmark-enable``. Times are CPU time of the process, so
that a busy machine does not count. `extra_info` holds the target of each figure in microseconds. `bench_sched_peers.py`
puts calls beside Python's containers; `cargo bench -p paretoserve-core --bench sched_queue` measures the queue alone.
"""

import time

import numpy as np
import pytest

from paretoserve import sched
from paretoserve.sim import simulate_jobs

pytestmark = pytest.mark.benchmark(timer=time.process_time, min_rounds=5, max_time=1.0)

WAITING = 100_000
SLOTS = 256


def queue(policy, num_waiting=WAITING):
    """Return a scheduler whose slots all decode while `num_waiting` requests wait."""
    generator = np.random.default_rng(0)
    scheduler = sched.Scheduler(policy)
    num = num_waiting + SLOTS
    scheduler.submit_many(
        np.arange(num),
        0,
        prompt_tokens=generator.integers(1, 4000, num),
        expected_output_tokens=generator.integers(1, 1000, num),
    )
    batch = scheduler.next_batch(0, SLOTS, 2**31, None)
    scheduler.advance_many(batch.request_ids, batch.num_tokens, np.ones(SLOTS, dtype=np.uint32))
    return scheduler, batch.request_ids


@pytest.mark.parametrize("policy", ["fcfs", "srpt"])
@pytest.mark.parametrize("num_waiting", [1_000, WAITING])
def test_next_batch(benchmark, policy, num_waiting):
    scheduler, running = queue(policy, num_waiting)
    benchmark.extra_info["target_us"] = 200 if num_waiting == WAITING else 60
    benchmark(scheduler.next_batch, 0, SLOTS, 8192, 10**9)
    assert len(running) == SLOTS


@pytest.mark.parametrize("policy", ["fcfs", "srpt"])
def test_one_slot_changes_hands(benchmark, policy):
    """Finish one of 256, admit one of 100,000 and tell the progress of all."""
    scheduler, _ = queue(policy)
    ones = np.ones(SLOTS, dtype=np.uint32)

    def step():
        batch = scheduler.next_batch(0, SLOTS, 2**31, None)
        scheduler.advance_many(batch.request_ids, batch.num_tokens, ones)
        scheduler.finish(int(batch.request_ids[0]))

    benchmark(step)


@pytest.mark.parametrize("policy", ["fcfs", "srpt"])
def test_submit_and_cancel_one_of_100k(benchmark, policy):
    """A thousand newcomers enter the queue and leave it; targets are for one call."""
    scheduler, _ = queue(policy)
    ids = list(range(10**6, 10**6 + 1000))
    benchmark.extra_info["target_us"] = 1000 * (1.5 + 5)

    def enter_and_leave():
        for request_id in ids:
            scheduler.submit(request_id, 0, prompt_tokens=100, expected_output_tokens=request_id % 997 + 1)
        for request_id in ids:
            scheduler.cancel(request_id)

    benchmark(enter_and_leave)


@pytest.mark.parametrize("policy", ["fcfs", "srpt"])
def test_submit_many(benchmark, policy):
    """A hundred thousand requests in one call; the target is 0.2 us for each."""
    ids = np.arange(WAITING)
    tokens = (ids % 997 + 1).astype(np.uint32)
    benchmark.extra_info["target_us"] = 0.2 * WAITING

    def submit():
        sched.Scheduler(policy).submit_many(ids, 0, prompt_tokens=tokens, expected_output_tokens=tokens)

    benchmark(submit)


@pytest.mark.parametrize("policy", ["fcfs", "srpt"])
def test_simulate_a_million_jobs(benchmark, policy):
    generator = np.random.default_rng(0)
    release = np.cumsum(generator.exponential(12_500, 1_000_000)).astype(np.int64)
    size = np.maximum(generator.exponential(10_000, 1_000_000), 1).astype(np.int64)
    benchmark(simulate_jobs, release, size, policy=policy)
