"""`paretoserve moe compare`: traces by name and from files, formats, charts, errors."""

import json

import pytest

pytest.importorskip("typer")

from typer.testing import CliRunner

from paretoserve.cli._app import app

SMALL = [
    "--ranks",
    "4",
    "--experts",
    "16",
    "--top-k",
    "2",
    "--tokens-per-rank",
    "512",
    "--steps",
    "4",
    "--interval",
    "2",
]


def run(*words):
    return CliRunner().invoke(app, ["moe", "compare", *words])


@pytest.mark.parametrize("name", ["power-law", "hot-spot", "burst", "hot-rank", "llep"])
def test_names_of_loads(name):
    words = [*SMALL, "--steps", "20"] if name == "burst" else SMALL
    found = run("--loads", name, *words, "--format", "json")
    assert found.exit_code == 0, found.output
    rows = json.loads(found.stdout)
    assert {row["planner"] for row in rows} == {"ep", "eplb", "placement", "split", "llep", "spill"}
    assert len(rows) == (6 * 13 if name == "llep" else 6)
    assert any(not row["possible"] for row in rows) == (name == "llep")


def test_files_charts_and_tables(tmp_path):
    pytest.importorskip("plotly")
    lines = [f"{domain},0,{expert},{100 * (expert % 3) + 50}" for domain in "ab" for expert in range(8)]
    path = tmp_path / "counts.csv"
    path.write_text("\n".join(["domain,layer,expert,count", *lines]))
    outputs = [word for name in ("a.html", "a.parquet", "a.csv") for word in ("--out", str(tmp_path / name))]
    found = run("--loads", str(path), "--ranks", "4", "--planner", "ep", "--planner", "spill", *outputs)
    assert found.exit_code == 0, found.output
    assert "speedup" in found.stdout
    assert "2 steps, 1 layers, 8 experts" in found.stderr
    assert "Balancers of experts" in (tmp_path / "a.html").read_text()
    assert (tmp_path / "a.csv").read_text().replace('"', "").startswith("loads,possible,planner")
    drawn = run("--loads", str(path), "--select", "domain=a", *SMALL, "--format", "json")
    assert {row["loads"] for row in json.loads(drawn.stdout)} == {"a"}


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--loads", "none.csv"], 4, "no such file"),
        (["--loads", "power-law", "--planner", "best"], 2, "must be one of ep"),
        (["--loads", "power-law", "--top-k", "200"], 2, "`top_k`"),
        (["--loads", "power-law", "--out", "a.txt"], 2, "must end in"),
        (["--loads", "power-law", "--format", "xml"], 2, "--format"),
        (["--loads", "a.csv", "--select", "domain"], 2, "COLUMN=VALUE"),
    ],
)
def test_errors(words, code, text):
    found = run(*words)
    assert found.exit_code == code
    assert text in found.stderr
