"""Arguments of vLLM: the right flag for each field, and honest notes about what no flag says."""

import dataclasses

import pytest

from paretoserve.plan.vllm import BENCH_FLAGS, FLAGS, bench_arguments, notes, refusal, serve_arguments
from paretoserve.sim import Configuration


def test_every_field_has_its_flag():
    configuration = Configuration(
        tensor_parallel=2,
        pipeline_parallel=4,
        data_parallel=8,
        expert_parallel=True,
        weight_format="fp8",
        kv_format="fp8",
        max_num_seqs=64,
        max_num_batched_tokens=1024,
        prefix_caching=False,
        chunked_prefill=False,
        block_size=32,
        gpu_memory_utilization=0.8,
    )
    assert serve_arguments(configuration, max_model_len=9000) == {
        "--tensor-parallel-size": 2,
        "--pipeline-parallel-size": 4,
        "--data-parallel-size": 8,
        "--enable-expert-parallel": True,
        "--quantization": "fp8",
        "--kv-cache-dtype": "fp8",
        "--block-size": 32,
        "--max-num-seqs": 64,
        "--max-num-batched-tokens": 1024,
        "--max-model-len": 9000,
        "--gpu-memory-utilization": 0.8,
        "--no-enable-prefix-caching": True,
        "--no-enable-chunked-prefill": True,
    }
    assert set(serve_arguments(configuration, max_model_len=9000)) <= set(FLAGS)


@pytest.mark.parametrize(
    ("weights", "native", "flag"),
    [
        ("bf16", "bf16", ("--dtype", "bfloat16")),
        ("fp8", "bf16", ("--quantization", "fp8")),
        ("fp8_block", "fp8_block", None),
        ("mxfp4", "mxfp4", None),
        ("int4", "bf16", None),
        ("bf16", "fp8_block", None),
    ],
)
def test_quantization_is_asked_for_only_where_vllm_does_it(weights, native, flag):
    configuration = Configuration(weight_format=weights)
    arguments = serve_arguments(configuration, native_format=native)
    asked = {name: arguments[name] for name in ("--dtype", "--quantization") if name in arguments}
    assert asked == (dict([flag]) if flag else {})
    said = any("Serve a checkpoint in" in line for line in notes(configuration, native_format=native))
    assert said == (flag is None and weights != native)


def test_what_no_flag_says_is_noted():
    plain = Configuration()
    assert notes(plain) == []
    assert "vLLM has no flag for it" in notes(dataclasses.replace(plain, policy="srpt"))[0]
    assert "fewest unfinished requests" in notes(dataclasses.replace(plain, replicas=2))[0]
    assert "in turn" in notes(dataclasses.replace(plain, replicas=2, router="round_robin"))[0]


@pytest.mark.parametrize("rate", [float("nan"), float("inf")])
def test_requests_that_arrive_at_once_have_an_infinite_rate(rate):
    load = {"burstiness": 1.0, "prompt_tokens": 9, "output_tokens": 5, "spread": 0.5, "num_prompts": 4, "seed": 0}
    arguments = bench_arguments("m", requests_per_s=rate, **load)
    assert arguments["--request-rate"] == "inf"
    assert set(arguments) <= set(BENCH_FLAGS)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, None),
        ({"max_num_seqs": 256, "max_num_batched_tokens": 256, "block_size": 64}, None),
        ({"max_num_seqs": 4096, "max_num_batched_tokens": 2048}, "at least `max_num_seqs`, 4096"),
        ({"block_size": 3}, "`block_size` must be one of 1, 8, 16"),
    ],
)
def test_what_vllm_would_not_start_with_is_refused(fields, reason):
    found = refusal(Configuration(**fields))
    assert found is None if reason is None else reason in found
