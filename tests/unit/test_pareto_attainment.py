"""Attainment surfaces: equal to moocore's and to an obvious version, for ties, levels and directions."""

import itertools
import warnings

import numpy as np
import pytest

from paretoserve import pareto
from paretoserve.errors import DtypeError, ShapeError


def obvious(sets, level):
    """All coordinates that points have, in every combination: which are reached by so many runs, and are minimal."""
    d = np.shape(sets[0])[1]
    together = np.vstack(sets)
    grid = np.array(list(itertools.product(*(np.unique(together[:, k]) for k in range(d)))))
    count = sum((np.asarray(each)[None] <= grid[:, None]).all(axis=2).any(axis=1).astype(int) for each in sets)
    reached = grid[count >= level]
    return reached[pareto.mask(reached)] if len(reached) else reached


@pytest.mark.parametrize("d", [1, 2, 3])
def test_surfaces_equal_the_obvious_version(d):
    for seed in range(25):
        generator = np.random.default_rng(seed)
        sets = [generator.integers(0, 7, size=(generator.integers(1, 7), d)) for _ in range(1 + seed % 5)]
        surfaces = pareto.attainment(sets, list(range(1, len(sets) + 1)))
        for level, surface in enumerate(surfaces, start=1):
            assert surface.tolist() == obvious(sets, level).tolist()


@pytest.mark.parametrize(("d", "n"), [(2, 60), (3, 25)])
def test_surfaces_equal_moocore(d, n):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        moocore = pytest.importorskip("moocore")
    for seed in range(4):
        generator = np.random.default_rng(seed)
        sets = [np.abs(generator.normal(size=(n, d))) for _ in range(7)]
        if seed % 2:
            sets = [np.round(each, 1) for each in sets]
        labels = np.repeat(np.arange(7), n)
        expected = moocore.eaf(np.vstack(sets), labels)
        levels = np.unique(expected[:, -1])
        assert len(levels) == 7
        for level, surface in zip(levels, pareto.attainment(sets, list(range(1, 8))), strict=True):
            rows = expected[expected[:, -1] == level][:, :d]
            assert (surface == rows[np.lexsort(rows.T[::-1])]).all()


def test_directions_turn_the_surfaces():
    sets = [np.random.default_rng(seed).random((20, 2)) for seed in range(5)]
    expected = pareto.attainment(sets, [1, 3, 5])
    turned = pareto.attainment([each * [1, -1] for each in sets], [1, 3, 5], ["min", "max"])
    for one, other in zip(expected, turned, strict=True):
        assert (one == other * [1, -1]).all()


def test_levels_as_counts_and_fractions():
    sets = [[[k, 10 - k]] for k in range(10)]
    for fraction, count in [(0.1, 1), (0.5, 5), (0.51, 6), (1.0, 10), (1e-9, 1), (0.3, 3), (0.7, 7)]:
        assert pareto.attainment(sets, fraction)[0].tolist() == pareto.attainment(sets, count)[0].tolist()
    assert pareto.attainment(sets)[0].tolist() == pareto.attainment(sets, 5)[0].tolist()
    hundred = [[[0.0, 0.0]]] * 7 + [[[1.0, 1.0]]] * 93
    assert pareto.attainment(hundred, 0.07)[0].tolist() == [[0, 0]]
    for bad in (0, 11, 0.0, 1.5, np.nan):
        with pytest.raises(ValueError, match="`levels` must be"):
            pareto.attainment(sets, bad)
    for bad in (True, "half", [None]):
        with pytest.raises(DtypeError, match="`levels` must be numbers"):
            pareto.attainment(sets, bad)


def test_runs_without_points_and_bad_runs():
    sets = [np.empty((0, 2)), [[1, 1]]]
    assert [len(each) for each in pareto.attainment(sets, [1, 2])] == [1, 0]
    with pytest.raises(ShapeError, match="1 run or more"):
        pareto.attainment([])
    with pytest.raises(ValueError, match="at most 3 objectives, got 4"):
        pareto.attainment([np.ones((2, 4))])
    with pytest.raises(ShapeError, match=r"`sets\[1\]` must have 2 objectives"):
        pareto.attainment([[[1, 1]], [[1]]])
    with pytest.raises(ValueError, match=r"`sets\[1\]` must be free of NaN, got NaN in row 0, column 1"):
        pareto.attainment([[[1, 1]], [[1, np.nan]]])
    with pytest.raises(ValueError, match=r"`sets\[0\]` must be finite, got inf"):
        pareto.attainment([[[1, np.inf]]])


def test_attained_counts_runs_and_agrees_with_the_surfaces():
    generator = np.random.default_rng(1)
    sets = [generator.integers(0, 9, size=(12, 3)) for _ in range(6)]
    at = generator.integers(0, 9, size=(80, 3))
    expected = sum((each[None] <= at[:, None]).all(axis=2).any(axis=1).astype(int) for each in sets) / 6
    assert (pareto.attained(sets, at) == expected).all()
    for level, surface in enumerate(pareto.attainment(sets, [1, 2, 3, 4, 5, 6]), start=1):
        assert (pareto.attained(sets, surface) >= level / 6 - 1e-12).all()
    many = [generator.random((9, 7)) for _ in range(4)]
    assert (pareto.attained(many, np.ones((1, 7))) == 1).all()
    assert pareto.attained([np.empty((0, 2))], [[1, 1]]).tolist() == [0]
    assert pareto.attained([[[1, 1]]], np.empty((0, 2))).tolist() == []
    with pytest.raises(ValueError, match="`at` must be free of NaN"):
        pareto.attained([[[1, 1]]], [[np.nan, 1]], nan="drop")
    with pytest.raises(ShapeError, match="must have 1 objectives"):
        pareto.attained([[[1]]], [[1, 1]])
