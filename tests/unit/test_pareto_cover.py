"""`cover` and the boxes of `mask`: what is kept is on the front, and the bound holds and is the smallest."""

import numpy as np
import pytest

from paretoserve import pareto
from paretoserve.errors import DtypeError, ShapeError


def worst_share(points, kept, signs, eps, kind):
    """The largest share of eps by which the nearest kept row is worse, by all pairs."""
    worst = 0.0
    for row in points:
        shares = []
        for own in points[kept]:
            difference = np.maximum((own - row) * signs, 0.0)
            if kind == "mult":
                difference = difference / np.where(signs > 0, row, own)
            shares.append(max(d / e if e else np.inf for d, e in zip(difference, eps, strict=True) if d > 0 or e))
        worst = max(worst, min(shares))
    return worst


@pytest.mark.parametrize("kind", ["add", "mult"])
@pytest.mark.parametrize("sense", ["min", "max"])
@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_the_bound_is_what_the_kept_rows_reach(kind, sense, d):
    for seed, eps in enumerate((0.02, 0.3, 2.5)):
        points = np.random.default_rng(seed).random((120, d)) * 3 + 0.1
        thin = pareto.cover(points, sense, eps=eps, eps_kind=kind)
        signs = np.full(d, 1.0 if sense == "min" else -1.0)
        share = worst_share(points, thin.indices, signs, np.full(d, eps), kind)
        assert thin.bound == pytest.approx(np.full(d, share * eps), rel=1e-9, abs=1e-12)
        assert (thin.bound <= eps * (1 + 1e-9)).all()
        front = pareto.front(points, sense, keep="first")
        assert set(thin.indices) <= set(front)
        assert thin.num_front == len(front)
        first = points[thin.indices, 0] * signs[0]
        assert (np.diff(first) >= 0).all()


def test_boxes_of_factors_follow_the_scale():
    points = np.array([[10.0**k, 10.0 ** (20 - k)] for k in np.linspace(0, 20, 400)])
    kept = pareto.mask(points, eps=1.0, eps_kind="mult")
    # Twenty powers of ten are 66 doublings.
    assert 60 <= kept.sum() <= 70
    thin = pareto.cover(points, eps=1.0, eps_kind="mult")
    assert (thin.bound <= 1.0).all()
    assert thin.kind == "mult"


def test_factors_work_from_the_smallest_to_the_largest_number():
    values = np.array([5e-324, 1e-310, 1e-200, 1.0, 1e200, np.finfo(float).max, np.inf])
    points = np.stack([values, values[::-1]], axis=1)
    for eps in (1e-12, 0.5, 1e6):
        assert pareto.mask(points, eps=eps, eps_kind="mult").any()
        assert not (pareto.mask(points, eps=eps, eps_kind="mult") & ~pareto.mask(points)).any()
    integers = np.array([[2**63 - 1, 1], [2**63 - 2, 1], [1, 2**63 - 1]], dtype=np.uint64)
    assert pareto.mask(integers, eps=0.5, eps_kind="mult").tolist() == [False, True, True]


def test_a_size_of_zero_leaves_an_objective_as_it_is():
    points = np.array([[1.0, -5.0], [1.2, -6.0], [1.4, -6.0]])
    assert pareto.mask(points, eps=[0.5, 0], eps_kind="mult").tolist() == [False, True, False]
    assert pareto.cover(points, eps=0.0).bound.tolist() == [0.0, 0.0]


def test_rows_that_take_no_part_are_counted():
    points = np.array([[1.0, 2.0], [np.nan, 0.0], [2.0, np.nan], [9.0, 0.5]])
    thin = pareto.cover(points, eps=1, nan="drop")
    assert (thin.num_missing, thin.num_outside, thin.num_front) == (2, 0, 2)
    thin = pareto.cover(points, eps=1, nan="drop", where={0: (0, 5)})
    assert (thin.num_missing, thin.num_outside, thin.num_front) == (1, 2, 1)
    assert pareto.cover(np.empty((0, 2)), eps=1).indices.tolist() == []


def test_threads_do_not_matter():
    points = np.abs(np.random.default_rng(0).standard_normal((30_000, 4)))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    one, two = (pareto.cover(points, eps=0.2, threads=threads) for threads in (1, 2))
    assert (one.indices == two.indices).all()
    assert (one.bound == two.bound).all()


@pytest.mark.parametrize(
    ("points", "options", "error", "message"),
    [
        ([[1, 2]], {"eps": 1, "eps_kind": "near"}, ValueError, "a tolerance between pairs of points is not transitive"),
        ([[1, 0]], {"eps": 1, "eps_kind": "mult"}, ValueError, 'got 0 in row 0, column 1\nhint: eps_kind="add"'),
        ([[-2.5, 1]], {"eps": 1, "eps_kind": "mult"}, ValueError, "got -2.5 in row 0, column 0"),
        ([[1, 2]], {"eps": [1]}, ShapeError, "`eps` must be one number or 2"),
        ([[1, 2]], {"eps": "x"}, DtypeError, "`eps` must be a number"),
        ([[1, 2]], {"eps": 1, "nan": "worst"}, ValueError, "`nan` must be one of"),
        ([[1, np.nan]], {"eps": 1}, ValueError, "NaN in row 0, column 1"),
    ],
)
def test_bad_arguments_are_named(points, options, error, message):
    with pytest.raises(error, match=message):
        pareto.cover(points, **options)
