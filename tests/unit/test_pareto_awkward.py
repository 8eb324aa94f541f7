"""Awkward input that peers get wrong or disagree on, each with the one sane answer."""

import numpy as np
import pytest

from paretoserve import pareto
from paretoserve.errors import ShapeError

NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    ("points", "options", "expected"),
    [
        ([(0, 1), (0, 1), (1, 0)], {}, [1, 1, 1]),
        ([(0, 1), (0, 1), (1, 0)], {"keep": "first"}, [1, 0, 1]),
        ([(0, 1), (0, 1), (1, 0)], {"keep": "last"}, [0, 1, 1]),
        ([(-0.0, 1.0), (0.0, 1.0)], {}, [1, 1]),
        ([(0.0, -0.0), (-0.0, 0.0)], {"sense": "max"}, [1, 1]),
        ([(NAN, 0), (1, 1), (2, 2)], {"nan": "drop"}, [0, 1, 0]),
        ([(1, 1), (2, 2), (0, NAN)], {"nan": "drop"}, [1, 0, 0]),
        ([(1, 1, 1, 1), (2, 0, 2, 2), (0, 0, 0, NAN)], {"nan": "drop"}, [1, 1, 0]),
        ([(-INF, 5), (0, INF), (0, 0), (INF, INF)], {}, [1, 0, 1, 0]),
        ([(2**53, 0), (2**53 + 1, 0)], {}, [1, 0]),
        ([(2**53, 0), (2**53 + 1, 0)], {"sense": "max"}, [0, 1]),
        (np.empty((0, 2)), {}, []),
        ([[2], [1], [1]], {}, [0, 1, 1]),
        ([[2], [1], [1]], {"keep": "first"}, [0, 1, 0]),
        ([[1, 2], [2, 1]], {}, [1, 1]),
        ([[5e-324, 1.0], [1e-323, 1.0]], {}, [1, 0]),
        ([[1e-42, 1e300], [2e-42, 1e299], [2e-42, 1e300]], {}, [1, 1, 0]),
    ],
)
def test_the_sane_answer(points, options, expected):
    assert pareto.mask(points, **options).tolist() == [bool(each) for each in expected]


@pytest.mark.parametrize("points", [[(NAN, 0), (1, 1)], [(1, 1), (0, NAN)], [(0, 0, 0, NAN)]])
def test_a_nan_is_an_error_unless_a_policy_is_given(points):
    with pytest.raises(ValueError, match=r'NaN in row .*, column .*\nhint: nan="drop"'):
        pareto.mask(points)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float16"])
def test_small_dtypes_and_fortran_order(dtype):
    points = np.array([[3, 1], [1, 3], [3, 3]], dtype=dtype)
    assert pareto.mask(points).tolist() == [True, True, False]
    assert pareto.mask(np.asfortranarray(points)).tolist() == [True, True, False]


def test_zero_columns_are_an_error():
    for points in (np.empty((3, 0)), [], {}):
        with pytest.raises(ShapeError, match="`points` must have"):
            pareto.mask(points)


@pytest.mark.parametrize("d", [33, 64, 65, 100])
def test_many_objectives(d):
    points = np.random.default_rng(d).random((2_000, d))
    assert pareto.mask(points).all()
    worse = np.concatenate([points, points[:5] + 1e-9])
    assert pareto.mask(worse).tolist() == [True] * 2_000 + [False] * 5
    worse[-1] = points[0]
    assert pareto.mask(worse, keep="first").tolist() == [True] * 2_000 + [False] * 5
