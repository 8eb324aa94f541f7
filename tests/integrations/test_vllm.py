"""Our scheduler inside vLLM's own scheduler from its wheel; `make integration` installs it."""

import statistics
import time
import warnings

import pytest

from _data import data
from paretoserve import sim
from paretoserve.integrations.vllm import PROGRESS_STEPS
from paretoserve.sched import replay, write_log

NUM_REQUESTS = 700
AZURE = "traces/azure2023/AzureLLMInferenceTrace_conv.part1.csv.gz"


@pytest.fixture(scope="module")
def make_engine(tmp_path_factory):
    """Make engines, or skip where vLLM is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("vllm", reason="vLLM is not installed; run make integration")
        from _vllm_engine import Engine
        from paretoserve.integrations import vllm as adapter

        try:
            adapter.scheduler_class()
        except ImportError as refusal:
            pytest.skip(str(refusal))

        def make(**arguments):
            return Engine(tmp_path_factory.mktemp("model"), **arguments)

        yield make


def chat(count, *, real=True):
    trace = sim.load_trace(data(AZURE), format="azure") if real else sim.load_trace("azure-chat", limit=count)
    columns = [column[:count].tolist() for column in (trace.arrival_ns, trace.prompt_tokens, trace.output_tokens)]
    start = columns[0][0]
    rows = zip(*columns, strict=True)
    return {f"r{place}": ((at - start) / 1e9, prompt, output) for place, (at, prompt, output) in enumerate(rows)}


def burst(count, prompt=64):
    return {f"r{place}": (0.0, prompt, 8 + (place * 37) % 120) for place in range(count)}


@pytest.mark.parametrize("real", [True, False], ids=["trace", "profile"])
def test_shortest_first_on_chat_loses_no_request_and_no_block(make_engine, real):
    requests = chat(NUM_REQUESTS, real=real)
    options = {"policy": "srpt", "fifo_share": 0.0}
    theirs, ours = make_engine(ours=False), make_engine(ours=True, options=options)
    free = ours.num_free_blocks
    fcfs, srpt = theirs.serve(requests), ours.serve(requests)
    slots = make_engine(ours=True, options=options | {"preempt": "slots"}).serve(requests)
    for quantile in (0.5, 0.99):
        print(f"p{quantile * 100:g}: {srpt.quantile(quantile):.2f} s against {fcfs.quantile(quantile):.2f} s")
    print(f"mean: {srpt.mean:.2f} s against {fcfs.mean:.2f} s")
    print(f"mean with {slots.num_preempted} slots taken: {slots.mean:.2f} s")
    assert srpt.num_tokens == fcfs.num_tokens == {name: output for name, (_, _, output) in requests.items()}
    assert ours.num_free_blocks == free
    assert srpt.quantile(0.5) <= 0.65 * fcfs.quantile(0.5)
    assert srpt.mean < fcfs.mean
    assert slots.num_tokens == srpt.num_tokens
    assert slots.mean <= 1.02 * srpt.mean


@pytest.mark.parametrize("preempt", ["none", "slots"])
def test_few_blocks_and_preemptions_lose_nothing_and_the_log_replays(make_engine, preempt, tmp_path):
    engine = make_engine(ours=True, num_blocks=120, options={"record": True, "preempt": preempt})
    requests = burst(100) | {f"late{place}": (0.5 + place / 50, 16, 3) for place in range(20)}
    served = engine.serve(requests)
    assert served.num_tokens == {name: output for name, (_, _, output) in requests.items()}
    assert served.num_preempted > 0
    assert engine.num_free_blocks == 119  # vLLM keeps one for itself
    counters = engine.scheduler.decisions.stats()
    assert counters["num_waiting"] == counters["num_running"] == 0
    assert counters["num_finished"] == len(requests)
    assert replay(engine.scheduler.decisions.log()) == counters
    write_log(engine.scheduler.decisions.log(), tmp_path / "decisions.parquet")
    found = sim.replay(tmp_path / "decisions.parquet")
    assert found.identical, found.explain()
    assert (found.counters, found.num_steps > 100) == (counters, True)


def test_slots_are_taken_for_shorter_requests_where_it_pays(make_engine):
    options = {"preempt": "slots", "fifo_share": 0.0}
    engine = make_engine(ours=True, slots=4, options=options)
    requests = {f"long{place}": (0.0, 32, 400) for place in range(4)}
    requests |= {f"short{place}": (1.0, 32, 4) for place in range(4)}
    served = engine.serve(requests)
    assert served.num_preempted > 0
    assert max(served.latency[f"short{place}"] for place in range(4)) < 1.0
    assert set(served.num_tokens) == set(requests)


def test_terms_of_a_request_come_from_extra_args_and_nonsense_is_ignored(make_engine, caplog):
    engine = make_engine(ours=True, slots=1, options={"fifo_share": 0.0})
    engine.submit("first", 16, 100)
    engine.submit("long", 16, 50)
    engine.submit("known", 16, 500, paretoserve={"expected_output_tokens": 5})
    engine.submit("nonsense", 16, 400, paretoserve={"weight": float("nan")})
    engine.submit("stranger", 16, 300, paretoserve="fast")
    assert "request nonsense: `weight` must be a number" in caplog.text
    order = [request.request_id for request in engine.scheduler.waiting]
    assert sorted(order) == ["first", "known", "long", "nonsense", "stranger"]
    assert engine.scheduler.waiting.peek_request().request_id == "known"


def test_aborts_in_every_state_free_everything(make_engine):
    from vllm.v1.request import RequestStatus

    engine = make_engine(ours=True, slots=4)
    free = engine.num_free_blocks
    for name, (_, prompt, output) in burst(20).items():
        engine.submit(name, prompt, output)
    for _ in range(5):
        engine.step()
    engine.scheduler.waiting.peek_request()
    engine.scheduler.finish_requests([f"r{place}" for place in range(0, 20, 2)], RequestStatus.FINISHED_ABORTED)
    engine.step()
    engine.scheduler.finish_requests(None, RequestStatus.FINISHED_ABORTED)
    assert len(engine.scheduler.waiting) == 0
    assert not engine.scheduler.waiting
    assert engine.num_free_blocks == free
    counters = engine.scheduler.decisions.stats()
    assert counters["num_waiting"] == counters["num_running"] == 0
    with pytest.raises(IndexError):
        engine.scheduler.waiting.peek_request()


def test_what_we_add_to_a_step_of_vllm_is_printed(make_engine):
    """CPU time of schedule() with 256 running decodes, both in turns; a measurement, not a limit."""
    engines = {ours: make_engine(ours=ours, slots=256, num_blocks=40000) for ours in (False, True)}
    times = {False: [], True: []}
    for ours, engine in engines.items():
        for place in range(1256):
            engine.submit(f"r{place}", 16, 2000)
        for _ in range(10):
            engine.step()
        engine.scheduler.schedule = timed(engine.scheduler.schedule, times[ours])
    for _ in range(20 * PROGRESS_STEPS):
        for engine in engines.values():
            engine.step()
    # Every 16th step of ours is longer: the median of whole rounds has its share of them.
    median = {ours: statistics.median(rounds(values)) / 1e3 for ours, values in times.items()}
    print(f"schedule() {median[True]:.0f} us with our order, {median[False]:.0f} us without")


def rounds(values):
    return [statistics.mean(values[at : at + PROGRESS_STEPS]) for at in range(0, len(values), PROGRESS_STEPS)]


def timed(schedule, times):
    def wrapped():
        start = time.thread_time_ns()
        answer = schedule()
        times.append(time.thread_time_ns() - start)
        return answer

    return wrapped
