"""Our own trace files: what `write_trace` leaves behind and what the reader refuses, by row and column."""

import pyarrow
import pyarrow.parquet
import pytest

from paretoserve.errors import DataError
from paretoserve.sim import Trace, load_trace, write_trace


def table(**columns):
    base = {"arrival_ns": [0, 5, 9], "prompt_tokens": [600, 1, 2], "output_tokens": [1, 2, 3]}
    return pyarrow.table({name: values for name, values in (base | columns).items() if values is not None})


@pytest.mark.parametrize(
    ("columns", "metadata", "message"),
    [
        (
            {"prompt_tokens": None},
            None,
            "column `prompt_tokens`: is missing, got the columns arrival_ns, output_tokens",
        ),
        (
            {"prompt_tokens": [1, None, 2]},
            None,
            "row 2, column `prompt_tokens`: must have a value in each row, got null",
        ),
        ({"prompt_tokens": [1.0, 2.0, 3.0]}, None, "column `prompt_tokens`: must hold integers, got double"),
        ({"prompt_tokens": [1, 0, 3]}, None, "row 2, column `prompt_tokens`: must be from 1"),
        ({"output_tokens": [1, 2, 2**31]}, None, "row 3, column `output_tokens`: .* got 2147483648"),
        ({"arrival_ns": [-4, 5, 9]}, None, "row 1, column `arrival_ns`: must not be negative, got -4"),
        ({"arrival_ns": [5, 4, 9]}, None, "row 2, column `arrival_ns`: must not decrease"),
        ({"arrival_ns": pyarrow.array([1, 2, 2**63], pyarrow.uint64())}, None, "column `arrival_ns`: must fit 64-bit"),
        ({"hash_ids": [[1], [2], None]}, None, "row 3, column `hash_ids`: must have a value in each row"),
        ({"hash_ids": [[1], [], [None]]}, None, "row 3, column `hash_ids`: must hold integers, got null"),
        ({"hash_ids": [["a"], [], []]}, None, "column `hash_ids`: must hold lists of integers"),
        ({"hash_ids": [[1, 2], [1, 2], []]}, None, "row 2, column `hash_ids`: .* got 2 for 1 tokens"),
        ({}, '{"schema": 2}', "must have schema 1, got 2\nhint: a newer version"),
        ({}, '{"hash_block_tokens": 0}', "has broken metadata"),
        ({}, "[[1]]", "has broken metadata"),
        ({}, "not json", "has broken metadata"),
    ],
)
def test_broken_parquet_files_are_refused_by_row_and_column(tmp_path, columns, metadata, message):
    path = tmp_path / "t.parquet"
    rows = table(**columns)
    pyarrow.parquet.write_table(
        rows.replace_schema_metadata({"paretoserve.trace": metadata} if metadata else None), path
    )
    with pytest.raises(DataError, match=message) as raised:
        load_trace(path)
    assert "t.parquet" in str(raised.value)


def test_parquet_of_other_tools_loads(tmp_path):
    path = tmp_path / "other.parquet"
    rows = table(
        prompt_tokens=pyarrow.array([1, 2, 3], pyarrow.uint8()), hash_ids=[[7], [], [8]], extra=["a", "b", "c"]
    )
    pyarrow.parquet.write_table(rows, path)
    trace = load_trace(path)
    assert (trace.name, trace.hash_block_tokens) == ("other", 512)
    assert trace.hash_offsets.tolist() == [0, 1, 1, 2]
    assert load_trace(path, limit=2).hash_ids.tolist() == [7]


def test_empty_and_cut_parquet_files_are_refused(tmp_path):
    path = tmp_path / "t.parquet"
    write_trace(Trace(arrival_ns=[0], prompt_tokens=[1], output_tokens=[1]), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        load_trace(path)
    pyarrow.parquet.write_table(table().slice(0, 0), path)
    with pytest.raises(DataError, match="has a schema but no requests"):
        load_trace(path)


def test_write_refuses_other_names_and_leaves_no_partial_file(tmp_path, monkeypatch):
    trace = Trace(arrival_ns=[0], prompt_tokens=[1], output_tokens=[1])
    with pytest.raises(ValueError, match=r"must end in \.parquet, got `a\.csv`"):
        write_trace(trace, tmp_path / "a.csv")

    def full_disk(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pyarrow.parquet, "write_table", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_trace(trace, tmp_path / "a.parquet")
    assert list(tmp_path.iterdir()) == []
