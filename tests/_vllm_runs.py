"""Real vLLM runs of a 300-request trace, simulated from the operator tables of their own GPU.

Used by the test that bounds the errors and by the bench that prints them.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from paretoserve import sim
from paretoserve.cost import Link, StepTime, load_model, rank_memory

# Bundled model of each run; the folder name ends with what vLLM was given.
RUNS = {
    "RTXPRO6000-Llama-3.1-8B": "llama-3.1-8b",
    "RTX4090-Llama-3.1-8B": "llama-3.1-8b",
    "RTXPRO6000-Qwen3-30B-A3B-Instruct-2507": "qwen3-30b-a3b",
    "RTXPRO6000-Qwen3-32B": "qwen3-32b",
}
BLOCK_TOKENS = 16


@dataclass(frozen=True)
class Score:
    """Error of the mean and mean absolute error per request, of TTFT, TPOT and E2E, as fractions."""

    bias: dict[str, float]
    per_request: dict[str, float]


def simulate_run(folder: Path, *, host_s: float = 0.001) -> sim.Simulation:
    """Simulate a run with its engine arguments, its tables and the published link of its cluster."""
    model = load_model(RUNS[folder.name])
    meta = json.loads((folder / "meta.json").read_text())
    cluster = json.loads((folder / "config.json").read_text())
    engine = meta["engine_kwargs"]
    config = sim.Configuration(
        tensor_parallel=engine["tensor_parallel_size"],
        data_parallel=engine["data_parallel_size"],
        expert_parallel=engine["enable_expert_parallel"],
        max_num_seqs=engine["max_num_seqs"],
        max_num_batched_tokens=engine["max_num_batched_tokens"],
        prefix_caching=meta.get("kv_cache", {}).get("enable_prefix_caching", False),
    )
    step_time = StepTime.from_tables(
        folder / "tables",
        model,
        tensor_parallel=config.tensor_parallel,
        data_parallel=config.data_parallel,
        expert_parallel=config.expert_parallel,
        link=Link(latency_s=cluster["link_latency"] * 1e-9, bandwidth=cluster["link_bw"] * 1e9),
        host_s=host_s,
    )
    known = meta.get("kv_cache", {}).get("num_gpu_blocks")
    blocks = known or _blocks(model, config)
    return sim.simulate(read_workload(folder), config, step_time=step_time, num_blocks=blocks)


def _blocks(model, config) -> int:
    memory = rank_memory(
        model,
        hardware="rtx_pro_6000_server",
        tensor_parallel=config.tensor_parallel,
        data_parallel=config.data_parallel,
        expert_parallel=config.expert_parallel,
        max_num_seqs=config.max_num_seqs,
        max_num_batched_tokens=config.max_num_batched_tokens,
    )
    return memory.num_blocks


def read_workload(folder: Path) -> sim.Trace:
    """Read the requests that the run was given.

    Every prompt counts as different: with prefix caching, only a preempted request finds its own blocks again.
    """
    rows = np.loadtxt(folder / "workload.csv", delimiter=",", skiprows=1, dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum(-(-rows[:, 0] // BLOCK_TOKENS))])
    return sim.Trace(
        arrival_ns=rows[:, 2] - rows[0, 2],
        prompt_tokens=rows[:, 0].astype(np.int32),
        output_tokens=rows[:, 1].astype(np.int32),
        hash_offsets=offsets,
        hash_ids=np.arange(offsets[-1]),
        hash_block_tokens=BLOCK_TOKENS,
        name=folder.name,
    )


def read_measured(folder: Path) -> dict[str, NDArray[np.float64]] | None:
    """Read what vLLM measured per request, in seconds; None for the run without measurements."""
    path = folder / "requests_measured.csv.gz"
    if not path.exists():
        return None
    rows = np.genfromtxt(path, delimiter=",", names=True, dtype=None, encoding="utf-8")
    decode = rows["last_token_ts"] - rows["first_token_ts"]
    return {
        "ttft": rows["first_token_ts"] - rows["queued_ts"],
        "tpot": decode / np.maximum(rows["output_toks"] - 1, 1),
        "e2e": rows["last_token_ts"] - rows["queued_ts"],
    }


def score(simulation: sim.Simulation, measured: dict[str, NDArray[np.float64]]) -> Score:
    """Compare a simulation with what was measured."""
    predicted = {"ttft": simulation.ttft_s, "tpot": simulation.tpot_s, "e2e": simulation.e2e_s}
    usable = {name: np.isfinite(predicted[name]) & (measured[name] > 0) for name in measured}
    pairs = {name: (predicted[name][usable[name]], measured[name][usable[name]]) for name in measured}
    return Score(
        bias={name: float(got.mean() / real.mean() - 1) for name, (got, real) in pairs.items()},
        per_request={name: float(np.abs(got / real - 1).mean()) for name, (got, real) in pairs.items()},
    )
