"""Arguments of formulas: real numbers of any shape as float64, checked, with the row of the first bad one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import DtypeError, ShapeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["at_most", "broadcast", "integer", "number", "numbers", "place_of", "plain", "rising", "whole"]

# Sizes between which products and quotients of a few numbers stay within float64.
_LEAST, _MOST = 1e-100, 1e100


def numbers(
    argument: str,
    values: ArrayLike,
    low: float = -np.inf,
    high: float = np.inf,
    *,
    open_low: bool = False,
    infinite: bool = False,
    ndim: int | None = None,
) -> NDArray[np.float64]:
    """Return values as float64 of their own shape.

    Parameters
    ----------
    argument : str
        Its name, for messages.
    values : array_like of real numbers
        Of a size up to 1e100, above an open bound of 0 from 1e-100: formulas multiply and divide them.
    low, high : float
        Smallest and largest value allowed; both are, unless `open_low` shuts `low` out.
    open_low : bool
    infinite : bool
        Whether an infinity within the bounds is a value.
    ndim : int, optional
        The number of dimensions, if it must be that; such an array must not be empty.

    Raises
    ------
    DtypeError, ShapeError, ValueError
        With the argument, what came and, for an array, where.
    """
    if np.ma.is_masked(values):
        raise DtypeError(f"`{argument}` must be an array without masked entries\nhint: leave them out first")
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ShapeError(f"`{argument}` must be numbers in rows of one length: {error}") from None
    if array.dtype == object and all(isinstance(value, int | float) for value in array.flat):
        array = _long_integers(argument, array)
    if array.dtype.kind not in "biuf" and array.size:
        raise DtypeError(f"`{argument}` must be real numbers, got {array.dtype}")
    if ndim is not None and (array.ndim != ndim or array.size == 0):
        raise ShapeError(f"`{argument}` must have {ndim} dimensions and not be empty, got shape {array.shape}")
    real = np.asarray(array, dtype=np.float64)
    fine = (real > low if open_low else real >= low) & (real <= high)
    if not infinite:
        fine &= np.isfinite(real)
    if not fine.all():
        place = np.argwhere(~fine)[0]
        value = float(real[tuple(place)])
        raise ValueError(f"`{argument}` must be {_range(low, high, open_low, infinite)}, got {value}{place_of(place)}")
    size = np.abs(real)
    wild = np.argwhere((size > _MOST) & (size < np.inf) | ((size < _LEAST) & open_low & (low == 0)))
    if len(wild):
        value = float(real[tuple(wild[0])])
        raise ValueError(f"`{argument}` must be of a size from 1e-100 to 1e100, got {value}{place_of(wild[0])}")
    return real


def number(argument: str, value: Any, low: float = -np.inf, high: float = np.inf, *, open_low: bool = False) -> float:
    """Return one finite number as a float."""
    return float(_single(argument, numbers(argument, value, low, high, open_low=open_low)))


def integer(argument: str, value: Any, low: int = 0, high: int = 2**53) -> int:
    """Return one whole number as an int; a float that is whole passes."""
    return int(_single(argument, whole(argument, value, low, high)))


def whole(
    argument: str, values: ArrayLike, low: int = 0, high: int = 2**53, *, ndim: int | None = None
) -> NDArray[np.int64]:
    """Return whole numbers as int64 of their own shape; floats that are whole pass."""
    real = numbers(argument, values, low, high, ndim=ndim)
    wrong = np.argwhere(real != np.floor(real))
    if len(wrong):
        value = float(real[tuple(wrong[0])])
        raise ValueError(f"`{argument}` must be whole numbers, got {value}{place_of(wrong[0])}")
    return real.astype(np.int64)


def broadcast(**arrays: NDArray[Any]) -> list[NDArray[Any]]:
    """Return arrays in their common shape, read-only."""
    try:
        return list(np.broadcast_arrays(*arrays.values()))
    except ValueError:
        shapes = ", ".join(f"`{name}` {array.shape}" for name, array in arrays.items())
        raise ShapeError(f"arguments must broadcast to one shape, got {shapes}") from None


def at_most(argument: str, values: NDArray[Any], limit: str, limits: NDArray[Any]) -> None:
    """Raise ValueError if a value is above the limit in its place."""
    above = np.argwhere(values > limits)
    if len(above):
        at = tuple(above[0])
        raise ValueError(f"`{argument}` must be at most `{limit}`, {limits[at]}, got {values[at]}{place_of(above[0])}")


def rising(argument: str, values: NDArray[np.float64]) -> None:
    """Raise ValueError unless every value of a vector is above the one before."""
    back = np.flatnonzero(np.diff(values) <= 0)
    if len(back):
        row = int(back[0]) + 1
        raise ValueError(f"`{argument}` must rise, got {values[row]:g} after {values[row - 1]:g} in row {row}")


def plain(result: NDArray[Any]) -> Any:
    """Return an array without dimensions as a plain number, any other as it is."""
    return result.item() if result.ndim == 0 else result


def _long_integers(argument: str, array: NDArray[Any]) -> NDArray[np.float64]:
    """Return integers of more than 64 bits, such as 10**22 FLOP, as float64."""
    try:
        return array.astype(np.float64)
    except OverflowError:
        raise ValueError(f"`{argument}` must be of a size from 1e-100 to 1e100, got an integer beyond 1e308") from None


def _single(argument: str, array: NDArray[Any]) -> Any:
    if array.ndim:
        raise ShapeError(f"`{argument}` must be one number, got shape {array.shape}")
    return array.item()


def _range(low: float, high: float, open_low: bool, infinite: bool) -> str:
    numbers = "numbers" if infinite else "finite numbers"
    bounds = []
    if low > -np.inf:
        bounds.append(f"{'above' if open_low else 'of at least'} {low:g}")
    if high < np.inf:
        bounds.append(f"at most {high:g}")
    return " ".join([numbers, " and ".join(bounds)]).strip()


def place_of(place: NDArray[np.int64]) -> str:
    """Return where in an array something is, for a message."""
    if len(place) == 0:
        return ""
    if len(place) == 1:
        return f" in row {place[0]}"
    return f" at {tuple(int(index) for index in place)}"
