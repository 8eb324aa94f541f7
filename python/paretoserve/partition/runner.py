"""Runs a split as pipelined processes on this machine, and compares what it measures with the prediction.

One process per device, links with the delay and bandwidth of the prediction, and one caller that keeps as many
batches on their way as the prediction asks for, as in ParetoPipe (arXiv 2601.08025).
"""

from __future__ import annotations

import pickle
import time
from dataclasses import dataclass
from math import inf, lcm
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._integers import check_integer, shown
from paretoserve.cost.checks import positive
from paretoserve.errors import ShapeError
from paretoserve.partition.devices import Device, Link, Links, checked_devices, link_table
from paretoserve.partition.explain import bound_by
from paretoserve.partition.layers import Layers
from paretoserve.partition.split import Split, rate_of
from paretoserve.partition.worker import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Run", "run_split"]

LATENCY_BATCHES = 3
MOST_BYTES = 2**30


@dataclass(frozen=True)
class Run:
    """What a running split took, and what was predicted.

    Attributes
    ----------
    split : Split
        The prediction.
    latency_s : float
        Median time of a batch alone.
    throughput_rps : float
        Batches per second, by the median time between batches that are `in_flight` or more apart.
    in_flight : int
        Batches that were on their way at once.
    stage_seconds : tuple of float
        Mean time that each stage computed for a batch; of those that sleep, what was predicted.
    latencies_s, arrivals_s : tuple of float
        What the medians are of: times of batches alone, and moments of results from the first measured one on.
    """

    split: Split
    latency_s: float
    throughput_rps: float
    in_flight: int
    stage_seconds: tuple[float, ...]
    latencies_s: tuple[float, ...]
    arrivals_s: tuple[float, ...]

    @property
    def latency_ratio(self) -> float:
        """Measured over predicted latency."""
        return self.latency_s / self.split.latency_s

    @property
    def throughput_ratio(self) -> float:
        """Measured over predicted throughput."""
        return self.throughput_rps / self.split.throughput_rps

    def explain(self) -> str:
        """Return in words what was measured, beside the prediction."""
        lines = [
            self.split.describe(),
            f"latency {self.latency_s:.6g} s, predicted {self.split.latency_s:.6g} s ({self.latency_ratio - 1:+.1%})",
            f"{self.throughput_rps:.6g} batches/s with {self.in_flight} in flight, predicted "
            f"{self.split.throughput_rps:.6g} ({self.throughput_ratio - 1:+.1%}), bound by {bound_by(self.split)}",
        ]
        for number, (stage, seconds) in enumerate(zip(self.split.stages, self.stage_seconds, strict=True)):
            names = "+".join(stage.devices)
            lines.append(f"stage {number} ({names}) computed {seconds:.6g} s, predicted {stage.seconds:.6g} s")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers as plain data, for JSON."""
        return {
            "split": self.split.to_dict(),
            "latency_s": self.latency_s,
            "throughput_rps": self.throughput_rps,
            "latency_ratio": self.latency_ratio,
            "throughput_ratio": self.throughput_ratio,
            "in_flight": self.in_flight,
            "stage_seconds": list(self.stage_seconds),
            "latencies_s": list(self.latencies_s),
            "arrivals_s": list(self.arrivals_s),
        }


def run_split(
    split: Split,
    layers: Layers,
    devices: Sequence[Device],
    *,
    links: Links = Link(),  # noqa: B008 - it is frozen
    num_batches: int = 32,
    warmup: int | None = None,
    stages: Sequence[Callable[[Any], Any] | None] | None = None,
    batch: Any = None,
    timeout_s: float = 60.0,
) -> Run:
    """Run a split as pipelined processes on this machine, and measure its latency and throughput.

    Parameters
    ----------
    split : Split
        One of `split_front`.
    layers, devices, links
        As given to `split_front`. Links delay and limit what passes between the processes.
    num_batches : int, default 32
        Batches whose results are timed in the full pipeline.
    warmup : int, optional
        Batches before them; default: twice as many as are in flight.
    stages : sequence of callables, optional
        One per stage, of one argument: what the stage before returned. They, and what they return, must be picklable;
        torch modules and what `stage_modules` returns are. None for a stage, or for all of them, sleeps for the
        predicted time and sends as many bytes as predicted. What callables return is limited by the size of its pickle.
    batch : object, optional
        What the first stage is called with.
    timeout_s : float, default 60
        Longest wait for each result. For their start processes have a minute, or this if it is longer.

    Returns
    -------
    Run

    Raises
    ------
    StageError
        If a stage raises (its traceback is a note of the error), dies or does not answer in time; names the stage: of
        several that fail at once the first of the chain, of those that a late batch has reached the last. No process
        is left.
    TypeError, ShapeError, ValueError
        If an argument is out of range, the split predicts no time or does not belong to the layers, devices and links.

    Notes
    -----
    Replicas get batches in turn. As in the prediction, a link is busy with one transfer for its latency and its bytes,
    has as many lanes as the smaller number of replicas, and devices compute while they send if the split was found so.
    What sleeps does so by time stamps: a process that this machine wakes late does not fall behind further each time.
    Loopback and the processes add about a millisecond per stage, so stages should take tens of them.
    A script must call this under ``if __name__ == "__main__":``, since processes are spawned.

    Examples
    --------
    >>> from paretoserve.partition import Device, Layers, Link, split_front
    >>> layers, devices = Layers([0.01, 0.02], [1000, 0]), [Device("a"), Device("b")]
    >>> split = split_front(layers, devices, Link(0.005, 1e6)).splits[0]
    >>> run = run_split(split, layers, devices, links=Link(0.005, 1e6), num_batches=10)
    >>> run.split.latency_s, run.latency_s > 0.0359, run.in_flight
    (0.036, True, 2)
    """
    from paretoserve.partition.pipeline import Pipeline  # multiprocessing is loaded when used

    check_integer("num_batches", num_batches, 2, 2**24)
    positive("timeout_s", timeout_s)
    hops, overlap = _checked(split, layers, devices, links)
    functions = _pickled(split, stages)
    depth = split.in_flight
    before = LATENCY_BATCHES + 1 + check_integer("warmup", 2 * depth if warmup is None else warmup, 0, 2**24)
    # Replicas may finish together, and batches in flight may come in bursts: only whole rounds are compared.
    turn = lcm(*(stage.replicas for stage in split.stages))
    apart = turn * -(-depth // turn)
    if num_batches <= apart:
        raise ValueError(f"`num_batches` must be larger than {apart}, a round of those in flight, got {num_batches}")
    total = before + num_batches
    tasks = _tasks(split, functions, hops, overlap, total, before)
    titles = [
        f"stage {number} (`{'+'.join(stage.devices)}`, layers {stage.first}-{stage.stop - 1})"
        for number, stage in enumerate(split.stages)
    ]
    payload = pickle.dumps(batch, protocol=5)
    with Pipeline(tasks, titles, timeout_s) as pipeline:
        latencies = []
        for number in range(LATENCY_BATCHES + 1):
            began = time.monotonic()
            pipeline.feed(number, payload)
            latencies.append(pipeline.take(number) - began)
        fed, arrivals = LATENCY_BATCHES + 1, []
        for number in range(LATENCY_BATCHES + 1, total):
            while fed < min(total, number + depth):
                pipeline.feed(fed, payload)
                fed += 1
            arrivals.append(pipeline.take(number))
        seconds = tuple(s / num_batches for s in pipeline.stage_seconds(len(split.stages)))
    times = np.array(arrivals[-num_batches:])
    return Run(
        split,
        float(np.median(latencies[1:])),  # the first one loads what is loaded at first use
        apart / float(np.median(times[apart:] - times[:-apart])),
        depth,
        seconds,
        tuple(latencies[1:]),
        tuple((times - times[0]).tolist()),
    )


def _checked(
    split: Split, layers: Layers, devices: Sequence[Device], links: Links
) -> tuple[list[tuple[tuple[float, float], ...]], bool]:
    """Return the links behind each stage but the last, and whether devices compute while they send."""
    if not isinstance(split, Split):
        raise TypeError(f"`split` must be a Split, got {shown(split)}\nhint: one of split_front(...).splits")
    if split.throughput_rps == inf:
        raise ValueError("`split` must predict some time, got a split whose stages and transfers take none")
    chosen = {device.name: place for place, device in enumerate(checked_devices(devices))}
    table = link_table(links, list(devices), free_order=False)
    for stage in split.stages:
        if any(name not in chosen for name in stage.devices) or stage.stop > len(layers):
            raise ValueError(f"`split` must belong to `layers` and `devices`, got a stage {split.describe()}")
    hops = []
    for stage, follower in zip(split.stages[:-1], split.stages[1:], strict=True):
        passed = table[chosen[stage.devices[0]]][chosen[follower.devices[0]]]
        hop = tuple((link.latency_s * 1e9, 1e9 / link.bandwidth) for link in passed)
        seconds = sum(latency + stage.output_bytes * per_byte for latency, per_byte in hop) / 1e9
        if abs(seconds - stage.transfer_s) > 1e-8 + 1e-6 * seconds:
            raise ValueError(
                f"`links` must be those of the split, in which `{stage.devices[0]}` sends for {stage.transfer_s:g} s, "
                f"got {seconds:g} s"
            )
        if stage.output_bytes > MOST_BYTES:
            raise ValueError(f"`split` must send at most {MOST_BYTES} bytes at once, got {stage.output_bytes}")
        hops.append(hop)
    for overlap in (True, False):
        if abs(rate_of(split.stages, overlap) / split.throughput_rps - 1) < 1e-6:
            return hops, overlap
    raise ValueError(f"`split` must have the throughput of its stages, got {split.throughput_rps:g} per second")


def _pickled(split: Split, stages: Sequence[Callable[[Any], Any] | None] | None) -> list[bytes | None]:
    given = [None] * len(split.stages) if stages is None else list(stages)
    if len(given) != len(split.stages):
        raise ShapeError(f"`stages` must have {len(split.stages)} entries, one per stage, got {len(given)}")
    made: list[bytes | None] = []
    for number, stage in enumerate(given):
        if stage is not None and not callable(stage):
            raise TypeError(f"`stages` must hold callables or None, got {shown(stage)} at {number}")
        try:
            made.append(None if stage is None else pickle.dumps(stage, protocol=5))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise TypeError(
                f"`stages` must be picklable, got {shown(stage)} at {number}: {error}\n"
                "hint: functions of a module are, lambdas and functions in functions are not"
            ) from error
    return made


def _tasks(
    split: Split,
    functions: list[bytes | None],
    hops: list[tuple[tuple[float, float], ...]],
    overlap: bool,
    total: int,
    first_measured: int,
) -> list[list[Task]]:
    """Return what each process does; the lanes of a link are kept by the end that has fewer replicas."""
    counts = [stage.replicas for stage in split.stages]
    rows = []
    for number, stage in enumerate(split.stages):
        first, last = number == 0, number + 1 == len(counts)
        before = None if first or counts[number - 1] <= counts[number] else hops[number - 1]
        after = None if last or counts[number] > counts[number + 1] else hops[number]
        rows.append([
            Task(replica, counts[number], total, first_measured, stage.seconds, stage.output_bytes, functions[number],
                 before, after, not (overlap or first), not (overlap or last), last)
            for replica in range(counts[number])
        ])  # fmt: skip
    return rows
