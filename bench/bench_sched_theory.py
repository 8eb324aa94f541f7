"""How far policies are from the optimum on one machine: wrong sizes, predictions, agents, and searched worst cases.

Run with ``pytest bench/bench_sched_theory.py --benchmark-enable``, or as a script with ``tests`` on the path. Figures
are ratios of mean flow times, the same on every machine; some need the files that ``tests/_data.py`` looks for.
"""

import time

import numpy as np
import pytest

from _jobs import SSJF, chat_and_agents, least_estimated, predicted, ratio, stream, within
from paretoserve import sim

pytestmark = pytest.mark.benchmark(timer=time.process_time, min_rounds=1, max_time=0.0)

FACTORS = (1, 2, 4, 8, 16)
STEPS = 100_000


def wrong_sizes():
    """Heavy-tailed sizes, each told too large or too small by a factor of up to mu."""
    draw = np.random.default_rng(1)
    size = np.maximum(np.round((1 - draw.random(20_000)) ** (-1 / 1.5)), 1).astype(np.int64)
    cells = []
    for mu in FACTORS:
        factor = np.exp(draw.uniform(-np.log(mu), np.log(mu), len(size)))
        jobs = stream(size, size, 0.9)
        jobs["estimate"] = np.maximum(np.round(jobs["size"] * factor), 1).astype(np.int64)
        cells.append(f"mu {mu}: {ratio(jobs, 'balance'):.2f}")
    yield "balance with sizes wrong by up to mu, load 0.9, over SRPT with true sizes: " + ", ".join(cells)


def predictions():
    """The SSJF predictors; distortion is the largest overestimate times the largest underestimate."""
    for kind in SSJF:
        size, estimate = predicted(kind)
        over, under = (estimate / size).max(), (size / estimate).max()
        yield f"SSJF predictions ({kind}): wrong by up to {over:.0f} over and {under:.0f} under"
        cells = [f"none {ratio(stream(size, size, 0.9), 'balance'):.2f}"]
        for mu in (2, 4, 8, 16, 64, 1e9):
            kept = within(size, estimate, mu)
            ratio_found = ratio(stream(*kept, 0.9), "balance")
            cells.append(f"{'any' if mu == 1e9 else f'<= {mu}'} {ratio_found:.2f} ({len(kept[0]):,} requests)")
        yield f"balance with SSJF predictions ({kind}), load 0.9, by distortion: " + ", ".join(cells)
        for load in (0.8, 0.9, 0.95):
            jobs = stream(size, estimate, load)
            best = sim.optimal_flow(jobs["release"], jobs["size"])
            cells = [f"{policy} {ratio(jobs, policy):.2f}" for policy in ("balance", "srpt", "fcfs")]
            for name, outlived in (("first", 0), ("last", 2**62)):
                flow = least_estimated(**jobs, outlived=outlived)
                cells.append(f"least estimated remaining, outlived {name} {flow / best:.2f}")
            yield f"  load {load}: " + ", ".join(cells)


def agents():
    """Calls of recorded programs among chat requests, against SRPT that knows how many calls are to come."""
    for share in (0.05, 0.2):
        drawn = [chat_and_agents(share, 50_000, 0.9, seed) for seed in range(5)]
        cells = [f"{policy} {ratio(drawn[0], policy):.2f}" for policy in ("op_srpt", "chunk_balance", "fcfs")]
        others = [ratio(jobs, "op_srpt") for jobs in drawn]
        target = " (target 1.45)" if share == 0.05 else ""
        yield (
            f"{share:.0%} agents among chat, load 0.9, over the clairvoyant optimum: {', '.join(cells)}; "
            f"op_srpt over {len(drawn)} seeds {min(others):.2f} to {max(others):.2f}{target}"
        )


def searches():
    """Hill climbing for the worst instance, beside the bound where one is proved; none is for `chunk_balance`."""
    cases = [("op_srpt, uniform tests", "op_srpt", 14, 2, {"first_size": 16}, 2.0)]
    cases += [("op_srpt, uniform tests, 24 jobs", "op_srpt", 24, 2, {"first_size": 16}, 2.0)]
    cases += [(f"chunk_balance, {m} operations", "chunk_balance", 14, m, {}, None) for m in (1, 2, 4, 6)]
    cases += [(f"slf, eps 1/{k}", "slf", 14, 1, {"eps": 1 / k}, float(k)) for k in (1, 2, 4)]
    for name, policy, n, m, options, bound in cases:
        found = sim.worst_case(policy, n, m, STEPS, **options)
        assert bound is None or found.ratio <= bound + 1e-9
        beside = "" if bound is None else f" (bound {bound:g})"
        yield f"worst of {STEPS:,} searched instances, {name}: {found.ratio:.2f}{beside}"


@pytest.mark.parametrize("table", [wrong_sizes, predictions, agents, searches], ids=lambda table: table.__name__)
def test_table(benchmark, show, table):
    for line in benchmark.pedantic(lambda: list(table()), rounds=1):
        show(line)


if __name__ == "__main__":
    for table in (wrong_sizes, predictions, agents, searches):
        for line in table():
            print(line)
