"""What holds for every placement, checked the slow and obvious way; loads like those of a real model."""

import numpy as np

from _data import data


def ranks_of_slots(placement):
    return np.repeat(np.arange(placement.num_ranks), np.diff(placement.slot_start))


def check_placement(placement, load):
    """Every expert that is there has a copy, none twice on a rank, and all maps agree."""
    rank_of = ranks_of_slots(placement)
    for layer, row in enumerate(load):
        held = placement.physical_to_logical[layer]
        filled = np.flatnonzero(held >= 0)
        pairs = set(zip(rank_of[filled].tolist(), held[filled].tolist(), strict=True))
        assert len(pairs) == len(filled), "a rank has an expert twice"
        for expert, tokens in enumerate(row):
            slots = np.flatnonzero(held == expert).tolist()
            assert bool(slots) == (tokens >= 0)
            assert placement.replica_count[layer, expert] == len(slots)
            listed = placement.logical_to_physical[layer, expert].tolist()
            assert listed == slots + [-1] * (len(listed) - len(slots))
        assert (placement.replica_count[layer, len(row) :] == 0).all()


def equal_share_ratio(placement, load, topology=None):
    """Time of the slowest rank over the mean, layer by layer."""
    speed = np.ones(placement.num_ranks) if topology is None else topology.thousandths / 1000
    rank_of = ranks_of_slots(placement)
    ratios = []
    for held, tokens, copies in zip(placement.physical_to_logical, load, placement.replica_count, strict=True):
        loads = np.zeros(placement.num_ranks)
        filled = held >= 0
        np.add.at(loads, rank_of[filled], np.asarray(tokens)[held[filled]] / copies[held[filled]])
        alive = speed > 0
        total = np.asarray(tokens)[np.asarray(tokens) > 0].sum()
        ratios.append((loads[alive] / speed[alive]).max() / (total / speed.sum()) if total else 1.0)
    return np.array(ratios)


def profiles():
    """Expert loads of OLMoE: (profiles, 64)."""
    table = np.genfromtxt(
        data("moe/olmoe_mixtral_expert_counts.csv"), delimiter=",", dtype=None, names=True, encoding="utf-8"
    )
    table = table[(table["selection"] == "topk") & np.char.startswith(table["model"], "olmoe")]
    keys = sorted({(row["model"], row["domain"], row["layer"]) for row in table})
    index = {key: number for number, key in enumerate(keys)}
    counts = np.zeros((len(keys), 64))
    for row in table:
        counts[index[row["model"], row["domain"], row["layer"]], row["expert"]] = row["count"]
    return counts / counts.sum(axis=1, keepdims=True)


def realistic(layers, experts, rng, tokens=32 * 8192 * 8):
    """Loads like OLMoE's: values of one profile, resampled with a little noise, drawn by a multinomial."""
    chosen = profiles()
    rows = [
        rng.choice(chosen[rng.integers(len(chosen))], experts) * rng.lognormal(0, 0.15, experts) for _ in range(layers)
    ]
    return np.stack([rng.multinomial(tokens, row / row.sum()) for row in rows])


def drifted(load, rng, sigma=0.3):
    rows = load * rng.lognormal(0, sigma, load.shape)
    return np.stack([rng.multinomial(old.sum(), row / row.sum()) for old, row in zip(load, rows, strict=True)])
