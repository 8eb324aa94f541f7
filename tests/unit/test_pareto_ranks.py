"""`pareto.ranks` against peeling by brute force, moocore on large tables, and what must not change the answer."""

import numpy as np
import pytest

from _layers import dominance, obvious_ranks, random_case
from paretoserve import pareto
from paretoserve.errors import DtypeError, ShapeError


def shaped(shape, n, d, seed=0):
    generator = np.random.default_rng(seed)
    if shape == "corr":
        return generator.random((n, 1)) + generator.normal(0, 0.05, (n, d))
    if shape == "grid":
        return generator.integers(0, 16, (n, d)).astype(np.float64)
    points = np.abs(generator.standard_normal((n, d)))
    return points / np.linalg.norm(points, axis=1, keepdims=True) if shape == "sphere" else points


def test_random_small_tables_equal_brute_force():
    for seed in range(2_000):
        points, senses, nan = random_case(seed)
        ranks = pareto.ranks(points, senses, nan=nan)
        assert ranks.dtype == np.int32
        assert (ranks == obvious_ranks(points, senses, nan)).all(), seed


@pytest.mark.parametrize("shape", ["uniform", "corr", "grid", "sphere"])
@pytest.mark.parametrize(("n", "d"), [(20_000, 2), (20_000, 3), (3_000, 4), (3_000, 6), (1_500, 10), (40_000, 4)])
def test_large_tables_equal_moocore(shape, n, d):
    moocore = pytest.importorskip("moocore")
    if shape == "grid" and d < 4:
        n //= 4
    points = shaped(shape, n, d)
    ranks = pareto.ranks(points)
    assert (ranks == moocore.pareto_rank(points)).all()
    assert (pareto.ranks(points, threads=2) == ranks).all()


@pytest.mark.parametrize("d", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("shape", ["uniform", "grid", "sphere"])
def test_threads_layout_and_order_do_not_matter(d, shape):
    points = shaped(shape, 3_000, d)
    ranks = pareto.ranks(points, threads=1)
    for threads in (2, 3, 4):
        assert (pareto.ranks(points, threads=threads) == ranks).all()
    before = points.copy()
    wide = np.zeros((6_000, 2 * d))
    wide[::2, ::2] = points
    columns = [points[:, k].copy() for k in range(d)]
    for same in (np.asfortranarray(points), wide[::2, ::2], columns, dict(enumerate(columns)), points[::-1][::-1]):
        assert (pareto.ranks(same) == ranks).all()
    order = np.random.default_rng(0).permutation(len(points))
    assert (pareto.ranks(points[order]) == ranks[order]).all()
    assert (pareto.ranks(points[:, ::-1]) == ranks).all()
    assert (pareto.ranks(np.exp(points) if shape != "grid" else points**3) == ranks).all()
    assert (pareto.ranks(-points, "max") == ranks).all()
    assert (points == before).all()


def test_layers_are_fronts_of_what_is_left():
    points = shaped("uniform", 4_000, 3)
    ranks = pareto.ranks(points)
    for layer in range(5):
        left = ranks >= layer
        assert (pareto.mask(points[left]) == (ranks[left] == layer)).all()


@pytest.mark.parametrize("d", [2, 3, 4, 5, 33, 100])
def test_a_chain_has_a_layer_per_row(d):
    n = 50_000 if d < 6 else 2_000
    order = np.random.default_rng(d).permutation(n)
    chain = np.repeat(order[:, None], d, axis=1)
    assert (pareto.ranks(chain) == order).all()
    assert (pareto.ranks(chain, "max") == n - 1 - order).all()


def test_one_layer_of_a_long_staircase():
    n = 30_000
    order = np.random.default_rng(0).permutation(n)
    # The third objective orders the rows, the others trade off: every staircase has a step per row.
    points = np.stack([order, n - order, np.arange(n)], axis=1)
    assert (pareto.ranks(points) == 0).all()
    assert (pareto.ranks(np.concatenate([points, points + 1])) == np.repeat([0, 1], n)).all()


@pytest.mark.parametrize("d", [1, 2, 3, 4, 33, 100])
def test_wide_equal_and_empty_tables(d):
    assert pareto.ranks(np.empty((0, d))).tolist() == []
    assert pareto.ranks(np.zeros((1, d))).tolist() == [0]
    assert (pareto.ranks(np.full((3_000, d), 7.0)) == 0).all()
    points = np.random.default_rng(d).integers(0, 4, (200, d))
    assert (pareto.ranks(points) == obvious_ranks(points, ["min"] * d)).all()
    twice = pareto.ranks(np.concatenate([points, points]))
    assert (twice.reshape(2, -1) == pareto.ranks(points)).all()


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([[0, 1], [0, 1], [1, 0], [1, 1]], [0, 0, 0, 1]),
        ([[-0.0, 1], [0.0, 1], [0.0, 2]], [0, 0, 1]),
        ([[2**53, 0], [2**53 + 1, 0]], [0, 1]),
        ([[np.iinfo(np.int64).min, 0], [np.iinfo(np.int64).max, 0], [0, 0]], [0, 2, 1]),
        ([[np.inf, np.inf], [0, np.inf], [-np.inf, 0]], [2, 1, 0]),
        ([[1e-42, 1e300], [2e-42, 1e299], [2e-42, 1e300]], [0, 0, 1]),
        ([[5e-324, 1], [0.0, 1]], [1, 0]),
        ([[3.0], [1.0], [2.0], [1.0]], [2, 0, 1, 0]),
    ],
)
def test_awkward_values(points, expected):
    assert pareto.ranks(points).tolist() == expected


def test_values_that_differ_in_their_last_bits_only():
    close = 1.0 + np.random.default_rng(0).integers(0, 50, (5_000, 2)) * np.spacing(1.0)
    far = np.concatenate([close, [[-1e300, 1e300]]])
    expected = pareto.ranks(((close - 1) / np.spacing(1.0)).astype(int))
    assert (pareto.ranks(close) == expected).all()
    assert (pareto.ranks(far)[:-1] == expected).all()


def test_nan_is_found_dropped_or_last():
    points = [[0.0, np.nan], [1.0, 1.0], [2.0, 2.0]]
    with pytest.raises(ValueError, match="NaN in row 0, column 1"):
        pareto.ranks(points)
    assert pareto.ranks(points, nan="drop").tolist() == [-1, 0, 1]
    assert pareto.ranks(points, nan="worst").tolist() == [0, 0, 1]
    assert pareto.ranks([[np.nan], [np.nan]], nan="drop").tolist() == [-1, -1]


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_groups_and_bounds_are_ranks_of_parts(d):
    points = np.random.default_rng(d).integers(0, 9, (600, d))
    labels = np.random.default_rng(4).choice(["b200", "h100", "h200"], 600)
    inside = (points[:, 0] >= 2) & (points[:, 0] <= 7)
    expected = np.full(600, -1)
    for label in np.unique(labels):
        part = (labels == label) & inside
        expected[part] = pareto.ranks(points[part])
    for threads in (1, 2, 4):
        assert (pareto.ranks(points, groups=labels, where={0: (2, 7)}, threads=threads) == expected).all()


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_stops_keep_whole_layers(d):
    points = shaped("grid", 2_000, d)
    ranks = pareto.ranks(points)
    for num_fronts in (1, 2, 5, 10**12):
        expected = np.where(ranks < num_fronts, ranks, -1)
        assert (pareto.ranks(points, num_fronts=num_fronts) == expected).all()
    sizes = np.bincount(ranks)
    for stop_after in (1, int(sizes[0]), int(sizes[0]) + 1, 500, 10**12):
        needed = min(int(np.searchsorted(sizes.cumsum(), stop_after)) + 1, len(sizes))
        expected = np.where(ranks < needed, ranks, -1)
        assert (pareto.ranks(points, stop_after=stop_after) == expected).all()
        both = np.where(ranks < min(needed, 2), ranks, -1)
        assert (pareto.ranks(points, stop_after=stop_after, num_fronts=2) == both).all()


def test_ranks_are_one_more_than_the_highest_dominator():
    points = shaped("grid", 300, 4)
    beats, _ = dominance(points, ["min"] * 4)
    ranks = pareto.ranks(points)
    highest = np.where(beats, ranks[:, None], -1).max(axis=0)
    assert (ranks == highest + 1).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"points": [1, 2]}, ShapeError, "must have shape"),
        ({"points": np.empty((3, 0))}, ShapeError, "d of 1 or more"),
        ({"points": [[None, 1.0]]}, DtypeError, "use NaN"),
        ({"sense": "up"}, ValueError, "`sense` must be one of"),
        ({"nan": "ignore"}, ValueError, "`nan` must be one of"),
        ({"groups": ["a"]}, ShapeError, "`groups` must have shape"),
        ({"where": {2: (0, 1)}}, ValueError, "only 0 to 1"),
        ({"threads": 0}, ValueError, "1 or more"),
        ({"stop_after": 0}, ValueError, "`stop_after` must be 1 or more, got 0"),
        ({"stop_after": 1.5}, TypeError, "`stop_after` must be a whole number"),
        ({"num_fronts": -1}, ValueError, "`num_fronts` must be 1 or more, got -1"),
        ({"num_fronts": True}, TypeError, "`num_fronts` must be a whole number"),
    ],
)
def test_bad_arguments_are_named(arguments, error, message):
    points = arguments.pop("points", [[0, 1], [1, 0]])
    with pytest.raises(error, match=message):
        pareto.ranks(points, **arguments)
