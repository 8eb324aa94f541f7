"""The latent attention module of DeepSeek-V3 by projection and cache format, per number of heads.

The fastest kernel of each shape counts.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from .fitting import OperatorTable, fastest, log2

_WEIGHTS = {"bfloat16": "bf16", "fp8_block": "fp8_block", "nvfp4": "nvfp4"}
_CACHES = {"bfloat16": "bf16", "fp8": "fp8"}
_HEADS = [1, 2, 4, 8, 16, 32, 64, 128]


def read(folder: Path) -> list[OperatorTable]:
    """Read the module tables of one system; empty where it has none."""
    prefill = [
        [float(i) for i in range(17)],
        log2([1, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768]),
    ]
    decode = [
        [float(i) for i in range(11)],
        log2([1, 16, 64, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072]),
    ]
    return [
        *_tables(folder, "mla_context_module", "mla_prefill", "isl", prefill),
        *_tables(folder, "mla_generation_module", "mla_decode", "step", decode),
    ]


def _tables(folder: Path, table: str, operator: str, length: str, axes: list[list[float]]) -> list[OperatorTable]:
    paths = sorted(folder.glob(f"{table}.*.parquet"))
    if not paths:
        return []
    tables = []
    for (weights, cache), part in pd.read_parquet(paths[-1]).groupby(["gemm_type", "kv_cache_dtype"], sort=True):
        rows, milliseconds = fastest(part, ["num_heads", "batch_size", length])
        if operator == "mla_prefill":
            rows = np.column_stack([rows, np.zeros(len(rows))])
        name = f"{operator}/{_WEIGHTS[weights]}/{_CACHES[cache]}"
        tables.append(OperatorTable(name, rows, milliseconds * 1e6, [*axes, log2(_HEADS)], [0.03] * 3))
    return tables
