"""`paretoserve sim`: one configuration from flags or YAML, its summary and its table of requests."""

import json

import pyarrow.parquet as parquet
import pytest
from typer.testing import CliRunner

from paretoserve.cli._app import app

BASE = ["sim", "--model", "qwen3-32b", "--system", "h100_sxm", "--trace", "azure-chat", "--limit", "50"]


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_summary_and_table_agree(tmp_path):
    out = tmp_path / "requests.parquet"
    result = run(*BASE, "--tensor-parallel", 2, "--out", out, "--format", "json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    table = parquet.read_table(out)
    assert table.num_rows == summary["summary"]["num_requests"] == 50
    assert summary["configuration"]["tensor_parallel"] == 2
    ttft = table["ttft_s"].to_numpy()
    assert summary["columns"]["ttft_mean_s"] == pytest.approx(ttft.mean())


def test_text_has_every_objective():
    result = run(*BASE, "--tensor-parallel", 2)
    assert result.exit_code == 0, result.output
    for word in ("ttft", "tpot", "e2e", "p99", "tokens_per_s_per_gpu", "usd_per_mtok", "joule_per_token"):
        assert word in result.stdout


@pytest.mark.parametrize(
    ("options", "note"),
    [
        (["--expert-load", "mixture"], "`--expert-load` changes nothing without `--expert-parallel`"),
        (["--expert-parallel", "--expert-balancer", "eplb"], "changes nothing but memory without `--expert-load`"),
        (["--expert-load", "mixture", "--expert-parallel", "--expert-balancer", "eplb"], ""),
    ],
)
def test_options_of_experts_that_change_nothing_are_named(options, note):
    experts = ["sim", "--model", "qwen3-30b-a3b", *BASE[3:], "--tensor-parallel", 2, *options]
    result = run(*experts)
    assert result.exit_code == 0, result.output
    assert note in result.stderr
    assert ("note:" in result.stderr) == bool(note)


def test_options_win_over_the_file(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("tensor_parallel: 4\npolicy: srpt\nweight_format: fp8\n")
    result = run(*BASE, "--config", path, "--tensor-parallel", 2, "--no-chunked-prefill", "--format", "json")
    configuration = json.loads(result.stdout)["configuration"]
    assert (configuration["tensor_parallel"], configuration["policy"]) == (2, "srpt")
    assert (configuration["weight_format"], configuration["chunked_prefill"]) == ("fp8", False)


def test_the_checkpoint_decides_the_default_format():
    arguments = [word if word != "qwen3-32b" else "gpt-oss-20b" for word in BASE]
    result = run(*arguments, "--format", "json")
    assert json.loads(result.stdout)["configuration"]["weight_format"] == "mxfp4"


def test_an_unknown_checkpoint_format_must_be_replaced(tmp_path):
    fields = {"model_type": "llama", "num_hidden_layers": 4, "hidden_size": 512, "intermediate_size": 1024}
    fields |= {"num_attention_heads": 4, "vocab_size": 1000, "quantization_config": {"quant_method": "bitsandbytes"}}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(fields))
    arguments = [word if word != "qwen3-32b" else path for word in BASE]
    refused = run(*arguments)
    assert refused.exit_code == 2
    assert "`weight_format` must be given" in refused.stderr
    assert run(*arguments, "--weight-format", "int4").exit_code == 0


def test_a_missed_slo_exits_3_and_names_the_limit():
    result = run(*BASE, "--tensor-parallel", 2, "--slo", "tpot_p99=1ms,ttft_p99=100s")
    assert result.exit_code == 3
    assert "tpot_p99_s <= 0.001: missed by" in result.stderr
    assert "ttft_p99_s <= 100" not in result.stderr


def test_impossible_memory_exits_3_and_says_what_would_fit():
    arguments = [word if word != "qwen3-32b" else "deepseek-v3" for word in BASE]
    result = run(*arguments)
    assert result.exit_code == 3
    assert "would fit" in result.stderr


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (["--policy", "srtp"], 2, 'did you mean "srpt"'),
        (["--tensor-parallel", "0"], 2, "tensor_parallel"),
        (["--tensor-parallel", "9" * 30], 2, "tensor_parallel"),
        (["--tensor-parallel", "3"], 2, "tensor_parallel"),
        (["--gpu-memory-utilization", "nan"], 2, "gpu_memory_utilization"),
        (["--format", "csv"], 2, "table or json"),
        (["--config", "/none/c.yaml"], 4, "c.yaml"),
        (["--model", "qwen3-32"], 2, "qwen3-32b"),
    ],
)
def test_bad_input_says_what_is_wrong(change, code, message):
    result = run(*BASE, *change)
    assert result.exit_code == code, result.output
    assert message in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tensor_paralel: 2", "did you mean `tensor_parallel`"),
        ("policy: sjf", "policy"),
        ("tensor_parallel: x", "tensor_parallel"),
    ],
)
def test_a_wrong_file_is_broken_data(tmp_path, text, message):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    result = run(*BASE, "--config", path)
    assert result.exit_code == 4
    assert message in result.output
    assert "c.yaml" in result.output


def test_requests_go_to_parquet_only(tmp_path):
    result = run(*BASE, "--tensor-parallel", 2, "--out", tmp_path / "requests.csv")
    assert result.exit_code == 2
    assert "must end in .parquet" in result.stderr
    assert not list(tmp_path.iterdir())
