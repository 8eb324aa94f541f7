"""Result files of benchmarks: small ones written by hand in the tools' formats, and broken ones."""

import gzip
import json
import math

import pytest

from paretoserve import pareto
from paretoserve.errors import DataError, DtypeError, ShapeError
from paretoserve.integrations.results import read_results

VLLM = {
    "date": "20261101-120000",
    "backend": "vllm",
    "model_id": "Qwen/Qwen3-8B",
    "num_prompts": 100,
    "request_rate": "inf",
    "max_concurrency": 16,
    "duration": 12.5,
    "completed": 100,
    "request_throughput": 8.0,
    "request_goodput": None,
    "output_throughput": 1600.0,
    "total_token_throughput": 9600.0,
    "mean_ttft_ms": 50.0,
    "median_ttft_ms": 45.0,
    "std_ttft_ms": 9.0,
    "p99_ttft_ms": 120.0,
    "mean_tpot_ms": 8.0,
    "p99_tpot_ms": 11.0,
    "mean_e2el_ms": 1650.0,
    "p99_e2el_ms": 2500.0,
}
AIPERF = {
    "request_throughput": {"unit": "requests/sec", "avg": 7.5},
    "request_latency": {"unit": "ms", "avg": 1700.0, "p50": 1650.0, "p99": 2600.0, "std": 80.0},
    "time_to_first_token": {"unit": "ms", "avg": 60.0, "p50": 55.0, "p99": 140.0},
    "inter_token_latency": {"unit": "ms", "avg": 10.0, "p99": 14.0},
    "output_token_throughput": {"unit": "tokens/sec", "avg": 1500.0},
    "input_config": {"endpoint": {"model_names": ["Qwen/Qwen3-8B"]}},
    "was_cancelled": False,
}


def summary(mean, **percentiles):
    successful = {"mean": mean, "median": mean, "count": 9, "percentiles": percentiles}
    return {"successful": successful, "errored": None, "incomplete": None, "total": successful}


def guidellm_benchmark(rate):
    return {
        "type_": "generative_benchmark",
        "config": {"backend": {"model": "Qwen/Qwen3-8B"}, "strategy": {"type_": "concurrent"}},
        "metrics": {
            "request_totals": {"successful": 9, "errored": 0, "incomplete": 0, "total": 9},
            "requests_per_second": summary(rate),
            "request_concurrency": summary(4.0),
            "request_latency": summary(1.5, p50=1.4, p99=2.0),
            "time_to_first_token_ms": summary(40.0, p50=38.0, p99=90.0),
            "time_per_output_token_ms": summary(9.5),
            "inter_token_latency_ms": summary(8.0, p99=9.0),
            "output_tokens_per_second": summary(rate * 200),
        },
    }


GUIDELLM = {"metadata": {"version": 2}, "config": {}, "benchmarks": [guidellm_benchmark(2.0), guidellm_benchmark(5.0)]}
LM_EVAL = {
    "results": {
        "arc_easy": {
            "name": "arc_easy",
            "alias": "arc_easy",
            "sample_len": 20,
            "acc,none": 0.75,
            "acc_stderr,none": 0.01,
        },
        "gsm8k": {"alias": "gsm8k", "exact_match,strict-match": 0.5, "exact_match_stderr,strict-match": "N/A"},
        "wikitext": {"alias": "wikitext", "word_perplexity,none": 9.5, "word_perplexity_stderr,none": "N/A"},
    },
    "higher_is_better": {
        "arc_easy": {"acc": True},
        "gsm8k": {"exact_match": True},
        "wikitext": {"word_perplexity": False},
    },
    "configs": {},
    "model_name": "Qwen/Qwen3-8B",
}
EVALPLUS = {
    "date": "2026-11-01 12:00",
    "hash": "0",
    "eval": {
        "HumanEval/0": [{"base_status": "pass", "plus_status": "pass"}, {"base_status": "fail", "plus_status": "fail"}],
        "HumanEval/1": [{"base_status": "pass", "plus_status": "fail"}, {"base_status": "pass", "plus_status": "pass"}],
    },
    "pass_at_k": {"base": {"pass@1": 0.75, "pass@10": 1.0}, "plus": {"pass@1": 0.5}},
}
EVALPERF = {
    "n_samples": 100,
    "max_profile": 25,
    "eval": {
        "HumanEval/0": {"dps": 80.0, "dps_norm": 75.0, "pass@1": 90.0},
        "HumanEval/9": {"dps": 60.0, "dps_norm": 50.0, "pass@1": 40.0},
        "Mbpp/3": {"dps": None, "dps_norm": None, "pass@1": 2.0},
    },
}


@pytest.fixture
def written(tmp_path):
    def write(content, name="results.json"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def test_vllm_bench_in_seconds(written):
    results = read_results(written(VLLM), num_gpus=2)
    row = {name: column[0] for name, column in results.table.items()}
    assert (row["tool"], row["model"], row["concurrency"]) == ("vllm_bench", "Qwen/Qwen3-8B", 16.0)
    assert (row["ttft_mean_s"], row["ttft_p50_s"], row["ttft_p99_s"]) == pytest.approx((0.05, 0.045, 0.12))
    assert (row["tpot_mean_s"], row["e2e_p99_s"]) == pytest.approx((0.008, 2.5))
    assert (row["tokens_per_s"], row["tokens_per_s_per_gpu"]) == (1600.0, 800.0)
    assert row["tokens_per_s_per_user"] == pytest.approx(125.0)
    assert "goodput_rps" not in row
    assert "request_rate_rps" not in row
    assert results.units["ttft_p99_s"] == "s"
    assert "concurrency" not in results.senses


def test_appended_runs_are_rows(written):
    lines = "\n".join(json.dumps(VLLM | {"max_concurrency": load}) for load in (1, 2, 4))
    assert read_results(written(lines)).table["concurrency"] == [1.0, 2.0, 4.0]


def test_the_three_load_generators_stand_in_one_front(written):
    files = [written(VLLM, "v.json"), written(AIPERF, "a.json"), written(GUIDELLM, "g.json")]
    results = read_results(files, num_gpus=1)
    assert results.table["tool"] == ["vllm_bench", "aiperf", "guidellm", "guidellm"]
    assert results.table["ttft_p99_s"] == pytest.approx([0.12, 0.14, 0.09, 0.09])
    assert results.table["tpot_mean_s"] == pytest.approx([0.008, 0.01, 0.008, 0.008])
    assert results.table["tokens_per_s"] == [1600.0, 1500.0, 400.0, 1000.0]
    assert len(results) == 4
    senses = {name: results.senses[name] for name in ("ttft_p99_s", "tokens_per_s_per_gpu")}
    assert pareto.from_frame(results.table, senses).indices.tolist() == [3, 0]


def test_names_and_directions_are_those_of_plans(written):
    objectives = pytest.importorskip("paretoserve.plan.objectives").OBJECTIVES
    results = read_results([written(VLLM, "v.json"), written(GUIDELLM, "g.json")], num_gpus=4)
    shared = set(results.units) & set(objectives)
    assert {"ttft_p99_s", "tpot_mean_s", "e2e_mean_s", "tokens_per_s_per_user", "tokens_per_s_per_gpu"} <= shared
    assert all(results.senses[name] == objectives[name].sense for name in shared)


def test_lm_eval_says_directions(written):
    results = read_results(written(LM_EVAL))
    assert results.table["model"] == ["Qwen/Qwen3-8B"]
    assert results.table["arc_easy_acc"] == [0.75]
    assert results.table["arc_easy_acc_stderr"] == [0.01]
    assert results.table["gsm8k_exact_match_strict_match"] == [0.5]
    assert results.senses == {
        "arc_easy_acc": "max",
        "gsm8k_exact_match_strict_match": "max",
        "wikitext_word_perplexity": "min",
    }


def test_evalplus_and_evalperf(written):
    results = read_results([written(EVALPLUS, "e.json"), written(EVALPERF, "p.json")])
    assert results.table["pass_at_1_base"][0] == 0.75
    assert results.table["pass_at_10_base"][0] == 1.0
    assert results.table["pass_at_1_plus"][0] == 0.5
    assert math.isnan(results.table["pass_at_1_plus"][1])
    assert results.table["dps"][1] == 70.0
    assert results.table["dps_norm"][1] == 62.5
    assert results.table["pass_at_1"][1] == pytest.approx(0.44)
    brief = {"config": {}, "summary": {"dps": 70.0, "dps_norm": 62.5, "pass@1": 44.0}, "eval": {}}
    assert read_results(written(brief)).table["pass_at_1"] == [pytest.approx(0.44)]


def test_an_older_evalplus_is_counted(written):
    older = {"date": "", "hash": "", "eval": EVALPLUS["eval"]}
    table = read_results(written(older)).table
    assert (table["pass_at_1_base"], table["pass_at_1_plus"]) == ([0.75], [0.5])


def test_compressed_files_are_read(tmp_path):
    path = tmp_path / "run.json.gz"
    path.write_bytes(gzip.compress(json.dumps(VLLM).encode()))
    assert read_results(str(path)).table["tokens_per_s"] == [1600.0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("{", "must be JSON, got `{`"),
        ("[1]", "must be a JSON object, got list"),
        ({"a": 1}, "row 1: is of no tool known here"),
        (VLLM | {"p99_ttft_ms": "fast"}, 'column `p99_ttft_ms`: must be a finite number, got `"fast"`'),
        (VLLM | {"mean_ttft_ms": -1.0}, "column `mean_ttft_ms`: must be at least 0, got -1.0"),
        (VLLM | {"output_throughput": math.nan}, "column `output_throughput`: must be a finite number, got `NaN`"),
        (
            AIPERF | {"time_to_first_token": {"unit": "h", "avg": 1}},
            "column `time_to_first_token`: must have a unit of time",
        ),
        (
            AIPERF | {"request_throughput": {"unit": "requests/sec", "avg": True}},
            "row avg, column `request_throughput`",
        ),
        ({"benchmarks": []}, "column `benchmarks`: must be a list of at least one benchmark"),
        ({"benchmarks": [guidellm_benchmark(1.0), {}]}, "row 2, column `metrics`: must be a JSON object, got nothing"),
        ({"benchmarks": [{"metrics": {}}]}, "row 1: has no latency and no throughput"),
        (
            LM_EVAL | {"results": {"arc_easy": {"acc,none": None, "acc_stderr,none": "low"}}},
            'row arc_easy, column `acc_stderr,none`: must be a finite number, got `"low"`',
        ),
        (LM_EVAL | {"results": {}}, "column `results`: has no metric of any task"),
        (
            EVALPLUS | {"pass_at_k": {"base": {"pass@1": 1.5}}},
            "row base, column `pass@1`: must be from 0 to 1, got 1.5",
        ),
        ({"hash": "", "eval": {}}, "column `eval`: has no task with a status"),
        (
            {"hash": "", "eval": {"HumanEval/0": []}},
            "row HumanEval/0, column `eval`: must be a list of at least one sample",
        ),
        (EVALPERF | {"eval": {"HumanEval/0": {"dps": 101}}}, "row HumanEval/0, column `dps`: must be from 0 to 100"),
    ],
)
def test_broken_files_are_named(written, content, words):
    path = written(content)
    with pytest.raises(DataError) as raised:
        read_results(path)
    assert str(path) in str(raised.value)
    assert words in str(raised.value)


def test_the_broken_line_of_appended_runs_is_named(written):
    with pytest.raises(DataError, match="row 2: must be JSON"):
        read_results(written(json.dumps(VLLM) + "\n{oops\n"))


def test_bad_options_are_refused(written, tmp_path):
    path = written(VLLM)
    with pytest.raises(ValueError, match=r"`tool` must be one of lm_eval, evalplus, .* got `genai`"):
        read_results(path, tool="genai")
    with pytest.raises(ValueError, match="`num_gpus` must be at least 1, got 0"):
        read_results(path, num_gpus=0)
    with pytest.raises(DtypeError, match="`num_gpus` must be an integer, got float"):
        read_results(path, num_gpus=2.0)
    with pytest.raises(ShapeError, match="`files` must not be empty"):
        read_results([])
    with pytest.raises(DataError, match="no such file"):
        read_results(tmp_path / "none.json")
