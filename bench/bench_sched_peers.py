"""Calls of the scheduler through Python beside what Python's containers do for the same, in one run.

Run with ``pytest bench/bench_sched_peers.py --benchmark-enable``. CPU time of the process, medians; the targets are
those of the issue that asked for the scheduler. Peers: a list of tuples under `heapq`, which filters and heapifies to
cancel as vLLM's priority queue does; `sortedcontainers.SortedList`; and a sort of the whole queue in every step, as
SGLang's policies do.
"""

import heapq
import time
from statistics import median

import numpy as np
import pytest

from paretoserve import sched

SLOTS = 256
CALLS = 500
ROUNDS = 7


def cpu_us(calls, work, rounds=ROUNDS):
    """Return the median CPU time of a call in microseconds; `work` gets the number of the round."""
    times = []
    for number in range(rounds):
        start = time.process_time()
        work(number)
        times.append((time.process_time() - start) / calls * 1e6)
    return median(times)


def sizes(num):
    return np.random.default_rng(0).integers(1, 1000, num)


def queue(num_waiting):
    """Return a scheduler whose slots all decode while `num_waiting` requests wait, and its entries for a heap."""
    scheduler = sched.Scheduler("op_srpt")
    num = num_waiting + SLOTS
    expected = sizes(num)
    scheduler.submit_many(np.arange(num), 0, prompt_tokens=np.full(num, 500), expected_output_tokens=expected)
    batch = scheduler.next_batch(0, SLOTS, 2**31, None)
    scheduler.advance_many(batch.request_ids, batch.num_tokens, np.ones(SLOTS, dtype=np.uint32))
    entries = [(size, request_id) for request_id, size in enumerate(expected[:num_waiting].tolist())]
    return scheduler, entries


def line(name, ours, target, **peers):
    ratios = ", ".join(f"{peer} {time:.3g} us ({time / ours:.3g} x)" for peer, time in peers.items())
    return f"{name}: {ours:.3g} us (target {target} us); {ratios}"


@pytest.fixture
def measured(pytestconfig):
    if not pytestconfig.getoption("benchmark_enable"):
        pytest.skip("measured only with --benchmark-enable")


@pytest.mark.parametrize("num_waiting", [1_000, 100_000])
def test_submit_and_cancel(measured, show, num_waiting):
    sorted_list = pytest.importorskip("sortedcontainers").SortedList
    scheduler, entries = queue(num_waiting)
    expected = sizes(CALLS).tolist()

    def submit(number):
        for place, size in enumerate(expected):
            scheduler.submit(10**6 + number * CALLS + place, 0, prompt_tokens=500, expected_output_tokens=size)

    def cancel(number):
        for request_id in range(10**6 + number * CALLS, 10**6 + (number + 1) * CALLS):
            scheduler.cancel(request_id)

    heap, ordered = list(entries), sorted_list(entries)
    heapq.heapify(heap)

    def push(number):
        for place, size in enumerate(expected):
            heapq.heappush(heap, (size, 10**6 + number * CALLS + place))

    def add(number):
        for place, size in enumerate(expected):
            ordered.add((size, 10**6 + number * CALLS + place))

    def remove(number):
        for place, size in enumerate(expected):
            ordered.remove((size, 10**6 + number * CALLS + place))

    def filter_and_heapify(number):
        heap[:] = [entry for entry in heap if entry[1] != 10**6 + number]
        heapq.heapify(heap)

    name = f"with {num_waiting:,} waiting"
    peers = {"heapq": cpu_us(CALLS, push), "SortedList": cpu_us(CALLS, add)}
    show(line(f"submit {name}", cpu_us(CALLS, submit), 1.5, **peers))
    peers = {"heapq": cpu_us(1, filter_and_heapify), "SortedList": cpu_us(CALLS, remove)}
    show(line(f"cancel {name}", cpu_us(CALLS, cancel), 5, **peers))


def test_submit_many(measured, show):
    num = 100_000
    expected = sizes(num)
    entries = list(zip(expected.tolist(), range(num), strict=True))
    ids, prompts = np.arange(num), np.full(num, 500)

    def submit_many(number):
        sched.Scheduler("op_srpt").submit_many(ids, 0, prompt_tokens=prompts, expected_output_tokens=expected)

    def push(number):
        heap = []
        for entry in entries:
            heapq.heappush(heap, entry)

    peers = {"heappush": cpu_us(num, push, 3), "heapify": cpu_us(num, lambda number: heapq.heapify(list(entries)))}
    show(line("submit_many of 100,000, each", cpu_us(num, submit_many), 0.2, **peers))


@pytest.mark.parametrize(("num_waiting", "target"), [(1_000, 60), (100_000, 200)])
def test_next_batch(measured, show, num_waiting, target):
    scheduler, entries = queue(num_waiting)
    calls = 50

    def step(number):
        for _ in range(calls):
            scheduler.next_batch(0, SLOTS, 8192, 10**9)

    shuffled = [entries[place] for place in np.random.default_rng(1).permutation(num_waiting)]
    peers = {"sort of the queue": cpu_us(1, lambda number: sorted(shuffled))}
    show(line(f"next_batch, {SLOTS} slots, {num_waiting:,} waiting", cpu_us(calls, step), target, **peers))
    one = int(scheduler.next_batch(0, SLOTS, 8192, 10**9).request_ids[0])
    ids = np.array([one])

    def turn(number):
        """One slot changes hands: finish, form the step, tell the progress of all."""
        for _ in range(20):
            scheduler.finish(int(ids[0]))
            batch = scheduler.next_batch(0, SLOTS, 8192, 10**9)
            scheduler.advance_many(batch.request_ids, batch.num_tokens, np.ones(len(batch), dtype=np.uint32))
            ids[0] = batch.request_ids[0]

    show(line(f"finish, next_batch and advance_many, {num_waiting:,} waiting", cpu_us(20, turn, 5), target, **peers))
