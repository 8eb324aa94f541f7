"""On a GPU: plans, splits and physical ids are the CPU's integers, also out of a graph."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
moe = pytest.importorskip("paretoserve.moe")

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

COST = moe.CostModel(token_ns=98, expert_ns=13_000, transfer_ns=20_000, transfer_inter_ns=60_000, overlap=0.5)
SHAPES = [(8, 2), (64, 8), (128, 16), (256, 64), (384, 72), (100, 33)]


def steps(num_experts, number=20, dtype=np.int64):
    random = np.random.default_rng(num_experts)
    for _ in range(number):
        yield (random.pareto(1.0, num_experts) * random.choice([1, 50, 2000])).clip(0, 1e8).astype(dtype)


def same(plan, expected):
    found = plan.cpu()
    assert found.decision == expected.decision
    assert (found.before_ns, found.after_ns, found.ratio) == (expected.before_ns, expected.after_ns, expected.ratio)
    for name in ("transfers", "tokens", "quota", "loads"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)


def spillers(num_experts, num_ranks):
    random = np.random.default_rng(num_ranks)
    ranks = moe.Topology(num_ranks, ranks_per_node=8)
    speed = random.choice([0.5, 1.0, 2.0], num_ranks)
    return [
        moe.Spiller(num_experts, num_ranks, tolerance=0.0),
        moe.Spiller(num_experts, num_ranks, tolerance=0.02, max_foreign=2, max_out=3, fanout="relay"),
        moe.Spiller(num_experts, num_ranks, topology=ranks, cost=COST),
        moe.Spiller(num_experts, num_ranks, topology=ranks, cost=COST, fanout="relay", min_tokens=16),
        moe.Spiller(num_experts, num_ranks, topology=moe.Topology(num_ranks, speed=speed), cost=COST),
    ]


@pytest.mark.parametrize(("num_experts", "num_ranks"), SHAPES)
def test_spills(num_experts, num_ranks):
    for spiller in spillers(num_experts, num_ranks):
        for counts in steps(num_experts):
            same(spiller.plan(torch.from_numpy(counts).cuda()), spiller.plan(counts))


@pytest.mark.parametrize("objective", ["tokens", "active", "cost"])
@pytest.mark.parametrize(("num_experts", "num_ranks"), SHAPES)
def test_splits(num_experts, num_ranks, objective):
    random = np.random.default_rng(3)
    slots = -(-num_experts * 5 // (4 * num_ranks)) * num_ranks
    placed = random.permutation(
        np.concatenate([np.arange(num_experts), random.integers(0, num_experts, slots)])[:slots]
    )
    splitter = moe.Splitter(num_experts, placed, num_ranks, objective=objective, cost=COST)
    for counts in steps(num_experts, dtype=np.int32):
        found, expected = splitter.split(torch.from_numpy(counts).cuda()).cpu(), splitter.split(counts)
        np.testing.assert_array_equal(found.quota, expected.quota)
        np.testing.assert_array_equal(found.loads, expected.loads)


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64], ids=str)
@pytest.mark.parametrize("tokens", [1, 500, 40_000])
def test_ids(tokens, dtype):
    ids = torch.from_numpy(np.random.default_rng(4).zipf(1.3, (tokens, 8)) % 128 - 1).to(dtype)
    counts = torch.bincount(ids[ids >= 0].long(), minlength=128)
    for planner in (
        moe.Spiller(128, 16, tolerance=0.0).plan,
        moe.Splitter(128, np.arange(160) % 128, 16).split,
    ):
        found = moe.remap_topk(ids.cuda(), planner(counts.cuda()))
        assert found.dtype == dtype
        np.testing.assert_array_equal(found.cpu().numpy(), moe.remap_topk(ids.numpy(), planner(counts.numpy())))


def test_counts_that_are_none_are_said_on_the_way_back():
    plan = moe.Spiller(4, 2).plan(torch.tensor([1, -1, 0, 0]).cuda())
    with pytest.raises(ValueError, match="`count` must be at least 0 everywhere"):
        plan.cpu()


def test_a_step_in_a_graph():
    spiller = moe.Spiller(256, 64, topology=moe.Topology(64, ranks_per_node=8), cost=COST)
    splitter = moe.Splitter(256, np.arange(320) % 256, 64)
    counts, ids = torch.zeros(256, dtype=torch.int64, device="cuda"), torch.zeros(4096, 8, dtype=torch.int32).cuda()
    spiller.plan(counts), splitter.split(counts)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        plan, split = spiller.plan(counts), splitter.split(counts)
        placed = moe.remap_topk(ids, plan)
    for numbers in steps(256, 5):
        chosen = np.repeat(np.arange(256), numbers)[: ids.numel()]
        step = np.bincount(chosen, minlength=256)
        chosen = np.concatenate([chosen, np.full(ids.numel() - len(chosen), -1)]).reshape(ids.shape).astype(np.int32)
        ids.copy_(torch.from_numpy(chosen))
        counts.copy_(torch.from_numpy(step))
        graph.replay()
        expected = spiller.plan(step)
        same(plan, expected)
        np.testing.assert_array_equal(split.quota.cpu().numpy(), splitter.split(step).quota)
        np.testing.assert_array_equal(placed.cpu().numpy(), moe.remap_topk(chosen, expected))
