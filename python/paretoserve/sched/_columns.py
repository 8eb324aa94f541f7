"""Columns of requests that are submitted at once, checked and in the types of the native module."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._integers import BITS_32, BITS_63, integer_array
from paretoserve.errors import DtypeError, ShapeError
from paretoserve.sched._arguments import RANGES
from paretoserve.sched._terms import LARGEST_WEIGHT, MICRO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

__all__ = ["INTEGERS", "Columns", "range_array", "weight_array"]

INTEGERS: dict[str, tuple[type[np.integer[Any]], int, int]] = {
    "prompt_tokens": (np.uint32, *RANGES["prompt_tokens"]),
    "expected_output_tokens": (np.uint32, *RANGES["expected_output_tokens"]),
    "cached_tokens": (np.uint32, *RANGES["cached_tokens"]),
    "priority": (np.int32, *RANGES["priority"]),
    "tenant": (np.int64, -(2**63), BITS_63),
    "deadline_ns": (np.uint64, 0, BITS_63),
    "program": (np.int64, *RANGES["program"]),
    "calls_left": (np.uint32, 0, BITS_32),
    "distribution": (np.uint32, 0, BITS_32),
}


@dataclass(slots=True)
class Columns:
    """One array per argument of `Scheduler.submit`; None where all rows have the default."""

    prompt_tokens: NDArray[Any]
    expected_output_tokens: NDArray[Any] | None
    cached_tokens: NDArray[Any] | None
    priority: NDArray[Any] | None
    output_range: NDArray[Any] | None
    weight: NDArray[Any] | None
    tenant: NDArray[Any] | None
    deadline_ns: NDArray[Any] | None
    program: NDArray[Any] | None
    calls_left: NDArray[Any] | None
    distribution: NDArray[Any] | None
    rank: NDArray[Any] | None = None

    @classmethod
    def checked(
        cls, length: int, *, output_range: ArrayLike | None, weight: ArrayLike | None, **integers: ArrayLike | None
    ) -> Columns:
        """Check columns of `length` rows."""
        arrays: dict[str, Any] = {
            name: None if values is None else integer_array(name, values, *INTEGERS[name], length)
            for name, values in integers.items()
        }
        arrays["output_range"] = None if output_range is None else range_array(output_range, length)
        arrays["weight"] = None if weight is None else weight_array(weight, length)
        return cls(**arrays)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Return what is known of each request, in the words and units of `Scheduler.submit`."""
        for row in range(len(self.prompt_tokens)):
            known: dict[str, Any] = {
                name: None if (column := getattr(self, name)) is None else int(column[row]) for name in INTEGERS
            }
            known["output_range"] = None if self.output_range is None else tuple(self.output_range[row].tolist())
            known["weight"] = 1.0 if self.weight is None else int(self.weight[row]) / MICRO
            yield {name: value for name, value in known.items() if value is not None}


def range_array(values: ArrayLike, length: int | None) -> NDArray[np.uint32]:
    """Return rows of least and most output tokens; the native module compares the two."""
    bounds = np.asarray(values)
    if bounds.ndim != 2 or bounds.shape != (bounds.shape[0] if length is None else length, 2):
        raise ShapeError(f"`output_range` must have shape ({'n' if length is None else length}, 2), got {bounds.shape}")
    flat = integer_array("output_range", bounds.reshape(-1), np.uint32, 1, BITS_32)
    pairs: NDArray[np.uint32] = flat.reshape(-1, 2)
    return pairs


def weight_array(values: ArrayLike, length: int | None) -> NDArray[np.uint64]:
    """Return weights in millionths."""
    weights = np.asarray(values)
    if weights.ndim != 1 or (length is not None and len(weights) != length):
        raise ShapeError(f"`weight` must have shape ({'n' if length is None else length},), got {weights.shape}")
    if weights.dtype.kind not in "iuf" and weights.size:
        raise DtypeError(f"`weight` must hold numbers, got {weights.dtype}")
    micros = np.rint(weights.astype(np.float64) * MICRO)
    wrong = np.flatnonzero(~((micros >= 1) & (micros <= LARGEST_WEIGHT * MICRO)))
    if wrong.size:
        row = int(wrong[0])
        raise ValueError(
            f"`weight` must be from 0.000001 to {LARGEST_WEIGHT} everywhere, got {weights[row]} in row {row}"
        )
    return micros.astype(np.uint64)
