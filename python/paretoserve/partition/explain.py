"""A front of splits in words."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paretoserve.partition.front import SplitFront
    from paretoserve.partition.split import Split

__all__ = ["PEERS", "explain", "numbers_of"]

PEERS = {
    "least_latency": "least latency",
    "pipedream": "largest throughput (PipeDream)",
    "paretopipe": "least largest computation (ParetoPipe)",
}
"""The single answers of other planners, by what they look for."""

MOST_LINES = 40


def numbers_of(split: Split) -> str:
    """Return the objectives of a split in one line."""
    rate = "no limit on requests" if split.throughput_rps == inf else f"{split.throughput_rps:.6g} requests/s"
    parts = [f"latency {split.latency_s:.6g} s", f"{rate} with {split.in_flight} in flight"]
    if split.energy_j is not None:
        parts.append(f"{split.energy_j:.6g} J")
    return ", ".join(parts)


def bound_by(split: Split) -> str:
    """Return what keeps the throughput from being larger."""
    if split.throughput_rps == inf:
        return "nothing"
    longest, what = -1.0, ""
    for number, stage in enumerate(split.stages):
        busy = stage.seconds / stage.replicas
        if busy > longest:
            longest, what = busy, f"computing on {'+'.join(stage.devices)}"
        if number + 1 < len(split.stages):
            follower = split.stages[number + 1]
            lanes = min(stage.replicas, follower.replicas)
            if stage.hold_s / lanes > longest:
                longest = stage.hold_s / lanes
                what = f"the transfer from {'+'.join(stage.devices)} to {'+'.join(follower.devices)}"
    return what


def explain(front: SplitFront) -> str:
    """Return the splits, why each stops where it does, and the single answers of other planners."""
    how = "exact" if not front.epsilon else f"complete to {front.epsilon:.3g}"
    lines = [
        f"{len(front.splits)} splits of {len(front.layers)} layers ({len(front.layers.cuts)} places to cut) over "
        f"{sum(device.count for device in front.devices)} devices that none beats in {', '.join(front.objectives)} "
        f"({how}; {front.num_labels} partial splits kept)"
    ]
    for number, split in enumerate(front.splits[:MOST_LINES]):
        marks = "".join(f"; {PEERS[mark]}" for mark in front.marks(number))
        lines.append(f"{number}: {split.describe()}: {numbers_of(split)}; bound by {bound_by(split)}{marks}")
    if len(front.splits) > MOST_LINES:
        lines.append(f"... and {len(front.splits) - MOST_LINES} more")
    for name, title in PEERS.items():
        better = front.beaten_by(name)
        if better is not None:
            split = front.peers[name]
            lines.append(f"{title}: {split.describe()}: {numbers_of(split)}; beaten by split {better}")
    least = min(split.latency_s for split in front.splits)
    for name, seconds in sorted(front.alone.items(), key=lambda item: item[1])[:1]:
        if seconds < least:
            lines.append(f"without a cut `{name}` alone takes {seconds:.6g} s; use_all=False counts such splits too")
    return "\n".join(lines)
