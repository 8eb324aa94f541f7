"""Dollars per attempt and per correct answer, the frontier over models and people, and its trend."""

import itertools

import numpy as np
import pytest

from paretoserve.errors import DtypeError, ShapeError
from paretoserve.metrics.cost import HUMAN_PRICES, api_cost, cost_of_pass, expert_cost
from paretoserve.metrics.frontier import essentialness, frontier_cost, frontier_history, technique_gain
from paretoserve.metrics.trends import fit_trend, half_life

INF = np.inf
VALUES = np.array([[0.02, 0.5, INF], [0.05, 0.1, INF], [1.0, 0.08, 30]])


def test_cost_of_pass_is_cost_over_success():
    np.testing.assert_array_equal(cost_of_pass([1.0, 0.0, 0.0], [0.5, 1.0, 0.0]), [2.0, 0.0, INF])
    assert isinstance(cost_of_pass(1, 0.5), float)
    assert cost_of_pass(np.ones((2, 1)), np.full(3, 0.5)).shape == (2, 3)


def test_the_abstract_of_efficient_agents_gives_another_share_than_it_states():
    saved = 1 - cost_of_pass(0.228, 0.967) / cost_of_pass(0.398, 1.0)
    assert 100 * saved == pytest.approx(40.76, abs=0.005)  # Stated: 28.4 %.


@pytest.mark.parametrize(
    ("cost", "success", "message"),
    [
        ([1, -1], 1, "`cost` .* got -1.0 in row 1"),
        (1, [0.5, 1.5], "`success` .* got 1.5 in row 1"),
        (1, [0.5, np.nan], "`success` .* got nan in row 1"),
        ([1, INF], 1, "`cost` .* got inf in row 1"),
        ([1, 2], [1, 1, 1], "`cost` .2,., `success` .3,."),
    ],
)
def test_bad_costs_are_named(cost, success, message):
    with pytest.raises(ValueError, match=message):
        cost_of_pass(cost, success)


def test_every_call_of_an_attempt_is_charged():
    prices = {"usd_per_input_token": 3e-6, "usd_per_output_token": 15e-6}
    assert api_cost(1000, 100, **prices) == pytest.approx(0.0045)
    attempts = api_cost([[1000, 2000], [500, 0]], [[100, 50], [10, 0]], **prices)
    np.testing.assert_allclose(attempts, [0.009 + 0.00225, 0.0015 + 0.00015])
    mixed = api_cost([1000, 1000], [0, 0], usd_per_input_token=[1e-6, 2e-6], usd_per_output_token=0)
    assert mixed == pytest.approx(0.003)
    with pytest.raises(ValueError, match=r"`usd_per_input_token` .* got -1.0"):
        api_cost(1, 1, usd_per_input_token=-1, usd_per_output_token=0)


def test_human_prices_are_those_of_the_paper():
    assert list(HUMAN_PRICES.values()) == [0.02, 3.5, 0.1, 58, 12, 20]
    assert expert_cost([29, 58], 2).tolist() == [58, 116]


def test_efficient_agents_by_the_formula_is_not_what_its_abstract_states():
    reduction = 1 - cost_of_pass(0.228 / 0.398, 0.967)
    assert reduction == pytest.approx(0.4076, abs=5e-5)
    assert reduction != pytest.approx(0.284, abs=0.1)


def test_the_frontier_is_the_mean_of_the_cheapest():
    assert frontier_cost(VALUES, baseline=20) == pytest.approx(6.7)
    assert frontier_cost(VALUES) == pytest.approx(10.0333, abs=5e-5)
    assert frontier_cost(VALUES[:0], baseline=20) == 20
    assert frontier_cost(VALUES, baseline=[20, 0.01, 20]) == pytest.approx((0.02 + 0.01 + 20) / 3)
    assert frontier_cost(VALUES, baseline=20) < VALUES.mean(axis=1).min()


def test_an_unsolved_problem_is_an_error_without_a_baseline():
    with pytest.raises(ValueError, match="`values` must have a finite cost for each problem, got none for problem 2"):
        frontier_cost(VALUES[:2])
    with pytest.raises(ValueError, match="got none for problem 0"):
        frontier_cost(VALUES[:0])


def test_the_frontier_falls_as_models_come():
    history = frontier_history(VALUES, baseline=20)
    np.testing.assert_allclose(history, [20, 6.84, 6.7067, 6.7], atol=5e-5)
    assert (-np.diff(history) >= 0).all()
    for count in range(4):
        assert history[count] == pytest.approx(frontier_cost(VALUES[:count], baseline=20))
    with pytest.raises(DtypeError, match="`baseline`"):
        frontier_history(VALUES, baseline=None)


def test_essentialness_of_models_and_families():
    single = essentialness(VALUES, ["a", "b", "c"], baseline=20)
    assert single["a"] == pytest.approx(1.4903e-3, abs=5e-8)
    assert single["b"] == 0
    assert single["c"] == pytest.approx(9.940e-4, abs=5e-8)
    both = essentialness(VALUES, ["light", "light", "reasoning"], baseline=20)
    assert both["light"] == pytest.approx(1 - 6.7 / frontier_cost(VALUES[2:], baseline=20))
    assert essentialness(VALUES, ["all"] * 3, baseline=20) == {"all": pytest.approx(1 - 6.7 / 20)}
    assert essentialness(np.zeros((2, 2)), ["a", "b"]) == {"a": 0.0, "b": 0.0}
    with pytest.raises(ValueError, match=r"`values` without `c` must have .* got none for problem 2"):
        essentialness(VALUES, ["a", "b", "c"])
    with pytest.raises(ShapeError, match="`families` must name one family per model, 3, got 2"):
        essentialness(VALUES, ["a", "b"], baseline=20)


def test_a_technique_stands_beside_the_plain_models():
    rng = np.random.default_rng(3)
    for _ in range(50):
        base, more = rng.exponential(1, (2, 3, 5))
        more[rng.random(more.shape) < 0.3] = INF
        gain = technique_gain(base, more, baseline=2)
        together = frontier_cost(np.vstack([base, more]), baseline=2)
        assert gain == pytest.approx(1 - together / frontier_cost(base, baseline=2))
        assert 0 <= gain < 1
    assert technique_gain(VALUES, VALUES * 2, baseline=20) == 0
    assert technique_gain([[0.0]], [[1.0]]) == 0
    with pytest.raises(ShapeError, match="`augmented` must have 3 problems"):
        technique_gain(VALUES, [[1.0]], baseline=20)


@pytest.mark.parametrize(
    "function", [frontier_cost, lambda values, baseline: frontier_history(values, baseline=baseline)]
)
def test_tables_of_costs_are_checked(function):
    with pytest.raises(ShapeError, match=r"`values` must have shape \(models, problems\)"):
        function([1.0, 2.0], baseline=1)
    with pytest.raises(ShapeError, match=r"got \(2, 0\)"):
        function(np.ones((2, 0)), baseline=1)
    with pytest.raises(ValueError, match=r"`values` .* got -1.0 at \(0, 1\)"):
        function([[1.0, -1.0]], baseline=1)
    with pytest.raises(ValueError, match="`baseline` must be finite"):
        function(VALUES, baseline=INF)
    with pytest.raises(ShapeError, match="`baseline` must be one number or 3"):
        function(VALUES, baseline=[1, 2])


@pytest.mark.parametrize(("rate", "months"), [(0.26660, 2.6), (0.09763, 7.1)])
def test_published_half_lives(rate, months):
    assert half_life(rate) == pytest.approx(months, abs=0.001)
    time = np.array([0, 1.5, 3, 4, 6.5, 9, 12, 14, 20])
    trend = fit_trend(time, 0.8 * np.exp(-rate * time) + 0.15)
    assert trend.half_life == pytest.approx(months, abs=0.001)
    assert (trend.amplitude, trend.floor) == (pytest.approx(0.8, abs=1e-5), pytest.approx(0.15, abs=1e-5))
    assert trend.residual < 1e-6
    assert trend.predict(3) == pytest.approx(0.8 * np.exp(-rate * 3) + 0.15)


def test_a_trend_does_not_depend_on_the_origin_of_time():
    time = np.arange(10.0)
    cost = 2 * np.exp(-0.3 * time) + 1 + 0.01 * np.cos(7 * time)
    early, late = fit_trend(time, cost), fit_trend(time + 24, cost)
    assert late.half_life == pytest.approx(early.half_life)
    np.testing.assert_allclose(late.predict(time + 24), early.predict(time))


def test_the_trend_is_the_best_of_a_grid():
    time = np.arange(8.0)
    cost = np.array([1, 0.7, 0.55, 0.38, 0.41, 0.2, 0.25, 0.15])
    trend = fit_trend(time, cost)
    grid = itertools.product(np.linspace(0.5, 1.2, 15), np.linspace(0.05, 1, 20), np.linspace(-0.2, 0.3, 11))
    errors = [np.sqrt(np.mean((a * np.exp(-b * time) + c - cost) ** 2)) for a, b, c in grid]
    assert trend.residual <= min(errors)


def test_bad_series_are_refused():
    with pytest.raises(ValueError, match="`time` must rise, got 1 after 1 in row 2"):
        fit_trend([0, 1, 1, 2], [4, 3, 2, 1])
    with pytest.raises(ShapeError, match="one length of 3 or more"):
        fit_trend([0, 1], [2, 1])
    with pytest.raises(ValueError, match="`cost` must decay"):
        fit_trend([0, 1, 2, 3], [1, 2, 2.5, 2.75])
    with pytest.raises(ValueError, match=r"`cost` .* got inf in row 1"):
        fit_trend([0, 1, 2], [1, INF, 0])
    with pytest.raises(ValueError, match="`rate` must be finite numbers above 0"):
        half_life(0)
