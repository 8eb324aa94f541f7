"""`paretoserve quantize`: what goes where, exit codes, and going on after a signal."""

import json
import os
import signal
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import _checkpoints as checkpoints
from paretoserve.cli._app import app

pytest.importorskip("safetensors")
pytest.importorskip("torch")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def model(tmp_path):
    return checkpoints.folder(tmp_path / "model", checkpoints.tensors())


def run(*arguments):
    return CliRunner().invoke(app, ["quantize", *map(str, arguments)])


def test_table_goes_to_stdout_and_the_rest_to_stderr(model, tmp_path):
    result = run(model, "--format", "mxfp4", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    header, *lines = result.stdout.splitlines()
    assert header.split() == ["tensor", "format", "shape", "bits", "qsnr_db"]
    assert len(lines) == 14
    (line,) = (line for line in lines if line.startswith("model.layers.0.mlp.down_proj.weight"))
    fmt, shape, bits, qsnr = line.split()[1:]
    assert (fmt, shape, bits) == ("mxfp4", "128x256", "4.25")
    assert float(qsnr) == pytest.approx(18.6, abs=0.2)
    assert "14 of 20 tensors quantized to 4.25 bits per weight" in result.stderr
    assert f"wrote {tmp_path / 'out'}" in result.stderr.replace("\n", "")
    assert (tmp_path / "out" / "config.json").exists()


@pytest.mark.parametrize("suffix", ["json", "parquet", "csv"])
def test_report_has_every_tensor(suffix, model, tmp_path):
    file = tmp_path / f"report.{suffix}"
    result = run(model, "--format", "mxfp8", "--out", tmp_path / "out", "--report", file)
    assert result.exit_code == 0, result.stderr
    if suffix == "json":
        rows = json.loads(file.read_text())
    elif suffix == "parquet":
        rows = parquet.read_table(file).to_pylist()
    else:
        assert file.read_text().startswith('"name","file","dtype","shape","format","reason","bytes_before"')
        return
    assert len(rows) == 20
    by_name = {row["name"]: row for row in rows}
    head, weight = by_name["lm_head.weight"], by_name["model.layers.1.mlp.up_proj.weight"]
    assert (head["format"], head["reason"], head["qsnr_db"]) == ("kept", "embedding, norm, head or router", None)
    assert (weight["format"], weight["bits_per_weight"]) == ("mxfp8_e4m3", 8.25)
    assert weight["bytes_before"] == 4 * 256 * 128


def test_budget_chooses_among_formats(model, tmp_path):
    factors = tmp_path / "factors.json"
    factors.write_text(json.dumps({"model.layers.0.self_attn.o_proj.weight": 1000}))
    options = ["--budget", 5, "--formats", "mxfp4, mxfp8", "--sensitivity", factors, "--exclude", "*.1.mlp.*"]
    result = run(model, "--out", tmp_path / "out", *options)
    assert result.exit_code == 0, result.stderr
    formats = {line.split()[0]: line.split()[1] for line in result.stdout.splitlines()[1:]}
    assert formats["model.layers.0.self_attn.o_proj.weight"] == "mxfp8_e4m3"
    assert set(formats.values()) == {"mxfp4", "mxfp8_e4m3"}
    assert len(formats) == 11
    assert "another choice of formats could lower the error by" in result.stderr


def test_same_command_gives_the_same_bytes(model, tmp_path):
    outputs = []
    for out in ("a", "b"):
        result = run(
            model, "--format", "mxfp4", "--scale", "even", "--out", tmp_path / out, "--threads", len(outputs) + 1
        )
        outputs.append((result.stdout, checkpoints.files(tmp_path / out)))
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ([], 2, "one of `fmt` (--format) and `budget` must be given"),
        (["--format", "mxfp3"], 2, "did you mean"),
        (["--format", "mxfp4", "--layout", "gguf"], 2, "`layout` must be one of"),
        (["--format", "mxfp4", "--report", "x.txt"], 2, "`--report` must end in .parquet, .csv or .json"),
        (["--format", "mxfp4", "--sensitivity", "x.json"], 2, "weighs the errors for a `--budget`"),
        (["--budget", "3", "--formats", "mxfp4"], 2, "`budget` must be at least 4.25 bits per weight, got 3"),
        (["--budget", "5", "--formats", "mxfp4", "--sensitivity", "gone.json"], 4, "`gone.json` cannot be read"),
    ],
)
def test_usage_errors(options, code, words, model, tmp_path):
    result = run(model, "--out", tmp_path / "out", *options)
    assert result.exit_code == code
    assert words in " ".join(result.stderr.split())
    assert result.stdout == ""


def test_broken_input_exits_with_4_and_leaves_the_old_result(model, tmp_path):
    assert run(model, "--format", "mxfp4", "--out", tmp_path / "out").exit_code == 0
    old = checkpoints.files(tmp_path / "out")
    shard = sorted(model.glob("*.safetensors"))[0]
    shard.write_bytes(shard.read_bytes()[:-1])
    result = run(model, "--format", "mxfp8", "--out", tmp_path / "out")
    assert result.exit_code == 4
    assert result.stderr.startswith(f"error: `{shard}` is cut or too long")
    assert checkpoints.files(tmp_path / "out") == old
    assert run(tmp_path / "gone", "--format", "mxfp4", "--out", tmp_path / "new").exit_code == 4
    assert not (tmp_path / "new").exists()


def test_a_killed_process_goes_on(model, tmp_path):
    shard = sorted(model.glob("*.safetensors"))[0]
    program = f"""
import os, signal
from paretoserve.quant import quantize_checkpoint

def progress(done, total):
    if done > {shard.stat().st_size}:
        os.kill(os.getpid(), signal.SIGKILL)

quantize_checkpoint({str(model)!r}, {str(tmp_path / "out")!r}, "mxfp4", progress=progress)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, map(os.path.abspath, sys.path)))}
    killed = subprocess.run([sys.executable, "-c", program], env=environment, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    assert not checkpoints.files(tmp_path / "out")
    (hidden,) = (tmp_path / "out").iterdir()
    assert list(json.loads((hidden / "state.json").read_text())["shards"]) == [shard.name]
    for out in ("out", "whole"):
        assert run(model, "--format", "mxfp4", "--out", tmp_path / out).exit_code == 0
    assert checkpoints.files(tmp_path / "out") == checkpoints.files(tmp_path / "whole")
    assert not hidden.exists()
