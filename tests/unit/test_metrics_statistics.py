"""Weight of evidence, information value, stability index: one identity, and standard errors against simulation."""

import numpy as np
import pytest

from paretoserve.errors import ShapeError
from paretoserve.metrics.statistics import (
    bootstrap_divergence,
    information_value,
    population_stability_index,
    stability_test,
    weight_of_evidence,
)

GOODS, BADS = [400, 350, 250], [20, 30, 50]


def simulated(p, num_p, q, num_q, draws, seed):
    random = np.random.default_rng(seed)
    one = random.multinomial(num_p, p, size=draws) / num_p
    two = random.multinomial(num_q, q, size=draws) / num_q
    return ((one - two) * np.log(one / two)).sum(axis=1), np.log(one / two)


def test_published_vector():
    weights = weight_of_evidence(GOODS, BADS)
    assert weights.value == pytest.approx([0.693147, 0.154151, -0.693147], abs=5e-7)
    assert weights.standard_error == pytest.approx([0.203715, 0.158715, 0.114018], abs=5e-7)
    usual = weight_of_evidence(GOODS, BADS, multinomial=False).standard_error
    assert usual == pytest.approx([0.229129, 0.190238, 0.154919], abs=5e-7)
    information = information_value(GOODS, BADS)
    assert information.value == pytest.approx(0.3196237652, abs=5e-11)
    assert information.standard_error == pytest.approx(0.119125, abs=5e-7)
    assert stability_test(GOODS, BADS).mean == pytest.approx(0.022)


@pytest.mark.parametrize("seed", range(10))
def test_information_value_is_the_stability_index_is_jeffreys_divergence(seed):
    random = np.random.default_rng(seed)
    goods, bads = random.integers(1, 500, 8), random.integers(1, 500, 8)
    p, q = goods / goods.sum(), bads / bads.sum()
    jeffreys = (p * np.log(p / q)).sum() + (q * np.log(q / p)).sum()
    assert information_value(goods, bads).value == pytest.approx(jeffreys, rel=1e-12)
    assert population_stability_index(goods, bads) == information_value(goods, bads)
    assert population_stability_index(bads, goods).value == pytest.approx(jeffreys, rel=1e-12)
    assert population_stability_index(bads, goods).standard_error == pytest.approx(
        information_value(goods, bads).standard_error, rel=1e-12
    )


def test_standard_errors_agree_with_simulation():
    p, q = np.array(GOODS) / 1000, np.array(BADS) / 100
    values, weights = simulated(p, 1000, q, 100, 40_000, seed=0)
    # The published simulation: 0.1242 with 40,000 draws; the delta method leaves out terms of higher order.
    assert values.std() == pytest.approx(0.1242, abs=0.0015)
    assert information_value(GOODS, BADS).standard_error == pytest.approx(values.std(), rel=0.06)
    assert weight_of_evidence(GOODS, BADS).standard_error == pytest.approx(weights.std(axis=0), rel=0.08)
    # With a hundred times the counts only the first order is left, to within the error of the simulation.
    goods, bads = np.array(GOODS) * 100, np.array(BADS) * 100
    values, weights = simulated(p, 100_000, q, 10_000, 40_000, seed=1)
    assert information_value(goods, bads).standard_error == pytest.approx(values.std(), rel=0.015)
    assert weight_of_evidence(goods, bads).standard_error == pytest.approx(weights.std(axis=0), rel=0.015)


def test_weights_taken_as_known_give_half_the_error():
    weights = weight_of_evidence(GOODS, BADS, multinomial=False)
    p, q = np.array(GOODS) / 1000, np.array(BADS) / 100
    fixed = np.sqrt((((p - q) * weights.standard_error) ** 2).sum())
    assert fixed == pytest.approx(0.0607, abs=5e-5)
    assert information_value(GOODS, BADS).standard_error / fixed == pytest.approx(2, abs=0.05)


def test_equal_populations_follow_chi_squared():
    p = np.array([0.1, 0.2, 0.3, 0.4])
    values, _ = simulated(p, 2000, p, 3000, 20_000, seed=2)
    scale = 1 / 2000 + 1 / 3000
    assert values.mean() == pytest.approx(scale * 3, rel=0.03)
    # 7.815 is the 95th percentile of three degrees.
    assert np.mean(values / scale > 7.815) == pytest.approx(0.05, abs=0.006)


def test_p_values_equal_scipys():
    stats = pytest.importorskip("scipy.stats")
    random = np.random.default_rng(3)
    for bins in (2, 3, 4, 9, 50):
        for spread in (1, 20, 100):
            then, now = 1000 + random.integers(0, spread, bins), 1000 + random.integers(0, spread, bins)
            test = stability_test(then, now)
            assert test.degrees == bins - 1
            assert test.p_value == pytest.approx(stats.chi2.sf(test.statistic, bins - 1), rel=1e-9, abs=1e-300)
    assert stability_test(GOODS, BADS).p_value == pytest.approx(4.9e-7, rel=0.02)


def test_equal_shares_have_no_divergence():
    same = population_stability_index([10, 20, 30], [100, 200, 300])
    assert (same.value, same.standard_error) == (0.0, 0.0)
    assert stability_test([10, 20, 30], [100, 200, 300]).p_value == 1.0
    assert information_value([7], [9]).value == 0


def test_bootstrap_agrees_with_the_delta_method_and_repeats():
    goods, bads = np.array(GOODS) * 20, np.array(BADS) * 20
    spread = bootstrap_divergence(goods, bads, seed=5)
    assert spread.standard_error == pytest.approx(information_value(goods, bads).standard_error, rel=0.06)
    assert spread.low < information_value(goods, bads).value < spread.high
    assert bootstrap_divergence(goods, bads, seed=5) == spread
    assert bootstrap_divergence(goods, bads, seed=6) != spread
    narrow = bootstrap_divergence(goods, bads, seed=5, level=0.5)
    assert spread.low < narrow.low < narrow.high < spread.high


def test_smoothing_takes_empty_bins_on_request():
    assert np.isfinite(information_value([0, 10], [5, 5], smoothing=0.5).value)
    assert information_value([0, 10], [5, 5], smoothing=0.5) == information_value([0.5, 10.5], [5.5, 5.5])
    assert bootstrap_divergence([1, 10], [5, 5], seed=0, smoothing=0.5).standard_error > 0


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: information_value([0, 10], [5, 5]), ValueError, "`goods` must not be 0, got 0 in row 0.*\nhint"),
        (lambda: weight_of_evidence([5, 5], [10, 0]), ValueError, "`bads` must not be 0, got 0 in row 1"),
        (lambda: population_stability_index([5, 5], [1, -1]), ValueError, "`actual` .* got -1.0 in row 1"),
        (lambda: population_stability_index([], []), ShapeError, "`expected`"),
        (lambda: information_value([1, 2], [1, 2, 3]), ShapeError, "`bads` must have the shape of `goods`"),
        (lambda: information_value([1, np.nan], [1, 2]), ValueError, "`goods` .* got nan in row 1"),
        (lambda: information_value([1, 2], [1, 2], smoothing=-1), ValueError, "`smoothing`"),
        (lambda: stability_test([5], [5]), ValueError, "`expected` must have at least 2 bins"),
        (lambda: bootstrap_divergence([1, 100], [50, 50], seed=0), ValueError, "`first` has bins so small.*\nhint"),
        (lambda: bootstrap_divergence([1.5, 2], [1, 2], seed=0), ValueError, "`first` must be whole numbers"),
        (lambda: bootstrap_divergence([9, 9], [9, 9], seed=0, level=1.5), ValueError, "`level`"),
        (lambda: bootstrap_divergence([9, 9], [9, 9], seed=-1), ValueError, "`seed`"),
    ],
)
def test_bad_input_is_named(call, error, text):
    with pytest.raises(error, match=text):
        call()
