"""What forward and backward passes cost each rank, with a plan and without, in turns in the same processes.

CPU time is that of the whole process, messages included. Memory is the peak of the process above what it held before.
"""

import ctypes
import statistics
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import _moe_layers as layers
import _ranks
from paretoserve import moe

_MMAP_THRESHOLD = -3
_PEAK = Path("/proc/self/clear_refs")


def ratios(num_ranks, skew, sizes, turns):
    """Return the busiest rank's CPU time and peak memory with a plan, over those of standard expert parallelism."""
    if not _PEAK.exists():
        pytest.skip("this system does not tell peak memory since a moment")
    ranks = _ranks.run(num_ranks, measured, skew, sizes, turns)
    return largest(ranks, "plan") / largest(ranks, "standard")


def peak_bytes(reset=False):
    """Return the largest resident size since the last reset, which Linux keeps per process."""
    if reset:
        _PEAK.write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))


def measured(rank, num_ranks, skew, sizes, turns):
    """Return CPU seconds and peak bytes of forward and backward passes, per planner."""
    # Tensors get pages of their own, so that what is freed does not stay with the process.
    ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, 1 << 16)
    work = layers.batch(num_ranks, skew=skew, **sizes)
    layer = moe.ExpertParallel(len(work.gate_up), timeout_s=60)
    own = torch.from_numpy(layer.home == rank)
    hidden, ids, router = work.of(rank)
    weights = [work.gate_up[own].requires_grad_(), work.down[own].requires_grad_()]
    found = {"standard": [], "plan": []}
    for _ in range(turns + 1):
        for name, planner in (("standard", None), ("plan", layers.spill)):
            for weight in weights:
                weight.grad = None
            before = peak_bytes(reset=True)
            start = time.process_time()
            layer(hidden, ids, router, weights, plan=planner).sum().backward()
            found[name].append((time.process_time() - start, peak_bytes() - before))
    return {name: np.array(rows[1:]) for name, rows in found.items()}


def largest(ranks, name):
    """Return the busiest rank's median CPU seconds, and its peak bytes."""
    rows = np.array([[statistics.median(rank[name][:, column]) for column in (0, 1)] for rank in ranks])
    return rows.max(axis=0)
