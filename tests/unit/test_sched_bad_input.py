"""Every call that makes no sense, in every state: a typed error that names the argument, and nothing has changed."""

import math

import numpy as np
import pytest

from paretoserve import sched
from paretoserve.errors import DtypeError, ShapeError

WAITING, RUNNING, UNKNOWN, PROGRAM, PAUSED = 1, 2, 99, 7, 8


def scheduler():
    """Return one that knows a waiting and a running request, a program with a live call and a paused one at 100."""
    made = sched.Scheduler("op_srpt", fifo_share=0.0)
    made.submit(3, 50, prompt_tokens=4, program=PAUSED)
    made.next_batch(50, 1, 100, 10)
    made.advance(3, 4, 1)
    made.finish(3)
    made.pause(PAUSED, 60, keep_ns=5)
    made.submit(RUNNING, 100, prompt_tokens=20, expected_output_tokens=2, program=PROGRAM)
    made.next_batch(100, 1, 12, 10)
    made.submit(WAITING, 100, prompt_tokens=20, expected_output_tokens=9)
    return made


def submit(made, request_id=5, now_ns=100, **arguments):
    made.submit(request_id, now_ns, **{"prompt_tokens": 4, **arguments})


def submit_many(made, request_ids=(5, 6), now_ns=100, **arguments):
    made.submit_many(request_ids, now_ns, **{"prompt_tokens": [4, 4], **arguments})


CASES = [
    # Ids
    (lambda s: submit(s, WAITING), ValueError, "`request_id` must be new, got 1"),
    (lambda s: submit(s, RUNNING), ValueError, "`request_id` must be new, got 2"),
    (lambda s: submit(s, 2**63), ValueError, "`request_id` must be an integer"),
    (lambda s: submit(s, 1.0), ValueError, "`request_id` must be an integer"),
    (lambda s: submit_many(s, [5, 5]), ValueError, "`request_ids` must be different, got 5 twice"),
    (lambda s: submit_many(s, [5, RUNNING]), ValueError, "`request_ids` must be new, got 2"),
    (lambda s: s.advance_many([RUNNING, RUNNING], [1, 1], [0, 0]), ValueError, "must be different, got 2 twice"),
    *(
        (call, ValueError, "`request_id` must be waiting or running, got 99")
        for call in (
            lambda s: s.finish(UNKNOWN),
            lambda s: s.cancel(UNKNOWN),
            lambda s: s.explain(UNKNOWN),
            lambda s: s.update(UNKNOWN, priority=1),
            lambda s: s.advance(UNKNOWN, 1, 0),
            lambda s: s.advance_many([RUNNING, UNKNOWN], [1, 1], [0, 0]),
            lambda s: s.reveal(UNKNOWN, expected_output_tokens=1),
        )
    ),
    (lambda s: s.finish(3), ValueError, "`request_id` must be waiting or running, got 3"),
    # Time
    (lambda s: submit(s, now_ns=99), ValueError, "`arrival_ns` must be at least 100"),
    (lambda s: submit_many(s, now_ns=99), ValueError, "`arrival_ns` must be at least 100"),
    (lambda s: s.next_batch(99, 1, 100, 10), ValueError, "`now_ns` must be at least 100"),
    (lambda s: s.resume(PAUSED, 59), ValueError, "`now_ns` must be at least 60"),
    (lambda s: submit(s, now_ns=-1), ValueError, "`now_ns` must be an integer"),
    (lambda s: submit(s, now_ns=2**63), ValueError, "must be"),
    (lambda s: submit(s, now_ns=1e9), ValueError, "`now_ns` must be an integer"),
    # Sizes
    (lambda s: submit(s, prompt_tokens=0), ValueError, "`prompt_tokens` must be at least 1"),
    (lambda s: submit(s, prompt_tokens=-4), ValueError, "`prompt_tokens` must be an integer"),
    (lambda s: submit(s, prompt_tokens=math.nan), ValueError, "`prompt_tokens` must be an integer"),
    (lambda s: submit(s, expected_output_tokens=0), ValueError, "`expected_output_tokens` must be at least 1"),
    (lambda s: submit(s, cached_tokens=5), ValueError, "`cached_tokens` must be at most 4"),
    (lambda s: s.update(WAITING, cached_tokens=21), ValueError, "`cached_tokens` must be at most 20"),
    (lambda s: s.update(WAITING, expected_output_tokens=0), ValueError, "`expected_output_tokens` must be at least"),
    (lambda s: s.update(WAITING, priority=2**31), ValueError, "`priority` must be an integer"),
    (lambda s: submit_many(s, prompt_tokens=[4]), ShapeError, "`prompt_tokens` must have shape"),
    (lambda s: submit_many(s, prompt_tokens=[4, 0]), ValueError, "`prompt_tokens` must be from 1"),
    (lambda s: submit_many(s, prompt_tokens=[4.0, 4.0]), DtypeError, "`prompt_tokens` must hold integers"),
    (lambda s: submit_many(s, cached_tokens=[4, 5]), ValueError, "`cached_tokens` must be at most 4"),
    # Terms
    (lambda s: submit(s, output_range=(3, 2)), ValueError, "`output_range` must be"),
    (lambda s: submit(s, output_range=(0, 2)), ValueError, "`output_range` must be"),
    (lambda s: submit(s, output_range=3), ValueError, "`output_range` must be"),
    (lambda s: submit(s, weight=math.nan), ValueError, "`weight` must be a number"),
    (lambda s: submit(s, weight=0), ValueError, "`weight` must be a number"),
    (lambda s: submit(s, weight=1001), ValueError, "`weight` must be a number"),
    (lambda s: submit(s, tenant=0.5), ValueError, "`tenant` must be an integer"),
    (lambda s: submit(s, deadline_ns=-1), ValueError, "`deadline_ns` must be an integer"),
    (lambda s: submit(s, calls_left=-1), ValueError, "`calls_left` must be an integer"),
    (lambda s: submit(s, wait=3), TypeError, "`submit` knows the terms"),
    (lambda s: submit_many(s, output_range=[3, 2]), ShapeError, r"`output_range` must have shape \(2, 2\)"),
    (lambda s: submit_many(s, output_range=[[1, 2], [3, 2]]), ValueError, r"`output_range` must be .* got \(3, 2\)"),
    (lambda s: submit_many(s, output_range=[[0, 2], [2, 3]]), ValueError, "`output_range` must be from 1"),
    (lambda s: submit_many(s, weight=[1.0, math.nan]), ValueError, "`weight` must be from .* got nan in row 1"),
    (lambda s: submit_many(s, weight=[1.0, -1]), ValueError, "`weight` must be from .* in row 1"),
    (lambda s: submit_many(s, weight=[1.0]), ShapeError, r"`weight` must have shape \(2,\)"),
    (lambda s: submit_many(s, weight=["1", "2"]), DtypeError, "`weight` must hold numbers"),
    (lambda s: submit_many(s, tenant=[1.5, 2.0]), DtypeError, "`tenant` must hold integers"),
    (lambda s: submit_many(s, deadline_ns=[1, -1]), ValueError, "`deadline_ns` must be from 0"),
    (lambda s: submit_many(s, program=[1]), ShapeError, "`program` must have shape"),
    (lambda s: submit_many(s, calls_left=[1, 2**32]), ValueError, "`calls_left` must be from 0"),
    # Progress beyond what there is
    (lambda s: s.advance(WAITING, 1, 0), ValueError, "`request` must be running"),
    (lambda s: s.advance(RUNNING, 21, 0), ValueError, "`num_computed` must be at most"),
    (lambda s: s.advance(RUNNING, -1, 0), ValueError, "`num_computed` must be an integer"),
    (lambda s: s.advance(RUNNING, 1, 2**32 - 1), ValueError, "`num_sampled` must be"),
    (lambda s: s.advance_many([RUNNING, WAITING], [1, 1], [0, 0]), ValueError, "`request` must be running"),
    (lambda s: s.advance_many([RUNNING], [1, 1], [0]), ShapeError, "`num_computed` must have shape"),
    (lambda s: s.reveal(WAITING, expected_output_tokens=0), ValueError, "`expected_output_tokens` must be"),
    (lambda s: s.reveal(WAITING, prompt_tokens=2**32 - 1, expected_output_tokens=1), ValueError, "`prompt_tokens`"),
    # Limits of a step
    (lambda s: s.next_batch(100, -1, 100, 10), ValueError, "`slots` must be an integer"),
    (lambda s: s.next_batch(100, 1, 2**32, 10), ValueError, "`token_budget` must be an integer"),
    (lambda s: s.next_batch(100, 1, 100, -1), ValueError, "`kv_free` must be an integer"),
    (lambda s: s.next_batch(100, 1, 100, 0.5), ValueError, "`kv_free` must be an integer"),
    # Programs
    (lambda s: s.pause(PROGRAM, 100, keep_ns=5), ValueError, "`program` must be without live calls, got 1"),
    (lambda s: s.pause(PAUSED, 100, keep_ns=5), ValueError, "`program` must be not paused"),
    (lambda s: s.pause(UNKNOWN, 100, keep_ns=5), ValueError, "`program` must be one that was submitted"),
    (lambda s: s.pause(PAUSED, 100, keep_ns=-5), ValueError, "`keep_ns` must be an integer"),
    (lambda s: s.resume(PROGRAM, 100), ValueError, "`program` must be paused"),
    (lambda s: s.resume(UNKNOWN, 100), ValueError, "`program` must be one that was submitted"),
    (lambda s: s.end_program(PROGRAM), ValueError, "`program` must be without live calls"),
    (lambda s: s.end_program(UNKNOWN), ValueError, "`program` must be one that was submitted"),
    (lambda s: s.victim(-1), ValueError, "`num_blocks` must be an integer"),
]


@pytest.mark.parametrize(("call", "error", "message"), CASES)
def test_what_makes_no_sense_is_refused_and_changes_nothing(call, error, message):
    made = scheduler()
    before = made.snapshot()
    with pytest.raises(error, match=message):
        call(made)
    assert made.snapshot() == before


def test_double_finish_and_cancel_in_every_state():
    made = scheduler()
    made.finish(RUNNING)
    for again in (made.finish, made.cancel):
        with pytest.raises(ValueError, match="must be waiting or running"):
            again(RUNNING)
    made.cancel(WAITING)
    with pytest.raises(ValueError, match="must be waiting or running"):
        made.cancel(WAITING)
    # Running, in the middle of its prompt, and while it waits after a preemption.
    made = sched.Scheduler("fcfs", block_size=4)
    made.submit_many([1, 2], 0, prompt_tokens=[4, 4])
    batch = made.next_batch(0, 2, 100, 2)
    made.advance_many(batch.request_ids, batch.num_tokens, [1, 1])
    assert made.next_batch(1, 2, 100, 0).preempted.tolist() == [2]
    made.cancel(2)
    made.cancel(1)
    stats = made.stats()
    assert (stats["num_waiting"], stats["num_running"], stats["num_cancelled"]) == (0, 0, 2)
    assert len(made.next_batch(2, 2, 100, 0)) == 0


def test_no_slots_no_tokens_and_no_blocks_give_empty_steps():
    for slots, budget, free in [(0, 100, 10), (1, 0, 10), (1, 100, 0)]:
        made = sched.Scheduler()
        made.submit(1, 0, prompt_tokens=20)
        assert len(made.next_batch(0, slots, budget, free)) == 0
        assert made.next_batch(0, 1, 100, 10**12).request_ids.tolist() == [1]


def test_a_program_may_go_on_after_its_pause_without_resume():
    made = scheduler()
    made.submit(11, 100, prompt_tokens=4, program=PAUSED)
    with pytest.raises(ValueError, match="`program` must be paused"):
        made.resume(PAUSED, 100)


@pytest.mark.parametrize(
    ("policy", "terms", "expected"),
    [
        ("op_srpt", {}, "waits at 30.2 output tokens of expected remaining work; the smallest enters first"),
        ("op_srpt", {"program": 5}, "waits at 30.2 output tokens of expected remaining work of its current call"),
        ("srpt", {"calls_left": 1}, "waits at 60.4 output tokens of expected remaining work; the smallest"),
        ("balance", {}, "waits among those that never ran in class 4, sizes from 16 output tokens; the smallest class"),
        ("chunk_balance", {}, "waits among those that never ran in class 4"),
        ("edf", {"deadline_ns": 1_500_000_000}, "waits with its deadline at 1.5 s; the earliest enters first"),
        ("edf", {}, "waits without a deadline"),
        ("plas", {}, "waits after 0 output tokens of work that it received; who received least enters first"),
        ("plas", {"program": 5}, "waits after 0 output tokens of work that program 5 received"),
    ],
)
def test_explain_speaks_of_what_the_policy_looks_at(policy, terms, expected):
    made = sched.Scheduler(policy)
    made.submit(1, 0, prompt_tokens=10, expected_output_tokens=30, **terms)
    assert expected in made.explain(1)["reason"]


def test_explain_tells_who_is_on_the_stack():
    made = sched.Scheduler("balance")
    made.submit(1, 0, prompt_tokens=10, expected_output_tokens=30)
    made.next_batch(0, 1, 5, None)
    assert made.explain(1)["reason"].startswith("runs on the stack in class 4")


def test_terms_in_bulk_equal_terms_one_by_one():
    columns = {
        "expected_output_tokens": [5, 6, 7],
        "output_range": [(1, 9), (2, 8), (3, 7)],
        "weight": [0.5, 1.0, 2.25],
        "tenant": [-4, 4, -4],
        "deadline_ns": [50, 40, 30],
        "program": [9, 8, 9],
        "calls_left": [3, 2, 1],
    }
    single, bulk = sched.Scheduler("srpt", record=True), sched.Scheduler("srpt", record=True)
    for row in range(3):
        single.submit(row, 10, prompt_tokens=4, **{name: values[row] for name, values in columns.items()})
    bulk.submit_many(range(3), 10, prompt_tokens=[4] * 3, **columns)
    assert bulk.snapshot() == single.snapshot()
    np.testing.assert_array_equal(bulk.log(), single.log())
    assert bulk.explain(2) == single.explain(2)


@pytest.mark.parametrize("policy", ["srpt", "op_srpt", "balance", "slf", "a_min"])
def test_an_output_below_what_was_sampled_is_refused(policy):
    made = sched.Scheduler(policy)
    made.submit(1, 0, prompt_tokens=4, expected_output_tokens=2)
    made.next_batch(0, 1, 100, None)
    made.advance(1, 6, 3)
    before = made.snapshot()
    with pytest.raises(ValueError, match="`expected_output_tokens` must be at least 3, the output so far, got 2"):
        made.update(1, expected_output_tokens=2, priority=7)
    assert made.snapshot() == before
    made.update(1, expected_output_tokens=3)
    assert made.explain(1)["estimated_remaining_tokens"] > 0
