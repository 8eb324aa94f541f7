"""Accuracy against real vLLM runs, simulated from the operator tables of their own GPU."""

import pytest

from _data import data
from _vllm_runs import RUNS, read_measured, score, simulate_run

pytest.importorskip("pyarrow")

DENSE_SINGLE_GPU = ("RTXPRO6000-Llama-3.1-8B", "RTX4090-Llama-3.1-8B")


@pytest.mark.parametrize("run", RUNS)
def test_simulated_runs_match_what_vllm_measured(run):
    folder = data(f"perf/vllm_runs/{run}")
    simulation = simulate_run(folder)
    assert not simulation.rejected.any()
    measured = read_measured(folder)
    if measured is None:
        assert simulation.e2e_s.mean() > 0
        return
    errors = score(simulation, measured).bias
    assert abs(errors["e2e"]) <= 0.10
    if run in DENSE_SINGLE_GPU:
        assert abs(errors["tpot"]) <= 0.10
