"""Sensitivity of layers to few bits: the line, and what allocations by it keep to."""

import itertools

import numpy as np
import pytest

from paretoserve.errors import ShapeError
from paretoserve.metrics.sensitivity import Sensitivity, fit_sensitivity
from paretoserve.quant import allocate_bits


def test_lines_are_found_again():
    change = np.linspace(0, 2, 30)
    fit = fit_sensitivity(change, 0.7 * change + 0.05)
    assert (fit.slope, fit.intercept, fit.r_squared) == pytest.approx((0.7, 0.05, 1.0))
    noisy = 0.7 * change + np.random.default_rng(0).uniform(0, 0.2, 30)
    assert [fit_sensitivity(change, noisy).slope] == pytest.approx([np.polyfit(change, noisy, 1)[0]])
    assert fit_sensitivity([1, 2], [3, 3]) == Sensitivity(0.0, 3.0, 1.0)
    assert Sensitivity(-2.0, 1.0).predict([0, 0.25, 1]).tolist() == [1, 0.5, 0]


def test_every_input_stays_in_the_budget_with_the_least_error_and_more_budget_never_hurts():
    random = np.random.default_rng(4)
    lines = [Sensitivity(5.0, 0.3), Sensitivity(1.0, 0.1), Sensitivity(0.2, 0.0)]
    size = random.integers(1, 9, 7)
    costs = np.outer(size, [4, 6, 8])
    for difference in random.uniform(0, 1, (20, 7)):
        scores = np.column_stack([line.predict(difference) for line in lines])
        totals = []
        for budget in (4.5 * size.sum(), 6 * size.sum(), 8 * size.sum()):
            found = allocate_bits(costs, scores, budget, method="dp")
            assert found.cost <= budget
            totals.append(found.score)
            layers = range(7)
            choices = itertools.product(range(3), repeat=7)
            fits = (choice for choice in choices if costs[layers, choice].sum() <= budget)
            assert found.score == pytest.approx(min(scores[layers, choice].sum() for choice in fits))
        assert totals == sorted(totals, reverse=True)


def test_the_vector_of_bits_under_a_budget():
    found = allocate_bits(np.outer([10, 10, 20], [4, 8]), [[5, 1], [2, 0.5], [9, 2]], 240, method="dp")
    assert (found.choice.tolist(), found.score, found.cost) == ([0, 0, 1], 9.0, 240.0)


def test_bad_fits_are_refused():
    with pytest.raises(ValueError, match="`difference` must have two different values, got 2 equal"):
        fit_sensitivity([1, 1], [1, 2])
    with pytest.raises(ShapeError, match="`error` must have 2 rows as `difference`, got 3"):
        fit_sensitivity([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match=r"`slope` must be finite numbers, got nan"):
        Sensitivity(np.nan, 0.0)
