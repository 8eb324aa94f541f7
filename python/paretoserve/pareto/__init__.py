"""Pareto fronts: which points no other point beats, and which of them to take."""

from paretoserve.pareto.archive import Archive, Counters
from paretoserve.pareto.knee import knee
from paretoserve.pareto.mask import front, mask

__all__ = ["Archive", "Counters", "front", "knee", "mask"]
