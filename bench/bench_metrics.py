"""CPU time of metrics whose inputs grow: eff@k over problems, pass@k, AlgoPerf scores, bootstrap, binned information.

Target: eff@k of 1,000 problems with n = 200 and k = 100 in at most 10 ms. The peer is the package of the paper, which
takes one problem at a time.
"""

import statistics
import time

import numpy as np
import pytest

from paretoserve.metrics.benchmarks import unbiased_pass_at_k
from paretoserve.metrics.code_efficiency import eff_at_k
from paretoserve.metrics.information import binned_information
from paretoserve.metrics.performance_profile import algoperf_score
from paretoserve.metrics.statistics import bootstrap_divergence

TURNS = 9


def cpu_ms(call) -> float:
    call()
    turns = []
    for _ in range(TURNS):
        start = time.process_time()
        call()
        turns.append((time.process_time() - start) * 1e3)
    return statistics.median(turns)


def test_eff_at_k(benchmark, show):
    scores = np.random.default_rng(0).random((1000, 200))
    benchmark(eff_at_k, scores, 100)
    line = f"eff@k, 1,000 problems, n = 200, k = 100: {cpu_ms(lambda: eff_at_k(scores, 100)):.2f} ms (target 10 ms)"
    try:
        from enam.evaluate import calc_eff_at_k
    except ImportError:
        show(line + "; enam is not installed")
        return
    peer = cpu_ms(lambda: [calc_eff_at_k(row, 100) for row in scores])
    show(f"{line}; enam, problem by problem, {peer:.1f} ms")


def test_pass_at_k(benchmark, show):
    right = np.random.default_rng(0).integers(0, 201, 1000)
    benchmark(unbiased_pass_at_k, 200, right, 100)
    show(f"pass@k, 1,000 problems, n = 200, k = 100: {cpu_ms(lambda: unbiased_pass_at_k(200, right, 100)):.2f} ms")


@pytest.mark.parametrize(("submissions", "workloads"), [(11, 8), (1000, 100)])
def test_algoperf_score(benchmark, show, submissions, workloads):
    times = np.random.default_rng(0).uniform(1, 10, (submissions, workloads))
    benchmark(algoperf_score, times)
    shape = f"{submissions} submissions, {workloads} workloads"
    show(f"algoperf_score, {shape}: {cpu_ms(lambda: algoperf_score(times)):.2f} ms")


def test_bootstrap_divergence(benchmark, show):
    random = np.random.default_rng(0)
    one, two = random.integers(500, 1000, (2, 20))
    benchmark(bootstrap_divergence, one, two, seed=0)
    show(f"bootstrap_divergence, 20 bins, 2,000 draws: {cpu_ms(lambda: bootstrap_divergence(one, two, seed=0)):.1f} ms")


def test_binned_information(benchmark, show):
    layer = np.random.default_rng(0).normal(size=(10_000, 16))
    benchmark(binned_information, layer, 10)
    show(f"binned_information, 10,000 x 16, 10 bins: {cpu_ms(lambda: binned_information(layer, 10)):.1f} ms")
