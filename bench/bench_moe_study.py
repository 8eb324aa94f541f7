"""The tables of the guides on balancers: the paper's scenarios under each planner, and what balancers leave uneven.

Run with ``pytest bench/bench_moe_study.py --benchmark-enable``. The figures are a cost model's, the same on every
machine; what is measured here is the CPU time that they take.
"""

import time

import pytest

from paretoserve import moe, sim
from paretoserve.sim.derive import step_time

# A layer of gpt-oss-120b on eight H200, as in docs/guide/expert-loads.md.
LAYER = moe.CostModel(token_ns=83, expert_ns=12_400, transfer_ns=142_000)
PUBLISHED = {
    "balanced": 1.07, "30% into 16": 1.73, "30% into 4": 2.09, "30% into 1": 2.41, "50% into 16": 2.85,
    "50% into 4": 3.05, "50% into 1": 3.48, "80% into 16": 4.37, "80% into 4": 4.47, "80% into 1": 5.26,
    "95% into 16": 5.19, "95% into 4": 5.22, "95% into 1": 6.11,
}  # fmt: skip
BALANCERS = (("none", 0), ("eplb", 8), ("placement", 8), ("split", 8), ("spill", 0))

pytestmark = pytest.mark.benchmark(timer=time.process_time)


def test_scenarios_of_the_paper(benchmark, show):
    traces = [
        moe.loads.llep_scenario(128, 8 * 32_768, 4, share=share, num_hot=hot) for share, hot in moe.loads.SCENARIOS
    ]
    planners = ("ep", "llep", "spill")
    found = benchmark.pedantic(
        lambda: moe.compare(traces, planners=planners, num_ranks=8, cost=LAYER), rounds=1, iterations=1
    )
    for trace in traces:
        rows = {row["planner"]: row for row in found.rows if row["loads"] == trace.name}
        marked = " (impossible)" * (not rows["ep"]["possible"])
        show(
            f"{trace.name}{marked}: llep {rows['llep']['speedup']:.2f}, spill {rows['spill']['speedup']:.2f}, "
            f"published {PUBLISHED[trace.name]:.2f}"
        )
        assert rows["spill"]["speedup"] >= max(1, rows["llep"]["speedup"]) - 1e-9


def test_balancers_of_plan(benchmark, show):
    load = sim.load_experts("mixture", "qwen3-30b-a3b")

    def imbalances():
        found = {}
        for balancer, copies in BALANCERS:
            config = sim.Configuration(
                data_parallel=8, expert_parallel=True, expert_balancer=balancer, redundant_experts=copies
            )
            step = step_time("qwen3-30b-a3b", "h100_sxm", config, load)
            found[balancer] = [step.expert_imbalance(tokens) for tokens in (256, 4096)]
        return found

    for name, (small, large) in benchmark.pedantic(imbalances, rounds=1, iterations=1).items():
        show(f"qwen3-30b-a3b on 8 ranks, {name}: imbalance {small:.2f} with 256 tokens, {large:.2f} with 4096")
