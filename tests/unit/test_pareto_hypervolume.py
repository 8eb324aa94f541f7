"""`pareto.hypervolume` against exact rational arithmetic, closed forms, peers, and its own invariances."""

import copy
import itertools
import json
import math
import pickle
import warnings

import numpy as np
import pytest

from _exact import exact_volume
from paretoserve import pareto
from paretoserve.errors import DtypeError, ShapeError


@pytest.fixture(scope="module")
def moocore():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("moocore")


def table(seed, n, d, levels=None):
    """Random rows; with `levels` ties, duplicates and dominated rows everywhere."""
    generator = np.random.default_rng(seed)
    return generator.random((n, d)) if levels is None else generator.integers(0, levels, (n, d)).astype(float)


def front(seed, n, d):
    points = np.abs(np.random.default_rng(seed).standard_normal((n, d)))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


@pytest.mark.parametrize("d", range(1, 8))
@pytest.mark.parametrize("levels", [None, 2, 4])
def test_equals_rational_arithmetic(d, levels):
    for seed in range(12):
        n = 1 + seed % 9
        points = table(seed, n, d, levels)
        senses = np.random.default_rng(seed).choice(["min", "max"], d).tolist()
        # On the reference point, inside and outside: the worst value of the table is a tie with it.
        ref = np.where(np.array(senses) == "max", points.min(axis=0), points.max(axis=0)) if seed % 2 else [0.75] * d
        expected = exact_volume(points, ref, senses)
        assert math.isclose(pareto.hypervolume(points, ref, senses), expected, rel_tol=1e-12, abs_tol=0.0)


@pytest.mark.parametrize("d", range(2, 11))
def test_equals_moocore_on_large_sets(moocore, d):
    n = {2: 5000, 3: 5000, 4: 1500, 5: 300, 6: 120, 7: 60}.get(d, 25)
    for points in (front(d, n, d), table(d, n, d), table(d, n, d, levels=5)):
        ref = points.max(axis=0) * 0.95 + 0.1
        expected = moocore.hypervolume(points, ref=ref)
        assert math.isclose(pareto.hypervolume(points, ref), expected, rel_tol=1e-9)
        assert math.isclose(pareto.hypervolume(-points, -ref, "max"), expected, rel_tol=1e-9)


@pytest.mark.parametrize(("d", "n"), [(5, 200), (6, 100), (8, 60), (10, 30)])
def test_equals_hvwfg(d, n):
    hvwfg = pytest.importorskip("hvwfg")
    points = front(d, n, d)
    assert math.isclose(pareto.hypervolume(points, [1.1] * d), hvwfg.wfg(points, np.full(d, 1.1)), rel_tol=1e-9)


@pytest.mark.parametrize("n", [2, 10, 1000])
def test_linear_front_has_its_closed_form(n):
    x = np.arange(n) / (n - 1)
    assert math.isclose(pareto.hypervolume(np.stack([x, 1 - x], axis=1), [1, 1]), (1 - 1 / (n - 1)) / 2, rel_tol=1e-12)


@pytest.mark.parametrize(("d", "steps"), [(3, 12), (4, 8), (5, 5), (6, 4)])
def test_simplex_lattice_has_its_closed_form(d, steps):
    lattice = [p for p in itertools.product(range(steps + 1), repeat=d) if sum(p) == steps]
    # A cell of the lattice is dominated when its corner's coordinates add up to `steps` or more.
    cells = sum(sum(cell) >= steps for cell in itertools.product(range(steps + 1), repeat=d))
    assert pareto.hypervolume(lattice, steps + 1) == cells


@pytest.mark.parametrize("d", [33, 100])
def test_many_objectives(d):
    points = 1 - np.eye(d)[:3] / 2
    assert math.isclose(pareto.hypervolume(points, [1.5] * d), exact_volume(points, [1.5] * d), rel_tol=1e-12)
    assert math.isclose(pareto.hypervolume(np.zeros((5, d)), 1), 1)


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 6, 8])
def test_order_copies_and_threads_change_no_bit(d):
    for points in (front(1, 150 if d < 8 else 40, d), table(2, 200, d, levels=4)):
        expected = pareto.hypervolume(points, points.max(axis=0) + 0.1, threads=1)
        shuffled = np.random.default_rng(0).permutation(np.concatenate([points, points[:20]]))
        for threads in (1, 2, 4, None):
            for same in (points, shuffled, np.asfortranarray(shuffled), list(shuffled.T)):
                assert pareto.hypervolume(same, points.max(axis=0) + 0.1, threads=threads) == expected


@pytest.mark.parametrize("d", [2, 3, 4, 6])
def test_scaling_and_shift(d):
    points = front(3, 60, d)
    volume = pareto.hypervolume(points, 1.25)
    assert pareto.hypervolume(points * 2.0**100, 1.25 * 2.0**100) == volume * 2.0 ** (100 * d)
    assert math.isclose(pareto.hypervolume(points + 3, 4.25), volume, rel_tol=1e-12)
    factors = 10.0 ** np.arange(d)
    assert math.isclose(pareto.hypervolume(points * factors, 1.25 * factors), volume * factors.prod(), rel_tol=1e-12)


@pytest.mark.parametrize("d", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("scale", [1e-42, 1e-310, 1e300])
def test_extreme_values(d, scale):
    points = np.ones((2, d))
    points[:, 0] = [0, 0.5 * scale]
    ref = np.full(d, 2.0)
    ref[0] = scale
    assert math.isclose(pareto.hypervolume(points, ref), scale, rel_tol=1e-12)
    assert pareto.hypervolume([[-1.7e308] * d], [1.7e308] * d) == math.inf


def test_infinities():
    assert pareto.hypervolume([[1, 2], [2, 1]], [math.inf, 3]) == math.inf
    assert pareto.hypervolume([[-math.inf, 1], [5, 5]], [3, 3]) == math.inf
    assert pareto.hypervolume([[5, 5]], [3, math.inf]) == 0
    volume = pareto.hypervolume([[1, 2], [math.inf, -math.inf]], [3, 3])
    assert (volume, volume.num_outside) == (2, 1)
    assert pareto.hypervolume([[1, 2]], -math.inf).num_outside == 1


def test_empty_sets_and_points_outside():
    assert pareto.hypervolume(np.empty((0, 3)), 1) == 0
    volume = pareto.hypervolume([[1, 3], [3, 1], [4, 4], [2, 2]], [3, 3])
    assert (volume, volume.num_outside) == (1, 3)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "uint8", "int8", "bool"])
def test_any_dtype(dtype):
    points = np.array([[0, 1, 0], [1, 0, 0], [1, 1, 1]]).astype(dtype)
    assert pareto.hypervolume(points, 2) == exact_volume(points, [2] * 3)
    assert pareto.hypervolume(points, -1, "max") == exact_volume(points, [-1] * 3, "max")


def test_result_is_a_float_with_its_story():
    volume = pareto.hypervolume([[1, 1], [5, 5]], 2)
    assert volume == 1.0
    assert f"{volume:.2f} {volume}" == "1.00 1.0"
    assert np.float64(volume) + 1 == 2
    assert json.dumps(volume) == "1.0"
    for other in (pickle.loads(pickle.dumps(volume)), copy.deepcopy(volume)):
        assert other.to_dict() == {"value": 1.0, "num_outside": 1, "method": "exact", "rel_err": 0.0}


@pytest.mark.parametrize(
    ("points", "ref", "options", "error", "message"),
    [
        ([[1.0, np.nan]], 2, {}, ValueError, r"`points` must be free of NaN, got NaN in row 0, column 1\nhint: nan="),
        ([[1.0, 1.0]], [2, np.nan], {}, ValueError, "`ref` must be free of NaN, got NaN for objective 1"),
        (
            [[1.0, 1.0]],
            [2, 2, 2],
            {},
            ShapeError,
            r"`ref` must be one number or 2, one per objective, got shape \(3,\)",
        ),
        ([[1.0, 1.0]], "two", {}, DtypeError, "`ref` must be a number or 2 of them, got 'two'"),
        ([[1.0, 1.0]], None, {}, DtypeError, "`ref` must be a number or 2 of them, got None"),
        ([1.0, 1.0], 2, {}, ShapeError, r"`points` must have shape \(n, d\)"),
        (np.empty((3, 0)), 2, {}, ShapeError, r"`points` must have shape \(n, d\)"),
        ([["a", "b"]], 2, {}, DtypeError, "`points` must be integers"),
        ([[1.0, 1.0]], 2, {"nan": "worst"}, ValueError, '`nan` must be one of "raise", "drop"'),
        ([[1.0, 1.0]], 2, {"sense": ["min"]}, ShapeError, "`sense` must have 2 entries"),
        ([[1.0, 1.0]], 2, {"threads": 0}, ValueError, "`threads` must be 1 or more"),
    ],
)
def test_bad_input_is_refused(points, ref, options, error, message):
    with pytest.raises(error, match=message):
        pareto.hypervolume(points, ref, **options)
