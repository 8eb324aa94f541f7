"""Limits on turns, what turns cost, and critics in a row."""

import itertools

import numpy as np
import pytest

from paretoserve.errors import ShapeError
from paretoserve.metrics.agents import TurnController, critics_cost, interception_rate, turn_input_tokens, turn_limit


def test_input_tokens_of_growing_contexts():
    assert turn_input_tokens([10, 20, 40], 5000, 1500).tolist() == [117_500, 385_000, 1_370_000]
    for turns in range(8):
        assert turn_input_tokens(turns, 70, 9) == sum(70 + 9 * turn for turn in range(turns))


@pytest.mark.parametrize("percentile", [25, 50, 75, 100])
def test_a_limit_is_the_least_that_ends_the_share_of_runs(percentile):
    rng = np.random.default_rng(percentile)
    for _ in range(20):
        runs = rng.integers(1, 60, rng.integers(1, 30))
        limit = turn_limit(runs, percentile)
        assert np.mean(runs <= limit) >= percentile / 100
        assert np.mean(runs < limit) < percentile / 100


def test_dynamic_limits_never_cost_more_than_the_cap():
    rng = np.random.default_rng(1)
    needed = rng.integers(1, 100, 500)
    for limit, extension, more in itertools.product([1, 10, 30], [1, 7, 50], [1, 13, 60]):
        dynamic = TurnController(limit, extension=extension, cap=limit + more)
        at_cap, fixed = TurnController(limit + more), TurnController(limit)
        cost = turn_input_tokens(dynamic.turns(needed), 5000, 1500)
        assert (cost <= turn_input_tokens(at_cap.most, 5000, 1500)).all()
        assert (dynamic.turns(needed) == at_cap.turns(needed)).all()
        assert (dynamic.turns(needed) >= fixed.turns(needed)).all()
        extensions = dynamic.num_extensions(needed)
        assert (dynamic.allowed(extensions) >= dynamic.turns(needed)).all()
        least = np.maximum(extensions - 1, 0)
        assert ((extensions == 0) | (dynamic.allowed(least) < dynamic.turns(needed))).all()


def test_a_fixed_limit_knows_no_extension():
    control = TurnController(12)
    assert (control.most, control.turns(40), control.num_extensions(40), control.allowed(3)) == (12, 12, 0, 12)
    assert [control.reminder(turn) for turn in (2, 11, 12, 15)] == [
        "10 of 12 turns are left",
        "1 of 12 turns is left",
        "0 of 12 turns are left",
        "0 of 12 turns are left",
    ]
    extended = TurnController(12, extension=5, cap=15)
    assert extended.reminder(12, num_extensions=1) == "3 of 15 turns are left"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 0}, r"`limit` .* of at least 1 .*, got 0.0"),
        ({"limit": 5, "cap": 4}, "`cap` must be at least `limit`, 5, got 4"),
        ({"limit": 5, "cap": 9}, "`extension` must be 1 or more to go from 5 turns to 9, got 0"),
        ({"limit": 5.5}, "`limit` must be whole numbers"),
    ],
)
def test_bad_controllers_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TurnController(**options)


def test_critics_stop_most_errors():
    assert interception_rate([0.6, 0.5, 0.5]) == pytest.approx(0.90)
    assert interception_rate([0.3]) == pytest.approx(0.3)
    assert interception_rate([]) == 0
    assert interception_rate([[1, 0], [0, 0]]).tolist() == [1, 0]
    rng = np.random.default_rng(0)
    detection = np.array([0.6, 0.5, 0.5])
    share = (rng.random((200_000, 3)) < detection).any(axis=1).mean()
    assert interception_rate(detection) == pytest.approx(share, abs=0.003)


def test_each_critic_sees_what_the_ones_before_let_pass():
    assert critics_cost([1, 2, 4], [0.9, 0.5, 0.5]) == pytest.approx(1 + 2 * 0.9 + 4 * 0.45)
    assert critics_cost([1, 2, 4], 0) == 1
    assert critics_cost([1, 2, 4], 1) == 7
    assert critics_cost([[1, 2], [3, 4]], [0.5, 0.5]).tolist() == [2, 5]
    detection = np.array([0.6, 0.5, 0.5])
    assert critics_cost([1, 1, 1], 1 - detection) <= 3


def test_bad_critics_are_refused():
    with pytest.raises(ShapeError, match="`detection` must have shape"):
        interception_rate(0.5)
    with pytest.raises(ShapeError, match="`cost` must have shape"):
        critics_cost(1, 1)
    with pytest.raises(ValueError, match=r"`detection` .* got 1.5 in row 1"):
        interception_rate([0.5, 1.5])
    with pytest.raises(ValueError, match=r"`cost` .* got -1.0 in row 0"):
        critics_cost([-1], [1])
    with pytest.raises(ValueError, match=r"`percentile` .* above 0 and at most 100, got 0.0"):
        turn_limit([1], 0)
    with pytest.raises(ShapeError, match="`turns`"):
        turn_limit([], 50)
    with pytest.raises(ValueError, match=r"`num_turns` must be whole numbers, got 1.5"):
        turn_input_tokens(1.5, 1, 1)
