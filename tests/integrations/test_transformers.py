"""Our scheduler inside the continuous batching of transformers: a real engine with a tiny random model on the CPU."""

import random
import warnings
from collections import namedtuple

import pytest

from paretoserve import sim
from paretoserve.sched import KINDS, replay, write_log

Run = namedtuple("Run", ["tokens", "finished_at", "num_steps", "scheduler"])

NUM_REQUESTS = 150


@pytest.fixture(scope="module")
def engine():
    """A function that serves requests with a scheduler and tells when each was done, in steps."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch = pytest.importorskip("torch")
        transformers = pytest.importorskip("transformers")
        adapter = pytest.importorskip("paretoserve.integrations.transformers")
        try:
            adapter.register("test-versions")
        except ImportError as refusal:
            pytest.skip(str(refusal))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=512,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
    )
    model = transformers.LlamaForCausalLM(config).eval()
    model.set_attn_implementation("sdpa")

    def serve(name, requests, *, num_blocks=48):
        from transformers.generation.continuous_batching.scheduler import SCHEDULER_MAPPING

        batching = transformers.ContinuousBatchingConfig(
            num_blocks=num_blocks,
            page_size=16,
            max_batch_tokens=64,
            max_requests_per_batch=8,
            use_cuda_graph=False,
            scheduler_type=name,
        )
        generation = transformers.GenerationConfig(do_sample=False, max_new_tokens=8, eos_token_id=-1, pad_token_id=0)
        with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            watched = watch(patch, SCHEDULER_MAPPING, name)
            manager = model.init_continuous_batching(generation, continuous_batching_config=batching)
            for request, (prompt, output) in requests.items():
                manager.add_request(prompt, request_id=request, max_new_tokens=output)
            manager.start()
            results = [manager.get_result(timeout=120) for _ in requests]
            manager.stop(block=True)
        assert all(result is not None and result.error is None for result in results)
        tokens = {result.request_id: result.generated_tokens for result in results}
        return Run(tokens, watched["finished_at"], watched["steps"], watched["scheduler"])

    yield serve
    torch.set_num_threads(threads)


def watch(patch, mapping, name):
    """Count the steps of a scheduler and note in which one each request was finished."""
    seen = {"steps": 0, "finished_at": {}, "scheduler": None}

    class Watched(mapping[name]):
        def schedule_batch(self, *arguments):
            seen["scheduler"] = self
            answer = super().schedule_batch(*arguments)
            seen["steps"] += bool(answer[0])
            return answer

        def finish_request(self, request_id):
            super().finish_request(request_id)
            seen["finished_at"][request_id] = seen["steps"]

    patch.setitem(mapping, name, Watched)
    return seen


def workload(count, seed=0):
    draw = random.Random(seed)
    return {
        f"request-{number}": (
            [draw.randrange(1, 512) for _ in range(draw.randint(4, 24))],
            draw.choice([4, 8, 16, 128]),
        )
        for number in range(count)
    }


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def test_shortest_first_halves_the_mean_flow_and_keeps_every_token(engine):
    from paretoserve.integrations import transformers as adapter

    requests = workload(NUM_REQUESTS)
    adapter.register("test-srpt", policy="srpt", fifo_share=0.0, record=True)
    fifo, ours = engine("fifo", requests), engine("test-srpt", requests)
    assert ours.tokens == fifo.tokens
    assert len(ours.tokens) == NUM_REQUESTS
    ratio = mean(ours.finished_at.values()) / mean(fifo.finished_at.values())
    print(f"mean flow {ratio:.3f} of fifo; steps {ours.num_steps} against {fifo.num_steps}")
    assert ratio <= 0.55
    assert ours.num_steps <= 1.1 * fifo.num_steps


def test_the_decision_log_of_the_engine_replays_bit_for_bit(engine, tmp_path):
    from paretoserve.integrations import transformers as adapter

    adapter.register("test-log", policy="srpt", fifo_share=0.5, record=True)
    # So few blocks that the engine moves requests out of its cache.
    run = engine("test-log", workload(30, seed=1), num_blocks=16)
    decisions = run.scheduler.decisions
    counters = decisions.stats()
    assert counters["num_waiting"] == counters["num_running"] == 0
    assert counters["num_finished"] >= 30
    assert replay(decisions.log()) == counters
    write_log(decisions.log(), tmp_path / "decisions.parquet")
    found = sim.replay(tmp_path / "decisions.parquet")
    assert found.identical, found.explain()
    assert found.counters == counters
    assert found.num_decisions > 100
    # One admission changed: the simulator names the row.
    rows = decisions.log().copy()
    place = int((rows[:, 0] == KINDS.index("admitted")).nonzero()[0][20])
    rows[place, 1] += 1
    assert sim.replay(rows).difference.row == place


def test_requests_moved_out_of_a_small_cache_get_the_same_tokens(engine):
    from paretoserve.integrations import transformers as adapter

    requests = workload(30, seed=1)
    adapter.register("test-small", policy="srpt", fifo_share=0.5)
    assert engine("test-small", requests, num_blocks=16).tokens == engine("fifo", requests).tokens


def test_names_of_the_engine_and_wrong_options_are_refused(engine):
    from paretoserve.integrations import transformers as adapter

    with pytest.raises(ValueError, match="`name` must not be a scheduler of transformers"):
        adapter.register("fifo")
    with pytest.raises(ValueError, match="`preempt` is decided by transformers"):
        adapter.register("other", preempt="slots")
    with pytest.raises(ValueError, match="policy"):
        adapter.register("other", policy="fastest")
    with pytest.raises(ValueError, match="fifo_share"):
        adapter.register("other", fifo_share=2.0)
