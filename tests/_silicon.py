"""Published end-to-end serving points against the step model, without a simulation.

In a closed loop of B requests each token of a request waits for one step, and the prompts of the requests that replace
finished ones ride along: B * ISL / OSL prompt tokens per step on average, in chunks as large as the budget allows.
"""

import csv
import gzip
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from paretoserve.cost import StepShape, StepTime

MODELS = {
    "Qwen/Qwen3-32B": "qwen3-32b",
    "meta-llama/Llama-3.1-70B": "llama-3.1-70b",
    "moonshotai/Kimi-K2.5": "kimi-k2.5",
    "openai/gpt-oss-120b": "gpt-oss-120b",
}
SYSTEMS = ("b200_sxm", "h100_sxm", "h200_sxm")
FORMATS = {"fp8": "fp8", "fp8_block": "fp8_block", "nvfp4": "nvfp4", "int4_wo": "int4", "fp4": "nvfp4"}
TOKEN_BUDGET = 8192


@dataclass(frozen=True)
class Point:
    """A measured point and what the step model says of it, in seconds."""

    model: str
    system: str
    weight_format: str
    tensor_parallel: int
    batch: int
    measured_tpot_s: float
    predicted_tpot_s: float

    @property
    def ratio(self) -> float:
        return self.predicted_tpot_s / self.measured_tpot_s


@cache
def step_time(model: str, system: str, tensor_parallel: int, weight_format: str) -> StepTime:
    return StepTime.fit(model, system, tensor_parallel=tensor_parallel, weight_format=weight_format)


def closed_loop_tpot_s(model: StepTime, *, batch: int, isl: int, osl: int) -> float:
    """Mean time between two tokens of a request, with `batch` requests in the loop."""
    contexts = [isl + osl // 2] * batch
    chunk = max(64, min(TOKEN_BUDGET - batch, isl))
    mixed_share = min(1.0, batch * isl / osl / chunk)
    decode = model.step_s(StepShape.of(contexts=contexts))
    return (1 - mixed_share) * decode + mixed_share * model.step_s(StepShape.of(chunks=[(chunk, 0)], contexts=contexts))


def read_points(path: Path) -> list[Point]:
    """Read the vLLM points of one tensor-parallel engine whose requests did not queue."""
    with gzip.open(path, "rt") as stream:
        return [_point(row) for row in csv.DictReader(stream) if _usable(row)]


def _usable(row: dict[str, str]) -> bool:
    known = (
        row["mode"] == "agg" and row["backend"] == "vllm" and row["model_path"] in MODELS and row["system"] in SYSTEMS
    )
    if not known or float(row["attention_dp_size"] or 1) > 1 or float(row["moe_ep_size"] or 1) > 1:
        return False
    # A first token later than a tenth of the answer means a queue, and fewer requests in the loop than the row says.
    answer_ms = float(row["silicon_tpot_ms"]) * float(row["osl"])
    return row["measured"] != "False" and float(row["silicon_ttft_ms"]) < 0.1 * answer_ms


def _point(row: dict[str, str]) -> Point:
    model, tensor_parallel = MODELS[row["model_path"]], int(float(row["tp_size"]))
    weight_format = FORMATS.get(row["gemm_quant_mode"] or row["precision"], "bf16")
    if model == "gpt-oss-120b":
        weight_format = "mxfp4"
    predicted = closed_loop_tpot_s(
        step_time(model, row["system"], tensor_parallel, weight_format),
        batch=max(1, round(float(row["batch_size"]))),
        isl=int(float(row["isl"])),
        osl=int(float(row["osl"])),
    )
    batch = round(float(row["batch_size"]))
    measured = float(row["silicon_tpot_ms"]) * 1e-3
    return Point(model, row["system"], weight_format, tensor_parallel, batch, measured, predicted)
