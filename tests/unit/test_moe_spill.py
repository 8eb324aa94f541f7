"""Spill: every token once, limits kept, never worse than staying at home."""

import itertools

import numpy as np
import pytest

from _moe_steps import link_ns, step_ns
from paretoserve import moe
from paretoserve.errors import DtypeError, ShapeError

COST = moe.CostModel(token_ns=98, expert_ns=13_000, transfer_ns=119_000)


def shares(generator, num_experts, kind):
    if kind == "uniform":
        return np.full(num_experts, 1 / num_experts)
    if kind == "hot":
        hot = np.full(num_experts, 0.05 / num_experts)
        hot[generator.integers(num_experts)] += 0.95
        return hot
    ranks = np.arange(1, num_experts + 1) ** -float(generator.uniform(0.3, 1.2))
    return generator.permutation(ranks / ranks.sum())


def test_exact_balance_is_exact():
    generator = np.random.default_rng(0)
    for experts, ranks, tokens in itertools.product((8, 32, 100), (4, 7, 16), (1, 16, 1000)):
        for kind in ("uniform", "zipf", "hot"):
            count = generator.multinomial(tokens * ranks, shares(generator, experts, kind))
            plan = moe.plan_spill(count, ranks, tolerance=0.0)
            plan.check()
            assert plan.loads.max() == tokens
            assert plan.before_ns is None


def test_tolerance_bounds_the_load_and_saves_transfers():
    generator = np.random.default_rng(1)
    count = generator.multinomial(64 * 8192, shares(generator, 256, "zipf"))
    plans = [moe.plan_spill(count, 64, tolerance=tolerance) for tolerance in (0, 0.02, 0.05, 0.2)]
    moved = [len(plan.tokens) for plan in plans]
    assert moved == sorted(moved, reverse=True)
    assert moved[0] > 1.5 * moved[2]
    for plan, tolerance in zip(plans, (0, 0.02, 0.05, 0.2), strict=True):
        plan.check()
        assert plan.ratio <= 1 + tolerance + 1e-9


def test_never_slower_than_staying_at_home():
    generator = np.random.default_rng(2)
    kinds = ("uniform", "zipf", "hot")
    moved = 0
    for case in range(10_000):
        ranks = int(generator.integers(1, 17))
        experts = int(generator.integers(1, 65))
        count = generator.multinomial(int(2 ** generator.uniform(0, 17)), shares(generator, experts, kinds[case % 3]))
        cost = moe.CostModel(
            token_ns=float(generator.choice([1, 98, 1000])),
            expert_ns=float(generator.choice([0, 13_000])),
            transfer_ns=float(generator.choice([0, 1000, 119_000])),
            transfer_inter_ns=float(generator.choice([200_000, 1_000_000])),
            overlap=float(generator.choice([0, 0.5, 1])),
            launch_ns=float(generator.choice([0, 4000])),
        )
        topology = moe.Topology(ranks, ranks_per_node=int(generator.integers(1, ranks + 1)))
        tolerance = "auto" if case % 2 else float(generator.choice([0, 0.1]))
        plan = moe.plan_spill(count, ranks, cost=cost, tolerance=tolerance, topology=topology)
        assert plan.after_ns <= plan.before_ns
        moved += len(plan.tokens) > 0
        if case % 10 == 0:
            plan.check()
            nodes = np.arange(ranks) // topology.node_size
            assert plan.after_ns == pytest.approx(step_ns(plan, cost, nodes=nodes), rel=1e-6, abs=0.01)
    assert moved > 2000


def test_shares_follow_speed_and_dead_ranks_get_nothing():
    topology = moe.Topology(4, speed=[1, 0.5, 1, 1.5], alive=[True, True, False, True])
    plan = moe.plan_spill([600, 300, 0, 0], 4, topology=topology, tolerance=0.0)
    plan.check()
    assert plan.loads.tolist() == [300, 150, 0, 450]
    assert plan.ratio == 1.0
    with pytest.raises(ValueError, match="rank 2 for expert 2, which has 5 tokens"):
        moe.plan_spill([600, 300, 5, 0], 4, topology=topology)


def test_limits_are_kept():
    generator = np.random.default_rng(3)
    for _ in range(50):
        count = generator.multinomial(8 * 4096, shares(generator, 32, "zipf"))
        plan = moe.plan_spill(count, 8, tolerance=0.0, max_foreign=[0, 1, 1, 2, 2, 2, 1, 0], max_out=2)
        plan.check()
        assert (np.bincount(plan.transfers[:, 2], minlength=8) <= [0, 1, 1, 2, 2, 2, 1, 0]).all()
        assert np.bincount(plan.transfers[:, 1], minlength=8).max(initial=0) <= 2
        plan = moe.plan_spill(count, 8, tolerance=0.0, max_in=1, min_tokens=300)
        assert np.bincount(plan.transfers[:, 2], minlength=8).max(initial=0) <= 1
        assert plan.tokens.min(initial=300) >= 300


def test_doing_nothing_has_a_reason():
    assert moe.plan_spill([0, 0], 2).reason == "no-op: there are no tokens"
    assert "above its capacity" in moe.plan_spill([5, 5], 2).reason
    assert "no rank may take" in moe.plan_spill([9, 1], 2, max_foreign=0).reason
    plan = moe.plan_spill([90, 10], 2, cost=COST)
    assert plan.reason.startswith("no-op: the best plan takes")
    assert (plan.after_ns, plan.transfers.shape) == (plan.before_ns, (0, 4))


def test_hot_expert_pays():
    plan = moe.plan_spill([90_000, 1000, 1000, 1000], 4, cost=COST)
    plan.check()
    assert plan.after_ns < plan.before_ns / 2
    assert plan.to_dict()["transfers"] == plan.transfers.tolist()
    assert "expert 0: " in plan.explain()


def test_hot_experts_go_through_relays():
    count = np.full(256, 1000)
    count[0] = 10**7
    cost = moe.CostModel(token_ns=98, expert_ns=13_000, transfer_ns=119_000)
    direct = moe.plan_spill(count, 64, cost=cost, tolerance=0.0)
    relayed = moe.plan_spill(count, 64, cost=cost, tolerance=0.0, fanout="relay")
    relayed.check()
    nodes = np.zeros(64, dtype=int)
    assert link_ns(direct, cost, nodes, relay=False) == 63 * 119_000
    # Ranks that have the weights double in every round.
    assert link_ns(relayed, cost, nodes, relay=True) == 6 * 119_000
    assert relayed.after_ns == pytest.approx(step_ns(relayed, cost, relay=True))
    limited = moe.plan_spill(count, 64, cost=cost, tolerance=0.0, fanout="relay", max_out=2)
    limited.check()
    assert np.bincount(limited.transfers[:, 1]).max() == 2
    assert limited.loads.max() == relayed.loads.max()


def test_relays_are_never_slower_than_homes_and_as_scheduled():
    generator = np.random.default_rng(8)
    relays = 0
    for case in range(300):
        ranks, experts = int(generator.integers(2, 33)), int(generator.integers(2, 129))
        count = generator.multinomial(8192 * ranks, shares(generator, experts, ("zipf", "hot")[case % 2]))
        topology = moe.Topology(ranks, ranks_per_node=int(generator.integers(1, ranks + 1)))
        cost = moe.CostModel(token_ns=98, transfer_ns=119_000, transfer_inter_ns=400_000, overlap=0.25)
        options = {"topology": topology, "cost": cost, "max_out": int(generator.integers(1, 9)) if case % 3 else None}
        plan = moe.plan_spill(count, ranks, fanout="relay", **options)
        plan.check()
        assert np.bincount(plan.transfers[:, 1], minlength=1).max(initial=0) <= (options["max_out"] or ranks * experts)
        assert plan.after_ns <= moe.plan_spill(count, ranks, **options).after_ns + 1e-6
        nodes = np.arange(ranks) // topology.node_size
        through = (plan.transfers[:, 1] != plan.home[plan.transfers[:, 0]]).any()
        relays += through
        assert plan.after_ns == pytest.approx(step_ns(plan, cost, nodes=nodes, relay=through), rel=1e-6, abs=0.01)
    assert relays > 100


def test_near_ranks_take_first_where_links_differ():
    cost = moe.CostModel(token_ns=1000, transfer_ns=10_000, transfer_inter_ns=50_000)
    count, options = [400, 190, 200, 10], {"cost": cost, "tolerance": 0.5}
    assert moe.plan_spill(count, 4, **options).transfers.tolist() == [[0, 0, 3, 0]]
    plan = moe.plan_spill(count, 4, topology=moe.Topology(4, ranks_per_node=2), **options)
    assert plan.transfers.tolist() == [[0, 0, 1, 0]]
    assert (plan.before_ns, plan.after_ns) == (400_000, 310_000)


def test_homes_may_be_anywhere_and_blocks_uneven():
    assert moe.plan_spill(np.ones(7, dtype=int), 3).home.tolist() == [0, 0, 0, 1, 1, 2, 2]
    plan = moe.plan_spill([10, 20, 30], 3, home=[2, 2, 2], tolerance=0.0)
    plan.check()
    assert plan.loads.tolist() == [20, 20, 20]
    assert moe.plan_spill([5], 3, tolerance=0.0).loads.tolist() == [2, 2, 1]


def test_counts_of_sources_and_steps_after_one_another():
    spiller = moe.Spiller(4, 2, tolerance=0.0)
    rows = np.array([[3, 1, 1, 0], [3, 1, 0, 1]], dtype=np.int32)
    plan = spiller.plan(rows)
    plan.check()
    assert plan.quota.tolist() == spiller.plan(rows.sum(axis=0)).quota.tolist()
    assert spiller.plan([1, 1, 1, 1]).loads.tolist() == [2, 2]
    assert spiller.plan(rows).transfers.tolist() == plan.transfers.tolist()


def test_a_billion_tokens_fit():
    plan = moe.plan_spill(
        np.full(8, 10**9, dtype=np.int32) * np.array([1, 1, 1, 1, 1, 1, 1, 2], dtype=np.int64), 4, cost=COST
    )
    plan.check()
    assert plan.loads.sum() == 9 * 10**9


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        (([1.0, 2.0], 2), {}, DtypeError, "whole tokens"),
        (([1, -2], 2), {}, ValueError, "-2 in row 1"),
        (([2**53, 1], 2), {}, ValueError, "9007199254740992"),
        (([], 2), {}, ShapeError, "`count`"),
        (([1, 2], 0), {}, ValueError, "`num_ranks`"),
        (([1, 2], 2), {"home": [0, 2]}, ValueError, "`home`"),
        (([1, 2], 2), {"home": [0]}, ShapeError, "`home`"),
        (([1, 2], 2), {"topology": moe.Topology(3)}, ShapeError, "`topology`"),
        (([1, 2], 2), {"tolerance": -0.1}, ValueError, "`tolerance`"),
        (([1, 2], 2), {"tolerance": float("nan")}, ValueError, "`tolerance`"),
        (([1, 2], 2), {"tolerance": "exact"}, ValueError, "`tolerance`"),
        (([1, 2], 2), {"min_tokens": 0}, ValueError, "`min_tokens`"),
        (([1, 2], 2), {"max_foreign": [1]}, ShapeError, "`max_foreign`"),
        (([1, 2], 2), {"max_in": -1}, ValueError, "`max_in`"),
        (([1, 2], 2), {"fanout": "tree"}, ValueError, "`fanout`"),
        (([1, 2], 2), {"cost": 5}, TypeError, "`cost`"),
        (([2**52, 2], 2), {"cost": COST}, ValueError, "picoseconds"),
    ],
)
def test_bad_input_is_refused(arguments, options, error, words):
    with pytest.raises(error, match=words):
        moe.plan_spill(*arguments, **options)


@pytest.mark.parametrize(
    "options", [{"token_ns": -1}, {"token_ns": float("inf")}, {"token_ns": 1, "overlap": 2}, {"token_ns": "1"}]
)
def test_impossible_costs_are_refused(options):
    with pytest.raises(ValueError, match="must be from 0 to"):
        moe.CostModel(**options)
