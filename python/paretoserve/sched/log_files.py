"""Decision logs as files: Parquet with named columns, or a plain array of numpy."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import DataError
from paretoserve.sched.log import KINDS, rows_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["read_log", "write_log"]

COLUMNS = ("kind", "a", "b", "c", "d", "e")
SUFFIXES = (".parquet", ".npy")
_METADATA = b"paretoserve.log"
_SCHEMA = 1


def write_log(log: ArrayLike, path: str | os.PathLike[str]) -> None:
    """Write a decision log to a file, from which `read_log` gives the same rows.

    Parameters
    ----------
    log : array_like of int64, shape (n, 6)
        From `Scheduler.log`. Not modified.
    path : path
        Ends in ``.parquet`` (a column `name` with the word for each kind, then `kind`, `a` to `e`; a few bytes per
        row) or ``.npy`` (numpy's own format, 48 bytes per row). Written to a temporary name first, so that a full disk
        leaves no broken file behind.

    Returns
    -------
    None

    Raises
    ------
    ShapeError, DtypeError
        If `log` is none.
    ValueError
        If the name ends in something else.
    ModuleNotFoundError
        If pyarrow is missing, for Parquet; it is in the extra `plan`.

    Examples
    --------
    >>> import tempfile
    >>> from paretoserve.sched import Scheduler
    >>> scheduler = Scheduler("srpt", record=True)
    >>> scheduler.submit(7, 0, prompt_tokens=5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_log(scheduler.log(), f"{folder}/decisions.parquet")
    ...     bool((read_log(f"{folder}/decisions.parquet") == scheduler.log()).all())
    True
    """
    rows = rows_of(log)
    target = _checked(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        if target.suffix == ".npy":
            with partial.open("wb") as file:
                np.save(file, rows)
        else:
            _write_parquet(rows, partial)
        partial.replace(target)
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()


def read_log(path: str | os.PathLike[str]) -> NDArray[np.int64]:
    """Read a decision log that `write_log` wrote.

    Parameters
    ----------
    path : path
        Ends in ``.parquet`` or ``.npy``.

    Returns
    -------
    ndarray of int64, shape (n, 6)

    Raises
    ------
    DataError
        If the file is missing, cut, or something else.
    ValueError
        If the name ends in something else.

    Examples
    --------
    >>> read_log("missing.npy")
    Traceback (most recent call last):
    paretoserve.errors.DataError: `missing.npy`: no such file
    """
    source = _checked(path)
    try:
        rows = np.load(source, allow_pickle=False) if source.suffix == ".npy" else _read_parquet(source)
        return rows_of(rows)
    except FileNotFoundError:
        raise DataError(f"`{source}`: no such file") from None
    except (OSError, ValueError, TypeError, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"`{source}`: is no decision log: {reason}") from None


def _checked(path: str | os.PathLike[str]) -> Path:
    target = Path(path)
    if target.suffix not in SUFFIXES:
        raise ValueError(f"`path` must end in {' or '.join(SUFFIXES)}, got `{target.name}`")
    return target


def _import_pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        message = "Parquet logs need pyarrow\nhint: install paretoserve[plan], or write .npy"
        raise ModuleNotFoundError(message, name="pyarrow") from None
    return pyarrow


def _write_parquet(rows: NDArray[np.int64], path: Path) -> None:
    pa = _import_pyarrow()
    known = np.clip(rows[:, 0], -1, len(KINDS))
    names = pa.DictionaryArray.from_arrays(
        pa.array(np.where(known < 0, len(KINDS), known).astype(np.int32)), pa.array([*KINDS, "unknown"])
    )
    columns = {"name": names, **{name: pa.array(rows[:, place]) for place, name in enumerate(COLUMNS)}}
    table = pa.table(columns).replace_schema_metadata({_METADATA: json.dumps({"schema": _SCHEMA})})
    pa.parquet.write_table(table, path, compression="zstd", write_page_checksum=True)


def _read_parquet(path: Path) -> NDArray[np.int64]:
    pa = _import_pyarrow()
    table = pa.parquet.read_table(path, page_checksum_verification=True)
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise ValueError(f"the column {missing[0]} is missing")
    about = json.loads((table.schema.metadata or {}).get(_METADATA, b"{}"))
    if about.get("schema", _SCHEMA) != _SCHEMA:
        raise ValueError(f"schema {about['schema']}, which a newer version wrote")
    columns = [table.column(name) for name in COLUMNS]
    if any(column.null_count for column in columns):
        raise ValueError("a value is missing")
    return np.column_stack([column.to_numpy() for column in columns])
