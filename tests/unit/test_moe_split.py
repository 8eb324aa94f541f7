"""Split: exact quotas of copies; router ids to physical ids."""

import numpy as np
import pytest

from _expert_splits import optima, placement, repaired, zipf
from paretoserve import moe
from paretoserve.errors import DtypeError, ShapeError


def check(split, count, slots, num_ranks):
    total = np.asarray(count) if np.ndim(count) == 1 else np.sum(count, axis=0)
    assert (split.quota >= 0).all()
    assert split.quota.sum(axis=1).tolist() == total.tolist()
    used = split.quota > 0
    assert (split.logical_to_physical[used] >= 0).all()
    experts = np.broadcast_to(np.arange(len(total))[:, None], split.quota.shape)
    assert (np.asarray(slots)[split.logical_to_physical[used]] == experts[used]).all()
    ranks = split.logical_to_physical[used] // (len(slots) // num_ranks)
    assert np.bincount(ranks, split.quota[used], num_ranks).tolist() == split.loads.tolist()


def test_every_token_goes_to_one_copy_of_its_expert():
    generator = np.random.default_rng(4)
    for experts, slots, ranks in ((16, 24, 4), (64, 128, 16)):
        for _ in range(20):
            table = repaired(generator, experts, ranks, slots)
            count = zipf(generator, experts, 64 * ranks)
            topology = moe.Topology(ranks, speed=generator.integers(1, 4, ranks) / 2)
            check(moe.split_tokens(count, table, topology), count, table, ranks)


def test_active_objective_touches_few_experts_on_the_worst_rank():
    generator = np.random.default_rng(5)
    for _ in range(20):
        table = placement(generator, 24, 4, 32)
        count = generator.integers(0, 3, 24)
        split = moe.split_tokens(count, table, 4, objective="active")
        check(split, count, table, 4)
        assert ((split.quota > 0).sum(axis=1) == (count > 0)).all()
        active = np.bincount((split.logical_to_physical[split.quota > 0] // 8), minlength=4)
        best = optima([((count > 0).astype(int), table, np.ones(4))])[0]
        assert active.max() == np.ceil(best - 1e-6)


def test_cost_objective_is_no_worse_than_the_others():
    generator = np.random.default_rng(6)
    cost = moe.CostModel(token_ns=100, expert_ns=5000, launch_ns=300)
    ended = {"tokens": 0.0, "active": 0.0, "cost": 0.0}
    for _ in range(30):
        table = placement(generator, 24, 4, 32)
        count = generator.integers(0, 120, 24)
        times = {}
        for objective in ended:
            split = moe.split_tokens(count, table, 4, objective=objective, cost=cost)
            check(split, count, table, 4)
            work = [0.0] * 4
            for slot, tokens in zip(split.logical_to_physical.ravel(), split.quota.ravel(), strict=True):
                work[slot // 8] += cost.block_ns(int(tokens))
            times[objective] = max(work)
            ended[objective] += max(work)
        assert times["cost"] <= min(times.values()) + 1e-6
    assert ended["cost"] < min(ended["tokens"], ended["active"])


def test_two_copies_on_a_rank_are_one_and_dead_ranks_have_none():
    split = moe.split_tokens([8, 4], [0, 0, 0, 1], 2)
    assert split.logical_to_physical.tolist() == [[0, 2], [3, -1]]
    assert split.loads.tolist() == [6, 6]
    half = moe.Topology(2, alive=[True, False])
    assert moe.split_tokens([8, 0], [0, 0, 0, 1], half).quota.tolist() == [[8], [0]]
    with pytest.raises(ValueError, match="none for expert 1"):
        moe.split_tokens([8, 4], [0, 0, 0, 1], half)


def test_rows_of_sources_are_summed_and_uneven_slots_are_told():
    split = moe.split_tokens([[3, 1], [5, 3]], [0, 1, 0], 2, slots_per_rank=[2, 1])
    assert split.quota.tolist() == [[2, 6], [4, 0]]
    assert "max/mean 1.0000" in split.explain()
    assert split.to_dict()["loads"] == [6, 6]


def test_nothing_to_split():
    split = moe.split_tokens([0, 0], [0, 1], 2)
    assert (split.ratio, split.loads.tolist()) == (1.0, [0, 0])


def test_thousands_of_ranks_beside_nearly_all_tokens_that_there_can_be():
    # The heavy rank ends last by far; the summed speeds of the others times its tokens pass 64 bits.
    ranks = 5001
    slots = [0, 1] + [1, -1] * (ranks - 1)
    split = moe.split_tokens([2**52, ranks - 1], slots, ranks)
    assert split.loads.tolist() == [2**52] + [1] * (ranks - 1)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        (([1.5, 2], [0, 1], 2), {}, DtypeError, "hint: spill and split move whole tokens"),
        (([1, -2], [0, 1], 2), {}, ValueError, "-2 in row 1"),
        (([[1, 2], [3, -4]], [0, 1], 2), {}, ValueError, "-4 in row 1, column 1"),
        (([2**53, 1], [0, 1], 2), {}, ValueError, "9007199254740992 tokens"),
        (([float("nan"), 2], [0, 1], 2), {}, DtypeError, "`count`"),
        (([], [0, 1], 2), {}, ShapeError, "`count`"),
        (([[[1]]], [0, 1], 2), {}, ShapeError, "`count`"),
        (([1, 2], [0, 2], 2), {}, ValueError, "`physical_to_logical`"),
        (([1, 2], [0, 0], 2), {}, ValueError, "none for expert 1"),
        (([1, 2], [0, 1, 0], 2), {}, ShapeError, "hint: say how many"),
        (([1, 2], [0, 1, 0], 2), {"slots_per_rank": [1, 1]}, ShapeError, "add up to 3"),
        (([1, 2], [0, 1], 2), {"objective": "time"}, ValueError, "`objective`"),
        (([1, 2], [0, 1], 2), {"objective": "cost"}, ValueError, "`cost`"),
        (([1, 2], [0, 1], 0), {}, ValueError, "`num_ranks`"),
    ],
)
def test_bad_input_is_refused(arguments, options, error, words):
    with pytest.raises(error, match=words):
        moe.split_tokens(*arguments, **options)


def test_remap_follows_the_quotas():
    generator = np.random.default_rng(0)
    table = placement(generator, 16, 4, 24)
    ids = generator.integers(-1, 16, (4, 50, 4))
    count = np.array([np.bincount(source[source >= 0], minlength=16) for source in ids])
    split = moe.split_tokens(count, table, 4)
    start = np.zeros(16, dtype=int)
    physical = []
    for source, tokens in zip(ids, count, strict=True):
        physical.append(moe.remap_topk(source, split, start=start))
        start = start + tokens
    physical = np.array(physical)
    assert (physical[ids < 0] == -1).all()
    assert (table[physical[ids >= 0]] == ids[ids >= 0]).all()
    used = np.bincount(physical[ids >= 0], minlength=24)
    expected = np.zeros(24, dtype=int)
    expected[split.logical_to_physical[split.quota > 0]] = split.quota[split.quota > 0]
    assert used.tolist() == expected.tolist()


def test_remap_takes_tensors_and_plans_of_spills():
    torch = pytest.importorskip("torch")
    plan = moe.plan_spill([6, 2, 1, 1], 2, tolerance=0.0)
    ids = torch.tensor([[0, 0], [0, 0], [0, 0], [1, 1], [2, 3], [-1, -1]], dtype=torch.int32)
    ranks = moe.remap_topk(ids, plan)
    assert ranks.dtype == torch.int32
    assert np.bincount(ranks[ranks >= 0].numpy()).tolist() == plan.loads.tolist()
    assert moe.remap_topk(ids.to(torch.int64), plan).tolist() == ranks.tolist()


@pytest.mark.parametrize(
    ("ids", "options", "error", "words"),
    [
        (np.array([0, 0, 0]), {}, ValueError, "more tokens of expert 0 from this rank"),
        (np.array([0]), {"start": [3, 0]}, ValueError, "from lower ranks"),
        (np.array([2]), {}, ValueError, "got 2 at place 0"),
        (np.array([-2]), {}, ValueError, "got -2 at place 0"),
        (np.array([0.0]), {}, DtypeError, "int32 or int64"),
        (np.array([0]), {"start": [0]}, ShapeError, "`start`"),
        ([0], {}, DtypeError, "ndarray or torch"),
    ],
)
def test_remap_refuses_what_the_plan_was_not_made_for(ids, options, error, words):
    split = moe.split_tokens([2, 2], [0, 1], 2)
    with pytest.raises(error, match=words):
        moe.remap_topk(ids, split, **options)


def test_remap_takes_only_what_planners_return():
    with pytest.raises(DtypeError, match="`split` must be what `split_tokens` or `plan_spill` returned, got list"):
        moe.remap_topk(np.array([0]), [[1]])
