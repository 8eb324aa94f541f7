"""From a previous placement: few copies are fetched, limits are kept, lost experts come back."""

import numpy as np
import pytest

from _placements import check_placement, drifted, equal_share_ratio, ranks_of_slots, realistic
from paretoserve import moe
from paretoserve.errors import ShapeError


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(11)
    load = realistic(58, 256, rng)
    return load, drifted(load, rng), drifted(load, rng, 0.0), moe.plan_placement(load, 288, 32)


def test_real_loads_are_balanced_to_eight_thousandths(case):
    load, _, _, placement = case
    assert placement.ratio.mean() <= 1.008
    assert placement.ratio.max() <= 1.01
    check_placement(placement, load)


@pytest.mark.parametrize(("target", "share"), [(1.02, 0.12), (1.05, 0.065)])
def test_drift_fetches_few_copies(case, target, share):
    _, later, _, placement = case
    again = moe.plan_placement(later, 288, 32, previous=placement, target=target)
    check_placement(again, later)
    assert equal_share_ratio(again, later).max() <= target + 1e-9
    assert len(again.moves) <= share * placement.physical_to_logical.size


def test_nothing_is_fetched_if_nothing_changed(case):
    load, _, sampled, placement = case
    for same in (load, sampled):
        again = moe.plan_placement(same, 288, 32, previous=placement)
        assert len(again.moves) == 0
        assert np.array_equal(again.physical_to_logical, placement.physical_to_logical)


def test_moves_lead_from_one_placement_to_the_other(case):
    _, later, _, placement = case
    topology = moe.Topology(32, ranks_per_node=8)
    again = moe.plan_placement(later, 288, 32, previous=placement, topology=topology)
    rank_of = ranks_of_slots(again)
    before = placement.physical_to_logical
    maps = before.copy()
    sent = np.zeros(32, dtype=int)
    for layer, expert, source, destination, slot in again.moves.tolist():
        assert expert in before[layer, rank_of == source]
        assert expert not in before[layer, rank_of == destination]
        assert rank_of[slot] == destination
        near = {rank for rank in rank_of[before[layer] == expert].tolist() if rank // 8 == destination // 8}
        assert not near or source in near
        maps[layer, slot] = expert
        sent[source] += 1
    assert np.array_equal(maps, again.physical_to_logical)
    assert "moves" in again.explain()


def test_a_limit_on_moves_is_spent_where_it_helps_most(case):
    _, later, _, placement = case
    ratios = []
    for limit in (0, 50, 200, 10**6):
        again = moe.plan_placement(later, 288, 32, previous=placement, max_moves=limit)
        check_placement(again, later)
        assert len(again.moves) <= limit
        ratios.append(again.ratio.mean())
    assert ratios == sorted(ratios, reverse=True)
    first = moe.plan_placement(later[:10], 288, 32, previous=placement.physical_to_logical[:10], max_moves=50)
    assert ratios[0] - ratios[1] > 0.5 * (first.ratio.mean() - ratios[1]) / 5
    free = moe.plan_placement(later, 288, 32, previous=placement)
    assert np.array_equal(again.physical_to_logical, free.physical_to_logical)
    assert ratios[1] < ratios[0] - 0.01


def test_the_layer_that_needs_moves_gets_them():
    flat, steep = np.full(8, 100), np.array([400, 100, 100, 100, 25, 25, 25, 25])
    previous = [list(range(8))] * 2
    still = moe.plan_placement([flat, steep], 8, 4, previous=previous, max_moves=0)
    again = moe.plan_placement([flat, steep], 8, 4, previous=previous, max_moves=2)
    assert len(still.moves) == 0
    assert again.moves[:, 0].tolist() == [1, 1]
    assert again.ratio[1] < still.ratio[1]


def test_experts_of_a_dead_rank_come_back_with_whatever_moves_that_takes():
    rng = np.random.default_rng(3)
    load = rng.integers(50, 150, (3, 32))
    placement = moe.plan_placement(load, 48, 8)
    dead = moe.Topology(8, alive=np.arange(8) != 2)
    again = moe.plan_placement(load, 48, 8, previous=placement, topology=dead, target=2)
    check_placement(again, load)
    assert (again.physical_to_logical[:, 12:18] == -1).all()
    only_there = sum(
        not np.isin(expert, np.delete(row, np.s_[12:18])).any()
        for row in placement.physical_to_logical
        for expert in row[12:18]
    )
    assert (again.moves[:, 2] == -1).sum() == only_there > 0
    with pytest.raises(ValueError, match=f"`max_moves` must be at least {only_there}, the experts that no rank"):
        moe.plan_placement(load, 48, 8, previous=placement, topology=dead, max_moves=only_there - 1)
    back = moe.plan_placement(load, 48, 8, previous=again)
    check_placement(back, load)
    assert back.ratio.max() <= 1.02


def test_a_second_copy_on_a_rank_is_given_up():
    previous = [[0, 0, 1, 2]]
    again = moe.plan_placement([[4, 3, 3]], 4, 2, previous=previous)
    check_placement(again, [[4, 3, 3]])
    assert again.physical_to_logical[0, 0] == 0


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_change_nothing(case, threads):
    _, later, _, placement = case
    options = {"previous": placement, "max_moves": 300}
    one = moe.plan_placement(later, 288, 32, threads=threads, **options)
    two = moe.plan_placement(later, 288, 32, **options)
    assert np.array_equal(one.physical_to_logical, two.physical_to_logical)
    assert np.array_equal(one.moves, two.moves)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"previous": [[0, 1, 2]]}, ShapeError, r"`previous` must have shape \(1, 4\)"),
        ({"previous": [[0, 1, 2, 3]]}, ValueError, "from -1 to 2"),
        ({"max_moves": 3}, ValueError, "needs `previous`"),
        ({"previous": [[0, 1, 2, 0]], "max_moves": -1}, ValueError, "`max_moves`"),
        ({"previous": [[0, 1, 2, 0]], "target": 0.9}, ValueError, "`target`"),
        ({"target": float("nan")}, ValueError, "`target`"),
        ({"policy": "best"}, ValueError, "`policy`"),
        ({"policy": "hierarchical"}, ValueError, "go together"),
        ({"groups": 3}, ValueError, "go together"),
        ({"size": [1, 1, 1]}, ValueError, "given together"),
        ({"size": [1, 1], "capacity": 3}, ShapeError, "`size`"),
        ({"size": [1, 5, 1], "capacity": 3}, ValueError, "`capacity` must be larger.*expert 1 of layer 0"),
    ],
)
def test_bad_options_are_refused(options, error, words):
    with pytest.raises(error, match=words):
        moe.plan_placement([[3, 2, 1]], 4, 2, **options)
