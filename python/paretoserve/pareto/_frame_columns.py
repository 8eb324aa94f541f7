"""Columns of any library as numbers, with what is missing among them.

Nothing is widened: integers stay integers whatever is missing among them, because a mask beside the values says so. A
column without missing values shares the memory of its table where its library lays it out as an array.
"""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from paretoserve._arrays import is_torch, numpy_values
from paretoserve.errors import DataError
from paretoserve.pareto._frames import library, require_pyarrow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["NAMES", "Numbers", "Place", "column_numbers", "is_small_float", "is_text", "rounded_integer"]

# The dtypes that the native module compares.
NAMES = {"bool", "bfloat16", "float16", "float32", "float64"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}
_TO_NUMBERS = "convert it to numbers first"


class Place(Protocol):
    """Where columns come from: makes the errors about them."""

    def problem(self, column: str, what: str, *, row: int | None = None, hint: str = "") -> DataError:
        """Return the error about a column, or about one cell of it."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """A column of numbers.

    Attributes
    ----------
    values : ndarray, shape (n,), integers, float16/32/64 or bool
        Anything where a value is missing.
    missing : ndarray of bool, shape (n,), or None
        Where there is none; None if there is one everywhere. A NaN among floats is missing as well, marked or not.
    scale : int, default 0
        Decimal digits after the point: the numbers are ``values / 10**scale``.
    """

    values: NDArray[Any]
    missing: NDArray[np.bool_] | None
    scale: int = 0

    def absent(self) -> NDArray[np.bool_] | None:
        """Return where there is no number, NaN included; None if there is one everywhere."""
        absent = self.missing
        if self.values.dtype.kind == "f" or self.values.dtype.name == "bfloat16":
            nan = np.isnan(self.values)
            if nan.any():
                absent = nan if absent is None else nan | absent
        return absent if absent is not None and absent.any() else None

    def at(self, rows: NDArray[np.int64]) -> Numbers:
        """Return the numbers of these rows."""
        return Numbers(self.values[rows], None if self.missing is None else self.missing[rows], self.scale)

    def floats(self) -> NDArray[np.float64]:
        """Return the numbers as float64, NaN where there is none; integers above 2^53 are rounded."""
        floats: NDArray[np.float64] = np.array(self.values, dtype=np.float64) / 10.0**self.scale
        if self.missing is not None:
            floats[self.missing] = np.nan
        return floats


def column_numbers(place: Place, name: str, column: Any) -> Numbers:
    """Return a column as numbers.

    Integers, floats of 16 to 64 bits and bool are taken as they are, decimals of up to 18 digits as integers, a
    dictionary (categorical) of numbers as the numbers it stands for. Text, dates, times and objects are refused.
    """
    if library("pandas", column) is not None:
        return _pandas_numbers(place, name, column)
    if library("polars", column) is not None:
        return _polars_numbers(place, name, column)
    if library("pyarrow", column) is not None:
        return _arrow_numbers(place, name, column)
    return _array_numbers(place, name, column)


def _refused(place: Place, name: str, kind: object) -> DataError:
    text = str(kind).lower()
    if any(word in text for word in ("str", "utf8", "categor", "enum")) or text.startswith(("<u", "|s")):
        return place.problem(name, "must be a column of numbers, is one of text", hint=_TO_NUMBERS)
    if any(word in text for word in ("date", "time", "duration", "interval")):
        hint = "subtract a start and give a unit, for example seconds"
        return place.problem(name, f"must be a column of numbers, is one of {kind}", hint=hint)
    return place.problem(name, f"must be a column of numbers, is one of {kind}", hint=_TO_NUMBERS)


def is_text(column: Any) -> bool:
    """Tell whether an Arrow column holds text, encoded or not."""
    from pyarrow import types

    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def is_small_float(tensor: Any) -> bool:
    """Tell whether a torch tensor holds floats of 8 bits, which numpy gets as their bits only."""
    return bool(tensor.is_floating_point() and tensor.element_size() == 1)


def rounded_integer(array: NDArray[np.float64], values: Sequence[Any]) -> int | None:
    """Return an integer among nested lists that float64 rounds, None if `array` holds all of them exactly."""
    for place in np.argwhere(np.abs(array) >= 2**53) if array.size else ():
        value = functools.reduce(operator.getitem, place.tolist(), values)
        if isinstance(value, (int, np.integer)) and int(value) != float(value):
            return int(value)
    return None


def _array_numbers(place: Place, name: str, column: Any) -> Numbers:
    if is_torch(column) and is_small_float(column):
        raise _refused(place, name, column.dtype)
    values = numpy_values(column) if is_torch(column) else np.asarray(column)
    if values.ndim != 1:
        raise place.problem(name, f"must hold one number per row, got shape {values.shape}")
    missing = None
    if isinstance(column, np.ma.MaskedArray) and np.ma.is_masked(column):
        missing = np.ma.getmaskarray(column)
    if values.dtype == object:
        return _object_numbers(place, name, values)
    if isinstance(column, list | tuple) and values.dtype == np.float64:
        _check_exact(place, name, values, column)
    if values.dtype.name in NAMES:
        return Numbers(values, missing)
    raise _refused(place, name, values.dtype if values.dtype.kind not in "US" else "str")


def _check_exact(place: Place, name: str, array: NDArray[np.float64], values: Sequence[Any]) -> None:
    rounded = rounded_integer(array, values)
    if rounded is not None:
        what = f"must not hold integers beyond 2^53 beside numbers with which only float64 is common, got {rounded}"
        raise place.problem(name, what, hint="give both the same type first")


def _object_numbers(place: Place, name: str, values: NDArray[Any]) -> Numbers:
    """Return a list with None among its numbers: integers stay integers."""
    missing = np.fromiter((value is None for value in values), dtype=np.bool_, count=len(values))
    present = values[~missing].tolist()
    odd = next((value for value in present if isinstance(value, str | bytes)), None)
    found = np.array(present) if present and odd is None else np.zeros(0)
    if found.dtype == np.float64:
        _check_exact(place, name, found, present)
    if odd is not None or found.dtype.name not in NAMES or found.ndim != 1:
        raise _refused(place, name, "str" if odd is not None else "objects")
    filled = np.zeros(len(values), dtype=found.dtype)
    filled[~missing] = found
    return Numbers(filled, missing)


def _pandas_numbers(place: Place, name: str, column: Any) -> Numbers:
    if isinstance(column.dtype, np.dtype):
        return _array_numbers(place, name, column.to_numpy())
    masked = getattr(column.dtype, "numpy_dtype", None)
    if masked is not None and type(column.array).__name__ in ("IntegerArray", "FloatingArray", "BooleanArray"):
        missing = column.isna().to_numpy()
        values = column.to_numpy(dtype=masked, na_value=0) if missing.any() else column.to_numpy(dtype=masked)
        return Numbers(values, missing if missing.any() else None)
    pyarrow = require_pyarrow(f"a pandas column of type {column.dtype}")
    try:
        return _arrow_numbers(place, name, pyarrow.array(column.array))
    except (pyarrow.ArrowException, TypeError):
        raise _refused(place, name, column.dtype) from None


def _polars_numbers(place: Place, name: str, column: Any) -> Numbers:
    dtype = column.dtype
    if str(dtype) == "Null" or str(dtype).startswith("Decimal"):
        require_pyarrow(f"a polars column of type {dtype}")
        return _arrow_numbers(place, name, column.to_arrow())
    if not (dtype.is_numeric() or str(dtype) == "Boolean") or "128" in str(dtype):
        raise _refused(place, name, dtype)
    if not column.null_count():
        return _array_numbers(place, name, column.to_numpy())
    filled = column.fill_null(False if str(dtype) == "Boolean" else 0)
    return Numbers(_array_numbers(place, name, filled.to_numpy()).values, column.is_null().to_numpy())


def _arrow_numbers(place: Place, name: str, column: Any) -> Numbers:
    import pyarrow as pa

    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if pa.types.is_dictionary(column.type):
        if not _is_number(column.type.value_type):
            raise _refused(place, name, column.type.value_type)
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_null(kind):
        return Numbers(np.zeros(len(column)), np.ones(len(column), dtype=np.bool_))
    if not _is_number(kind):
        raise _refused(place, name, kind)
    missing = column.is_null().to_numpy(zero_copy_only=False) if column.null_count else None
    if pa.types.is_boolean(kind):
        return Numbers(column.fill_null(False).to_numpy(zero_copy_only=False), missing)
    if pa.types.is_decimal(kind):
        return Numbers(_decimal_integers(place, name, column), missing, kind.scale)
    return Numbers(_buffer(column, kind.to_pandas_dtype(), 1), missing)


def _is_number(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_decimal(kind))


def _buffer(column: Any, dtype: Any, width: int) -> NDArray[Any]:
    """Return the values of an Arrow array as they lie in memory, `width` per entry."""
    if len(column) == 0:
        return np.zeros(0, dtype=dtype)
    values = np.frombuffer(column.buffers()[1], dtype=dtype)
    return values[column.offset * width : (column.offset + len(column)) * width]


def _decimal_integers(place: Place, name: str, column: Any) -> NDArray[Any]:
    """Return decimals times a power of ten; their low words where no high word is needed."""
    width = column.type.bit_width // 64
    if width == 0:
        return _buffer(column, np.int32, 1)
    words = _buffer(column, np.int64, width).reshape(-1, width)
    low = words[:, 0]
    if column.type.precision > 18:
        beyond = (words[:, 1:] != (low >> 63)[:, None]).any(axis=1)
        if column.null_count:
            beyond &= column.is_valid().to_numpy(zero_copy_only=False)
        if beyond.any():
            what = "must hold decimals of at most 18 digits, got more"
            raise place.problem(name, what, row=int(beyond.argmax()), hint=_TO_NUMBERS)
    return low
