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
