"""Simulations of real vLLM runs: how far off they are, and how long they take.

Run with ``pytest bench/bench_vllm_runs.py --benchmark-enable``, or as a script with ``tests`` on the path.
"""

import pytest

from _data import data
from _vllm_runs import RUNS, read_measured, score, simulate_run

# The default of a machine's own tables, and none at all: how much of the agreement is due to it.
HOST_S = (0.001, 0.0)
HEADER = f"{'run, host time per step':46} {'TTFT':>16} {'TPOT':>16} {'E2E':>16}   error of the mean (per request)"


def table_row(run, host_s):
    folder = data(f"perf/vllm_runs/{run}")
    simulation, measured = simulate_run(folder, host_s=host_s), read_measured(folder)
    run = f"{run}, {1e3 * host_s:g} ms"
    if measured is None:
        means = (simulation.ttft_s.mean(), simulation.tpot_s.mean() * 1e3, simulation.e2e_s.mean())
        return f"{run:46} {means[0]:14.2f} s {means[1]:13.1f} ms {means[2]:14.2f} s   not measured"
    errors = score(simulation, measured)
    cells = [f"{errors.bias[name]:+8.1%} ({errors.per_request[name]:5.1%})" for name in ("ttft", "tpot", "e2e")]
    return f"{run:46} {cells[0]:>16} {cells[1]:>16} {cells[2]:>16}"


@pytest.mark.parametrize("run", RUNS)
def test_simulate_run(benchmark, show, run):
    folder = data(f"perf/vllm_runs/{run}")
    benchmark.pedantic(simulate_run, args=(folder,), rounds=3)
    if run == next(iter(RUNS)):
        show(HEADER)
    for host_s in HOST_S:
        show(table_row(run, host_s))


if __name__ == "__main__":
    print(HEADER)
    for name in RUNS:
        for host_s in HOST_S:
            print(table_row(name, host_s))
