"""Groups on nodes, and experts that take different amounts of memory."""

import numpy as np
import pytest

from _placements import check_placement, ranks_of_slots
from paretoserve import moe
from paretoserve.errors import ShapeError


def used(placement, size):
    """Memory of each rank in each layer."""
    rank_of = ranks_of_slots(placement)
    memory = np.zeros((len(placement.physical_to_logical), placement.num_ranks), dtype=int)
    sizes = np.broadcast_to(size, (len(memory), placement.replica_count.shape[1]))
    for layer, held in enumerate(placement.physical_to_logical):
        filled = held >= 0
        np.add.at(memory[layer], rank_of[filled], sizes[layer][held[filled]])
    return memory


@pytest.mark.parametrize(("ranks", "per_node", "slots"), [(8, 4, 40), (6, 2, 40), (8, 3, 48)])
def test_groups_stay_on_one_node(ranks, per_node, slots):
    rng = np.random.default_rng(0)
    load = rng.integers(1, 1000, (4, 32))
    topology = moe.Topology(ranks, ranks_per_node=per_node)
    options = {"topology": topology, "groups": 8, "policy": "hierarchical"}
    placement = moe.plan_placement(load, slots, ranks, **options)
    check_placement(placement, load)
    node_of = ranks_of_slots(placement) // per_node
    homes = [[set(node_of[held // 4 == group]) for group in range(8)] for held in placement.physical_to_logical]
    assert all(len(home) == 1 for layer in homes for home in layer)
    later = moe.plan_placement(rng.integers(1, 1000, (4, 32)), slots, ranks, previous=placement, **options)
    assert homes == [[set(node_of[held // 4 == group]) for group in range(8)] for held in later.physical_to_logical]


def test_groups_that_fit_no_node_are_refused():
    topology = moe.Topology(4, ranks_per_node=2)
    with pytest.raises(ValueError, match=r"`num_slots` must be enough on each node for whole groups.*\[4, 4\]"):
        moe.plan_placement([[1] * 6], 8, 4, topology=topology, groups=1, policy="hierarchical")
    with pytest.raises(ValueError, match="`groups` must be a divisor of 6"):
        moe.plan_placement([[1] * 6], 8, 4, topology=topology, groups=4, policy="hierarchical")


def test_a_dead_node_gets_no_groups():
    topology = moe.Topology(4, ranks_per_node=2, alive=[True, True, False, False])
    placement = moe.plan_placement([[1] * 6], 16, 4, topology=topology, groups=2, policy="hierarchical")
    assert (placement.physical_to_logical[0, 8:] == -1).all()
    check_placement(placement, [[1] * 6])


@pytest.mark.parametrize("shape", [(32,), (3, 32)])
def test_sizes_stay_within_the_capacity(shape):
    rng = np.random.default_rng(5)
    load = rng.integers(1, 1000, (3, 32))
    size = rng.choice([1, 2, 4, 8], shape)
    capacity = -(-int(np.broadcast_to(size, (3, 32)).sum(axis=1).max()) * 5 // 16)
    placement = moe.plan_placement(load, 64, 4, size=size, capacity=capacity)
    check_placement(placement, load)
    assert used(placement, size).max() <= capacity
    assert placement.ratio.max() < 1.1
    later = rng.integers(1, 1000, (3, 32))
    again = moe.plan_placement(later, 64, 4, size=size, capacity=capacity, previous=placement)
    check_placement(again, later)
    assert used(again, size).max() <= capacity


def test_a_tight_capacity_is_met_whatever_the_loads_say():
    # By load alone, 6 and 5 share a rank with nothing left for one of the 4s.
    size, load = [6, 5, 5, 4, 4, 4, 2], [1, 9, 9, 5, 5, 5, 100]
    placement = moe.plan_placement([load], [7, 7], 2, size=size, capacity=15)
    assert used(placement, size)[0].tolist() == [15, 15]


def test_ranks_may_differ_in_capacity():
    placement = moe.plan_placement([[5, 5, 5, 5]], 8, 2, size=[3, 3, 3, 3], capacity=[3, 9])
    assert used(placement, [3, 3, 3, 3])[0].tolist() == [3, 9]


def test_loads_of_other_shapes_say_what_to_do():
    with pytest.raises(ShapeError, match=r"got \(4,\)\nhint: for one layer use load\[None, :\]"):
        moe.plan_placement([1, 2, 3, 4], 4, 2)
    with pytest.raises(ShapeError, match=r"got \(3, 1, 4\)\nhint: add up windows of time, load\.sum\(axis=0\)"):
        moe.plan_placement(np.ones((3, 1, 4)), 4, 2)


def test_moving_averages_may_be_bfloat16():
    torch = pytest.importorskip("torch")
    load = torch.tensor([[90.0, 30, 30, 30]])
    found = moe.plan_placement(load.to(torch.bfloat16), 6, 3)
    assert found.to_dict() == moe.plan_placement(load, 6, 3).to_dict()
