"""Values that a conversion on the way would change: each is compared as it is, or refused by name."""

from decimal import Decimal
from fractions import Fraction

import ml_dtypes
import numpy as np
import pandas
import polars
import pyarrow
import pytest

from paretoserve import pareto
from paretoserve.errors import DataError, DtypeError, ShapeError

POINTS = np.array([[1.0, 2.0], [2.0, 1.0], [3.0, 3.0]])


def test_bfloat16_orders_bounds_and_sorts_as_numbers():
    points = np.array([[-1.0, 2.0], [3.0, -np.inf], [0.5, 0.5], [np.nan, 0.0]], dtype=ml_dtypes.bfloat16)
    assert pareto.front(points, nan="drop").tolist() == [0, 2, 1]
    assert pareto.front(points, "max", nan="worst").tolist() == [1, 2, 0]
    # 0.1 rounds to 0.1001 in bfloat16, so the bound admits what was stored for 0.1; 2.5 is no whole number.
    tenth = np.array([[0.1], [2.5], [3.0]], dtype=ml_dtypes.bfloat16)
    assert pareto.mask(tenth, "max", where={0: (None, 0.1)}).tolist() == [True, False, False]
    assert pareto.mask(tenth, "max", where={0: (None, 2.5)}).tolist() == [False, True, False]
    assert pareto.mask(tenth, where={0: (2.25, 1e300)}).tolist() == [False, True, False]
    assert pareto.from_frame({"a": tenth[:, 0]}, {"a": "max"}, where={"a": (None, 0.1)}).indices.tolist() == [0]


def test_torch_floats_of_8_bits_are_refused():
    torch = pytest.importorskip("torch")
    points = torch.tensor(POINTS).to(torch.float8_e4m3fn)
    with pytest.raises(DtypeError, match=r"`points` must be integers, .* got torch.float8_e4m3fn"):
        pareto.mask(points)
    with pytest.raises(DataError, match=r"column `a`: .* one of torch.float8_e4m3fn"):
        pareto.from_frame({"a": points[:, 0]}, {"a": "min"})
    with pytest.raises(DtypeError, match=r"`samples` must be real numbers .* got torch.float8_e4m3fn"):
        pareto.front_probability(points[None])


@pytest.mark.parametrize("values", [[2**53 + 1, 0.5], [2**63 + 1, -1], [2**53, 2**53 + 1, None, 0.5]])
def test_lists_do_not_round_integers_on_the_way(values):
    if None not in values:
        with pytest.raises(DtypeError, match=r"beyond 2\^53 .*\nhint: pass a list of arrays"):
            pareto.mask([[value] for value in values])
    with pytest.raises(DataError, match=r"column `a`: must not hold integers beyond 2\^53"):
        pareto.from_frame({"a": values}, {"a": "min"})
    # Those that float64 holds may stand beside fractions.
    assert pareto.mask([[2**60], [0.5]]).tolist() == [False, True]


@pytest.mark.parametrize(
    "column",
    [
        pyarrow.array([2**53 + 1, None, 2**53]),
        polars.Series([2**53 + 1, None, 2**53]),
        pandas.Series([2**53 + 1, None, 2**53], dtype="Int64"),
        pyarrow.array([True, None, False]),
    ],
)
def test_columns_with_nulls_among_integers_do_not_become_floats(column):
    for points in ([column], {"a": column}):
        with pytest.raises(DataError, match="must be a column of plain numbers, has missing values"):
            pareto.mask(points, nan="drop")
    floats = pyarrow.array([2.0, None, 1.0])
    assert pareto.mask([floats], nan="drop").tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("groups", "row"),
    [
        (["a", np.nan, "b"], 1),
        ([pandas.NA, "a", "b"], 0),
        (np.array(["a", "b", pandas.NA], dtype=object), 2),
        (np.ma.masked_array([1, 2, 3], mask=[0, 1, 0]), 1),
        (pandas.Series(["a", None, "b"]), 1),
    ],
)
def test_a_row_without_a_label_is_refused_however_it_is_written(groups, row):
    with pytest.raises(ValueError, match=f"`groups` must have a label for every row, got .* in row {row}\n"):
        pareto.mask(POINTS, groups=groups)


def test_labels_of_several_types_stay_apart():
    assert pareto.mask(POINTS, groups=[1, 2, "1"]).tolist() == [True, True, True]
    with pytest.raises(DataError, match="column `g`: must hold labels of one type"):
        pareto.from_frame({"a": [1, 2, 3], "g": [1, "1", 1]}, {"a": "min"}, by="g")


@pytest.mark.parametrize("high", [10**400, Fraction(5, 2), Decimal("2.5"), np.float32(np.inf)])
def test_bounds_of_any_real_type(high):
    for points in (POINTS, POINTS.astype(np.uint8), POINTS.astype(np.float16)):
        assert pareto.mask(points, where={0: (-(10**400), high)}).tolist() == [True, True, False]
        assert pareto.pick(points, where={0: (None, high)}).index == 0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"where": {True: (0, 1)}}, ValueError, "`where` names objective True"),
        ({"where": {0.0: (0, 1)}}, ValueError, "`where` names objective 0.0"),
        ({"where": {0: (np.datetime64("2020"), None)}}, ValueError, "`where` must give numbers or None"),
        ({"where": {0: (Decimal("nan"), None)}}, ValueError, "`where` must give numbers or None"),
        ({"eps": "1"}, DtypeError, "`eps` must be a number or 2 of them, got '1'"),
        ({"eps": 10**400}, DtypeError, "`eps` must be a number or 2 of them"),
        ({"eps": [[1], [1, 2]]}, ShapeError, "`eps` must be a number or 2 of them"),
    ],
)
def test_options_that_only_look_like_numbers(options, error, message):
    with pytest.raises(error, match=message):
        pareto.mask(POINTS, **options)


def test_a_mapping_to_a_number_is_not_a_column():
    with pytest.raises(ShapeError, match=r"`points\['a'\]` must be a column"):
        pareto.mask({"a": 1})


def test_a_lazy_table_says_what_to_do():
    with pytest.raises(DtypeError, match=r"got a LazyFrame\nhint: frame.collect\(\)"):
        pareto.mask(polars.LazyFrame({"a": [1]}))
