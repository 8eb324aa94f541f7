"""Adaptive effort and the rewards that make models efficient."""

import itertools

import numpy as np
import pytest

from paretoserve.errors import ShapeError
from paretoserve.metrics.effort import calibrate_effort, effort_budget, effort_reward
from paretoserve.metrics.rewards import (
    code_reward,
    group_advantages,
    hdpo_accuracy_reward,
    hdpo_loss,
    hdpo_tool_reward,
    tool_advantages,
)

LEVELS = [-1.0, -0.5, 0.25, 0.5, 1.0]


def test_the_reward_needs_a_correct_answer_within_the_budget():
    assert effort_reward(1, [1900, 2100, 4000], [0.5, 0.5, 1.0], 4000).tolist() == [1, 0, 1]
    assert effort_reward([0, 1, 0.5], 100, 1, 100).tolist() == [0, 1, 0.5]
    assert effort_budget(0.5, 4000) == 2000
    with pytest.raises(ValueError, match=r"`ratio` .* above 0 and at most 1, got 0.0"):
        effort_budget(0, 4000)
    with pytest.raises(ValueError, match=r"`tokens` .* got -1.0"):
        effort_reward(True, -1, 1, 1)


def test_calibration_inverts_a_rising_curve():
    ratio = np.array([0.1, 0.3, 0.5, 0.9, 1.0])
    tokens = np.array([300, 800, 900, 2500, 4000])
    np.testing.assert_allclose(calibrate_effort(tokens, ratio, tokens), ratio)
    wanted = np.linspace(300, 4000, 41)
    np.testing.assert_allclose(np.interp(calibrate_effort(wanted, ratio, tokens), ratio, tokens), wanted)
    assert calibrate_effort(5, [0.7], [5]) == 0.7


def test_calibration_pools_what_falls_by_least_squares():
    ratio = np.linspace(0.2, 1, 5)
    tokens = np.array([100.0, 300, 200, 250, 900])
    pooled = np.array([100, 250, 250, 250, 900])
    assert calibrate_effort(250, ratio, tokens) == ratio[1], "on a plateau the least effort"
    assert calibrate_effort(575, ratio, tokens) == pytest.approx(0.9)
    error = ((pooled - tokens) ** 2).sum()
    for steps in itertools.product(range(100, 901, 50), repeat=5):
        if list(steps) == sorted(steps):
            assert ((np.array(steps) - tokens) ** 2).sum() >= error


def test_bad_calibrations_are_refused():
    with pytest.raises(ValueError, match=r"`target_tokens` .* of at least 1 and at most 2, got 3.0 in row 1"):
        calibrate_effort([1, 3], [0.5, 1], [1, 2])
    with pytest.raises(ValueError, match=r"`ratio` must rise, got 0.5 after 0.5 in row 1"):
        calibrate_effort(1, [0.5, 0.5], [1, 2])
    with pytest.raises(ShapeError, match="`tokens` must have 2 rows"):
        calibrate_effort(1, [0.5, 1], [1])


def test_rewards_of_few_tools():
    assert hdpo_accuracy_reward([1, 1, 0, 0], [1, 0, 1, 0]).tolist() == [1.0, 0.9, 0.1, 0.0]
    np.testing.assert_array_equal(hdpo_tool_reward([1, 1, 1, 0], [0, 1, 3, 0]), [1, 0.5, 0.25, 0])
    assert hdpo_loss(2.0, 1.0) == pytest.approx(2.15)


def test_advantage_of_few_tools_among_correct_rollouts():
    expected = [-0.21822, -0.87287, 1.09109]
    np.testing.assert_allclose(tool_advantages([1, 1, 1], [1, 3, 0]), expected, atol=5e-6)
    mixed = tool_advantages([0, 1, 1, 0, 1], [0, 1, 3, 9, 0])
    np.testing.assert_allclose(mixed[[1, 2, 4]], expected, atol=5e-6)
    assert mixed[[0, 3]].tolist() == [0, 0]


def test_the_comment_in_the_code_is_an_option():
    got = tool_advantages([1, 1, 1], [1, 3, 0], without_tools=False)
    np.testing.assert_allclose(got, [2**-0.5, -(2**-0.5), 0], atol=1e-5)


def test_fewer_than_two_correct_rollouts_have_no_advantage():
    rows = tool_advantages([[1, 0, 0], [0, 0, 0], [1, 1, 0]], [0, 1, 2])
    assert rows[:2].tolist() == [[0] * 3] * 2
    assert rows[2, 0] == -rows[2, 1] > 0
    assert tool_advantages([1, 1, 1], [2, 2, 2]).tolist() == [0, 0, 0]


def test_advantages_are_those_of_a_plain_loop():
    rng = np.random.default_rng(7)
    rewards, qualifies = rng.normal(size=(50, 6)), rng.random((50, 6)) < 0.6
    got = group_advantages(rewards, qualifies=qualifies)
    for reward, taken, advantage in zip(rewards, qualifies, got, strict=True):
        expected = np.zeros(6)
        if taken.sum() >= 2:
            chosen = reward[taken]
            expected[taken] = (chosen - chosen.mean()) / (chosen.std(ddof=1) + 1e-6)
        np.testing.assert_allclose(advantage, expected, atol=1e-12)
    np.testing.assert_allclose(got.sum(axis=-1), 0, atol=1e-9)


def test_bad_rollouts_are_refused():
    with pytest.raises(ShapeError, match="`rewards` must have shape"):
        group_advantages(1.0)
    with pytest.raises(ValueError, match=r"`correct` must be whole numbers, got 0.5 in row 1"):
        hdpo_tool_reward([1, 0.5], 1)
    with pytest.raises(ValueError, match=r"`epsilon` .* above 0, got 0.0"):
        group_advantages([1.0, 2.0], epsilon=0)
    with pytest.raises(ValueError, match=r"`tool_weight` .* got -1.0"):
        hdpo_loss(1, 1, tool_weight=-1)


def test_code_is_rewarded_in_order():
    outcomes = {
        "fails": (False, 1.0, 1, 2),
        "wrong": (True, 0.0, 1, 2),
        "partial": (True, 0.99, 1, 2),
        "slower": (True, 1.0, 2, 2),
        "faster": (True, 1.0, 1, 2),
    }
    rewards = [code_reward(*outcome, levels=LEVELS) for outcome in outcomes.values()]
    assert rewards == LEVELS
    assert code_reward(True, [0.0, 1.0], [[1], [3]], 2, levels=LEVELS).tolist() == [[-0.5, 1.0], [-0.5, 0.5]]
    with pytest.raises(TypeError, match="levels"):
        code_reward(True, 1, 1, 1)
    with pytest.raises(ValueError, match="`levels` must rise"):
        code_reward(True, 1, 1, 1, levels=[0, 1, 1, 2, 3])
    with pytest.raises(ShapeError, match="`levels` must have 5 entries, got 4"):
        code_reward(True, 1, 1, 1, levels=[0, 1, 2, 3])
