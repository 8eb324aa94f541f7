"""`pareto.from_frame`: the same rows from pandas, polars, pyarrow and plain columns, exact, everything counted."""

import decimal

import numpy as np
import pytest

from paretoserve import pareto
from paretoserve.errors import DataError, DtypeError, ShapeError
from paretoserve.pareto import from_frame

OBJECTIVES = {"rate": "max", "wait_s": "min"}


def columns(n=500, seed=0, missing=0.1):
    generator = np.random.default_rng(seed)
    rate = generator.integers(0, 60, n).tolist()
    wait = np.round(generator.random(n), 2).tolist()
    lost = generator.random((n, 2)) < missing
    return {
        "gpu": [f"gpu-{i}" for i in generator.integers(0, 4, n)],
        "tp": generator.integers(0, 3, n).tolist(),
        "rate": [None if gone else value for value, gone in zip(rate, lost[:, 0], strict=True)],
        "wait_s": [None if gone else value for value, gone in zip(wait, lost[:, 1], strict=True)],
    }


def frames(table):
    """Return the table in every form, by name."""
    pa, pd, pl = (pytest.importorskip(name) for name in ("pyarrow", "pandas", "polars"))
    arrow = pa.table(table)
    nullable = pd.DataFrame(
        table
        | {"rate": pd.array(table["rate"], dtype="Int64"), "wait_s": pd.array(table["wait_s"], dtype="Float64")}
        | {"gpu": pd.Categorical(table["gpu"])}
    )
    return {
        "columns": table,
        "arrow": arrow,
        "chunks": pa.concat_tables([arrow.slice(0, 123), arrow.slice(123)]),
        "batch": pa.RecordBatch.from_arrays([column.combine_chunks() for column in arrow.columns], arrow.column_names),
        "pandas": pd.DataFrame(table),
        "nullable": nullable,
        "pandas_arrow": arrow.to_pandas(types_mapper=pd.ArrowDtype),
        "polars": pl.DataFrame(table),
        "encoded": arrow.set_column(arrow.column_names.index("gpu"), "gpu", arrow["gpu"].dictionary_encode()),
    }


def brute(table, *, by=(), keep=lambda row: True):
    n = len(table["rate"])
    rows = [i for i in range(n) if table["rate"][i] is not None and table["wait_s"][i] is not None and keep(i)]

    def beats(a, b):
        if any(table[name][a] != table[name][b] for name in by):
            return False
        p, q = [(-table["rate"][i], table["wait_s"][i]) for i in (a, b)]
        return p[0] <= q[0] and p[1] <= q[1] and p != q

    front = [i for i in rows if not any(beats(j, i) for j in rows)]
    return sorted(front, key=lambda i: (-table["rate"][i], i))


@pytest.mark.parametrize("by", [(), "gpu", "tp", ["gpu", "tp"]], ids=str)
def test_every_library_gives_the_same_rows(by):
    table = columns()
    names = [by] if isinstance(by, str) else list(by)
    expected = brute(table, by=names)
    for kind, frame in frames(table).items():
        found = from_frame(frame, OBJECTIVES, by=by)
        assert found.indices.tolist() == expected, kind
        assert found.num_dropped == {
            "rate": sum(value is None for value in table["rate"]),
            "wait_s": sum(w is None and r is not None for r, w in zip(table["rate"], table["wait_s"], strict=True)),
        }, kind
        assert (type(found.table), len(found), found.num_rows) == (type(frame), len(expected), 500)
        rates = found.table["rate"] if kind not in ("arrow", "chunks", "batch") else found.table["rate"].to_pylist()
        assert [int(value) for value in rates] == [table["rate"][i] for i in expected], kind


def test_conditions_and_counts_agree_everywhere():
    table = columns(seed=1)
    where = {"wait_s": (0.25, 0.75), "gpu": ["gpu-1", "gpu-3"], "tp": (None, 1)}

    def allowed(i):
        return 0.25 <= table["wait_s"][i] <= 0.75 and table["gpu"][i] in ("gpu-1", "gpu-3") and table["tp"][i] <= 1

    expected, counts = brute(table, keep=allowed), []
    for frame in frames(table).values():
        found = from_frame(frame, OBJECTIVES, where=where)
        assert found.indices.tolist() == expected
        counts.append((found.num_outside, found.num_dropped))
        lost = sum(found.num_outside.values()) + sum(found.num_dropped.values())
        assert 0 < lost < found.num_rows
    assert all(each == counts[0] for each in counts)


@pytest.mark.parametrize("keep", ["all", "first", "last"])
@pytest.mark.parametrize("nan", ["drop", "worst"])
def test_policies_agree_with_front(keep, nan):
    table = columns(seed=2, missing=0.3)
    points = np.array([[np.nan if v is None else v for v in table[name]] for name in OBJECTIVES]).T
    expected = pareto.front(points, ["max", "min"], keep=keep, nan=nan).tolist()
    for kind, frame in frames(table).items():
        assert from_frame(frame, OBJECTIVES, keep=keep, nan=nan).indices.tolist() == expected, kind
        assert from_frame(frame, OBJECTIVES, keep=keep, nan=nan, threads=2).indices.tolist() == expected, kind


@pytest.mark.parametrize("nan", ["drop", "worst"])
def test_integers_with_missing_values_are_not_widened(nan):
    big = 2**53
    table = {"rate": [big, big + 1, None, big + 1, -(2**63)], "wait_s": [1.0, 1.0, 1.0, None, 1.0], "tp": [0] * 5}
    table["gpu"] = ["a"] * 5
    pd = pytest.importorskip("pandas")
    found = {kind: frame for kind, frame in frames(table).items() if kind != "pandas"}
    assert pd.DataFrame(table)["rate"].dtype == "float64"  # pandas itself rounds there
    for kind, frame in found.items():
        assert from_frame(frame, OBJECTIVES, nan=nan).indices[0] == 1, kind
        assert from_frame(frame, {"rate": "min"}, nan=nan).indices.tolist() == [4], kind
        assert from_frame(frame, {"rate": "min"}, nan=nan, where={"rate": (big + 1, None)}).indices.tolist() == [1, 3]


def test_unsigned_and_bool_and_half_columns():
    table = {
        "big": np.array([2**64 - 1, 2**64 - 2, 0], dtype=np.uint64),
        "flag": np.array([True, False, True]),
        "half": np.array([1.5, 1.5, np.nan], dtype=np.float16),
    }
    assert from_frame(table, {"big": "max"}).indices.tolist() == [0]
    assert from_frame(table, {"flag": "min"}).indices.tolist() == [1]
    found = from_frame(table, {"half": "max", "flag": "max"})
    assert (found.indices.tolist(), found.num_dropped) == ([0], {"half": 1, "flag": 0})
    assert from_frame(table, {"big": "min"}, where={"big": (0.5, 2**65)}).indices.tolist() == [1]
    assert from_frame(table, {"big": "min"}, where={"big": (-1, np.inf)}).indices.tolist() == [2]
    assert from_frame(table, {"big": "max"}, where={"flag": (1, None), "half": (None, None)}).indices.tolist() == [0]


def test_decimals_are_exact():
    pa = pytest.importorskip("pyarrow")
    pl = pytest.importorskip("polars")
    prices = [decimal.Decimal(text) for text in ("0.10", "0.30", "9999999999999999.01", "9999999999999999.02")] + [None]
    for kind in (pa.decimal128(18, 2), pa.decimal128(38, 2), pa.decimal256(50, 2)):
        table = pa.table({"usd": pa.array(prices, kind), "row": range(5)})
        assert from_frame(table, {"usd": "max"}).indices.tolist() == [3]
        assert from_frame(table.slice(1), {"usd": "min"}).indices.tolist() == [0]
        assert from_frame(table, {"usd": "max"}, where={"usd": (None, 0.3)}).indices.tolist() == [1]
        assert from_frame(table, {"usd": "min", "row": "max"}, eps={"usd": 0.2}).table["row"].to_pylist() == [0, 1, 3]
        if kind.bit_width == 128:
            assert from_frame(pl.from_arrow(table), {"usd": "max"}).indices.tolist() == [3]
    table = pa.table({"usd": pa.array([decimal.Decimal(10**30), None], pa.decimal128(38, 0))})
    with pytest.raises(DataError, match=r"column `usd`, row 0: must hold decimals of at most 18 digits"):
        from_frame(table, {"usd": "max"})


def test_columns_without_nulls_are_not_copied():
    pa, pd, pl = (pytest.importorskip(name) for name in ("pyarrow", "pandas", "polars"))
    from paretoserve.pareto._frame_columns import column_numbers
    from paretoserve.pareto._frames import as_frame

    values = np.arange(5.0)
    for frame in (pa.table({"x": values}), pd.DataFrame({"x": values}), pl.DataFrame({"x": values}), {"x": values}):
        table = as_frame(frame)
        first, second = (column_numbers(table, "x", table.column("x")).values for _ in range(2))
        assert np.shares_memory(first, second)
    sliced = as_frame(pa.table({"x": values}).slice(2))
    assert column_numbers(sliced, "x", sliced.column("x")).values.tolist() == [2.0, 3.0, 4.0]


def test_whatever_streams_arrow_is_a_table():
    pa = pytest.importorskip("pyarrow")

    class Stream:
        def __arrow_c_stream__(self, requested_schema=None):
            return pa.table({"rate": [1, 2]}).__arrow_c_stream__(requested_schema)

    found = from_frame(Stream(), {"rate": "max"})
    assert found.table.to_pylist() == [{"rate": 2}]
    reader = pa.table({"rate": [1, 2]}).to_reader()
    assert from_frame(reader, {"rate": "max"}).indices.tolist() == [1]


def test_empty_tables_and_strided_columns():
    found = from_frame({"rate": [], "wait_s": []}, OBJECTIVES)
    assert (len(found), found.table) == (0, {"rate": [], "wait_s": []})
    for frame in frames({"gpu": [], "rate": [], "wait_s": []} | {"gpu": np.array([], dtype=object)}).values():
        assert len(from_frame(frame, {"rate": "max"})) == 0
    matrix = np.arange(12.0).reshape(3, 4)
    assert from_frame({"a": matrix[:, 1], "b": matrix[::-1, 2]}, {"a": "min", "b": "min"}).indices.tolist() == [0, 1, 2]


def test_torch_columns_and_masked_arrays():
    torch = pytest.importorskip("torch")
    assert from_frame({"rate": torch.tensor([1.0, 3.0, 2.0])}, {"rate": "max"}).table["rate"].tolist() == [3.0]
    masked = np.ma.MaskedArray([1, 9, 2], mask=[False, True, False])
    found = from_frame({"rate": masked}, {"rate": "max"})
    assert (found.indices.tolist(), found.num_dropped) == ([2], {"rate": 1})


def test_report_in_words_and_as_data():
    found = from_frame(columns(seed=3), OBJECTIVES, where={"wait_s": (None, 0.5)})
    lines = found.explain().splitlines()
    assert lines[0] == f"{len(found)} of 500 rows are on the front"
    assert lines[1].endswith("rows are outside the bounds of `wait_s`")
    assert found.to_dict()["indices"] == found.indices.tolist()
    assert found.to_dict()["objectives"] == OBJECTIVES


def test_groups_by_labels_of_every_kind():
    pa = pytest.importorskip("pyarrow")
    labels = {
        "wide": [10**15, 5, 10**15, 5],
        "text": ["b", "a", "b", "a"],
        "negative": np.array([-128, 127, -128, 127], dtype=np.int8),
        "zero": [0.0, 1.5, -0.0, 1.5],
        "flag": [True, False, True, False],
        "day": pa.array([1, 2, 1, 2], pa.date32()),
    }
    for name, label in labels.items():
        assert from_frame({"x": [1, 2, 3, 1], name: label}, {"x": "min"}, by=name).indices.tolist() == [0, 3], name
    both = {"x": [4, 3, 2, 1], "a": [1, 1, 2, 2], "b": ["p", "q", "p", "q"]}
    assert from_frame(both, {"x": "min"}, by=["a", "b"]).indices.tolist() == [3, 2, 1, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objectives": {"rates": "max"}}, r"column `rates`: is not in the table\nhint: columns are `rate`"),
        ({"objectives": {"gpu": "max"}}, r"column `gpu`: must be a column of numbers, is one of text"),
        ({"where": {"weight": (0, 1)}}, r"column `weight`: is not in the table"),
        ({"where": {"rate": "fast"}}, r"column `rate`: must be text to be compared with `fast`, holds numbers"),
        ({"where": {"gpu": (0, 1)}}, r"column `gpu`: must be a column of numbers"),
        ({"by": "rate"}, r"column `rate`, row \d+: must name the group of every row, got nothing\nhint: "),
        ({"by": ["gpu", "no"]}, r"column `no`: is not in the table"),
        ({"nan": "raise"}, r"column `(rate|wait_s)`, row \d+: must be a number, got none\nhint: nan=\"drop\""),
    ],
)
def test_wrong_columns_are_named(change, message):
    for frame in frames(columns()).values():
        with pytest.raises(DataError, match=message):
            from_frame(frame, **({"objectives": OBJECTIVES} | change))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"objectives": {}}, ValueError, "`objectives` must name 1 column or more, got none"),
        ({"objectives": ["rate"]}, DtypeError, "`objectives` must map columns to directions"),
        (
            {"objectives": {"rate": "up"}},
            ValueError,
            r"`objectives\['rate'\]` must be one of \"min\", \"max\", got 'up'",
        ),
        ({"keep": "some"}, ValueError, "`keep` must be one of"),
        ({"nan": "ignore"}, ValueError, "`nan` must be one of"),
        ({"eps": -1}, ValueError, "`eps` must be finite and not negative"),
        ({"eps": [1, 2, 3]}, ShapeError, "`eps` must be one number or 2"),
        ({"eps": {"gpu": 1}}, ValueError, "`eps` must be for objectives, got one for `gpu`"),
        ({"threads": 0}, ValueError, "`threads` must be 1 or more"),
        ({"by": ["gpu", "gpu"]}, ValueError, "`by` must name a column once"),
        ({"where": [(0, 1)]}, DtypeError, "`where` must be a mapping"),
        ({"where": {"rate": 3}}, ValueError, r"`where` must give \(low, high\), a text or a list of texts"),
        (
            {"where": {"rate": (None, "1s")}},
            ValueError,
            "`where` must give numbers or None for column `rate`, got '1s'",
        ),
        ({"where": {"rate": (float("nan"), None)}}, ValueError, "`where` must give numbers"),
    ],
)
def test_wrong_options_are_refused(change, error, message):
    with pytest.raises(error, match=message):
        from_frame(columns(), **({"objectives": OBJECTIVES} | change))


def test_what_is_no_table_is_refused():
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    for frame in (np.zeros((3, 2)), [[1, 2]], 3, "points.csv", None, pd.Series([1]), pl.Series([1])):
        with pytest.raises(DtypeError, match="`frame` must"):
            from_frame(frame, {"x": "min"})
    with pytest.raises(DtypeError, match=r"got a LazyFrame\nhint: frame\.collect"):
        from_frame(pl.LazyFrame({"x": [1]}), {"x": "min"})
    with pytest.raises(DataError, match="stands in the table more than once"):
        from_frame(pd.DataFrame([[1, 2]], columns=["x", "x"]), {"x": "min"})
    with pytest.raises(ShapeError, match="column `y` must have 2 rows as the first one, got 1"):
        from_frame({"x": [1, 2], "y": [1]}, {"x": "min"})
    with pytest.raises(ShapeError, match="column `x` must be one-dimensional, got shape"):
        from_frame({"x": np.zeros((2, 2))}, {"x": "min"})


@pytest.mark.parametrize("kind", ["date", "datetime", "duration", "objects", "list"])
def test_columns_that_are_no_numbers_are_refused(kind):
    pd, pl, pa = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    import datetime

    day = datetime.datetime(2026, 1, 2)
    values = {
        "date": [day.date()],
        "datetime": [day],
        "duration": [datetime.timedelta(1)],
        "objects": [{"a": 1}],
        "list": [[1, 2]],
    }[kind]
    for frame in (pd.DataFrame({"x": values}), pl.DataFrame({"x": values}), pa.table({"x": values}), {"x": values}):
        with pytest.raises((DataError, ShapeError), match="column `x`"):
            from_frame(frame, {"x": "min"})


def test_tables_of_objectives_are_points():
    pa, pd, pl = (pytest.importorskip(name) for name in ("pyarrow", "pandas", "polars"))
    big = 2**53
    table = {"size": [big, big + 1, big, 7], "wait_s": [0.5, 0.5, 0.5, None]}
    for frame in (pa.table(table), pd.DataFrame(table), pl.DataFrame(table)):
        assert pareto.mask(frame, ["max", "min"], nan="drop").tolist() == [False, True, False, False]
        assert pareto.front(frame, "min", nan="worst").tolist() == [3, 0, 2]
        with pytest.raises(ValueError, match="NaN in row 3, column 1"):
            pareto.mask(frame)
    for frame in (pa.table({"x": [1, None]}), pl.DataFrame({"x": [1, None]})):
        with pytest.raises(DataError, match="column `x`: must be a column of plain numbers, has missing values among"):
            pareto.mask(frame)
    with pytest.raises(DataError, match="column `x`: must be a column of plain numbers, has decimals"):
        pareto.mask(pa.table({"x": pa.array([decimal.Decimal("1.5")])}))
    with pytest.raises(DataError, match="column `x`: must be a column of numbers, is one of text"):
        pareto.mask(pd.DataFrame({"x": ["a"]}))
    assert pareto.front({"a": [3, 1, 2], "b": [0, 9, 1]}).tolist() == [1, 2, 0]
