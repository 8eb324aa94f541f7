"""Names as arguments: one of a few, and hints for those that are not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paretoserve._integers import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["close_names", "one_of"]

MOST_LISTED = 40


def one_of(argument: str, value: object, choices: tuple[str, ...]) -> str:
    """Return `value` if it is one of `choices`, else raise ValueError."""
    if not isinstance(value, str) or value not in choices:
        listed = ", ".join(f'"{choice}"' for choice in choices)
        raise ValueError(f"`{argument}` must be one of {listed}, got {shown(value)}")
    return value


def close_names(name: str, known: Iterable[str]) -> str:
    """Return which known names are close to one that is not, or all of them if none is."""
    from difflib import get_close_matches

    listed = list(known)
    close = get_close_matches(name, listed, n=3, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(f"`{each}`" for each in close)
    more = len(listed) - MOST_LISTED
    return "known: " + ", ".join(listed[:MOST_LISTED]) + (f" and {more} more" if more > 0 else "")
