"""Every function that computes with points, on input that others trip over: no panic, no warning, no silent number."""

import numpy as np
import pytest

from paretoserve import pareto
from paretoserve.errors import DtypeError, ShapeError

FUNCTIONS = {
    "asf": pareto.asf,
    "attained": lambda points, **options: pareto.attained([points, points], points, **options),
    "coverage": lambda points, **options: pareto.coverage(points, points, **options),
    "crowding": pareto.crowding,
    "epsilon": lambda points, **options: pareto.epsilon(points, points, **options),
    "gd_plus": lambda points, **options: pareto.gd_plus(points, points, **options),
    "hausdorff": lambda points, **options: pareto.hausdorff(points, points, **options),
    "hull": pareto.hull,
    "igd": lambda points, **options: pareto.igd(points, points, **options),
    "igd_plus": lambda points, **options: pareto.igd_plus(points, points, **options),
    "knee": pareto.knee,
    "normalise": pareto.normalise,
    "pick": lambda points, **options: pareto.pick(points, **options).values,
    "possibly_optimal": pareto.possibly_optimal,
    "pseudo_weights": pareto.pseudo_weights,
    "select": pareto.select,
    "spacing": pareto.spacing,
    "topsis": pareto.topsis,
    "tradeoff": lambda points, **options: pareto.knee(points, method="tradeoff", **options),
}
# Without a row these have no value and say so.
NEED_ROWS = {"coverage": 1, "epsilon": 1, "gd_plus": 1, "hausdorff": 1, "igd": 1, "igd_plus": 1, "spacing": 2}
# Infinities have an order but no distance.
ORDER_ONLY = {"coverage", "pick", "attained"}


@pytest.fixture(params=sorted(FUNCTIONS))
def function(request):
    return request.param, FUNCTIONS[request.param]


@pytest.mark.parametrize("d", [1, 2, 3, 33, 100])
def test_any_number_of_objectives(function, d):
    _, call = function
    points = np.random.default_rng(d).random((12, d))
    sense = ["max" if k % 3 == 0 else "min" for k in range(d)]
    assert not np.isnan(np.asarray(call(points, sense=sense), dtype=float)).any()


def test_the_layout_does_not_matter(function):
    _, call = function
    points = np.random.default_rng(1).random((40, 3))
    wide = np.zeros((40, 7))
    wide[:, 1::2] = points
    expected = np.asarray(call(points))
    for same in (
        np.asfortranarray(points),
        wide[:, 1::2],
        list(points.T),
        {"a": points[:, 0], "b": points[:, 1], "c": points[:, 2]},
        points[::-1][::-1],
    ):
        kept = [np.array(each) for each in same] if isinstance(same, list) else None
        assert (np.asarray(call(same)) == expected).all()
        assert kept is None or all((one == other).all() for one, other in zip(kept, same, strict=True))


@pytest.mark.parametrize("dtype", ["float16", "float32", "int8", "uint8", "int64", "uint64", "bool"])
def test_dtypes_give_what_float64_gives(function, dtype):
    _, call = function
    points = np.random.default_rng(2).integers(0, 2 if dtype == "bool" else 9, size=(30, 3)).astype(dtype)
    assert (np.asarray(call(points), float) == np.asarray(call(points.astype(float)), float)).all()


@pytest.mark.parametrize("scale", [5e-324, 1e-310, 1e-42, 1e300, 1.7e308])
def test_extreme_magnitudes_are_finite(function, scale):
    _, call = function
    points = np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0], [1.0, 1.0]]) * scale
    value = np.asarray(call(points), dtype=float)
    assert not np.isnan(value).any()


def test_constant_objectives_and_equal_rows(function):
    _, call = function
    for points in ([[5.0, 1.0], [5.0, 2.0], [5.0, 3.0]], [[2, 2], [2, 2]], [[-0.0, 0.0], [0.0, -0.0]]):
        assert not np.isnan(np.asarray(call(points), dtype=float)).any()


def test_no_row_and_one_row(function):
    name, call = function
    for n in (0, 1):
        points = np.zeros((n, 2))
        if n < NEED_ROWS.get(name, 0):
            with pytest.raises(ShapeError, match="or more, got"):
                call(points)
        else:
            call(points)


def test_nan_and_infinity(function):
    name, call = function
    with pytest.raises(ValueError, match="NaN in row 1, column 0"):
        call([[0.0, 1.0], [np.nan, 0.0], [1.0, 0.0]])
    if name != "attained":
        call([[0.0, 1.0], [np.nan, 0.0], [1.0, 0.0]], nan="drop")
    if name not in ORDER_ONLY:
        with pytest.raises(ValueError, match="finite"):
            call([[0.0, -np.inf], [1.0, 0.0]])
    else:
        call([[0.0, -np.inf], [1.0, 0.0]])


def test_what_is_no_table_of_numbers(function):
    _, call = function
    for bad, error in [
        ([["a", "b"]], DtypeError),
        (np.array([[1, None]], dtype=object), DtypeError),
        (np.array([[1 + 1j, 2]]), DtypeError),
        (np.zeros(3), ShapeError),
        (np.zeros((3, 0)), ShapeError),
        ([[1, 2], [3]], ShapeError),
    ]:
        with pytest.raises(error):
            call(bad)
    with pytest.raises(ShapeError, match="`sense` must have 2 entries"):
        call([[1, 2]], sense=["min"] * 3)
    with pytest.raises(ValueError, match="`sense` must be one of"):
        call([[1, 2]], sense="up")
