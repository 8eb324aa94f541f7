"""Experiments and searches at the numbers of the papers; preferences over a front at those of theirs."""

import math

import numpy as np
import pytest

from paretoserve import pareto
from paretoserve.errors import ShapeError
from paretoserve.metrics.experiments import expected_improvement, gaussian_process, next_experiment
from paretoserve.metrics.tuning import grid_search, successive_halving, transfer_gain

VARIANCES = [0.632002, 0.963381, 0.632002, 0.632121, 0.981684]


def test_the_largest_variance_is_chosen():
    found = next_experiment([0, 4], [1.0, -3.0], [1, 2, 3, 5, 6])
    assert found.utility == pytest.approx(VARIANCES, abs=6e-7)
    assert found.index == 4
    assert found.std**2 == pytest.approx(VARIANCES, abs=6e-7)


def test_a_process_is_that_of_the_inverse():
    random = np.random.default_rng(0)
    x, y, at = random.random((8, 3)), random.normal(size=8), random.random((5, 3))
    length = np.array([0.5, 1, 2])

    def kernel(a, b):
        return 4 * np.exp(-(((a[:, None] - b[None]) / length) ** 2).sum(axis=2) / 2)

    inverse = np.linalg.inv(kernel(x, x) + 0.01 * np.eye(8))
    mean, std = gaussian_process(x, y, at, length=length, amplitude=2, noise=0.1, mean=0.3)
    assert mean == pytest.approx(0.3 + kernel(at, x) @ inverse @ (y - 0.3))
    assert std**2 == pytest.approx(4 - np.einsum("ij,jk,ik->i", kernel(at, x), inverse, kernel(at, x)))
    exact, certain = gaussian_process(x, y, x, length=length)
    assert exact == pytest.approx(y, abs=1e-6)
    assert certain == pytest.approx(0, abs=1e-6)


def test_expected_improvements():
    assert expected_improvement(1, 0.5, 1.2) == pytest.approx(0.315219, abs=6e-7)
    assert expected_improvement(-1, 0.5, -1.2, sense="max") == pytest.approx(0.315219, abs=6e-7)
    assert expected_improvement([1, 2], 0, 1.5).tolist() == [0.5, 0]
    assert expected_improvement(1, 1, -50) == pytest.approx(0, abs=1e-12)
    draws = np.random.default_rng(0).normal(1, 0.5, 400_000)
    assert np.maximum(1.2 - draws, 0).mean() == pytest.approx(0.315219, abs=2e-3)


def test_strategies_follow_the_direction():
    x, y, at = [0.0, 4.0], [0.0, 1.0], [0.5, 3.5]
    for sense, index in (("min", 0), ("max", 1)):
        for strategy in ("improvement", "bound"):
            assert next_experiment(x, y, at, strategy=strategy, sense=sense, mean=0.5, kappa=0.1).index == index
    bound = next_experiment(x, y, at, strategy="bound", sense="min", kappa=2)
    assert bound.utility == pytest.approx(2 * bound.std - bound.mean)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: gaussian_process([1, 1], [1, 1], [2]), ValueError, "`x` must be further apart"),
        (lambda: gaussian_process([1, 2], [1], [2]), ShapeError, "`y` must have one value per row of `x`, 2, got 1"),
        (lambda: gaussian_process([[1, 2]], [1], [2]), ShapeError, "`candidates` must have as many columns"),
        (lambda: gaussian_process([1], [1], []), ShapeError, "`candidates`"),
        (lambda: gaussian_process([1], [np.nan], [1]), ValueError, "`y`"),
        (lambda: gaussian_process([1], [1], [1], length=0), ValueError, "`length`"),
        (lambda: gaussian_process([1], [1], [1], length=[1, 2]), ShapeError, "`length`"),
        (lambda: expected_improvement(1, -1, 1), ValueError, "`std`"),
        (lambda: expected_improvement(1, 1, 1, sense="up"), ValueError, "`sense` must be one of min, max"),
        (lambda: next_experiment([1], [1], [2], strategy="random"), ValueError, "`strategy` must be one of"),
        (lambda: next_experiment([1], [1], [2], kappa=-1), ValueError, "`kappa`"),
    ],
)
def test_bad_input_of_experiments(call, error, words):
    with pytest.raises(error, match=words):
        call()


def landscape(gpus, batch):
    """Return a throughput with several peaks."""
    return gpus * batch / (batch + 4 * gpus) * (1 + 0.5 * math.sin(7 * batch) * math.cos(3 * gpus))


def test_grids_find_the_highest_of_many_peaks():
    grid = {"gpus": [1, 2, 4, 8], "batch": list(range(1, 40))}
    found = grid_search(landscape, grid)
    points = {(gpus, batch): landscape(gpus, batch) for gpus in grid["gpus"] for batch in grid["batch"]}
    best = max(points, key=points.get)
    assert (found.best["gpus"], found.best["batch"]) == best
    assert found.value == found.values.max() == points[best]
    row = found.values[grid["gpus"].index(best[0])]
    assert ((row[1:-1] > row[:-2]) & (row[1:-1] > row[2:])).sum() > 2
    assert grid_search(landscape, grid, sense="min").value == found.values.min()
    assert grid_search(lambda a: 1 if a else -math.inf, {"a": [0, 1, 2]}).best == {"a": 1}


def test_halving_keeps_the_best_and_counts_the_effort():
    seen = []

    def measure(configuration, effort):
        seen.append((configuration, effort))
        return -abs(configuration - 11)

    found = successive_halving(measure, range(20), effort=2, factor=3)
    assert found.best == 11
    assert [len(each) for each in found.rounds] == [20, 7, 3, 1]
    assert found.spent == sum(effort for _, effort in seen) == 20 * 2 + 7 * 6 + 3 * 18 + 54
    assert found.rounds[1].tolist() == [11, 10, 12, 9, 13, 8, 14]
    assert successive_halving(lambda c, _: c, [5.0, 3.0], sense="min").value == 3


def test_gains_of_tuning_again():
    assert transfer_gain(109.16, 100) == pytest.approx(0.0916)
    assert transfer_gain([113.7, 90], 100) == pytest.approx([0.137, -0.1])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: grid_search(landscape, {}), ShapeError, "`grid`"),
        (lambda: grid_search(lambda a: 1, {"a": []}), ShapeError, r"got lengths \(0,\)"),
        (lambda: grid_search(lambda a: math.nan, {"a": [7]}), ValueError, "got NaN for {'a': 7}"),
        (lambda: grid_search(landscape, {"a": [1]}, sense="best"), ValueError, "`sense`"),
        (lambda: successive_halving(landscape, []), ShapeError, "`configurations`"),
        (lambda: successive_halving(landscape, [1], factor=1), ValueError, "`factor`"),
        (lambda: successive_halving(landscape, [1], effort=0), ValueError, "`effort`"),
        (lambda: transfer_gain(1, 0), ValueError, "`reused`"),
    ],
)
def test_bad_input_of_tuning(call, error, words):
    with pytest.raises(error, match=words):
        call()


POINTS = np.array([[1, 4], [2, 2], [4, 1], [3, 3]], dtype=float)


def test_uncertain_weights_make_three_points_equally_often_the_best():
    # Every weight of the first objective, in the middles of even intervals.
    n = 300_000
    weight = (np.arange(n) + 0.5) / n
    sums = np.multiply.outer(weight, POINTS[:, 0]) + np.multiply.outer(1 - weight, POINTS[:, 1])
    assert np.bincount(sums.argmin(axis=1), minlength=4) / n == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0], abs=1e-5)
    # As draws of one objective, a row dominates another where its sum is less.
    drawn = sums[::100, :, None]
    assert pareto.dominance_probability(drawn, rows=1, others=0).item() == pytest.approx(2 / 3, abs=1e-3)
    assert pareto.dominance_probability(drawn, rows=1, others=3).item() == 1


def test_possibly_optimal_points_are_the_corners_of_the_hull():
    assert pareto.possibly_optimal(POINTS).tolist() == [0, 1, 2]
    random = np.random.default_rng(0)
    for _ in range(20):
        points = random.random((40, 2))
        front = pareto.hull(points)
        assert sorted(pareto.possibly_optimal(points).tolist()) == sorted(np.asarray(front).tolist())


def test_a_preference_is_served_from_the_hull_of_the_front():
    corners = pareto.possibly_optimal(POINTS).tolist()
    assert pareto.select(POINTS, method="sum", weights=[1, 0]) == 0
    assert pareto.select(POINTS, method="sum", weights=[0, 1]) == 2
    for weight in np.linspace(0, 1, 41):
        assert pareto.select(POINTS, method="sum", weights=[weight, 1 - weight]) in corners
