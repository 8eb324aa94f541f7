"""Token counts and ids that are torch tensors on a CUDA device: the same plans, as kernels on the caller's stream.

Torch allocates; nothing here waits for the device, so plans may be captured into a graph. What the CPU raises about
counts is said by the plan instead. Imported when the first CUDA tensor comes.
"""

from paretoserve.moe._cuda.remap import remap
from paretoserve.moe._cuda.spill import SpillTables, plan
from paretoserve.moe._cuda.split import SplitTables, split

__all__ = ["SpillTables", "SplitTables", "plan", "remap", "split"]
