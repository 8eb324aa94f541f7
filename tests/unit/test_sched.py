"""The scheduler through Python: what it decides, what it refuses, what it records."""

import threading

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from paretoserve import sched
from paretoserve.errors import DataError, DtypeError, ShapeError


def scheduler(policy="fcfs", **options):
    return sched.Scheduler(policy, **{"fifo_share": 0.0, **options})


def run_alone(engine, request_id, num_tokens):
    """Serve `num_tokens` outputs of the only running request in one stretch, then finish it."""
    batch = engine.next_batch(0, 1, 100_000, None)
    assert batch.request_ids.tolist() == [request_id]
    engine.advance(request_id, int(batch.num_tokens[0]) + num_tokens - 1, num_tokens)
    engine.finish(request_id)


def order_of_service(engine, outputs):
    order = []
    for _ in range(len(outputs)):
        batch = engine.next_batch(0, 1, 100_000, None)
        order.append(int(batch.request_ids[0]))
        run_alone(engine, order[-1], outputs[order[-1]])
    return order


@pytest.mark.parametrize(
    ("policy", "expected"), [("fcfs", [0, 1, 2, 3]), ("srpt", [2, 1, 3, 0]), ("priority", [3, 1, 0, 2])]
)
def test_policies_order_the_queue(policy, expected):
    engine = scheduler(policy)
    outputs, priorities = [9, 5, 1, 5], [0, -1, 7, -2]
    engine.submit_many(range(4), 0, prompt_tokens=[4] * 4, expected_output_tokens=outputs, priority=priorities)
    assert order_of_service(engine, outputs) == expected


def test_fifo_share_lets_the_oldest_go_first_every_second_time():
    engine = scheduler("srpt", fifo_share=0.5)
    outputs = [90, 80, 1, 2, 3, 4]
    engine.submit_many(range(6), 0, prompt_tokens=[1] * 6, expected_output_tokens=outputs)
    assert order_of_service(engine, outputs) == [2, 0, 3, 1, 4, 5]
    assert engine.stats()["num_fifo_admitted"] == 3


def test_cached_prompts_count_as_less_work():
    engine = scheduler("srpt", prefill_weight=1.0)
    engine.submit(1, 0, prompt_tokens=100, expected_output_tokens=10)
    engine.submit(2, 0, prompt_tokens=100, expected_output_tokens=20, cached_tokens=96)
    batch = engine.next_batch(0, 1, 1000, 1)
    assert batch.to_dict()["request_ids"] == [2]
    assert (batch.num_computed_tokens[0], batch.num_tokens[0]) == (96, 4)


def test_blocks_limit_admission_and_preemption_frees_them():
    engine = scheduler(block_size=16)
    engine.submit_many([1, 2, 3], 0, prompt_tokens=[32, 32, 16])
    batch = engine.next_batch(0, 8, 1000, 4)
    assert batch.admitted.tolist() == [1, 2]
    engine.advance_many(batch.request_ids, batch.num_tokens, [1, 1])
    batch = engine.next_batch(1, 8, 1000, 0)
    assert (batch.request_ids.tolist(), batch.preempted.tolist()) == ([1], [2])
    assert engine.explain(2)["num_preemptions"] == 1
    assert engine.stats()["num_wasted_tokens"] == 32


def test_preemption_for_slots_only_where_it_pays():
    for output, expected in [(40, [1]), (60, [])]:
        engine = scheduler("srpt", preempt="slots", prefill_weight=0.0)
        engine.submit(1, 0, prompt_tokens=8, expected_output_tokens=100)
        engine.next_batch(0, 1, 100, None)
        engine.submit(2, 0, prompt_tokens=8, expected_output_tokens=output)
        assert engine.next_batch(0, 1, 100, None).preempted.tolist() == expected


def test_victim_names_who_gives_way_without_changing_anything():
    engine = scheduler("srpt", block_size=16)
    engine.submit_many([1, 2, 3], 0, prompt_tokens=[16, 32, 48], expected_output_tokens=[50, 90, 70])
    engine.next_batch(0, 3, 1000, 100)
    before = engine.stats()
    assert [engine.victim(blocks) for blocks in (0, 1, 3, 100)] == [[], [2], [2, 3], [2, 3, 1]]
    assert engine.stats() == before


def test_update_moves_a_waiting_request():
    engine = scheduler("priority")
    engine.submit_many([1, 2], 0, prompt_tokens=[4, 4])
    engine.update(2, priority=-5)
    assert engine.next_batch(0, 1, 100, None).request_ids.tolist() == [2]


def test_explain_and_stats_tell_the_state():
    engine = scheduler("srpt", prefill_weight=0.5)
    engine.submit(5, 3, prompt_tokens=10, expected_output_tokens=7)
    known = engine.explain(5)
    assert known["state"] == "waiting"
    assert known["key"] == (12_000_000, 0)
    assert "12 output tokens" in known["reason"]
    engine.next_batch(4, 1, 100, None)
    assert engine.explain(5)["state"] == "running"
    engine.cancel(5)
    stats = engine.stats()
    assert (stats["num_cancelled"], stats["num_waiting"], stats["num_running"]) == (1, 0, 0)


def test_steady_steps_fall_when_an_arrival_may_enter():
    engine = scheduler()
    engine.submit(1, 0, prompt_tokens=4)
    batch = engine.next_batch(0, 2, 100, None)
    assert engine.steady_steps() == 0
    engine.advance_many(batch.request_ids, batch.num_tokens, [1])
    engine.next_batch(0, 2, 100, None)
    assert engine.steady_steps() == 2**32 - 1
    engine.submit(2, 0, prompt_tokens=4)
    assert engine.steady_steps() == 0


def test_log_replays_and_a_changed_log_does_not():
    engine = scheduler("srpt", fifo_share=0.3, record=True)
    engine.submit_many(range(10, 20), 5, prompt_tokens=range(1, 11), expected_output_tokens=range(11, 1, -1))
    for step in range(5):
        batch = engine.next_batch(step, 3, 16, 2)
        ends = [engine.explain(i)["prompt_tokens"] for i in batch.request_ids.tolist()]
        done = batch.num_computed_tokens + batch.num_tokens
        engine.advance_many(batch.request_ids, batch.num_tokens, (done >= ends).astype(int))
    engine.finish(int(batch.request_ids[0]))
    log = engine.log()
    assert sched.replay(log) == engine.stats()
    assert set(log[:, 0]) <= set(range(len(sched.KINDS)))
    names = log[log[:, 0] == sched.KINDS.index("name")]
    assert_array_equal(names[:, 2], np.arange(10, 20))
    changed = log.copy()
    row = int(np.flatnonzero(log[:, 0] == sched.KINDS.index("scheduled"))[-1])
    changed[row, 2] += 1
    with pytest.raises(DataError, match=f"row {row} "):
        sched.replay(changed)


@pytest.mark.parametrize(
    ("log", "error"),
    [(np.zeros((3, 5), int), ShapeError), (np.zeros((3, 6)), DtypeError), (np.zeros((0, 6), int), DataError)],
)
def test_replay_refuses_what_is_no_log(log, error):
    with pytest.raises(error, match="`log`"):
        sched.replay(log)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("policy", "lifo"),
        ("preempt", "always"),
        ("fifo_share", -0.1),
        ("fifo_share", float("nan")),
        ("preempt_gain", 0.5),
        ("prefill_weight", float("inf")),
        ("max_preemptions", -1),
        ("unknown_output_tokens", 0),
        ("block_size", 0),
        ("block_size", 2**40),
    ],
)
def test_options_out_of_range_are_named(option, value):
    with pytest.raises(ValueError, match=f"`{option}` must be"):
        sched.Scheduler(**{option: value})


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("request_id", 2**63),
        ("request_id", 1.5),
        ("request_id", "a"),
        ("now_ns", -1),
        ("now_ns", float("nan")),
        ("now_ns", 2**63),
        ("prompt_tokens", 0),
        ("prompt_tokens", -5),
        ("prompt_tokens", 10**30),
        ("expected_output_tokens", 0),
        ("cached_tokens", 11),
        ("priority", 2**31),
    ],
)
def test_submit_refuses_and_changes_nothing(argument, value):
    engine = scheduler()
    good = {"request_id": 1, "now_ns": 0, "prompt_tokens": 10}
    arguments = good | {argument: value}
    with pytest.raises(ValueError, match=f"`({argument}|arrival_ns)` must be"):
        engine.submit(arguments.pop("request_id"), arguments.pop("now_ns"), **arguments)
    assert engine.stats()["num_submitted"] == 0


def test_ids_must_be_new_or_known():
    engine = scheduler()
    engine.submit(1, 10, prompt_tokens=5)
    with pytest.raises(ValueError, match="`request_id` must be new, got 1"):
        engine.submit(1, 10, prompt_tokens=5)
    for call in (engine.finish, engine.cancel, engine.explain, lambda i: engine.advance(i, 1, 1), engine.update):
        with pytest.raises(ValueError, match="`request_id` must be waiting or running, got 2"):
            call(2)
    with pytest.raises(ValueError, match="`arrival_ns` must be at least 10"):
        engine.submit(2, 9, prompt_tokens=5)
    engine.cancel(1)
    engine.submit(1, 10, prompt_tokens=5)


def test_time_must_not_run_backwards():
    engine = scheduler()
    engine.next_batch(5, 1, 10, None)
    with pytest.raises(ValueError, match="`now_ns` must be at least 5"):
        engine.next_batch(4, 1, 10, None)


@pytest.mark.parametrize("argument", ["now_ns", "slots", "token_budget", "kv_free"])
@pytest.mark.parametrize("value", [-1, 1.5, 2**70])
def test_next_batch_names_the_wrong_limit(argument, value):
    limits = {"now_ns": 0, "slots": 1, "token_budget": 1, "kv_free": 1} | {argument: value}
    with pytest.raises(ValueError, match=f"`{argument}` must be an integer from 0"):
        scheduler().next_batch(**limits)


def test_many_rows_count_all_or_none():
    engine = scheduler()
    engine.submit(3, 0, prompt_tokens=5)
    wrong = [
        ({"request_ids": [1, 2, 1], "prompt_tokens": [1, 1, 1]}, ValueError, "different, got 1 twice"),
        ({"request_ids": [1, 3], "prompt_tokens": [1, 1]}, ValueError, "new, got 3"),
        ({"request_ids": [1, 2], "prompt_tokens": [1, 0]}, ValueError, "got 0 in row 1"),
        ({"request_ids": [1, 2], "prompt_tokens": [1]}, ShapeError, r"shape \(2,\)"),
        ({"request_ids": [1, 2], "prompt_tokens": [1.0, 2.0]}, DtypeError, "integers"),
        ({"request_ids": [1], "prompt_tokens": [4], "cached_tokens": [5]}, ValueError, "at most 4"),
    ]
    for arguments, error, text in wrong:
        with pytest.raises(error, match=text):
            engine.submit_many(now_ns=0, **arguments)
    assert engine.stats()["num_submitted"] == 1
    engine.submit(4, 0, prompt_tokens=5)
    engine.next_batch(0, 2, 100, None)
    for ids, tokens in [([3, 4], [5, 6]), ([3, 3], [5, 5]), ([3, 9], [5, 5])]:
        with pytest.raises(ValueError, match="must be"):
            engine.advance_many(ids, tokens, [0, 0])
    assert engine.explain(3)["num_computed_tokens"] == 0


def test_empty_calls_are_fine():
    engine = scheduler()
    engine.submit_many([], 0, prompt_tokens=[])
    engine.advance_many([], [], [])
    batch = engine.next_batch(0, 0, 0, 0)
    assert len(batch) == 0
    assert engine.log().shape == (0, 6)


def test_inputs_stay_as_they_are_and_any_layout_is_read():
    engine = scheduler()
    prompts = np.arange(1, 21, dtype=np.int16)[::2]
    before = prompts.copy()
    engine.submit_many(np.arange(10, dtype=">i8"), 0, prompt_tokens=prompts)
    assert_array_equal(prompts, before)
    assert_array_equal(engine.next_batch(0, 10, 1000, None).num_tokens, before)


def test_threads_take_turns():
    engine = scheduler("srpt")

    def work(first):
        for request_id in range(first, first + 200):
            engine.submit(request_id, 0, prompt_tokens=1, expected_output_tokens=request_id % 7 + 1)
            engine.next_batch(0, 4, 100, None)
            if request_id % 3:
                engine.cancel(request_id)

    threads = [threading.Thread(target=work, args=(1000 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stats = engine.stats()
    assert stats["num_submitted"] == 800
    assert stats["num_waiting"] + stats["num_running"] == 800 - stats["num_cancelled"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"policy": None}, "`policy` must be a name or a function, got None"),
        ({"fifo_share": "half"}, "`fifo_share` must be a number, got 'half'"),
        ({"prefill_weight": None}, "`prefill_weight` must be a number, got None"),
        ({"record": "yes"}, "`record` must be True or False, got 'yes'"),
    ],
)
def test_options_of_another_type_are_named(options, message):
    with pytest.raises(TypeError, match=message):
        sched.Scheduler(**options)


def test_none_is_no_number_of_tokens():
    engine = sched.Scheduler()
    with pytest.raises(ValueError, match="`prompt_tokens` must be an integer from 1"):
        engine.submit(1, 0, prompt_tokens=None)
    with pytest.raises(ValueError, match="`token_budget` must be an integer from 0"):
        engine.next_batch(0, slots=1, token_budget=None, kv_free=None)
