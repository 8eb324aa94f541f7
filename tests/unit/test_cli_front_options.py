"""Options of `paretoserve front` beyond a table and its objectives: scans, boxes, marks, pictures, several files."""

import io
import json
import warnings

import pytest
from typer.testing import CliRunner

from paretoserve.cli._app import app

pa = pytest.importorskip("pyarrow")
csv = pytest.importorskip("pyarrow.csv")
parquet = pytest.importorskip("pyarrow.parquet")

ROWS = {
    "name": ["a", "b", "c", "d", "e", "f"],
    "gpu": ["h100", "h100", "b200", "b200", "h100", "b200"],
    "ttft_p99_s": [0.5, 0.4, 0.9, None, 0.6, 0.55],
    "tokens_per_s": [10, 9, 30, 40, 9, 25],
}
BOTH = ["--min", "ttft_p99_s", "--max", "tokens_per_s", "--format", "json"]


@pytest.fixture
def folder(tmp_path):
    table = pa.table(ROWS)
    csv.write_csv(table, tmp_path / "all.csv")
    parquet.write_table(table, tmp_path / "all.parquet")
    (tmp_path / "parts").mkdir()
    parquet.write_table(table.slice(0, 2), tmp_path / "parts" / "1.parquet")
    csv.write_csv(table.slice(2), tmp_path / "parts" / "2.csv")
    (tmp_path / "latin.csv").write_bytes("na\xefve,ttft_p99_s,tokens_per_s\na,1,2\n".encode("latin-1"))
    (tmp_path / "bytes.csv").write_bytes(b"name,ttft_p99_s,tokens_per_s\na,1,2\n\xe9,3,1\n")
    (tmp_path / "cursor.csv").write_bytes(b"ttft_p99_s\n\x1b[2J,1\n")
    (tmp_path / "bytes.parquet").write_bytes(b"x" * 500)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, ["front", *map(str, arguments)])


def names(result, column="name"):
    assert result.exit_code == 0, result.output
    return [row[column] for row in json.loads(result.stdout)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["b", "a", "f", "c"]),
        (["--by", "gpu"], ["b", "a", "f", "c"]),
        (["--by", "gpu", "--by", "name"], ["b", "a", "f", "e", "c"]),
        (["--where", "gpu==h100"], ["b", "a"]),
        (["--where", "ttft_p99_s<=0.55", "--where", "name!=a"], ["b", "f"]),
        (["--nan", "worst"], ["b", "a", "f", "c", "d"]),
        (["--eps", "ttft_p99_s=0.5"], ["b", "c"]),
        (["--eps", "100"], ["b"]),
        (["--eps", "tokens_per_s=20", "--eps", "ttft_p99_s=0.3"], ["f"]),
        (["--eps", "tokens_per_s=2", "--eps-kind", "mult"], ["b", "c"]),
        (["--threads", "1"], ["b", "a", "f", "c"]),
    ],
)
def test_every_way_to_read_gives_the_same_rows(folder, options, expected):
    for files in (["all.csv"], ["all.parquet"], ["all.parquet", "--scan"], ["parts/1.parquet", "parts/2.csv"]):
        paths = [folder / each if "." in each else each for each in files]
        assert names(run(*paths, *BOTH, *options)) == expected, files
    assert names(run(folder / "all.csv", *BOTH, *options, "--scan", "--batch-rows", 1)) == expected
    assert names(run(folder / "parts", *BOTH, *options)) == expected
    assert names(run(folder / "parts" / "*.*", *BOTH, *options)) == expected


def test_counts_are_told_the_same(folder):
    limits = ["--where", "tokens_per_s>9", "--by", "gpu"]
    loaded, scanned = (run(folder / "all.csv", *BOTH, *limits, *more).stderr for more in ([], ["--scan"]))
    assert loaded == scanned
    assert loaded.splitlines() == [
        "3 of 6 rows are on the front of gpu",
        "2 rows are outside the bounds of `tokens_per_s`",
        "1 row is left out for want of `ttft_p99_s`",
    ]


def test_the_knee_is_marked(folder):
    result = run(folder / "all.csv", *BOTH, "--knee")
    assert names(result, "pick") == ["", "", "knee", ""]
    assert names(run(folder / "all.csv", *BOTH, "--knee", "--by", "gpu"), "pick").count("knee") == 2
    result = run(folder / "all.csv", *BOTH, "--knee", "--nan", "worst")
    assert "no knee: an objective of the front is missing or infinite" in result.stderr


@pytest.mark.parametrize("method", ["chord", "angle", "tradeoff"])
def test_kinds_of_knees(folder, method):
    assert names(run(folder / "all.csv", *BOTH, "--knee", "--knee-method", method), "pick").count("knee") == 1
    assert names(run(folder / "all.csv", *BOTH, "--knee-method", method), "pick").count("knee") == 1


def test_a_choice_under_limits(folder):
    result = run(folder / "all.csv", *BOTH, "--slo", "ttft_p99_s=500ms")
    assert names(result, "pick") == ["", "pick", "", ""]
    assert "pick: ttft_p99_s 0.5, tokens_per_s 10" in result.stderr
    result = run(folder / "all.parquet", *BOTH, "--scan", "--pick", "ttft_p99_s", "--slo", "tokens_per_s=20", "--knee")
    assert names(result, "pick") == ["", "", "knee, pick", ""]
    result = run(folder / "all.csv", *BOTH, "--slo", "ttft_p99_s=0.725", "--interpolate", "linear")
    assert names(result, "pick") == ["", "", "pick 50.0%", "pick 50.0%"]
    assert "pick: ttft_p99_s 0.725, tokens_per_s 27.5" in result.stderr
    result = run(folder / "all.csv", *BOTH, "--by", "gpu", "--slo", "ttft_p99_s=600ms")
    assert names(result, "pick") == ["", "pick", "pick", ""]
    assert "pick of b200: ttft_p99_s 0.55, tokens_per_s 25" in result.stderr


def test_limits_that_nothing_meets_exit_with_3(folder):
    result = run(folder / "all.csv", *BOTH, "--slo", "ttft_p99_s=300ms")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "no row meets the limits\nhint: the nearest misses ttft_p99_s by 0.1; it has ttft_p99_s 0.4" in result.stderr
    result = run(folder / "all.csv", *BOTH, "--where", "name==x", "--slo", "ttft_p99_s=300ms")
    assert (result.exit_code, "the front is empty" in result.stderr) == (3, True)


def test_a_group_that_meets_no_limit_keeps_no_other_from_its_pick(folder):
    result = run(folder / "all.csv", *BOTH, "--by", "gpu", "--slo", "ttft_p99_s=500ms")
    assert names(result, "pick") == ["", "pick", "", ""]
    assert "no row of b200 meets the limits\nhint: the nearest misses ttft_p99_s by 0.05" in result.stderr
    result = run(folder / "all.csv", *BOTH, "--by", "gpu", "--slo", "ttft_p99_s=300ms")
    assert (result.exit_code, result.stdout) == (3, "")
    assert all(f"no row of {gpu} meets the limits" in result.stderr for gpu in ("b200", "h100"))


def test_why_a_row_is_off_the_front(folder):
    objectives = BOTH[:4]
    for file in ("all.csv", "all.parquet"):
        lines = run(folder / file, *objectives, "--explain", 5).stdout.splitlines()
        assert lines[0] == "row 5 is not on the front: 3 rows dominate it (1, 2, 6)"
        assert any("ttft_p99_s alone" in line for line in lines)
    assert run(folder / "all.csv", *objectives, "--explain", 1).stdout.startswith("row 1 is on the front")
    found = json.loads(run(folder / "all.csv", *BOTH, "--explain", 5, "--by", "gpu").stdout)
    assert (found["index"], found["dominators"], found["on_front"]) == (5, [1, 2], False)
    for options, reason in [
        (["--explain", 4], "row 4 takes no part: it has no `ttft_p99_s`"),
        (["--explain", 1, "--where", "tokens_per_s>10"], "row 1 takes no part: it does not meet tokens_per_s>10"),
    ]:
        assert run(folder / "all.csv", *objectives, *options).stdout == reason + "\n"
    assert json.loads(run(folder / "all.csv", *BOTH, "--explain", 4).stdout)["takes_part"] is False
    assert "row 4 is" in run(folder / "all.csv", *objectives, "--explain", 4, "--nan", "worst").stdout
    limited = run(folder / "all.csv", *objectives, "--explain", 5, "--where", "name!=a").stdout
    assert "2 rows dominate it (2, 6)" in limited


def test_layers(folder):
    result = run(folder / "all.csv", *BOTH, "--ranks")
    assert names(result) == ["b", "a", "f", "c", "e"]
    assert names(result, "rank") == [0, 0, 0, 0, 1]
    assert "5 rows are in 2 layers" in result.stderr
    assert names(run(folder / "all.parquet", *BOTH, "--fronts", 1)) == ["b", "a", "f", "c"]
    assert names(run(folder / "all.csv", *BOTH, "--ranks", "--by", "gpu", "--nan", "worst"), "rank") == [
        0,
        0,
        0,
        0,
        0,
        1,
    ]
    assert names(run(folder / "all.csv", *BOTH, "--ranks", "--where", "name==e"), "rank") == [0]
    assert names(run(folder / "all.csv", *BOTH, "--ranks", "--where", "name==x")) == []


def test_hypervolume(folder):
    ref = ["--hypervolume", "--ref", "ttft_p99_s=900ms", "--ref", "tokens_per_s=0"]
    for more in ([], ["--scan"]):
        lines = run(folder / "all.csv", *BOTH, *ref, *more).stderr.splitlines()
        assert "hypervolume: 10.15, 1 of 4 points outside" in lines
    lines = run(folder / "all.csv", *BOTH, *ref, "--by", "gpu").stderr.splitlines()
    assert "hypervolume of b200: 8.75, 1 of 2 points outside" in lines
    assert "hypervolume of h100: 4.9" in lines


@pytest.fixture
def matplotlib():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("matplotlib.figure")


@pytest.mark.usefixtures("matplotlib")
@pytest.mark.parametrize("more", [[], ["--scan"], ["--by", "gpu"], ["--where", "gpu==h100"]], ids=str)
def test_a_picture_is_drawn(folder, more):
    for suffix in ("png", "svg"):
        result = run(folder / "all.csv", *BOTH, *more, "--plot", folder / f"front.{suffix}")
        assert result.exit_code == 0, result.output
        assert (folder / f"front.{suffix}").stat().st_size > 1000


def test_report_of_one_file(folder):
    assert run(folder / "all.csv", *BOTH, "--html", folder / "front.html").exit_code == 0
    assert "Front of all.csv" in (folder / "front.html").read_text()


def test_output_of_a_scan(folder):
    result = run(folder / "parts", *BOTH[:4], "--out", folder / "front.parquet")
    assert (result.exit_code, result.stdout) == (0, "")
    assert parquet.read_table(folder / "front.parquet")["name"].to_pylist() == ["b", "a", "f", "c"]
    shown = csv.read_csv(io.BytesIO(run(folder / "parts", *BOTH[:4], "--format", "csv").stdout_bytes))
    assert shown["name"].to_pylist() == ["b", "a", "f", "c"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["all.csv", "--eps", "wide"], 2, "`--eps` must be a number of 0 or more, or COLUMN=NUMBER, got `wide`"),
        (["all.csv", "--eps", "1", "--eps", "ttft_p99_s=1"], 2, "got both"),
        (["all.csv", "--eps", "name=1"], 2, "`eps` must be for objectives, got one for `name`"),
        (["all.csv", "--eps", "-1"], 2, "`--eps` must be a number of 0 or more"),
        (["all.csv", "--eps", "1", "--eps-kind", "log"], 2, "`--eps-kind` must be one of"),
        (["all.csv", "--fronts", "0"], 2, "`--fronts` must be 1 or more"),
        (["all.csv", "--ranks", "--eps", "1"], 2, "`--eps` says nothing beside `--ranks`\nhint: give them"),
        (["all.csv", "--ranks", "--scan"], 2, "`--ranks` needs all rows in memory"),
        (["all.csv", "--fronts", "2", "--knee"], 2, "`--knee` says nothing beside `--fronts`"),
        (["all.csv", "--explain", "2", "--plot", "x.png"], 2, "`--plot` says nothing beside `--explain`"),
        (["all.csv", "--slo", "ttft_p99_s=1", "--pick", "ttft_p99_s", "--interpolate", "hull"], 2, "on the other one"),
        (["parts", "--ranks"], 2, "spread over 2 files\nhint: give one file, without --scan"),
        (["latin.csv"], 4, "latin.csv`: cannot be read as CSV: 'utf-8'"),
        (["latin.csv", "--scan"], 4, "latin.csv`: cannot be read as CSV: 'utf-8'"),
        (["bytes.csv", "--where", "name=a"], 4, "bytes.csv`, column `name`: must be text in UTF-8"),
        (["cursor.csv"], 4, "Expected 1 columns, got 2: \ufffd[2J,1"),
        (["bytes.parquet"], 4, "bytes.parquet`: is no Parquet and cannot be read as CSV"),
        (["bytes.parquet", "--scan"], 4, "bytes.parquet`: is no Parquet and cannot be read as CSV"),
        (["all.csv", "--hypervolume"], 2, "`--hypervolume` and `--ref` must be given together"),
        (["all.csv", "--hypervolume", "--ref", "ttft_p99_s=1"], 2, "got none for `tokens_per_s`"),
        (["all.csv", "--hypervolume", "--ref", "name=1"], 2, "`--ref` must be OBJECTIVE=NUMBER, got `name=1`"),
        (["all.csv", "--hypervolume", "--ref", "tokens_per_s=1ms"], 2, "`--ref` of `tokens_per_s` must be a number"),
        (["all.csv", "--knee", "--knee-method", "elbow"], 2, "`--knee-method` must be one of"),
        (["all.csv", "--slo", "ttft_p99_s=fast"], 2, "`--slo` of `ttft_p99_s` must be a time such as 1s, 40ms or 0.04"),
        (["all.csv", "--slo", "ttft_p99_s=1", "--slo", "ttft_p99_s=2"], 2, "`--slo` must be given once per objective"),
        (["all.csv", "--pick", "name"], 2, "`--pick` must name an objective, got `name`"),
        (["all.csv", "--slo", "ttft_p99_s=1", "--interpolate", "cubic"], 2, "`--interpolate` must be one of"),
        (["all.csv", "--interpolate", "hull"], 2, "`--interpolate` needs the limit to meet\nhint: give --slo"),
        (["all.csv", "--plot", "front.bmp"], 2, "`--plot` must end in .png, .svg or .pdf, got `front.bmp`"),
        (["all.csv", "--explain", "0"], 2, "`--explain` must be a row from 1 to 6, got 0"),
        (["all.csv", "--explain", "7"], 2, "`--explain` must be a row from 1 to 6, got 7"),
        (["all.csv", "--explain", "1", "--scan"], 2, "`--explain` needs all rows in memory"),
        (["all.csv", "--threads", "0"], 2, "`threads` must be 1 or more"),
        (["all.csv", "--scan", "--batch-rows", "0"], 2, "`batch_rows` must be a whole number of 1 or more"),
        (["all.csv", "--by", "gpu", "--by", "gpu"], 2, "`--by` must name a column once"),
        (["all.csv", "--scan", "--html", "x.html"], 2, "`--html` needs all rows in memory, but `--scan` keeps only"),
        (["parts", "--html", "x.html"], 2, "`--html` needs all rows in memory, but they are spread over 2 files"),
        (["none.csv"], 4, "none.csv`: no such file"),
        (["none*.csv"], 4, "none*.csv`: matches no file"),
        (["all.csv", "--scan", "--by", "node"], 4, "has no column `node`\nhint: columns are `name`"),
        (["all.csv", "--scan", "--where", "gpu<3"], 2, "can only test text with == and !="),
        (["all.parquet", "--scan", "--where", "tokens_per_s<fast"], 2, "must compare with a number, got `fast`"),
        (["all.parquet", "--scan", "--nan", "raise"], 4, "row 4, column `ttft_p99_s`: must be a number, got none"),
        (["all.csv", "--scan", "--nan", "raise"], 4, "line 5, column `ttft_p99_s`: must be a number, got none"),
        (["all.csv", "--scan", "--min", "name"], 4, "line 2, column `name`: must be a number, got `a`"),
    ],
)
def test_errors_and_exit_codes(folder, arguments, code, message):
    file, *options = arguments
    result = run(folder / file, *BOTH, *options)
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert result.stdout == ""


def test_files_without_rows(folder):
    (folder / "empty.csv").write_text("ttft_p99_s,tokens_per_s\n")
    for more in ([], ["--scan"]):
        result = run(folder / "empty.csv", *BOTH, *more)
        assert result.exit_code == 4
        assert "empty.csv`: has no rows" in result.stderr


@pytest.mark.usefixtures("matplotlib")
def test_pictures_that_cannot_be(folder):
    result = run(folder / "all.csv", *BOTH[:2], "--plot", folder / "front.png")
    assert (result.exit_code, "`--plot` needs 2 objectives or more, got 1" in result.stderr) == (2, True)
    result = run(folder / "all.csv", *BOTH, "--plot", folder / "front.xyz")
    assert (result.exit_code, "xyz" in result.stderr) == (2, True)


def test_times_are_the_numbers_of_the_table(tmp_path):
    file = tmp_path / "points.csv"
    file.write_text("name,tpot_s,speed\na,0.0082,10\nb,0.0051,5\n")
    objectives = ("--min", "tpot_s", "--max", "speed", "--format", "csv")
    picked = run(file, *objectives, "--slo", "tpot_s=8.2ms")
    assert picked.stdout.splitlines()[1:] == ['"b",0.0051,5,""', '"a",0.0082,10,"pick"']
    within = run(file, *objectives, "--where", "tpot_s>=8.2ms", "--eps", "tpot_s=100us")
    assert within.stdout.splitlines()[1:] == ['"a",0.0082,10']
    refused = run(file, *objectives, "--where", "speed<=8ms")
    assert (refused.exit_code, refused.stderr) == (
        2,
        "error: `--where` must compare with a number, got `8ms` in `speed<=8ms`\n",
    )
