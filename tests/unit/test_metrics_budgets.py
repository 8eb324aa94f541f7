"""Budgets of labels, tokens, neurons and experts: the papers' grids, and optima against trying everything."""

import itertools

import numpy as np
import pytest

from paretoserve import moe, quant
from paretoserve.errors import ShapeError
from paretoserve.metrics.budgets import (
    LabelGrid,
    best_split,
    label_grid,
    token_flops,
    token_keep_schedule,
)
from paretoserve.metrics.pruning import knapsack_experts, maw_scores, select_neurons


def test_label_grids_of_the_official_sweep():
    small, large = label_grid(64), label_grid(256)
    pairs = list(zip(small.oracle.tolist(), small.weak.tolist(), strict=True))
    assert pairs == [(51, 130), (38, 260), (25, 390), (12, 520), (3, 610)]
    pairs = list(zip(large.oracle.tolist(), large.weak.tolist(), strict=True))
    assert pairs == [(204, 520), (153, 1030), (102, 1540), (51, 2050), (12, 2440)]


def test_label_grids_stay_in_their_budget():
    for budget in range(1, 300):
        grid = label_grid(budget, weak_cost=0.3, fractions=[1, 0.7, 0.1, 0])
        tenths = 10 * grid.oracle + 3 * grid.weak
        assert (tenths <= 10 * budget).all()
        assert (tenths + 3 > 10 * budget).all()


def test_best_splits_name_their_regime():
    grid = label_grid(64)
    for at, regime in enumerate(["quality", "mixed", "mixed", "mixed", "quantity"]):
        found = best_split(grid, np.eye(5)[at])
        assert (found.index, found.regime) == (at, regime)
    assert best_split(grid, [[0.5, 0.6, 0, 0, 0], [0.9, 0.6, 0, 0, 0]]).index == 0
    assert best_split(grid, [0.7] * 5).regime == "quality"
    assert best_split(LabelGrid(np.array([1, 9]), np.array([80, 0])), [0.1, 0.2]).regime == "quality"


def test_flops_of_schedules():
    full = 12 * token_flops(197, 384)
    for counts, share in (((197, 197, 197), 1.0), ((197, 138, 97), 0.7189), ((197, 98, 49), 0.5706)):
        assert 4 * token_flops(counts, 384).sum() / full == pytest.approx(share, abs=5e-5)


def schedules_by_trying(scores, budget, width, blocks):
    stages, tokens = scores.shape
    kept = -np.sort(-scores, axis=1)
    best = None
    for counts in itertools.product(range(1, tokens + 1), repeat=stages):
        if any(after > before for before, after in itertools.pairwise(counts)):
            continue
        flops = sum(b * float(token_flops(n, width)) for b, n in zip(blocks, counts, strict=True))
        dropped = sum(row[n:].sum() for row, n in zip(kept, counts, strict=True))
        if flops <= budget and (best is None or (dropped, flops) < best):
            best = (dropped, flops)
    return best


@pytest.mark.parametrize("seed", range(25))
def test_schedules_are_the_optimum(seed):
    random = np.random.default_rng(seed)
    stages, tokens = int(random.integers(1, 5)), int(random.integers(1, 8))
    scores = random.integers(0, 9, (stages, tokens)).astype(float)
    blocks = random.integers(1, 4, stages)
    least, full = (blocks.sum() * token_flops(n, 4) for n in (1, tokens))
    budget = least + random.random() * (full - least)
    found = token_keep_schedule(scores, budget, width=4, blocks=blocks)
    dropped, flops = schedules_by_trying(scores, budget, 4, blocks)
    assert (found.dropped, found.flops) == (dropped, flops)
    assert (np.diff(found.counts) <= 0).all()
    assert found.flops == (blocks * token_flops(found.counts, 4)).sum() <= budget
    order = -np.sort(-scores, axis=1)
    assert found.dropped == sum(row[n:].sum() for row, n in zip(order, found.counts, strict=True))


def test_schedules_of_an_image_drop_less_with_more_budget():
    scores = np.random.default_rng(0).lognormal(0, 1, (3, 197))
    full = 12 * token_flops(197, 384)
    found = [token_keep_schedule(scores, share * full, width=384) for share in (0.5, 0.7189, 0.9, 1)]
    dropped = [each.dropped for each in found]
    assert dropped == sorted(dropped, reverse=True)
    assert dropped[-1] == 0
    assert found[-1].counts.tolist() == [197] * 3
    some = token_keep_schedule(scores, 0.5 * full, width=384, counts=[49, 98, 138, 197])
    assert set(some.counts.tolist()) <= {49, 98, 138, 197}
    assert some.dropped >= found[0].dropped
    # No schedule within 0.7189 of the FLOPs drops less, so neither does the one that has just these.
    kept = -np.sort(-scores, axis=1)
    assert found[1].dropped <= sum(row[n:].sum() for row, n in zip(kept, (197, 138, 97), strict=True))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: label_grid(0), ValueError, "`budget`"),
        (lambda: label_grid(1.5), ValueError, "`budget` must be whole"),
        (lambda: label_grid(8, weak_cost=0), ValueError, "`weak_cost`"),
        (lambda: label_grid(8, fractions=[0.5, 1.1]), ValueError, "`fractions` .* row 1"),
        (lambda: best_split(label_grid(64), [1, 2]), ShapeError, r"`accuracy` must have shape \(5,\)"),
        (lambda: best_split(label_grid(64), [1, 2, 3, 4, np.nan]), ValueError, "`accuracy` .* row 4"),
        (lambda: best_split(label_grid(64, fractions=[1]), [1]), ShapeError, "two splits or more"),
        (lambda: token_flops(-1, 8), ValueError, "`tokens`"),
        (lambda: token_keep_schedule([1.0], 1e9, width=8), ShapeError, "`scores`"),
        (lambda: token_keep_schedule([[-1.0]], 1e9, width=8), ValueError, "`scores`"),
        (lambda: token_keep_schedule([[1.0]], 1, width=8), ValueError, "`budget` must be at least 3136, what"),
        (lambda: token_keep_schedule([[1.0]], 1e9, width=8, blocks=[1, 2]), ShapeError, "`blocks`"),
        (lambda: token_keep_schedule([[1.0]], 1e9, width=8, counts=[2]), ValueError, "`counts`"),
    ],
)
def test_bad_input_of_budgets(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_ranges_of_weights_are_the_importance():
    gate, up = [[1, -2], [0.5, 0.25]], [[0, 3], [-1, 1]]
    assert maw_scores(gate, up).tolist() == [6.0, 2.75]
    random = np.random.default_rng(0)
    gate, up = random.normal(size=(2, 16, 64))
    assert maw_scores(gate, up) == pytest.approx(np.ptp(gate, axis=1) + np.ptp(up, axis=1))
    assert select_neurons(maw_scores([[1, -2], [0.5, 0.25]], [[0, 3], [-1, 1]]), 0.5).tolist() == [0]


def test_neurons_that_stay():
    scores = np.random.default_rng(0).permutation(100).astype(float)
    for ratio in (0, 0.1, 0.3, 0.35, 0.9, 0.99):
        stay = select_neurons(scores, ratio)
        assert len(stay) == 100 - round(100 * ratio)
        assert scores[stay].min() == 100 - len(stay)
        assert (np.diff(stay) > 0).all()
    assert select_neurons([1, 2, 1, 1], 0.5).tolist() == [0, 1]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("two", [False, True])
def test_experts_are_the_optimum(seed, two):
    random = np.random.default_rng(seed)
    score = random.integers(0, 20, (4, 4)).astype(float)
    score[random.random((4, 4)) < 0.2] = np.inf
    score[:, 0] = 15
    memory, latency = random.integers(1, 9, (2, 4, 4)).astype(float)
    budget = memory[:, 0].sum() + 3
    options = {"latency": latency, "latency_budget": latency[:, 0].sum() + 1} if two else {}
    found = knapsack_experts(score, memory, budget, **options)
    rows = np.arange(4)
    best = min(
        (score[rows, choice].sum(), memory[rows, choice].sum())
        for choice in map(list, itertools.product(range(4), repeat=4))
        if memory[rows, choice].sum() <= budget
        and (not two or latency[rows, choice].sum() <= options["latency_budget"])
    )
    assert (found.score, found.memory) == best
    assert found.score == score[rows, found.choice].sum()
    assert found.memory == memory[rows, found.choice].sum()
    assert found.latency == (latency[rows, found.choice].sum() if two else 0)


def test_experts_by_importance_are_those_of_moe():
    importance = np.random.default_rng(3).random((5, 8))
    other = moe.allocate_experts(importance, 10, 250)
    left = np.sort(importance, axis=1)
    score = np.stack([left[:, : 8 - count].sum(axis=1) for count in range(1, 9)], axis=1)
    found = knapsack_experts(score, np.broadcast_to(10.0 * np.arange(1, 9), (5, 8)), 250)
    assert found.score == pytest.approx(other.loss)
    assert (found.choice + 1).tolist() == other.count.tolist()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: maw_scores([[1]], [[1], [2]]), ShapeError, "as many rows, got 1 and 2"),
        (lambda: maw_scores([[np.inf]], [[1]]), ValueError, "`gate`"),
        (lambda: select_neurons([1, 2], 0.6), ValueError, "`ratio` must leave a neuron of 2, got 0.6"),
        (lambda: select_neurons([1, 2], -0.1), ValueError, "`ratio`"),
        (lambda: knapsack_experts([[1]], [[1]], 1, latency=[[1]]), TypeError, "must be given together"),
        (lambda: knapsack_experts([[1, 2]], [[1]], 1), ShapeError, "`memory` must have the shape of `score`"),
        (lambda: knapsack_experts([[1], [np.inf]], [[1], [1]], 1), ValueError, "`score` .* got none in row 1"),
        (lambda: knapsack_experts([[1, -np.inf]], [[1, 1]], 1), ValueError, "got -inf"),
        (lambda: knapsack_experts([[np.nan]], [[1]], 1), ValueError, "`score`"),
        (lambda: knapsack_experts([[1]], [[2]], 1), ValueError, "`budget` must be at least 2"),
        (
            lambda: knapsack_experts([[1]], [[2]], 2, latency=[[3]], latency_budget=2),
            ValueError,
            "by itself must be at least 2 and 3, got 2 and 2",
        ),
    ],
)
def test_bad_input_of_pruning(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_bits_of_three_layers():
    costs = np.multiply.outer([10, 10, 20], [4, 8])
    found = quant.allocate_bits(costs, [[5, 1], [2, 0.5], [9, 2]], 240, method="dp")
    assert np.array([4, 8])[found.choice].tolist() == [4, 4, 8]
    assert (found.score, found.cost) == (9, 240)


def test_ranks_of_adapters():
    assert 64 * (4096 + 11008) == 966_656
    ranks = 2 ** np.arange(15)
    loss = np.multiply.outer([1.0, 4.0, 2.0], 1 / ranks)
    cost = ranks * (4096 + 11008)
    plan = moe.allocate_ranks(loss, cost, 3 * 966_656, ranks=ranks)
    assert plan.cost == (plan.rank * (4096 + 11008)).sum() <= 3 * 966_656
    assert plan.rank.tolist() == [64, 64, 64]
    assert pytest.approx(0.3231, abs=5e-5) == 10.75 / 33.27
