"""Arrays as the native module takes them: native byte order, C-contiguous, one of the dtypes it knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import DtypeError, ShapeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["real_matrix", "to_contiguous"]

# What holds every value of a dtype that the native module has no own code for.
_EXACTLY_AS = {"bool": np.uint8, "float16": np.float32}


def to_contiguous(array: NDArray[Any]) -> NDArray[Any]:
    """Return `array` in C order and native byte order; a copy only if it is not so already.

    Booleans become uint8 and float16 becomes float32, both without loss.
    """
    dtype = np.dtype(_EXACTLY_AS.get(array.dtype.name, array.dtype)).newbyteorder("=")
    return np.ascontiguousarray(array, dtype=dtype)


def real_matrix(argument: str, values: ArrayLike) -> NDArray[Any]:
    """Return `values` as a matrix of real numbers, contiguous, at least one column wide.

    Parameters
    ----------
    argument : str
        Name of the argument for messages.
    values : array_like, shape (n, d), any integer, float16/32/64 or bool dtype
        Not modified; copied only where `to_contiguous` must.

    Returns
    -------
    ndarray, shape (n, d)

    Raises
    ------
    ShapeError
        If it is not a matrix or has no column.
    DtypeError
        If it holds anything but real numbers, hides some behind a mask, or is wider than 64 bits.
    """
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise DtypeError(f"`{argument}` must not hide values behind a mask\nhint: fill them, for example with NaN")
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ShapeError(f"`{argument}` must have shape (n, d), got rows of different lengths") from error
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        hint = "\nhint: None and text are not numbers; use NaN for a missing value" if array.dtype == object else ""
        raise DtypeError(f"`{argument}` must be integers, float16, float32, float64 or bool, got {array.dtype}{hint}")
    if array.ndim != 2 or array.shape[1] == 0:
        hint = "\nhint: for one objective use points[:, None], for one point points[None, :]" if array.ndim == 1 else ""
        raise ShapeError(f"`{argument}` must have shape (n, d) with d of 1 or more, got {array.shape}{hint}")
    return to_contiguous(array)
