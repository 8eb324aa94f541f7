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

from paretoserve.errors import DataError

__all__ = ["NativeTables", "read_columns", "terms"]

Column = NDArray[np.float64]
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

    host_ns: tuple[float, float, float, float]
    per_token: Terms
    per_sequence: Terms
    num_layers: float
    attention: tuple[Column, Column, Column, Column, Column]
    experts: tuple[float, Column, Column, Column, int, int, int] | None
    link: tuple[float, float] | None
    tensor_ranks: int
    hidden_bytes: float


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
                f"{path}: unknown operator `{layer}`, known are {known}\nhint: pass `repeats={{'{layer}': runs per step}}`"
            )
        rows = columns["layer"] == layer
        order = np.argsort(columns[count][rows], kind="stable")
        yield layer, float(times), columns[count][rows][order], columns["time_us"][rows][order] * 1e3
