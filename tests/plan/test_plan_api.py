"""`plan.plan` from Python: executors, picks, explanations, screening, and objectives that have no number."""

import dataclasses
import json
import subprocess
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

from paretoserve import cost, pareto
from paretoserve.errors import CapacityError
from paretoserve.plan import OBJECTIVES, Space, describe, plan
from paretoserve.plan.evaluate import evaluate
from paretoserve.plan.problem import Problem
from paretoserve.plan.screen import merge, prefix_length, survivors
from paretoserve.plan.store import json_text
from paretoserve.sim import Configuration, Trace, load_trace

SPACE = {"weight_format": "fp8", "kv_format": ["bf16", "fp8"], "max_num_batched_tokens": 4096}


@pytest.fixture(scope="module")
def trace() -> Trace:
    return load_trace("azure-chat", limit=60)


@pytest.fixture(scope="module")
def front(trace):
    return plan("qwen3-32b", "h100_sxm", trace, gpus=4, space=SPACE, slo="ttft_p99=2s")


@pytest.mark.parametrize("pool", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_any_executor_gives_the_same(front, trace, pool):
    options = {} if pool is ThreadPoolExecutor else {"mp_context": __import__("multiprocessing").get_context("spawn")}
    with pool(2, **options) as executor:
        other = plan("qwen3-32b", "h100_sxm", trace, gpus=4, space=SPACE, slo="ttft_p99=2s", executor=executor)
    assert json_text(other.to_dict()) == json_text(front.to_dict())


@pytest.mark.parametrize("lines", ["price_usd_per_gpu_hour: 2", "memory_bandwidth: 4.8e12"])
def test_a_system_file_plans(trace, tmp_path, lines):
    path = tmp_path / "ours.yaml"
    path.write_text(f"base: h100_sxm\n{lines}\n")
    front = plan("qwen3-32b", str(path), trace, gpus=2, space=SPACE | {"policy": "fcfs"})
    assert front.inputs["operators"]["system"] == ("h100_sxm" if "price" in lines else "h200_sxm")


def test_the_front_is_what_nobody_beats(front):
    signs = np.array([1 if name == "ttft_p99_s" else -1 for name in front.objectives])
    points = np.stack([front.columns[name] for name in front.objectives], axis=1) * signs
    for row in range(len(points)):
        beaten = ((points <= points[row]).all(axis=1) & (points < points[row]).any(axis=1)).any()
        assert beaten == (row not in front.rows)


def test_picks_and_explanations(front):
    assert front.pick() == front.picks["knee"]
    assert front.pick("slo") == front.picks["slo"]
    best = front.pick("joule_per_token")
    assert front.columns["joule_per_token"][best] == front.columns["joule_per_token"][front.rows].min()
    assert front.pick("ttft_p99", slo="tokens_per_s_per_gpu=1") in front.rows
    text = front.explain(0)
    assert describe(front.configurations[front.rows[0]]) in text
    assert "on the front: best ttft_p99_s" in text
    assert "ttft_p99_s <= 2: met" in text
    with pytest.raises(IndexError, match=r"0\.\."):
        front.explain(len(front))
    with pytest.raises(ValueError, match="must be met"):
        front.pick(slo="ttft_p99=1us")


def test_tables_and_report(front):
    assert front.table().num_rows == len(front)
    assert front.table("all").num_rows == len(front.configurations)
    assert set(front.table()["step_time"].to_pylist()) <= {"measured", "interpolated", "fitted", "transferred"}
    page = front.to_html()
    assert page == front.to_html()
    assert "qwen3-32b on 4 x h100_sxm for azure-chat" in page
    json.loads(json_text(front.to_dict()))


def test_rates_follow_their_definitions(front):
    row = front.row(0)
    assert row["tokens_per_s_per_user"] == pytest.approx(1 / row["tpot_mean_s"])
    hardware = cost.hardware("h100_sxm")
    rate = row["tokens_per_s_per_gpu"]
    assert row["usd_per_mtok"] == pytest.approx(hardware.price_usd_per_gpu_hour / 3600 / rate * 1e6)
    assert hardware.power.idle_w / rate <= row["joule_per_token"] <= hardware.tdp_w / rate
    assert 0 < row["mfu"] < 1
    assert 0 < row["mbu"] < 1


def test_one_token_answers_have_no_tpot():
    trace = Trace(arrival_ns=[0, 10**9], prompt_tokens=[100, 200], output_tokens=[1, 1])
    options = {"gpus": 1, "space": SPACE | {"policy": "fcfs"}}
    with pytest.raises(CapacityError, match=r"(?s)tokens_per_s_per_user is not finite.*hint: leave it out"):
        plan("qwen3-32b", "h100_sxm", trace, **options)
    front = plan("qwen3-32b", "h100_sxm", trace, objectives="ttft_p99,usd_per_mtok", **options)
    assert len(front) >= 1
    assert np.isnan(front.columns["tpot_p99_s"]).all()


@pytest.mark.parametrize(
    "arrivals", [[0], [0, 0, 0], [5 * 10**9, 5 * 10**9, 6 * 10**9]], ids=["one", "at once", "late"]
)
def test_strange_arrivals_have_all_outputs(tmp_path, arrivals):
    n = len(arrivals)
    trace = Trace(arrival_ns=arrivals, prompt_tokens=[100] * n, output_tokens=[20] * n, name="strange")
    front = plan("qwen3-32b", "h100_sxm", trace, gpus=1, space=SPACE | {"policy": "fcfs"}, out=tmp_path)
    rates = front.columns["tokens_per_s_per_gpu"]
    assert (rates > 20).all()
    assert (tmp_path / "plan.json").exists()
    prediction = json.loads((tmp_path / "top1/prediction.json").read_text())
    assert prediction["benchmark_as_served"]["ttft_mean_s"] > 0


@pytest.mark.parametrize("names", ["ttft_p99", list(OBJECTIVES)], ids=["one", "all"])
def test_one_objective_or_all_of_them(trace, names):
    front = plan("qwen3-32b", "h100_sxm", trace, gpus=2, space=SPACE, objectives=names)
    assert len(front) >= 1
    assert front.picks["knee"] in front.rows
    assert all(reason.startswith("best ") for reason in front.reasons)


def test_a_request_longer_than_the_cache_is_refused_with_the_reason():
    trace = Trace(arrival_ns=[0], prompt_tokens=[900_000], output_tokens=[10])
    with pytest.raises(CapacityError, match="missing"):
        plan("qwen3-32b", "h100_sxm", trace, gpus=1, space=SPACE | {"policy": "fcfs"})


def test_without_price_or_power_their_columns_are_refused_early(trace):
    hardware = dataclasses.replace(cost.hardware("h100_sxm"), price_usd_per_gpu_hour=None, power=None)
    for name in ("usd_per_mtok", "joule_per_token"):
        with pytest.raises(ValueError, match=f"`{name}` cannot be computed"):
            plan("qwen3-32b", hardware, trace, gpus=1, objectives=["ttft_p99", name])
        with pytest.raises(ValueError, match=f"`{name}` cannot be computed"):
            plan("qwen3-32b", hardware, trace, gpus=1, slo={name: 1.0})
    front = plan("qwen3-32b", hardware, trace, gpus=1, space=SPACE)
    assert np.isnan(front.columns["usd_per_mtok"]).all()
    assert len(front) >= 1


def test_an_overloaded_configuration_is_told():
    n = 400
    trace = Trace(arrival_ns=np.arange(n) * 20_000_000, prompt_tokens=[4000] * n, output_tokens=[100] * n)
    front = plan("qwen3-32b", "h100_sxm", trace, gpus=1, space=SPACE | {"policy": "fcfs"})
    assert all(record["falls_behind"] for record in front.records())
    assert "it falls behind" in front.explain(0)
    calm = plan(
        "qwen3-32b", "h100_sxm", trace.scaled(1.0), gpus=8, space=SPACE | {"policy": "fcfs", "tensor_parallel": 8}
    )
    assert not any(record["falls_behind"] for record in calm.records("all"))


@pytest.mark.parametrize("gpus", [0, -1, 65_537, 10**30])
def test_a_number_of_gpus_out_of_range_is_refused(trace, gpus):
    with pytest.raises(ValueError, match="`gpus` must be from 1 to 65536"):
        plan("qwen3-32b", "h100_sxm", trace, gpus=gpus)


def test_gpus_must_be_an_integer(trace):
    with pytest.raises(TypeError, match="`gpus` must be an integer, got float"):
        plan("qwen3-32b", "h100_sxm", trace, gpus=2.0)


def test_a_layout_that_cannot_cut_the_model_is_refused_with_the_reason(trace):
    front = plan("qwen3-32b", "h100_sxm", trace, gpus=3, space=SPACE | {"tensor_parallel": [1, 3]})
    reasons = {refusal.reason for refusal in front.refused if refusal.configuration.tensor_parallel == 3}
    assert reasons
    assert all("tensor_parallel" in reason for reason in reasons)


def test_size_aware_policies_are_not_told_the_true_lengths(trace):
    problem = Problem.load("qwen3-32b", "h100_sxm", trace, gpus=1, limits=(), seed=0, limit=None)
    assert set(problem.expected_output_tokens.tolist()) == {round(float(trace.output_tokens.mean()))}


def test_small_spaces_are_never_screened():
    assert prefix_length(160, 9_683) is None
    assert prefix_length(200, 10**9) is None
    assert prefix_length(100_000, 150) is None
    assert prefix_length(1_000, 80_000) == 10_000


def test_screening_keeps_whole_layers_and_says_who_was_dropped():
    def outcome(x, y):
        return {"columns": {"ttft_p99_s": x, "tokens_per_s_per_gpu": y}, "provenance": "fitted"}

    outcomes = [outcome(float(i % 30), float(i // 30)) for i in range(900)]
    outcomes[5] = {"refused": "does not fit"}
    outcomes[7] = outcome(None, 1.0)
    chosen = survivors(outcomes, ["ttft_p99_s", "tokens_per_s_per_gpu"])
    assert chosen == sorted(chosen)
    assert 224 <= len(chosen) < 300
    assert 870 in chosen
    assert 29 not in chosen
    finals = merge(outcomes, {row: outcome(0.0, 0.0) for row in chosen}, 100)
    assert len(finals) == len(outcomes)
    assert finals[5] == {"refused": "does not fit"}
    assert "first 100 requests" in finals[29]["refused"]


def test_screening_finds_the_same_front(trace, monkeypatch):
    monkeypatch.setattr("paretoserve.plan.screen.EXHAUSTIVE_WORK", 0)
    monkeypatch.setattr("paretoserve.plan.screen.LEAST_KEPT", 30)
    monkeypatch.setattr("paretoserve.plan.screen.LEAST_PREFIX", 30)
    whole = plan("qwen3-32b", "h100_sxm", trace, gpus=8, exhaustive=True)
    screened = plan("qwen3-32b", "h100_sxm", trace, gpus=8)
    assert screened.inputs["screened_on_requests"] == 30
    assert any("screened out" in refusal.reason for refusal in screened.refused)
    found = {screened.configurations[row] for row in screened.rows}
    true = {whole.configurations[row] for row in whole.rows}
    assert len(found & true) >= 0.8 * len(true)


def test_experts_and_pipelines_can_be_planned(trace):
    space = Space(tensor_parallel=2, pipeline_parallel=(1, 2), data_parallel=(1, 2), max_num_batched_tokens=4096)
    front = plan("qwen3-30b-a3b", "h100_sxm", trace, gpus=4, space=space)
    assert {c.expert_parallel for c in front.configurations} == {False, True}
    assert {c.pipeline_parallel for c in front.configurations} == {1, 2}


def test_no_prediction_is_faster_than_the_hardware(trace):
    space = Space(policy=("fcfs",), max_num_batched_tokens=(4096,))
    front = plan("mixtral-8x7b", "h100_sxm", trace, gpus=8, space=space)
    assert max(c.data_parallel for c in front.configurations) > 1
    assert front.columns["mbu"].max() < 1
    assert not any("impossible" in refusal.reason for refusal in front.refused)


@pytest.mark.parametrize(
    ("size", "replicas", "lines"),
    [
        (4, 4, ["NODE=0, 1", '[ "$NODE" != 1 ] || CUDA_VISIBLE_DEVICES=4,5,6,7 vllm serve', "--port 8001"]),
        (16, 1, ["Ray cluster", "--distributed-executor-backend ray"]),
        (8, 1, ["CUDA_VISIBLE_DEVICES=0,1,2,3,4,5,6,7 vllm serve"]),
        (1, 2, ["CUDA_VISIBLE_DEVICES=1 vllm serve", "--port 8001", "wait"]),
    ],
    ids=["replicas on two nodes", "one replica over two nodes", "one node", "two replicas"],
)
def test_scripts_know_the_nodes(trace, tmp_path, size, replicas, lines):
    space = {"tensor_parallel": size, "pipeline_parallel": 1, "replicas": replicas, "weight_format": "fp8"}
    plan("qwen3-32b", "h100_sxm", trace, gpus=16, space=space, out=tmp_path)
    script = (tmp_path / "top1/serve.sh").read_text()
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    for line in lines:
        assert line in script


@pytest.mark.parametrize(("chunked", "expected"), [(True, None), (False, "--max-model-len 8192")])
def test_an_engine_that_cuts_no_prompts_takes_shorter_ones(trace, tmp_path, chunked, expected):
    space = {"tensor_parallel": 4, "weight_format": "fp8", "policy": "fcfs", "max_num_batched_tokens": 8192}
    plan("qwen3-32b", "h100_sxm", trace, gpus=4, space=space | {"chunked_prefill": chunked}, out=tmp_path)
    script = (tmp_path / "top1/serve.sh").read_text()
    assert (expected or "--enable-chunked-prefill") in script
    assert ("--max-model-len" in script) == (expected is not None)


def test_an_outcome_is_plain_data(trace):
    problem = Problem.load("qwen3-32b", "h100_sxm", trace, gpus=1, limits=(), seed=0, limit=None)
    outcome = evaluate(problem, Configuration(weight_format="fp8"))
    assert json.loads(json.dumps(outcome)) == outcome


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Qwen/Qwen3-32B", 'MODEL="${MODEL:-Qwen/Qwen3-32B}"'),
        ("it's $(touch here)", 'MODEL="${MODEL:?set it to a Hugging Face id or a folder with the weights}"'),
    ],
)
def test_scripts_name_a_model_that_can_be_served(trace, tmp_path, given, expected):
    model = dataclasses.replace(cost.load_model("qwen3-32b"), name=given)
    space = {"tensor_parallel": 2, "weight_format": "bf16", "policy": "fcfs"}
    plan(model, "h100_sxm", trace, gpus=2, space=space, out=tmp_path)
    for script in ("serve.sh", "bench.sh"):
        assert expected in (tmp_path / "top1" / script).read_text().splitlines()


def test_requests_beyond_the_context_are_told(trace, tmp_path):
    model = dataclasses.replace(cost.load_model("qwen3-32b"), max_context=2000)
    space = {"tensor_parallel": 2, "weight_format": "bf16", "policy": "fcfs"}
    front = plan(model, "h100_sxm", trace, gpus=2, space=space, out=tmp_path)
    beyond = int((trace.prompt_tokens + trace.output_tokens > 2000).sum())
    assert 0 < beyond == front.inputs["trace"]["requests_beyond_context"]
    told = f"{beyond} of 60 requests are longer than the 2,000 tokens of context"
    assert told in (tmp_path / "top1/serve.sh").read_text()
    assert told in (tmp_path / "report.html").read_text()


def test_an_unknown_checkpoint_format_is_not_taken_for_bf16(trace, tmp_path):
    model = dataclasses.replace(cost.load_model("qwen3-32b"), checkpoint_format=None)
    with pytest.raises(ValueError, match="must name a weight_format"):
        plan(model, "h100_sxm", trace, gpus=2)
    plan(model, "h100_sxm", trace, gpus=2, space={"tensor_parallel": 2, "weight_format": "int4"}, out=tmp_path)
    assert "Serve a checkpoint in int4" in (tmp_path / "top1/serve.sh").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"slo": 5}, "`slo` must be text or a mapping"),
        ({"objectives": 5}, "`objectives` must be text or a sequence"),
        ({"objectives": [5]}, "an objective column must be named by text, got 5"),
        ({"space": 5}, "`space` must be a file, a mapping or a Space"),
        ({"executor": 5}, "`executor` must have the method submit"),
        ({"limit": 1.5}, "`limit` must be an integer, got float"),
    ],
)
def test_arguments_of_another_type_are_named(options, message):
    with pytest.raises(TypeError, match=message):
        plan("qwen3-32b", "h100_sxm", "azure-chat", gpus=1, **({"limit": 5} | options))


def test_the_front_so_far_can_be_read_while_a_sweep_runs(tmp_path):
    space = {
        "tensor_parallel": [1, 2],
        "weight_format": "fp8",
        "policy": "fcfs",
        "max_num_batched_tokens": [1024, 8192],
    }
    running = pareto.Archive(2, ["max", "max"])
    sizes = []
    front = plan(
        "qwen3-0.6b",
        "h100_sxm",
        "azure-chat",
        gpus=2,
        limit=16,
        space=space,
        objectives="tokens_per_s_per_user,tokens_per_s_per_gpu",
        threads=2,
        out=tmp_path,
        progress=lambda done, total: sizes.append((done, len(running))),
        running=running,
    )
    assert sizes[0] == (0, 0)
    assert all(size >= 1 for done, size in sizes if done)
    points = np.stack([front.columns[name][front.rows] for name in front.objectives], axis=1)
    assert np.array_equal(running.front, points)
