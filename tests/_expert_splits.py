"""Random placements of expert copies, and the best split of tokens over them by linear programming."""

import numpy as np
import pytest


def placement(generator, num_experts, num_ranks, num_slots):
    """A random placement without two copies on a rank: every expert once, then random ones."""
    per_rank = num_slots // num_ranks
    while True:
        experts = np.concatenate(
            [generator.permutation(num_experts), generator.integers(0, num_experts, num_slots - num_experts)]
        )
        ranks = generator.permutation(experts).reshape(num_ranks, per_rank)
        if all(len(set(row)) == per_rank for row in ranks.tolist()):
            return ranks.ravel()


def repaired(generator, num_experts, num_ranks, num_slots):
    """As `placement`, for many slots: a second copy on a rank becomes an empty slot."""
    experts = np.concatenate(
        [generator.permutation(num_experts), generator.integers(0, num_experts, num_slots - num_experts)]
    )
    table = generator.permutation(experts).reshape(num_ranks, -1)
    for row in table:
        seen = set()
        for place, expert in enumerate(row.tolist()):
            row[place] = -1 if expert in seen else expert
            seen.add(expert)
    return table.ravel()


def zipf(generator, num_experts, total, exponent=1.0):
    shares = np.arange(1, num_experts + 1) ** -exponent
    return generator.multinomial(total, generator.permutation(shares / shares.sum()))


def optima(cases):
    """The least time of the rank that ends last, for each case of (counts, slots, speeds).

    One linear program of independent blocks, which takes a tenth of the time of one program for each case.
    """
    optimize = pytest.importorskip("scipy.optimize")
    sparse = pytest.importorskip("scipy.sparse")
    variables, experts, ranks = len(cases), 0, 0
    of_expert, of_rank, counts = [], [], []
    for case, (count, slots, speed) in enumerate(cases):
        held = np.flatnonzero(np.asarray(slots) >= 0)
        columns = variables + np.arange(len(held))
        speed = np.asarray(speed, dtype=float)
        of_expert.append((np.ones(len(held)), experts + np.asarray(slots)[held], columns))
        of_rank.append((np.ones(len(held)), ranks + held // (len(slots) // len(speed)), columns))
        of_rank.append((-speed, ranks + np.arange(len(speed)), np.full(len(speed), case)))
        counts.append(count)
        variables, experts, ranks = variables + len(held), experts + len(count), ranks + len(speed)

    def matrix(parts, rows):
        values, row, column = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return sparse.csr_array((values, (row, column)), shape=(rows, variables))

    cost = np.zeros(variables)
    cost[: len(cases)] = 1
    found = optimize.linprog(
        cost, A_ub=matrix(of_rank, ranks), b_ub=np.zeros(ranks), A_eq=matrix(of_expert, experts), b_eq=np.hstack(counts)
    )
    assert found.status == 0
    return found.x[: len(cases)]
