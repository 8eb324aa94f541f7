"""Snapshots through Python: the same decisions afterwards, refusals, and no growth over a million requests."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paretoserve import sched
from paretoserve.errors import DataError, DtypeError
from paretoserve.sched.scheduler import Policy

POLICIES = st.sampled_from(Policy.__args__)
CALLS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 6), st.integers(1, 40)), max_size=40)


def call(scheduler, now, kind, request_id, number):
    """Do one call and return what came of it, a refusal included."""
    try:
        match kind:
            case 0 | 1:
                return scheduler.submit(
                    request_id,
                    now,
                    prompt_tokens=number,
                    expected_output_tokens=41 - number,
                    program=number % 3,
                    deadline_ns=now + number,
                    tenant=number % 2,
                )
            case 2 | 3:
                return scheduler.next_batch(now, 3, 32, number).to_dict()
            case 4:
                return scheduler.advance(request_id, number, 1)
            case 5:
                return scheduler.finish(request_id)
            case 6:
                return scheduler.cancel(request_id)
            case _:
                return scheduler.update(request_id, expected_output_tokens=number)
    except ValueError as error:
        return str(error)


@settings(max_examples=80)
@given(POLICIES, st.booleans(), st.booleans(), CALLS, CALLS)
def test_a_restored_scheduler_decides_as_the_original(policy, fair, record, before, after):
    options = {"tenant_weights": {1: 2.5}} if fair else {}
    original = sched.Scheduler(
        policy, preempt="slots", samples=[[3, 9, 30]], tenant_fairness=fair, record=record, **options
    )
    for now, row in enumerate(before):
        call(original, now, *row)
    restored = sched.Scheduler.restore(original.snapshot())
    for now, row in enumerate(after, len(before)):
        assert call(restored, now, *row) == call(original, now, *row)
    assert restored.snapshot() == original.snapshot()
    assert restored.stats() == original.stats()
    np.testing.assert_array_equal(restored.log(), original.log())
    if record:
        assert sched.replay(restored.log()) == original.stats()


def test_functions_are_given_again():
    original = sched.Scheduler(lambda known: -known["prompt_tokens"], fifo_share=0.0)
    original.submit_many([1, 2], 0, prompt_tokens=[10, 20])
    restored = sched.Scheduler.restore(original.snapshot(), policy=lambda known: known["prompt_tokens"])
    restored.submit(3, 0, prompt_tokens=1)
    assert restored.next_batch(0, 1, 100, None).request_ids.tolist() == [2]
    with pytest.raises(ValueError, match="the function that gave the ranks"):
        sched.Scheduler.restore(original.snapshot())
    with pytest.raises(ValueError, match="`policy` must be None"):
        sched.Scheduler.restore(sched.Scheduler().snapshot(), policy=len)


def test_other_bytes_are_refused():
    scheduler = sched.Scheduler("balance", record=True)
    scheduler.submit_many(range(5), 0, prompt_tokens=[9] * 5)
    whole = scheduler.snapshot()
    for length in range(len(whole)):
        with pytest.raises(DataError):
            sched.Scheduler.restore(whole[:length])
    for place in range(len(whole)):
        with pytest.raises(DataError):
            sched.Scheduler.restore(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    with pytest.raises(DataError, match="must be of version"):
        sched.Scheduler.restore(whole[:7] + b"\xff" + whole[8:])
    with pytest.raises(DataError):
        sched.Scheduler.restore(whole + whole)
    with pytest.raises(DtypeError, match="must be bytes, got str"):
        sched.Scheduler.restore("text")


def test_a_million_requests_leave_nothing_behind():
    scheduler = sched.Scheduler("op_srpt")
    ids = np.arange(10_000)
    tokens = (ids % 90 + 1).astype(np.uint32)

    def resident():
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * 4096

    def rounds(first, last):
        for now in range(first, last):
            scheduler.submit_many(
                ids + 10_000 * now, now, prompt_tokens=tokens, expected_output_tokens=tokens, program=ids
            )
            batch = scheduler.next_batch(now, 100, 2000, None)
            assert len(batch) > 10
            for request_id in (ids + 10_000 * now).tolist():
                scheduler.cancel(request_id)
            for program in ids.tolist():
                scheduler.end_program(program)
        return len(scheduler.snapshot()), resident()

    length, memory = rounds(0, 10)
    length_after, memory_after = rounds(10, 100)
    assert scheduler.stats()["num_cancelled"] == 1_000_000
    # Counters may take a few bytes more.
    assert length_after - length < 64
    assert memory_after - memory < 4 << 20
