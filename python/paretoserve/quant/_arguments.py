"""The arguments that the functions of `quant` share: checked once, with the same messages everywhere."""

from __future__ import annotations

import numpy as np

from paretoserve._integers import BITS_64, check_integer, shown

__all__ = ["ROUNDINGS", "flag", "one_of", "seed_of", "thread_count"]

ROUNDINGS = ("rne", "half_away", "stochastic")


def one_of(argument: str, value: object, choices: tuple[str, ...]) -> str:
    """Return `value` if it is one of `choices`, else raise ValueError."""
    if not isinstance(value, str) or value not in choices:
        listed = ", ".join(f'"{choice}"' for choice in choices)
        raise ValueError(f"`{argument}` must be one of {listed}, got {shown(value)}")
    return value


def flag(argument: str, value: object) -> bool:
    """Return `value` if it is True or False, else raise TypeError."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"`{argument}` must be True or False, got {shown(value)}")
    return bool(value)


def seed_of(seed: object) -> int:
    """Return `seed` if it is an integer of 64 bits, else raise ValueError."""
    return check_integer("seed", seed, 0, BITS_64)


def thread_count(threads: object) -> int | None:
    """Return `threads` if it is None or a positive integer, else raise ValueError."""
    return None if threads is None else min(check_integer("threads", threads, 1, BITS_64), 1024)
