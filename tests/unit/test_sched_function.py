"""Policies that are functions of Python: their order, what they are told, and what happens if they fail."""

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paretoserve import sched
from paretoserve.errors import DataError, PolicyError
from paretoserve.sched._rank import rank_of, value_of

FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def served(scheduler, num):
    order = []
    for _ in range(num):
        (request_id,) = scheduler.next_batch(0, 1, 10_000, None).request_ids.tolist()
        scheduler.cancel(request_id)
        order.append(request_id)
    return order


@given(FLOATS, FLOATS)
def test_ranks_keep_the_order_of_numbers(a, b):
    ranks = [rank_of(lambda known: known["value"], {"value": value}) for value in (a, b)]
    assert (ranks[0] < ranks[1]) == (a < b)
    assert (ranks[0] == ranks[1]) == (a == b)
    assert all(0 <= rank < 2**64 for rank in ranks)
    assert value_of(ranks[0]) == a


def test_a_function_orders_the_queue_and_its_log_replays_without_it():
    scheduler = sched.Scheduler(lambda known: known["weight"] - known["prompt_tokens"], fifo_share=0.0, record=True)
    scheduler.submit_many([1, 2, 3], 0, prompt_tokens=[10, 30, 20], weight=[1.0, 1.0, 15.5])
    scheduler.submit(4, 0, prompt_tokens=12, weight=2.0)
    assert served(scheduler, 4) == [2, 4, 1, 3]
    assert sched.replay(scheduler.log()) == scheduler.stats()


def test_a_function_is_told_what_is_known():
    told = []

    def policy(known):
        told.append(known)
        return 0

    scheduler = sched.Scheduler(policy)
    scheduler.submit(1, 5, prompt_tokens=10, output_range=(2, 9), tenant=4, program=6, calls_left=2, deadline_ns=70)
    scheduler.submit_many(
        [2],
        5,
        prompt_tokens=[10],
        output_range=[[2, 9]],
        tenant=[4],
        program=[6],
        calls_left=[2],
        deadline_ns=[70],
        expected_output_tokens=[8],
    )
    scheduler.next_batch(5, 2, 100, None)
    scheduler.advance(1, 10, 1)
    scheduler.update(1, expected_output_tokens=8)
    scheduler.reveal(1, prompt_tokens=5, expected_output_tokens=3)
    common = {
        "arrival_ns": 5,
        "prompt_tokens": 10,
        "cached_tokens": 0,
        "priority": 0,
        "output_range": (2, 9),
        "weight": 1.0,
        "tenant": 4,
        "deadline_ns": 70,
        "program": 6,
        "calls_left": 2,
        "num_output_tokens": 0,
    }
    expected = [
        {**common, "request_id": 1, "expected_output_tokens": None},
        {**common, "request_id": 2, "expected_output_tokens": 8},
        {**common, "request_id": 1, "expected_output_tokens": 8, "num_output_tokens": 1},
        {**common, "request_id": 1, "expected_output_tokens": 4, "num_output_tokens": 1, "prompt_tokens": 15},
    ]
    assert [{name: known[name] for name in row} for known, row in zip(told, expected, strict=True)] == expected


def test_an_update_moves_a_request():
    scheduler = sched.Scheduler(lambda known: known["priority"], fifo_share=0.0, record=True)
    scheduler.submit_many([1, 2, 3], 0, prompt_tokens=[4] * 3, priority=[5, 6, 7])
    scheduler.update(3, priority=-1)
    assert "at rank -1 of the given function" in scheduler.explain(3)["reason"]
    assert served(scheduler, 3) == [3, 1, 2]
    assert sched.replay(scheduler.log()) == scheduler.stats()


def raising(known):
    raise KeyError("no such thing")


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (raising, "policy `raising` raised KeyError for request 2"),
        (lambda known: math.nan, "must return a finite number, got nan for request 2"),
        (lambda known: -math.inf, "must return a finite number, got -inf"),
        (lambda known: None, "must return a finite number, got None"),
        (lambda known: "3", "must return a finite number, got '3'"),
        (lambda known: True, "must return a finite number, got True"),
        (lambda known: Decimal(1), "must return a finite number"),
        (lambda known: np.array([1.0]), "must return a finite number"),
        (lambda known: 10**400, "must return a finite number, got 1000"),
    ],
)
def test_a_function_that_fails_changes_nothing(policy, message):
    scheduler = sched.Scheduler(lambda known: policy(known) if known["request_id"] == 2 or known["priority"] else 0)
    scheduler.submit(1, 0, prompt_tokens=4)
    before = scheduler.snapshot()
    message = message.replace("`raising`", "`<lambda>`")
    with pytest.raises(PolicyError, match=message):
        scheduler.submit(2, 0, prompt_tokens=4)
    with pytest.raises(PolicyError, match=message):
        scheduler.submit_many([3, 2], 0, prompt_tokens=[4, 4])
    with pytest.raises(PolicyError, match=message.replace("request 2", "request 1")):
        scheduler.update(1, priority=3)
    assert scheduler.snapshot() == before


def test_numpy_numbers_are_numbers():
    scheduler = sched.Scheduler(lambda known: np.float32(-known["prompt_tokens"]), fifo_share=0.0)
    scheduler.submit_many([1, 2], 0, prompt_tokens=np.array([4, 5]))
    assert served(scheduler, 2) == [2, 1]


def test_calls_that_are_refused_change_nothing():
    scheduler = sched.Scheduler(lambda known: known["prompt_tokens"])
    scheduler.submit(1, 0, prompt_tokens=4)
    before = scheduler.snapshot()
    refused = [
        lambda: scheduler.submit(1, 0, prompt_tokens=4),
        lambda: scheduler.submit(2, 0, prompt_tokens=0),
        lambda: scheduler.submit(2, 0, prompt_tokens="4"),
        lambda: scheduler.update(9, priority=3),
        lambda: scheduler.update(1, expected_output_tokens=0),
        lambda: scheduler.update(1, cached_tokens=5),
        lambda: scheduler.reveal(1, expected_output_tokens=0),
        lambda: scheduler.reveal(9, expected_output_tokens=1),
    ]
    for call in refused:
        with pytest.raises(ValueError):  # noqa: PT011 (each has a message of its own, tested elsewhere)
            call()
        assert scheduler.snapshot() == before


def test_a_policy_is_a_name_or_a_function():
    with pytest.raises(TypeError, match="`policy` must be a name or a function, got 5"):
        sched.Scheduler(5)
    with pytest.raises(ValueError, match="must be a function"):
        sched.Scheduler("external")
    with pytest.raises(DataError):
        sched.Scheduler.restore(b"")
