"""Tables of any tool for the command line: CSV or Parquet in, rows out in several forms.

Everything wrong with a file is a `DataError` that names file, row and column.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from paretoserve._files import file_error, read_bytes
from paretoserve.errors import DataError
from paretoserve.pareto._csv_source import first_text, unreadable
from paretoserve.pareto._frames import Frame, columns_hint

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

__all__ = [
    "Table",
    "check_outputs",
    "check_suffix",
    "read_table",
    "render",
    "tell_written",
    "write_outputs",
    "write_table",
]

FORMATS = ("table", "csv", "json", "parquet")
TABLES = (".parquet", ".csv", ".json")
PICTURES = (".png", ".svg", ".pdf")


@dataclass(frozen=True, slots=True)
class Table(Frame):
    """A table of a file, with messages that name the place in it.

    Attributes
    ----------
    file : str
        Name for messages.
    by_line : bool
        Whether row i is line i + 2 of a text file.
    """

    file: str
    by_line: bool

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column; DataError with close names if there is none or more than one of that name."""
        if name not in self.names:
            raise file_error(self.file, f"has no column `{name}`", hint=columns_hint(name, self.names))
        if self.names.count(name) > 1:
            raise file_error(self.file, "stands in the header more than once", column=name)
        return self.data.column(name)

    def problem(self, column: str, what: str, *, row: int | None = None, hint: str = "") -> DataError:
        """Return the error about a column, or about one cell of it."""
        if self.by_line and what.endswith("is one of text"):
            row, text = first_text(self.data.column(column).to_pylist())
            what = what if row is None else f"must be a number, got `{text[:80]}`"
        at = None if row is None else f"line {row + 2}" if self.by_line else f"row {row + 1}"
        return file_error(self.file, what, at=at, column=column, hint=hint)


def read_table(path: Path) -> Table:
    """Read a CSV (also with tabs) or Parquet file; gz, xz, zst and bz2 too. The kind is recognized by content.

    A CSV column with integers outside the range of int64 is read as float64, as pyarrow does.

    Raises
    ------
    DataError
        If the file is missing, empty, cut, or neither of them.
    """
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    content = read_bytes(path)
    is_parquet = content.startswith(b"PAR1")
    try:
        if is_parquet:
            data = pyarrow.parquet.read_table(pa.BufferReader(content))
        else:
            header = content.split(b"\n", 1)[0]
            tabs = header.count(b"\t") > header.count(b",")
            options = pyarrow.csv.ParseOptions(delimiter="\t" if tabs else ",", newlines_in_values=True)
            convert = pyarrow.csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False)
            # On one thread it counts the rows, and says which one is broken.
            reading = pyarrow.csv.ReadOptions(use_threads=False)
            data = pyarrow.csv.read_csv(pa.BufferReader(content), reading, options, convert)
        names = tuple(data.column_names)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        what = "cannot be read as Parquet" if is_parquet else unreadable(path)
        raise file_error(str(path), f"{what}: {str(error).splitlines()[0]}") from None
    if data.num_rows == 0:
        raise file_error(str(path), "has no rows")
    return Table(data, "pyarrow", names, data.num_rows, str(path), not is_parquet)


def write_table(data: pa.Table, path: Path) -> None:
    """Write a table as the suffix of `path` says; a file of that name is replaced only when all is written."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(render(data, path.suffix.lower().lstrip(".")))
        partial.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def render(data: pa.Table, form: str) -> bytes:
    """Return a table as ``csv``, ``json`` (an array of objects), ``parquet`` or a ``table`` for people."""
    import json

    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    if form in ("csv", "parquet"):
        sink = pa.BufferOutputStream()
        (pyarrow.csv.write_csv if form == "csv" else pyarrow.parquet.write_table)(data, sink)
        return bytes(sink.getvalue())
    if form == "json":
        rows = [{name: _json_value(value) for name, value in row.items()} for row in data.to_pylist()]
        return (json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
    cells = [
        [name, *(_cell(value) for value in data.column(i).to_pylist())] for i, name in enumerate(data.column_names)
    ]
    widths = [max(map(len, column)) for column in cells]
    right = [str(field.type) not in ("string", "large_string") for field in data.schema]
    lines = (
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in zip(*cells, strict=True)
    )
    return ("\n".join(lines) + "\n").encode()


def _json_value(value: Any) -> Any:
    if isinstance(value, float) and not isfinite(value):
        return None
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _cell(value: Any) -> str:
    text = "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    # A control character in a cell must not move the cursor of a terminal.
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def check_suffix(option: str, path: Path | None, suffixes: tuple[str, ...] = TABLES) -> None:
    """Refuse the name of a file that nothing could be written to, before there is anything to write."""
    if path is not None and path.suffix.lower() not in suffixes:
        raise ValueError(f"`{option}` must end in {', '.join(suffixes[:-1])} or {suffixes[-1]}, got `{path.name}`")


def check_outputs(paths: list[Path]) -> None:
    """Refuse names that `write_outputs` could not write."""
    for path in paths:
        check_suffix("--out", path, (*TABLES, ".html"))


def tell_written(*paths: Path | None) -> None:
    """Say which files were written."""
    for path in paths:
        if path is not None:
            typer.echo(f"wrote {path}", err=True)


def write_outputs(data: pa.Table, paths: list[Path], write_chart: Callable[[Path], None]) -> None:
    """Write a comparison to every path, as a page where the name ends in .html, and say so."""
    for path in paths:
        if path.suffix.lower() == ".html":
            write_chart(path)
        else:
            write_table(data, path)
        tell_written(path)
