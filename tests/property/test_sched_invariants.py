"""Random traffic through the Python scheduler: limits kept, nobody lost, the same answers twice."""

from contextlib import suppress

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from paretoserve import sched

TRAFFIC = st.lists(
    st.tuples(st.integers(1, 60), st.integers(1, 12), st.integers(1, 12) | st.none(), st.integers(-3, 3)),
    min_size=1,
    max_size=12,
)
POLICIES = st.sampled_from(["fcfs", "srpt", "priority"])


class Engine:
    """An engine with a counted cache that does what the scheduler says."""

    def __init__(self, scheduler, num_blocks):
        self.scheduler, self.free = scheduler, num_blocks
        self.num_blocks, self.held, self.left = num_blocks, {}, {}

    def step(self, now, slots, budget):
        batch = self.scheduler.next_batch(now, slots, budget, self.free)
        assert len(batch) <= slots
        assert batch.num_tokens.sum() <= budget
        assert len(set(batch.request_ids.tolist())) == len(batch)
        for request_id in batch.preempted.tolist():
            self.held.pop(request_id, None)
        for request_id in batch.request_ids.tolist():
            known = self.scheduler.explain(request_id)
            prompt = known["prompt_tokens"] + known["num_output_tokens"]
            tokens = known["num_computed_tokens"] + int(batch.num_tokens[batch.request_ids == request_id][0])
            # Admission reserves the whole prompt.
            self.held[request_id] = max(self.held.get(request_id, 0), -(-max(prompt, tokens) // 16))
        self.free = self.num_blocks - sum(self.held.values())
        assert self.free >= 0
        self.execute(batch)
        return batch

    def execute(self, batch):
        for request_id, tokens in zip(batch.request_ids.tolist(), batch.num_tokens.tolist(), strict=True):
            known = self.scheduler.explain(request_id)
            ends = known["num_computed_tokens"] + tokens == known["prompt_tokens"] + known["num_output_tokens"]
            self.scheduler.advance(request_id, tokens, int(ends))
            self.left[request_id] -= ends
            if self.left[request_id] == 0:
                self.scheduler.finish(request_id)
                self.free += self.held.pop(request_id)
                del self.left[request_id]


def serve(policy, share, preempt, slots, budget, traffic):
    scheduler = sched.Scheduler(policy, fifo_share=share, preempt=preempt, record=True)
    engine = Engine(scheduler, 6)
    for request_id, (prompt, output, expected, priority) in enumerate(traffic):
        scheduler.submit(
            request_id, request_id, prompt_tokens=prompt, expected_output_tokens=expected, priority=priority
        )
        engine.left[request_id] = output
        engine.step(request_id, slots, budget)
    steps = 0
    while engine.left:
        engine.step(len(traffic) + steps, slots, budget)
        steps += 1
        assert steps < 5000
    return scheduler


@settings(max_examples=60)
@given(POLICIES, st.floats(0, 1), st.sampled_from(["none", "slots"]), st.integers(1, 4), st.integers(4, 80), TRAFFIC)
def test_everybody_is_served_within_the_limits(policy, share, preempt, slots, budget, traffic):
    scheduler = serve(policy, share, preempt, slots, budget, traffic)
    stats = scheduler.stats()
    assert stats["num_finished"] == len(traffic)
    assert stats["num_output_tokens"] == sum(output for _, output, _, _ in traffic)
    assert sched.replay(scheduler.log()) == stats
    again = serve(policy, share, preempt, slots, budget, traffic)
    np.testing.assert_array_equal(again.log(), scheduler.log())


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(-2, 12), st.integers(-2, 2**33)), max_size=40))
def test_any_sequence_of_calls_leaves_a_sound_scheduler(calls):
    scheduler = sched.Scheduler("srpt", record=True)
    for call, request_id, number in calls:
        with suppress(ValueError):
            match call:
                case 0 | 1:
                    scheduler.submit(request_id, 0, prompt_tokens=number, expected_output_tokens=5)
                case 2:
                    scheduler.next_batch(0, 3, number, None)
                case 3:
                    scheduler.advance(request_id, number, 1)
                case 4:
                    scheduler.finish(request_id)
                case 5:
                    scheduler.cancel(request_id)
                case 6:
                    scheduler.update(request_id, expected_output_tokens=number)
    stats = scheduler.stats()
    gone = stats["num_finished"] + stats["num_cancelled"]
    assert stats["num_submitted"] == stats["num_waiting"] + stats["num_running"] + gone
    assert sched.replay(scheduler.log()) == stats
