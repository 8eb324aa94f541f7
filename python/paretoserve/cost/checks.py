"""Checks of single numbers, shared by the functions of this part."""

from __future__ import annotations

from numbers import Real

from paretoserve._integers import check_integer, shown

__all__ = ["not_negative", "positive", "positive_count"]

LARGEST = 1e300


def positive(argument: str, value: float) -> float:
    """Return a finite number above zero as float, or raise ValueError."""
    if _in_range(value) and value > 0:
        return float(value)
    raise ValueError(f"`{argument}` must be a positive finite number, got {shown(value)}")


def not_negative(argument: str, value: float) -> float:
    """Return a finite number of at least zero as float, or raise ValueError."""
    if _in_range(value):
        return float(value)
    raise ValueError(f"`{argument}` must be a finite number of at least 0, got {shown(value)}")


def positive_count(argument: str, value: int, *, least: int = 1, most: int = 2**31 - 1) -> int:
    """Return an integer from `least` to `most`, or raise ValueError."""
    return check_integer(argument, value, least, most)


def _in_range(value: object) -> bool:
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        return 0 <= float(value) <= LARGEST  # false for NaN
    except OverflowError:  # an integer of hundreds of digits has no float
        return False
