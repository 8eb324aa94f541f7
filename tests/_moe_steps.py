"""The time of a plan from its definition, in floats and without shortcuts."""

import numpy as np


def link_ns(plan, cost, nodes, *, relay):
    """Time until all weights are there; with relays in the order of rows, one at a time per rank and direction."""
    inter = cost.transfer_ns if cost.transfer_inter_ns is None else cost.transfer_inter_ns
    sent, received = np.zeros(len(nodes)), np.zeros(len(nodes))
    arrived = {}
    for expert, source, destination, _ in plan.transfers.tolist():
        each = cost.transfer_ns if nodes[source] == nodes[destination] else inter
        if relay:
            end = each + max(sent[source], received[destination], arrived.get((expert, source), 0))
            sent[source] = received[destination] = arrived[expert, destination] = end
        else:
            sent[source] += each
            received[destination] += each
    return max(sent.max(), received.max())


def step_ns(plan, cost, *, speed=None, nodes=None, relay=False):
    """Time of the step."""
    num_ranks = len(plan.loads)
    speed = np.ones(num_ranks) if speed is None else np.asarray(speed)
    nodes = np.zeros(num_ranks, dtype=int) if nodes is None else nodes
    work = [sum(cost.block_ns(int(tokens)) for tokens in plan.quota[:, rank]) for rank in range(num_ranks)]
    return max(work / speed) + (1 - cost.overlap) * link_ns(plan, cost, nodes, relay=relay)
