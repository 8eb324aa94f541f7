"""Ranks and counts under a budget: the optimum, whatever the losses look like."""

import itertools

import numpy as np
import pytest

from paretoserve import moe
from paretoserve.errors import DtypeError, ShapeError


def best_by_trying(loss, cost, budget):
    options = itertools.product(range(loss.shape[1]), repeat=len(loss))
    rows = np.arange(len(loss))
    return min(loss[rows, list(choice)].sum() for choice in options if cost[rows, list(choice)].sum() <= budget)


@pytest.mark.parametrize("seed", range(20))
def test_ranks_are_the_optimum(seed):
    rng = np.random.default_rng(seed)
    loss, cost = rng.integers(0, 30, (5, 4)).astype(float), rng.integers(1, 20, (5, 4)).astype(float)
    budget = cost.min(axis=1).sum() + rng.integers(0, 30)
    found = moe.allocate_ranks(loss, cost, budget, ranks=[4, 8, 16, 32])
    rows = np.arange(5)
    assert found.loss == loss[rows, found.choice].sum() == best_by_trying(loss, cost, budget)
    assert found.cost == cost[rows, found.choice].sum() <= budget
    assert found.rank.tolist() == np.array([4, 8, 16, 32])[found.choice].tolist()


@pytest.mark.parametrize("seed", range(10))
def test_counts_are_the_optimum(seed):
    rng = np.random.default_rng(seed)
    importance, size = rng.integers(0, 20, (4, 6)).astype(float), rng.integers(1, 5, 4).astype(float)
    budget = 2 * size.sum() + rng.integers(0, 20)
    found = moe.allocate_experts(importance, size, budget, least=2)
    kept = -np.sort(-importance, axis=1)
    loss = np.stack([kept[:, count:].sum(axis=1) for count in range(2, 7)], axis=1)
    assert found.loss == best_by_trying(loss, np.multiply.outer(size, np.arange(2, 7)), budget)
    assert found.loss == importance[~found.kept].sum()
    assert (found.kept.sum(axis=1) == found.count).all()
    assert found.cost == (found.count * size).sum() <= budget
    assert found.count.min() >= 2


def test_counts_can_be_multiples():
    found = moe.allocate_experts(np.random.default_rng(0).random((6, 64)), 3.0, 3 * 200, least=6, even=8)
    assert (found.count % 8 == 0).all()
    assert found.count.min() >= 8
    assert "experts kept" in found.explain()
    assert found.to_dict()["count"] == found.count.tolist()


def test_a_model_of_many_layers_takes_no_time():
    rng = np.random.default_rng(1)
    found = moe.allocate_experts(rng.lognormal(0, 1, (58, 256)), 44e6, 58 * 200 * 44e6, least=8)
    assert found.count.sum() == 58 * 200


def test_an_allocation_is_what_placement_takes():
    found = moe.allocate_experts([[9.0, 1, 5, 1], [4, 4, 4, 4]], 1, 6, least=2)
    load = np.where(found.kept, 100, -1)
    placement = moe.plan_placement(load, 6, 2)
    assert ((placement.replica_count > 0) == found.kept).all()


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        (([[1.0, 2.0]], [1, 2, 3], 5), {}, ShapeError, "`cost`"),
        (([1.0, 2.0], [1, 2], 5), {}, ShapeError, "`loss`"),
        (([["a"]], [1], 5), {}, DtypeError, "`loss`"),
        (([[float("nan"), 1]], [1, 2], 5), {}, ValueError, "`loss`"),
        (([[float("inf"), float("inf")]], [1, 2], 5), {}, ValueError, "none for expert 0"),
        (([[1.0, 2.0]], [-1, 2], 5), {}, ValueError, "not negative"),
        (([[1.0, 2.0]], [3, 4], 2), {}, ValueError, "`budget` must be at least 3"),
        (([[1.0, 2.0]], [3, 4], float("nan")), {}, ValueError, "`budget`"),
        (([[1.0, 2.0]], [3, 4], 9), {"ranks": [1]}, ShapeError, "`ranks`"),
    ],
)
def test_bad_input_of_ranks_is_refused(arguments, options, error, words):
    with pytest.raises(error, match=words):
        moe.allocate_ranks(*arguments, **options)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        (([1.0], 1, 5), {}, ShapeError, "`importance`"),
        (([[-1.0]], 1, 5), {}, ValueError, "`importance`"),
        (([[1.0]], [1, 2], 5), {}, ShapeError, "`size`"),
        (([[1.0]], float("inf"), 5), {}, ValueError, "finite"),
        (([[1.0, 2]], 1, 1), {"least": 2}, ValueError, "`budget` must be at least 2"),
        (([[1.0, 2]], 1, 1), {"least": 3}, ValueError, "`least`"),
        (([[1.0, 2, 3]], 1, 3), {"even": 2}, ValueError, "`even` must divide"),
    ],
)
def test_bad_input_of_counts_is_refused(arguments, options, error, words):
    with pytest.raises(error, match=words):
        moe.allocate_experts(*arguments, **options)
