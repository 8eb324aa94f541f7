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
    found = run("--loads", name, *SMALL, "--format", "json")
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


def test_planners_that_do_not_fit_are_left_out():
    found = run("--loads", "power-law", *SMALL, "--ranks", "6")
    assert found.exit_code == 0, found.output
    assert "llep is left out: it needs a multiple of 6 experts" in found.stderr
    assert "spill" in found.stdout
    asked = run("--loads", "power-law", *SMALL, "--ranks", "6", "--planner", "llep")
    assert asked.exit_code == 2
    assert "multiple of 6 experts" in asked.stderr


def test_windows_of_a_file_stay_windows(tmp_path):
    """Expert 0 is hot first, then expert 7: a planner that saw the first window is wrong in the second."""
    rows = [(window, layer, expert) for window in range(2) for layer in range(2) for expert in range(8)]
    hot = {(0, 1, 0): 700, (1, 1, 7): 700}
    lines = [f"{w},{la},{e},{hot.get((w, la, e), 100) * (la > 0)}" for w, la, e in rows]
    path = tmp_path / "counts.csv"
    path.write_text("\n".join(["window,layer,expert,count", *lines]))
    words = ["--loads", str(path), "--ranks", "4", "--interval", "1", "--format", "json"]
    own = run(*words, "--planner", "ep", "--planner", "split")
    assert "2 steps, 1 layers, 8 experts" in run(*words[:-2]).stderr
    still = tmp_path / "still.csv"
    still.write_text("\n".join(["window,layer,expert,count", *(f"0{line[1:]}" for line in lines[:16])]))
    sizes = ["--top-k", "2", "--tokens-per-rank", "500", "--steps", "4", "--planner", "ep", "--planner", "split"]
    drawn, steady = (run("--loads", str(name), *words[2:], *sizes) for name in (path, still))
    for found in (own, drawn, steady):
        assert found.exit_code == 0, found.output
    moved, stayed = (json.loads(found.stdout)[1]["ratio_max"] for found in (drawn, steady))
    assert json.loads(drawn.stdout)[0]["ratio_mean"] > 1.5
    assert moved > stayed


def test_a_recording_in_files_of_all_ranks(tmp_path):
    torch = pytest.importorskip("torch")
    names = []
    for rank in range(2):
        counts = torch.zeros(1, 4, dtype=torch.int32)
        counts[0, 2 * rank : 2 * rank + 2] = torch.tensor([30, 10])
        record = {"forward_pass_id": 5, "rank": rank, "gatherer_key": "primary", "global_physical_count": counts}
        names += ["--loads", str(tmp_path / f"record_{rank}.pt")]
        torch.save({"records": [record], "last_physical_to_logical_map": torch.arange(4)[None]}, names[-1])
    found = run(*names, "--ranks", "2", "--experts", "5", "--planner", "ep")
    assert found.exit_code == 0, found.output
    assert "1 steps, 1 layers, 5 experts, 80 token copies" in found.stderr


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--loads", "none.csv"], 4, "no such file"),
        (["--loads", "power-law", "--planner", "best"], 2, "must be one of ep"),
        (["--loads", "power-law", "--top-k", "200"], 2, "`top_k`"),
        (["--loads", "power-law", "--out", "a.txt"], 2, "must end in"),
        (["--loads", "power-law", "--format", "xml"], 2, "--format"),
        (["--loads", "a.csv", "--select", "domain"], 2, "COLUMN=VALUE"),
        (["--loads", "powerlaw"], 2, "must be power-law, hot-spot, burst, hot-rank, llep or a file of counts"),
        (["--loads", "burst", "--select", "domain=a"], 2, "`--select` needs a file"),
    ],
)
def test_errors(words, code, text):
    found = run(*words)
    assert found.exit_code == code
    assert text in found.stderr
