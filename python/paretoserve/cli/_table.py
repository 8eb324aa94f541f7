"""Tables of any tool for the command line: CSV or Parquet in, numbers of a column, conditions on rows, output forms.

Everything wrong with a file is a `DataError` that names file, row and column.
"""

from __future__ import annotations

import contextlib
import operator
import re
from difflib import get_close_matches
from math import ceil, floor, isfinite, isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import DataError
from paretoserve.sim.readers.assemble import problem
from paretoserve.sim.readers.source import read_bytes

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Table", "read_table", "render", "write_table"]

FORMATS = ("table", "csv", "json", "parquet")

_CONDITION = re.compile(r"^\s*(?P<column>.+?)\s*(?P<sign><=|>=|==|!=|<|>|=)\s*(?P<value>.+?)\s*$")
_SIGNS = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "==": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
}


class Table:
    """A table of a file, with messages that name the place in it.

    Parameters
    ----------
    file : str
        Name for messages.
    data : pyarrow.Table
    by_line : bool
        Whether row i is line i + 2 of a text file.
    """

    def __init__(self, file: str, data: pa.Table, *, by_line: bool) -> None:
        self.file, self.data, self._by_line = file, data, by_line

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column; DataError with close names if there is none or more than one of that name."""
        names = self.data.column_names
        if name not in names:
            close = get_close_matches(name, names, n=3, cutoff=0.5) or names[:8]
            raise problem(
                self.file, f"has no column `{name}`", hint="columns are " + ", ".join(f"`{each}`" for each in close)
            )
        if names.count(name) > 1:
            raise problem(self.file, "stands in the header more than once", column=name)
        return self.data.column(name)

    def problem_at(self, row: int, column: str, what: str, hint: str = "") -> DataError:
        """Return the error for one cell."""
        return problem(
            self.file, what, at=f"line {row + 2}" if self._by_line else f"row {row + 1}", column=column, hint=hint
        )

    def numbers(self, name: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the values of a numeric column, integers exact, and where they are missing (0 is there)."""
        import pyarrow as pa
        import pyarrow.compute as pc

        column = self.column(name).combine_chunks()
        kind = column.type
        if pa.types.is_null(kind):
            column = column.cast(pa.float64())
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            self._refuse_text(name, column)
        elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
            raise self.problem_at(0, name, f"must be a column of numbers, is one of {kind}")
        if pa.types.is_float16(column.type):
            column = column.cast(pa.float32())
        missing = np.asarray(pc.is_null(column, nan_is_null=True).to_numpy(zero_copy_only=False), dtype=bool)
        filled = pc.if_else(pa.array(missing), pa.scalar(0).cast(column.type), column)
        return np.asarray(filled.to_numpy(zero_copy_only=False)), missing

    def _refuse_text(self, name: str, column: pa.Array) -> None:
        for row, text in enumerate(column.to_pylist()):
            try:
                float("nan" if text is None else text)
            except ValueError:
                raise self.problem_at(row, name, f"must be a number, got `{text[:80]}`") from None
        hint = "convert the column to a numeric type"
        raise self.problem_at(0, name, "must be a column of numbers, is one of text", hint)

    def rows_where(self, condition: str) -> NDArray[np.bool_]:
        """Return which rows meet a condition such as ``ttft_p99_s<=1``; a row without a value never does.

        Raises
        ------
        ValueError
            If it is not `column sign value`, or text is compared with anything but == and !=.
        DataError
            If there is no such column.
        """
        import pyarrow as pa

        parts = _CONDITION.match(condition)
        if parts is None:
            raise ValueError(f"`--where` must be like `ttft_p99_s<=1` (signs: {', '.join(_SIGNS)}), got `{condition}`")
        name, sign, value = parts["column"], parts["sign"], parts["value"]
        column = self.column(name)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            if sign not in ("==", "=", "!="):
                raise ValueError(
                    f"`--where` can only test text with == and !=, and `{name}` is text, got `{condition}`"
                )
            texts = np.array(column.to_pylist(), dtype=object)
            present = np.array([text is not None for text in texts], dtype=bool)
            met: NDArray[np.bool_] = present & ((texts == value.strip("'\"")) == (sign != "!="))
        else:
            values, missing = self.numbers(name)
            met = ~missing & _compare(values, sign, _number(value, condition))
        return met


def _number(text: str, condition: str) -> int | float:
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if not isnan(number):
            return number
    raise ValueError(f"`--where` must compare with a number, got `{text}` in `{condition}`")


def _compare(values: NDArray[Any], sign: str, bound: int | float) -> NDArray[np.bool_]:
    """Return ``values sign bound`` exactly, also for integers that a float cannot hold."""
    if values.dtype.kind in "iub" and isinstance(bound, float) and isfinite(bound):
        if bound != floor(bound) and sign in ("==", "=", "!="):
            return np.full(len(values), sign == "!=")
        bound = floor(bound) if sign in ("<=", ">") else ceil(bound)
    return np.asarray(_SIGNS[sign](values.astype(np.uint8) if values.dtype.kind == "b" else values, bound), dtype=bool)


def read_table(path: Path) -> Table:
    """Read a CSV (also with tabs) or Parquet file; gz, xz and zst too. The kind is recognized by content.

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
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        kind = "Parquet" if is_parquet else "CSV"
        raise problem(str(path), f"cannot be read as {kind}: {str(error).splitlines()[0]}") from None
    if data.num_rows == 0:
        raise problem(str(path), "has no rows")
    return Table(str(path), data, by_line=not is_parquet)


def write_table(data: pa.Table, path: Path) -> None:
    """Write a table as the suffix of `path` says; a file of that name is replaced only when all is written."""
    form = path.suffix.lower().lstrip(".")
    if form not in FORMATS[1:]:
        raise ValueError(f"`--out` must end in .parquet, .csv or .json, got `{path.name}`")
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(render(data, form))
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
