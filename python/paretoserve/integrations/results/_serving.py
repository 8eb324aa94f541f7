"""Results of load generators: `vllm bench serve`, AIPerf and GuideLLM.

TPOT leaves the first token out, as in `paretoserve.plan`: TPOT of vLLM, inter-token latency of AIPerf and of GuideLLM
(whose own time per output token counts the first). Formats: vLLM 0.33, the summary of AIPerf (the one of GenAI-Perf)
and reports of GuideLLM of version 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paretoserve._files import file_error
from paretoserve.integrations.results._content import Row, number, section

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["read_aiperf", "read_guidellm", "read_vllm_bench"]

STATISTICS = ("mean", "p50", "p90", "p95", "p99")
SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "sec": 1.0, "s": 1.0}
VLLM_RATES = {
    "output_throughput": ("tokens_per_s", "tokens/s"),
    "request_throughput": ("requests_per_s", "requests/s"),
    "request_goodput": ("goodput_rps", "requests/s"),
}
AIPERF_RATES = {
    "output_token_throughput": ("tokens_per_s", "tokens/s"),
    "request_throughput": ("requests_per_s", "requests/s"),
    "goodput": ("goodput_rps", "requests/s"),
}
GUIDELLM_RATES = {
    "output_tokens_per_second": ("tokens_per_s", "tokens/s"),
    "requests_per_second": ("requests_per_s", "requests/s"),
}


def read_vllm_bench(file: str, content: dict[str, Any]) -> list[Row]:
    """Read what `vllm bench serve --save-result` writes."""
    row = Row(file, str(content.get("model_id", "")))
    for name, column in (("ttft", "ttft"), ("tpot", "tpot"), ("e2el", "e2e")):
        for statistic in STATISTICS:
            key = f"{statistic}_{name}_ms"
            if statistic == "p50" and key not in content:
                key = f"median_{name}_ms"
            if key in content:
                row.put(f"{column}_{statistic}_s", number(file, content[key], key) * 1e-3, "s", "min")
    for key, (column, unit) in VLLM_RATES.items():
        if key in content and content[key] is not None:
            row.put(column, number(file, content[key], key), unit, "max")
    for key, column, unit in (
        ("max_concurrency", "concurrency", "1"),
        ("request_rate", "request_rate_rps", "requests/s"),
    ):
        # A rate without limit is written as the text "inf"; it is no figure of the load.
        if content.get(key) not in (None, "inf"):
            row.put(column, number(file, content[key], key), unit)
    _check(row)
    return [_with_speed_per_user(row)]


def read_aiperf(file: str, content: dict[str, Any]) -> list[Row]:
    """Read the summary that AIPerf exports as JSON; each metric carries its unit."""
    row = Row(file, _aiperf_model(content))
    latencies = (("time_to_first_token", "ttft"), ("inter_token_latency", "tpot"), ("request_latency", "e2e"))
    for key, column in latencies:
        if content.get(key) is None:
            continue
        metric = section(file, content, key)
        unit = metric.get("unit")
        if unit not in SECONDS:
            raise file_error(file, f"must have a unit of time, {', '.join(SECONDS)}, got `{unit}`", column=key)
        for statistic in STATISTICS:
            name = "avg" if statistic == "mean" else statistic
            if name in metric:
                value = number(file, metric[name], key, f"row {name}") * SECONDS[unit]
                row.put(f"{column}_{statistic}_s", value, "s", "min")
    for key, (column, unit) in AIPERF_RATES.items():
        if content.get(key) is not None:
            row.put(column, number(file, section(file, content, key).get("avg"), key, "row avg"), unit, "max")
    _check(row)
    return [_with_speed_per_user(row)]


def _aiperf_model(content: dict[str, Any]) -> str:
    config: Any = content.get("input_config") or {}
    endpoint = config.get("endpoint") if isinstance(config, dict) else None
    names = endpoint.get("model_names") if isinstance(endpoint, dict) else None
    return str(names[0]) if isinstance(names, list) and names else ""


def read_guidellm(file: str, content: dict[str, Any]) -> list[Row]:
    """Read the report of GuideLLM: one row per benchmark, of its successful requests."""
    benchmarks = content.get("benchmarks")
    if not isinstance(benchmarks, list) or not benchmarks:
        raise file_error(file, "must be a list of at least one benchmark", column="benchmarks")
    return [_guidellm_row(file, benchmark, f"row {place}") for place, benchmark in enumerate(benchmarks, 1)]


def _guidellm_row(file: str, benchmark: Any, at: str) -> Row:
    metrics = section(file, benchmark, "metrics", at)
    row = Row(file, _guidellm_model(benchmark))
    latencies = (
        ("time_to_first_token_ms", "ttft", 1e-3),
        ("inter_token_latency_ms", "tpot", 1e-3),
        ("request_latency", "e2e", 1.0),
    )
    for key, column, seconds in latencies:
        for statistic, value in _guidellm_statistics(file, metrics, key, at):
            row.put(f"{column}_{statistic}_s", value * seconds, "s", "min")
    for key, (column, unit) in GUIDELLM_RATES.items():
        for statistic, value in _guidellm_statistics(file, metrics, key, at):
            if statistic == "mean":
                row.put(column, value, unit, "max")
    for statistic, value in _guidellm_statistics(file, metrics, "request_concurrency", at):
        if statistic == "mean":
            row.put("concurrency", value, "1")
    _check(row, at)
    return _with_speed_per_user(row)


def _guidellm_statistics(file: str, metrics: dict[str, Any], key: str, at: str) -> Iterator[tuple[str, float]]:
    if metrics.get(key) is None:
        return
    found = section(file, section(file, metrics, key, at), "successful", at)
    yield "mean", number(file, found.get("mean"), key, at)
    percentiles = found.get("percentiles") or {}
    for statistic in STATISTICS[1:]:
        if statistic in percentiles:
            yield statistic, number(file, percentiles[statistic], key, at)


def _guidellm_model(benchmark: dict[str, Any]) -> str:
    config: Any = benchmark.get("config") or {}
    backend = config.get("backend") if isinstance(config, dict) else None
    return str(backend.get("model", "")) if isinstance(backend, dict) else ""


def _check(row: Row, at: str | None = None) -> None:
    if not row.values:
        raise file_error(row.file, "has no latency and no throughput", at=at)


def _with_speed_per_user(row: Row) -> Row:
    mean = row.values.get("tpot_mean_s", 0.0)
    if mean > 0:
        row.put("tokens_per_s_per_user", 1 / mean, "tokens/s", "max")
    return row
