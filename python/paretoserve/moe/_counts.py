"""Token counts in, as the native module takes them: unsigned 64-bit integers, absent experts marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._arrays import is_torch, numpy_values
from paretoserve.errors import DtypeError, ShapeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["ABSENT", "layer_loads"]

ABSENT = 2**64 - 1
"""What the native module takes for the load of an expert that a layer does not have."""

_BITS = 53


def layer_loads(argument: str, values: ArrayLike) -> NDArray[np.uint64]:
    """Return the load of each expert in each layer, `ABSENT` where a layer has no such expert.

    Parameters
    ----------
    argument : str
        Name of the argument for messages.
    values : array_like, shape (num_layers, num_experts), or a list of vectors
        Integers or finite floats; -1 stands for an expert that is not there, and so do the ends of shorter vectors.
        Floats are scaled by one power of two so that the largest layer fills 51 bits, and rounded.

    Returns
    -------
    ndarray of uint64, shape (num_layers, num_experts)

    Raises
    ------
    ShapeError
        If it is no matrix with at least one element, or a layer has no expert.
    DtypeError
        If it does not hold numbers.
    ValueError
        If a load is negative, not finite, or the loads of a layer sum to 2^53 or more.
    """
    array = _padded(argument, values)
    if array.dtype.name == "bfloat16":
        array = array.astype(np.float32)
    if array.ndim != 2 or array.size == 0:
        hints = {1: f"for one layer use {argument}[None, :]", 3: f"add up windows of time, {argument}.sum(axis=0)"}
        hint = f"\nhint: {hints[array.ndim]}" if array.ndim in hints and array.size else ""
        raise ShapeError(f"`{argument}` must have shape (num_layers, num_experts), got {array.shape}{hint}")
    if array.dtype.kind not in "iuf":
        raise DtypeError(f"`{argument}` must hold numbers, got {array.dtype}")
    absent = array == -1
    wrong = np.argwhere(~((array >= 0) & (array < np.inf)) & ~absent)
    if wrong.size:
        layer, expert = wrong[0].tolist()
        raise ValueError(
            f"`{argument}` must be finite and not negative, or -1 for no expert, got {array[layer, expert]} in layer "
            f"{layer}, expert {expert}"
        )
    if absent.all(axis=1).any():
        raise ShapeError(f"`{argument}` must have an expert in each layer, got none in {absent.all(axis=1).argmax()}")
    loads = np.where(absent, 0, array)
    if array.dtype.kind == "f":
        largest = float(np.ldexp(loads, -64).sum(axis=1, dtype=np.float64).max())
        loads = np.rint(np.ldexp(loads.astype(np.float64), _BITS - 2 - 64 - int(np.frexp(largest)[1])))
    return _checked_sums(argument, loads, absent)


def _checked_sums(argument: str, loads: NDArray[Any], absent: NDArray[np.bool_]) -> NDArray[np.uint64]:
    # Sums of floats cannot wrap; integers near the limit are then added up exactly.
    for layer in np.flatnonzero(loads.sum(axis=1, dtype=np.float64) >= 2.0 ** (_BITS - 1)):
        total = sum(loads[layer].tolist())
        if total >= 2**_BITS:
            raise ValueError(
                f"`{argument}` must sum to less than 2^{_BITS} in each layer, got {total} in layer {layer}"
            )
    counts = np.ascontiguousarray(loads, dtype=np.uint64)
    if absent.any():
        counts[absent] = ABSENT
    return counts


def _padded(argument: str, values: ArrayLike) -> NDArray[Any]:
    """Return `values` as an array, vectors of different lengths padded with -1."""
    if is_torch(values):
        return numpy_values(values, argument)  # type: ignore[arg-type]
    if isinstance(values, np.ndarray) or not isinstance(values, list | tuple):
        return np.asarray(values)
    rows = [numpy_values(row, argument) if is_torch(row) else np.asarray(row) for row in values]
    if len({row.shape for row in rows}) < 2 or any(row.ndim != 1 for row in rows):
        return np.asarray(rows)
    padded = np.full((len(rows), max(map(len, rows))), -1, dtype=np.result_type(*rows, np.int64))
    for out, row in zip(padded, rows, strict=True):
        out[: len(row)] = row
    return padded
