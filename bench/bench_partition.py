"""Fronts of splits beside label setting in plain Python over the same layers, devices and links.

Every call begins with `Layers` in hand and ends with the objectives and cuts of all splits. In process the search takes
less than the call; `split_front` alone leaves out the objects that describe the splits.
"""

import numpy as np
import pytest

from _pareto import compare
from paretoserve.partition import Device, Layers, Link, split_front

LINK = Link(0.001, 12.5e6)


def case(num_layers, num_devices):
    random = np.random.default_rng(0)
    names = [f"device {number}" for number in range(num_devices)]
    seconds = {name: random.uniform(0.001, 0.005, num_layers) * (1 + i) for i, name in enumerate(names)}
    return Layers(seconds, random.integers(1000, 200_000, num_layers)), [Device(name) for name in names]


def kept(labels):
    """Return the labels (latency, bottleneck, cuts) that none beats."""
    best, least = [], float("inf")
    for label in sorted(labels):
        if label[1] < least:
            best.append(label)
            least = label[1]
    return best


def labels_in_python(layers, devices):
    """Return latency, bottleneck and cuts of all splits on the front: labels by devices used and layers done."""
    number = len(layers)
    sends = [0] + [round((LINK.latency_s + size / LINK.bandwidth) * 1e9) for size in layers.output_bytes.tolist()]
    cells = {0: [(0, 0, ())]}
    for device in devices:
        sums = [0]
        for second in layers.seconds[device.name].tolist():
            sums.append(sums[-1] + round(second * 1e9))
        found = {}
        for done, labels in cells.items():
            for stop in range(done + 1, number + 1):
                block = sums[stop] - sums[done]
                step, busy = block + (sends[done] if done else 0), max(block, sends[done] if done else 0)
                found.setdefault(stop, []).extend(
                    (latency + step, max(longest, busy), (*cuts, done) if done else cuts)
                    for latency, longest, cuts in labels
                )
        cells = {stop: kept(labels) for stop, labels in found.items()}
    return cells[number]


@pytest.mark.parametrize(("num_layers", "num_devices", "target"), [(80, 4, 50), (128, 8, 50)])
def test_front(benchmark, show, num_layers, num_devices, target):
    layers, devices = case(num_layers, num_devices)

    def ours():
        return split_front(layers, devices, LINK).splits

    expected = [(latency / 1e9, 1e9 / longest) for latency, longest, _ in labels_in_python(layers, devices)]
    assert [(split.latency_s, split.throughput_rps) for split in ours()] == expected
    peers = {"labels in Python": lambda: labels_in_python(layers, devices)}
    cell = f"splits {num_layers} x {num_devices}"
    benchmark.pedantic(compare, args=(show, cell, ours, peers), kwargs={"target": target}, rounds=1)
