"""Derive a workload profile from a request trace: quantile tables of arrivals and joint lengths, no rows of the trace.

    python tools/fit_profile.py [TRACE] [--name azure-chat] [--out python/paretoserve/sim/data]

Prints how far a long sample of the profile is from the trace. The built-in profile `azure-chat` comes from the Azure
chat trace of Patel et al., Splitwise, ISCA 2024 (Azure Public Dataset, CC-BY 4.0).
"""

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from paretoserve.sim import Trace, load_trace
from paretoserve.sim.profile import MEAN_GAP, Profile, sample, table_mean

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT.parent / "shared/data/traces/azure2023/AzureLLMInferenceTrace_conv.part1.csv.gz"
ABOUT = {
    "source": "AzureLLMInferenceTrace_conv, Azure Public Dataset, first 39 minutes",
    "citation": "Patel et al., Splitwise: Efficient Generative LLM Inference Using Phase Splitting, ISCA 2024",
    "license": "CC-BY 4.0",
    "derived_by": "tools/fit_profile.py",
}
SEGMENT_S = 60
GRID_END = 2**16
NUM_RANGES = 64


def grid(step: int, tail: int) -> NDArray[np.int64]:
    """Return probabilities in 1/65536: every `step`, and towards 1 in halves down to `tail`."""
    halves = [GRID_END - 2**k for k in range(tail.bit_length() - 1, step.bit_length())]
    return np.unique(np.concatenate([np.arange(0, GRID_END + 1, step), halves])).astype(np.int64)


def quantiles(values: NDArray[np.float64], at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the quantiles of `values` at the probabilities `at`, rounded to integers."""
    return np.rint(np.quantile(values, at / GRID_END)).astype(np.int64)


def fit_arrivals(trace: Trace) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the requests per segment, and grid and quantiles of the gaps relative to the rate of their segment."""
    num_segments = max(1, int(trace.duration_s // SEGMENT_S))
    last_ns = int(trace.arrival_ns[-1])
    segment = np.minimum(trace.arrival_ns * num_segments // last_ns, num_segments - 1)
    counts = np.bincount(segment, minlength=num_segments)
    if counts.min() == 0:
        raise SystemExit(f"a segment of {SEGMENT_S} s has no request; this trace is too bursty for such a profile")
    relative = np.diff(trace.arrival_ns) * counts[segment[:-1]].astype(np.float64)
    at = grid(256, 16)
    gaps = quantiles(relative / relative.mean() * MEAN_GAP, at)
    gaps = np.rint(gaps * (MEAN_GAP / table_mean(at, gaps))).astype(np.int64)
    return rotate(counts), at, gaps


def rotate(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Begin the rate curve where its running mean stays nearest to the mean, so that any prefix is representative."""
    turned = [np.roll(counts, -start) for start in range(counts.size)]
    errors = [np.abs(np.cumsum(c) / np.arange(1, c.size + 1) / counts.mean() - 1).max() for c in turned]
    return turned[int(np.argmin(errors))]


def fit(trace: Trace, name: str) -> Profile:
    """Return the profile of a trace."""
    counts, gap_grid, gap_quantiles = fit_arrivals(trace)
    prompt, output = trace.prompt_tokens.astype(np.float64), trace.output_tokens.astype(np.float64)
    prompt_grid, output_grid = grid(128, 16), grid(2048, 512)
    # Equal prompts keep the order of arrival, so that ranges which cut through them see the same outputs.
    ranges = np.array_split(np.argsort(prompt, kind="stable"), NUM_RANGES)
    return Profile(
        name=name,
        about=ABOUT | {key: value for key, value in trace.summary().items() if key != "name"},
        duration_ns=int(trace.arrival_ns[-1]),
        segment_counts=counts,
        gap_grid=gap_grid,
        gap_quantiles=gap_quantiles,
        prompt_grid=prompt_grid,
        prompt_quantiles=quantiles(prompt, prompt_grid),
        output_grid=output_grid,
        output_quantiles=np.stack([quantiles(output[rows], output_grid) for rows in ranges]),
    )


def write(profile: Profile, folder: Path) -> Path:
    """Write the profile as JSON, one field per line."""
    fields = {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in vars(profile).items()}
    lines = [f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in fields.items()]
    path = folder / f"{profile.name}.json"
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    return path


def flat(summary: dict[str, object]) -> dict[str, float]:
    """Return the numbers of a summary with the nested names joined."""
    numbers: dict[str, float] = {}
    for key, value in summary.items():
        if isinstance(value, dict):
            numbers |= {f"{key} {inner}": number for inner, number in value.items()}
        elif isinstance(value, float):
            numbers[key] = value
    return numbers


def main() -> None:
    """Fit, write and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("trace", nargs="?", type=Path, default=SOURCE)
    parser.add_argument("--name", default="azure-chat")
    parser.add_argument("--out", type=Path, default=ROOT / "python/paretoserve/sim/data")
    arguments = parser.parse_args()
    trace = load_trace(arguments.trace)
    profile = fit(trace, arguments.name)
    path = write(profile, arguments.out)
    print(f"{path.name}: {path.stat().st_size} bytes")
    real, drawn = flat(trace.summary()), flat(sample(profile, limit=200_000).summary())
    del real["duration_s"]
    for key, value in real.items():
        print(f"{key:24} trace {value:10.3f}  profile {drawn[key]:10.3f}  {100 * (drawn[key] / value - 1):+6.2f} %")


if __name__ == "__main__":
    main()
