"""`paretoserve plan` from the command line: outputs, exit codes, resuming, bytes that depend on inputs alone."""

import csv
import errno
import io
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as parquet
import pytest
from typer.testing import CliRunner

from paretoserve.cli._app import app
from paretoserve.plan import store
from paretoserve.plan.vllm import BENCH_FLAGS, FLAGS

SPACE = """
tensor_parallel: [1, 2]
pipeline_parallel: 1
weight_format: [bf16, fp8]
kv_format: fp8
max_num_batched_tokens: 4096
"""
BASE = ["plan", "--model", "qwen3-32b", "--system", "h100_sxm", "--trace", "azure-chat", "--limit", "80", "--gpus", "2"]
runner = CliRunner()


@pytest.fixture
def space(tmp_path) -> Path:
    path = tmp_path / "space.yaml"
    path.write_text(SPACE)
    return path


def run(*arguments: object):
    return runner.invoke(app, [str(argument) for argument in arguments])


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def planned(tmp_path, space) -> Path:
    result = run(*BASE, "--space", space, "--out", tmp_path / "one")
    assert result.exit_code == 0, result.output
    return tmp_path / "one"


def test_all_files_are_written_and_no_other(planned):
    top = {f"top1/{name}" for name in ("bench.sh", "prediction.json", "serve.sh", "vllm.yaml")}
    assert set(files(planned)) == {"all.parquet", "front.parquet", "plan.json", "report.html", *top}


def test_another_folder_and_other_threads_give_the_same_bytes(planned, tmp_path, space):
    for name, threads in (("two", 1), ("three", 4)):
        assert run(*BASE, "--space", space, "--out", tmp_path / name, "--threads", threads).exit_code == 0
        assert files(tmp_path / name) == files(planned)


def test_no_path_of_the_run_is_in_the_files(planned, tmp_path):
    for name, content in files(planned).items():
        assert str(tmp_path).encode() not in content, name


def test_plan_json_holds_inputs_front_and_picks(planned):
    plan = json.loads((planned / "plan.json").read_text())
    assert plan["schema_version"] == 1
    assert plan["inputs"]["trace"]["num_requests"] == 80
    assert all(len(plan["inputs"][part]["digest"]) == 64 for part in ("model", "system", "trace"))
    assert plan["counts"]["front"] == len(plan["front"]) >= 1
    assert plan["picks"]["knee"] in [point["configuration"] for point in plan["front"]]
    assert all(point["why"].startswith("best ") for point in plan["front"])


def test_tables_agree_with_plan_json(planned):
    plan = json.loads((planned / "plan.json").read_text())
    front, everything = parquet.read_table(planned / "front.parquet"), parquet.read_table(planned / "all.parquet")
    assert front["configuration"].to_pylist() == [point["configuration"] for point in plan["front"]]
    assert everything.num_rows == plan["counts"]["simulated"]
    assert sum(everything["on_front"].to_pylist()) == front.num_rows
    for name in ("ttft_p99_s", "tokens_per_s_per_gpu"):
        assert front[name].to_pylist() == [point[name] for point in plan["front"]]


def test_json_and_csv_go_to_stdout_alone(planned, space):
    result = run(*BASE, "--space", space, "--format", "json")
    assert result.stdout == (planned / "plan.json").read_text()
    result = run(*BASE, "--space", space, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["configuration"] for row in rows] == [
        str(point["configuration"]) for point in json.loads((planned / "plan.json").read_text())["front"]
    ]


def test_the_table_says_why(space):
    result = run(*BASE, "--space", space)
    assert "best ttft_p99_s" in result.stdout
    assert "knee" in result.stdout
    assert "kv fp8, 256 seqs, 4096 tokens" in result.stdout


def test_scripts_use_known_flags_and_are_shell(planned):
    for script, known in (("serve.sh", FLAGS), ("bench.sh", BENCH_FLAGS)):
        path = planned / "top1" / script
        assert path.stat().st_mode & stat.S_IXUSR
        subprocess.run(["bash", "-n", path], check=True)
        code = "\n".join(line for line in path.read_text().splitlines() if not line.startswith("#"))
        words = {word for word in code.split() if word.startswith("--")}
        assert words
        assert words <= set(known)
    assert {f"--{line.partition(':')[0]}" for line in (planned / "top1/vllm.yaml").read_text().splitlines()} <= set(
        FLAGS
    )


def test_a_slo_marks_its_pick_and_bounds_the_front(space, tmp_path):
    loose = run(*BASE, "--space", space, "--out", tmp_path / "loose", "--slo", "ttft_p99=60s,tpot_p95=10s")
    assert loose.exit_code == 0
    plan = json.loads((tmp_path / "loose/plan.json").read_text())
    assert plan["slo_met"]
    assert plan["picks"]["slo"] in [point["configuration"] for point in plan["front"]]
    rate = {point["configuration"]: point["tokens_per_s_per_gpu"] for point in plan["front"]}
    assert rate[plan["picks"]["slo"]] >= 0.99 * max(rate.values())


def test_a_slo_that_nobody_meets_exits_3_with_the_nearest_miss(space, tmp_path):
    result = run(*BASE, "--space", space, "--out", tmp_path / "none", "--slo", "ttft_p99=1ms", "--slo", "tpot_p95=10s")
    assert result.exit_code == 3
    assert "nearest: " in result.stderr
    assert "ttft_p99_s <= 0.001: missed by" in result.stderr
    assert "(binds)" in result.stderr
    plan = json.loads((tmp_path / "none/plan.json").read_text())
    assert plan["slo_met"] is False
    assert plan["nearest_miss"]["limit"] == "ttft_p99_s"
    assert plan["picks"]["nearest"] == plan["nearest_miss"]["configuration"]
    assert (tmp_path / "none/top1/serve.sh").exists()


def test_impossible_memory_exits_3_and_says_what_would_fit(tmp_path):
    arguments = [word if word != "qwen3-32b" else "deepseek-v3" for word in BASE]
    result = run(*arguments, "--out", tmp_path / "big")
    assert result.exit_code == 3
    assert "GiB missing" in result.stderr
    assert "would fit" in result.stderr
    plan = json.loads((tmp_path / "big/plan.json").read_text())
    assert plan["counts"]["simulated"] == 0
    assert all("missing" in refusal["reason"] for refusal in plan["refused"])


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (["--model", "qwen3-32"], 2, "qwen3-32b"),
        (["--system", "h100"], 2, "h100_sxm"),
        (["--trace", "azure-chad"], 2, "azure-chat"),
        (["--trace", "/none/trace.csv"], 4, "trace.csv"),
        (["--gpus", "0"], 2, "from 1 to 65536, got 0"),
        (["--gpus", "-3"], 2, "got -3"),
        (["--gpus", "9" * 30], 2, "from 1 to 65536"),
        (["--objectives", "ttft_p9"], 2, "did you mean"),
        (["--slo", "tpot=1"], 2, "did you mean"),
        (["--slo", "ttft_p99=-1s"], 2, "positive and finite"),
        (["--space", "/none/space.yaml"], 4, "space.yaml"),
        (["--format", "xml"], 2, "table, json or csv"),
        (["--limit", "0"], 2, "limit"),
        (["--threads", "0"], 2, "threads"),
        (["--seed", "-1"], 2, "seed"),
    ],
)
def test_bad_input_says_what_is_wrong(change, code, message):
    result = run(*BASE, *change)
    assert result.exit_code == code, result.output
    assert message in result.output
    assert "Traceback" not in result.output


# The second result is followed by a wait, so that a signal lands in the middle. It is one of short sleeps: a signal
# that comes just before a long one would not end it.
WAITING = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
from paretoserve.plan import store
add = store.Progress.add
def add_and_wait(self, *result):
    add(self, *result)
    while len(self.finished) == 2:
        time.sleep(0.02)
store.Progress.add = add_and_wait
from paretoserve.cli import main
main()
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)], ids=["killed", "interrupted"]
)
def test_a_stopped_run_goes_on_and_ends_the_same(planned, tmp_path, space, number, code):
    out = tmp_path / "stopped"
    command = [sys.executable, "-c", WAITING, *BASE, "--space", str(space), "--out", str(out), "--threads", "1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        while process.poll() is None and _lines(out) < 2:
            time.sleep(0.02)
        process.send_signal(number)
        _, said = process.communicate()
    finally:
        process.kill()
    assert process.returncode == code, said
    kept = _lines(out)
    total = json.loads((planned / "plan.json").read_text())["inputs"]["space"]["num_configurations"]
    assert kept == 2 < total
    assert not (out / "plan.json").exists()
    if number == signal.SIGINT:
        assert b"the same command goes on from there" in said

    added = []
    original = store.Progress.add
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store.Progress, "add", lambda self, *result: (added.append(result), original(self, *result))[1])
        assert run(*BASE, "--space", space, "--out", out).exit_code == 0
    assert len(added) + kept == total
    assert files(out) == files(planned)


def _lines(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in folder.glob(".progress-*.jsonl"))


def test_an_interrupt_keeps_what_was_finished(planned, tmp_path, space, monkeypatch):
    out = tmp_path / "interrupted"
    original = store.Progress.add

    def add(self, key, result):
        if len(self.finished) == 3:
            raise KeyboardInterrupt
        original(self, key, result)

    with monkeypatch.context() as patch:
        patch.setattr(store.Progress, "add", add)
        result = run(*BASE, "--space", space, "--out", out)
    assert result.exit_code == 130
    assert "the same command goes on from there" in result.stderr
    assert _lines(out) == 3
    assert run(*BASE, "--space", space, "--out", out).exit_code == 0
    assert files(out) == files(planned)


@pytest.mark.parametrize("when", ["sweep", "outputs"])
def test_a_full_disk_says_so_and_keeps_what_was_finished(planned, tmp_path, space, monkeypatch, when):
    out = tmp_path / "full"
    original = store.Progress.add

    def add(self, key, result):
        if len(self.finished) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        original(self, key, result)

    def replace(source, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))

    with monkeypatch.context() as patch:
        if when == "sweep":
            patch.setattr(store.Progress, "add", add)
        else:
            patch.setattr("paretoserve.plan.outputs.os.replace", replace)
        result = run(*BASE, "--space", space, "--out", out)
    assert result.exit_code == 1
    assert "no space left on device" in result.stderr
    assert "the same command goes on from there" in result.stderr
    assert not (out / "plan.json").exists()
    assert not [name for name in files(out) if name.endswith(".part")]
    assert _lines(out) >= 3
    assert run(*BASE, "--space", space, "--out", out).exit_code == 0
    assert files(out) == files(planned)


def test_a_file_is_no_folder_for_the_results(tmp_path, space):
    (tmp_path / "taken").write_text("mine")
    result = run(*BASE, "--space", space, "--out", tmp_path / "taken")
    assert result.exit_code == 2
    assert "`out` must be a folder" in result.stderr
    assert (tmp_path / "taken").read_text() == "mine"


def test_files_of_an_earlier_plan_do_not_stay_beside_a_refusal(planned, tmp_path):
    space = tmp_path / "impossible.yaml"
    space.write_text("tensor_parallel: 1\ngpu_memory_utilization: 0.1\n")
    (planned / "mine.txt").write_text("stays")
    assert run(*BASE, "--space", space, "--out", planned).exit_code == 3
    assert sorted(files(planned)) == ["mine.txt", "plan.json"]
