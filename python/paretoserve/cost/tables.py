"""Operator tables measured on the serving machine itself, as LLMServingSim's profiler writes them.

A folder holds `dense.parquet` (layer, tokens, time_us), `per_sequence.parquet` (layer, sequences, time_us),
`attention.parquet` (prefill_chunk, kv_prefill, n_decode, kv_decode, time_us of one layer) and, for mixtures of experts,
`moe.parquet` (tokens, activated_experts, time_us of one layer). Times are of one rank.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paretoserve import _native
from paretoserve.cost.model import Model, Moe
from paretoserve.errors import DataError

__all__ = ["NativeTables", "read_columns", "read_tables", "terms"]

Column = NDArray[np.float64]
Experts = tuple[float, Column, Column, Column, int, int, int]
Terms = list[tuple[str, float, Column, Column]]

# How often a step runs each operator: once, or this many times per layer.
ONCE = {"embedding": 1, "final_layernorm": 1, "lm_head": 1, "sampler": 1}
PER_LAYER = {
    "qkv_proj": 1,
    "qk_norm": 1,
    "rotary_emb": 1,
    "o_proj": 1,
    "layernorm": 2,
    "gate_up_proj": 1,
    "act_fn": 1,
    "down_proj": 1,
}


@dataclass(frozen=True)
class NativeTables:
    """What the native module compiles; times in nanoseconds."""

    model: _native.Model
    formats: tuple[str, str]
    host_ns: tuple[float, float, float, float]
    per_token: Terms
    per_sequence: Terms
    num_layers: float
    attention: tuple[Column, Column, Column, Column, Column]
    experts: Experts | None
    link: tuple[float, float] | None
    tensor_ranks: int
    hidden_bytes: float


def read_tables(
    folder: Path,
    model: Model,
    *,
    ranks: tuple[int, int],
    expert_parallel: bool,
    formats: tuple[str, str],
    link: tuple[float, float] | None,
    host_ns: tuple[float, float],
    repeats: Mapping[str, int],
) -> NativeTables:
    """Read a folder of tables; the arguments are those of `StepTime.from_tables`, in nanoseconds.

    Raises
    ------
    DataError
        If a table is missing or broken.
    ValueError
        If several ranks have no link.
    """
    tensor, data = ranks
    if tensor * data > 1 and link is None:
        raise ValueError(
            f"`link` is needed for {tensor * data} ranks\n"
            "hint: measure it, for example Link(latency_s=20e-6, bandwidth=16e9) for GPUs over PCIe without peer access"
        )
    attention = read_columns(
        folder / "attention.parquet", ("prefill_chunk", "kv_prefill", "n_decode", "kv_decode", "time_us")
    )
    layers = model.num_layers
    return NativeTables(
        model=model.native,
        formats=formats,
        host_ns=(host_ns[0], 0.0, host_ns[1], 0.0),
        per_token=terms(folder / "dense.parquet", "tokens", num_layers=layers, repeats=repeats),
        per_sequence=terms(folder / "per_sequence.parquet", "sequences", num_layers=layers, repeats=repeats),
        num_layers=float(layers),
        attention=(
            attention["prefill_chunk"],
            attention["kv_prefill"],
            attention["n_decode"],
            attention["kv_decode"],
            attention["time_us"] * 1e3,
        ),
        experts=_experts(folder, model, ranks=data if expert_parallel else 1),
        link=link,
        tensor_ranks=tensor,
        hidden_bytes=2.0 * model.hidden,
    )


def _experts(folder: Path, model: Model, *, ranks: int) -> Experts | None:
    runs = [(run.count, run.ffn) for run in model.layers if isinstance(run.ffn, Moe)]
    if not runs:
        return None
    rows = read_columns(folder / "moe.parquet", ("tokens", "activated_experts", "time_us"))
    ffn = runs[0][1]
    count = float(sum(count for count, _ in runs))
    return (count, rows["tokens"], rows["activated_experts"], rows["time_us"] * 1e3, ffn.num_experts, ffn.top_k, ranks)


def read_columns(path: Path, names: tuple[str, ...], *, text: str | None = None) -> dict[str, Any]:
    """Read columns of a Parquet file, numbers as float64.

    Parameters
    ----------
    path : Path
        The file.
    names : tuple of str
        Columns of numbers.
    text : str, optional
        A column of strings.

    Raises
    ------
    DataError
        If the file is missing or broken, lacks a column, is empty, or a number is negative or not finite.
    """
    from pyarrow import ArrowException, parquet

    wanted = [*names, *([text] if text else [])]
    if not path.is_file():
        raise DataError(f"{path}: no such table")
    try:
        table = parquet.read_table(path)
    except (ArrowException, OSError) as error:
        raise DataError(f"{path}: not a readable Parquet file: {error}") from None
    missing = [name for name in wanted if name not in table.column_names]
    if missing:
        raise DataError(f"{path}: no column `{missing[0]}`, only {', '.join(table.column_names)}")
    if table.num_rows == 0:
        raise DataError(f"{path}: the table has no rows")
    columns: dict[str, Any] = {}
    for name in names:
        try:
            column = np.ascontiguousarray(table[name].to_numpy(), dtype=np.float64)
        except (TypeError, ValueError):
            raise DataError(f"{path}: column `{name}` must hold numbers, got {table[name].type}") from None
        bad = ~np.isfinite(column) | (column < 0)
        if bad.any():
            row = int(bad.argmax())
            raise DataError(f"{path}: row {row}, column `{name}` must be finite and not negative, got {column[row]}")
        columns[name] = column
    if text:
        columns[text] = np.asarray(table[text].to_pylist(), dtype=object)
    return columns


def terms(path: Path, count: str, *, num_layers: int, repeats: Mapping[str, int] | None = None) -> Terms:
    """Read the operators of a table, each with how often a step runs it.

    Parameters
    ----------
    path : Path
        Table with columns layer, `count` and time_us.
    count : {"tokens", "sequences"}
        What the time depends on.
    num_layers : int
        Layers of the model.
    repeats : mapping of str to int, optional
        Runs per step of operators with other names.

    Raises
    ------
    DataError
        As `read_columns`, or if an operator's name is not known.
    """
    columns = read_columns(path, (count, "time_us"), text="layer")
    return list(_terms(path, columns, count, num_layers, repeats or {}))


def _terms(
    path: Path, columns: dict[str, Any], count: str, num_layers: int, repeats: Mapping[str, int]
) -> Iterator[tuple[str, float, Column, Column]]:
    for layer in sorted(set(columns["layer"])):
        if layer in repeats:
            times = repeats[layer]
        elif layer in ONCE:
            times = ONCE[layer]
        elif layer in PER_LAYER:
            times = PER_LAYER[layer] * num_layers
        else:
            known = ", ".join([*ONCE, *PER_LAYER])
            raise DataError(
                f"{path}: unknown operator `{layer}`, known are {known}\n"
                f"hint: pass `repeats={{'{layer}': runs per step}}`"
            )
        rows = columns["layer"] == layer
        order = np.argsort(columns[count][rows], kind="stable")
        yield layer, float(times), columns[count][rows][order], columns["time_us"][rows][order] * 1e3
