"""Which rows go where, against a slow walk over all tokens; and plans that cannot be executed."""

from dataclasses import dataclass

import numpy as np
import pytest

from paretoserve.errors import DtypeError, ShapeError
from paretoserve.moe.executor import routing


@dataclass
class Plan:
    quota: np.ndarray
    transfers: np.ndarray


def random_case(seed):
    """Return counts, homes, and quotas that move tokens anywhere."""
    generator = np.random.default_rng(seed)
    num_ranks, experts = int(generator.integers(1, 6)), int(generator.integers(1, 9))
    counts = generator.integers(0, 6, (num_ranks, experts)) * generator.integers(0, 2, (num_ranks, experts))
    home = generator.integers(0, num_ranks, experts)
    total = counts.sum(axis=0)
    quota = np.array([np.bincount(generator.integers(0, num_ranks, n), minlength=num_ranks) for n in total])
    transfers = [(e, home[e], r, 0) for e, r in np.argwhere(quota) if r != home[e]]
    return counts, home, Plan(quota, np.array(transfers, dtype=np.int64).reshape(-1, 4))


@pytest.mark.parametrize("seed", range(60))
def test_rows_follow_the_global_order_of_an_experts_tokens(seed):
    counts, home, plan = random_case(seed)
    num_ranks, experts = counts.shape
    quota, copies = routing.checked_plan(plan, counts.sum(axis=0), home, num_ranks)
    routes = [routing.route(rank, counts, home, quota, copies) for rank in range(num_ranks)]
    walked = np.zeros((num_ranks, experts, num_ranks), dtype=np.int64)
    for expert in range(experts):
        destinations = np.repeat(np.arange(num_ranks), quota[expert])
        sources = np.repeat(np.arange(num_ranks), counts[:, expert])
        np.add.at(walked, (sources, expert, destinations), 1)
    for rank, route in enumerate(routes):
        assert np.array_equal(route.send, walked[rank])
        assert np.array_equal(route.receive, walked[:, :, rank])
        assert route.slots[: route.num_native].tolist() == np.flatnonzero(home == rank).tolist()
        assert route.rows.sum() == quota[:, rank].sum()


def test_without_a_plan_home_computes_everything():
    quota, copies = routing.checked_plan(None, np.array([3, 2, 2]), np.array([0, 0, 1]), 2)
    assert quota.tolist() == [[3, 0], [2, 0], [0, 2]]
    assert copies == ()


def test_copies_wait_for_their_source_in_any_order():
    plan = Plan(np.array([[2, 2, 2, 2]]), np.array([[0, 2, 3, 0], [0, 1, 2, 0], [0, 0, 1, 0]]))
    _, copies = routing.checked_plan(plan, np.array([8]), np.array([0]), 4)
    assert [copy.stage for copy in copies] == [3, 2, 1]


def test_blocks_of_experts_with_the_remainder_first():
    assert routing.home_of(7, 3, None).tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert routing.home_of(2, 4, None).tolist() == [0, 1]


TOTAL = np.array([6, 2])
QUOTA = np.array([[3, 3], [0, 2]])
TRANSFERS = np.array([[0, 0, 1, 0]])


@pytest.mark.parametrize(
    ("quota", "transfers", "error", "words"),
    [
        (QUOTA + 1, TRANSFERS, ValueError, "expert 0 must add up to its 6 tokens"),
        (QUOTA + np.array([[-4, 4], [0, 0]]), TRANSFERS, ValueError, "without negative shares"),
        (QUOTA[:, :1], TRANSFERS, ShapeError, r"`plan.quota` must have shape \(2, 2\)"),
        (QUOTA / 1, TRANSFERS, DtypeError, "`plan.quota` must hold integers"),
        (QUOTA, TRANSFERS[:, :3], ShapeError, r"`plan.transfers` must have shape \(n, 4\)"),
        (QUOTA, TRANSFERS / 1, DtypeError, "`plan.transfers` must hold integers"),
        (QUOTA, TRANSFERS[:0], ValueError, "rank 1 tokens of expert 0, but no transfer"),
        (QUOTA, TRANSFERS.repeat(2, 0), ValueError, "row 1 brings expert 0 to rank 1, which has it"),
        (QUOTA, [[0, 1, 0, 0]], ValueError, "to rank 0, which has it"),
        (QUOTA, [[2, 0, 1, 0]], ValueError, "does not exist"),
        (QUOTA, [[0, 0, 2, 0]], ValueError, "does not exist"),
        (QUOTA, [[0, 1, 1, 0]], ValueError, "from a rank that never gets it"),
    ],
)
def test_plans_that_cannot_be_executed_are_refused(quota, transfers, error, words):
    with pytest.raises(error, match=words):
        routing.checked_plan(Plan(quota, np.asarray(transfers)), TOTAL, np.array([0, 1]), 2)
