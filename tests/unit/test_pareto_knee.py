"""The knee: numbers that a reader can check, and what it must not depend on."""

import numpy as np
import pytest

from paretoserve import pareto


def test_the_knee_of_a_bent_front_is_its_corner():
    assert pareto.knee([[0, 10], [1, 2], [5, 1], [10, 0], [9, 9]]) == 1
    assert pareto.knee([[0, -10], [1, -2], [5, -1], [10, 0]], ["min", "max"]) == 1
    assert pareto.knee([[0, 0, 4], [0, 4, 0], [4, 0, 0], [1, 1, 1], [2, 2, 0]]) == 3


def test_in_two_objectives_it_is_the_point_furthest_below_the_chord():
    x = np.linspace(0.1, 3, 50)
    points = np.column_stack([x, 1 / x])
    scaled = (points - points.min(axis=0)) / np.ptp(points, axis=0)
    below = (1 - scaled.sum(axis=1)) / np.sqrt(2)
    assert pareto.knee(points) == below.argmax()


def test_ties_go_to_the_first():
    assert pareto.knee([[0, 2], [1, 1], [2, 0]]) == 0
    assert pareto.knee([[1, 1], [1, 1]]) == 0


def test_scale_of_an_objective_does_not_matter():
    points = np.array([[0.0, 10.0], [1.0, 2.0], [5.0, 1.0], [10.0, 0.0]])
    for scale in ([1e300, 1e-300], [1e-310, 1e307], [2.0**40, 1.0]):
        assert pareto.knee(points * scale) == 1
    assert pareto.knee([[-1.7e308, 1.7e308], [-1.5e308, -1.7e308], [1.7e308, -1.75e308]]) == 1


def test_constant_objectives_and_single_points():
    assert pareto.knee([[3, 3]]) == 0
    assert pareto.knee([[7, 0, 10], [7, 1, 2], [7, 10, 0]]) == 1
    assert pareto.knee(np.empty((0, 2))) is None
    assert pareto.knee([[2], [1], [1]]) == 1


def test_nan_and_infinity():
    with pytest.raises(ValueError, match="NaN in row 1"):
        pareto.knee([[0, 1], [np.nan, 0]])
    assert pareto.knee([[np.nan, 0], [0, 1]], nan="drop") == 1
    assert pareto.knee([[0, 1], [np.inf, 2]]) == 0
    with pytest.raises(ValueError, match="finite on the front, got inf in row 1, column 0"):
        pareto.knee([[0, 1], [np.inf, 0]])
    with pytest.raises(ValueError, match="`nan` must be one of"):
        pareto.knee([[0, 1]], nan="worst")
