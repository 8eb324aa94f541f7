"""Pareto fronts: which points no other point beats, and which of them to take."""

from paretoserve.pareto.counts import counts
from paretoserve.pareto.explain import Change, Explanation, explain
from paretoserve.pareto.hypervolume import Hypervolume, hypervolume
from paretoserve.pareto.indicators import epsilon, gd, gd_plus, hausdorff, igd, igd_plus
from paretoserve.pareto.knee import knee
from paretoserve.pareto.mask import front, mask
from paretoserve.pareto.ranks import ranks

__all__ = [
    "Change",
    "Explanation",
    "Hypervolume",
    "counts",
    "epsilon",
    "explain",
    "front",
    "gd",
    "gd_plus",
    "hausdorff",
    "hypervolume",
    "igd",
    "igd_plus",
    "knee",
    "mask",
    "ranks",
]
