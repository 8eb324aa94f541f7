"""Prefill and decode attention by cache format.

The kernel differs by head width (and by system), so widths are barely smoothed into each other. The context tables
start from an empty cache; `step` is the number of tokens before the new one in the generation tables.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from .fitting import OperatorTable, fastest, log2

FORMATS = {"bfloat16": "bf16", "fp8": "fp8"}

_SHAPE = ["num_heads", "num_key_value_heads", "head_dim", "window_size", "batch_size"]
_WIDTHS = [64, 128, 192, 256, 512]
_CHUNKS = [1, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384]
_CONTEXTS = [1, 16, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 131072]
_GROUPS = [0.0, 1.0, 2.0, 3.0, 4.0, 6.0]


def read(folder: Path) -> list[OperatorTable]:
    """Read the attention tables of one system, newest version first where there are several."""
    return [
        *_tables(folder, "context_attention", "prefill", "isl", [0.1, 0.1, 0.1, 1e-3, 1e-3]),
        *_tables(folder, "generation_attention", "decode", "step", [0.05, 0.05, 0.05, 0.03, 1e-3, 1e-3]),
    ]


def _tables(folder: Path, table: str, operator: str, length: str, bend: list[float]) -> list[OperatorTable]:
    frame = pd.read_parquet(sorted(folder.glob(f"{table}.*.parquet"))[-1])
    if "window_size" not in frame:
        frame["window_size"] = 0
    if operator == "prefill":
        axes = [log2(_CHUNKS), [float(i) for i in range(15)], _GROUPS, log2(_WIDTHS), [0.0, 1.0, 2.0, 4.0, 6.0]]
    else:
        axes = [[float(i) for i in range(12)], log2(_CONTEXTS), log2([1, 2, 4, 8]), _GROUPS, log2(_WIDTHS), [0.0, 1.0]]
    tables = []
    for dtype, part in frame.groupby("kv_cache_dtype", sort=True):
        rows, milliseconds = fastest(part, [*_SHAPE, length])
        rows[:, 3] = np.where(rows[:, 3] > 0, rows[:, 3], np.inf)
        if operator == "prefill":
            rows = np.column_stack([rows, np.zeros(len(rows))])
        else:
            rows[:, 5] += 1
        tables.append(OperatorTable(f"{operator}/{FORMATS[dtype]}", rows, milliseconds * 1e6, axes, bend))
    return tables
