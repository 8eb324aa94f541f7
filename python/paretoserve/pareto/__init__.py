"""Pareto fronts: which points no other point beats, and which of them to take."""

from paretoserve.pareto.archive import Archive, Counters
from paretoserve.pareto.contributions import hv_contributions, hv_improvement, hv_least
from paretoserve.pareto.counts import counts
from paretoserve.pareto.cover import Cover, cover
from paretoserve.pareto.explain import Change, Explanation, explain
from paretoserve.pareto.from_frame import TableFront, from_frame
from paretoserve.pareto.hypervolume import Hypervolume, hypervolume
from paretoserve.pareto.indicators import epsilon, gd, gd_plus, hausdorff, igd, igd_plus
from paretoserve.pareto.knee import knee
from paretoserve.pareto.mask import front, mask
from paretoserve.pareto.plot import plot
from paretoserve.pareto.ranks import ranks
from paretoserve.pareto.scan import scan
from paretoserve.pareto.staircase import staircase
from paretoserve.pareto.subset import HvSubset, hv_subset

__all__ = [
    "Archive",
    "Change",
    "Counters",
    "Cover",
    "Explanation",
    "HvSubset",
    "Hypervolume",
    "TableFront",
    "counts",
    "cover",
    "epsilon",
    "explain",
    "from_frame",
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
    "plot",
    "ranks",
    "scan",
    "staircase",
]
