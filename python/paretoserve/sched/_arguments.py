"""What each argument of the scheduler may be.

The native module refuses what does not fit; these ranges are looked at only then, so that good calls pay nothing for
them.
"""

from collections.abc import Callable
from typing import TypeVar

from paretoserve._integers import BITS_32, BITS_63, BITS_64, check_integer, shown

__all__ = ["RANGES", "checked", "refuse", "refuse_types"]

Result = TypeVar("Result")

RANGES = {
    "request_id": (-(2**63), BITS_63),
    "now_ns": (0, BITS_63),
    "prompt_tokens": (1, BITS_32),
    "expected_output_tokens": (1, BITS_32),
    "cached_tokens": (0, BITS_32),
    "priority": (-(2**31), 2**31 - 1),
    "reveal_tokens": (0, BITS_32),
    "program": (-(2**63), BITS_63),
    "keep_ns": (0, BITS_63),
    "max_wait_ns": (0, BITS_63),
    "num_computed": (0, BITS_32),
    "num_sampled": (0, BITS_32),
    "slots": (0, BITS_32),
    "token_budget": (0, BITS_32),
    "kv_free": (0, BITS_63),
    "num_blocks": (0, BITS_64),
    "max_preemptions": (0, BITS_32),
    "unknown_output_tokens": (1, BITS_32),
    "block_size": (1, BITS_32),
}
OPTIONAL = {"expected_output_tokens", "kv_free", "max_wait_ns"}
"""What may be None."""


def refuse(**arguments: object) -> None:
    """Raise ValueError for the first argument that is no integer of its range."""
    for name, value in arguments.items():
        if value is not None or name not in OPTIONAL:
            check_integer(name, value, *RANGES[name])


def refuse_types(kind: type, expected: str, **arguments: object) -> None:
    """Raise TypeError for the first argument that is no `kind`; booleans are no numbers."""
    for name, value in arguments.items():
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise TypeError(f"`{name}` must be {expected}, got {shown(value)}")


def checked(method: Callable[..., Result], **arguments: int | None) -> Result:
    """Call a native method with integers by position; say which one it refused."""
    try:
        return method(*arguments.values())
    except (OverflowError, TypeError):
        refuse(**arguments)
        raise
