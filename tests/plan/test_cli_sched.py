"""`paretoserve sched compare`: its table, its files, and what it refuses."""

import json

import pyarrow.parquet as parquet
import pytest
from typer.testing import CliRunner

from paretoserve.cli._app import app

BASE = ["sched", "compare", "--trace", "azure-chat", "--limit", "200", "--rate", "30", "--max-num-seqs", "8"]


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_table_has_a_column_per_policy_and_a_row_per_figure():
    result = run(*BASE, "--policy", "fcfs", "--policy", "srpt:0.25")
    assert result.exit_code == 0, result.output
    header, *lines = result.stdout.splitlines()
    assert header.split() == ["figure", "fcfs", "srpt:0.25"]
    figures = {line.split()[0] for line in lines}
    statistics = ("mean", "p50", "p90", "p99", "max")
    assert {f"{name}_{s}_s" for name in ("ttft", "e2e") for s in statistics} <= figures
    assert {*(f"slowdown_{s}" for s in statistics), "fairness", "preemptions", "wasted_tokens"} <= figures
    assert "200 requests of azure-chat, 8 slots" in result.stderr


def test_files_hold_what_json_prints(tmp_path):
    files = [tmp_path / name for name in ("found.parquet", "found.csv", "found.html")]
    outs = [word for file in files for word in ("--out", file)]
    result = run(*BASE, *outs, "--format", "json")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert [row["policy"] for row in rows] == [
        "fcfs",
        "srpt",
        "op_srpt",
        "balance",
        "chunk_balance",
        "plas",
        "slf",
        "hrrn",
        "gittins",
        "mc_sf",
        "a_min",
    ]
    assert parquet.read_table(files[0]).to_pylist() == rows
    assert len(files[1].read_text().splitlines()) == 12
    page = files[2].read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "chunk_balance" in page
    assert result.stderr.count("wrote") == 3


def test_sizes_may_be_wrong_and_the_seed_decides_how():
    def mean(*arguments):
        result = run(*BASE, "--policy", "srpt:0", "--format", "json", *arguments)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)[0]["e2e_mean_s"]

    exact, wrong = mean(), mean("--size-error", 16)
    assert exact < wrong
    assert mean("--size-error", 16) == wrong


def test_a_model_gives_step_times():
    arguments = ["--model", "qwen3-8b", "--system", "h100_sxm", "--policy", "fcfs", "--format", "json"]
    result = run("sched", "compare", "--trace", "azure-chat", "--limit", 20, *arguments)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)[0]["num_rejected"] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--policy", "nonsense"], 2, "`policy` must be"),
        (["--policy", "srpt:x"], 2, "name:share"),
        (["--model", "qwen3-8b"], 2, "`--model` and `--system` must be given together"),
        (["--out", "found.txt"], 2, "`--out` must end in"),
        (["--format", "xml"], 2, "--format"),
        (["--size-error", "0.5"], 2, "`--size-error` must be from 1"),
        (["--preempt", "often"], 2, "--preempt"),
        (["--rate", "0"], 2, "`rate` must be finite and above 0"),
        (["--fifo-share", "nan"], 2, "`fifo_share` must be from 0 to 1"),
    ],
)
def test_wrong_usage_has_exit_code_2(arguments, code, message):
    result = run(*BASE, *arguments)
    assert result.exit_code == code
    assert message in result.stderr


def test_a_missing_trace_has_exit_code_4(tmp_path):
    result = run("sched", "compare", "--trace", tmp_path / "none.csv")
    assert result.exit_code == 4
    assert "none.csv" in result.stderr
