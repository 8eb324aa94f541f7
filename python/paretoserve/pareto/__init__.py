"""Pareto fronts: which points no other point beats, and which of them to take."""

from paretoserve.pareto.archive import Archive, Counters
from paretoserve.pareto.compose import Composition, compose, minkowski
from paretoserve.pareto.doubt import Informative, dominance_probability, most_informative
from paretoserve.pareto.hypervolume import Hypervolume, hypervolume
from paretoserve.pareto.indicators import epsilon, gd, gd_plus, hausdorff, igd, igd_plus
from paretoserve.pareto.knee import knee
from paretoserve.pareto.mask import front, mask
from paretoserve.pareto.noise import FrontProbability, bootstrap, front_probability
from paretoserve.pareto.ranks import ranks

__all__ = [
    "Archive",
    "Composition",
    "Counters",
    "FrontProbability",
    "Hypervolume",
    "Informative",
    "bootstrap",
    "compose",
    "dominance_probability",
    "epsilon",
    "front",
    "front_probability",
    "gd",
    "gd_plus",
    "hausdorff",
    "hypervolume",
    "igd",
    "igd_plus",
    "knee",
    "mask",
    "minkowski",
    "most_informative",
    "ranks",
]
