"""Batches of moves: no rank talks to two, no weights are lost on the way, and the result is the new placement."""

import numpy as np
import pytest

from paretoserve import moe
from paretoserve.errors import ShapeError


def carried_out(before, moves, batches):
    """Return the slots after the batches, each of which reads everything before it writes."""
    maps = np.array(before)
    for batch in batches:
        for layer, expert, source, _, _ in moves[batch]:
            if source >= 0:
                assert expert in maps[layer], f"expert {expert} of layer {layer} was overwritten before it was read"
        for layer, expert, _, _, slot in moves[batch]:
            maps[layer, slot] = expert
    return maps


def test_real_placements_arrive_in_small_batches():
    generator = np.random.default_rng(1)
    for case in range(20):
        ranks, experts, layers = int(generator.integers(2, 9)), 32, 3
        slots = experts + ranks * int(generator.integers(0, 3))
        slots += -slots % ranks
        first = moe.plan_placement(generator.lognormal(0, 1, (layers, experts)), slots, ranks)
        second = moe.plan_placement(
            generator.lognormal(0, 1, (layers, experts)), slots, ranks, previous=first, target=1.0
        )
        batches = moe.schedule_moves(second, previous=first, expert_bytes=10, max_bytes_per_step=20)
        rows = np.concatenate(batches) if batches else np.zeros(0, dtype=np.int64)
        assert sorted(rows.tolist()) == list(range(len(second.moves))), case
        after = carried_out(first.physical_to_logical, second.moves, batches)
        used = second.physical_to_logical >= 0
        assert (after[used] == second.physical_to_logical[used]).all(), case


def test_a_rank_talks_to_one_and_no_more_than_allowed():
    moves = np.array([[0, e, 0, 1 + e % 3, 8 + 8 * (e % 3) + e // 3] for e in range(6)])
    before = [[*range(8), *[-1] * 24]]
    batches = moe.schedule_moves(moves, previous=before, num_ranks=4)
    assert [batch.tolist() for batch in batches] == [[0, 3], [1, 4], [2, 5]]
    limited = moe.schedule_moves(moves, previous=before, num_ranks=4, expert_bytes=7, max_bytes_per_step=13)
    assert [len(batch) for batch in limited] == [1] * 6


def test_a_slot_is_overwritten_after_it_was_read():
    # Rank 0 gets expert 3 into the slot of expert 0, which ranks 1 and 2 want.
    moves = [[0, 3, 3, 0, 0], [0, 0, 0, 1, 1], [0, 0, 0, 2, 2]]
    batches = moe.schedule_moves(moves, previous=[[0, 1, 2, 3]], num_ranks=4)
    assert [batch.tolist() for batch in batches] == [[1], [0, 2]]


def test_circles_happen_at_once():
    moves = [[0, 0, 0, 1, 1], [0, 1, 1, 2, 2], [0, 2, 2, 0, 0]]
    assert [batch.tolist() for batch in moe.schedule_moves(moves, previous=[[0, 1, 2]], num_ranks=3)] == [[0, 1, 2]]
    # Two swaps of rank 0 with others that each overwrite what the other swap reads cannot be taken apart.
    knot = [[0, 0, 0, 1, 2], [0, 2, 1, 0, 1], [0, 1, 0, 2, 4], [0, 4, 2, 0, 0]]
    batches = moe.schedule_moves(knot, previous=[[0, 1, 2, 3, 4, 5]], num_ranks=3)
    assert carried_out([[0, 1, 2, 3, 4, 5]], np.array(knot), batches).tolist() == [[4, 2, 0, 3, 1, 5]]


def test_moves_within_a_rank_and_from_elsewhere_take_no_link():
    moves = [[0, 9, -1, 0, 1], [0, 0, 0, 0, 2], [0, 1, 0, 1, 3], [0, 8, -1, 1, 4]]
    batches = moe.schedule_moves(moves, previous=[[0, 1, 2, 3, 4, 5]], num_ranks=2)
    assert [batch.tolist() for batch in batches] == [[0, 1, 2, 3]]
    assert moe.schedule_moves([], previous=[[0, 1]], num_ranks=2) == []


@pytest.mark.parametrize(
    ("moves", "options", "error", "says"),
    [
        ([[0, 1, 0, 1]], {}, ShapeError, "num_moves, 5"),
        ([[0, 3, 0, 1, 2]], {}, ValueError, "sources that hold the expert"),
        ([[0, 0, 0, 1, 0]], {}, ValueError, "must fit"),
        ([[1, 0, 0, 1, 2]], {}, ValueError, "must fit"),
        ([[0, 0, 0, 1, 9]], {}, ValueError, "must fit"),
        ([[0, 0, 0, 1, 2]], {"num_ranks": None}, ValueError, "`num_ranks` must be given"),
        ([[0, 0, 0, 1, 2]], {"expert_bytes": 8, "max_bytes_per_step": 7}, ValueError, "at least one expert, 8"),
    ],
)
def test_wrong_input_is_refused(moves, options, error, says):
    with pytest.raises(error, match=says):
        moe.schedule_moves(moves, **({"previous": [[0, 1, 2, 3]], "num_ranks": 2} | options))
