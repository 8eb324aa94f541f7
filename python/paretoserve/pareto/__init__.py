"""Pareto fronts: which points no other point beats, and which of them to take."""

from paretoserve.pareto.hypervolume import Hypervolume, hypervolume
from paretoserve.pareto.knee import knee
from paretoserve.pareto.mask import front, mask
from paretoserve.pareto.ranks import ranks

__all__ = [
    "Hypervolume",
    "front",
    "hypervolume",
    "knee",
    "mask",
    "ranks",
]
