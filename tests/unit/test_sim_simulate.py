"""`sim.simulate`: cases that a reader can compute by hand, bad input, queueing theory."""

import json
import signal
import threading
from dataclasses import replace

import numpy as np
import pytest

from _data import data
from paretoserve import sched
from paretoserve.cost import StepTime, rank_memory
from paretoserve.errors import CapacityError, DtypeError, ShapeError, UnknownNameError
from paretoserve.sim import Configuration, Simulation, Trace, load_trace, simulate

MS = 1_000_000
# A step: 1 ms, and 10 us for each prompt token in it.
STEP = StepTime.linear(0.001, per_prefill_token_s=1e-5)


def run(
    arrival_ms, prompt, output, *, num_blocks=1000, step_time=STEP, hashes=None, extras=None, **config
) -> Simulation:
    trace = {}
    if hashes is not None:
        trace = {
            "hash_offsets": np.cumsum([0, *map(len, hashes)]),
            "hash_ids": np.array([block for row in hashes for block in row]),
            "hash_block_tokens": 32,
        }
    return simulate(
        Trace(
            arrival_ns=np.rint(np.array(arrival_ms) * MS).astype(np.int64),
            prompt_tokens=prompt,
            output_tokens=output,
            **trace,
        ),
        Configuration(**config),
        step_time=step_time,
        num_blocks=num_blocks,
        **(extras or {}),
    )


def test_one_request_prefills_then_decodes():
    result = run([5], [100], [4])
    assert result.scheduled_ns.tolist() == [5 * MS]
    assert result.ttft_s == pytest.approx([0.002])
    assert result.tpot_s == pytest.approx([0.001])
    assert result.e2e_s == pytest.approx([0.005])
    assert (result.steps, result.prefill_tokens, result.decode_tokens) == (4, 100, 3)
    assert (result.makespan_ns, result.busy_ns.tolist()) == (10 * MS, [5 * MS])
    # 100 prompt tokens and 3 of the 4 output tokens have KV.
    assert result.peak_blocks.tolist() == [7]


def test_an_output_of_one_token_has_no_time_per_token():
    result = run([0, 0], [100, 100], [1, 2])
    assert np.isnan(result.tpot_s[0])
    assert result.tpot_s[1] == pytest.approx(0.001)


def test_prompts_share_the_token_budget_in_chunks():
    # Step 1: 100 of request 0. Step 2: 50 of request 0, 50 of request 1. Step 3: 100 of request 1.
    result = run([0, 0], [150, 150], [1, 1], max_num_batched_tokens=100)
    assert result.finish_ns.tolist() == [4 * MS, 6 * MS]
    # Without chunks the second prompt waits for a step of its own.
    result = run([0, 0], [60, 60], [1, 1], max_num_batched_tokens=100, chunked_prefill=False)
    assert result.finish_ns.tolist() == [1.6 * MS, 3.2 * MS]


def test_decodes_go_before_waiting_prompts():
    # Request 1 joins after the step in which it arrives; its prompt delays the decode of request 0 by its 0.5 ms.
    result = run([0, 2.5], [100, 50], [3, 1])
    assert result.first_token_ns.tolist() == [2 * MS, 4.5 * MS]
    assert result.finish_ns.tolist() == [4.5 * MS, 4.5 * MS]


def test_max_num_seqs_is_a_limit_of_requests():
    assert run([0, 0], [100, 100], [2, 2], max_num_seqs=1).finish_ns.tolist() == [3 * MS, 6 * MS]
    assert run([0, 0], [100, 100], [2, 2], max_num_seqs=2).finish_ns.tolist() == [4 * MS, 4 * MS]


def test_srpt_runs_the_short_one_first_and_estimates_can_be_wrong():
    lengths = ([0, 0, 0], [10, 10, 10], [1, 50, 2])
    order = [0, 2, 1]
    assert run(*lengths, max_num_seqs=1, policy="srpt", fifo_share=0.0).finish_ns.argsort().tolist() == order
    assert run(*lengths, max_num_seqs=1, policy="fcfs").finish_ns.argsort().tolist() == [0, 1, 2]
    told = {"expected_output_tokens": [1, 2, 50]}
    wrong = run(*lengths, max_num_seqs=1, policy="srpt", fifo_share=0.0, extras=told)
    assert wrong.finish_ns.argsort().tolist() == [0, 1, 2]


def test_a_prefix_is_computed_once():
    # Hashes name 32 tokens, two blocks. Request 1 shares 64 of its 100 tokens, request 2 repeats request 1 as a whole.
    hashes = [[1, 2, 3], [1, 2, 4, 5], [1, 2, 4, 5]]
    result = run([0, 10, 20], [96, 100, 100], [1, 1, 1], hashes=hashes)
    # All 6 blocks of the 100 tokens are resident for request 2: 96 tokens.
    assert result.cached_tokens.tolist() == [0, 64, 96]
    assert result.ttft_s == pytest.approx([0.00196, 0.00136, 0.00104])
    assert result.summary()["prefix_hit_rate"] == pytest.approx(160 / 296)
    assert run([0, 10, 20], [96, 100, 100], [1, 1, 1], hashes=hashes, prefix_caching=False).cached_tokens.sum() == 0


def test_at_least_one_prompt_token_is_computed():
    result = run([0, 10], [64, 64], [1, 1], hashes=[[1, 2], [1, 2]])
    assert result.cached_tokens.tolist() == [0, 48]


def test_the_least_recently_used_prefix_is_evicted_from_its_end():
    # 8 blocks: request 1 needs 6, so 2 of the 4 blocks of request 0 go, the last ones. Request 2 finds the first two.
    result = run([0, 10, 20], [64, 96, 64], [1, 1, 1], hashes=[[1, 2], [3, 4, 5], [1, 2]], num_blocks=8)
    assert result.cached_tokens.tolist() == [0, 0, 32]


def test_running_out_of_blocks_preempts_the_last_admitted_and_computes_it_again():
    # Each prompt fills 4 of 9 blocks. Step 2 gives request 0 the fifth block; there is none for request 1, which gives
    # way.
    result = run([0, 0], [64, 64], [10, 10], num_blocks=9)
    assert result.preemptions.tolist() == [0, 1]
    # Step 1 takes 2.28 ms, 9 decodes of request 0 alone 9 ms; then 65 tokens take 1.65 ms, 64 of them again, and 8
    # decodes follow.
    assert result.finish_ns.tolist() == [11.28 * MS, 20.93 * MS]
    assert result.recomputed_tokens == 64
    assert result.peak_blocks.tolist() == [9]


def test_a_request_that_can_never_fit_is_rejected_with_the_reason():
    result = run([0, 0], [100, 100], [10, 61], num_blocks=10)
    assert result.rejected.tolist() == [False, False]
    result = run([0, 0], [100, 100], [10, 62], num_blocks=10)
    assert result.rejected.tolist() == [False, True]
    assert (result.replica[1], result.finish_ns[1]) == (-1, -1)
    assert np.isnan([result.ttft_s[1], result.tpot_s[1], result.e2e_s[1]]).all()
    assert "more than the 10 KV blocks (160 tokens)" in result.explain(1)
    assert "1 requests were rejected" in result.explain()
    result = run([0], [100], [10], max_num_batched_tokens=64, chunked_prefill=False)
    assert result.refusal.tolist() == [2]
    assert "chunked prefill is off" in result.explain(0)


def test_nothing_served_has_no_latency():
    summary = run([0], [100], [10], num_blocks=1).summary()
    assert summary["num_rejected"] == 1
    assert summary["ttft_p99_s"] is None
    assert summary["output_tokens_per_s"] is None


def test_routers():
    arrivals, prompts = [0, 0, 0, 0], [100, 10, 10, 10]
    assert run(arrivals, prompts, [9] * 4, replicas=2, router="round_robin").replica.tolist() == [0, 1, 0, 1]
    # Equal numbers of requests: the one with fewer prompt tokens; then the one with fewer requests.
    assert run(arrivals, prompts, [9] * 4, replicas=2).replica.tolist() == [0, 1, 1, 0]
    hashes = [[1, 2, 3], [], [1, 2, 3], []]
    prompts, arrivals = [96, 80, 96, 10], [0, 0, 5, 5]
    affine = run(arrivals, prompts, [9] * 4, hashes=hashes, replicas=2, router="prefix_affinity")
    # 96 + 16 tokens where the prefix lies against 80 + 96.
    assert affine.replica.tolist() == [0, 1, 0, 1]
    assert affine.cached_tokens.tolist() == [0, 0, 80, 0]


def test_data_parallel_ranks_wait_for_each_other():
    # The requests go to two ranks; both steps take as long as the larger prompt.
    result = run([0, 0], [100, 20], [2, 2], data_parallel=2)
    assert result.finish_ns.tolist() == [3 * MS, 3 * MS]


def test_a_pipeline_overlaps_batches_and_a_token_passes_all_stages():
    alone = run([0], [100], [3], pipeline_parallel=2)
    assert alone.finish_ns.tolist() == [4 * MS]
    # Each prompt is 1 ms in each stage: they end at 2 and 3. The first decode of request 0 waits in stage 2 for the
    # second prompt and ends at 3.5. From then on two batches of 1 ms are in flight, half a millisecond apart.
    both = run([0, 0], [100, 100], [101, 101], pipeline_parallel=2)
    assert both.finish_ns.tolist() == [102.5 * MS, 103 * MS]
    assert both.busy_ns.tolist() == [103 * MS]


def test_host_time_is_added_or_overlapped():
    assert run([0], [100], [2], extras={"host_time_s": 0.0015}).finish_ns.tolist() == [6 * MS]
    overlapped = run([0], [100], [2], extras={"host_time_s": 0.0015, "overlap_host": True})
    assert overlapped.finish_ns.tolist() == [3.5 * MS]


def test_model_and_system_stand_for_step_time_and_blocks():
    trace = Trace(arrival_ns=[0, MS], prompt_tokens=[1000, 10], output_tokens=[20, 20])
    config = Configuration(tensor_parallel=2)
    layout = {"tensor_parallel": 2}
    given = simulate(
        trace,
        config,
        step_time=StepTime.fit("qwen3-32b", "h100_sxm", **layout),
        num_blocks=rank_memory("qwen3-32b", hardware="h100_sxm", **layout).num_blocks,
    )
    derived = simulate(trace, config, model="qwen3-32b", system="h100_sxm")
    assert derived.to_dict() == given.to_dict()
    assert derived.num_blocks == given.num_blocks
    assert derived.flops > 2 * 30e9 * 1048
    with pytest.raises(ValueError, match="`step_time` and `num_blocks` must be given"):
        simulate(trace, config, num_blocks=5)
    with pytest.raises(CapacityError):
        simulate(trace, Configuration(), model="deepseek-v3", system="h100_sxm")


def test_decision_logs_replay():
    result = run([0, 0, 1], [64, 64, 9], [10, 10, 3], num_blocks=9, replicas=2, extras={"record": True})
    assert [log.replica for log in result.decisions] == [0, 1]
    for log in result.decisions:
        assert sched.replay(log.rows)["num_finished"] == (result.replica == log.replica).sum()
    assert run([0], [1], [1]).decisions == ()


@pytest.mark.parametrize(("rho", "seed"), [(0.5, 1), (0.8, 2)])
def test_one_slot_with_unit_steps_is_the_queue_of_the_textbooks(rho, seed):
    # A prompt token and n - 1 decodes of 1 ms each: service n ms. Mean time in system by Pollaczek and Khinchine.
    n = 200_000
    rng = np.random.default_rng(seed)
    for name, service in [("M/D/1", np.full(n, 20)), ("M/G/1", rng.geometric(1 / 20, n))]:
        mean, square = service.mean(), (service.astype(float) ** 2).mean()
        arrival = np.cumsum(rng.exponential(mean / rho, n))
        result = run(
            arrival, np.ones(n, int), service, step_time=StepTime.linear(0.001), max_num_seqs=1, num_blocks=10_000
        )
        expected = mean + (rho / mean) * square / (2 * (1 - rho))
        assert result.e2e_s.mean() * 1e3 == pytest.approx(expected, rel=0.02), name
        assert result.busy_ns.sum() == service.sum() * MS


def test_threads_and_repetition_change_nothing():
    rng = np.random.default_rng(0)
    load = (np.cumsum(rng.integers(0, 3, 300)), rng.integers(1, 300, 300), rng.integers(1, 60, 300))
    base = {"num_blocks": 80, "replicas": 5, "router": "round_robin", "policy": "srpt"}
    results = [run(*load, **base, extras={"threads": threads}).to_dict() for threads in (1, 2, 5, None, 1)]
    assert all(result == results[0] for result in results)
    beside = []
    workers = [threading.Thread(target=lambda: beside.append(run(*load, **base).to_dict())) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert beside == [results[0]] * 4


def test_results_are_plain_and_read_only():
    result = run([0, 1], [64, 64], [10, 1])
    json.dumps(result.to_dict())
    with pytest.raises(ValueError, match="read-only"):
        result.finish_ns[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        result.ttft_s[0] = 0
    table = result.to_table()
    assert table.num_rows == 2
    assert {"arrival_ns", "ttft_s", "replica", "preemptions"} <= set(table.column_names)
    assert "went to replica 0" in result.explain(-1)
    with pytest.raises(IndexError, match="from 0 to 1"):
        result.explain(2)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"num_blocks": 0}, ValueError, "`num_blocks` must be from 1"),
        ({"num_blocks": 10**30}, ValueError, "`num_blocks` must be from 1"),
        ({"num_blocks": 2.0}, DtypeError, "`num_blocks` must be an integer, got float"),
        ({"extras": {"threads": 0}}, ValueError, "`threads` must be from 1"),
        ({"extras": {"host_time_s": -1.0}}, ValueError, "`host_time_s` must be from 0"),
        ({"extras": {"host_time_s": float("nan")}}, ValueError, "`host_time_s` must be from 0"),
        ({"extras": {"record": 1}}, DtypeError, "`record` must be True or False"),
        ({"extras": {"expected_output_tokens": [0, 1]}}, ValueError, "`expected_output_tokens` must be from 1"),
        ({"extras": {"expected_output_tokens": [1]}}, ShapeError, "`expected_output_tokens` must have shape"),
        ({"extras": {"expected_output_tokens": [1.5, 1]}}, DtypeError, "`expected_output_tokens` must hold integers"),
        ({"step_time": 0.01}, DtypeError, "`step_time` must be a cost.StepTime, got float"),
    ],
)
def test_bad_arguments_are_refused(changes, error, message):
    with pytest.raises(error, match=message):
        run([0, 1], [1, 1], [1, 1], **changes)


def test_bad_traces_are_refused():
    for arrival, prompt, output in [([], [], []), ([0], [0], [1]), ([0], [1], [0]), ([1, 0], [1, 1], [1, 1])]:
        with pytest.raises(ValueError, match=r"at least|must"):
            run(arrival, prompt, output)
    with pytest.raises(DtypeError, match="`trace` must be a Trace"):
        simulate([1, 2], Configuration(), step_time=STEP, num_blocks=1)
    with pytest.raises(DtypeError, match="`config` must be a Configuration"):
        simulate(Trace(arrival_ns=[0], prompt_tokens=[1], output_tokens=[1]), {}, step_time=STEP, num_blocks=1)


@pytest.mark.parametrize(
    ("field", "value", "error", "message"),
    [
        ("replicas", 0, ValueError, "`replicas` must be from 1 to 65536, got 0"),
        ("tensor_parallel", -1, ValueError, "`tensor_parallel` must be from 1"),
        ("max_num_seqs", 2.0, DtypeError, "`max_num_seqs` must be an integer, got float"),
        ("max_num_seqs", True, DtypeError, "`max_num_seqs` must be an integer, got bool"),
        ("block_size", 10**30, ValueError, "`block_size` must be from 1"),
        ("fifo_share", float("nan"), ValueError, "`fifo_share` must be from 0 to 1, got nan"),
        ("fifo_share", "half", DtypeError, "`fifo_share` must be a number, got str"),
        ("gpu_memory_utilization", 0, ValueError, "`gpu_memory_utilization` must be above 0"),
        ("chunked_prefill", 1, DtypeError, "`chunked_prefill` must be True or False, got int"),
        ("policy", "strp", UnknownNameError, '"a_min" or "external", got "strp"; did you mean "srpt"'),
        ("router", None, DtypeError, "`router` must be a string, got NoneType"),
        ("weight_format", "zzz", UnknownNameError, '"nvfp4", got "zzz"$'),
    ],
)
def test_bad_configurations_are_refused(field, value, error, message):
    with pytest.raises(error, match=message):
        Configuration(**{field: value})


def test_configuration_counts_gpus():
    config = Configuration(tensor_parallel=2, pipeline_parallel=3, data_parallel=2, replicas=2)
    assert (config.gpus_per_replica, config.num_gpus) == (12, 24)
    assert Configuration(**config.to_dict()) == config
    assert config.label() == "tp2 pp3 dp2 x2 bf16"


def test_mooncake_hits_are_those_of_an_obvious_cache():
    trace = load_trace(data("traces/mooncake_fast25/conversation_trace.part1.jsonl.gz")).head(2000)
    # Requests far apart and no eviction: whatever was seen before is resident.
    apart = replace(trace, arrival_ns=np.arange(trace.num_requests) * 10**12)
    result = simulate(apart, Configuration(), step_time=STEP, num_blocks=10**9)
    seen, expected = set(), []
    for row, prompt in enumerate(trace.prompt_tokens.tolist()):
        ids = trace.hash_ids[trace.hash_offsets[row] : trace.hash_offsets[row + 1]].tolist()
        resident = next((index for index, block in enumerate(ids) if block not in seen), len(ids))
        expected.append(min(resident * 512, (prompt - 1) // 16 * 16))
        seen.update(ids)
    assert result.cached_tokens.tolist() == expected
    assert sum(expected) > 0


def test_a_signal_ends_a_long_simulation():
    class Alarm(Exception):  # noqa: N818
        pass

    def ring(signum, frame):
        raise Alarm

    previous = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        # One token a step: some 2e8 steps, half a minute.
        with pytest.raises(Alarm):
            run([0], [200_000_000], [1], num_blocks=2**24, max_num_batched_tokens=1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
