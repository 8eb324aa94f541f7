"""How close a call comes to a streaming copy of the same bytes in the same process, and to its peers.

Time is the CPU time of the process, so that other jobs of the machine count little; copy, ours and peers take turns,
and each is the median of its turns. Outputs are allocated before. The copy goes around the cache, which is the most
that a loop over more data than the caches hold can reach. What is compared best lies in the copy's own buffers:
memory of small pages costs a fifth of the copy and up to half of other loops.
"""

import os
import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from paretoserve.quant import cast

if TYPE_CHECKING:
    import torch

COPY_BYTES = 256 << 20
# Smaller inputs would lie in a cache in part.
LEAST_BYTES = 64 << 20
TURNS = 5
# A peer that takes longer than this per call is measured once.
SLOW_S = 1.0


def cpu_s(call: Callable[[], object]) -> float:
    """Return the CPU seconds that one call takes, over all threads."""
    start = time.process_time()
    call()
    return time.process_time() - start


def whole_lines(value: float) -> np.ndarray:
    """Return a buffer that starts at a cache line, filled."""
    buffer = np.full(COPY_BYTES // 4 + 16, value, dtype=np.float32)
    return buffer[-buffer.ctypes.data % 64 // 4 :][: COPY_BYTES // 4]


class Copy:
    """A streaming copy of float32 to measure against; its buffers are made once."""

    def __init__(self) -> None:
        self.source = whole_lines(1)
        self.target = whole_lines(0)

    def __call__(self, threads: int = 1) -> None:
        cast(self.source, "float32", out=self.target, threads=threads)


COPY = Copy()


def placed(buffer: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return a copy of `x` at the start of a buffer of the copy."""
    place = buffer.view(np.uint8)[: x.nbytes].view(x.dtype).reshape(x.shape)
    place[...] = x
    return place


def within(buffer: np.ndarray, x: "torch.Tensor") -> "torch.Tensor":
    """Return a copy of `x` at the start of a buffer of the copy."""
    import torch

    return torch.from_numpy(placed(buffer, x.view(torch.uint8).numpy())).view(x.dtype)


def level() -> str:
    """Return the SIMD level that was asked for."""
    return os.environ.get("PARETOSERVE_SIMD", "highest")


def compare(
    show: Callable[[str], None],
    title: str,
    num_bytes: int,
    ours: Callable[[], object],
    peers: dict[str, Callable[[], object]],
    *,
    target: float,
    threads: int = 1,
) -> None:
    """Measure `ours`, `peers` and the copy in turns, and show the fraction of the copy beside the target.

    `num_bytes` is what one call reads and writes; `target` the fraction of the copy that we want.
    """
    calls: dict[str, Callable[[], object]] = {"copy": lambda: COPY(threads), "ours": ours} | peers
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(1 + TURNS):
        for name, call in calls.items():
            if turn == 0 or times[name][0] < SLOW_S:
                times[name].append(cpu_s(call))
    # The first turn warms up, except for what is so slow that it has no other.
    times = {name: each[1:] or each for name, each in times.items()}
    median = {name: statistics.median(each) for name, each in times.items()}
    copy_rate = 2 * COPY_BYTES / median["copy"]
    fraction = {name: num_bytes / each / copy_rate for name, each in median.items()}
    best = max(peers, key=lambda name: fraction[name], default=None)
    against = f", {fraction['ours'] / fraction[best]:.1f}x {best} ({fraction[best]:.1%})" if best else ""
    rate = num_bytes / median["ours"] / 1e9
    show(
        f"{title:24} {fraction['ours']:6.1%} of copy (target {target:.0%}), {rate:5.1f} GB/s{against}"
        f"  [copy {copy_rate / 1e9:.1f} GB/s, simd {level()}, threads {threads}]"
    )
