"""Files of a scan: which ones a path means, what kind each is, and how their rows are read in parts.

Parquet and CSV look the same from outside: a schema, batches of some columns in file order, and whole rows by number.
Everything wrong with a file is a `DataError` that names it.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from paretoserve._files import file_error
from paretoserve.errors import DataError, DtypeError
from paretoserve.pareto._frames import columns_hint, require_pyarrow
from paretoserve.pareto._partitions import folder_labels

if TYPE_CHECKING:
    from os import PathLike

    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Labels", "Retyped", "Source", "files_of", "open_source"]

Labels: TypeAlias = dict[str, str | None]

SUFFIXES = (".parquet", ".csv", ".tsv")
PACKED = ("", ".gz", ".xz", ".zst", ".zstd", ".bz2")


class Retyped(Exception):  # noqa: N818 - a signal, not an error
    """The types of a CSV file turned out wider than its first lines promised: what was read has to be read again."""


class Source(Protocol):
    """A file."""

    @property
    def file(self) -> str:
        """Its name for messages."""

    @property
    def schema(self) -> pa.Schema:
        """Its columns; of a CSV file as far as they are known."""

    def batches(self, columns: Sequence[str], rows: int, *, threaded: bool) -> Iterator[pa.RecordBatch]:
        """Yield columns of all rows in order, at most `rows` at once; may raise `Retyped`."""

    def take(self, rows: NDArray[Any], columns: Sequence[str], *, batch_rows: int, threaded: bool) -> pa.Table:
        """Return `columns` of the rows of these numbers, which rise."""

    def problem(self, column: str, what: str, *, row: int | None = None, hint: str = "") -> DataError:
        """Return the error about a column, or about one cell of it."""


def files_of(path: str | PathLike[str] | Sequence[str | PathLike[str]]) -> list[tuple[Path, Labels]]:
    """Return the files that a path, folder, pattern or list of them means: as listed, those of a folder by name.

    Each comes with what the folders say that were found, not named, on the way to it.
    """
    if isinstance(path, list | tuple):
        if not path:
            raise ValueError("`path` must name 1 file or more, got none")
        return [file for each in path for file in files_of(each)]
    try:
        one = Path(path)  # type: ignore[arg-type]
    except TypeError:
        raise DtypeError(f"`path` must be a path or a list of paths, got {type(path).__name__}") from None
    if one.is_dir():
        found = sorted(file for file in one.rglob("*") if file.is_file() and _is_table(file))
        if not found:
            raise file_error(str(one), "has no CSV or Parquet file")
        return [(file, folder_labels(file.relative_to(one).parts[:-1])) for file in found]
    if not one.exists() and any(sign in str(one) for sign in "*?["):
        matches = [Path(match) for match in sorted(glob.glob(str(one), recursive=True))]
        found = [file for match in matches for file, _ in (files_of(match) if match.is_dir() else [(match, {})])]
        if not found:
            raise file_error(str(one), "matches no file")
        named = next(place for place, part in enumerate(one.parts) if any(sign in part for sign in "*?["))
        return [(file, folder_labels(file.parts[named:-1])) for file in found]
    if not one.exists():
        names = sorted(entry.name for entry in one.parent.iterdir()) if one.parent.is_dir() else []
        hint = columns_hint(one.name, names).replace("columns are", "in that folder are") if names else ""
        raise file_error(str(one), "no such file", hint=hint)
    return [(one, {})]


def _is_table(file: Path) -> bool:
    hidden = file.name.startswith((".", "_"))
    return not hidden and file.name.lower().endswith(tuple(end + packed for end in SUFFIXES for packed in PACKED))


def open_source(path: Path) -> Source:
    """Return the file as a source; its kind is recognized by content."""
    require_pyarrow("scan")
    from paretoserve.pareto._csv_source import CsvSource, compression_of
    from paretoserve.pareto._parquet_source import ParquetSource

    try:
        with path.open("rb") as stream:
            start = stream.read(8)
    except OSError as error:
        raise file_error(str(path), f"cannot be read: {error.strerror or error}") from None
    if not start:
        raise file_error(str(path), "is empty")
    packed = compression_of(path, start)
    return ParquetSource(path) if start.startswith(b"PAR1") else CsvSource(path, packed)


def check_columns(source: Source, columns: Sequence[str]) -> None:
    """Refuse columns that the file lacks or has more than once."""
    names = source.schema.names
    for column in columns:
        if column not in names:
            raise file_error(source.file, f"has no column `{column}`", hint=columns_hint(column, names))
        if names.count(column) > 1:
            raise file_error(source.file, "stands in the file more than once", column=column)


def joined(tables: Mapping[str, pa.Table]) -> pa.Table:
    """Return the rows of all files, by name, below each other; columns of related types in the wider one."""
    import pyarrow as pa

    filled = [table for table in tables.values() if table.num_rows] or list(tables.values())[:1]
    try:
        return pa.concat_tables(filled, promote_options="permissive")
    except pa.ArrowException as error:
        hint = "`columns` chooses those to return"
        message = f"the files hold columns of types that do not fit together: {str(error).splitlines()[0]}"
        raise DataError(f"{message}\nhint: {hint}") from None
