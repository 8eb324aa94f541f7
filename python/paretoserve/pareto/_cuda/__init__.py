"""Torch tensors on a CUDA device: the same functions, as kernels on the caller's current stream.

Torch allocates and sorts; the results lie on the device of the points. Imported when the first CUDA tensor comes.
"""

from paretoserve.pareto._cuda.hypervolume import hypervolume
from paretoserve.pareto._cuda.mask import front, mask
from paretoserve.pareto._cuda.noise import shares
from paretoserve.pareto._cuda.ranks import ranks

__all__ = ["front", "hypervolume", "mask", "ranks", "shares"]
