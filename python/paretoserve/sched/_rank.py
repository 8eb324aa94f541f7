"""Policies written in Python: a function from what is known about a request to a number, smaller runs earlier.

Numbers cross as integers in the same order, so that the native module compares them like the ranks of its own
policies.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

from paretoserve._integers import shown
from paretoserve.errors import PolicyError

__all__ = ["RankFunction", "rank_of", "value_of"]

RankFunction = Callable[[dict[str, Any]], float]

SIGN = 1 << 63
DEFAULTS = {
    "expected_output_tokens": None,
    "cached_tokens": 0,
    "priority": 0,
    "output_range": None,
    "weight": 1.0,
    "tenant": 0,
    "deadline_ns": None,
    "program": None,
    "calls_left": 0,
    "distribution": 0,
    "num_output_tokens": 0,
}
"""What a function is told of a request that did not say."""


def rank_of(function: RankFunction, known: Mapping[str, Any]) -> int:
    """Ask for the number of a request; return it as an unsigned 64-bit integer of the same order.

    Raises
    ------
    PolicyError
        If the function raises, or returns anything but a finite number.

    Examples
    --------
    >>> low, high = (rank_of(lambda known: known["size"], {"size": size}) for size in (-0.5, 3))
    >>> low < high
    True
    """
    name = getattr(function, "__name__", type(function).__name__)
    try:
        value = function({**DEFAULTS, **known})
    except Exception as error:
        message = f"policy `{name}` raised {type(error).__name__} for request {known.get('request_id')}: {error}"
        raise PolicyError(message) from error
    number = math.nan
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:  # an integer beyond all floats
            number = math.inf
    if not math.isfinite(number):
        raise PolicyError(
            f"policy `{name}` must return a finite number, got {shown(value)} for request {known.get('request_id')}"
        )
    # Adding zero makes -0.0 equal 0.0. Negative floats grow with their bits, so these are turned around.
    (bits,) = struct.unpack("<Q", struct.pack("<d", number + 0.0))
    return int(bits ^ (SIGN if bits < SIGN else 2 * SIGN - 1))


def value_of(rank: int) -> float:
    """Return the number behind a rank.

    Examples
    --------
    >>> value_of(rank_of(lambda known: -2.5, {}))
    -2.5
    """
    (number,) = struct.unpack("<d", struct.pack("<Q", rank ^ (SIGN if rank >= SIGN else 2 * SIGN - 1)))
    return float(number)
