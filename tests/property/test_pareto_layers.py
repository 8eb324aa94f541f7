"""What must hold for layers and counts of any table, whatever its order, scale and duplicates."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from paretoserve import pareto

values = st.floats(allow_nan=False, width=32) | st.sampled_from([-1.0, -0.0, 0.0, 1.0, np.inf, -np.inf])
shapes = arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)
tables = shapes.flatmap(lambda shape: arrays.arrays(np.float64, (3 * shape[0], min(shape[1], 6)), elements=values))
grids = shapes.flatmap(
    lambda shape: arrays.arrays(np.int64, (4 * shape[0], min(shape[1], 6)), elements=st.integers(0, 3))
)
any_table = tables | grids


@given(any_table, st.randoms(use_true_random=False))
def test_order_of_rows_and_columns_does_not_matter(points, random):
    rows, columns = list(range(points.shape[0])), list(range(points.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)
    shuffled = points[rows][:, columns]
    assert (pareto.ranks(shuffled) == pareto.ranks(points)[rows]).all()
    for counted, expected in zip(pareto.counts(shuffled), pareto.counts(points), strict=True):
        assert (counted == expected[rows]).all()


@given(any_table)
def test_layers_are_peeled_fronts_and_counts_agree(points):
    ranks = pareto.ranks(points)
    dominated_by, dominates = pareto.counts(points)
    assert ((dominated_by == 0) == (ranks == 0)).all()
    assert (dominated_by >= ranks).all()
    assert dominated_by.sum() == dominates.sum()
    for layer in range(ranks.max() + 1):
        left = ranks >= layer
        assert (pareto.mask(points[left]) == (ranks[left] == layer)).all()


@given(any_table)
def test_the_other_direction_swaps_the_counts(points):
    dominated_by, dominates = pareto.counts(points)
    opposite = pareto.counts(points, "max")
    assert (opposite[0] == dominates).all()
    assert (opposite[1] == dominated_by).all()
    assert pareto.ranks(points, "max").max() == pareto.ranks(points).max()


@given(any_table, st.integers(1, 20), st.integers(1, 5))
def test_stops_hide_later_layers_only(points, stop_after, num_fronts):
    ranks = pareto.ranks(points)
    stopped = pareto.ranks(points, stop_after=stop_after, num_fronts=num_fronts)
    told = stopped >= 0
    assert (stopped[told] == ranks[told]).all()
    assert (ranks[~told] > stopped.max()).all()
    assert stopped.max() == ranks.max() or told.sum() >= stop_after or stopped.max() == num_fronts - 1


@given(grids, st.data())
def test_an_explanation_lists_the_rows_that_count(points, data):
    row = data.draw(st.integers(0, len(points) - 1))
    why = pareto.explain(points, row)
    assert len(why.dominators) == pareto.counts(points)[0][row]
    for change in why.changes:
        better = points.astype(np.float64)
        better[row, change.objective] = change.needed - 0.5 * change.beyond
        assert pareto.mask(better)[row]
