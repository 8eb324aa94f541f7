"""A Parquet file that is read in parts: some columns of all rows, then all columns of some rows.

Pages are streamed, not whole column chunks, so that a file with a single row group of any size takes little memory too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._files import file_error
from paretoserve.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["ParquetSource"]

# Bytes of a column chunk that are in memory at once while it is decoded.
BUFFER_BYTES = 1 << 20


class ParquetSource:
    """See `Source`."""

    def __init__(self, path: Path) -> None:
        from pyarrow import parquet

        self.file = str(path)
        with self._named():
            self._reader = parquet.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER_BYTES)
            self.schema = self._reader.schema_arrow

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Name the file in errors of pyarrow."""
        import pyarrow as pa

        try:
            yield
        except (pa.ArrowException, OSError, EOFError) as error:
            hint = "the file may have been cut while it was copied; fetch it again"
            what = f"cannot be read as Parquet: {(str(error) or type(error).__name__).splitlines()[0]}"
            raise file_error(self.file, what, hint=hint) from None

    def batches(
        self, columns: Sequence[str], rows: int, *, threaded: bool, groups: list[int] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield columns of the rows of all or some row groups, in order."""
        with self._named():
            found = self._reader.iter_batches(rows, row_groups=groups, columns=list(columns), use_threads=threaded)
            while (batch := next(found, None)) is not None:
                yield batch

    def take(self, rows: NDArray[Any], columns: Sequence[str], *, batch_rows: int, threaded: bool) -> pa.Table:
        """Return rows by number; only the row groups that hold one are read."""
        import pyarrow as pa

        metadata = self._reader.metadata
        sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        ends = np.cumsum(sizes, dtype=np.int64)
        needed = np.unique(np.searchsorted(ends, rows, side="right"))
        parts = []
        for group in needed.tolist():
            start = int(ends[group]) - sizes[group]
            for batch in self.batches(columns, batch_rows, threaded=threaded, groups=[group]):
                low, high = np.searchsorted(rows, [start, start + batch.num_rows])
                if low < high:
                    parts.append(batch.take(pa.array(rows[low:high] - start)))
                start += batch.num_rows
        fields = [self.schema.field(column) for column in columns]
        return pa.Table.from_batches(parts, schema=parts[0].schema if parts else pa.schema(fields))

    def problem(self, column: str, what: str, *, row: int | None = None, hint: str = "") -> DataError:
        """Return the error about a column or cell; rows count from 1, as people do in a file."""
        at = None if row is None else f"row {row + 1}"
        return file_error(self.file, what, at=at, column=column, hint=hint)
