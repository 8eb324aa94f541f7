"""`vllm serve` and `vllm bench serve` arguments of a configuration, with vLLM's own flag names.

`FLAGS` and `BENCH_FLAGS` list all that are emitted: a test holds the commands against them, and
``tools/check_vllm_flags.py`` holds them against a release of vLLM (0.33.0 names all of them).
"""

from __future__ import annotations

import json
from math import isfinite

from paretoserve.sim import Configuration
from paretoserve.sim.configuration import PLACING
from paretoserve.sim.expert_load import STEPS_BETWEEN

__all__ = ["BENCH_FLAGS", "BLOCK_SIZES", "FLAGS", "bench_arguments", "notes", "refusal", "serve_arguments"]

DEFAULT = Configuration()

EPLB = {"window_size": 1000, "step_interval": int(STEPS_BETWEEN)}
"""Steps that vLLM observes before it places experts, and steps between placements: its defaults, of which the
simulation takes the latter for granted."""

FLAGS = (
    "--tensor-parallel-size",
    "--pipeline-parallel-size",
    "--data-parallel-size",
    "--enable-expert-parallel",
    "--enable-eplb",
    "--eplb-config",
    "--max-num-seqs",
    "--max-num-batched-tokens",
    "--kv-cache-dtype",
    "--block-size",
    "--gpu-memory-utilization",
    "--enable-prefix-caching",
    "--no-enable-prefix-caching",
    "--enable-chunked-prefill",
    "--no-enable-chunked-prefill",
    "--quantization",
    "--dtype",
    "--max-model-len",
    "--distributed-executor-backend",
    "--port",
)
"""Flags of `vllm serve` that `serve_arguments` may emit."""

BENCH_FLAGS = (
    "--backend",
    "--model",
    "--base-url",
    "--dataset-name",
    "--random-input-len",
    "--random-output-len",
    "--random-range-ratio",
    "--num-prompts",
    "--request-rate",
    "--burstiness",
    "--seed",
    "--ignore-eos",
    "--percentile-metrics",
    "--metric-percentiles",
    "--save-result",
)
"""Flags of `vllm bench serve` that `bench_arguments` may emit."""


BLOCK_SIZES = (1, 8, 16, 32, 64, 128, 256)
"""What `--block-size` takes."""


def refusal(configuration: Configuration) -> str | None:
    """Return why vLLM would not start with a configuration; None if nothing is known against it.

    Examples
    --------
    >>> refusal(Configuration(max_num_seqs=512, max_num_batched_tokens=256))
    '`max_num_batched_tokens` must be at least `max_num_seqs`, 512, for vLLM to start, got 256'
    """
    c = configuration
    if c.max_num_batched_tokens < c.max_num_seqs:
        return (
            f"`max_num_batched_tokens` must be at least `max_num_seqs`, {c.max_num_seqs}, for vLLM to start, "
            f"got {c.max_num_batched_tokens}"
        )
    if c.block_size not in BLOCK_SIZES:
        return f"`block_size` must be one of {', '.join(map(str, BLOCK_SIZES))} for vLLM, got {c.block_size}"
    return None


def serve_arguments(
    configuration: Configuration, *, native_format: str = "bf16", max_model_len: int | None = None
) -> dict[str, str | int | float | bool]:
    """Return the flags of `vllm serve` for one replica.

    Parameters
    ----------
    configuration : Configuration
        What to serve.
    native_format : str, default "bf16"
        Weight format of the checkpoint itself; no quantization is asked for when the configuration uses it.
    max_model_len : int or None
        Longest sequence; needed where the cache is smaller than the model's own, or vLLM does not start.

    Returns
    -------
    arguments : dict
        Flag to value; True stands for a flag without a value.

    Examples
    --------
    >>> serve_arguments(Configuration(tensor_parallel=2))["--tensor-parallel-size"]
    2
    """
    c = configuration
    arguments: dict[str, str | int | float | bool] = {
        "--tensor-parallel-size": c.tensor_parallel,
        "--pipeline-parallel-size": c.pipeline_parallel,
    }
    if c.data_parallel > 1:
        arguments["--data-parallel-size"] = c.data_parallel
    if c.expert_parallel:
        arguments["--enable-expert-parallel"] = True
    if c.expert_balancer in PLACING:
        arguments["--enable-eplb"] = True
        arguments["--eplb-config"] = json.dumps({"num_redundant_experts": c.redundant_experts, **EPLB})
    if c.weight_format == native_format == "bf16":
        arguments["--dtype"] = "bfloat16"
    elif c.weight_format == "fp8" and native_format == "bf16":
        arguments["--quantization"] = "fp8"
    arguments["--kv-cache-dtype"] = "fp8" if c.kv_format == "fp8" else "auto"
    if c.block_size != DEFAULT.block_size:
        # Left out where possible: vLLM raises it by itself for attention backends that need more.
        arguments["--block-size"] = c.block_size
    arguments["--max-num-seqs"] = c.max_num_seqs
    arguments["--max-num-batched-tokens"] = c.max_num_batched_tokens
    if max_model_len is not None:
        arguments["--max-model-len"] = max_model_len
    arguments["--gpu-memory-utilization"] = c.gpu_memory_utilization
    arguments["--enable-prefix-caching" if c.prefix_caching else "--no-enable-prefix-caching"] = True
    arguments["--enable-chunked-prefill" if c.chunked_prefill else "--no-enable-chunked-prefill"] = True
    return arguments


def notes(configuration: Configuration, *, native_format: str = "bf16") -> list[str]:
    """Return what these flags alone do not say, one sentence each; it goes into the emitted files as comments."""
    c = configuration
    said = []
    if c.policy != "fcfs":
        said.append(
            f"The plan uses the {c.policy} policy with a first-come share of {c.fifo_share:g}, not told how long "
            "answers will be. vLLM has no flag for it: these commands serve first come first served (fcfs), and "
            "prediction.json has the numbers of both."
        )
    if c.expert_balancer in ("placement", "split"):
        said.append(
            "The plan places experts from the placement before. vLLM's flags name only its own policy, which makes "
            "each placement anew; for ours call paretoserve.integrations.experts.install_vllm_policy() in each of its "
            "processes."
        )
    if c.expert_balancer in ("split", "spill"):
        what = (
            "splits tokens over the copies exactly" if c.expert_balancer == "split" else "spills experts step by step"
        )
        said.append(f"The plan {what}. vLLM has no flag for it, so these commands will be slower than predicted.")
    if c.replicas > 1:
        rule = {
            "least_loaded": "the replica with the fewest unfinished requests",
            "round_robin": "the replicas in turn",
            "prefix_affinity": "the replica that holds most of its prefix",
        }[c.router]
        said.append(
            f"{c.replicas} replicas: one command each, on its own GPUs and port. Put a router before them that "
            f"sends each request to {rule}."
        )
    if c.weight_format != native_format and (c.weight_format, native_format) != ("fp8", "bf16"):
        said.append(f"Serve a checkpoint in {c.weight_format}: vLLM reads the format from its quantization_config.")
    return said


def bench_arguments(
    model: str,
    *,
    requests_per_s: float,
    burstiness: float,
    prompt_tokens: int,
    output_tokens: int,
    spread: float,
    num_prompts: int,
    seed: int,
) -> dict[str, str | int | float | bool]:
    """Return the flags of `vllm bench serve` for a load like the trace's: its rate, mean lengths and burstiness.

    Parameters
    ----------
    model : str
        Name that the server was started with.
    requests_per_s : float
        Arrival rate; NaN or infinite when all requests arrive at once.
    burstiness : float
        Shape of the gamma distribution of arrival gaps: 1 is Poisson, less is burstier.
    prompt_tokens, output_tokens : int
        Mean lengths.
    spread : float
        Lengths are spread evenly over mean * (1 - spread) .. mean * (1 + spread).
    num_prompts : int
        Requests to send.
    seed : int
        Seed of the load generator.

    Returns
    -------
    arguments : dict
        Flag to value; True stands for a flag without a value.

    Examples
    --------
    >>> load = dict(burstiness=1.0, prompt_tokens=9, output_tokens=5, spread=0.5, num_prompts=4, seed=0)
    >>> bench_arguments("m", requests_per_s=2.0, **load)["--request-rate"]
    2.0
    """
    return {
        "--backend": "vllm",
        "--model": model,
        "--dataset-name": "random",
        "--random-input-len": prompt_tokens,
        "--random-output-len": output_tokens,
        "--random-range-ratio": spread,
        "--num-prompts": num_prompts,
        "--request-rate": round(requests_per_s, 6) if isfinite(requests_per_s) else "inf",
        "--burstiness": round(burstiness, 6),
        "--seed": seed,
        "--ignore-eos": True,
        "--percentile-metrics": "ttft,tpot,e2el",
        "--metric-percentiles": "50,90,95,99",
        "--save-result": True,
    }
