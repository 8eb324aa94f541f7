"""Policies side by side on the public traces, as the table of docs/guide/sched.md.

Usage: python tools/policy_results.py DATA, the folder with the public traces.

One simulated kind of engine with 24 slots: a step takes 12 ms, 60 us per token of prompt or output and 20 ns per token
of context; schedulers know the outputs. The same input gives the same numbers.
"""

import argparse
from pathlib import Path
from typing import Any

from paretoserve import sim
from paretoserve.cost import StepTime

STEP = StepTime.linear(0.012, per_prefill_token_s=60e-6, per_decode_s=60e-6, per_context_token_s=20e-9)
NUM_BLOCKS = 60_000
SLOTS = 24
POLICIES = ("fcfs", "srpt:0", "srpt:0.5", "balance:0.5", "gittins:0.5", "hrrn:0", "mc_sf:0.5")
STATISTICS = ("mean", "p50", "p99", "max")
AZURE = "traces/azure2023/AzureLLMInferenceTrace_conv.part1.csv.gz"
MOONCAKE = "traces/mooncake_fast25/conversation_trace.part1.jsonl.gz"
RUNS = (("Azure chat", AZURE, 1), ("Mooncake conversation", MOONCAKE, 1), ("Mooncake conversation", MOONCAKE, 3))


def serve(trace: sim.Trace, replicas: int) -> tuple[dict[str, Any], ...]:
    """Return the figures of every policy."""
    config = sim.Configuration(max_num_seqs=SLOTS, replicas=replicas)
    return sim.compare(trace, config, policies=POLICIES, step_time=STEP, num_blocks=NUM_BLOCKS).rows


def main() -> None:
    """Print one line about each run, then one row of Markdown per policy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    cells: dict[str, list[str]] = {policy: [] for policy in POLICIES}
    for name, file, replicas in RUNS:
        trace = sim.load_trace(data / file)
        rows = serve(trace, replicas)
        first = [rows[0][f"e2e_{statistic}_s"] for statistic in STATISTICS]
        print(
            f"{name}, {trace.num_requests} requests at {trace.requests_per_s:.1f} per second, {replicas} engines: fcfs "
            + ", ".join(f"{statistic} {time:.0f} s" for statistic, time in zip(STATISTICS, first, strict=True))
            + f", mean wait {rows[0]['ttft_mean_s']:.0f} s to the first token"
        )
        for row in rows:
            times = [row[f"e2e_{statistic}_s"] for statistic in STATISTICS]
            ratios = " / ".join(f"{time / base:.2f}" for time, base in zip(times, first, strict=True))
            cells[row["policy"]].append(ratios)
    for policy, ratios in cells.items():
        print(f"| `{policy}` | {' | '.join(ratios)} |")


if __name__ == "__main__":
    main()
