"""Random steps, layers and limits for the planners of `moe`: small, odd, and often at the edge."""

import numpy as np

from paretoserve import moe


def topology(random):
    """Return ranks on nodes of any size, often of different speeds, some of them dead."""
    num_ranks = int(random.integers(1, 40))
    nodes = int(random.integers(1, num_ranks + 1))
    if random.random() < 0.6:
        return moe.Topology(num_ranks, ranks_per_node=nodes)
    alive = random.random(num_ranks) < 0.9
    alive[random.integers(num_ranks)] = True
    speed = random.choice([0.333, 0.5, 1.0, 1.0, 2.0], num_ranks)
    return moe.Topology(num_ranks, ranks_per_node=nodes, speed=speed, alive=alive)


def cost(random):
    """Return a cost model in which tokens, weights and transfers count much, little or nothing."""
    return moe.CostModel(
        token_ns=float(random.choice([0, 1, 98, 1000])),
        expert_ns=float(random.choice([0, 13_000])),
        transfer_ns=float(random.choice([0, 50, 119_000])),
        transfer_inter_ns=float(random.choice([50, 400_000])),
        overlap=float(random.choice([0, 0.5, 1])),
        launch_ns=float(random.choice([0, 3000])),
    )


def spiller(random):
    """Return a spiller with any limits."""
    ranks, num_experts = topology(random), int(random.integers(1, 70))
    model = cost(random) if random.random() < 0.6 else None
    # Most experts are on ranks that are alive: else most steps are refused.
    alive = np.flatnonzero(ranks.thousandths)
    homes = [random.choice(alive, num_experts), random.integers(0, ranks.num_ranks, num_experts), None]
    return moe.Spiller(
        num_experts,
        ranks.num_ranks,
        home=homes[random.choice([0, 0, 0, 1, 2])],
        topology=ranks,
        cost=model,
        tolerance="auto" if model and random.random() < 0.6 else float(random.choice([0, 0.01, 0.05, 1])),
        min_tokens=int(random.choice([1, 1, 5, 1000])),
        max_foreign=None if random.random() < 0.6 else random.integers(0, 4, ranks.num_ranks),
        max_in=random.choice([None, None, 1, 3]),
        max_out=random.choice([None, None, 0, 1, 2]),
        fanout=str(random.choice(["direct", "relay"])),
    )


def splitter(random):
    """Return a splitter over copies anywhere; some experts may have none."""
    ranks, num_experts = topology(random), int(random.integers(1, 70))
    sizes = random.integers(0, 5, ranks.num_ranks)
    sizes[0] += 1
    slots = random.integers(-1, num_experts, sizes.sum())
    if random.random() < 0.7:
        alive = np.flatnonzero(np.repeat(ranks.thousandths, sizes))
        slots[random.permutation(alive)[:num_experts]] = np.arange(min(num_experts, len(alive)))
    objective = str(random.choice(["tokens", "active", "cost"]))
    model = cost(random) if objective == "cost" else None
    return moe.Splitter(num_experts, slots, ranks, objective=objective, cost=model, slots_per_rank=sizes)


def counts(random, num_experts):
    """Return a step of 32 or 64 bits, of one row or several; few of them are no counts at all."""
    scale = int(random.choice([1, 3, 100, 10_000]))
    values = (random.pareto(1.0, num_experts) * scale).clip(0, 1e9).astype(np.int64)
    if random.random() < 0.1:
        values[random.integers(num_experts) :] = 0
    if random.random() < 0.04:
        values[random.integers(num_experts)] = random.choice([-3, 2**53, 2**62])
    if random.random() < 0.3:
        values = np.stack([values, random.integers(0, 50, num_experts), values])
    return values.astype(np.int32) if random.random() < 0.3 and abs(values).max() < 2**31 else values
