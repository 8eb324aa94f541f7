"""What single points add to a hypervolume, against differences in exact arithmetic and peers; subsets against all."""

import itertools
import math
import warnings

import numpy as np
import pytest

from _exact import exact_volume
from paretoserve import pareto
from paretoserve.errors import ShapeError


def table(seed, n, d, levels=None):
    generator = np.random.default_rng(seed)
    return generator.random((n, d)) if levels is None else generator.integers(0, levels, (n, d)).astype(float)


def front(seed, n, d):
    points = np.abs(np.random.default_rng(seed).standard_normal((n, d)))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def exact_contributions(points, ref, sense="min"):
    whole = exact_volume(points, ref, sense)
    return [float(whole - exact_volume(np.delete(points, i, axis=0), ref, sense)) for i in range(len(points))]


@pytest.mark.parametrize("d", range(1, 7))
@pytest.mark.parametrize("levels", [None, 3, 5])
def test_contributions_are_differences(d, levels):
    for seed in range(12):
        points = table(seed, 2 + seed % 11, d, levels)
        ref = points.max(axis=0) if seed % 3 == 0 else [0.9 * (levels or 1)] * d
        expected = exact_contributions(points, ref)
        np.testing.assert_allclose(pareto.hv_contributions(points, ref), expected, rtol=1e-12)
        np.testing.assert_allclose(pareto.hv_contributions(-points, -np.array(ref), "max"), expected, rtol=1e-12)
        index, least = pareto.hv_least(points, ref)
        assert index == expected.index(min(expected))
        assert math.isclose(least, min(expected), rel_tol=1e-12)


@pytest.mark.parametrize(("d", "n"), [(2, 3000), (3, 3000), (4, 200), (5, 60), (6, 40)])
def test_contributions_equal_moocore(d, n):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        moocore = pytest.importorskip("moocore")
    points = front(d, n, d)
    expected = moocore.hv_contributions(points, ref=[1.1] * d)
    np.testing.assert_allclose(pareto.hv_contributions(points, 1.1), expected, rtol=1e-7, atol=1e-14)


@pytest.mark.parametrize("d", [2, 3])
def test_contributions_of_a_table_with_dominated_rows(d):
    points = table(d, 300, d, levels=40)
    whole = pareto.hypervolume(points, 41)
    without = [whole - pareto.hypervolume(np.delete(points, i, axis=0), 41) for i in range(len(points))]
    np.testing.assert_array_equal(pareto.hv_contributions(points, 41), without)


@pytest.mark.parametrize("d", range(1, 7))
@pytest.mark.parametrize("levels", [None, 3])
def test_improvements_are_differences(d, levels):
    for seed in range(10):
        points, candidates = table(seed, seed % 6, d, levels), table(100 + seed, 7, d, levels)
        ref = [0.9 * (levels or 1)] * d
        whole = exact_volume(points, ref)
        expected = [float(exact_volume(np.concatenate([points, c[None]]), ref) - whole) for c in candidates]
        np.testing.assert_allclose(pareto.hv_improvement(points, candidates, ref), expected, rtol=1e-12)


@pytest.mark.parametrize("d", [2, 3, 4, 6])
def test_improvements_add_up_to_the_volume(d):
    points = front(7, 40, d)
    steps = [pareto.hv_improvement(points[:i], points[i : i + 1], 1.1)[0] for i in range(40)]
    assert math.isclose(sum(steps), pareto.hypervolume(points, 1.1), rel_tol=1e-12)


@pytest.mark.parametrize("d", [2, 3, 4, 5])
def test_improvements_shrink_as_the_set_grows(d):
    points, candidates = front(8, 30, d), table(9, 50, d)
    before = pareto.hv_improvement(points[:10], candidates, 1.1)
    after = pareto.hv_improvement(points, candidates, 1.1)
    assert (after <= before * (1 + 1e-12)).all()


@pytest.mark.parametrize("d", [2, 3, 4, 6])
def test_threads_and_order_change_no_bit(d):
    points, candidates = front(1, 120, d), table(2, 60, d)
    order = np.random.default_rng(0).permutation(120)
    contributions = pareto.hv_contributions(points, 1.1, threads=1)
    improvement = pareto.hv_improvement(points, candidates, 1.1, threads=1)
    for threads in (2, 4, None):
        assert (pareto.hv_contributions(points[order], 1.1, threads=threads) == contributions[order]).all()
        assert (pareto.hv_improvement(points, candidates, 1.1, threads=threads) == improvement).all()


def best_subset(points, k, ref):
    return max(float(exact_volume(points[list(rows)], ref)) for rows in itertools.combinations(range(len(points)), k))


@pytest.mark.parametrize("levels", [None, 6])
@pytest.mark.parametrize("k", range(6))
def test_subsets_of_the_plane_are_optimal(k, levels):
    for seed in range(8):
        points = table(seed, 9, 2, levels) if seed % 2 else front(seed, 9, 2)
        chosen = pareto.hv_subset(points, k, [7.0, 7.0])
        assert chosen.guarantee == "optimal"
        assert len(chosen.indices) <= k
        assert math.isclose(chosen.volume, best_subset(points, k, [7.0, 7.0]), rel_tol=1e-12)
        assert math.isclose(pareto.hypervolume(points[chosen.indices], 7), chosen.volume, rel_tol=1e-12)


def test_long_dynamic_programs_find_their_way_back():
    points = front(3, 60, 2)
    volumes = [pareto.hv_subset(points, k, 1.1) for k in range(61)]
    gains = np.diff([float(each.volume) for each in volumes])
    assert (gains >= -1e-15).all()
    assert (np.diff(gains) <= 1e-12).all(), "the best volume is concave in the size"
    assert all(math.isclose(pareto.hypervolume(points[each.indices], 1.1), each.volume) for each in volumes)
    assert [len(each.indices) for each in volumes] == list(range(61))


@pytest.mark.parametrize("d", [3, 4])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_greedy_subsets_keep_their_guarantee(d, k):
    for seed in range(6):
        points = table(seed, 9, d, 5)
        best = best_subset(points, k, [5.0] * d)
        chosen = pareto.hv_subset(points, k, 5)
        assert chosen.volume >= (1 if chosen.guarantee == "optimal" else 1 - 1 / math.e) * best * (1 - 1e-12)


def test_greedy_choice_equals_the_obvious_one():
    points, chosen = front(5, 60, 3), []
    for _ in range(10):
        gains = pareto.hv_improvement(points[chosen], points, 1.1)
        chosen.append(int(gains.argmax()))
    assert pareto.hv_subset(points, 10, 1.1).indices.tolist() == sorted(chosen)


def test_the_whole_front_is_optimal():
    points = front(6, 20, 4)
    chosen = pareto.hv_subset(np.concatenate([points, points + 0.1]), 25, 1.2)
    assert chosen.indices.tolist() == list(range(20))
    assert chosen.guarantee == "optimal"
    assert pareto.hv_subset(points, 0, 1.2).to_dict() == {"indices": [], "volume": 0.0, "guarantee": "optimal"}


def test_what_rounding_hides_is_nothing_and_never_less():
    space = [[1e-18, 1e-15, 5e-13], [4e-19, 2e-15, 7e-13], [6e-19, 7e-15, 1e-13]]
    assert pareto.hv_improvement(space, [[0.0, 6e-15, 2e-13]], ref=0.3)[0] >= 0
    more = [
        [3e-9, 8e-18, 7e-14, 9e-16],
        [6e-9, 7e-18, 8e-14, 5e-16],
        [4e-9, 1e-18, 7e-14, 6e-16],
        [8e-9, 4e-18, 3e-14, 6e-16],
    ]
    assert (pareto.hv_contributions(more, ref=0.3) >= 0).all()
    assert pareto.hv_least(more, ref=0.3) == (2, 0.0)


def test_rows_outside_or_missing_add_nothing():
    points = [[1.0, 1.0], [np.nan, 0.0], [3.0, 0.0], [2.0, 0.5]]
    assert pareto.hv_contributions(points, 3, nan="drop").tolist() == [2, 0, 0, 0.5]
    assert pareto.hv_improvement(points, [[np.nan, 0], [0, 0], [0, 4]], 3, nan="drop").tolist() == [0, 4.5, 0]
    assert pareto.hv_subset(points, 4, 3, nan="drop").volume.num_outside == 1
    assert pareto.hv_contributions(np.empty((0, 2)), 3).shape == (0,)
    assert pareto.hv_improvement(points, np.empty((0, 2)), 3, nan="drop").shape == (0,)


def test_candidates_far_beyond_the_set_do_not_overflow():
    gains = pareto.hv_improvement([[0.5] * 4], [[-1e150, 0, 0, 0], [0.9e-300, 0.9, 0.4, 0.9]], 1)
    assert math.isclose(gains[0], 1e150, rel_tol=1e-12)
    assert math.isclose(gains[1], float(exact_volume([[0.5] * 4, [0.9e-300, 0.9, 0.4, 0.9]], [1] * 4)) - 0.0625)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: pareto.hv_contributions([[1.0, 1.0]], np.inf), ValueError, "`points` must be points and a `ref` that"),
        (lambda: pareto.hv_contributions([[-np.inf, 1.0]], 2), ValueError, "an infinite volume\nhint: give a finite"),
        (lambda: pareto.hv_least(np.empty((0, 2)), 2), ValueError, "`points` must have 1 row or more, got none"),
        (lambda: pareto.hv_improvement([[1, 1]], [[1, 1, 1]], 2), ShapeError, r"`candidates` must have shape \(n, 2\)"),
        (lambda: pareto.hv_improvement([[1, 1]], [[np.nan, 1]], 2), ValueError, "`candidates` must be free of NaN"),
        (lambda: pareto.hv_subset([[1, 1]], -1, 2), ValueError, "`k` must be 0 or more, got -1"),
        (lambda: pareto.hv_subset([[1, 1]], 1.5, 2), TypeError, r"`k` must be a whole number, got 1\.5"),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
