"""Our own trace file: Parquet, one row per request. Needs pyarrow, imported when used.

Schema 1: `arrival_ns` int64, `prompt_tokens` int32, `output_tokens` int32 and, if the trace has block hashes,
`hash_ids` list<int64>. The file metadata `paretoserve.trace` is JSON with `schema`, `name`, `hash_block_tokens` and, if
the trace has terms, `terms`: the names of their columns, of which `output_range` is a list of two. Other integer widths
and other columns are accepted when reading, so that any tool can write such a file; the metadata is optional then.
"""

import json
import os
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paretoserve._files import file_error
from paretoserve.sim.readers.assemble import Columns, Hashes, Rules
from paretoserve.sim.terms import Terms
from paretoserve.sim.trace import Trace

__all__ = ["COLUMNS", "read_parquet", "write_trace"]

COLUMNS = ("arrival_ns", "prompt_tokens", "output_tokens")
_HASHES = "hash_ids"
_METADATA = b"paretoserve.trace"
_SCHEMA = 1
_TERMS = {field.name for field in fields(Terms)}


def _import_pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        message = "Parquet traces need pyarrow\nhint: install paretoserve[plan]"
        raise ModuleNotFoundError(message, name="pyarrow") from None
    return pyarrow


def write_trace(trace: Trace, path: str | os.PathLike[str]) -> None:
    """Write a trace as Parquet, from which `load_trace` gives the same trace again.

    Parameters
    ----------
    trace : Trace
    path : path
        Must end in ``.parquet``. Written to a temporary name first, so that a full disk leaves no broken file behind.

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If the name does not end in ``.parquet``.
    ModuleNotFoundError
        If pyarrow is missing; it is in the extra `plan`.

    Examples
    --------
    >>> import tempfile
    >>> from paretoserve.sim import load_trace
    >>> trace = Trace(arrival_ns=[0, 5], prompt_tokens=[100, 20], output_tokens=[7, 9])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_trace(trace, f"{folder}/two.parquet")
    ...     load_trace(f"{folder}/two.parquet").digest() == trace.digest()
    True
    """
    pa = _import_pyarrow()
    target = Path(path)
    if target.suffix != ".parquet":
        raise ValueError(f"`path` must end in .parquet, got `{target.name}`")
    arrays = {name: pa.array(getattr(trace, name)) for name in COLUMNS}
    if trace.hash_offsets is not None and trace.hash_ids is not None:
        lists = pa.LargeListArray.from_arrays(pa.array(trace.hash_offsets), pa.array(trace.hash_ids))
        arrays[_HASHES] = lists.cast(pa.list_(pa.int64()))
    about = {"schema": _SCHEMA, "name": trace.name, "hash_block_tokens": trace.hash_block_tokens}
    if trace.terms is not None:
        columns = dict(trace.terms.columns())
        about["terms"] = list(columns)
        arrays |= {name: pa.array(values if values.ndim == 1 else values.tolist()) for name, values in columns.items()}
    table = pa.table(arrays).replace_schema_metadata({_METADATA: json.dumps(about)})
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        pa.parquet.write_table(table, partial, compression="zstd", write_page_checksum=True)
        partial.replace(target)
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()


def read_parquet(file: str, content: bytes, rules: Rules) -> tuple[Columns, str | None]:
    """Read the columns from the bytes of a Parquet file, and the name of the trace if the file has one."""
    pa = _import_pyarrow()
    try:
        table = pa.parquet.read_table(pa.BufferReader(content), page_checksum_verification=True)
        # Names are decoded here; those of a broken file may not be text.
        with_hashes = _HASHES in table.column_names
    except (pa.ArrowException, OSError, ValueError) as error:
        hint = "the file may have been cut while it was copied; fetch it again"
        raise file_error(file, f"cannot be read as Parquet: {str(error).splitlines()[0]}", hint=hint) from None
    about = _about(file, (table.schema.metadata or {}).get(_METADATA))
    table = table.slice(0, rules.limit)
    if table.num_rows == 0:
        raise file_error(file, "has a schema but no requests")
    time, prompt, output = (_integers(pa, file, table, name) for name in COLUMNS)
    early = np.flatnonzero(time < 0)
    if early.size:
        at = f"row {early[0] + 1}"
        raise file_error(file, f"must not be negative, got {time[early[0]]}", at=at, column=COLUMNS[0])
    hashes = _hashes(pa, file, table, about["hash_block_tokens"]) if with_hashes else None
    terms = _terms(pa, file, table, about["terms"]) if about["terms"] else None
    columns = Columns(file, time, prompt, output, COLUMNS, first_line=1, counted="row", hashes=hashes, terms=terms)
    return columns, about["name"]


def _about(file: str, metadata: bytes | None) -> dict[str, Any]:
    about: dict[str, Any] = {"schema": _SCHEMA, "name": None, "hash_block_tokens": 512, "terms": []}
    if metadata is None:
        return about
    try:
        about.update(json.loads(metadata))
        known = about["schema"] == _SCHEMA
        valid = isinstance(about["name"], str | None) and type(about["hash_block_tokens"]) is int
        valid = valid and isinstance(about["terms"], list) and set(about["terms"]) <= _TERMS
    except (ValueError, TypeError):
        known, valid = True, False
    if not known:
        hint = "a newer version of paretoserve wrote it"
        raise file_error(file, f"must have schema {_SCHEMA}, got {about['schema']}", hint=hint)
    if not valid or not 1 <= about["hash_block_tokens"] < 2**31:
        raise file_error(file, f"has broken metadata: {metadata[:200].decode('utf-8', 'replace')}")
    return about


def _present(pa: Any, file: str, table: Any, column: str) -> Any:
    """Return a column as one Arrow array without nulls."""
    if column not in table.column_names:
        what = f"is missing, got the columns {', '.join(table.column_names)[:200]}"
        raise file_error(file, what, column=column)
    array = pa.concat_arrays(table.column(column).chunks)
    if array.null_count:
        row = array.is_null().to_numpy(zero_copy_only=False).argmax() + 1
        raise file_error(file, "must have a value in each row, got null", at=f"row {row}", column=column)
    return array


def _integers(pa: Any, file: str, table: Any, column: str) -> NDArray[np.int64]:
    array = _present(pa, file, table, column)
    if not pa.types.is_integer(array.type):
        raise file_error(file, f"must hold integers, got {array.type}", column=column)
    try:
        return np.asarray(array.cast(pa.int64()).to_numpy(), dtype=np.int64)
    except pa.ArrowInvalid as error:
        raise file_error(file, f"must fit 64-bit integers: {error}", column=column) from None


def _hashes(pa: Any, file: str, table: Any, block_tokens: int) -> Hashes:
    array = _present(pa, file, table, _HASHES)
    kind = array.type
    if not ((pa.types.is_list(kind) or pa.types.is_large_list(kind)) and pa.types.is_integer(kind.value_type)):
        raise file_error(file, f"must hold lists of integers, got {kind}", column=_HASHES)
    offsets = np.concatenate([[0], np.cumsum(array.value_lengths().to_numpy())]).astype(np.int64)
    ids = array.flatten()
    if ids.null_count:
        place = ids.is_null().to_numpy(zero_copy_only=False).argmax()
        row = int(np.searchsorted(offsets, place, side="right"))
        raise file_error(file, "must hold integers, got null", at=f"row {row}", column=_HASHES)
    try:
        values = np.asarray(ids.cast(pa.int64()).to_numpy(), dtype=np.int64)
    except pa.ArrowInvalid as error:
        raise file_error(file, f"must fit 64-bit integers: {error}", column=_HASHES) from None
    return Hashes(offsets, values, block_tokens, _HASHES)


def _terms(pa: Any, file: str, table: Any, names: list[str]) -> Terms:
    """Return the terms; they are checked like those of a caller, and the error names the file and the column."""
    arrays = {name: _present(pa, file, table, name) for name in names}
    for name, array in arrays.items():
        try:
            nested = pa.types.is_list(array.type) or pa.types.is_large_list(array.type)
            values = np.array(array.to_pylist()) if nested else array.to_numpy(zero_copy_only=False)
            arrays[name] = next(column for _, column in Terms(**{name: values}).columns())
        except (TypeError, ValueError) as error:
            raise file_error(file, str(error), column=name) from None
    return Terms(**arrays)
