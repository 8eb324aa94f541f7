"""Collectives within a node and the exchange of tokens between expert ranks.

Message sizes are elements of the row's type; two bytes in the custom all-reduce. All-reduce is the faster of vLLM's
custom kernel inside a CUDA graph and NCCL, which is what vLLM selects by size. The exchange is the faster of DeepEP's
two modes, and its tables are in microseconds.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from .fitting import OperatorTable, fastest, log2

_BYTES = {"half": 2, "bfloat16": 2, "int8": 1}
_NAMES = {
    "all_reduce": "all_reduce",
    "alltoall": "all_to_all",
    "all_gather": "all_gather",
    "reduce_scatter": "reduce_scatter",
}


def read(folder: Path) -> list[OperatorTable]:
    """Read the communication tables of one system."""
    return [*_collectives(folder), *_exchanges(folder)]


def _collectives(folder: Path) -> list[OperatorTable]:
    nccl = pd.read_parquet(sorted(folder.glob("nccl.*.parquet"))[-1]).rename(columns={"nccl_dtype": "dtype"})
    custom = pd.read_parquet(sorted(folder.glob("custom_allreduce.*.parquet"))[-1])
    custom = custom[custom.kernel_source.str.endswith("graph")].rename(columns={"allreduce_dtype": "dtype"})
    frame = pd.concat([nccl, custom])
    frame["bytes"] = frame.message_size * frame.dtype.map(_BYTES)
    # Where the custom kernel was not measured the faster of the two is unknown.
    measured = pd.MultiIndex.from_frame(frame[frame.kernel_source != "NCCL"][["num_gpus", "bytes"]])
    known = pd.MultiIndex.from_frame(frame[["num_gpus", "bytes"]]).isin(measured)
    frame = frame[known | (frame.op_name != "all_reduce")]
    axes = [log2([2, 4, 8]), [float(i) for i in range(8, 31)]]
    tables = []
    for op, name in _NAMES.items():
        rows, milliseconds = fastest(frame[frame.op_name == op], ["num_gpus", "bytes"])
        tables.append(OperatorTable(name, rows, milliseconds * 1e6, axes, [1e-3, 0.03]))
    return tables


def _exchanges(folder: Path) -> list[OperatorTable]:
    paths = sorted(folder.glob("moe_a2a.*.parquet"))
    if not paths:
        return []
    frame = pd.read_parquet(paths[-1])
    frame = frame[frame.comm_backend.isin(["deepep_ht", "deepep_ll"])]
    widths = log2([3072, 4096, 6144, 7168])
    tables = []
    for phase in ("dispatch", "combine"):
        rows, microseconds = fastest(frame[frame.phase == phase], ["num_tokens", "hidden_size", "topk", "ep_size"])
        axes = [[float(i) for i in range(17)], [2.0, 2.3, 2.6], widths]
        tables.append(OperatorTable(phase, rows, microseconds * 1e3, axes, [0.1, 0.1, 0.1]))
        assert np.all(rows[:, 3] == 8), "the exchange was measured on 8 ranks only"
    return tables
