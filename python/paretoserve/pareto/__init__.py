"""Pareto fronts: which points no other point beats, and which of them to take."""

from paretoserve.pareto.knee import knee
from paretoserve.pareto.mask import front, mask
from paretoserve.pareto.ranks import ranks

__all__ = [
    "front",
    "knee",
    "mask",
    "ranks",
]
