"""`pareto.counts` against all pairs, and what must not change the answer."""

import numpy as np
import pytest

from _layers import dominance, random_case
from paretoserve import pareto
from paretoserve.errors import DtypeError, ShapeError


def obvious_counts(points, senses, nan="worst"):
    beats, present = dominance(points, senses, nan)
    return np.where(present, beats.sum(axis=0), -1), np.where(present, beats.sum(axis=1), -1)


def assert_counts(points, expected, *arguments, **options):
    for counted, right in zip(pareto.counts(points, *arguments, **options), expected, strict=True):
        assert counted.dtype == np.int64
        assert (counted == right).all()


def test_random_small_tables_equal_all_pairs():
    for seed in range(2_000):
        points, senses, nan = random_case(seed)
        assert_counts(points, obvious_counts(points, senses, nan), senses, nan=nan)


@pytest.mark.parametrize("d", [1, 2, 3, 4, 7, 33, 100])
@pytest.mark.parametrize("levels", [3, 1_000_000])
def test_larger_tables_equal_numpy(d, levels):
    points = np.random.default_rng(d).integers(0, levels, (1_300, d))
    weak = np.ones((1_300, 1_300), dtype=bool)
    for column in points.T:
        weak &= column[:, None] <= column[None]
    beats = weak & ~weak.T
    expected = beats.sum(axis=0), beats.sum(axis=1)
    for threads in (1, 2, 4):
        assert_counts(points, expected, threads=threads)
    columns = [points[:, k].copy() for k in range(d)]
    for same in (np.asfortranarray(points), columns, points[:, ::-1]):
        assert_counts(same, expected)
    assert_counts(points, expected[::-1], "max")
    order = np.random.default_rng(0).permutation(len(points))
    assert_counts(points[order], (expected[0][order], expected[1][order]))


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_a_chain_counts_up_and_equal_rows_count_nothing(d):
    n = 5_000
    chain = np.repeat(np.arange(n)[:, None], d, axis=1)
    assert_counts(chain, (np.arange(n), np.arange(n)[::-1]))
    twice = np.repeat(chain, 2, axis=0)
    assert_counts(twice, (np.repeat(2 * np.arange(n), 2), np.repeat(2 * np.arange(n)[::-1], 2)))
    assert_counts(np.full((n, d), 2.5), (np.zeros(n), np.zeros(n)))
    assert_counts(np.empty((0, d)), ([], []))


def test_counts_agree_with_ranks_and_masks():
    points = np.random.default_rng(0).random((3_000, 4))
    dominated_by, dominates = pareto.counts(points)
    assert ((dominated_by == 0) == pareto.mask(points)).all()
    assert (dominated_by >= pareto.ranks(points)).all()
    assert dominated_by.sum() == dominates.sum()


def test_groups_bounds_and_nan():
    points = np.random.default_rng(1).integers(0, 9, (400, 4)).astype(float)
    points[::17, 2] = np.nan
    labels = np.random.default_rng(4).choice(["b200", "h100", "h200"], 400)
    inside = (points[:, 0] >= 2) & (points[:, 0] <= 7) & ~np.isnan(points).any(axis=1)
    expected = np.full((2, 400), -1)
    for label in np.unique(labels):
        part = (labels == label) & inside
        expected[:, part] = pareto.counts(points[part])
    assert_counts(points, expected, nan="drop", groups=labels, where={0: (2, 7)}, threads=2)
    with pytest.raises(ValueError, match="NaN in row 0, column 2"):
        pareto.counts(points)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"points": [1, 2]}, ShapeError, "must have shape"),
        ({"points": [[None, 1.0]]}, DtypeError, "use NaN"),
        ({"sense": ["min"]}, ShapeError, "`sense` must have 2 entries"),
        ({"nan": "ignore"}, ValueError, "`nan` must be one of"),
        ({"groups": ["a"]}, ShapeError, "`groups` must have shape"),
        ({"threads": 0}, ValueError, "1 or more"),
    ],
)
def test_bad_arguments_are_named(arguments, error, message):
    points = arguments.pop("points", [[0, 1], [1, 0]])
    with pytest.raises(error, match=message):
        pareto.counts(points, **arguments)
