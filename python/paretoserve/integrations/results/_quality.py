"""Results of quality benchmarks: lm-eval, evalplus and EvalPerf. Shares run from 0 to 1, scores of EvalPerf to 100."""

from __future__ import annotations

import math
import re
from typing import Any

from paretoserve._files import file_error
from paretoserve.integrations.results._content import Row, number, section

__all__ = ["read_evalperf", "read_evalplus", "read_lm_eval"]


def read_lm_eval(file: str, content: dict[str, Any]) -> list[Row]:
    """Read the summary of lm-eval: a column per task, metric and filter, and its standard error.

    The direction of a metric is what the file says of it (``higher_is_better``).
    """
    row = Row(file, str(content.get("model_name") or _config_model(content)))
    better = content.get("higher_is_better") or {}
    for task, metrics in section(file, content, "results").items():
        if not isinstance(metrics, dict):
            raise file_error(
                file, f"must be a JSON object, got {type(metrics).__name__}", at=f"row {task}", column="results"
            )
        for key, value in metrics.items():
            metric, comma, filtered = key.partition(",")
            # A metric without an error has the text "N/A" there.
            if not comma or value == "N/A":
                continue
            column = "_".join(filter(None, (_word(task), _word(metric), _word(filtered) if filtered != "none" else "")))
            figure = number(file, value, key, f"row {task}", low=-math.inf)
            higher = (better.get(task) or {}).get(metric)
            row.put(column, figure, "1", None if higher is None else "max" if higher else "min")
    if not row.values:
        raise file_error(file, "has no metric of any task", column="results")
    return [row]


def _config_model(content: dict[str, Any]) -> str:
    config = content.get("config")
    return str(config.get("model", "")) if isinstance(config, dict) else ""


def _word(text: str) -> str:
    return re.sub(r"\W+", "_", text)


def read_evalplus(file: str, content: dict[str, Any]) -> list[Row]:
    """Read the results of evalplus: pass@k on the base and on the extended tests."""
    row = Row(file)
    found = content.get("pass_at_k")
    if found is None:
        for tests in ("base", "plus"):
            _count_passes(file, section(file, content, "eval"), tests, row)
        return [row]
    for tests in section(file, content, "pass_at_k"):
        for key, share in section(file, found, tests, f"row {tests}").items():
            value = number(file, share, key, f"row {tests}", high=1.0)
            row.put(f"{key.replace('@', '_at_')}_{tests}", value, "1", "max")
    if not row.values:
        raise file_error(file, "has no pass@k", column="pass_at_k")
    return [row]


def _count_passes(file: str, tasks: dict[str, Any], tests: str, row: Row) -> None:
    """Put pass@1, the mean share of samples that pass, of a file that an older evalplus wrote."""
    shares = []
    for task, samples in tasks.items():
        if not isinstance(samples, list) or not samples or not all(isinstance(sample, dict) for sample in samples):
            raise file_error(file, "must be a list of at least one sample", at=f"row {task}", column="eval")
        if all(sample.get(f"{tests}_status") is None for sample in samples):
            continue
        status = [[sample.get(f"{each}_status") for each in ("base", tests)] for sample in samples]
        shares.append(sum(set(each) == {"pass"} for each in status) / len(samples))
    if not shares and tests == "base":
        raise file_error(file, "has no task with a status", column="eval")
    if not shares:
        return
    row.put(f"pass_at_1_{tests}", math.fsum(shares) / len(shares), "1", "max")


def read_evalperf(file: str, content: dict[str, Any]) -> list[Row]:
    """Read the results of EvalPerf, full or brief: mean scores over the tasks that have one."""
    row = Row(file)
    summary = content.get("summary")
    for key, column, unit, scale in (
        ("dps", "dps", "1", 1.0),
        ("dps_norm", "dps_norm", "1", 1.0),
        ("pass@1", "pass_at_1", "1", 0.01),
    ):
        if isinstance(summary, dict):
            value = number(file, summary.get(key), key, high=100.0)
        else:
            tasks = section(file, content, "eval")
            scores = [number(file, section(file, tasks, t, t).get(key), key, f"row {t}", high=100.0) for t in tasks]
            scores = [score for score in scores if not math.isnan(score)]
            if not scores:
                raise file_error(file, "has no task with a score", column=key)
            value = math.fsum(scores) / len(scores)
        row.put(column, value * scale, unit, "max")
    return [row]
