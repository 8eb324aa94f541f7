"""Reading traces: the real files, each format and compression, and messages that name file, row and column."""

import bz2
import gzip
import lzma
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow
import pytest

from _data import data
from paretoserve.errors import DataError
from paretoserve.sim import Trace, load_trace, write_trace

HEADER = b"TIMESTAMP,ContextTokens,GeneratedTokens\n"
ROW = b"2023-11-16 18:15:46.6805900,374,44\n"
NEXT = b"2023-11-16 18:15:50.9951690,396,109\n"
JSON = b'{"timestamp": 27, "input_length": 600, "output_length": 5, "hash_ids": [1, 2]}\n'
JSON_NEXT = b'{"timestamp": 30, "input_length": 513, "output_length": 9, "hash_ids": [1, 3]}\n'


def zstd(content):
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
COMPRESS = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress, ".zst": zstd, ".bz2": bz2.compress}


@pytest.fixture
def load(tmp_path):
    """Write the content to a file of that name and load it."""

    def write_and_load(name, content, **options):
        path = tmp_path / name
        path.write_bytes(content)
        return load_trace(path, **options)

    return write_and_load


@pytest.mark.parametrize(
    ("file", "num_requests", "prompt_mean", "output_mean", "rate", "cv"),
    [
        ("azure2023/AzureLLMInferenceTrace_conv.part1.csv.gz", 13_927, 1201, 201, 5.9, 1.1),
        ("azure2023/AzureLLMInferenceTrace_code.csv.gz", 8_819, 2048, 28, 2.57, 13.2),
        ("mooncake_fast25/conversation_trace.part1.jsonl.gz", 7_851, 12_428, 347, 3.27, None),
        ("mooncake_fast25/synthetic_trace.jsonl.gz", 3_993, 15_325, 149, 3.9, None),
    ],
)
def test_real_traces_load_by_default(file, num_requests, prompt_mean, output_mean, rate, cv):
    trace = load_trace(data(f"traces/{file}"))
    summary = trace.summary()
    assert trace.num_requests == num_requests
    assert summary["prompt_tokens"]["mean"] == pytest.approx(prompt_mean, abs=0.5)
    assert summary["output_tokens"]["mean"] == pytest.approx(output_mean, abs=0.5)
    assert summary["requests_per_s"] == pytest.approx(rate, rel=0.01)
    if cv is not None:
        assert summary["interarrival_cv"] == pytest.approx(cv, rel=0.02)
    else:
        assert np.diff(trace.hash_offsets).tolist() == (-(-trace.prompt_tokens.astype(int) // 512)).tolist()


@pytest.mark.parametrize("compression", COMPRESS)
@pytest.mark.parametrize("name", ["a.csv", "plain"])
def test_azure_times_are_exact_in_every_compression(load, name, compression):
    trace = load(name + compression, COMPRESS[compression](HEADER + ROW + NEXT))
    assert trace.arrival_ns.tolist() == [0, 4_314_579_000]
    assert trace.prompt_tokens.tolist() == [374, 396]
    assert trace.output_tokens.tolist() == [44, 109]
    assert trace.name == name.split(".")[0]


@pytest.mark.parametrize("compression", COMPRESS)
def test_mooncake_in_every_compression(load, compression):
    trace = load("m.jsonl" + compression, COMPRESS[compression](JSON + JSON_NEXT))
    assert trace.arrival_ns.tolist() == [0, 3_000_000]
    assert trace.hash_offsets.tolist() == [0, 2, 4]
    assert trace.hash_ids.tolist() == [1, 2, 1, 3]
    assert trace.hash_block_tokens == 512


def test_variants_of_azure_files(load):
    windows = b"\xef\xbb\xbf" + (HEADER + ROW + NEXT).replace(b"\n", b"\r\n")
    assert load("w.csv", windows).num_requests == 2
    zone = load("z.csv", HEADER + b"2024-05-10 00:00:00.009930+00:00,2162,5\n2024-05-10 00:00:01Z,1,5")
    assert zone.arrival_ns.tolist() == [0, 990_070_000]
    shuffled = b"id,GeneratedTokens,TIMESTAMP,ContextTokens\nx,44,2023-11-16 18:15:46.6805900,374\n"
    assert load("s.csv", shuffled).prompt_tokens.tolist() == [374]


def test_mooncake_without_hashes_and_with_fractions(load):
    trace = load("m.jsonl", b'{"timestamp": 0.5, "input_length": 1, "output_length": 2}\n' * 2)
    assert trace.hash_ids is None
    assert trace.arrival_ns.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "`.*a.csv`: is empty"),
        (b" \n\n", "is empty"),
        (HEADER, "has a header but no requests"),
        (HEADER + ROW + b"\n" + NEXT, "line 3: must have 3 cells, got 1 in nothing"),
        (HEADER + ROW + NEXT[:20], "line 3: must have 3 cells, got 1"),
        (HEADER + ROW + NEXT[:-1] + b",1,2,3", "line 3: must have 3 cells, got 6"),
        (HEADER.replace(b"Context", b"Prompt") + ROW, "line 1, column `ContextTokens`: must have the columns"),
        (HEADER + ROW.replace(b"374", b"0"), 'line 2, column `ContextTokens`: .* got 0\nhint: .*zero="drop"'),
        (HEADER + ROW + NEXT.replace(b",109", b",0"), "line 3, column `GeneratedTokens`: .* got 0"),
        (HEADER + ROW.replace(b"374", b"37.4"), "line 2, column `ContextTokens`: .*whole number.* got `37.4`"),
        (HEADER + ROW.replace(b"374", b"-374"), "column `ContextTokens`: .* got `-374`"),
        (HEADER + ROW.replace(b"374", b"nan"), "column `ContextTokens`: .* got `nan`"),
        (HEADER + ROW.replace(b"374", b"inf"), "column `ContextTokens`: .* got `inf`"),
        (HEADER + ROW.replace(b"374", b""), "column `ContextTokens`: .* got nothing"),
        (HEADER + ROW.replace(b"374", b"1_000"), "column `ContextTokens`: .* got `1_000`"),
        (HEADER + ROW.replace(b"374", b"2147483648"), "column `ContextTokens`: .* got 2147483648"),
        (HEADER + ROW.replace(b"374", b"9" * 400), "column `ContextTokens`: .* got `999"),
        (HEADER + ROW.replace(b"11-16", b"02-30"), "line 2, column `TIMESTAMP`: must be a UTC time"),
        (HEADER + ROW + ROW.replace(b"18:15", b"25:15"), "line 3, column `TIMESTAMP`"),
        (HEADER + ROW.replace(b"2023-", b"9999-"), "line 2, column `TIMESTAMP`"),
        (HEADER + ROW.replace(b"2023-11-16 18:15:46.6805900", b"NaT"), "column `TIMESTAMP`: .* got `NaT`"),
        (HEADER + NEXT + ROW, "line 3, column `TIMESTAMP`: must not decrease, .* 4.31458 s .*\nhint: .*sort=True"),
        (b"\x00\x01\x1b[2J," * 9, "column `TIMESTAMP`"),
    ],
)
def test_broken_azure_files_are_refused_by_row_and_column(load, content, message):
    with pytest.raises(DataError, match=message) as raised:
        load("a.csv", content)
    assert "a.csv" in str(raised.value)
    assert "\x1b" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (JSON + JSON_NEXT[:30], "line 2: must be one JSON object per line"),
        (JSON + b"[1]\n", r"line 2: must be one JSON object per line, got `\[1\]`"),
        (JSON + b"\n" + JSON_NEXT, "line 2: .* got nothing"),
        (JSON[:-2] + b"\n" + b"}\n", "line 1: must be one JSON object"),
        (b"[" * 100_000, "line 1: must be one JSON object"),
        (JSON.replace(b"27", b"NaN"), "line 1, column `timestamp`: .* got `NaN`"),
        (JSON.replace(b"27", b"-Infinity"), "column `timestamp`: .* got `-Infinity`"),
        (JSON.replace(b"27", b"-1"), "column `timestamp`: .* got `-1`"),
        (JSON.replace(b"27", b"1e300"), r"column `timestamp`: .* got `1e\+300`"),
        (JSON.replace(b"27", b"true"), "column `timestamp`: .* got `true`"),
        (JSON.replace(b"27", b'"27"'), 'column `timestamp`: .* got `"27"`'),
        (JSON.replace(b'"timestamp": 27, ', b""), "line 1, column `timestamp`: is missing, got only input_length"),
        (JSON.replace(b"600", b"0"), 'column `input_length`: .* got 0\nhint: .*zero="drop"'),
        (JSON.replace(b"600", b"600.0"), "column `input_length`: .* got `600.0`"),
        (JSON.replace(b"600", b"null"), "column `input_length`: .* got `null`"),
        (JSON.replace(b": 5", b": 99999999999999999999"), "column `output_length`: .* got `99999999999999999999`"),
        (JSON.replace(b": 5", b": " + b"9" * 5000), "line 1: must be one JSON object"),
        (JSON.replace(b"[1, 2]", b"[1, 2, 3]"), "column `hash_ids`: .* got 3 for 600 tokens"),
        (
            JSON.replace(b"[1, 2]", b"[1, 2.0]"),
            r"column `hash_ids`: must be a list of 64-bit integers, got `\[1, 2.0\]`",
        ),
        (JSON.replace(b"[1, 2]", b"[1, 99999999999999999999]"), "column `hash_ids`"),
        (JSON.replace(b"[1, 2]", b"7"), "column `hash_ids`: .* got `7`"),
        (JSON + JSON_NEXT.replace(b', "hash_ids": [1, 3]', b""), "line 2, column `hash_ids`: is missing"),
        (JSON_NEXT + JSON, "line 2, column `timestamp`: must not decrease"),
    ],
)
def test_broken_mooncake_files_are_refused_by_row_and_column(load, content, message):
    with pytest.raises(DataError, match=message) as raised:
        load("m.jsonl", content)
    assert "m.jsonl" in str(raised.value)


@pytest.mark.parametrize("compression", [".gz", ".xz", ".zst", ".bz2"])
def test_cut_and_mislabelled_archives_are_refused(load, compression):
    whole = COMPRESS[compression](HEADER + ROW * 50)
    with pytest.raises(DataError, match=r"a\.csv.*does not decompress as"):
        load("a.csv" + compression, whole[:-9])
    with pytest.raises(DataError, match="as its name says; it starts with b'TIMEST'"):
        load("a.csv" + compression, HEADER + ROW)
    assert load("a.csv", whole).num_requests == 50


def test_zstd_of_the_standard_library_is_preferred(load, monkeypatch):
    """Python 3.14 has it; an older Python gets a stand-in here."""

    class ZstdError(Exception):
        pass

    def decompress(content):
        if content.endswith(b"cut"):
            raise ZstdError("frame is cut")
        return HEADER + ROW

    stand_in = SimpleNamespace(decompress=decompress, ZstdError=ZstdError)
    monkeypatch.setitem(sys.modules, "compression", SimpleNamespace(zstd=stand_in))
    monkeypatch.setitem(sys.modules, "compression.zstd", stand_in)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert load("a.csv.zst", ZSTD_MAGIC + b"whole").num_requests == 1
    with pytest.raises(DataError, match="does not decompress as zst: frame is cut"):
        load("a.csv.zst", ZSTD_MAGIC + b"cut")


def test_missing_files_folders_and_unknown_formats(tmp_path, load):
    (tmp_path / "trace.csv").write_bytes(HEADER + ROW)
    with pytest.raises(DataError, match=r"`.*trase.csv`: no such file\nhint: in that folder are `trace.csv`"):
        load_trace(str(tmp_path / "trase.csv"))
    with pytest.raises(DataError, match="no such file"):
        load_trace(tmp_path / "azure-chat")
    with pytest.raises(DataError, match="is a folder"):
        load_trace(tmp_path)
    with pytest.raises(DataError, match=r"is of no known format.*\nhint: Azure CSV starts with TIMESTAMP"):
        load("notes.txt", b"hello world")
    with pytest.raises(DataError, match="is not Parquet as its name says"):
        load("x.parquet", HEADER)
    with pytest.raises(DataError, match="cannot be read"):
        load_trace("x" * 300 + ".csv")


def test_unreadable_files_are_refused(load, monkeypatch):
    def denied(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(DataError, match=r"a\.csv`: cannot be read: Permission denied"):
        load("a.csv", HEADER + ROW)


def test_limit_duration_sort_and_zero(load):
    rows = b"".join(b"2023-11-16 18:15:%02d.0000000,%d,9\n" % (50 - i, i) for i in range(5))
    ordered = load("a.csv", HEADER + rows, sort=True, zero="drop")
    assert ordered.prompt_tokens.tolist() == [4, 3, 2, 1]
    assert ordered.arrival_ns.tolist() == [0, 10**9, 2 * 10**9, 3 * 10**9]
    assert load("a.csv", HEADER + rows, sort=True, zero="drop", duration_s=2).num_requests == 2
    assert load("a.csv", HEADER + ROW + b"broken", limit=1).num_requests == 1
    with pytest.raises(DataError, match="no request with prompt and output"):
        load("a.csv", HEADER + rows, limit=1, zero="drop")


def test_sorting_moves_the_hashes_along(load):
    trace = load("m.jsonl", JSON_NEXT + JSON, sort=True)
    assert trace.hash_ids.tolist() == [1, 2, 1, 3]
    assert trace.output_tokens.tolist() == [5, 9]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 0}, "`limit` must be at least 1, got 0"),
        ({"duration_s": -1}, "`duration_s`"),
        ({"duration_s": float("inf")}, "`duration_s`"),
        ({"zero": "keep"}, "`zero`"),
        ({"format": "csv"}, "`format` must be one of azure, mooncake, parquet"),
    ],
)
def test_bad_options_are_refused(load, options, message):
    with pytest.raises(ValueError, match=message):
        load("a.csv", HEADER + ROW, **options)


def test_format_can_be_forced(load):
    with pytest.raises(DataError, match="must be one JSON object per line"):
        load("a.csv", HEADER + ROW, format="mooncake")


def test_text_formats_need_numpy_only(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(HEADER + ROW))
    (tmp_path / "b.jsonl.xz").write_bytes(lzma.compress(JSON))
    (tmp_path / "c.csv.zst").write_bytes(zstd(HEADER + ROW))
    write_trace(Trace(arrival_ns=[0], prompt_tokens=[1], output_tokens=[1]), tmp_path / "d.parquet")
    code = """
import sys
sys.modules["pyarrow"] = None
from paretoserve.sim import load_trace
for name in ("a.csv.gz", "b.jsonl.xz", "c.csv.zst", "d.parquet", "azure-chat"):
    try:
        print(name, load_trace(name).num_requests > 0)
    except ModuleNotFoundError as error:
        print(name, "paretoserve[plan]" in str(error))
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(os.path.abspath(entry) for entry in sys.path if entry)}
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert shown.stdout.count("True") == 5, shown.stdout + shown.stderr


@pytest.mark.parametrize("seed", [-1, 1.5, True, None, 2**63])
def test_a_seed_is_checked_whatever_the_source(tmp_path, seed):
    path = tmp_path / "a.csv"
    path.write_bytes(HEADER + ROW)
    for source in (path, "azure-chat"):
        with pytest.raises(ValueError, match="`seed` must be an integer from 0"):
            load_trace(source, seed=seed)
