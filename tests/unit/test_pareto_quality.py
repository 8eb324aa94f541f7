"""R2, spacing and coverage: against obvious versions, moocore and exact values."""

import warnings

import numpy as np
import pytest

from paretoserve import pareto
from paretoserve.errors import ShapeError


@pytest.fixture(scope="module")
def moocore():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("moocore")


def test_exact_r2_equals_moocore_and_a_fine_sum(moocore):
    assert pareto.r2([[5, 5], [4, 6], [2, 7], [7, 4]], 0) == pytest.approx(2.594191919191919, rel=1e-14)
    assert pareto.r2([[5, 5], [4, 6], [2, 7], [7, 4]], [10, 10], "max") == pytest.approx(2.519696969696969, rel=1e-14)
    w = (np.arange(20_000) + 0.5) / 20_000
    grid = np.column_stack([w, 1 - w])
    for seed in range(8):
        points = np.random.default_rng(seed).random((1 + 7 * seed, 2)) * [1, 9]
        value = pareto.r2(points, 0)
        assert value == pytest.approx(moocore.r2_exact(points, ref=[0, 0]), rel=1e-12)
        assert value == pytest.approx(pareto.r2(points, 0, weights=grid), rel=1e-6)


def test_r2_by_weights_equals_the_obvious_version():
    generator = np.random.default_rng(0)
    for d in (1, 3, 5):
        points, weights = generator.random((300, d)), generator.random((200, d))
        sense = generator.choice(["min", "max"], size=d).tolist()
        ideal = np.where([each == "min" for each in sense], 0.0, 1.0)
        gaps = np.abs(points - ideal)
        expected = (weights[:, None] * gaps[None]).max(axis=2).min(axis=1).mean()
        for threads in (1, 3):
            assert pareto.r2(points, ideal, sense, weights=weights, threads=threads) == pytest.approx(expected)


@pytest.mark.parametrize(("d", "count"), [(1, 1), (3, 4950), (4, 4960), (33, 561), (100, 100)])
def test_the_grid_of_r2(d, count):
    from paretoserve.pareto.quality import _lattice

    grid = _lattice(d)
    assert grid.shape == (count, d)
    assert grid.sum(axis=1) == pytest.approx(1)
    assert len(np.unique(grid, axis=0)) == count
    assert pareto.r2(np.ones((2, d)), 0) == pytest.approx(grid.max(axis=1).mean())


def test_r2_at_and_beyond_the_ideal():
    assert pareto.r2([[0, 0], [1, 1]], 0) == 0
    assert pareto.r2([[0, 3], [3, 0]], 0) == pytest.approx(0.75)
    assert pareto.r2([[0, 2]], 0) == pytest.approx(1)
    assert pareto.r2(np.empty((0, 2)), 0) == np.inf
    with pytest.raises(ValueError, match="`ideal` must not be beaten, but row 1"):
        pareto.r2([[1, 1], [0, 1]], [0.5, 0])
    with pytest.raises(ValueError, match="`weights` must not be negative"):
        pareto.r2([[1, 1]], 0, weights=[[1, -1]])
    with pytest.raises(ShapeError, match="m of 1 or more"):
        pareto.r2([[1, 1]], 0, weights=np.empty((0, 2)))


def test_spacing_equals_the_obvious_version():
    for seed, (n, d) in enumerate([(2, 1), (3, 2), (64, 3), (65, 3), (300, 2), (200, 7)]):
        points = np.random.default_rng(seed).normal(size=(n, d))
        distance = np.abs(points[:, None] - points[None]).sum(axis=2)
        np.fill_diagonal(distance, np.inf)
        nearest = distance.min(axis=1)
        expected = np.sqrt(((nearest - nearest.mean()) ** 2).sum() / (n - 1))
        for threads in (1, 2, 5):
            assert pareto.spacing(points, threads=threads) == pytest.approx(expected, rel=1e-10, abs=1e-15)
    assert pareto.spacing([[0, 3], [1, 2], [2, 1], [3, 0]]) == 0
    assert pareto.spacing(np.ones((100, 3))) == 0
    assert pareto.spacing([[0.0], [1e300], [3e300]]) == pytest.approx(1e300 / 3**0.5)
    for few in (np.empty((0, 2)), [[1, 2]]):
        with pytest.raises(ShapeError, match="2 rows or more"):
            pareto.spacing(few)


def test_coverage_equals_the_obvious_version():
    for seed in range(12):
        generator = np.random.default_rng(seed)
        d = 1 + seed % 4
        one, other = generator.integers(0, 6, size=(40, d)), generator.integers(0, 6, size=(70, d))
        sense = generator.choice(["min", "max"], size=d).tolist()
        signs = np.where([each == "min" for each in sense], 1, -1)
        expected = ((one[:, None] * signs <= other[None] * signs).all(axis=2)).any(axis=0).mean()
        assert pareto.coverage(one, other, sense) == expected
        assert pareto.coverage(one.astype(np.float32), other, sense, threads=2) == expected


def test_coverage_compares_exactly():
    assert pareto.coverage(np.array([[2**53 + 1]]), np.array([[2.0**53]])) == 0
    assert pareto.coverage(np.array([[2**64 - 1]], dtype=np.uint64), np.array([[-1]], dtype=np.int64)) == 0
    assert pareto.coverage([[-np.inf, 0.0]], [[-np.inf, -0.0], [np.inf, np.inf], [0, -1]]) == 2 / 3
    assert pareto.coverage(np.empty((0, 2)), [[1, 2]]) == 0
    with pytest.raises(ShapeError, match="`others` must have 1 row or more"):
        pareto.coverage([[1, 2]], np.empty((0, 2)))
    with pytest.raises(ShapeError, match="`others` must have 2 objectives"):
        pareto.coverage([[1, 2]], [[1]])
    with pytest.raises(ValueError, match="NaN in row 0, column 1"):
        pareto.coverage([[1, 2]], [[1, np.nan]])
