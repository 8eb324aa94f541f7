"""Points as the native module takes them: columns of any real dtype and stride, none copied without need."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np

from paretoserve._arrays import is_cuda, is_torch, numpy_values
from paretoserve._integers import shown
from paretoserve.errors import DtypeError, ShapeError
from paretoserve.pareto._frame_columns import NAMES, column_numbers, is_small_float, rounded_integer
from paretoserve.pareto._frames import Frame, as_frame, is_frame, library

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    PointsLike: TypeAlias = ArrayLike | Sequence[ArrayLike] | Mapping[str, ArrayLike]

__all__ = ["Points", "as_points", "on_cuda"]

_LIBRARIES = ("pandas", "polars", "pyarrow")
# What the native module reads the bits of a dtype as; every other dtype as itself.
_BITS = {"bool": np.uint8, "float16": np.uint16, "bfloat16": np.uint16}


@dataclass(frozen=True, slots=True)
class Points:
    """A table of objectives.

    Attributes
    ----------
    parts : tuple of ndarray
        Matrices and columns that lie side by side.
    n, d : int
        Number of rows and of objectives.
    """

    parts: tuple[NDArray[Any], ...]
    n: int
    d: int

    @property
    def native(self) -> list[tuple[NDArray[Any], str]]:
        """The parts as the native module takes them, each with the name of its dtype."""
        named = [(part, _name(part.dtype)) for part in self.parts]
        return [
            (part.view(_BITS[name]), "uint8" if name == "bool" else name) if name in _BITS else (part, name)
            for part, name in named
        ]

    def column(self, k: int) -> NDArray[Any]:
        """Return objective `k`, shape (n,), not copied but for bfloat16, which comes as float32: numpy lacks it."""
        column = self._column(k)
        return column.astype(np.float32) if _name(column.dtype) == "bfloat16" else column

    def dtype(self, k: int) -> np.dtype[Any]:
        """Return the dtype of objective `k`."""
        return self._column(k).dtype

    def _column(self, k: int) -> NDArray[Any]:
        for part in self.parts:
            width = part.shape[1] if part.ndim == 2 else 1
            if k < width:
                return part[:, k] if part.ndim == 2 else part
            k -= width
        raise IndexError(k)

    def rows(self, indices: NDArray[np.integer] | slice = slice(None)) -> NDArray[np.float64]:
        """Return rows as float64, shape (m, d); integers above 2^53 are rounded."""
        columns = [self.column(k)[indices].astype(np.float64) for k in range(self.d)]
        return np.stack(columns, axis=1)

    def table(self) -> NDArray[np.float64]:
        """Return all rows as float64 in C order, perhaps the input itself, which must not be written."""
        whole = len(self.parts) == 1 and self.parts[0].ndim == 2
        return np.ascontiguousarray(self.parts[0], dtype=np.float64) if whole else self.rows()


def is_matrix(points: object) -> TypeGuard[NDArray[np.float64]]:
    """Tell whether the native module can read `points` as it is: a plain array of float64 in C order with columns."""
    if type(points) is not np.ndarray or points.ndim != 2 or points.dtype != np.float64:
        return False
    return points.shape[1] > 0 and points.flags.c_contiguous and points.flags.aligned


def as_points(argument: str, points: PointsLike) -> Points:
    """Return `points` as a table, checked.

    Parameters
    ----------
    argument : str
        Name of the argument for messages.
    points : array_like of shape (n, d), list or tuple of d arrays of shape (n,), mapping from name to such arrays, or \
DataFrame or Arrow table with d columns
        Integers, floats of 16 to 64 bits or bool; the columns may differ in dtype. A list of numpy, torch or Arrow
        arrays holds columns, a list of plain lists holds rows. Not modified; copied only if in a foreign byte order,
        unaligned or with negative strides.

    Raises
    ------
    ShapeError
        If it is not a matrix, has no column, or its columns differ in length.
    DtypeError
        If it holds anything but real numbers, hides some behind a mask, or is wider than 64 bits.
    """
    columns = _columns(points)
    if columns is None:
        part = _part(argument, points)
        if part.ndim != 2 or part.shape[1] == 0:
            hint = "\nhint: for one objective use points[:, None], for one point points[None, :]"
            expected = f"`{argument}` must have shape (n, d) with d of 1 or more"
            raise ShapeError(f"{expected}, got {part.shape}{hint if part.ndim == 1 else ''}")
        return Points((part,), *part.shape)
    if not columns:
        raise ShapeError(f"`{argument}` must have 1 column or more, got none")
    parts = tuple(_part(f"{argument}[{name!r}]", column) for name, column in columns.items())
    n = parts[0].size
    for name, part in zip(columns, parts, strict=True):
        if part.shape != (n,):
            raise ShapeError(f"`{argument}[{name!r}]` must be a column of shape ({n},) as the first, got {part.shape}")
    return Points(parts, n, len(parts))


def on_cuda(points: object) -> bool:
    """Tell whether `points` is a tensor on a CUDA device, or columns of which the first is one."""
    if isinstance(points, np.ndarray):
        return False
    if isinstance(points, Mapping):
        points = list(points.values())
    if isinstance(points, list | tuple):
        return bool(points) and is_cuda(points[0])
    return is_cuda(points)


def _columns(points: Any) -> dict[str | int, Any] | None:
    """Return the columns if `points` is a table, a mapping of them or a list of one-dimensional arrays, else None."""
    if isinstance(points, np.ndarray):
        return None
    if isinstance(points, Mapping):
        return {name: _of_library(name, column) for name, column in points.items()}
    if is_frame(points):
        return _of_frame(points)
    if isinstance(points, list | tuple) and points and all(hasattr(each, "__array__") for each in points):
        arrays = [_of_library(place, column) for place, column in enumerate(points)]
        if all(each.ndim == 1 for each in arrays):
            return dict(enumerate(arrays))
    return None


def _of_library(name: str | int, column: Any) -> Any:
    """Return a column of pandas, polars or Arrow as an array; by itself it would round integers beside a null."""
    if isinstance(column, np.ndarray) or all(library(module, column) is None for module in _LIBRARIES):
        return column
    return _plain(as_frame({name: column}), name)


def _of_frame(points: Any) -> dict[str | int, Any]:
    """Return the columns of a table of numbers, NaN where a float is missing."""
    frame = as_frame(points)
    return {name: _plain(frame, name) for name in frame.names}


def _plain(frame: Frame, name: Any) -> NDArray[Any]:
    """Return a column of a table as an array, NaN where a float is missing."""
    numbers = column_numbers(frame, name, frame.column(name))
    values = numbers.values
    if numbers.scale or (numbers.missing is not None and values.dtype.kind != "f"):
        what = "decimals" if numbers.scale else f"missing values among {values.dtype} ones"
        hint = "from_frame() compares such a column as it is"
        raise frame.problem(name, f"must be a column of plain numbers, has {what}", hint=hint)
    return values if numbers.missing is None else np.where(numbers.missing, values.dtype.type("nan"), values)


def _part(argument: str, values: Any) -> NDArray[Any]:
    """Return one matrix or column as an array that the native module can read."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise DtypeError(f"`{argument}` must not hide values behind a mask\nhint: fill them, for example with NaN")
    try:
        array = numpy_values(values, argument) if is_torch(values) else np.asarray(values)
    except ValueError as error:
        raise ShapeError(f"`{argument}` must have shape (n, d), got rows of different lengths") from error
    # 8-bit floats of torch come as their bits, which do not compare as they do.
    if _name(array.dtype) not in NAMES or (is_torch(values) and is_small_float(values)):
        expected = f"`{argument}` must be integers, float16, bfloat16, float32, float64 or bool"
        got = _odd(array) if array.dtype == object and array.size else str(getattr(values, "dtype", array.dtype))
        raise DtypeError(f"{expected}, got {got}")
    if array.dtype == np.float64 and isinstance(values, list | tuple):
        rounded = rounded_integer(array, values)
        if rounded is not None:
            raise DtypeError(
                f"`{argument}` must not hold integers beyond 2^53 beside numbers with which only float64 is common, "
                f"got {rounded}\nhint: pass a list of arrays, one per objective"
            )
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.flags.c_contiguous and array.flags.aligned:
        return array
    readable = array.flags.aligned and all(step >= 0 and step % array.itemsize == 0 for step in array.strides)
    return array if readable else array.copy()


def _odd(array: NDArray[Any]) -> str:
    """Return what stands in an array of Python objects that is no number of numpy, and what to do about it."""
    flat = array.ravel()
    value = next((each for each in flat if not _fits(each)), flat[0])
    hint = "use NaN for a missing value" if value is None else "convert first, for example with astype(float)"
    return f"object with {shown(value)}\nhint: {hint}"


def _fits(value: object) -> bool:
    return isinstance(value, float | np.number) or (isinstance(value, int) and abs(value) < 2**63)


@functools.cache
def _name(dtype: np.dtype[Any]) -> str:
    """Return the name of a dtype, which takes numpy longer than a filter of a few rows."""
    return dtype.name
