"""`paretoserve front` as a user runs it: rows on stdout, words on stderr, and every kind of broken file."""

import bz2
import gzip
import io
import json

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

from paretoserve.cli._app import app

CSV = """name,gpu,ttft_p99_s,tokens_per_s
a,h100,0.5,10
b,h100,0.4,9
c,b200,0.9,30
d,b200,,40
e,h100,0.6,9
"""
BOTH = ["--min", "ttft_p99_s", "--max", "tokens_per_s"]


@pytest.fixture
def run(tmp_path):
    def running(*arguments, content=CSV, name="points.csv"):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return CliRunner().invoke(app, ["front", str(path), *map(str, arguments)])

    return running


def names(result):
    assert result.exit_code == 0, result.output
    return [row["name"] for row in json.loads(result.stdout)]


def test_rows_of_the_front_best_first(run):
    result = run(*BOTH)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "name  gpu   ttft_p99_s  tokens_per_s",
        "b     h100         0.4             9",
        "a     h100         0.5            10",
        "c     b200         0.9            30",
    ]
    assert "3 of 5 rows are on the front" in result.stderr
    assert "1 row is left out for want of `ttft_p99_s`" in result.stderr


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--groups", "gpu"], ["b", "a", "c"]),
        (["--where", "ttft_p99_s<=0.5"], ["b", "a"]),
        (["--where", "ttft_p99_s < 0.5"], ["b"]),
        (["--where", "gpu == b200"], ["c"]),
        (["--where", "gpu!=b200", "--where", "tokens_per_s>9.5"], ["a"]),
        (["--where", "tokens_per_s==9.5"], []),
        (["--nan", "worst"], ["b", "a", "c", "d"]),
    ],
)
def test_options(run, options, expected):
    assert names(run(*BOTH, "--format", "json", *options)) == expected


def test_one_objective_and_keep(run):
    assert names(run("--min", "tokens_per_s", "--format", "json")) == ["b", "e"]
    assert names(run("--min", "tokens_per_s", "--format", "json", "--keep", "last")) == ["e"]


def test_formats_and_files_agree(run, tmp_path):
    expected = names(run(*BOTH, "--format", "json"))
    for form, read in (("csv", pyarrow.csv.read_csv), ("parquet", pyarrow.parquet.read_table)):
        on_stdout = run(*BOTH, "--format", form).stdout_bytes
        assert read(io.BytesIO(on_stdout))["name"].to_pylist() == expected
        result = run(*BOTH, "--out", tmp_path / f"front.{form}")
        assert result.stdout == ""
        assert read(tmp_path / f"front.{form}")["name"].to_pylist() == expected
    run(*BOTH, "--out", tmp_path / "front.json")
    assert [row["name"] for row in json.loads((tmp_path / "front.json").read_text())] == expected


def test_parquet_compressed_and_tab_separated_input(run):
    expected = names(run(*BOTH, "--format", "json"))
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(io.BytesIO(CSV.encode())), sink)
    assert names(run(*BOTH, "--format", "json", content=sink.getvalue(), name="points.parquet")) == expected
    assert names(run(*BOTH, "--format", "json", content=gzip.compress(CSV.encode()), name="points.csv.gz")) == expected
    assert names(run(*BOTH, "--format", "json", content=bz2.compress(CSV.encode()), name="points.csv.bz2")) == expected
    assert names(run(*BOTH, "--format", "json", content=CSV.replace(",", "\t"), name="points.tsv")) == expected


def test_large_integers_stay_exact_beside_floats(run):
    big = f"name,size,x\na,{2**53},0.5\nb,{2**53 + 1},0.5\nc,{2**53 + 2},0.5\n"
    assert names(run("--min", "size", "--max", "x", "--format", "json", content=big)) == ["a"]
    assert names(run("--max", "size", "--where", f"size<={2**53 + 1}", "--format", "json", content=big)) == ["b"]


def test_types_of_parquet_columns(run):
    table = pa.table(
        {
            "name": ["a", "b", "c"],
            "half": pa.array([1.0, 2.0, None], pa.float16()),
            "flag": [True, False, None],
            "none": pa.nulls(3),
            "day": pa.array([1, 2, 3], pa.date32()),
            "text": ["1", "2", None],
        }
    )
    sink = io.BytesIO()
    pyarrow.parquet.write_table(table, sink)
    content = {"content": sink.getvalue(), "name": "points.parquet"}
    assert names(run("--max", "half", "--format", "json", **content)) == ["b"]
    assert names(run("--max", "flag", "--format", "json", **content)) == ["a"]
    assert names(run("--max", "none", "--format", "json", **content)) == []
    for column, kind in (("day", "date32"), ("text", "text")):
        result = run("--max", column, **content)
        assert result.exit_code == 4
        assert f"`, column `{column}`: must be a column of numbers, is one of {kind}" in result.stderr


def test_report(run, tmp_path):
    result = run(*BOTH, "--html", tmp_path / "report.html")
    assert result.exit_code == 0, result.output
    page = (tmp_path / "report.html").read_text()
    assert "Front of points.csv" in page
    assert str(tmp_path) not in page
    run(*BOTH, "--groups", "gpu", "--nan", "worst", "--html", tmp_path / "report.html")
    assert '"picks":[]' in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "content", "message"),
    [
        (BOTH, None, "no such file"),
        (BOTH, "", "is empty"),
        (BOTH, "ttft_p99_s,tokens_per_s\n", "has no rows"),
        (
            BOTH,
            "ttft_p99_s,tokens_per_s\n1,2\n3\n",
            "cannot be read as CSV: CSV parse error: Row #3: Expected 2 columns",
        ),
        (BOTH, b"PAR1 and then nothing", "cannot be read as Parquet"),
        (["--min", "ttft"], CSV, "has no column `ttft`\nhint: columns are `ttft_p99_s`"),
        (["--min", "name"], CSV, "line 2, column `name`: must be a number, got `a`"),
        (["--min", "x"], "x\n1\n2\n3 ms\n", "line 4, column `x`: must be a number, got `3 ms`"),
        (["--min", "x"], "x,x\n1,2\n", "more than once"),
        ([*BOTH, "--nan", "raise"], CSV, "line 5, column `ttft_p99_s`: must be a number, got none"),
        ([*BOTH, "--where", "speed<1"], CSV, "has no column `speed`"),
        (["--min", "tokens_per_s", "--groups", "ttft_p99_s"], CSV, "line 5, column `ttft_p99_s`: must name the group"),
    ],
)
def test_broken_data_exits_with_4(run, arguments, content, message):
    result = run(*arguments, content=content)
    assert result.exit_code == 4, result.output
    assert message in result.stderr
    assert "points.csv" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "an objective is needed"),
        (["--min", "tokens_per_s", "--max", "tokens_per_s"], "must be given once"),
        ([*BOTH, "--keep", "some"], "`--keep` must be one of"),
        ([*BOTH, "--nan", "some"], "`--nan` must be one of"),
        ([*BOTH, "--format", "xml"], "`--format` must be one of"),
        ([*BOTH, "--out", "front.xml"], "`--out` must end in"),
        ([*BOTH, "--where", "nonsense"], "must be like"),
        ([*BOTH, "--where", "tokens_per_s<fast"], "must compare with a number"),
        ([*BOTH, "--where", "tokens_per_s<nan"], "must compare with a number"),
        ([*BOTH, "--where", "name<b"], "can only test text with"),
        ([*BOTH, "--no-such-option"], "No such option"),
    ],
)
def test_usage_errors_exit_with_2(run, arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert result.stdout == ""


def test_a_file_that_cannot_be_written_is_named(run, tmp_path):
    result = run("--min", "ttft_p99_s", "--out", tmp_path / "no" / "folder.csv")
    assert result.exit_code == 1
    assert f"error: `{tmp_path / 'no' / 'folder.csv'}`: no such file or directory" in result.stderr


def test_metrics_need_no_direction(run):
    content = "name,cost_of_pass,goodput_rps,accuracy\na,0.2,3,0.5\nb,0.1,2,0.4\nc,0.3,1,0.9\nd,0.4,1,0.8\n"
    named = ["--metrics", "cost_of_pass", "--metrics", "goodput_rps", "--format", "json"]
    assert names(run(*named, content=content)) == ["b", "a"]
    assert names(run(*named, "--scan", content=content)) == ["b", "a"]
    assert names(run("--max", "accuracy", *named, content=content)) == ["c", "a", "b"]


def test_metrics_that_are_none_are_refused(run):
    for options, said in (
        (["--metrics", "cost_of_pas"], "close names are cost_of_pass"),
        (["--metrics", "half_life"], "say one with --min half_life or --max half_life"),
        (["--metrics", "cost_of_pass", "--min", "cost_of_pass"], "must be given once to --min, --max or --metrics"),
        (["--metrics", "ttft_p99_s", "--metrics", "ttft_p99_s"], "must be distinct"),
        (["--metrics", "cost_of_pass"], "cost_of_pass"),
    ):
        result = run(*options)
        assert result.exit_code in (2, 4)
        assert said in " ".join(result.stderr.split())
