"""The queue behind the adapters: nothing is lost or run twice, whatever the engine does with whom it took."""

import random

import pytest

from paretoserve.integrations._queue import EngineQueue
from paretoserve.sched import Scheduler, replay


@pytest.mark.parametrize("policy", ["fcfs", "srpt", "op_srpt", "balance"])
def test_random_engines_lose_nothing_and_replay(policy):
    draw = random.Random(policy)
    queue = EngineQueue(Scheduler(policy, fifo_share=0.5, record=True))
    waiting, running, done, added = set(), {}, [], 0
    for now in range(2000):
        action = draw.choice(["add", "take", "take", "progress", "progress", "give_back", "hold", "finish", "cancel"])
        if action == "add":
            size = draw.choice([None, draw.randint(1, 50)])
            queue.add(f"r{added}", now, prompt_tokens=draw.randint(1, 40), expected_output_tokens=size)
            waiting.add(f"r{added}")
            added += 1
        elif action == "take" and waiting:
            name = queue.first(now)
            assert name == queue.first(now)
            assert name in waiting
            queue.take(name)
            waiting.remove(name)
            running.setdefault(name, queue.sampled(name))
        elif action == "progress":
            running = {name: total + draw.randint(0, 2) for name, total in running.items()}
            queue.progress(running)
        elif action in ("give_back", "hold") and running:
            name = draw.choice(sorted(running))
            queue.progress({name: running.pop(name)})
            getattr(queue, action)(name)
            waiting.add(name)
        elif action in ("finish", "cancel"):
            live = sorted(running) if action == "finish" else sorted(waiting)
            if live:
                name = draw.choice(live)
                queue.remove(name, finished=action == "finish")
                running.pop(name, None)
                waiting.discard(name)
                done.append(name)
        assert len(queue) == len(waiting)
        assert set(queue) == waiting
        assert set(queue.best_first()) == set(running)
    assert len(set(done)) == len(done)
    counters = queue.scheduler.stats()
    assert counters["num_waiting"] + counters["num_running"] == len(waiting) + len(running)
    assert replay(queue.scheduler.log()) == counters


def test_running_requests_are_ordered_by_what_remains():
    queue = EngineQueue(Scheduler("srpt", fifo_share=0.0))
    for name, size in {"a": 30, "b": 20, "c": 10}.items():
        queue.add(name, 0, prompt_tokens=1, expected_output_tokens=size)
    for _ in range(3):
        queue.take(queue.first(0))
    assert queue.best_first() == ["c", "b", "a"]
    queue.progress({"a": 25})
    assert queue.best_first() == ["a", "c", "b"]


def test_slots_are_taken_only_from_requests_that_the_engine_runs():
    queue = EngineQueue(Scheduler("srpt", fifo_share=0.0, preempt="slots"))
    queue.add("long", 0, prompt_tokens=1, expected_output_tokens=500)
    queue.take(queue.first(0))
    queue.add("short", 1, prompt_tokens=1, expected_output_tokens=5)
    assert queue.admit(1, 1) == ["long"]
    assert list(queue) == ["short", "long"]
    assert queue.first(1) == "short"


def test_unknown_names_are_forgotten_without_complaint():
    queue = EngineQueue(Scheduler())
    queue.remove("nobody", finished=True)
    assert len(queue) == 0
    assert queue.first(0) is None
