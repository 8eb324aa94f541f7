"""Integers in: one at a time or as arrays, with the range in the message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import DtypeError, ShapeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["BITS_32", "BITS_63", "BITS_64", "check_integer", "integer_array", "shown"]

BITS_32 = 2**32 - 1
BITS_63 = 2**63 - 1
BITS_64 = 2**64 - 1


def check_integer(argument: str, value: object, low: int, high: int) -> int:
    """Return `value` as int if it is one from `low` to `high` (booleans are not), else raise ValueError."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and low <= value <= high:
        return int(value)
    raise ValueError(f"`{argument}` must be an integer from {low} to {high}, got {shown(value)}")


def shown(value: object) -> str:
    """Return a value for a message, cut to a readable length."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # an integer of thousands of digits refuses to be printed
        return "an integer of thousands of digits"
    return text if len(text) <= 40 else f"{text[:37]}..."


def integer_array(
    argument: str, values: ArrayLike, dtype: type[np.integer[Any]], low: int, high: int, length: int | None = None
) -> NDArray[Any]:
    """Return `values` as a contiguous vector of `dtype`, or say what is wrong with it.

    Parameters
    ----------
    argument : str
        Name of the argument for messages.
    values : array_like, shape (n,), any integer dtype
        Not modified; copied only if it is not contiguous or not of `dtype`.
    dtype : numpy integer type
        What the native module takes; holds `low` to `high`.
    low, high : int
        Smallest and largest value allowed.
    length : int, optional
        The length that it must have.

    Returns
    -------
    ndarray of `dtype`, shape (n,)

    Raises
    ------
    ShapeError
        If it is no vector or has another length.
    DtypeError
        If it does not hold integers.
    ValueError
        If a value is out of range.
    """
    array = np.asarray(values)
    if array.ndim != 1 or (length is not None and array.shape[0] != length):
        expected = "(n,)" if length is None else f"({length},)"
        raise ShapeError(f"`{argument}` must have shape {expected}, got {array.shape}")
    if array.size == 0:
        return np.empty(0, dtype=dtype)
    # Integers wider than 64 bits arrive as objects, and are refused by their value below.
    wide = array.dtype == object and all(isinstance(value, int) for value in array)
    if array.dtype.kind not in "iu" and not wide:
        hint = "\nhint: choose a finer unit and round, for example (x * 1e6).astype(int)" * (array.dtype.kind == "f")
        raise DtypeError(f"`{argument}` must hold integers, got {array.dtype}{hint}")
    wrong = np.flatnonzero((array < low) | (array > high))
    if wrong.size:
        row = int(wrong[0])
        raise ValueError(f"`{argument}` must be from {low} to {high} everywhere, got {int(array[row])} in row {row}")
    return np.ascontiguousarray(array, dtype=dtype)
