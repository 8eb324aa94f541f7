"""Checks of single numbers, shared by the functions of this part."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from typing import TypeVar

import numpy as np

from paretoserve._integers import check_integer, shown

__all__ = ["listed", "not_negative", "number", "positive", "positive_count", "switch", "text"]

LARGEST = 1e300

Item = TypeVar("Item")


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


def switch(argument: str, value: object) -> bool:
    """Return True or False, which may come from numpy, or raise TypeError."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise TypeError(f"`{argument}` must be True or False, got {shown(value)}")


def text(argument: str, value: object) -> str:
    """Return a string, or raise TypeError."""
    if isinstance(value, str):
        return value
    raise TypeError(f"`{argument}` must be text, got {shown(value)}")


def listed(argument: str, values: Iterable[Item]) -> tuple[Item, ...]:
    """Return what a sequence holds, or raise TypeError."""
    if isinstance(values, Iterable):
        return tuple(values)
    raise TypeError(f"`{argument}` must be a sequence, got {shown(values)}")


def number(argument: str, value: object) -> float:
    """Return a number as float whatever its range, or raise TypeError."""
    if isinstance(value, Real) and not isinstance(value, bool):
        return float(value)
    raise TypeError(f"`{argument}` must be a number, got {shown(value)}")


def _in_range(value: object) -> bool:
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        return 0 <= float(value) <= LARGEST  # false for NaN
    except OverflowError:  # an integer of hundreds of digits has no float
        return False
