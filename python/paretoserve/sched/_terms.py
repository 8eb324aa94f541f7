"""What few requests have: bounds of their output, a weight, a tenant, a deadline, a program."""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from paretoserve._integers import BITS_32, BITS_63, check_integer, integer_array, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

__all__ = ["Terms", "native_samples", "native_terms", "native_weight"]

MICRO = 1_000_000
LARGEST_WEIGHT = 1000

NativeTerms = tuple[tuple[int, int] | None, int, int, int, int | None, int | None, int, int]


class Terms(TypedDict, total=False):
    """Keyword arguments of `Scheduler.submit` beyond the sizes."""

    output_range: tuple[int, int]
    weight: float
    tenant: int
    deadline_ns: int
    program: int
    calls_left: int
    distribution: int


def native_terms(terms: Terms, rank: int = 0) -> NativeTerms:
    """Check terms and put them into the order of the native module."""
    unknown = terms.keys() - Terms.__annotations__.keys()
    if unknown:
        known = ", ".join(sorted(Terms.__annotations__))
        raise TypeError(f"`submit` knows the terms {known}, got {min(unknown)!r}")
    deadline, program = terms.get("deadline_ns"), terms.get("program")
    return (
        _output_range(terms.get("output_range")),
        check_integer("distribution", terms.get("distribution", 0), 0, BITS_32),
        native_weight("weight", terms.get("weight", 1.0)),
        check_integer("tenant", terms.get("tenant", 0), -(2**63), BITS_63),
        None if deadline is None else check_integer("deadline_ns", deadline, 0, BITS_63),
        None if program is None else check_integer("program", program, -(2**63), BITS_63),
        check_integer("calls_left", terms.get("calls_left", 0), 0, BITS_32),
        rank,
    )


def _output_range(bounds: object) -> tuple[int, int] | None:
    if bounds is None:
        return None
    if not isinstance(bounds, tuple | list) or len(bounds) != 2:
        raise ValueError(f"`output_range` must be (least, most), got {shown(bounds)}")
    least, most = (check_integer("output_range", bound, 1, BITS_32) for bound in bounds)
    return least, most


def native_weight(argument: str, weight: object) -> int:
    """Return a weight in millionths."""
    if not isinstance(weight, Real) or isinstance(weight, bool) or not math.isfinite(weight):
        raise ValueError(f"`{argument}` must be a number from 0.000001 to 1000, got {shown(weight)}")
    micros = round(float(weight) * MICRO)
    if not 1 <= micros <= LARGEST_WEIGHT * MICRO:
        raise ValueError(f"`{argument}` must be a number from 0.000001 to 1000, got {shown(weight)}")
    return micros


def native_samples(samples: Sequence[ArrayLike] | None) -> list[list[int]]:
    """Return distributions as lists of output lengths."""
    if samples is None:
        return []
    if isinstance(samples, str | bytes) or not hasattr(samples, "__iter__"):
        raise TypeError(f"`samples` must be a sequence of lists of output lengths, got {shown(samples)}")
    lists = [integer_array("samples", lengths, np.uint32, 1, BITS_32) for lengths in samples]
    return [lengths.tolist() for lengths in lists]
