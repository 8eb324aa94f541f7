"""Signatures and rules of other projects, for drop-in use and comparison."""

from paretoserve.moe.compat import eplb, llep

__all__ = ["eplb", "llep"]
