"""The search for worst cases and the optimum; how policies do against it when sizes are wrong."""

import numpy as np
import pytest

from paretoserve.sim import optimal_flow, simulate_jobs, worst_case


def test_the_optimum_is_that_of_srpt():
    assert optimal_flow([0, 2, 3], [10, 4, 1]) == 15 + 5 + 1
    assert optimal_flow([], []) == 0
    assert optimal_flow([0, 0], [2, 9, 3], num_operations=[2, 1]) == 3 + 14


def test_what_is_found_can_be_run_again():
    found = worst_case("op_srpt", 8, 3, 400, 1)
    jobs = {"num_operations": found.num_operations}
    assert simulate_jobs(found.release, found.size, policy="op_srpt", **jobs).flow.sum() == found.flow
    assert optimal_flow(found.release, found.size, **jobs) == found.optimal
    assert worst_case("op_srpt", 8, 3, 400, 1).to_dict() == found.to_dict()
    assert found.explain() == f"8 jobs with flow time {found.flow}, {found.ratio:.3f} times the least possible"


def test_uniform_tests_stay_below_two():
    found = worst_case("op_srpt", 14, 2, 100_000, first_size=16)
    assert 1.3 < found.ratio <= 2
    first = np.cumsum(found.num_operations) - found.num_operations
    assert (found.size[first] == 16).all()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"n": 0}, "`n` must be an integer from 1"),
        ({"m": -1}, "`m` must be an integer from 1"),
        ({"iterations": 0}, "`iterations` must be an integer from 1"),
        ({"seed": -1}, "`seed` must be an integer from 0"),
        ({"max_size": 2**24, "n": 2}, "`n` must be so small"),
        ({"policy": "gittins"}, "`samples` must be at least one list"),
        ({"policy": "none"}, "`policy` must be one of"),
        ({"first_size": 0}, "`first_size` must be an integer from 1"),
    ],
)
def test_empty_searches_are_refused(arguments, text):
    with pytest.raises(ValueError, match=text):
        worst_case(**{"policy": "srpt", "n": 4, "m": 1, "iterations": 10, **arguments})


def test_wrong_sizes_cost_balance_at_most_linearly():
    generator = np.random.default_rng(1)
    size = np.maximum(np.round(64 * (1 - generator.random(4000)) ** (-1 / 1.5)), 1).astype(np.int64)
    release = np.sort(generator.integers(0, int(size.sum() / 0.9), 4000))
    best = simulate_jobs(release, size).flow.mean()
    ratios = []
    for mu in (1, 2, 4, 8, 16):
        factor = np.exp(generator.uniform(-np.log(mu), np.log(mu), 4000))
        estimate = np.maximum(np.round(size * factor), 1).astype(np.int64)
        ratios.append(simulate_jobs(release, size, policy="balance", estimate=estimate).flow.mean() / best)
    assert ratios[0] < 1.5
    assert all(ratio <= ratios[0] * mu for ratio, mu in zip(ratios, (1, 2, 4, 8, 16), strict=True))
