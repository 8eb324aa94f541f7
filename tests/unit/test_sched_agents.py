"""Recorded agent programs among chat requests on one machine, each call known when the one before it ends."""

import numpy as np
import pytest

from _jobs import PREFILL, agents, chat_and_agents, ratio


@pytest.mark.parametrize("seed", range(3))
def test_five_percent_of_agents_cost_little_of_the_clairvoyant_optimum(seed):
    jobs = chat_and_agents(0.05, 50_000, 0.9, seed)
    known = ratio(jobs, "op_srpt")
    assert known <= 1.45
    assert known < ratio(jobs, "chunk_balance") < 1.6
    assert ratio(jobs, "fcfs") > 1.5 * known


def test_the_programs_are_those_of_the_reference():
    programs = agents()
    total = np.array([sum(program) for program in programs])
    calls = [len(program) for program in programs]
    assert max(calls) == 30
    assert 11 < np.mean(calls) < 13
    assert total.var() / total.mean() ** 2 == pytest.approx(0.29, abs=0.03)
    assert total.mean() / PREFILL == pytest.approx(700, rel=0.02)
