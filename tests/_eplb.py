"""The published EPLB rule in plain numpy, written from its description: what our balance is compared with."""

import numpy as np


def packed(weights, packs):
    """Pack of each item: heaviest first, each to the lightest pack that has not its share of items yet."""
    share = len(weights) // packs
    load, count, pack_of = np.zeros(packs), np.zeros(packs, dtype=int), np.empty(len(weights), dtype=int)
    for item in np.argsort(-weights, kind="stable"):
        pack = min((p for p in range(packs) if count[p] < share), key=lambda p: load[p])
        pack_of[item] = pack
        load[pack] += weights[item]
        count[pack] += 1
    return pack_of


def rank_loads(weights, replicas, groups, nodes, gpus):
    """Load of each GPU in one layer: groups to nodes, copies within nodes, copies to GPUs."""
    if groups % nodes:
        groups, nodes = 1, 1
    experts = len(weights)
    node_of = packed(weights.reshape(groups, -1).sum(axis=1), nodes).repeat(experts // groups)
    loads = []
    for node in range(nodes):
        own = np.flatnonzero(node_of == node)
        copies = np.ones(len(own), dtype=int)
        for _ in range(replicas // nodes - len(own)):
            copies[np.argmax(weights[own] / copies)] += 1
        shares = (weights[own] / copies).repeat(copies)
        loads.append(np.bincount(packed(shares, gpus // nodes), weights=shares, minlength=gpus // nodes))
    return np.concatenate(loads)


def ratio(weights, replicas, groups, nodes, gpus):
    loads = rank_loads(np.asarray(weights, dtype=float), replicas, groups, nodes, gpus)
    return loads.max() / loads.mean() if loads.mean() else 1.0
