"""How many transfers a spill needs: beside mixed-integer programs, and on the loads of a published system."""

import numpy as np
import pytest

from _moe_loads import zipf_ranks
from paretoserve import moe


def fewest(count, num_ranks, capacity):
    """The least number of transfers that keeps every rank within its capacity, by mixed-integer programming."""
    optimize = pytest.importorskip("scipy.optimize")
    sparse = pytest.importorskip("scipy.sparse")
    num_experts = len(count)
    pairs = num_experts * num_ranks
    home = np.repeat(np.arange(num_ranks), num_experts // num_ranks)
    away = (home[:, None] != np.arange(num_ranks)).ravel()
    most = np.where(away, np.repeat(np.minimum(count, capacity), num_ranks), np.repeat(count, num_ranks))
    none = sparse.csr_array((num_experts, pairs))
    of_expert = sparse.hstack([sparse.kron(sparse.eye_array(num_experts), np.ones((1, num_ranks))), none])
    none = sparse.csr_array((num_ranks, pairs))
    of_rank = sparse.hstack([sparse.kron(np.ones((1, num_experts)), sparse.eye_array(num_ranks)), none])
    opened = sparse.hstack([sparse.eye_array(pairs), -sparse.diags_array(most.astype(float))])
    found = optimize.milp(
        np.concatenate([np.zeros(pairs), away.astype(float)]),
        constraints=[
            optimize.LinearConstraint(of_expert.tocsr(), count, count),
            optimize.LinearConstraint(of_rank.tocsr(), -np.inf, capacity),
            optimize.LinearConstraint(opened.tocsr(), -np.inf, 0),
        ],
        integrality=np.concatenate([np.zeros(pairs), np.ones(pairs)]),
        bounds=optimize.Bounds(0, np.concatenate([np.full(pairs, np.inf), np.ones(pairs)])),
        options={"time_limit": 5},
    )
    return round(found.fun) if found.status == 0 else None


@pytest.mark.parametrize("tolerance", [0.02, 0.05, 0.1, 0.2])
def test_transfers_are_near_the_optimum(tolerance):
    generator = np.random.default_rng(int(tolerance * 100))
    ours = best = solved = 0
    for case in range(12):
        num_ranks, num_experts = (4, 16) if case % 2 else (6, 24)
        weights = np.arange(1, num_experts + 1) ** -float(generator.uniform(0.3, 1.0))
        count = generator.multinomial(num_ranks * 16384, generator.permutation(weights / weights.sum()))
        mean = count.sum() / num_ranks
        optimum = fewest(count, num_ranks, max(np.ceil(mean), np.floor(mean * (1 + tolerance))))
        if optimum is None:
            continue
        plan = moe.plan_spill(count, num_ranks, tolerance=tolerance)
        assert len(plan.tokens) >= optimum
        ours, best, solved = ours + len(plan.tokens), best + optimum, solved + 1
    assert solved >= 8
    assert ours <= 1.1 * best


@pytest.mark.parametrize(("imbalance", "tolerance", "published"), [(1.5, 0.01, 38), (2.0, 0.01, 46), (3.0, 0.01, 51)])
def test_fewer_transfers_than_published_with_two_slots_per_rank(imbalance, tolerance, published):
    generator = np.random.default_rng(0)
    for _ in range(20):
        count = zipf_ranks(generator, 64, 4, 64 * 8192 * 8, imbalance)
        plan = moe.plan_spill(count, 64, tolerance=tolerance, max_foreign=2)
        plan.check()
        assert plan.ratio <= 1 + tolerance
        assert len(plan.tokens) <= published
        assert np.bincount(plan.transfers[:, 2]).max() <= 2


@pytest.mark.parametrize(("imbalance", "published"), [(1.5, 21), (2.0, 29), (3.0, 36)])
def test_five_percent_takes_about_half_of_the_transfers(imbalance, published):
    generator = np.random.default_rng(1)
    moved = [
        len(moe.plan_spill(zipf_ranks(generator, 64, 4, 64 * 8192 * 8, imbalance), 64, tolerance=0.05).tokens)
        for _ in range(20)
    ]
    assert np.mean(moved) <= published
