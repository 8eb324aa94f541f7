"""Prefill and decode attention in one call, against the same two calls apart.

The tables of real vLLM profiles hold pure and mixed rows at the same sizes, so the ratio needs no model. They cover
two GPUs and three head shapes; on other GPUs the correction is shipped as transferred.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from paretoserve.cost import MixedAttention

from .fitting import OperatorTable, log2, uniform

_CHUNK, _DECODE = ["prefill_chunk", "kv_prefill"], ["n_decode", "kv_decode"]
_MEASURED_ON = "rtx_pro_6000_server"


def read(data: Path, system: str) -> list[OperatorTable]:
    """Read the attention tables of every vLLM run; `system` decides whether the result is its own."""
    rows, times = [], []
    for path in sorted((data / "perf/vllm_runs").glob("*/tables/attention.parquet")):
        frame = pd.read_parquet(path)
        prefill = frame[frame.n_decode == 0].rename(columns={"time_us": "prefill_us"})[[*_CHUNK, "prefill_us"]]
        decode = frame[frame.prefill_chunk == 0].rename(columns={"time_us": "decode_us"})[[*_DECODE, "decode_us"]]
        mixed = (
            frame[(frame.n_decode > 0) & (frame.prefill_chunk > 0)].merge(prefill, on=_CHUNK).merge(decode, on=_DECODE)
        )
        profiled = yaml.safe_load(path.with_name("profile_meta.yaml").read_text())["engine_effective"]["hf_overrides"]
        mixed["group"] = profiled["num_attention_heads"] / profiled["num_key_value_heads"]
        mixed[["prefill_us", "decode_us"]] *= 1000
        rows.append(mixed[["prefill_us", "decode_us", "prefill_chunk", *_DECODE, "group"]].to_numpy(dtype=np.float64))
        times.append(mixed.time_us.to_numpy(dtype=np.float64) * 1000)
    axes = [
        [float(ratio) for ratio in range(-8, 10, 2)],
        log2([16, 64, 256, 512, 1024, 2048]),
        [0.0, 2.0, 4.0, 6.0, 7.0],
        log2([2, 9, 33, 129, 513, 1025]),
        [2.0, 3.0],
    ]
    name = "mixed" if system == _MEASURED_ON else "mixed_elsewhere"
    note = "measured on RTX PRO 6000 and RTX 4090"
    return [OperatorTable(name, np.concatenate(rows), np.concatenate(times), axes, [0.1] * 5, note=note)]


def report_own_tables(data: Path) -> None:
    """Print how well the model of a machine's own table meets the fifth of its rows that it was not given."""
    for path in sorted((data / "perf/vllm_runs").glob("*/tables/attention.parquet")):
        frame = pd.read_parquet(path)
        sizes = frame[[*_CHUNK, *_DECODE]].to_numpy(dtype=np.float64)
        seconds = frame.time_us.to_numpy(dtype=np.float64) * 1e-6
        held = uniform(sizes, 1) < 0.2
        table = MixedAttention(*sizes[~held].T, seconds[~held])
        error = 100 * np.abs(table.estimate_s(*sizes[held].T) / seconds[held] - 1)
        print(f"{path.parts[-3]:42s} own table, held-out rows {held.sum()}: mean {error.mean():.2f} %")
    (tables,) = read(data, _MEASURED_ON)
    apart = 100 * np.abs(tables.rows[:, :2].sum(axis=1) / tables.nanoseconds - 1)
    print(f"{'prefill and decode apart, added':42s} all mixed rows {len(apart)}: mean {apart.mean():.2f} %")
