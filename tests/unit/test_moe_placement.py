"""Placement from nothing: every rule of the result, awkward layers, refusals."""

import numpy as np
import pytest

from _placements import check_placement, equal_share_ratio
from paretoserve import moe
from paretoserve.errors import DtypeError, ShapeError


def zipf(layers, experts, seed=0):
    rng = np.random.default_rng(seed)
    base = np.floor(1e6 / np.arange(1, experts + 1)).astype(np.int64)
    return np.stack([rng.permutation(base) for _ in range(layers)])


@pytest.mark.parametrize(("slots", "ranks"), [(288, 32), (512, 256), (256, 8), (300, 7), (257, 256)])
def test_results_agree_with_each_other(slots, ranks):
    load = zipf(3, 256)
    placement = moe.plan_placement(load, slots, ranks)
    check_placement(placement, load)
    assert (placement.physical_to_logical >= 0).all()
    assert placement.ratio == pytest.approx(equal_share_ratio(placement, load))
    assert len(placement.moves) == 0


def test_a_hot_expert_gets_copies_until_others_are_hotter():
    placement = moe.plan_placement([[90, 30, 30, 30]], 6, 3)
    assert placement.physical_to_logical.tolist() == [[0, 1, 0, 2, 0, 3]]
    assert placement.logical_to_physical[0].tolist() == [[0, 2, 4], [1, -1, -1], [3, -1, -1], [5, -1, -1]]
    assert placement.replica_count.tolist() == [[3, 1, 1, 1]]
    assert placement.ratio.tolist() == [1.0]


def test_idle_experts_are_spread():
    placement = moe.plan_placement(np.zeros((2, 8), dtype=int), 16, 4)
    assert placement.ratio.tolist() == [1.0, 1.0]
    assert placement.replica_count.tolist() == [[2] * 8] * 2


def test_no_rank_gets_an_expert_twice_though_one_has_all_the_load():
    load = np.zeros((1, 8), dtype=int)
    load[0, 3] = 10**9
    placement = moe.plan_placement(load, 16, 4)
    check_placement(placement, load)
    assert placement.replica_count[0, 3] == 4
    assert placement.ratio[0] == pytest.approx(1.0)


def test_slots_stay_empty_where_a_rank_has_every_expert():
    placement = moe.plan_placement([[5, 3]], 9, 3)
    assert (placement.physical_to_logical >= 0).sum() == 6
    check_placement(placement, [[5, 3]])
    one = moe.plan_placement([[7]], 4, 4)
    assert one.physical_to_logical.tolist() == [[0, 0, 0, 0]]


def test_slots_per_rank_may_differ():
    load = zipf(4, 20)
    placement = moe.plan_placement(load, [12, 1, 0, 6, 5], 5)
    check_placement(placement, load)
    assert placement.slot_start.tolist() == [0, 12, 13, 13, 19, 24]
    assert moe.plan_placement(load, 22, 4).slot_start.tolist() == [0, 6, 12, 17, 22]


def test_slow_ranks_get_less_and_dead_ones_nothing():
    load = zipf(4, 64, seed=3)
    topology = moe.Topology(8, speed=[1, 1, 0.5, 1, 2, 1, 1, 1], alive=np.arange(8) != 5)
    placement = moe.plan_placement(load, 128, 8, topology=topology)
    check_placement(placement, load)
    assert (placement.physical_to_logical[:, placement.slot_start[5] : placement.slot_start[6]] == -1).all()
    assert placement.ratio == pytest.approx(equal_share_ratio(placement, load, topology))
    naive = moe.plan_placement(load, 128, 8, topology=moe.Topology(8, alive=topology.alive))
    assert (placement.ratio < equal_share_ratio(naive, load, topology)).all()


def test_layers_may_lack_experts():
    ragged = moe.plan_placement([[3, 4, 5, 6], [7, 8]], 6, 3)
    padded = moe.plan_placement(np.array([[3, 4, 5, 6], [7, 8, -1, -1]]), 6, 3)
    assert np.array_equal(ragged.physical_to_logical, padded.physical_to_logical)
    assert ragged.replica_count[1].tolist() == [3, 3, 0, 0]
    holes = moe.plan_placement([[-1, 4, -1, 6]], 4, 2)
    check_placement(holes, [[-1, 4, -1, 6]])


def test_floats_are_loads_too():
    load = zipf(3, 64)
    placement = moe.plan_placement(load, 80, 8)
    for scale in (2.0**-70, 1.0, 2.0**300):
        same = moe.plan_placement(load * scale, 80, 8)
        assert np.array_equal(same.physical_to_logical, placement.physical_to_logical)
        assert same.ratio == pytest.approx(placement.ratio, rel=1e-12)
    torch = pytest.importorskip("torch")
    same = moe.plan_placement(torch.from_numpy(load), 80, 8)
    assert np.array_equal(same.physical_to_logical, placement.physical_to_logical)


@pytest.mark.parametrize("threads", [1, 2, 5, 100])
def test_threads_change_nothing(threads):
    load = zipf(13, 64)
    assert np.array_equal(
        moe.plan_placement(load, 80, 8, threads=threads).physical_to_logical,
        moe.plan_placement(load, 80, 8).physical_to_logical,
    )


def test_a_billion_tokens_do_not_overflow():
    load = np.full((1, 256), 10**9 * 8, dtype=np.int64)
    placement = moe.plan_placement(load, 288, 32)
    assert placement.ratio[0] == pytest.approx(equal_share_ratio(placement, load)[0])
    with pytest.raises(ValueError, match=r"less than 2\^53 .* layer 1"):
        moe.plan_placement([[1, 2], [2**53, 1]], 2, 1)


@pytest.mark.parametrize(
    ("load", "slots", "ranks", "options", "error", "words"),
    [
        ([1, 2], 2, 1, {}, ShapeError, r"hint: for one layer use load\[None, :\]"),
        (np.zeros((0, 4)), 4, 1, {}, ShapeError, r"\(0, 4\)"),
        ([[True, False]], 2, 1, {}, DtypeError, "bool"),
        ([["a"]], 2, 1, {}, DtypeError, "`load`"),
        ([[1, 2], [-1, -1]], 4, 2, {}, ShapeError, "got none in 1"),
        ([[1, -3]], 2, 1, {}, ValueError, "got -3 in layer 0, expert 1"),
        ([[1.0, float("nan")]], 2, 1, {}, ValueError, "finite"),
        ([[1.0, float("inf")]], 2, 1, {}, ValueError, "finite"),
        ([[1, 2, 3]], 2, 1, {}, ValueError, "at least 3 on ranks that are alive, the experts of layer 0, got 2"),
        ([[1, 2, 3]], [9, 0], 2, {"topology": moe.Topology(2, alive=[False, True])}, ValueError, "alive.*got 0"),
        ([[1, 2]], 0, 1, {}, ValueError, "`num_slots`"),
        ([[1, 2]], 2.5, 1, {}, ValueError, "`num_slots`"),
        ([[1, 2]], [1, -1, 2], 3, {}, ValueError, "`num_slots`"),
        ([[1, 2]], [1, 1, 2], 2, {}, ShapeError, "`num_slots`"),
        ([[1, 2]], 2, 0, {}, ValueError, "`num_ranks`"),
        ([[1, 2]], 2, 2, {"topology": moe.Topology(3)}, ShapeError, "`topology`"),
        ([[1, 2]], 2, 2, {"threads": 0}, ValueError, "`threads`"),
    ],
)
def test_bad_input_is_refused(load, slots, ranks, options, error, words):
    with pytest.raises(error, match=words):
        moe.plan_placement(load, slots, ranks, **options)


def test_inputs_are_not_written_and_results_can_be_stored():
    load = zipf(2, 16)
    before = load.copy()
    placement = moe.plan_placement(load, 20, 4)
    assert np.array_equal(load, before)
    assert placement.to_dict()["physical_to_logical"] == placement.physical_to_logical.tolist()
    assert "2 layers, 20 slots on 4 ranks" in placement.explain()
