"""Pareto fronts: which points no other point beats, and which of them to take."""

from paretoserve.pareto.indicators import epsilon, gd, gd_plus, hausdorff, igd, igd_plus
from paretoserve.pareto.knee import knee
from paretoserve.pareto.mask import front, mask

__all__ = ["epsilon", "front", "gd", "gd_plus", "hausdorff", "igd", "igd_plus", "knee", "mask"]
