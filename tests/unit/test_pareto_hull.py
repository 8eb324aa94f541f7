"""The supported front and what is possibly optimal: against scipy, exact fractions and sampled weights."""

from fractions import Fraction

import numpy as np
import pytest

from paretoserve import pareto
from paretoserve.errors import ShapeError


def exact_hull(points):
    """A row is a corner if it lies strictly below every chord of rows around it, in fractions."""
    rows = [tuple(Fraction(value) for value in row) for row in points]
    marked = pareto.mask(points, keep="first")
    front = sorted((row, index) for index, row in enumerate(rows) if marked[index])
    corners = []
    for row, index in front:
        chords = ((a, b) for (a, _) in front for (b, _) in front if a[0] < row[0] < b[0])
        if all(row[1] * (b[0] - a[0]) < a[1] * (b[0] - row[0]) + b[1] * (row[0] - a[0]) for a, b in chords):
            corners.append(index)
    return corners


def test_two_objectives_equal_exact_fractions():
    generator = np.random.default_rng(0)
    for case in range(150):
        n = int(generator.integers(1, 25))
        kind = case % 4
        points = generator.integers(0, 12, size=(n, 2)).astype(float)
        if kind == 1:
            points = 0.1 * points
        if kind == 2:
            points = 1.0 + points * 2.0**-52
        if kind == 3:
            t = np.sort(generator.random(n))
            points = np.column_stack([t, 1 - t])
        assert pareto.hull(points).tolist() == exact_hull(points.tolist())


def test_integers_above_2_to_53_and_wide_ranges_are_exact():
    big = 2**60
    points = np.array([[0, 2 * big], [big, big], [2 * big, 0]], dtype=np.int64)
    assert pareto.hull(points).tolist() == [0, 2]
    points[1, 1] -= 1
    assert pareto.hull(points).tolist() == [0, 1, 2]
    wide = np.array([[1e-300, 1e300], [2e-300, 1e299], [1e300, 1e-300]])
    assert pareto.hull(wide).tolist() == exact_hull(wide.tolist()) == [0, 1, 2]
    unsigned = np.array([[0, 2**64 - 1], [2**63, 2**63 - 1], [2**64 - 1, 0]], dtype=np.uint64)
    assert pareto.hull(unsigned).tolist() == [0, 2]


@pytest.mark.parametrize("d", [3, 4, 5])
def test_more_objectives_equal_qhull(d):
    spatial = pytest.importorskip("scipy.spatial")
    for seed in range(4):
        generator = np.random.default_rng(seed)
        points = generator.random((60, d))
        points = points / np.linalg.norm(points, axis=1, keepdims=True) * (0.8 + 0.2 * generator.random((60, 1)))
        points = -points
        # With far points behind along each axis, qhull's corners are those that some weights support.
        far = points.max(axis=0) + 1e5 * np.vstack([np.eye(d), np.ones(d)])
        behind = np.vstack([points, far])
        corners = set(spatial.ConvexHull(behind).vertices.tolist())
        got = set(pareto.hull(points).tolist())
        assert got <= corners
        assert got == corners & set(np.flatnonzero(pareto.mask(points)).tolist())


@pytest.mark.parametrize("d", [2, 3, 6])
def test_every_winner_of_sampled_weights_is_on_the_hull(d):
    generator = np.random.default_rng(d)
    points = generator.random((300, d)) ** 2
    weights = generator.dirichlet(np.ones(d), 2000)
    winners = set((weights @ points.T).argmin(axis=1).tolist())
    hull = pareto.hull(points)
    assert winners <= set(hull.tolist())
    assert (np.diff(points[hull, 0]) >= 0).all()
    assert pareto.hull(points * 1e200, threads=2).tolist() == hull.tolist()
    mixed = points * ([-1] + [1] * (d - 1))
    assert pareto.hull(mixed, ["max"] + ["min"] * (d - 1)).tolist() == hull.tolist()


def test_small_and_degenerate_hulls():
    assert pareto.hull(np.empty((0, 3))).tolist() == []
    assert pareto.hull([[1, 2, 3]]).tolist() == [0]
    assert pareto.hull([[3], [1], [1]]).tolist() == [1]
    assert pareto.hull([[1, 1], [1, 1]]).tolist() == [0]
    assert pareto.hull([[1, 1, 1], [1, 1, 1]]).tolist() == [0]
    assert pareto.hull([[0, 2], [1, 1], [2, 0]]).tolist() == [0, 2]
    assert pareto.hull([[np.nan, 0], [1, 1]], nan="drop").tolist() == [1]
    with pytest.raises(ValueError, match="finite on the front"):
        pareto.hull([[0, 1], [-np.inf, 2]])
    with pytest.raises(ValueError, match="NaN in row 0"):
        pareto.hull([[np.nan, 0], [1, 1]])


def test_possibly_optimal_holds_the_winners_of_all_sampled_weights():
    generator = np.random.default_rng(1)
    for d in (2, 3, 4):
        points = generator.random((120, d))
        points /= np.linalg.norm(points, axis=1, keepdims=True) ** generator.random((120, 1))
        low, high = np.full(d, 0.1), np.full(d, 0.7)
        got = pareto.possibly_optimal(points, weights=list(zip(low, high, strict=True)))
        weights = generator.dirichlet(np.ones(d), 40_000)
        weights = weights[((weights >= low) & (weights <= high)).all(axis=1)]
        scaled = pareto.normalise(points)
        front = np.flatnonzero(pareto.mask(points))
        winners = set(front[(weights @ scaled[front].T).argmin(axis=1)].tolist())
        assert winners <= set(got.tolist())
        # A row that is found has weights close by that make it nearly the best.
        for index in got:
            regret = (weights @ (scaled[index] - scaled[front]).T).max(axis=1).min()
            assert regret < 0.02


def test_possibly_optimal_for_single_weights_is_the_least_sum():
    points = np.random.default_rng(2).random((200, 3))
    for weights in ([0.2, 0.3, 0.5], [1.0, 0.0, 0.0]):
        got = pareto.possibly_optimal(points, weights=[(each, each) for each in weights])
        assert pareto.select(points, weights=weights, method="sum") in got
        assert len(got) == 1
    equal = [[0, 1], [0, 1], [1, 0], [2, 2]]
    assert pareto.possibly_optimal(equal).tolist() == [0, 1, 2]
    assert pareto.possibly_optimal(np.empty((0, 2))).tolist() == []
    assert pareto.possibly_optimal([[4, 4]]).tolist() == [0]


def test_ranges_of_weights_are_checked():
    points = [[0, 1], [1, 0]]
    with pytest.raises(ShapeError, match="2 pairs"):
        pareto.possibly_optimal(points, weights=[(0, 1)])
    with pytest.raises(ValueError, match="some that sum to 1"):
        pareto.possibly_optimal(points, weights=[(0, 0.4), (0, 0.4)])
    with pytest.raises(ValueError, match="some that sum to 1"):
        pareto.possibly_optimal(points, weights=[(0.6, 1), (0.6, 1)])
    with pytest.raises(ValueError, match="0 <= low <= high <= 1"):
        pareto.possibly_optimal(points, weights=[(0.5, 0.4), (0, 1)])
    with pytest.raises(ValueError, match="0 <= low <= high <= 1"):
        pareto.possibly_optimal(points, weights=[(np.nan, 0.4), (0, 1)])
