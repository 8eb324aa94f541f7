"""`pareto.staircase`: corners on the worse side for all four orientations, and what it refuses."""

import numpy as np
import pytest

from paretoserve.errors import ShapeError
from paretoserve.pareto import staircase

SQUARE = np.array([[0.0, 3.0], [1.0, 1.0], [3.0, 0.0], [2.0, 2.0]])


@pytest.mark.parametrize("x", ["min", "max"])
@pytest.mark.parametrize("y", ["min", "max"])
def test_every_orientation_is_a_mirror_image(x, y):
    sign = np.array([1.0 if x == "min" else -1.0, 1.0 if y == "min" else -1.0])
    corners = staircase(SQUARE * sign, [x, y])
    expected = [[0, 3], [0, 3], [1, 3], [1, 1], [3, 1], [3, 0], [3, 0]]
    assert (corners * sign).tolist() == expected


@pytest.mark.parametrize("sense", [["min", "min"], ["min", "max"], ["max", "min"], ["max", "max"]])
def test_the_line_separates_what_is_reached(sense):
    points = np.random.default_rng(0).random((60, 2))
    corners = staircase(points, sense, limits=[1.0 if each == "min" else 0.0 for each in sense])
    sign = np.array([1.0 if each == "min" else -1.0 for each in sense])
    steps = np.diff(corners, axis=0)
    # Every segment is level or upright, x gets worse and y better along the line.
    assert ((steps == 0).sum(axis=1) >= 1).all()
    assert (steps[:, 0] * sign[0] >= 0).all()
    assert (steps[:, 1] * sign[1] <= 0).all()
    # A corner between two points is worse than both: nothing is promised that no point reaches.
    for corner in corners[2:-1:2]:
        assert ((points * sign <= corner * sign).all(axis=1)).any()
    # No point lies strictly beyond the line.
    for point in points * sign:
        reached = corners[1::2] * sign
        assert (reached <= point).all(axis=1).any()


def test_one_point_no_point_ties_and_nan():
    assert staircase([[2, 3]]).tolist() == [[2, 3], [2, 3], [2, 3]]
    assert staircase([[2, 3]], limits=[5, 6]).tolist() == [[2, 6], [2, 3], [5, 3]]
    assert staircase([[2, 3], [9, 9]], limits=[5, 6]).tolist() == [[2, 9], [2, 3], [9, 3]]
    assert staircase(np.empty((0, 2))).shape == (0, 2)
    assert staircase([[np.nan, 1.0]]).shape == (0, 2)
    assert staircase([[1, 1], [1, 1], [1, 2], [2, 1]]).tolist() == [[1, 2], [1, 1], [2, 1]]
    assert staircase([[1.0, 1.0], [0.0, np.nan]]).tolist() == [[1, 1]] * 3


def test_columns_and_integers():
    columns = {"x": np.array([1, 2], dtype=np.uint8), "y": np.array([2**60, 5])}
    assert staircase(columns).tolist() == [[1, 2.0**60], [1, 2.0**60], [2, 2.0**60], [2, 5], [2, 5]]


@pytest.mark.parametrize(
    ("points", "options", "error", "message"),
    [
        (np.zeros((2, 3)), {}, ShapeError, "must have 2 objectives to draw a line, got 3"),
        (np.zeros((2, 2)), {"sense": ["min"]}, ShapeError, "`sense` must have 2 entries"),
        (np.zeros((2, 2)), {"sense": "up"}, ValueError, "`sense` must be one of"),
        (np.zeros((2, 2)), {"limits": [1]}, ShapeError, "`limits` must have 2 entries"),
        (np.zeros((2, 2)), {"limits": [1, np.nan]}, ValueError, "`limits` must be numbers, got NaN"),
    ],
)
def test_wrong_arguments_are_refused(points, options, error, message):
    with pytest.raises(error, match=message):
        staircase(points, **options)
