"""Columns of labels as codes: which rows of a table share a label, for groups and for conditions on text.

Integers in a narrow range are their own codes; everything else is hashed by pyarrow where it is installed and sorted by
numpy where it is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._arrays import is_torch, numpy_values
from paretoserve.errors import DataError
from paretoserve.pareto._frame_columns import column_numbers
from paretoserve.pareto._frames import library

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from paretoserve.pareto._frame_columns import Place

__all__ = ["column_labels", "dense", "group_codes"]


def group_codes(place: Place, columns: Mapping[str, Any]) -> tuple[NDArray[np.uint32], int]:
    """Return a code per row for the labels in all `columns` together, and a number that all codes are below.

    A row without a label is refused: whether it belongs to a group is not ours to guess.
    """
    codes, num_codes = None, 1
    for name, column in columns.items():
        own, num_own = _codes(place, name, column)
        if codes is None:
            codes, num_codes = own, num_own
            continue
        codes, num_codes = codes.astype(np.int64, copy=False) * num_own + own, num_codes * num_own
        if num_codes > max(4 * len(own), 1 << 16):
            codes, num_codes = dense(codes)
    assert codes is not None
    return codes.astype(np.uint32, copy=False), num_codes


def _codes(place: Place, name: str, column: Any) -> tuple[NDArray[np.int64 | np.uint32], int]:
    narrow = _narrow_codes(name, column)
    if narrow is not None:
        return narrow
    codes, labels = column_labels(place, name, column)
    if (codes < 0).any():
        row = int((codes < 0).argmax())
        hint = "give such rows a label of their own or leave them out"
        raise place.problem(name, "must name the group of every row, got nothing", row=row, hint=hint)
    return codes, max(len(labels), 1)


class _Anywhere:
    """A place whose errors nobody reads."""

    def problem(self, column: str, what: str, *, row: int | None = None, hint: str = "") -> DataError:
        """Return an error."""
        return DataError(f"{column} {row} {what} {hint}")


def _narrow_codes(name: str, column: Any) -> tuple[NDArray[np.uint32], int] | None:
    """Return integers less their smallest one as codes if not many more than the rows are needed."""
    try:
        numbers = column_numbers(_Anywhere(), name, column)
    except DataError:
        return None
    values = numbers.values
    if numbers.missing is not None or values.dtype.kind not in "iub" or len(values) == 0:
        return None
    low, high = int(values.min()), int(values.max())
    if high - low >= min(max(4 * len(values), 1 << 10), 1 << 32):
        return None
    if values.dtype.kind == "b":
        values = values.view(np.uint8)
    # All numbers wrap around in 32 bits, so that the differences, which are smaller, are right.
    least = values.dtype.type(low)
    return np.subtract(values, least, dtype=np.uint32, casting="unsafe"), high - low + 1


def column_labels(place: Place, name: str, column: Any) -> tuple[NDArray[np.int64], list[Any]]:
    """Return a code per row, -1 where nothing stands (NaN is nothing), and the labels that the codes index."""
    array = _arrow_labels(column)
    if array is None:
        return _sorted_labels(place, name, column)
    import pyarrow as pa

    if pa.types.is_nested(array.type):
        raise place.problem(name, f"must be a column of labels, is one of {array.type}")
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_floating(array.type):
        values = array.to_numpy(zero_copy_only=False).astype(np.float64)
        # -0.0 and 0.0 are one label.
        array = pa.array(values + 0.0, from_pandas=True)
    encoded = array.dictionary_encode()
    indices = encoded.indices
    codes = (indices.fill_null(-1) if indices.null_count else indices).to_numpy(zero_copy_only=False)
    return codes.astype(np.int64), encoded.dictionary.to_pylist()


def _arrow_labels(column: Any) -> Any:
    """Return a column as one Arrow array, None if pyarrow is not installed or has no type for its labels."""
    try:
        import pyarrow as pa
    except ModuleNotFoundError:
        return None
    if library("pyarrow", column) is not None:
        return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if library("polars", column) is not None:
        return column.to_arrow()
    values = column if not is_torch(column) else numpy_values(column)
    try:
        array = pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError):
        return None
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _sorted_labels(place: Place, name: str, column: Any) -> tuple[NDArray[np.int64], list[Any]]:
    # As objects labels of several types stay apart; as an array 1 would become "1".
    dtype = object if isinstance(column, list | tuple) else None
    values = numpy_values(column) if is_torch(column) else np.asarray(column, dtype=dtype)
    present = np.asarray(values == values)
    if values.dtype == object:
        present = np.fromiter((v is not None and v == v for v in values), dtype=np.bool_, count=len(values))
    codes = np.full(len(values), -1, dtype=np.int64)
    try:
        labels, codes[present] = np.unique(values[present], return_inverse=True)
    except TypeError:
        raise place.problem(name, "must hold labels of one type, got types that have no common order") from None
    return codes, labels.tolist()


def dense(codes: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Return codes from 0 on without gaps in the order of `codes`, and how many there are."""
    unique, inverse = np.unique(codes, return_inverse=True)
    return inverse.astype(np.int64, copy=False), len(unique)
