"""Readers of expert loads: SGLang's recorder, what vLLM holds and returns, tables of counts.

SGLang's expert distribution recorder writes one file of logical counts per step (mode `stat`) or one file per rank of
physical counts per forward pass (`per_pass`). vLLM writes no file: its load window and its returned routing are arrays.
"""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from paretoserve._integers import BITS_63, check_integer
from paretoserve.errors import DataError
from paretoserve.moe.loads.arrays import MOST_EXPERTS, from_routed, from_window, nonempty
from paretoserve.moe.loads.trace import Loads

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["read"]

_COLUMNS = ("layer", "expert", "count")


def read(
    *paths: str | os.PathLike[str],
    select: Mapping[str, str] | None = None,
    num_experts: int | None = None,
    tokens_per_step: int | None = None,
) -> Loads:
    r"""Read a trace of loads from files.

    Parameters
    ----------
    *paths : path
        One file: ``.csv`` with the columns `layer`, `expert`, `count`; ``.json`` or ``.pt`` of SGLang's recorder
        (`logical_count`); ``.npz`` with `counts`, or with vLLM's `expert_load_window` and `physical_to_logical_map`;
        ``.npy`` with the `routed_experts` of a vLLM request. Or the ``.pt`` files of all ranks of one recording per
        pass, whose counts add up.
    select : mapping of str to str, optional
        Rows of a CSV to take, by column: ``{"model": "olmoe", "selection": "topk"}``. Each combination of values
        that is left in other columns is a step, in the order of the file.
    num_experts : int, optional
        Experts of a layer, where the file does not say: the last ones may have no tokens in it.
    tokens_per_step : int, optional
        Of ``.npy``, as for `from_routed`: one step for all tokens by default.

    Returns
    -------
    Loads
        Steps without any token are left out. Layers without any stay, so that a layer has the number that it has in the
        model: recordings count those without experts too. `Loads.drop_idle_layers` leaves them out.

    Raises
    ------
    DataError
        If a file is missing or broken, or has more experts; the message names file, row and column.
    ValueError
        If an option is out of range or not for such files.

    Notes
    -----
    SGLang keeps as many steps as its buffer holds and then writes over the oldest: the steps of a longer recording do
    not begin with the first. ``.pt`` files need torch and are loaded without running code from them.

    Examples
    --------
    >>> import tempfile
    >>> from paretoserve.moe import loads
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "counts.csv")
    ...     _ = path.write_text("domain,layer,expert,count\na,0,0,5\na,0,1,3\nb,0,0,1\nb,0,1,7\n")
    ...     drawn = loads.read(path)
    >>> drawn.labels, drawn.counts.tolist()
    (('a', 'b'), [[[5, 3]], [[1, 7]]])
    """
    files = [Path(path) for path in paths]
    if not files:
        raise ValueError("`paths` must name at least one file")
    for file in files:
        if not file.is_file():
            raise DataError(f"{file}: there is no such file")
    suffix = files[0].suffix.lower()
    if len(files) > 1 and suffix != ".pt":
        raise DataError(f"{files[1]}: only .pt files of one recording can be read together")
    if num_experts is not None:
        check_integer("num_experts", num_experts, 1, MOST_EXPERTS)
    if tokens_per_step is not None and suffix != ".npy":
        raise ValueError("`tokens_per_step` needs a .npy file")
    if select and suffix != ".csv":
        raise ValueError("`select` needs a CSV file")
    if tokens_per_step is not None:
        check_integer("tokens_per_step", tokens_per_step, 1, BITS_63)
    readers = {".pt": _from_dump, ".json": _from_dump, ".npz": _from_npz}
    try:
        if suffix == ".csv":
            return _widened(_read_csv(files[0], dict(select or {})), files[0], num_experts)
        if suffix == ".npy":
            routed = np.load(files[0], allow_pickle=False)
            return from_routed(routed, num_experts=num_experts, tokens_per_step=tokens_per_step)
        if suffix not in readers:
            raise DataError(f"{files[0]}: the name must end in .csv, .json, .pt, .npz or .npy")
        return _widened(readers[suffix](files), files[0], num_experts)
    except DataError:
        raise
    except KeyError as error:
        raise DataError(f"{files[0]}: there is no {error}") from error
    except (ValueError, TypeError, OSError, EOFError, RecursionError, BadZipFile, csv.Error) as error:
        raise DataError(f"{files[0]}: {error}") from error


def _read_csv(path: Path, select: dict[str, str]) -> Loads:
    """Return a table of counts; every step must have every layer and expert once."""
    cells: dict[tuple[str, ...], dict[tuple[int, int], int]] = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file, skipinitialspace=True)
        names = rows.fieldnames or []
        for column in (*_COLUMNS, *select):
            if names.count(column) != 1:
                found = "are two columns" if column in names else "is no column"
                raise DataError(f"{path}: there {found} `{column}`, only {', '.join(names)}")
        others = [name for name in names if name not in _COLUMNS and name not in select]
        for number, row in enumerate(rows, 2):
            if None in row:
                raise DataError(f"{path}: row {number} has more cells than there are columns")
            if any(row[column] != value for column, value in select.items()):
                continue
            layer, expert, count = (_whole(path, number, column, row[column]) for column in _COLUMNS)
            step = cells.setdefault(tuple(str(row[name]) for name in others), {})
            if (layer, expert) in step:
                hint = f"\nhint: select a value of {', '.join(others)}" if others else ""
                raise DataError(f"{path}: row {number} has layer {layer}, expert {expert} a second time{hint}")
            step[layer, expert] = count
    if not cells:
        raise DataError(f"{path}: no row is left" + f" of {select}" * bool(select))
    keys = sorted(next(iter(cells.values())))
    layers, experts = ({key[index] for key in keys} for index in (0, 1))
    for label, step in cells.items():
        if sorted(step) != keys or len(keys) != len(layers) * len(experts):
            raise DataError(
                f"{path}: not all steps have the same layers and experts, see {' '.join(label) or 'the rows'}"
                "\nhint: choose rows that belong together by `select`"
            )
    used = {label: step for label, step in cells.items() if any(step.values())}
    if not used:
        raise DataError(f"{path}: no step has any tokens")
    counts = np.array([[step[key] for key in keys] for step in used.values()], dtype=np.int64)
    labels = tuple(" ".join(label) for label in used)
    name = " ".join(select.values()) or path.stem
    return Loads(counts.reshape(len(used), len(layers), len(experts)), None, name, labels if others else ())


def _whole(path: Path, number: int, column: str, text: str | None) -> int:
    if text is None or not (text.isascii() and text.strip().isdigit()) or len(text) > 18:
        raise DataError(f"{path}: row {number}, column `{column}` must be a whole number, got {text!r}")
    return int(text)


def _from_dump(files: list[Path]) -> Loads:
    """Return what SGLang's recorder wrote: counts by step, or records of all ranks that add up by pass."""
    dumps = [_loaded(file) for file in files]
    if "logical_count" in dumps[0]:
        if len(dumps) > 1:
            raise DataError(f"{files[1]}: counts of one file are those of all ranks already")
        counts = np.asarray(dumps[0]["logical_count"])
        return nonempty(counts if counts.ndim == 3 else counts[None], name=files[0].stem)
    passes: dict[int, Any] = {}
    seen: set[tuple[Any, ...]] = set()
    experts: NDArray[Any] | None = None
    for file, dump in zip(files, dumps, strict=True):
        if "records" not in dump or "last_physical_to_logical_map" not in dump:
            raise DataError(f"{file}: there is neither `logical_count` nor `records`")
        held = np.asarray(dump["last_physical_to_logical_map"])
        if experts is not None and not np.array_equal(held, experts):
            raise DataError(f"{file}: another placement than in {files[0]}, so they are not of one recording")
        experts = held
        for record in dump["records"]:
            number = int(record["forward_pass_id"])
            key = number, record.get("rank"), record.get("gatherer_key")
            if key in seen:
                raise DataError(f"{file}: pass {number} of rank {key[1]} comes a second time")
            seen.add(key)
            passes[number] = passes.get(number, 0) + np.asarray(record["global_physical_count"]).astype(np.int64)
    if not passes or experts is None:
        raise DataError(f"{files[0]}: the recording has no passes")
    return from_window(np.stack([passes[number] for number in sorted(passes)]), experts, name=files[0].stem)


def _loaded(file: Path) -> dict[str, Any]:
    if file.suffix.lower() == ".json":
        found = json.loads(file.read_text(encoding="utf-8"))
    else:
        import pickle

        import torch

        try:
            found = torch.load(file, map_location="cpu", weights_only=True)
        except (RuntimeError, pickle.UnpicklingError) as error:
            raise DataError(f"{file}: not a file that torch saved, or with more than tensors and plain data") from error
    if not isinstance(found, dict):
        raise DataError(f"{file}: expected a dictionary, got {type(found).__name__}")
    return found


def _from_npz(files: list[Path]) -> Loads:
    # Opened here, because numpy leaves a broken archive open.
    with files[0].open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        if "counts" in arrays:
            top_k = int(arrays["top_k"]) if "top_k" in arrays else None
            return Loads(arrays["counts"], top_k, files[0].stem)
        if "expert_load_window" in arrays and "physical_to_logical_map" in arrays:
            return from_window(arrays["expert_load_window"], arrays["physical_to_logical_map"], name=files[0].stem)
        raise DataError(f"{files[0]}: there is no `counts` and no `expert_load_window`, only {', '.join(arrays)}")


def _widened(loads: Loads, path: Path, num_experts: int | None) -> Loads:
    """Return loads with zeros for the experts that the file does not name."""
    more = 0 if num_experts is None else num_experts - loads.num_experts
    if more < 0:
        raise DataError(f"{path}: expected {num_experts} experts, got {loads.num_experts}")
    counts = np.pad(loads.counts, [(0, 0)] * (loads.counts.ndim - 1) + [(0, more)])
    return replace(loads, counts=counts) if more else loads
