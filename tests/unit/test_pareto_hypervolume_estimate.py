"""`pareto.hypervolume` by sampling: the stated error holds, seeds and threads decide what they should."""

import math

import numpy as np
import pytest

from paretoserve import pareto


def front(seed, n, d):
    points = np.abs(np.random.default_rng(seed).standard_normal((n, d)))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("points", "ref"),
    [(front(0, 60, 3), 1.1), (front(1, 100, 5), 1.2), (1 - front(2, 60, 6), 1.0), (front(3, 30, 8), 2.0)],
    ids=["sphere-3", "sphere-5", "convex-6", "sphere-8"],
)
def test_stated_error_holds_for_fifty_seeds(points, ref):
    exact = pareto.hypervolume(points, ref, method="exact")
    for seed in range(50):
        volume = pareto.hypervolume(points, ref, method="approx", rel_err=4e-3, seed=seed)
        assert volume.method == "approx"
        assert 0 < volume.rel_err <= 4e-3
        assert abs(volume / exact - 1) <= volume.rel_err


@pytest.mark.parametrize("d", [1, 2, 4, 7])
def test_threads_order_and_copies_change_no_bit(d):
    points = front(d, 200, d)
    shuffled = np.random.default_rng(0).permutation(np.concatenate([points, points[:9], points + 0.01]))
    expected = pareto.hypervolume(points, 1.5, method="approx", rel_err=2e-3, seed=3, threads=1)
    for threads in (2, 4, None):
        same = pareto.hypervolume(shuffled, 1.5, method="approx", rel_err=2e-3, seed=3, threads=threads)
        assert (same, same.rel_err) == (expected, expected.rel_err)


def test_seeds_differ():
    points = front(0, 50, 5)
    volumes = {float(pareto.hypervolume(points, 1.1, method="approx", seed=seed)) for seed in (0, 1, 2**64 - 1)}
    assert len(volumes) == 3


@pytest.mark.parametrize("d", [2, 6])
def test_scaling_mixed_senses_and_outside(d):
    points = np.concatenate([front(4, 40, d), np.full((3, d), 9.0)])
    expected = pareto.hypervolume(points, 1.5, method="approx", seed=1)
    factors = 2.0 ** np.arange(0, 20 * d, 20)
    signs = np.where(np.arange(d) % 2 == 0, 1, -1)
    senses = ["min" if sign > 0 else "max" for sign in signs]
    scaled = pareto.hypervolume(points * factors * signs, 1.5 * factors * signs, senses, method="approx", seed=1)
    assert scaled == expected * factors.prod()
    assert scaled.num_outside == 3


def test_one_point_is_a_box():
    volume = pareto.hypervolume([[0.5] * 4], 1, method="approx")
    assert math.isclose(volume, 0.5**4, rel_tol=1e-6)
    assert pareto.hypervolume(np.empty((0, 3)), 1, method="approx") == 0
    assert pareto.hypervolume([[1, 1]], math.inf, method="approx") == math.inf
    assert math.isclose(pareto.hypervolume(np.full((3, 100), 0.5), 1, method="approx"), 0.5**100, rel_tol=1e-4)


@pytest.mark.parametrize("thin", [1e-6, 1e-42, 1e-100])
def test_what_rays_rarely_meet_is_not_stated_as_known(thin):
    with pytest.warns(RuntimeWarning, match=r"`rel_err` of 0\.001 was not reached"):
        volume = pareto.hypervolume([[1, thin], [thin, 1]], 0, "max", method="approx")
    assert volume.rel_err > 1e-3


def test_auto_is_exact_where_that_is_quick():
    assert pareto.hypervolume(front(0, 300, 6), 1.1).method == "exact"
    crowd = front(0, 300, 12)
    volume = pareto.hypervolume(crowd, 1.1, rel_err=0.02)
    assert volume.method == "approx"
    assert volume.rel_err <= 0.02
    # Of a large table only the front counts.
    assert pareto.hypervolume(np.concatenate([crowd[:20], crowd[:20] + 0.01, crowd[:20] + 0.02]), 1.1).method == "exact"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "fast"}, ValueError, '`method` must be one of "auto", "exact", "approx"'),
        ({"rel_err": 1e-9}, ValueError, r"`rel_err` must be from 7\.2e-7 to below 1, got"),
        ({"rel_err": 1.0}, ValueError, "`rel_err` must be from"),
        ({"rel_err": math.nan}, ValueError, "`rel_err` must be from"),
        ({"rel_err": "small"}, TypeError, "`rel_err` must be a number, got 'small'"),
        ({"rel_err": 0.1, "method": "exact"}, ValueError, '`rel_err` must be left out with method="exact"'),
        ({"seed": -1}, ValueError, r"`seed` must be from 0 to 2\^64 - 1, got -1"),
        ({"seed": 0.5}, TypeError, "`seed` must be a whole number"),
    ],
)
def test_bad_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        pareto.hypervolume([[1.0, 1.0]], 2, **options)
