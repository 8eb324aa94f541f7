"""Ranks, nodes and speeds."""

import numpy as np
import pytest

from paretoserve import moe
from paretoserve.errors import ShapeError


def test_speeds_are_thousandths_and_dead_ranks_have_none():
    topology = moe.Topology(3, speed=[1, 0.0014, 2.5], alive=np.array([True, True, False]))
    assert topology.thousandths.tolist() == [1000, 1, 0]
    assert topology.node_size == 3
    assert moe.Topology(4, ranks_per_node=2).node_size == 2


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"num_ranks": 0}, ValueError, "`num_ranks`"),
        ({"num_ranks": 2, "ranks_per_node": 0}, ValueError, "`ranks_per_node`"),
        ({"num_ranks": 2, "speed": [1.0]}, ShapeError, r"\(2,\)"),
        ({"num_ranks": 2, "speed": [1.0, 0.0]}, ValueError, "hint: mark dead ranks"),
        ({"num_ranks": 2, "speed": [1.0, float("nan")]}, ValueError, "`speed`"),
        ({"num_ranks": 2, "speed": ["a", "b"]}, ValueError, "`speed`"),
        ({"num_ranks": 2, "alive": [1, 0]}, ValueError, "booleans"),
        ({"num_ranks": 2, "alive": [False, False]}, ValueError, "at least one"),
    ],
)
def test_impossible_topologies_are_refused(options, error, words):
    with pytest.raises(error, match=words):
        moe.Topology(**options)


TOPOLOGY = moe.Topology(2, speed=[1.0, 0.5])
TRACE = moe.loads.Loads(np.array([[[6, 2, 3, 3]]]))
COST = moe.CostModel(token_ns=1.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda ranks, **more: moe.plan_placement([[6, 2, 3, 3]], 4, ranks, **more).to_dict(),
        lambda ranks, **more: moe.plan_spill([6, 2, 3, 3], ranks, **more).to_dict(),
        lambda ranks, **more: moe.Spiller(4, ranks, **more).plan([6, 2, 3, 3]).to_dict(),
        lambda ranks, **more: moe.replay(TRACE, "split", num_ranks=ranks, cost=COST, **more).to_dict(),
        lambda ranks, **more: moe.compare(TRACE, num_ranks=ranks, cost=COST, **more).to_dict(),
    ],
)
def test_a_topology_may_stand_in_place_of_the_number(call):
    assert call(TOPOLOGY) == call(2, topology=TOPOLOGY) == call(TOPOLOGY, topology=TOPOLOGY)
    assert call(TOPOLOGY) != call(2)
    with pytest.raises(ValueError, match="must not be given if `num_ranks` is one already"):
        call(TOPOLOGY, topology=moe.Topology(2))
    with pytest.raises(ShapeError, match="`topology` must have 3 ranks as `num_ranks` says, got 2"):
        call(3, topology=TOPOLOGY)
    with pytest.raises(TypeError, match="`topology` must be a Topology, got int"):
        call(2, topology=2)
    with pytest.raises(ValueError, match="`num_ranks` must be an integer from 1 to 65536, got 0"):
        call(0)


def test_where_only_the_number_counts_a_topology_is_its_number():
    split = [moe.split_tokens([6, 2, 3, 3], [0, 1, 2, 3], ranks).loads.tolist() for ranks in (TOPOLOGY, 2)]
    assert split[0] == split[1] == [8, 6]
    moves, before = [[0, 0, 0, 1, 2]], [[0, 1, 2, 3]]
    batches = [moe.schedule_moves(moves, previous=before, num_ranks=ranks) for ranks in (TOPOLOGY, 2)]
    assert [batch.tolist() for batch in batches[0]] == [batch.tolist() for batch in batches[1]] == [[0]]
    drawn = [moe.loads.hot_rank(4, 100, 2, num_ranks=ranks).counts.tolist() for ranks in (TOPOLOGY, 2)]
    assert drawn[0] == drawn[1]


def test_the_ratio_of_a_trace_counts_tokens_at_the_speed_of_ranks():
    assert TRACE.ratio(2).tolist() == [[8 / 7]]
    assert TRACE.ratio(TOPOLOGY)[0, 0] == pytest.approx(12 / (14 / 1.5))
    assert TRACE.ratio(moe.Topology(2, alive=[True, False])).tolist() == [[np.inf]]
    assert moe.loads.Loads(np.zeros((1, 1, 4), dtype=int)).ratio(TOPOLOGY).tolist() == [[1.0]]
    with pytest.raises(ValueError, match="`num_ranks` must be an integer"):
        TRACE.ratio(0)


def test_published_signatures_take_numbers_only():
    with pytest.raises(ValueError, match="`num_gpus` must be an integer"):
        moe.compat.eplb.rebalance_experts(np.ones((1, 4)), 4, 1, 1, TOPOLOGY)
    with pytest.raises(ValueError, match="`ep_size` must be an integer"):
        moe.compat.llep.compute_plan([6, 2, 3, 3], TOPOLOGY, 0, 2)
