"""Hints for names that are not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["close_names"]

MOST_LISTED = 40


def close_names(name: str, known: Iterable[str]) -> str:
    """Return which known names are close to one that is not, or all of them if none is."""
    from difflib import get_close_matches

    listed = list(known)
    close = get_close_matches(name, listed, n=3, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(f"`{each}`" for each in close)
    more = len(listed) - MOST_LISTED
    return "known: " + ", ".join(listed[:MOST_LISTED]) + (f" and {more} more" if more > 0 else "")
