"""`paretoserve split`: a MobileNetV2-like and a transformer profile, forms of output, and what is refused."""

import csv
import io
import json
import re

import pytest

pytest.importorskip("typer")
pytest.importorskip("pyarrow")

from typer.testing import CliRunner

from paretoserve.cli._app import app

# Channels, side and multiply-adds in millions of the 19 feature blocks of MobileNetV2 at 224 x 224.
CHANNELS = [32, 16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320, 1280]
SIDES = [112, 112, 56, 56, 28, 28, 28, 14, 14, 14, 14, 14, 14, 14, 7, 7, 7, 7, 7]
WORK = [10.8, 11.0, 20.0, 22.0, 14.0, 10.0, 10.0, 8.5, 11.0, 11.0, 11.0, 13.0, 24.0, 24.0, 17.0, 16.0, 16.0, 23.0, 20.0]


@pytest.fixture
def profile(tmp_path):
    lines = ["name,seconds,output_bytes,memory_bytes"]
    for block, (channels, side, work) in enumerate(zip(CHANNELS, SIDES, WORK, strict=True)):
        lines.append(f"block {block},{work / 1000:g},{channels * side * side * 4},{channels * 4000}")
    path = tmp_path / "mobilenet.csv"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def run(*words):
    return CliRunner().invoke(app, ["split", *words])


def test_mobilenet_over_two_small_computers(profile):
    words = ["--profile", profile, "--devices", "pi-1", "--devices", "pi-2,speed=1.5", "--link", "bandwidth=12.5e6"]
    found = run(*words, "--format", "json")
    assert found.exit_code == 0, found.output
    rows = json.loads(found.stdout)
    front = [row for row in rows if row["on_front"]]
    seconds = [work / 1000 for work in WORK]
    points = []
    for cut in range(1, 19):
        transfer = CHANNELS[cut - 1] * SIDES[cut - 1] ** 2 * 4 / 12.5e6
        stages = (sum(seconds[:cut]), sum(seconds[cut:]) / 1.5)
        points.append((sum(stages) + transfer, 1 / max(*stages, transfer), str(cut)))
    best = [p for p in points if not any(q[0] <= p[0] and q[1] >= p[1] and q[:2] != p[:2] for q in points)]
    assert [row["cuts"] for row in front] == [cut for *_, cut in sorted(best)]
    for row, point in zip(front, sorted(best), strict=True):
        assert (row["latency_s"], row["throughput_rps"]) == pytest.approx(point[:2], rel=1e-6)
    assert [row["energy_j"] for row in front] == [None] * len(front)  # nobody has stated watts
    assert "bound by" in run(*words, "--explain").stdout


def test_transformer_over_systems_and_files(tmp_path):
    words = ["--model", "qwen3-0.6b", "--system", "h100_sxm", "--system", "a100_sxm", "--system", "a100_sxm"]
    words += ["--link", "latency_s=1e-5,bandwidth=5e10", "--prompt-tokens", "256", "--epsilon", "0.01"]
    out = tmp_path / "splits.csv"
    found = run(*words, "--out", str(out))
    assert found.exit_code == 0, found.output
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert rows[0]["stages"].startswith("h100_sxm 0")
    assert "a100_sxm-2 " in rows[0]["stages"]
    latency = run(*words, "--objectives", "latency", "--format", "csv", "--decode")
    assert len([row for row in csv.DictReader(io.StringIO(latency.stdout)) if row["on_front"] == "true"]) == 1
    assert run(*words, "--format", "parquet").stdout_bytes.startswith(b"PAR1")


def test_report_and_picture(profile, tmp_path):
    pytest.importorskip("plotly")
    pytest.importorskip("matplotlib").use("agg")
    page, picture = tmp_path / "page.html", tmp_path / "picture.png"
    words = ["--profile", profile, "--devices", "a", "--devices", "b"]
    found = run(*words, "--html", str(page), "--plot", str(picture))
    assert found.exit_code == 0, found.output
    assert "Splits of 19 layers over 2 devices" in page.read_text()
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_pictures_name_the_answers_of_other_planners(profile, tmp_path):
    pytest.importorskip("matplotlib").use("agg")
    for devices in ("ab", "abcd"):
        picture = tmp_path / f"{devices}.svg"
        words = [word for name in devices for word in ("--devices", f"{name},speed={ord(name) - 95}")]
        found = run("--profile", profile, *words, "--plot", str(picture), "--format", "json")
        assert found.exit_code == 0, found.output
        rows = json.loads(found.stdout)
        # Matplotlib writes texts of an SVG file as comments, too.
        texts = re.findall(r"<!-- (.*?) -->", picture.read_text())
        assert (len(rows) > 10) == (devices == "abcd")
        for row in rows:
            shown = f"{row['cuts']} {row['planner']}".strip()
            assert (shown in texts) == (len(rows) <= 10 or bool(row["planner"])), shown
        assert any("pipedream" in text for text in texts)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 2, "`--profile` or `--model` must be given"),
        (["--model", "qwen3-0.6b"], 2, "`--model` needs `--system`"),
        (["--model", "qwen3-0.6b", "--system", "none-such"], 2, "`none-such` is not a known system"),
        (["--profile", "none.csv", "--devices", "a"], 4, "no such file"),
        (["--profile", "P"], 2, "`--profile` needs `--devices`"),
        (["--profile", "P", "--devices", "a,color=1"], 2, "got `color=1` in `a,color=1`"),
        (["--profile", "P", "--devices", "a,count=1.5"], 2, "a whole number for `count`, got `1.5`"),
        (["--profile", "P", "--devices", "a", "--link", "bandwidth=0"], 2, "`bandwidth` must be positive"),
        (["--profile", "P", "--devices", "a", "--objectives", "speed"], 2, "`objectives` must be among"),
        (["--profile", "P", "--devices", "a,memory_bytes=5"], 2, "device `a` lacks"),
        (["--profile", "P", "--devices", "a", "--out", "x.txt"], 2, "`--out` must end in"),
        (["--profile", "P", "--devices", "a", "--plot", "x.txt"], 2, "`--plot` must end in"),
        (["--profile", "P", "--devices", "a", "--order", "any"], 2, "`--order` must be one of"),
    ],
)
def test_wrong_usage(profile, words, code, message):
    found = run(*(profile if word == "P" else word for word in words))
    assert found.exit_code == code
    assert message in found.output
