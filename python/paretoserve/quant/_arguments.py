"""The arguments that the functions of `quant` share: checked once, with the same messages everywhere."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from paretoserve._integers import BITS_64, check_integer, shown
from paretoserve.errors import DtypeError

__all__ = ["ROUNDINGS", "dtype_word", "flag", "real_number", "seed_of", "thread_count"]

ROUNDINGS = ("rne", "half_away", "stochastic")


def dtype_word(dtype: Any) -> Any:
    """Return the name of a dtype of numpy, ml_dtypes or torch; whatever else it is stays what it is."""
    if isinstance(dtype, np.dtype) or (isinstance(dtype, type) and issubclass(dtype, np.generic)):
        return np.dtype(dtype).name
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(dtype, torch.dtype):
        return str(dtype).removeprefix("torch.")
    return dtype


def real_number(argument: str, value: object) -> float:
    """Return `value` if it is a real number, else raise DtypeError."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise DtypeError(f"`{argument}` must be a number, got {shown(value)}")
    return float(value)


def flag(argument: str, value: object) -> bool:
    """Return `value` if it is True or False, else raise TypeError."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"`{argument}` must be True or False, got {shown(value)}")
    return bool(value)


def seed_of(seed: object) -> int:
    """Return `seed` if it is an integer of 64 bits, else raise ValueError."""
    return check_integer("seed", seed, 0, BITS_64)


def thread_count(threads: object) -> int | None:
    """Return `threads` if it is None or a positive integer, else raise ValueError; more than 1024 are never started."""
    return None if threads is None else min(check_integer("threads", threads, 1, BITS_64), 1024)
