"""Signatures and rules of other projects, for drop-in use and comparison."""
