"""Derive the power coefficients that the package ships (python/paretoserve/cost/data/power.json).

Model, per GPU: P = idle + memory * (bytes/s) / bandwidth + compute * (FLOP/s) / peak, never above the power limit.
A100 and H100 come from the energy of whole serving runs (ML.ENERGY leaderboard v2); B200 from the power column of
kernel tables. Every other system takes the coefficients of its nearest relative in proportion to the power limits and
is marked `transferred`.

    python tools/fit_power.py --data ../shared/data/perf
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import sys
from pathlib import Path

import numpy as np

from paretoserve import cost

OUT = Path(__file__).resolve().parents[1] / "python/paretoserve/cost/data/power.json"

# Name in the runs -> (name of the coefficients, bytes/s, FLOP/s, power limit). The A100 of these runs has 40 GB of
# slower memory.
GPUS = {
    "NVIDIA A100-SXM4-40GB": ("A100 SXM 40GB", 1.555e12, 312e12, 400),
    "NVIDIA H100 80GB HBM3": ("H100 SXM 80GB", 3.35e12, 989e12, 700),
}
# The runs do not say how long their prompts were. Of 100 to 800 tokens, about 300 predicts left-out models best; with
# 150 or 600 the draw of an H100 at 40 % of its bandwidth and 10 % of its rate comes out 20 % higher or lower.
PROMPT_TOKENS = 300
RELATIVES = {
    "A100 SXM 40GB": ("a100_pcie", "a100_sxm", "a30"),
    "H100 SXM 80GB": ("b60", "h100_pcie", "h100_sxm", "h200_sxm", "l4", "l40s", "rtx_4090"),
    "B200 SXM": ("b200_sxm", "b300_sxm", "gb200", "gb300", "rtx_pro_6000_server"),
}
FITTED = {"h100_sxm", "b200_sxm"}


def model_of_run(name: str) -> str | None:
    """Return the bundled name of a model of the runs, or None where its sizes are not bundled."""
    short = name.split("/")[-1].lower().removeprefix("meta-")
    for suffix in ("-hf", "-it", "-instruct", "-instruct-v0.1", "-instruct-v0.3", "-instruct-2407"):
        if short.removesuffix(suffix) in cost.model_names():
            return short.removesuffix(suffix)
    return short if short in cost.model_names() else None


def read_runs(path: Path) -> dict[str, tuple[np.ndarray, np.ndarray, list[str]]]:
    """Read the runs as (loads, watts, models) per GPU; loads are [1, memory use, compute use], shape (n, 3)."""
    found: dict[str, list[tuple[list[float], float, str]]] = {gpu: [] for gpu in GPUS}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            model = model_of_run(row["Model"])
            if model is None or row["GPU"] not in GPUS:
                continue
            _, bandwidth, peak, _ = GPUS[row["GPU"]]
            sizes, num_gpus = cost.model_sizes(model), int(row["TP"]) * int(row["PP"])
            tokens_per_s, output = float(row["Token tput (tok/s)"]), float(row["Avg Output Tokens"])
            watts = float(row["Energy/req (J)"]) * tokens_per_s / output / num_gpus
            context = int(PROMPT_TOKENS + output / 2)
            cache = float(row["Avg BS (reqs)"]) * cost.load_model(model).kv_bytes(context)
            steps_per_s = 1 / float(row["Avg TPOT (s)"]) / int(row["PP"])
            # Batches are large enough that nearly every expert is read in each step.
            moved = (2 * sizes.parameters + cache) * steps_per_s / num_gpus
            computed = 2 * sizes.active_parameters * tokens_per_s * (1 + PROMPT_TOKENS / output) / num_gpus
            found[row["GPU"]].append(([1.0, moved / bandwidth, computed / peak], watts, model))
    return {
        gpu: (np.array([run[0] for run in runs]), np.array([run[1] for run in runs]), [run[2] for run in runs])
        for gpu, runs in found.items()
    }


def read_kernels(folder: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read (loads, watts) of the three B200 tables that carry power."""
    import pyarrow.parquet as parquet

    gpu = cost.hardware("b200_sxm")

    def table(name: str) -> dict[str, np.ndarray]:
        columns = parquet.read_table(folder / f"{name}.vllm-0.22.0.parquet").to_pydict()
        return {key: np.array(values) for key, values in columns.items()}

    def loads(rows: dict[str, np.ndarray], moved: np.ndarray, computed: np.ndarray, peak: np.ndarray | float):
        seconds = rows["latency"] * 1e-3
        use = np.stack(
            [np.ones(len(seconds)), moved / seconds / gpu.memory_bandwidth, computed / seconds / peak], axis=1
        )
        # Above 100 % the table's shape says something else than we think.
        sane = (use <= 1.0).all(axis=1)
        return use[sane], rows["power"][sane]

    decode = table("generation_attention")
    context = np.where(
        decode["window_size"] > 0, np.minimum(decode["step"] + 1, decode["window_size"]), decode["step"] + 1
    )
    number = np.where(decode["kv_cache_dtype"] == "fp8", 1, 2)
    pairs = decode["batch_size"] * context * decode["head_dim"]
    fitted = [
        loads(
            decode, 2 * pairs * decode["num_key_value_heads"] * number, 4 * pairs * decode["num_heads"], gpu.bf16_flops
        )
    ]

    prefill = table("context_attention")
    window, length = prefill["window_size"], prefill["isl"]
    seen = np.where((window > 0) & (window < length), window * (length - (window - 1) / 2), length * (length + 1) / 2)
    number = np.where(prefill["kv_cache_dtype"] == "fp8", 1, 2)
    width = 4 * prefill["num_heads"] + 2 * prefill["num_key_value_heads"] * number
    rows = prefill["batch_size"] * prefill["head_dim"]
    fitted.append(loads(prefill, rows * length * width, 4 * rows * seen * prefill["num_heads"], gpu.bf16_flops))

    moe = table("moe")
    known = np.isin(moe["moe_dtype"], ["bfloat16", "fp8", "fp8_block"])
    moe = {key: values[known] for key, values in moe.items()}
    wide = moe["moe_dtype"] == "bfloat16"
    touched = (
        moe["num_experts"] / moe["moe_ep_size"] * (1 - (1 - moe["topk"] / moe["num_experts"]) ** moe["num_tokens"])
    )
    expert = 3 * moe["hidden_size"] * moe["inter_size"] / moe["moe_tp_size"]
    moved = touched * expert * np.where(wide, 2, 1) + 4 * moe["num_tokens"] * moe["hidden_size"]
    computed = 2 * moe["num_tokens"] * moe["topk"] / moe["moe_ep_size"] * expert
    fitted.append(loads(moe, moved, computed, np.where(wide, gpu.bf16_flops, gpu.peak_flops("fp8"))))
    return fitted


def fit(loads: np.ndarray, watts: np.ndarray, weight: np.ndarray | float = 1.0) -> np.ndarray:
    """Non-negative least squares of the relative error: the best over all subsets of the few columns."""
    scale = np.sqrt(weight) / watts
    scaled, wanted = loads * scale[:, None], watts * scale
    best, best_error = np.zeros(loads.shape[1]), np.inf
    for count in range(1, loads.shape[1] + 1):
        for subset in itertools.combinations(range(loads.shape[1]), count):
            found = np.linalg.lstsq(scaled[:, subset], wanted, rcond=None)[0]
            error = float(((scaled[:, subset] @ found - wanted) ** 2).sum())
            if (found >= 0).all() and error < best_error:
                best, best_error = np.zeros(loads.shape[1]), error
                best[list(subset)] = found
    return best


def relative_error(coefficients: np.ndarray, loads: np.ndarray, watts: np.ndarray, limit: float) -> np.ndarray:
    """Absolute relative error of each row, with the draw capped at the power limit."""
    return np.abs(np.minimum(loads @ coefficients, limit) - watts) / watts


def fit_runs(path: Path) -> dict[str, dict[str, object]]:
    """Fit A100 and H100; the error is that of models left out of the fit, one at a time."""
    fitted = {}
    for gpu, (loads, watts, models) in read_runs(path).items():
        name, _, _, limit = GPUS[gpu]
        errors = []
        for model in sorted(set(models)):
            out = np.array([other == model for other in models])
            errors.append(relative_error(fit(loads[~out], watts[~out]), loads[out], watts[out], limit))
        source = f"energy of {len(watts)} serving runs of {len(set(models))} models, ML.ENERGY leaderboard v2 ({name})"
        fitted[name] = entry(fit(loads, watts), float(np.concatenate(errors).mean()), limit, source)
    return fitted


def fit_kernels(folder: Path) -> dict[str, object]:
    """Fit B200 on three kernel tables of equal weight.

    The idle term is the lowest power of any row: kernels in a loop keep the whole chip awake, and a free constant
    would charge that to a server that waits.
    """
    tables = read_kernels(folder)
    loads, watts = (np.concatenate([table[part] for table in tables]) for part in (0, 1))
    weight = np.concatenate([np.full(len(table[1]), 1 / len(table[1])) for table in tables])
    idle = float(watts.min())
    # Relative error of the whole draw, so the weights of the part above idle are rescaled.
    above = np.maximum(watts - idle, 1e-9)
    coefficients = np.concatenate([[idle], fit(loads[:, 1:], above, weight * (above / watts) ** 2)])
    error = float((relative_error(coefficients, loads, watts, 1000) * weight).sum() / len(tables))
    return entry(
        coefficients, error, 1000, f"power of {len(watts)} kernel rows, aiconfigurator-core 0.12 tables (B200 SXM)"
    )


def entry(coefficients: np.ndarray, error: float, limit: float, source: str) -> dict[str, object]:
    """Make one entry of the file, before it is scaled to a system."""
    return {"coefficients": coefficients, "error": round(error, 3), "limit": limit, "source": source}


def transfer(fitted: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    """Scale the fitted coefficients to every bundled system by its power limit."""
    power = {}
    for relative, systems in RELATIVES.items():
        found = fitted[relative]
        for system in systems:
            ratio = cost.hardware(system).tdp_w / found["limit"]
            idle, memory, compute = (round(float(value) * ratio, 1) for value in found["coefficients"])
            same = system in FITTED
            power[system] = {
                "idle_w": idle,
                "memory_w": memory,
                "compute_w": compute,
                "provenance": "fitted" if same else "transferred",
                "error": found["error"] if same else None,
                "source": found["source"] if same else f"{relative}, in proportion to the power limits",
            }
    return dict(sorted(power.items()))


def main() -> None:
    """Fit, print the errors and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, default=OUT.parents[5] / "shared/data/perf", help="folder with energy/ and kernels/"
    )
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    fitted = fit_runs(arguments.data / "energy/mlenergy_v2_llm.csv")
    fitted["B200 SXM"] = fit_kernels(arguments.data / "kernels/b200_sxm")
    for name, found in fitted.items():
        print(
            f"{name}: {np.round(found['coefficients'], 1)} W, error {found['error']:.1%}; {found['source']}",
            file=sys.stderr,
        )
    lines = [f'  "{name}": {json.dumps(values)}' for name, values in transfer(fitted).items()]
    arguments.out.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
