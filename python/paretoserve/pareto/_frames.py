"""Tables of pandas, polars, pyarrow and plain columns behind one face: names, columns, rows by index.

No library is imported that the caller has not imported; anything else that speaks the Arrow stream interface is read by
pyarrow. A table is never copied as a whole.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import DataError, DtypeError, ShapeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Frame", "as_frame", "is_frame", "library", "require_pyarrow"]


@dataclass(frozen=True, slots=True)
class Frame:
    """A table of any library.

    Attributes
    ----------
    data : pandas.DataFrame, polars.DataFrame, pyarrow.Table, pyarrow.RecordBatch or dict
    kind : {"pandas", "polars", "pyarrow", "columns"}
    names : tuple of str
        Of its columns, in order.
    num_rows : int
    """

    data: Any
    kind: str
    names: tuple[str, ...]
    num_rows: int

    def column(self, name: str) -> Any:
        """Return a column as its library holds it; raise if there is none, or more than one of that name."""
        if name not in self.names:
            raise self.problem(name, "is not in the table", hint=columns_hint(name, self.names))
        if self.names.count(name) > 1:
            raise self.problem(name, "stands in the table more than once")
        return self.data[name] if self.kind != "pyarrow" else self.data.column(name)

    def take(self, rows: NDArray[np.int64]) -> Any:
        """Return these rows, in this order, as a table of the same library."""
        if self.kind == "pandas":
            return self.data.iloc[rows]
        if self.kind == "polars":
            return self.data[rows]
        if self.kind == "pyarrow":
            return self.data.take(rows)
        return {name: _taken(column, rows) for name, column in self.data.items()}

    def problem(self, column: str, what: str, *, row: int | None = None, hint: str = "") -> DataError:
        """Return the error about a column, or about one cell of it; rows count from 0, as the libraries do."""
        place = f"column `{column}`" + ("" if row is None else f", row {row}")
        return DataError(f"{place}: {what}" + (f"\nhint: {hint}" if hint else ""))


def columns_hint(name: str, names: Sequence[str]) -> str:
    """Return the part of a message that names the columns that were perhaps meant."""
    texts = [str(each) for each in names]
    close = get_close_matches(str(name), texts, n=3, cutoff=0.5) or texts[:8]
    return "columns are " + ", ".join(f"`{each}`" for each in close) if close else "the table has no column"


def library(module: str, value: object) -> Any:
    """Return `module` if it is imported and `value` is of one of its classes, else None."""
    root = type(value).__module__.partition(".")[0]
    return sys.modules.get(module) if root == module else None


def require_pyarrow(purpose: str) -> Any:
    """Return pyarrow; ModuleNotFoundError that says what it is needed for and how to get it."""
    try:
        import pyarrow
    except ModuleNotFoundError:
        message = f"{purpose} needs pyarrow\nhint: pip install pyarrow, or install paretoserve[plan]"
        raise ModuleNotFoundError(message, name="pyarrow") from None
    return pyarrow


def is_frame(value: object) -> bool:
    """Tell whether `value` is a table of pandas, polars, pyarrow or of whatever streams Arrow data."""
    polars = library("polars", value)
    if polars is not None and isinstance(value, polars.LazyFrame):
        return True
    columns = getattr(value, "columns", None) is not None or getattr(value, "schema", None) is not None
    streams = hasattr(value, "__arrow_c_stream__") and not hasattr(value, "dtype") and not _is_arrow_array(value)
    pandas = library("pandas", value)
    return columns and (streams or (pandas is not None and isinstance(value, pandas.DataFrame)))


def _is_arrow_array(value: object) -> bool:
    pyarrow = library("pyarrow", value)
    return pyarrow is not None and isinstance(value, pyarrow.Array | pyarrow.ChunkedArray)


def as_frame(frame: Any) -> Frame:
    """Return `frame` behind the one face.

    Raises
    ------
    DtypeError
        If it is no table.
    ShapeError
        If columns of a mapping differ in length.
    """
    if isinstance(frame, Mapping):
        return _of_columns(frame)
    pandas, polars, pyarrow = (library(name, frame) for name in ("pandas", "polars", "pyarrow"))
    if pandas is not None and isinstance(frame, pandas.DataFrame):
        return Frame(frame, "pandas", tuple(frame.columns), len(frame))
    if polars is not None and isinstance(frame, polars.LazyFrame):
        raise DtypeError("`frame` must hold its rows, got a LazyFrame\nhint: frame.collect(), or scan() of its files")
    if polars is not None and isinstance(frame, polars.DataFrame):
        return Frame(frame, "polars", tuple(frame.columns), frame.height)
    if not is_frame(frame) and not hasattr(frame, "__arrow_c_stream__"):
        expected = "a pandas or polars DataFrame, a pyarrow Table or a mapping from names to columns"
        hint = "\nhint: for arrays use mask() or front()" if isinstance(frame, np.ndarray | list | tuple) else ""
        raise DtypeError(f"`frame` must be {expected}, got {type(frame).__name__}{hint}")
    if pyarrow is None or not isinstance(frame, pyarrow.Table | pyarrow.RecordBatch):
        pyarrow = require_pyarrow(f"a table of type {type(frame).__name__}")
        try:
            frame = pyarrow.table(frame)
        except (TypeError, ValueError) as error:
            raise DtypeError(f"`frame` must stream the rows of a table, got {error}") from None
    return Frame(frame, "pyarrow", tuple(frame.schema.names), frame.num_rows)


def _of_columns(columns: Mapping[str, Any]) -> Frame:
    lengths = {}
    for name, column in columns.items():
        shape = getattr(column, "shape", None)
        if isinstance(column, str | bytes) or not hasattr(column, "__len__") or (shape is not None and len(shape) != 1):
            got = type(column).__name__ if shape is None else f"shape {tuple(shape)}"
            raise ShapeError(f"column `{name}` must be one-dimensional, got {got}")
        lengths[name] = len(column)
    first = next(iter(lengths.values()), 0)
    for name, length in lengths.items():
        if length != first:
            raise ShapeError(f"column `{name}` must have {first} rows as the first one, got {length}")
    return Frame(dict(columns), "columns", tuple(columns), first)


def _taken(column: Any, rows: NDArray[np.int64]) -> Any:
    if library("pandas", column) is not None and hasattr(column, "iloc"):
        return column.iloc[rows]
    if library("pyarrow", column) is not None:
        return column.take(rows)
    if isinstance(column, list | tuple):
        return type(column)([column[row] for row in rows.tolist()])
    return column[rows]
