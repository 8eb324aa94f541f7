"""Plans of counts on a device, by the fake driver, which runs the shipped kernels: the integers of the CPU."""

import textwrap

import pytest

pytest.importorskip("torch")

BEGIN = """
import _moe_cases
import numpy as np
import torch
from _pretend import STREAM, array, launches, may_wait, record
from paretoserve import errors, moe
"""

SAME = """
may_wait()

def same(plan, expected):
    assert isinstance(plan, moe.DeviceSpillPlan)
    found = plan.cpu()
    for name in ("transfers", "tokens", "quota", "loads"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)
    for name in ("ratio", "before_ns", "after_ns", "decision"):
        assert getattr(found, name) == getattr(expected, name), name
    assert int(plan.num_transfers) == len(expected.tokens)
"""


@pytest.fixture
def run(programs):
    return lambda program, **environment: programs.run(BEGIN + textwrap.dedent(program), **environment)


def test_plans_equal_those_of_the_cpu(run):
    run(
        SAME
        + """
random = np.random.default_rng(0)
spills = refused = 0
for _ in range(40):
    spiller = _moe_cases.spiller(random)
    counts = _moe_cases.counts(random, len(spiller._home))
    plan = spiller.plan(torch.from_numpy(counts))
    try:
        expected = spiller.plan(counts)
    except ValueError:
        try:
            plan.cpu()
        except ValueError:
            refused += 1
            continue
        raise AssertionError("not refused")
    same(plan, expected)
    spills += expected.decision[0] == "spill"
assert spills > 5 and refused > 0
"""
    )


def test_a_large_layer_is_planned_in_global_memory(run):
    run(
        SAME
        + """
counts = np.random.default_rng(1).pareto(1.0, 150) * 1000
cost = moe.CostModel(token_ns=98, transfer_ns=5000, transfer_inter_ns=9000)
spiller = moe.Spiller(150, 75, topology=moe.Topology(75, ranks_per_node=8), cost=cost)
counts = counts.astype(np.int64)
same(spiller.plan(torch.from_numpy(counts)), spiller.plan(counts))
"""
    )


def test_splits_equal_those_of_the_cpu(run):
    run("""
    may_wait()
    random = np.random.default_rng(2)
    for _ in range(25):
        splitter = _moe_cases.splitter(random)
        counts = _moe_cases.counts(random, len(splitter._slots))
        split = splitter.split(torch.from_numpy(counts))
        assert isinstance(split, moe.DeviceSplit)
        try:
            expected = splitter.split(counts)
        except ValueError:
            try:
                split.cpu()
            except ValueError:
                continue
            raise AssertionError("not refused")
        found = split.cpu()
        np.testing.assert_array_equal(found.quota, expected.quota)
        np.testing.assert_array_equal(found.loads, expected.loads)
        assert (found.ratio, found.objective) == (expected.ratio, expected.objective)
    """)


def test_ids_equal_those_of_the_cpu(run):
    run("""
    random = np.random.default_rng(3)
    for dtype in (torch.int32, torch.int64):
        ids = torch.from_numpy(random.integers(-1, 12, (90, 6))).to(dtype)
        numbers = array(ids)
        counts = np.bincount(numbers[numbers >= 0], minlength=12)
        ranks = np.stack([random.integers(0, 50, 12), counts])
        slots = np.concatenate([np.arange(12), [3, 5, 5, 0]])
        for host, start in (
            (moe.split_tokens(counts, slots, 8), None),
            (moe.plan_spill(ranks, 4, tolerance=0.0), ranks[0]),
        ):
            expected = moe.remap_topk(numbers, host, start=start)
            found = moe.remap_topk(ids, host, start=start)
            assert found.dtype == dtype and found.shape == ids.shape
            np.testing.assert_array_equal(array(found), expected)
    assert moe.remap_topk(ids[:0], host).shape == (0, 6)
    """)


def test_a_step_is_launches_on_the_callers_stream_that_wait_for_nothing(run):
    run("""
    cost = moe.CostModel(token_ns=98, transfer_ns=100)
    spiller = moe.Spiller(8, 4, cost=cost)
    splitter = moe.Splitter(8, np.arange(12) % 8, 4)
    counts = torch.tensor([[90, 1, 1, 1, 1, 1, 1, 1]] * 3, dtype=torch.int32)
    ids = torch.zeros(260, dtype=torch.int64)
    start = counts[0]
    for repeat in range(2):
        record()
        plan, split = spiller.plan(counts), splitter.split(counts)
        moe.remap_topk(ids, plan, start=start)
        physical = moe.remap_topk(ids, split)
        lines = record()
    found = launches(lines)
    remap = ["count", "offsets", "place"] * 2
    names = ["spill", "split", *(f"remap_{each}" for each in remap)]
    assert [each.entry for each in found] == [f"paretoserve_moe_{name}" for name in names]
    assert {each.stream for each in found} == {STREAM} and {each.context for each in found} == {"primary"}
    assert [each.grid[0] for each in found] == [1, 1, 1, 2, 1, 1, 2, 1]
    assert [each.block[0] for each in found] == [896, 512] + [128] * 6
    assert not [line for line in lines if line.startswith("forbidden")]
    assert found[0].arguments[5] == str(counts.data_ptr())
    """)


def test_what_the_device_cannot_do_is_refused(run):
    run("""
    spiller, splitter = moe.Spiller(4, 2), moe.Splitter(4, np.arange(4), 2)
    endless = moe.Splitter(8, np.arange(8), 2, objective="cost", cost=moe.CostModel(token_ns=1, expert_ns=1e12))
    plan = spiller.plan(torch.ones(4, dtype=torch.int64))
    wide = torch.ones(4, dtype=torch.int64)
    for call, error, text in (
        (lambda: spiller.plan(torch.ones(3, dtype=torch.int64)), errors.ShapeError, "`count` must have shape (4,)"),
        (lambda: spiller.plan(torch.ones(0, 4, dtype=torch.int64)), errors.ShapeError, "`count` must have shape (4,)"),
        (lambda: splitter.split(torch.ones(4)), errors.DtypeError, "`count` must be int32 or int64 on a CUDA device"),
        (lambda: endless.split(torch.zeros(8).long()), ValueError, "`cost` must be small enough for 2^62 picoseconds"),
        (lambda: moe.remap_topk(torch.zeros(4), plan), errors.DtypeError, "`topk_ids` must be int32 or int64"),
        (lambda: moe.remap_topk(wide, plan, start=wide[:2]), errors.ShapeError, "`start` must have shape (4,)"),
        (lambda: moe.remap_topk(wide, plan, start=torch.ones(4)), errors.DtypeError, "`start` must be int32 or int64"),
        (lambda: moe.remap_topk(np.zeros(4, int), plan), errors.DeviceError, "`split` is on a CUDA device"),
    ):
        try:
            call()
        except error as raised:
            assert text in str(raised), raised
        else:
            raise AssertionError(text)
    """)
