"""Folders named ``key=value`` as columns: how Hive, Spark, pyarrow and polars spread a table over folders.

What a folder says of all rows in its files stands beside their own columns, so that objectives, groups and conditions
can be on it as on any other column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from paretoserve.errors import DataError
    from paretoserve.pareto._sources import Source

__all__ = ["folder_labels", "partitioned"]

# What Hive calls the folder of the rows without a value.
MISSING = "__HIVE_DEFAULT_PARTITION__"
# No more digits than any int64 holds.
_WHOLE = re.compile(r"[+-]?\d{1,18}")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def folder_labels(folders: Iterable[str]) -> dict[str, str | None]:
    """Return what folders of these names say; None is a value that is missing."""
    labels: dict[str, str | None] = {}
    for folder in folders:
        name, sign, value = folder.partition("=")
        if sign and name:
            labels[unquote(name)] = None if value == MISSING else unquote(value)
    return labels


def partitioned(sources: Sequence[Source], labels: Sequence[Mapping[str, str | None]]) -> list[Source]:
    """Return sources with a column for each label of theirs, of one type for all: integers, floats, or else text."""
    import pyarrow as pa

    columns: dict[str, list[str]] = {}
    for own in labels:
        for name, value in own.items():
            columns.setdefault(name, []).extend([] if value is None else [value])
    types = {name: _type(values) for name, values in columns.items()}
    kinds = {int: pa.int64(), float: pa.float64(), str: pa.string()}
    found: list[Source] = []
    for source, own in zip(sources, labels, strict=True):
        scalars = {
            name: pa.scalar(None if value is None else types[name](value), kinds[types[name]])
            for name, value in own.items()
            if name not in source.schema.names
        }
        found.append(PartitionedSource(source, scalars) if scalars else source)
    return found


def _type(values: Sequence[str]) -> type[int] | type[float] | type[str]:
    if not values:
        return str
    if all(_WHOLE.fullmatch(value) for value in values):
        return int
    return float if all(_NUMBER.fullmatch(value) for value in values) else str


class PartitionedSource:
    """A file with columns that are the same in all of its rows; see `Source`."""

    def __init__(self, source: Source, scalars: Mapping[str, pa.Scalar[Any]]) -> None:
        self._source, self._scalars = source, scalars

    @property
    def file(self) -> str:
        """The name of the file."""
        return self._source.file

    @property
    def schema(self) -> pa.Schema:
        """The columns of the file, then those of its folders."""
        schema = self._source.schema
        for name, scalar in self._scalars.items():
            schema = schema.append(_field(name, scalar))
        return schema

    def batches(self, columns: Sequence[str], rows: int, *, threaded: bool) -> Iterator[pa.RecordBatch]:
        """Yield columns of all rows in order."""
        import pyarrow as pa

        for batch in self._source.batches(self._read(columns), rows, threaded=threaded):
            yield pa.RecordBatch.from_arrays(self._filled(batch, columns), names=list(columns))

    def take(self, rows: NDArray[Any], columns: Sequence[str], *, batch_rows: int, threaded: bool) -> pa.Table:
        """Return rows by number."""
        import pyarrow as pa

        table = self._source.take(rows, self._read(columns), batch_rows=batch_rows, threaded=threaded)
        return pa.Table.from_arrays(self._filled(table, columns), names=list(columns))

    def problem(self, column: str, what: str, *, row: int | None = None, hint: str = "") -> DataError:
        """Return the error about a column or cell."""
        return self._source.problem(column, what, row=row, hint=hint)

    def _read(self, columns: Sequence[str]) -> list[str]:
        """Return which columns to read; one at least, which says how many rows there are."""
        return [name for name in columns if name not in self._scalars] or self._source.schema.names[:1]

    def _filled(self, rows: pa.RecordBatch | pa.Table, columns: Sequence[str]) -> list[Any]:
        import pyarrow as pa

        return [
            pa.repeat(self._scalars[name], rows.num_rows) if name in self._scalars else rows.column(name)
            for name in columns
        ]


def _field(name: str, scalar: pa.Scalar[Any]) -> pa.Field[Any]:
    import pyarrow as pa

    return pa.field(name, scalar.type)
