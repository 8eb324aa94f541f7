"""A CSV file, plain or compressed, that is read in parts.

The first lines say which types the columns have; where a later line contradicts, the column becomes wider (integers
become floats, numbers become text) for the whole file, as if all of it had been looked at before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._files import file_error
from paretoserve.errors import DataError
from paretoserve.pareto._sources import Retyped

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["CsvSource", "compression_of", "first_text", "unreadable"]

_MAGIC = {"gz": b"\x1f\x8b", "xz": b"\xfd7zXZ\x00", "zst": b"\x28\xb5\x2f\xfd", "bz2": b"BZh"}
_SUFFIXES = {".gz": "gz", ".xz": "xz", ".zst": "zst", ".zstd": "zst", ".bz2": "bz2"}
_CONVERSION = re.compile(r"CSV column #(\d+): CSV conversion error to ")
BLOCK_BYTES = 1 << 22
CUT = "the file may have been cut while it was copied; fetch it again"


def compression_of(path: Path, start: bytes) -> str | None:
    """Return how a file is compressed by its first bytes; refuse one whose name promises otherwise."""
    found = next((kind for kind, magic in _MAGIC.items() if start.startswith(magic)), None)
    promised = _SUFFIXES.get(path.suffix.lower())
    if promised is not None and found != promised:
        raise file_error(str(path), f"is not {promised} as its name says; it starts with {start[:6]!r}")
    return found


def unreadable(path: Path) -> str:
    """Return what is wrong with a file that is not CSV and does not begin as Parquet does."""
    return ("is no Parquet and " if path.suffix.lower() == ".parquet" else "") + "cannot be read as CSV"


class CsvSource:
    """See `Source`."""

    def __init__(self, path: Path, packed: str | None) -> None:
        self.file, self._path, self._packed = str(path), path, packed
        with closing(self._stream()) as stream:
            start = self._guarded(lambda: bytes(stream.read(1 << 16)))
        if start.startswith(b"PAR1"):
            hint = "a compressed Parquet file cannot be read in parts; decompress it first"
            raise file_error(self.file, "is neither CSV nor plain Parquet", hint=hint)
        if not start.strip():
            raise file_error(self.file, "is empty")
        header = start.split(b"\n", 1)[0]
        self._delimiter = "\t" if header.count(b"\t") > header.count(b",") else ","
        self._types: dict[str, Any] = {}
        self.schema = self._guarded(lambda: self._reader(None, threaded=False)[0].schema)
        # Names that are not UTF-8 raise here, under the name of the file.
        self._guarded(lambda: self.schema.names)

    def _stream(self) -> Any:
        """Return the decompressed bytes."""
        import pyarrow as pa

        if self._packed == "xz":
            # Imported here because a Python may be built without it; only xz files should fail then.
            import lzma

            return pa.PythonFile(lzma.open(self._path), mode="r")
        names = {"gz": "gzip", "zst": "zstd", "bz2": "bz2", None: None}
        return pa.input_stream(str(self._path), compression=names[self._packed], buffer_size=BLOCK_BYTES)

    def _reader(self, columns: Sequence[str] | None, *, threaded: bool) -> tuple[Any, Any]:
        from pyarrow import csv

        stream = self._stream()
        reading = csv.ReadOptions(use_threads=threaded, block_size=BLOCK_BYTES)
        parsing = csv.ParseOptions(delimiter=self._delimiter, newlines_in_values=True)
        converting = csv.ConvertOptions(
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            column_types=self._types,
            include_columns=None if columns is None else list(columns),
        )
        return csv.open_csv(stream, reading, parsing, converting), stream

    def _guarded(self, work: Any) -> Any:
        """Return what `work` returns; name the file in errors of pyarrow and of the decompressors."""
        import pyarrow as pa

        try:
            return work()
        except (pa.ArrowException, OSError, EOFError, ValueError) as error:
            self._retype(str(error))
            what = "does not decompress" if isinstance(error, EOFError | OSError) and self._packed else None
            what = f"{what} as {self._packed}" if what else unreadable(self._path)
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise file_error(self.file, f"{what}: {reason}", hint=CUT if self._packed else "") from None

    def _retype(self, message: str) -> None:
        """Make a column wider if that is what the message of pyarrow is about, and raise `Retyped`."""
        import pyarrow as pa

        match = _CONVERSION.search(message)
        if match is None:
            return
        position = int(match[1])
        field = self.schema.field(position)
        wider = {pa.null(): pa.int64(), pa.int64(): pa.float64()}.get(field.type, pa.string())
        if field.type == pa.string():
            return
        self._types[field.name] = wider
        self.schema = self.schema.set(position, field.with_type(wider))
        raise Retyped

    def batches(self, columns: Sequence[str], rows: int, *, threaded: bool) -> Iterator[pa.RecordBatch]:
        """Yield columns of all rows in order."""
        reader, stream = self._guarded(lambda: self._reader(columns, threaded=threaded))
        with closing(stream), closing(reader):
            while (block := self._guarded(lambda: next(reader, None))) is not None:
                for start in range(0, block.num_rows, rows):
                    yield block.slice(start, rows)

    def take(self, rows: NDArray[Any], columns: Sequence[str], *, batch_rows: int, threaded: bool) -> pa.Table:
        """Return rows by number; the file is read to the last of them."""
        import pyarrow as pa

        while True:
            parts, start = [], 0
            try:
                for batch in self.batches(columns, batch_rows, threaded=threaded):
                    low, high = np.searchsorted(rows, [start, start + batch.num_rows])
                    parts.append(batch.take(pa.array(rows[low:high] - start)))
                    start += batch.num_rows
                    if high == len(rows):
                        break
            except Retyped:
                continue
            schema = pa.schema([self.schema.field(column) for column in columns])
            return pa.Table.from_batches(parts, schema=schema)

    def problem(self, column: str, what: str, *, row: int | None = None, hint: str = "") -> DataError:
        """Return the error about a column or cell; the header is line 1."""
        if what.endswith("is one of text"):
            row, what = self._first_text(column, what)
        at = None if row is None else f"line {row + 2}"
        return file_error(self.file, what, at=at, column=column, hint=hint)

    def _first_text(self, column: str, what: str) -> tuple[int | None, str]:
        """Return the first row of a column that is no number, and what stands there."""
        start = 0
        for batch in self.batches([column], 1 << 16, threaded=False):
            row, text = first_text(batch.column(0).to_pylist())
            if row is not None:
                return start + row, f"must be a number, got `{text[:80]}`"
            start += batch.num_rows
        return None, what


def first_text(values: Sequence[str | None]) -> tuple[int | None, str]:
    """Return the first of these texts that is no number, and its position; None if all are."""
    for row, text in enumerate(values):
        try:
            float(text or "nan")
        except ValueError:
            return row, text or ""
    return None, ""
