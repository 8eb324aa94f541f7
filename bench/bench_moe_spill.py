"""Split and spill of one step beside linear programs and the published rule of least-loaded expert parallelism.

In process the planners take less: `cargo bench -p paretoserve-core --bench moe`. Here every call goes through Python.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

from _pareto import compare
from paretoserve import moe

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import _llep
from _moe_loads import zipf_ranks

COST = moe.CostModel(token_ns=98, expert_ns=13_000, transfer_ns=119_000)


def zipf(num_experts, total, seed=0):
    generator = np.random.default_rng(seed)
    weights = generator.permutation(np.arange(1, num_experts + 1) ** -1.0)
    return generator.multinomial(total, weights / weights.sum())


def slots_of(num_experts, num_slots, num_ranks):
    """Every expert once and the first ones twice, on ranks drawn at random, none twice on a rank."""
    generator = np.random.default_rng(1)
    while True:
        experts = np.concatenate(
            [np.arange(num_experts), generator.permutation(num_experts)[: num_slots - num_experts]]
        )
        table = generator.permutation(experts).reshape(num_ranks, -1)
        if all(len(set(row)) == table.shape[1] for row in table.tolist()):
            return table.ravel()


def program(slots, num_experts, num_ranks):
    """Loads of ranks and sums of experts, over slots and the largest load."""
    sparse = pytest.importorskip("scipy.sparse")
    num_slots = len(slots)
    places, ones = np.arange(num_slots), np.ones(num_slots)
    ranks = sparse.lil_array(
        sparse.csr_array((ones, (places // (num_slots // num_ranks), places)), shape=(num_ranks, num_slots + 1))
    )
    ranks[:, -1] = -1
    experts = sparse.csr_array((ones, (slots, places)), shape=(num_experts, num_slots + 1))
    cost = np.zeros(num_slots + 1)
    cost[-1] = 1
    return cost, ranks.tocsr(), experts


def by_scipy(slots, counts, num_ranks):
    optimize = pytest.importorskip("scipy.optimize")
    cost, ranks, experts = program(slots, len(counts[0]), num_ranks)
    turn = iter(range(10**9))

    def call():
        count = counts[next(turn) % len(counts)]
        return optimize.linprog(cost, A_ub=ranks, b_ub=np.zeros(num_ranks), A_eq=experts, b_eq=count).fun

    return call


def by_highs(slots, counts, num_ranks):
    """The same model from step to step: only the counts change, and the last basis is the start."""
    highspy = pytest.importorskip("highspy")
    sparse = pytest.importorskip("scipy.sparse")
    cost, ranks, experts = program(slots, len(counts[0]), num_ranks)
    matrix = sparse.vstack([ranks, experts]).tocsc()
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = matrix.shape[1], matrix.shape[0]
    model.col_cost_ = cost
    model.col_lower_, model.col_upper_ = np.zeros(matrix.shape[1]), np.full(matrix.shape[1], highspy.kHighsInf)
    model.row_lower_ = np.concatenate([np.full(num_ranks, -highspy.kHighsInf), counts[0]])
    model.row_upper_ = np.concatenate([np.zeros(num_ranks), counts[0]])
    model.a_matrix_.start_, model.a_matrix_.index_ = matrix.indptr, matrix.indices
    model.a_matrix_.value_ = matrix.data
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.passModel(model)
    rows = np.arange(num_ranks, num_ranks + len(counts[0]), dtype=np.int32)
    turn = iter(range(10**9))

    def call():
        count = counts[next(turn) % len(counts)].astype(float)
        solver.changeRowsBounds(len(rows), rows, count, count)
        solver.run()
        return solver.getInfo().objective_function_value

    return call


@pytest.mark.parametrize(("experts", "slots", "ranks"), [(128, 136, 8), (256, 288, 32), (256, 320, 64)])
def test_split(benchmark, show, experts, slots, ranks):
    table = slots_of(experts, slots, ranks)
    counts = [zipf(experts, ranks * 512, seed) for seed in range(16)]
    splitter = moe.Splitter(experts, table, ranks)
    turn = iter(range(10**9))

    def ours():
        return splitter.split(counts[next(turn) % 16])

    peers = {"scipy linprog": by_scipy(table, counts, ranks)}
    if pytest.importorskip("highspy"):
        peers["highspy, warm"] = by_highs(table, counts, ranks)
    for count, call in zip(counts, [peers["scipy linprog"]] * 3, strict=False):
        assert splitter.split(count).loads.max() == np.ceil(call() - 1e-6)
    benchmark.pedantic(
        compare, args=(show, f"split {experts}/{slots}/{ranks}", ours, peers), kwargs={"target": 15}, rounds=1
    )


@pytest.mark.parametrize(("experts", "ranks"), [(128, 8), (256, 32), (256, 64)])
def test_spill(benchmark, show, experts, ranks):
    count = zipf(experts, ranks * 8192 * 8)
    exact = moe.Spiller(experts, ranks, tolerance=0.0)
    swept = moe.Spiller(experts, ranks, cost=COST)
    peers = {"published rule in Python": lambda: _llep.llep(count.tolist(), ranks, 1.0, 1)}
    run = {"target": 10}
    benchmark.pedantic(
        compare, args=(show, f"spill {experts}/{ranks} exact", lambda: exact.plan(count), peers), kwargs=run, rounds=1
    )
    compare(show, f"spill {experts}/{ranks} sweep of 7", lambda: swept.plan(count), peers, target=1)


def test_remap(benchmark, show):
    generator = np.random.default_rng(0)
    ids = np.argsort(generator.random((4096, 256)), axis=1)[:, :8].astype(np.int32)
    count = np.bincount(ids.ravel(), minlength=256)
    split = moe.split_tokens(count, slots_of(256, 288, 32), 32)
    ends = np.cumsum(split.quota, axis=1)

    def numpy_remap():
        order = np.argsort(ids.ravel(), kind="stable")
        experts = ids.ravel()[order]
        place = np.arange(len(order)) - (np.cumsum(count) - count)[experts]
        out = np.empty(ids.size, dtype=np.int32)
        column = (place[:, None] >= ends[experts]).sum(axis=1)
        out[order] = split.logical_to_physical[experts, column]
        return out.reshape(ids.shape)

    assert (numpy_remap() == moe.remap_topk(ids, split)).all()
    peers = {"numpy": numpy_remap}
    args = (show, "remap 4096 x 8 (target 0.3 ms)", lambda: moe.remap_topk(ids, split), peers)
    benchmark.pedantic(compare, args=args, kwargs={"target": 5}, rounds=1)


@pytest.mark.parametrize("imbalance", [1.5, 2.0, 3.0])
def test_transfers(benchmark, show, imbalance):
    """Loads of a published system: 64 ranks of 4 experts and 2 foreign slots, 8192 tokens per rank, top 8."""
    generator = np.random.default_rng(0)
    loads = [zipf_ranks(generator, 64, 4, 64 * 8192 * 8, imbalance) for _ in range(20)]
    lines = benchmark.pedantic(lambda: [_transfers(loads, each) for each in (0.0, 0.01, 0.02, 0.05, 0.1)], rounds=1)
    for line in lines:
        show(f"EP64 at {imbalance}: {line}")


def _transfers(loads, tolerance):
    free = [moe.plan_spill(count, 64, tolerance=tolerance) for count in loads]
    two = [moe.plan_spill(count, 64, tolerance=tolerance, max_foreign=2) for count in loads]
    rule = [len(_llep.transfers(_llep.llep(count.tolist(), 64, 1 + tolerance, 1), 4)) for count in loads]
    foreign = np.bincount(np.concatenate([np.bincount(plan.transfers[:, 2], minlength=64) for plan in free]))
    return (
        f"tolerance {tolerance:4.0%}: {np.mean([len(plan.tokens) for plan in free]):5.1f} transfers, published rule "
        f"{np.mean(rule):5.1f}; at most two foreign: {np.mean([len(plan.tokens) for plan in two]):5.1f} (largest "
        f"{max(len(plan.tokens) for plan in two)}), max/mean {max(plan.ratio for plan in two):.4f}; ranks with 0, 1, 2 "
        f"... foreign experts without that limit: {(foreign / len(loads)).round(1).tolist()}"
    )
