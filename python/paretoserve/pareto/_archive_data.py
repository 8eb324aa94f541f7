"""An archive as plain data: what a dict of `Archive.to_dict` must hold, and the ids of its points, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import DataError, DtypeError, ShapeError
from paretoserve.pareto._arguments import real_numbers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["archive_parts", "broken", "point_ids"]

_SETTINGS = ("num_objectives", "sense", "keep", "eps", "capacity", "ref")
_ENTRIES = (*_SETTINGS, "points", "ids", "counters")


def broken(expected: str) -> DataError:
    """Return an error about a dict that `Archive.to_dict` cannot have made."""
    return DataError(f"`data` must hold {expected}\nhint: pass what `Archive.to_dict` returned, unchanged")


def archive_parts(data: Any) -> tuple[dict[str, Any], NDArray[np.float64], Any, list[int]]:
    """Return the settings, points, ids and counters in what `Archive.to_dict` returned."""
    if not isinstance(data, dict):
        raise DtypeError(f"`data` must be a dict as `Archive.to_dict` returns, got {type(data).__name__}")
    for name in _ENTRIES:
        if name not in data:
            got = ", ".join(map(repr, data)) or "none"
            raise broken(f"the entry {name!r}, got {got:.100}")
    points = real_numbers("points", data["points"], "rows of real numbers")
    if points.ndim != 2 and points.shape != (0,):
        raise broken(f"points of shape (n, d), got {points.shape}")
    if not isinstance(data["ids"], list | tuple | np.ndarray) or len(data["ids"]) != len(points):
        raise broken(f"an id per point, got {len(points)} points and ids {data['ids']!r:.60}")
    return {name: data[name] for name in _SETTINGS}, points, data["ids"], _counters(data["counters"])


def _counters(counters: Any) -> list[int]:
    if isinstance(counters, list | tuple) and len(counters) == 3 and all(type(count) is int for count in counters):
        offered, kept, removed = counters
        if 0 <= removed <= kept <= offered < 1 << 63:
            return [offered, kept, removed]
    raise broken(f"counters [offered, kept, removed], none above the one before it, got {counters!r:.60}")


def point_ids(ids: ArrayLike, n: int) -> NDArray[np.int64]:
    """Return the ids of `n` points, each a whole number of 64 bits."""
    try:
        array = np.asarray(ids)
    except (TypeError, ValueError) as error:
        raise ShapeError(f"`ids` must have shape ({n},), one whole number per point, got {ids!r:.60}") from error
    if array.shape != (n,):
        raise ShapeError(f"`ids` must have shape ({n},), one per point, got {array.shape}")
    if array.dtype.kind == "i" or array.size == 0:
        return np.ascontiguousarray(array, dtype=np.int64)
    # Large numbers among others become floats or objects.
    for number in array.tolist() if array.dtype.kind == "u" else np.asarray(ids, dtype=object):
        if isinstance(number, int) and not -(1 << 63) <= number < 1 << 63:
            got = f"{number}" if number.bit_length() < 1000 else "a larger one"
            raise ValueError(f"`ids` must be from -2^63 to 2^63 - 1, got {got:.60}")
    if array.dtype.kind != "u":
        raise DtypeError(f"`ids` must be whole numbers, got {array.dtype}")
    return np.ascontiguousarray(array, dtype=np.int64)
