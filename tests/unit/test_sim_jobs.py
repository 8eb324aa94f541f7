"""The single-machine simulator against brute force and against the formulas of queueing theory."""

import itertools
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from paretoserve.errors import DtypeError, ShapeError
from paretoserve.sim import simulate_jobs

UNIT = 10_000  # Units of work per mean exponential size: rounding to it is far below the 2 % of the comparisons.


def least_flow(release, size):
    """Return the smallest total flow over all integer schedules, by search."""

    @cache
    def search(now, left):
        if not any(left):
            return 0
        ready = [job for job in range(len(left)) if left[job] and release[job] <= now]
        if not ready:
            return search(min(release[job] for job in range(len(left)) if left[job]), left)
        best = None
        for job in ready:
            after = (*left[:job], left[job] - 1, *left[job + 1 :])
            flow = (now + 1 - release[job] if after[job] == 0 else 0) + search(now + 1, after)
            best = flow if best is None else min(best, flow)
        return best

    return search(0, tuple(size))


def test_srpt_is_optimal_on_every_small_instance():
    generator = np.random.default_rng(7)
    for _ in range(400):
        n = int(generator.integers(1, 6))
        release, size = generator.integers(0, 7, n).tolist(), generator.integers(1, 5, n).tolist()
        assert simulate_jobs(release, size).flow.sum() == least_flow(tuple(release), size)


def test_nothing_beats_srpt_and_order_of_input_does_not_matter():
    for size in itertools.product([1, 2, 4], repeat=3):
        release = [0, 1, 1]
        best = simulate_jobs(release, size).flow.sum()
        for other in ({"policy": "fcfs"}, {"preempt": "none"}, {"fifo_share": 0.5}):
            assert simulate_jobs(release, size, **other).flow.sum() >= best
        backwards = simulate_jobs(release[::-1], size[::-1]).flow.sum()
        assert backwards == best


def poisson(generator, num_jobs, rate):
    return np.round(np.cumsum(generator.exponential(UNIT / rate, num_jobs))).astype(np.int64)


def mean_flow(release, size, **options):
    return simulate_jobs(release, size, **options).flow.mean() / UNIT


# M/M/1 with mean size 1; SRPT by the integral of Schrage and Miller.
@pytest.mark.parametrize(("load", "srpt"), [(0.5, 1.4254), (0.7, 1.8746), (0.8, 2.3528), (0.9, 3.5521)])
def test_exponential_sizes_agree_with_the_formulas(load, srpt):
    # Flow times in a busy queue are correlated over about 1 / (1 - load)**2 jobs: the busiest case needs most jobs.
    num_jobs = 400_000 if load < 0.85 else 4_000_000
    generator = np.random.default_rng(20)
    release = poisson(generator, num_jobs, load)
    size = np.maximum(np.round(generator.exponential(UNIT, num_jobs)), 1).astype(np.int64)
    tolerance = 0.01 if load < 0.85 else 0.02
    assert mean_flow(release, size, policy="fcfs") == pytest.approx(1 / (1 - load), rel=tolerance)
    assert mean_flow(release, size) == pytest.approx(srpt, rel=tolerance)


def bounded_pareto(generator, num_jobs, alpha=1.5, high=1e4):
    """Sizes from 1 to `high`; stratified, so that their mean and second moment are those of the distribution."""
    share = (generator.permutation(num_jobs) + generator.random(num_jobs)) / num_jobs
    return (1 - share * (1 - high**-alpha)) ** (-1 / alpha)


@pytest.mark.parametrize(("load", "srpt"), [(0.5, 4.165), (0.7, 5.261), (0.8, 6.263), (0.9, 8.231)])
def test_heavy_tails_agree_with_the_formula_of_srpt(load, srpt):
    generator = np.random.default_rng(3)
    size = np.round(bounded_pareto(generator, 600_000) * UNIT).astype(np.int64)
    mean = 2.97
    release = poisson(generator, len(size), load / mean)
    assert mean_flow(release, size) == pytest.approx(srpt, rel=0.01)


def test_heavy_tails_agree_with_the_formula_of_fcfs():
    # E[T] = E[S] + rate E[S^2] / (2 (1 - load)): over several seeds, as single runs scatter with the rare long jobs.
    load, high = 0.5, 100.0
    flows, expected = [], []
    for seed in range(4):
        generator = np.random.default_rng(seed)
        size = bounded_pareto(generator, 400_000, high=high)
        rate = load / size.mean()
        flows.append(
            mean_flow(poisson(generator, len(size), rate), np.round(size * UNIT).astype(np.int64), policy="fcfs")
        )
        expected.append(size.mean() + rate * (size**2).mean() / (2 * (1 - load)))
    assert np.mean(flows) == pytest.approx(np.mean(expected), rel=0.02)


def busy_periods(release, size):
    """Return the times at which a work-conserving machine falls idle."""
    ends, end = [], 0
    for start, work in zip(release, size, strict=True):
        if start > end:
            ends.append(end)
        end = max(end, start) + work
    return [*ends[1:], end]


@pytest.mark.parametrize(
    "options", [{"policy": "fcfs"}, {}, {"preempt": "none"}, {"fifo_share": 0.5}, {"fifo_share": 1.0}]
)
def test_no_policy_idles_while_work_waits(options):
    generator = np.random.default_rng(11)
    release = np.sort(generator.integers(0, 4000, 500))
    size = generator.integers(1, 15, 500)
    completion = simulate_jobs(release, size, **options).completion
    ends = busy_periods(release, size)
    assert completion.max() == ends[-1]
    assert set(ends) <= set(completion.tolist())
    # The machine serves one unit at a time, so no two jobs complete together, and each has had its work.
    assert len(set(completion.tolist())) == 500
    assert (completion >= release + size).all()


@pytest.mark.parametrize("options", [{"policy": "fcfs"}, {}])
def test_littles_law(options):
    generator = np.random.default_rng(5)
    release = np.sort(generator.integers(0, 3000, 300))
    size = generator.integers(1, 18, 300)
    result = simulate_jobs(release, size, **options)
    number = [np.sum((release <= t) & (t < result.completion)) for t in range(int(result.completion.max()))]
    assert np.sum(number) == result.flow.sum()


def test_fcfs_is_the_recursion_of_lindley():
    generator = np.random.default_rng(9)
    release = np.sort(generator.integers(0, 10_000, 1000))
    size = generator.integers(1, 20, 1000)
    end, expected = 0, []
    for start, work in zip(release, size, strict=True):
        end = max(end, start) + work
        expected.append(end)
    assert_array_equal(simulate_jobs(release, size, policy="fcfs").completion, expected)


def test_full_fifo_share_without_preemption_is_fcfs():
    generator = np.random.default_rng(1)
    release, size = np.sort(generator.integers(0, 500, 200)), generator.integers(1, 9, 200)
    fcfs = simulate_jobs(release, size, policy="fcfs").completion
    assert_array_equal(simulate_jobs(release, size, fifo_share=1.0, preempt="none").completion, fcfs)
    assert_array_equal(simulate_jobs(release, size, fifo_share=1.0).completion, fcfs)


def test_results_are_counted_and_told():
    result = simulate_jobs([0, 2], [10, 4])
    assert result.to_dict() == {"completion": [14, 6], "flow": [14, 4], "num_preemptions": 1}
    assert result.explain() == "2 jobs, mean flow 9, 1 preemptions"
    assert simulate_jobs([], []).explain() == "0 jobs, no flow, 0 preemptions"


@pytest.mark.parametrize(
    ("release", "size", "error", "text"),
    [
        ([-1], [1], ValueError, "`release` must be from 0"),
        ([0], [0], ValueError, "`size` must be from 1"),
        ([0], [2**31], ValueError, "`size` must be from 1 to 2147483647"),
        ([0, 1], [1], ShapeError, "`size` must have shape"),
        ([[0]], [[1]], ShapeError, "`release` must have shape"),
        ([0.5], [1], DtypeError, "`release` must hold integers, got float64\nhint"),
        ([float("nan")], [1], DtypeError, "`release` must hold integers"),
        ([2**63 - 1], [1], ValueError, "`release` must be so early"),
        ([2**64], [1], ValueError, "`release`"),
        ([10**30], [1], ValueError, "`release`"),
    ],
)
def test_wrong_jobs_are_refused(release, size, error, text):
    with pytest.raises(error, match=text):
        simulate_jobs(release, size)


def test_unknown_policies_are_refused():
    with pytest.raises(ValueError, match="`policy` must be"):
        simulate_jobs([0], [1], policy="shortest")


def test_shortest_first_without_preemption_agrees_with_the_formula():
    # Phipps 1956: E[T] = E[S] + rate E[S^2] / 2 * E[1 / (1 - load(S))^2] with load(x) of the jobs of size up to x.
    load = 0.7
    x = np.linspace(0, 40, 400_001)
    density = np.exp(-x)
    below = load * (1 - np.exp(-x) * (1 + x))
    expected = 1 + load * (density / (1 - below) ** 2).sum() * (x[1] - x[0])
    generator = np.random.default_rng(2)
    release = poisson(generator, 600_000, load)
    size = np.maximum(np.round(generator.exponential(UNIT, 600_000)), 1).astype(np.int64)
    assert mean_flow(release, size, preempt="none") == pytest.approx(expected, rel=0.02)
