"""How long spill plans, splits and physical ids take on the device, and write the table to ``bench/results``.

Each is captured into a graph, as in a serving step, replayed and timed by events: the median of a replay. The result
must equal the CPU's, whose wall time stands beside it. Usage: planner.py [--steps 20] [--out bench/results]
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _results import write

from paretoserve import moe

DEVICE = "cuda"
REPLAYS = 20
# DeepSeek-V3-size experts on NVLink within and InfiniBand between nodes.
SPILLS = (128, 8), (256, 64), (384, 72)
SPLITS = (256, 288, 32), (256, 320, 64)
TOKENS = 4096
COST = moe.CostModel(token_ns=98, expert_ns=13_000, transfer_ns=119_000, transfer_inter_ns=900_000, overlap=0.5)


def loads(num_experts: int, tokens: int, steps: int) -> Iterator[np.ndarray]:
    """Yield counts of a bounded power law, the hottest experts first."""
    random = np.random.default_rng(num_experts)
    for _ in range(steps):
        weights = random.permutation(np.arange(1, num_experts + 1) ** -1.01)
        yield random.multinomial(tokens, weights / weights.sum())


def replay_us(call: Callable[[], Any], prepare: Callable[[int], None], steps: int) -> tuple[float, Any]:
    """Return the median time of a replay over steps, and what the call returned, which holds the last step."""
    call()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = call()
    times = []
    for step in range(steps):
        prepare(step)
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        graph.replay()
        begin.record()
        for _ in range(REPLAYS):
            graph.replay()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) * 1e3 / REPLAYS)
    return sorted(times)[steps // 2], result


def host_us(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return the least wall time of a call on the CPU, and its result."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - start)
    return min(times) * 1e6, result


def spill_row(num_experts: int, num_ranks: int, steps: int, **options: Any) -> tuple[float, float]:
    """Return the times of a spill plan on the device and on the CPU."""
    nodes = moe.Topology(num_ranks, ranks_per_node=8)
    spiller = moe.Spiller(num_experts, num_ranks, topology=nodes, **options)
    given = list(loads(num_experts, 4096 * 8 * num_ranks, steps))
    count = torch.zeros(num_experts, dtype=torch.int64, device=DEVICE)
    ours, plan = replay_us(lambda: spiller.plan(count), lambda step: count.copy_(torch.from_numpy(given[step])), steps)
    cpu, expected = host_us(lambda: spiller.plan(given[-1]))
    if not np.array_equal(plan.cpu().transfers, expected.transfers):
        raise AssertionError("not the plan of the CPU")
    return ours, cpu


def split_row(num_experts: int, num_slots: int, num_ranks: int, steps: int, **options: Any) -> tuple[float, float]:
    """Return the times of a split on the device and on the CPU."""
    given = list(loads(num_experts, 4096 * 8 * num_ranks, steps))
    placement = moe.plan_placement(sum(given)[None], num_slots, num_ranks)
    splitter = moe.Splitter(num_experts, placement.physical_to_logical[0], num_ranks, **options)
    count = torch.zeros(num_experts, dtype=torch.int64, device=DEVICE)
    ours, split = replay_us(
        lambda: splitter.split(count), lambda step: count.copy_(torch.from_numpy(given[step])), steps
    )
    cpu, expected = host_us(lambda: splitter.split(given[-1]))
    if not np.array_equal(split.cpu().quota, expected.quota):
        raise AssertionError("not the split of the CPU")
    return ours, cpu


def remap_row(num_tokens: int, num_experts: int, num_ranks: int, steps: int) -> tuple[float, float]:
    """Return the times of physical ids on the device and on the CPU."""
    (weights,) = loads(num_experts, num_tokens * 8, 1)
    chosen = np.random.default_rng(1).permutation(np.repeat(np.arange(num_experts), weights)).reshape(-1, 8)
    ids = torch.from_numpy(chosen.astype(np.int32)).to(DEVICE)
    spiller = moe.Spiller(num_experts, num_ranks, tolerance=0.0)
    plan = spiller.plan(torch.from_numpy(weights).to(DEVICE))
    ours, found = replay_us(lambda: moe.remap_topk(ids, plan), lambda step: None, steps)
    host = spiller.plan(weights)
    cpu, expected = host_us(lambda: moe.remap_topk(chosen.astype(np.int32), host))
    if not np.array_equal(found.cpu().numpy(), expected):
        raise AssertionError("not the ids of the CPU")
    return ours, cpu


def rows(steps: int) -> Iterator[tuple[str, str, float, float]]:
    """Yield a name, a target, and the times on the device and on the CPU."""
    for num_experts, num_ranks in SPILLS:
        target = "60" if num_experts == 256 else ""
        for name, options in (("sweep", {"cost": COST}), ("exact", {"tolerance": 0.0})):
            label = f"spill {name}, E{num_experts} P{num_ranks}"
            yield label, target, *spill_row(num_experts, num_ranks, steps, **options)
    for num_experts, num_slots, num_ranks in SPLITS:
        for objective, target in (("tokens", "60"), ("active", ""), ("cost", "")):
            label = f"split {objective}, E{num_experts} S{num_slots} P{num_ranks}"
            yield label, target, *split_row(num_experts, num_slots, num_ranks, steps, objective=objective, cost=COST)
    yield f"physical ids, {TOKENS} x 8", "10", *remap_row(TOKENS, 256, 64, steps)


def main() -> int:
    """Measure, compare, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20, help="steps of each case")
    parser.add_argument("--out", type=Path, default=Path("bench/results"), help="folder of the table")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        print("no CUDA device", file=sys.stderr)
        return 1
    facts, lines = [], []
    for name, target, ours, cpu in rows(arguments.steps):
        facts.append({"case": name, "us": ours, "cpu_us": cpu, "target_us": target})
        lines.append(f"| {name} | {ours:.1f} | {target} | {cpu:.1f} |")
        print(lines[-1], flush=True)
    columns = ["case", "us per replay", "target on H100", "CPU us"]
    write(arguments.out, "-planner", columns, lines, {"rows": facts})
    return 0


if __name__ == "__main__":
    sys.exit(main())
