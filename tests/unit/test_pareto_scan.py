"""`pareto.scan`: the rows that `from_frame` finds, for any batch size, kind of file and split; broken files named."""

import bz2
import decimal
import gzip
import lzma

import numpy as np
import pytest

from _scan_memory import scanned, write_table
from paretoserve.errors import DataError, DtypeError, ShapeError
from paretoserve.pareto import from_frame, scan

pa = pytest.importorskip("pyarrow")
csv = pytest.importorskip("pyarrow.csv")
parquet = pytest.importorskip("pyarrow.parquet")

OBJECTIVES = {"rate": "max", "wait_s": "min"}


def table(n=3000, seed=0):
    generator = np.random.default_rng(seed)
    lost = generator.random((n, 2)) < 0.05
    return pa.table(
        {
            "name": [f"row {i}" for i in range(n)],
            "gpu": [f"gpu-{i}" for i in generator.integers(0, 5, n)],
            "tp": generator.integers(0, 3, n),
            "rate": pa.array(generator.integers(0, 300, n), mask=lost[:, 0]),
            "wait_s": pa.array(np.round(generator.random(n), 2), mask=lost[:, 1]),
        }
    )


def same(scan_result, frame_result):
    assert scan_result.indices.tolist() == frame_result.indices.tolist()
    assert scan_result.table.equals(frame_result.table.combine_chunks())
    assert (scan_result.num_rows, scan_result.num_outside) == (frame_result.num_rows, frame_result.num_outside)
    assert scan_result.num_dropped == frame_result.num_dropped


OPTIONS = [
    {},
    {"by": "gpu"},
    {"by": ["gpu", "tp"], "keep": "first"},
    {"keep": "last", "nan": "worst"},
    {"where": {"wait_s": (0.25, None), "gpu": ["gpu-1", "gpu-4"], "tp": (None, 1)}},
    {"eps": {"wait_s": 0.1}, "keep": "first"},
    {"eps": 5.0, "by": "tp"},
    {"eps": {"rate": 0.5}, "eps_kind": "mult", "where": {"rate": (1, None)}},
    {"threads": 1},
]


@pytest.mark.parametrize("batch_rows", [1, 17, 1000, 10**6])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_equals_from_frame_for_any_batch_size(tmp_path, batch_rows, options):
    rows = table(300 if batch_rows == 1 else 3000)
    parquet.write_table(rows, tmp_path / "t.parquet", row_group_size=700)
    same(
        scan(tmp_path / "t.parquet", OBJECTIVES, batch_rows=batch_rows, **options),
        from_frame(rows, OBJECTIVES, **options),
    )


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "csv.xz", "csv.zst", "csv.bz2", "tsv"])
def test_every_kind_of_csv(tmp_path, ending):
    rows, path = table(), tmp_path / f"t.{ending}"
    sink = pa.BufferOutputStream()
    csv.write_csv(rows, sink, csv.WriteOptions(delimiter="\t" if ending == "tsv" else ","))
    content = bytes(sink.getvalue())
    packers = {"gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress}
    packers["zst"] = lambda data: bytes(pa.compress(data, "zstd", asbytes=True))
    path.write_bytes(packers.get(ending.rpartition(".")[2], bytes)(content))
    for options in OPTIONS:
        same(scan(path, OBJECTIVES, **options), from_frame(rows, OBJECTIVES, **options))


def test_many_files_in_order(tmp_path):
    rows = table()
    (tmp_path / "b").mkdir()
    parquet.write_table(rows.slice(0, 1000), tmp_path / "a.parquet")
    csv.write_csv(rows.slice(1000, 1), tmp_path / "b" / "1.csv")
    parquet.write_table(rows.slice(1001, 0), tmp_path / "b" / "2.parquet")
    parquet.write_table(rows.slice(1001), tmp_path / "b" / "3.parquet")
    (tmp_path / "_SUCCESS").write_text("")
    (tmp_path / "b" / ".hidden.csv").write_text("nothing")
    (tmp_path / "read.me").write_text("nothing")
    expected = from_frame(rows, OBJECTIVES, by="gpu", keep="first")
    files = [tmp_path / "a.parquet", *(tmp_path / "b" / name for name in ("1.csv", "2.parquet", "3.parquet"))]
    for path in (
        tmp_path,
        str(tmp_path),
        files,
        str(tmp_path / "**" / "*.*s*"),
        [tmp_path / "a.parquet", tmp_path / "b"],
    ):
        if "*" in str(path):
            continue
        found = scan(path, OBJECTIVES, by="gpu", keep="first", batch_rows=64)
        same(found, expected)
        assert list(found.files.items()) == list(zip(map(str, files), [1000, 1, 0, 1999], strict=True))
    assert scan(tmp_path / "b" / "[13].*", OBJECTIVES).num_rows == 2000


def test_columns_to_return(tmp_path):
    rows = table()
    parquet.write_table(rows, tmp_path / "t.parquet")
    found = scan(tmp_path / "t.parquet", OBJECTIVES, columns=["tp", "name"])
    assert found.table.equals(from_frame(rows, OBJECTIVES).table.select(["tp", "name"]).combine_chunks())
    assert scan(tmp_path / "t.parquet", OBJECTIVES, where={"tp": (9, None)}).table.num_rows == 0


def test_large_integers_stay_exact(tmp_path):
    big = 2**53
    values = [big, big + 1, None, big + 2, -(2**63)]
    parquet.write_table(pa.table({"x": pa.array(values, pa.int64())}), tmp_path / "t.parquet")
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{'' if v is None else v},1\n" for v in values))
    for name in ("t.parquet", "t.csv"):
        for nan in ("drop", "worst"):
            assert scan(tmp_path / name, {"x": "max"}, batch_rows=1, nan=nan).indices.tolist() == [3]
            assert scan(tmp_path / name, {"x": "min"}, batch_rows=2, nan=nan).indices.tolist() == [4]
    prices = pa.array([decimal.Decimal("9999999999999999.01"), decimal.Decimal("9999999999999999.02")])
    parquet.write_table(pa.table({"usd": prices}), tmp_path / "d.parquet")
    assert scan(tmp_path / "d.parquet", {"usd": "max"}, batch_rows=1).indices.tolist() == [1]


def test_csv_columns_that_widen_late(tmp_path):
    lines = 400_000
    path = tmp_path / "t.csv"
    path.write_text("x,note,flag\n" + f"{2**53 + 1},7,\n" * lines + f"{2**53}.0,seven,true\n1e300,8,\n")
    found = scan(path, {"x": "min"}, keep="all")
    # As a whole column it is one of floats, so all but the last are equal.
    assert (len(found), found.num_rows) == (lines + 1, lines + 2)
    assert found.table.schema.field("note").type == pa.string()
    assert scan(path, {"x": "max"}).table.to_pylist() == [{"x": 1e300, "note": "8", "flag": None}]
    assert scan(path, {"x": "min"}, by="note", keep="first").table["note"].to_pylist() == ["7", "seven", "8"]


def test_types_that_differ_between_files(tmp_path):
    big = 2**53

    def found(*columns):
        for number, column in enumerate(columns):
            parquet.write_table(pa.table({"x": column}), tmp_path / f"{number}.parquet")
        return scan([tmp_path / f"{number}.parquet" for number in range(len(columns))], {"x": "max"}).indices.tolist()

    assert found(pa.array([1, 2], pa.int8()), pa.array([300], pa.int16())) == [2]
    assert found(pa.array([1, big + 1]), pa.array([big], pa.uint64())) == [1]
    assert found(pa.array([2**64 - 1], pa.uint64()), pa.array([7], pa.uint8())) == [0]
    assert found(pa.array([1, 2]), pa.array([1.5, 2.5])) == [3]
    assert found(pa.array([True, None]), pa.array([2], pa.int8())) == [2]
    assert found(pa.array([1.5], pa.float32()), pa.nulls(2), pa.array([1.25], pa.float64())) == [0]
    assert found(pa.array([1, 3, 2]).dictionary_encode(), pa.array([2])) == [1]
    for columns, message in [
        ((pa.array([big + 1]), pa.array([1.5])), "0.parquet`, column `x`: is one of int64, one of double in another"),
        ((pa.array([2**64 - 1], pa.uint64()), pa.array([-1])), "0.parquet`, column `x`: is one of uint64"),
        ((pa.array([1]), pa.array(["a"])), "1.parquet`, column `x`: must be a column of numbers, is one of text"),
        (
            (pa.array([decimal.Decimal("1.5")]), pa.array([1.5])),
            "1.parquet`, column `x`: is one of double, but one of dec",
        ),
    ]:
        with pytest.raises(DataError, match=message):
            found(*columns)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objectives": {"speed": "max"}}, r"has no column `speed`\nhint: columns are `"),
        ({"objectives": {"name": "max"}}, r"column `name`: must be "),
        ({"where": {"weight": (0, 1)}}, "has no column `weight`"),
        ({"where": {"gpu": (0, 1)}}, "column `gpu`: must be"),
        ({"by": "node"}, "has no column `node`"),
        ({"by": "rate"}, "column `rate`: must name the group of every row, got nothing"),
        ({"columns": ["names"]}, r"has no column `names`\nhint: columns are `name`"),
        ({"nan": "raise"}, r"(row|line) \d+, column `(rate|wait_s)`: must be a number, got none"),
    ],
)
def test_wrong_columns_are_named_with_their_file(tmp_path, options, message):
    parquet.write_table(table(), tmp_path / "t.parquet")
    csv.write_csv(table(), tmp_path / "t.csv")
    for name in ("t.parquet", "t.csv"):
        with pytest.raises(DataError, match=rf"{name}`.*{message}"):
            scan(tmp_path / name, **({"objectives": OBJECTIVES} | options))


def test_shares_need_positive_values(tmp_path):
    rows = pa.table({"x": [5.0, None, 3.0, 0.0], "y": [1, 1, 1, -1]})
    parquet.write_table(rows, tmp_path / "t.parquet")
    for batch_rows in (1, 3, 9):
        with pytest.raises(
            DataError, match=r"row 4, column `x`: must be positive for eps_kind=\"mult\", got 0.0\nhint"
        ):
            scan(tmp_path / "t.parquet", {"x": "max"}, eps=0.1, eps_kind="mult", batch_rows=batch_rows)
    assert scan(
        tmp_path / "t.parquet", {"x": "max", "y": "min"}, eps={"x": 1}, where={"x": (1, 9)}
    ).indices.tolist() == [0]
    with pytest.raises(ValueError, match="`eps_kind` must be one of"):
        scan(tmp_path / "t.parquet", {"x": "max"}, eps=0.1, eps_kind="log")


def test_places_count_as_people_do(tmp_path):
    rows = pa.table({"x": pa.array([1.0] * 5000 + [None, 2.0])})
    parquet.write_table(rows, tmp_path / "t.parquet", row_group_size=1000)
    with pytest.raises(DataError, match=r"t\.parquet` row 5001, column `x`: must be a number, got none"):
        scan(tmp_path / "t.parquet", {"x": "max"}, nan="raise", batch_rows=64)
    (tmp_path / "t.csv").write_text("x,y\n" + "1,2\n" * 700_000 + "3 ms,2\n")
    with pytest.raises(DataError, match=r"t\.csv` line 700002, column `x`: must be a number, got `3 ms`"):
        scan(tmp_path / "t.csv", {"x": "max"})


def broken_files(folder):
    """Return paths of broken files with what is said about them."""
    parquet.write_table(table(), folder / "good.parquet")
    content = (folder / "good.parquet").read_bytes()
    csv.write_csv(table(), folder / "good.csv")
    lines = (folder / "good.csv").read_bytes()
    packed = gzip.compress(lines)
    files = {
        "none.csv": (None, "no such file"),
        "empty.csv": (b"", "is empty"),
        "blank.csv": (b" \n", "is empty"),
        "cut.parquet": (content[: len(content) // 2], "cannot be read as Parquet"),
        "hole.parquet": (content[:2000] + b"\0" * 2000 + content[4000:], "cannot be read as Parquet"),
        "only.parquet": (b"PAR1", "cannot be read as Parquet"),
        "ragged.csv": (lines + b"1,2\n", "cannot be read as CSV: CSV parse error: .*Expected 5 columns"),
        "cut.csv.gz": (packed[: len(packed) // 2], "does not decompress as gz"),
        "cut.csv.xz": (lzma.compress(lines)[:-50], "does not decompress as xz"),
        "false.csv.gz": (lines, "is not gz as its name says"),
        "packed.parquet.gz": (gzip.compress(content), "a compressed Parquet file cannot be read in parts"),
        "twice.csv": (b"rate,rate,wait_s\n1,2,3\n", "column `rate`: stands in the file more than once"),
    }
    for name, (data, _) in files.items():
        if data is not None:
            (folder / name).write_bytes(data)
    return {name: message for name, (_, message) in files.items()}


def test_broken_files_are_named(tmp_path):
    for name, message in broken_files(tmp_path).items():
        with pytest.raises(DataError, match=rf"(?s){name}`.*{message}"):
            scan(tmp_path / name, OBJECTIVES)
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="has no CSV or Parquet file"):
        scan(tmp_path / "folder", OBJECTIVES)
    with pytest.raises(DataError, match="matches no file"):
        scan(tmp_path / "*.json", OBJECTIVES)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"batch_rows": 0}, ValueError, "`batch_rows` must be a whole number of 1 or more, got 0"),
        ({"batch_rows": 1.5}, ValueError, "`batch_rows` must be"),
        ({"objectives": {}}, ValueError, "`objectives` must name"),
        ({"path": []}, ValueError, "`path` must name 1 file or more"),
        ({"path": 3}, DtypeError, "`path` must be a path or a list of paths, got int"),
        ({"keep": "some"}, ValueError, "`keep` must be one of"),
        ({"eps": [1, 2, 3]}, ShapeError, "`eps` must be one number or 2"),
        ({"threads": 0}, ValueError, "`threads` must be"),
        ({"columns": ["name", "name"]}, ValueError, "`columns` must name a column once"),
    ],
)
def test_wrong_options_are_refused(tmp_path, options, error, message):
    parquet.write_table(table(), tmp_path / "t.parquet")
    with pytest.raises(error, match=message):
        scan(**({"path": tmp_path / "t.parquet", "objectives": OBJECTIVES} | options))


def test_files_without_rows(tmp_path):
    parquet.write_table(table().slice(0, 0), tmp_path / "t.parquet")
    (tmp_path / "t.csv").write_text("rate,wait_s\n")
    for path in (tmp_path / "t.parquet", tmp_path / "t.csv", tmp_path):
        found = scan(path, OBJECTIVES, by="rate")
        assert (len(found), found.num_rows, found.table.num_rows) == (0, 0, 0)


def test_memory_does_not_grow_with_the_file(tmp_path):
    write_table(tmp_path / "t.parquet", 2_000_000, 4, rows_per_group=500_000)
    before, after, size = scanned(tmp_path / "t.parquet", 4)
    # All values are 61 MiB; the bound is a fifth of the 1 GB that ten million rows may take.
    assert after < 400
    assert after - before < 200
    assert size > 100


def partitions(folder, **options):
    """A table of GPUs and batch sizes in folders named after them."""
    rows = {"rate": [5, 9, 7], "wait_s": [0.1, 0.9, 0.4]}
    for gpu, batch in (("h100", 8), ("h100", 16), ("b200 nvl", 8)):
        path = folder / f"gpu={gpu.replace(' ', '%20')}" / f"batch={batch}"
        path.mkdir(parents=True)
        scaled = {"rate": [rate * batch for rate in rows["rate"]], "wait_s": rows["wait_s"]}
        parquet.write_table(pa.table(scaled | options), path / "part-0.parquet")


def test_folders_of_keys_and_values_are_columns(tmp_path):
    partitions(tmp_path)
    front = scan(tmp_path, OBJECTIVES, by="gpu")
    assert set(front.table.column_names) == {"rate", "wait_s", "gpu", "batch"}
    assert set(front.table["gpu"].to_pylist()) == {"h100", "b200 nvl"}
    assert front.table["batch"].type == pa.int64()
    least = scan(tmp_path, {"batch": "min", "rate": "max"}, where={"gpu": "h100"}).table
    assert (least["batch"].to_pylist(), least["rate"].to_pylist()) == ([8, 16], [72, 144])
    assert scan(tmp_path, {"batch": "min"}, columns=["gpu"]).table["gpu"].to_pylist() == ["b200 nvl"] * 3 + ["h100"] * 3
    assert len(scan(tmp_path, {"rate": "max"}, by=["gpu", "batch", "rate"])) == 9
    # A folder that is named is no part of the table; one that a pattern matches is.
    assert scan(tmp_path / "gpu=h100", OBJECTIVES).table.column_names == ["rate", "wait_s", "batch"]
    assert "gpu" in scan(str(tmp_path / "gpu=*"), OBJECTIVES).table.column_names
    file = tmp_path / "gpu=h100" / "batch=8" / "part-0.parquet"
    assert scan(file, OBJECTIVES).table.column_names == ["rate", "wait_s"]


def test_a_column_of_the_file_counts_before_its_folder(tmp_path):
    partitions(tmp_path, batch=[1, 2, 3])
    assert scan(tmp_path, {"batch": "min"}).table["batch"].to_pylist() == [1, 1, 1]


def test_values_of_folders_have_one_type(tmp_path):
    for value in ("2", "0.5", "__HIVE_DEFAULT_PARTITION__"):
        folder = tmp_path / f"share={value}"
        folder.mkdir()
        (folder / "t.csv").write_text("rate\n1\n2\n")
    front = scan(tmp_path, {"share": "min"})
    assert front.table["share"].to_pylist() == [0.5, 0.5]
    assert front.num_dropped == {"share": 2}
    with pytest.raises(DataError, match=r"share=__HIVE.* line 2, column `share`: must be a number, got none"):
        scan(tmp_path, {"share": "min"}, nan="raise")
    (tmp_path / "share=2" / "t.csv").rename(tmp_path / "u.csv")
    with pytest.raises(DataError, match=r"u.csv`: has no column `share`"):
        scan(tmp_path, {"share": "min"})
