"""Checks of single numbers, shared by the functions of this part."""

from __future__ import annotations

from numbers import Integral, Real

__all__ = ["not_negative", "positive", "positive_count", "shown"]

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
    """Return an integer of `least` to `most`, or raise ValueError."""
    # numpy integers count; booleans do not.
    if isinstance(value, Integral) and not isinstance(value, bool) and least <= value <= most:
        return int(value)
    raise ValueError(f"`{argument}` must be an integer of {least} to {most}, got {shown(value)}")


def shown(value: object) -> str:
    """Return a value for a message, cut to a readable length."""
    try:
        text = repr(value)
    except ValueError:  # an integer of thousands of digits refuses to be printed
        return "an integer of thousands of digits"
    return text if len(text) <= 40 else f"{text[:37]}..."


def _in_range(value: object) -> bool:
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        return 0 <= float(value) <= LARGEST  # false for NaN
    except OverflowError:  # an integer of hundreds of digits has no float
        return False
