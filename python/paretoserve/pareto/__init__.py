"""Pareto fronts: which points no other point beats, and which of them to take."""

from paretoserve.pareto.contributions import hv_contributions, hv_improvement, hv_least
from paretoserve.pareto.hypervolume import Hypervolume, hypervolume
from paretoserve.pareto.indicators import epsilon, gd, gd_plus, hausdorff, igd, igd_plus
from paretoserve.pareto.knee import knee
from paretoserve.pareto.mask import front, mask
from paretoserve.pareto.ranks import ranks
from paretoserve.pareto.subset import HvSubset, hv_subset

__all__ = [
    "HvSubset",
    "Hypervolume",
    "epsilon",
    "front",
    "gd",
    "gd_plus",
    "hausdorff",
    "hv_contributions",
    "hv_improvement",
    "hv_least",
    "hv_subset",
    "hypervolume",
    "igd",
    "igd_plus",
    "knee",
    "mask",
    "ranks",
]
