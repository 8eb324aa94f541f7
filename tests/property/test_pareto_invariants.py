"""What must hold for any table: the front does not care about order, scale or direction labels."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from paretoserve import pareto

small = st.floats(allow_nan=False, width=32) | st.sampled_from([-1.0, -0.0, 0.0, 1.0, 2.0, np.inf, -np.inf])
shapes = arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)
tables = shapes.flatmap(lambda shape: arrays.arrays(np.float64, (3 * shape[0], min(shape[1], 6)), elements=small))
grids = shapes.flatmap(
    lambda shape: arrays.arrays(np.int64, (4 * shape[0], min(shape[1], 6)), elements=st.integers(0, 3))
)
any_table = tables | grids


@given(any_table, st.randoms(use_true_random=False))
def test_order_of_rows_and_columns_does_not_matter(points, random):
    rows, columns = list(range(points.shape[0])), list(range(points.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)
    assert (pareto.mask(points[rows][:, columns]) == pareto.mask(points)[rows]).all()


@given(grids, st.integers(1, 1000), st.integers(-1000, 1000))
def test_scale_and_shift_do_not_matter(points, scale, shift):
    assert (pareto.mask(points * scale + shift) == pareto.mask(points)).all()


@given(any_table)
def test_the_other_direction_is_the_negation(points):
    assert (pareto.mask(points, "max") == pareto.mask(-points, "min")).all()


@given(any_table)
def test_the_front_is_its_own_front_and_covers_the_rest(points):
    marked = pareto.mask(points)
    front = points[marked]
    assert pareto.mask(front).all()
    for row in points[~marked]:
        assert ((front <= row).all(axis=1) & (front < row).any(axis=1)).any()


@given(any_table)
def test_duplicates_change_nothing_but_who_is_kept(points):
    marked = pareto.mask(points)
    n = len(points)
    twice = np.concatenate([points, points])
    assert (pareto.mask(twice) == np.concatenate([marked, marked])).all()
    first = pareto.mask(twice, keep="first")
    assert not first[n:].any()
    assert (pareto.mask(twice, keep="last")[n:] | ~marked).sum() >= first.sum()
    assert len(np.unique(points[marked] + 0.0, axis=0)) == first.sum()


@given(tables, st.randoms(use_true_random=False))
def test_nan_policies_agree_with_removing_and_with_infinity(points, random):
    finite = np.where(np.isinf(points), 0.0, points)
    holes = np.array([random.random() < 0.2 for _ in range(points.size)]).reshape(points.shape)
    holed, worst = np.where(holes, np.nan, finite), np.where(holes, np.inf, finite)
    complete = ~holes.any(axis=1)
    dropped = pareto.mask(holed, nan="drop")
    assert not dropped[~complete].any()
    assert (dropped[complete] == pareto.mask(holed[complete])).all()
    assert (pareto.mask(holed, nan="worst") == pareto.mask(worst)).all()


@given(tables, st.floats(0, 1e6, allow_subnormal=False))
def test_a_cover_is_part_of_the_front_and_close_to_every_row(points, eps):
    kept = pareto.mask(points, eps=eps)
    assert kept.any()
    assert not (kept & ~pareto.mask(points)).any()
    for row in points:
        reach = row + eps * (1 + 1e-9) + np.spacing(np.where(np.isfinite(row), np.abs(row), 0.0)) * 2
        assert (points[kept] <= reach).all(axis=1).any()


@given(any_table, st.data())
def test_groups_and_bounds_are_fronts_of_parts(points, data):
    labels = np.array(data.draw(st.lists(st.integers(-2, 2), min_size=len(points), max_size=len(points))))
    low, high = sorted(data.draw(st.tuples(st.integers(-1, 3), st.integers(-1, 3))))
    inside = (points[:, 0] >= low) & (points[:, 0] <= high)
    marked = pareto.mask(points, groups=labels, where={0: (low, high)})
    expected = np.zeros(len(points), dtype=bool)
    for label in np.unique(labels):
        part = (labels == label) & inside
        expected[part] = pareto.mask(points[part])
    assert (marked == expected).all()


@given(any_table, st.sampled_from(["min", "max"]))
def test_front_lists_the_marked_rows_best_first(points, sense):
    indices = pareto.front(points, sense)
    assert sorted(indices) == np.flatnonzero(pareto.mask(points, sense)).tolist()
    first = points[indices, 0]
    assert (first[1:] >= first[:-1]).all() if sense == "min" else (first[1:] <= first[:-1]).all()
