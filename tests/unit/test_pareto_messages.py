"""A NaN is refused where it counts, under the name of its argument and with a hint that the function takes."""

import numpy as np
import pytest

from paretoserve import pareto
from paretoserve.errors import DtypeError

HOLE = np.array([[1.0, 5.0], [2.0, np.nan], [4.0, 1.0]])
WHOLE = np.array([[1.0, 5.0], [2.0, 3.0], [4.0, 1.0]])


@pytest.mark.parametrize(
    "call",
    [
        pareto.knee,
        pareto.select,
        pareto.hull,
        pareto.possibly_optimal,
        pareto.pick,
        pareto.crowding,
        lambda points: pareto.cover(points, eps=1),
        lambda points: pareto.cover(points, eps=1, where={0: (3, None)}),
        lambda points: pareto.coverage(points, WHOLE),
    ],
)
def test_the_hint_names_what_the_function_takes(call):
    expected = 'NaN in row 1, column 1\nhint: nan="drop" leaves such rows out'
    with pytest.raises(ValueError, match=r"`points` must be free of NaN") as caught:
        call(HOLE)
    assert str(caught.value).endswith(expected)


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: pareto.interp(HOLE, 2), "front"),
        (lambda: pareto.area(HOLE), "front"),
        (lambda: pareto.ratio(WHOLE, HOLE, 2), "front_b"),
        (lambda: pareto.crossings(HOLE, WHOLE), "front_a"),
        (lambda: pareto.curve_dominates(WHOLE, HOLE), "front_b"),
    ],
)
def test_curves_name_the_front(call, argument):
    with pytest.raises(
        ValueError, match=f"`{argument}` must be free of NaN, .* row 1, column 1\nhint: leave such rows"
    ):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pareto.dominance_probability(mean=HOLE, std=0.1), "`mean` .* NaN in row 1, objective 1"),
        (lambda: pareto.front_probability(mean=HOLE, std=0.1, nan="drop"), "`mean` .* NaN in row 1, objective 1"),
        (lambda: pareto.dominance_probability(mean=WHOLE, std=[0.1, -1]), "`std` .* got -1.0 for row 0, objective 1"),
        (lambda: pareto.front_probability([WHOLE, HOLE]), "`samples` .* NaN in draw 1, row 1, objective 1\nhint: "),
        (lambda: pareto.dominance_probability([WHOLE, HOLE]), "`samples` .* NaN in draw 1, row 1, objective 1\nhint: "),
        (lambda: pareto.bootstrap([WHOLE, HOLE]), "`measurements` .* NaN in measurement 4, objective 1\nhint: "),
    ],
)
def test_noise_names_the_place(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: pareto.area(WHOLE, "1", 2), TypeError, "`lo` must be a number, got '1'"),
        (lambda: pareto.area(WHOLE, 1, [2]), TypeError, "`hi` must be a number, got"),
        (lambda: pareto.asf(WHOLE, rho="x"), TypeError, "`rho` must be a number, got 'x'"),
        (lambda: pareto.from_frame({"a": [1]}, {"a": "min"}, by=3), DtypeError, "`by` must be the name of a column or"),
        (lambda: pareto.compose(3), DtypeError, "`stages` must be a sequence of tables, got int"),
        (lambda: pareto.compose([WHOLE], None), DtypeError, "`ops` must be one operator or 2 of them, got None"),
        (lambda: pareto.Archive(10**9), ValueError, "`num_objectives` must be from 1 to 4096, got 1000000000"),
        (lambda: pareto.staircase(WHOLE, limits=["a", "b"]), DtypeError, "`limits` must be the worst x and y"),
    ],
)
def test_options_of_another_kind(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_threads_are_checked_where_none_are_needed():
    with pytest.raises(ValueError, match="`threads` must be 1 or more"):
        pareto.r2(WHOLE, 0, threads=0)


def test_an_area_beyond_the_largest_number_is_infinite():
    assert pareto.area(WHOLE * 1e307) == np.inf
