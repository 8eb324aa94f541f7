"""Results of benchmarks as tables: lm-eval, evalplus, EvalPerf, vLLM bench, AIPerf and GuideLLM.

Columns have one name and unit whatever tool wrote the file, those of `paretoserve.plan` where it has them, so that
measured and simulated points stand in one front: latencies in seconds, TPOT without the first token, shares up to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from paretoserve._files import file_error
from paretoserve.errors import DtypeError, ShapeError
from paretoserve.integrations.results._content import Row, objects
from paretoserve.integrations.results._quality import read_evalperf, read_evalplus, read_lm_eval
from paretoserve.integrations.results._serving import read_aiperf, read_guidellm, read_vllm_bench

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike

__all__ = ["TOOLS", "Results", "read_results"]

READERS: dict[str, Callable[[str, dict[str, Any]], list[Row]]] = {
    "lm_eval": read_lm_eval,
    "evalplus": read_evalplus,
    "evalperf": read_evalperf,
    "vllm_bench": read_vllm_bench,
    "aiperf": read_aiperf,
    "guidellm": read_guidellm,
}
TOOLS = tuple(READERS)


@dataclass(frozen=True)
class Results:
    """Results of benchmarks, one row per run.

    Attributes
    ----------
    table : dict from str to list
        Columns ``file``, ``tool`` and ``model``, then figures; NaN where a run has none.
    units : dict from str to str
        Of the columns of figures; "1" for a share or a count.
    senses : dict from str to {"min", "max"}
        Better directions, for `pareto.from_frame`; columns that are no objective, such as a load, have none.
    """

    table: dict[str, list[Any]]
    units: dict[str, str]
    senses: dict[str, Literal["min", "max"]]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.table["file"])


def read_results(
    files: str | PathLike[str] | Sequence[str | PathLike[str]],
    *,
    tool: Literal["lm_eval", "evalplus", "evalperf", "vllm_bench", "aiperf", "guidellm"] | None = None,
    num_gpus: int | None = None,
) -> Results:
    """Read result files of benchmarks into one table.

    Parameters
    ----------
    files : path or sequence of paths
        JSON as the tools write it, plain or compressed (gz, xz, zst): ``results_*.json`` of lm-eval,
        ``*_eval_results.json`` of evalplus, ``*evalperf_results*.json``, what `vllm bench serve` saves (also appended,
        one object per line), ``profile_export_aiperf.json``, ``benchmarks.json`` of GuideLLM. Tools may be mixed.
    tool : {"lm_eval", "evalplus", "evalperf", "vllm_bench", "aiperf", "guidellm"}, optional
        Which tool wrote the files; by default the content tells.
    num_gpus : int, optional
        GPUs behind the server; adds the column ``tokens_per_s_per_gpu``.

    Returns
    -------
    results : Results
        A file of GuideLLM or of appended runs gives a row per run, any other file one row.

    Raises
    ------
    DataError
        If a file is missing, cut, of no known tool, or has a value that is not what its tool writes; the message names
        file, row and column.
    ShapeError
        If there are no files.
    ValueError
        If an option is out of range.

    Examples
    --------
    >>> import json, tempfile
    >>> run = {"model_id": "m", "request_throughput": 2.0, "output_throughput": 400.0, "total_token_throughput": 9e2}
    >>> with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
    ...     _ = file.write(json.dumps(run | {"p99_ttft_ms": 80.0, "mean_tpot_ms": 10.0}))
    ...     file.flush()
    ...     results = read_results(file.name, num_gpus=2)
    >>> results.table["ttft_p99_s"], results.table["tokens_per_s_per_gpu"], results.senses["ttft_p99_s"]
    ([0.08], [200.0], 'min')
    """
    if tool is not None and tool not in READERS:
        raise ValueError(f"`tool` must be one of {', '.join(TOOLS)}, got `{tool}`")
    if num_gpus is not None and (isinstance(num_gpus, bool) or not isinstance(num_gpus, int)):
        raise DtypeError(f"`num_gpus` must be an integer, got {type(num_gpus).__name__}")
    if num_gpus is not None and num_gpus < 1:
        raise ValueError(f"`num_gpus` must be at least 1, got {num_gpus}")
    paths = [Path(files)] if isinstance(files, str) or hasattr(files, "__fspath__") else [Path(each) for each in files]
    if not paths:
        raise ShapeError("`files` must not be empty")
    rows = [row for path in paths for row in _rows(path, tool)]
    if num_gpus is not None:
        for row in rows:
            if "tokens_per_s" in row.values:
                row.put("tokens_per_s_per_gpu", row.values["tokens_per_s"] / num_gpus, "tokens/s", "max")
    return _table(rows)


def _rows(path: Path, tool: str | None) -> list[Row]:
    rows: list[Row] = []
    for place, content in enumerate(objects(path), 1):
        found = tool or _recognize(content)
        if found is None:
            hint = f"read_results(..., tool=...) takes {', '.join(TOOLS)}"
            raise file_error(str(path), "is of no tool known here", at=f"row {place}", hint=hint)
        for row in READERS[found](str(path), content):
            row.tool = found
            rows.append(row)
    return rows


def _recognize(content: dict[str, Any]) -> str | None:
    if "benchmarks" in content:
        return "guidellm"
    if isinstance(content.get("request_throughput"), dict) or isinstance(content.get("request_latency"), dict):
        return "aiperf"
    if "total_token_throughput" in content or "output_throughput" in content:
        return "vllm_bench"
    if "eval" in content:
        return "evalperf" if "summary" in content or "max_profile" in content else "evalplus"
    return "lm_eval" if "results" in content else None


def _table(rows: list[Row]) -> Results:
    units = {name: unit for row in rows for name, unit in row.units.items()}
    senses = {name: sense for row in rows for name, sense in row.senses.items()}
    table: dict[str, list[Any]] = {
        "file": [row.file for row in rows],
        "tool": [row.tool for row in rows],
        "model": [row.model for row in rows],
    }
    table |= {name: [row.values.get(name, float("nan")) for row in rows] for name in units}
    return Results(table, units, senses)
