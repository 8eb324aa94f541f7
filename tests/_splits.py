"""All splits of small problems, one by one: what the search for the front is compared with."""

import itertools
import random
from dataclasses import dataclass

from paretoserve.partition import Device, Layers, Link


@dataclass
class Case:
    """A problem in whole milliseconds, millijoules and bytes; kinds of devices are equal within."""

    times: list  # [kind][layer]
    joules: list
    outputs: list
    memory: list
    capacity: list
    count: list
    latency: list  # [from][to], milliseconds
    per_byte: list  # [from][to], milliseconds
    send: list  # joules per byte of each kind
    cuts: list
    max_replicas: int
    free: bool
    use_all: bool
    overlap: bool
    objectives: tuple
    apart: bool = False

    def transfer(self, source, target, layer):
        return self.latency[source][target] + self.outputs[layer] * self.per_byte[source][target]

    def arguments(self):
        """Return what `split_front` takes: a kind as one device with a count, or `apart`, as equal devices."""
        copies = [(k, c) for k, count in enumerate(self.count) for c in range(count if self.apart else 1)]
        name = {pair: f"{'abcd'[pair[0]]}{pair[1]}" for pair in copies}
        devices = [
            Device(name[k, c], self.capacity[k], 1 if self.apart else self.count[k], joules_per_byte=self.send[k])
            for k, c in copies
        ]
        links = [
            [Link(self.latency[a][b] / 1e3, 1e3 / self.per_byte[a][b] if self.per_byte[a][b] else float("inf"))
             for b, _ in copies]
            for a, _ in copies
        ]  # fmt: skip
        layers = Layers(
            {name[k, c]: [t / 1e3 for t in self.times[k]] for k, c in copies},
            self.outputs,
            memory_bytes=self.memory,
            joules={name[k, c]: [e / 1e3 for e in self.joules[k]] for k, c in copies},
            inputs=self.inputs(),
        )
        options = {
            "order": "free" if self.free else "fixed",
            "use_all": self.use_all,
            "max_replicas": self.max_replicas,
            "overlap": self.overlap,
            "objectives": self.objectives,
        }
        return (layers, devices, links), options

    def inputs(self):
        """Return a graph with the cuts of the case: skips over every place that is none."""
        rows = [[i - 1] if i else [] for i in range(len(self.memory))]
        for i in range(2, len(self.memory)):
            if i not in self.cuts:
                rows[i].append(i - 2)
        return rows


def draw(rng: random.Random) -> Case:
    """Draw a problem of up to 14 layers and 4 devices; numbers are small at times, so that ties abound."""
    layers, kinds = rng.randint(1, 14), rng.randint(1, 4)
    count = [1] * kinds
    while sum(count) < 4 and rng.random() < 0.3:
        count[rng.randrange(kinds)] += 1
    largest = rng.choice([2, 9, 1000])
    free = sum(count) * layers < 30 and rng.random() < 0.5
    row = lambda: [rng.randint(0, largest) for _ in range(layers)]  # noqa: E731
    square = lambda: [[rng.randint(0, largest) for _ in range(kinds)] for _ in range(kinds)]  # noqa: E731
    memory = [rng.randint(0, 9) for _ in range(layers)]
    limits = [2**40, max(1, 2 * sum(memory) // sum(count)), rng.randint(1, 40)]
    objectives = ("latency", "throughput", "energy")
    wanted = tuple(name for name in objectives if rng.random() < 0.7) or objectives
    # No skip can forbid the cut behind the first layer: what passes there is its own output.
    cuts = [i for i in range(1, layers) if i == 1 or rng.random() < 0.8]
    return Case(
        [row() for _ in count], [row() for _ in count], row(), memory, [rng.choice(limits) for _ in count], count,
        square(), [[rng.choice([0, 1, 5]) for _ in count] for _ in count], [rng.choice([0, 1, 3]) for _ in count], cuts,
        rng.choice([1, 1, 2, 3]), free, rng.random() < 0.6, rng.random() < 0.7, wanted, free and rng.random() < 0.5,
    )  # fmt: skip


def chains(case: Case):
    """Yield every order of stages (kind, replicas) that the options allow."""

    def after(left, last):
        if last is not None and not (case.use_all and any(left)):
            yield ()
        for kind, have in enumerate(left):
            if not case.free and ((last is not None and kind < last) or (case.use_all and any(left[:kind]))):
                continue
            for replicas in range(1, min(case.max_replicas, have) + 1):
                rest = [*left[:kind], have - replicas, *left[kind + 1 :]]
                for chain in after(rest, kind):
                    yield ((kind, replicas), *chain)

    return after(case.count, None)


def value(case: Case, chain, cuts):
    """Return (latency, period, energy) of a split in nanoseconds and nanojoules, None if it does not fit."""
    bounds = [0, *cuts, len(case.memory)]
    latency = period = energy = 0
    for number, (kind, replicas) in enumerate(chain):
        start, stop = bounds[number], bounds[number + 1]
        if sum(case.memory[start:stop]) > case.capacity[kind]:
            return None
        time = busy = sum(case.times[kind][start:stop]) * 10**6
        energy += sum(case.joules[kind][start:stop]) * 10**6
        if number + 1 < len(chain):
            to, lanes = chain[number + 1]
            sent = case.transfer(kind, to, stop - 1) * 10**6
            latency += sent
            busy += 0 if case.overlap else sent
            energy += case.send[kind] * case.outputs[stop - 1] * 10**9
            period = max(period, -(-sent // min(replicas, lanes)))
        latency += time
        period = max(period, -(-busy // replicas))
    return latency, period, energy


def all_points(case: Case):
    """Return the objectives of every split that fits, and whether any chain has layers enough."""
    points, possible = set(), False
    for chain in chains(case):
        if len(chain) <= len(case.cuts) + 1:
            possible = True
            for cuts in itertools.combinations(case.cuts, len(chain) - 1):
                points.add(value(case, chain, cuts))
    return points - {None}, possible


def front_of(points, objectives):
    """Return the points that no other one beats in the objectives, the others left out."""
    columns = [i for i, name in enumerate(("latency", "throughput", "energy")) if name in objectives]
    kept = {tuple(point[i] for i in columns) for point in points}
    beats = lambda a, b: a != b and all(x <= y for x, y in zip(a, b, strict=True))  # noqa: E731
    best = []
    for point in sorted(kept):
        if not any(beats(other, point) for other in best):
            best.append(point)
    return best
