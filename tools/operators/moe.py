"""Routed experts by weight format, balanced routing.

Several kernels were measured per format; the fastest row counts, as engines choose. Where no balanced rows exist
(A100), rows of the mildest measured imbalance (power law 1.01) stand in.
"""

from pathlib import Path

import pandas as pd

from .fitting import OperatorTable, fastest, log2

FORMATS = {
    "bfloat16": "bf16",
    "fp8": "fp8",
    "fp8_block": "fp8_block",
    "int4_wo": "int4",
    "w4a16_mxfp4": "mxfp4",
    "nvfp4": "nvfp4",
}

_COLUMNS = ["num_tokens", "hidden_size", "inter_size", "topk", "num_experts", "moe_tp_size", "moe_ep_size"]


def read(folder: Path) -> list[OperatorTable]:
    """Read the newest mixture-of-experts table of one system."""
    frame = pd.read_parquet(sorted(folder.glob("moe.*.parquet"))[-1])
    balanced = frame[frame.distribution == "balanced"]
    note = ""
    if balanced.empty:
        balanced = frame[frame.distribution == "power_law_1.01"]
        note = "no balanced rows: power law 1.01"
    axes = [
        [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0],
        [float(i) for i in range(10)],
        [0.0, 1.0, 2.0, 4.0, 6.0, 8.0],
        log2([16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384]),
        log2([1024, 2048, 3072, 4096, 5120, 7168]),
    ]
    tables = []
    for dtype, part in balanced.groupby("moe_dtype", sort=True):
        if dtype not in FORMATS:
            continue
        rows, milliseconds = fastest(part, _COLUMNS)
        bend = [0.03] * 5
        tables.append(OperatorTable(f"moe/{FORMATS[dtype]}", rows, milliseconds * 1e6, axes, bend, note=note))
    return tables
