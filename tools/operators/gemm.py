"""Matrix products by weight format.

Several kernels were measured for block-scaled FP8; an engine picks by shape, so the fastest row of each shape counts.
The tables hold `m` and `m + 1` around tile edges: both sides of the early edges are knots, later ones blur within a
tile.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from .fitting import OperatorTable, fastest, log2

FORMATS = {"bfloat16": "bf16", "fp8": "fp8", "fp8_block": "fp8_block", "nvfp4": "nvfp4"}

_DECODE_M = [1, 2, 4, 8, 12, 16, 17, 32, 33, 48, 64, 65, 96, 128, 129, 160, 192, 256, 257]
_PREFILL_M = [512, 768, 1024, 1536, 2048, 3072, 4096, 8192, 16384, 32768]
_SMALL = [32, 64, 128, 256, 512, 768, 1024, 1536, 2048, 2560, 3072, 3584, 4096]
_LARGE = [5120, 6144, 7168, 8192, 10240, 12288, 16384, 51200, 65536]


def read(folder: Path) -> list[OperatorTable]:
    """Read the GEMM tables of one system."""
    frame = pd.concat([pd.read_parquet(path) for path in sorted(folder.glob("gemm.*.parquet"))])
    sizes = log2([*_SMALL, *_LARGE])
    axes = [log2([*_DECODE_M, *_PREFILL_M]), sizes, sizes, [0.0, 1.0]]
    tables = []
    for dtype, part in frame.groupby("gemm_dtype", sort=True):
        if dtype not in FORMATS:
            continue
        rows, milliseconds = fastest(part, ["m", "n", "k"])
        tables.append(OperatorTable(f"gemm/{FORMATS[dtype]}", rows, milliseconds * 1e6, axes, [0.1] * 4, [1, 2]))
    return tables


def memory_stream(folder: Path, bandwidth: float) -> tuple[float, float]:
    """Return launch nanoseconds and the share of `bandwidth` at which a large weight streams for one to four rows."""
    frame = pd.concat([pd.read_parquet(path) for path in sorted(folder.glob("gemm.*.parquet"))])
    frame = frame[frame.gemm_dtype == "bfloat16"]
    large = frame[(frame.m <= 4) & (frame.n * frame.k >= 2**26)]
    share = np.median(large.n * large.k * 2 / (large.latency * 1e-3) / bandwidth)
    return round(float(frame.latency.min() * 1e6), 0), round(float(min(share, 1.0)), 3)
