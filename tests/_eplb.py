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
    """Load of each GPU in one layer, by groups to nodes and copies to GPUs; and if a GPU has an expert twice."""
    if groups % nodes:
        groups, nodes = 1, 1
    experts = len(weights)
    node_of = packed(weights.reshape(groups, -1).sum(axis=1), nodes).repeat(experts // groups)
    loads, twice = [], False
    for node in range(nodes):
        own = np.flatnonzero(node_of == node)
        copies = np.ones(len(own), dtype=int)
        for _ in range(replicas // nodes - len(own)):
            copies[np.argmax(weights[own] / copies)] += 1
        shares = (weights[own] / copies).repeat(copies)
        gpu_of = packed(shares, gpus // nodes)
        loads.append(np.bincount(gpu_of, weights=shares, minlength=gpus // nodes))
        twice |= len(set(zip(own.repeat(copies).tolist(), gpu_of.tolist(), strict=True))) < len(gpu_of)
    return np.concatenate(loads), twice


def ratio(weights, replicas, groups, nodes, gpus):
    loads, _ = rank_loads(np.asarray(weights, dtype=float), replicas, groups, nodes, gpus)
    return loads.max() / loads.mean() if loads.mean() else 1.0


def has_twice(weights, replicas, groups, nodes, gpus):
    return rank_loads(np.asarray(weights, dtype=float), replicas, groups, nodes, gpus)[1]
