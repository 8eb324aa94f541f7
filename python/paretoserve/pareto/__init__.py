"""Pareto fronts: which points no other point beats, and which of them to take."""

from paretoserve.pareto.archive import Archive, Counters
from paretoserve.pareto.attainment import attained, attainment
from paretoserve.pareto.compose import Composition, compose, minkowski
from paretoserve.pareto.contributions import hv_contributions, hv_improvement, hv_least
from paretoserve.pareto.counts import counts
from paretoserve.pareto.cover import Cover, cover
from paretoserve.pareto.crowding import crowding
from paretoserve.pareto.curves import area, crossings, curve_dominates, interp, ratio
from paretoserve.pareto.doubt import Informative, dominance_probability, most_informative
from paretoserve.pareto.explain import Change, Explanation, explain
from paretoserve.pareto.from_frame import TableFront, from_frame
from paretoserve.pareto.hull import hull
from paretoserve.pareto.hypervolume import Hypervolume, hypervolume
from paretoserve.pareto.indicators import epsilon, gd, gd_plus, hausdorff, igd, igd_plus
from paretoserve.pareto.knee import knee
from paretoserve.pareto.mask import front, mask
from paretoserve.pareto.noise import FrontProbability, bootstrap, front_probability
from paretoserve.pareto.normalise import normalise
from paretoserve.pareto.pick import Pick, pick
from paretoserve.pareto.plot import plot
from paretoserve.pareto.preference import asf, possibly_optimal, pseudo_weights, select, topsis
from paretoserve.pareto.quality import coverage, r2, spacing
from paretoserve.pareto.ranks import ranks
from paretoserve.pareto.scan import scan
from paretoserve.pareto.staircase import staircase
from paretoserve.pareto.subset import HvSubset, hv_subset

__all__ = [
    "Archive",
    "Change",
    "Composition",
    "Counters",
    "Cover",
    "Explanation",
    "FrontProbability",
    "HvSubset",
    "Hypervolume",
    "Informative",
    "Pick",
    "TableFront",
    "area",
    "asf",
    "attained",
    "attainment",
    "bootstrap",
    "compose",
    "counts",
    "cover",
    "coverage",
    "crossings",
    "crowding",
    "curve_dominates",
    "dominance_probability",
    "epsilon",
    "explain",
    "from_frame",
    "front",
    "front_probability",
    "gd",
    "gd_plus",
    "hausdorff",
    "hull",
    "hv_contributions",
    "hv_improvement",
    "hv_least",
    "hv_subset",
    "hypervolume",
    "igd",
    "igd_plus",
    "interp",
    "knee",
    "mask",
    "minkowski",
    "most_informative",
    "normalise",
    "pick",
    "plot",
    "possibly_optimal",
    "pseudo_weights",
    "r2",
    "ranks",
    "ratio",
    "scan",
    "select",
    "spacing",
    "staircase",
    "topsis",
]
