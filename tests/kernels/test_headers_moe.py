"""The planners of `moe` as the device runs them, by one thread built with g++: the integers of the core."""

import ctypes

import numpy as np
import pytest

import _moe_cases
from _kernels import CUDA, aligned, build
from paretoserve import _native, moe
from paretoserve.moe._cuda import SpillTables, SplitTables

U64 = ctypes.c_uint64
REASONS = ("empty", "balanced", "limits", "not worth", "spill")
ALL = 2**32 - 1


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    library = build(tmp_path_factory.mktemp("host"), CUDA / "host" / "moe.cpp")
    library.host_spill_words.restype = library.host_split_words.restype = U64
    return library


def pointer(array):
    return None if array is None else ctypes.c_void_p(array.ctypes.data)


def spill(host, spiller, counts):
    """Plan as the kernel does; returns outcome, transfers, quota and loads."""
    tables = SpillTables(spiller._home, spiller._ranks, spiller._max_foreign, spiller._options)
    tolerance, limits, relay, row = spiller._options
    max_in, max_out, smallest, most_tokens = limits
    wide, free = counts.dtype == np.int64, ALL if tolerance is None else tolerance
    options = [wide, free, max_in, max_out, relay, smallest, most_tokens, row is not None, *(row or [0] * 6)]
    num_experts, num_ranks = len(spiller._home), spiller._ranks.num_ranks
    sizes = num_experts, num_ranks, spiller._ranks.node_size, 1 if counts.ndim == 1 else len(counts)
    words = host.host_spill_words(num_experts, num_ranks)
    room = aligned(words + 8, np.uint64)
    outcome, transfers = aligned(5, np.int64), aligned((num_experts + num_ranks) * 5, np.int64).reshape(-1, 5)
    quota, loads = aligned(num_experts * num_ranks, np.int64).reshape(num_experts, -1), aligned(num_ranks, np.int64)
    inputs = counts, tables.host, np.array(sizes, np.uint32), np.array(options, np.uint64)
    host.host_spill(*(pointer(array) for array in (outcome, transfers, quota, loads, room, *inputs)))
    assert (room[words:].view(np.uint8) == 0xAA).all()
    return outcome, transfers, quota, loads


def test_spills_are_those_of_the_core(host):
    random, seen = np.random.default_rng(0), {}
    for case in range(4000):
        spiller = _moe_cases.spiller(random)
        counts = _moe_cases.counts(random, len(spiller._home))
        outcome, rows, quota, loads = spill(host, spiller, counts)
        try:
            plan = spiller.plan(counts)
        except ValueError:
            assert outcome[1] >= len(REASONS), case
            assert outcome[0] == 0
            seen["refused"] = seen.get("refused", 0) + 1
            continue
        seen[plan.decision[0]] = seen.get(plan.decision[0], 0) + 1
        assert (REASONS[outcome[1]], outcome[2]) == plan.decision, case
        if plan.before_ns is not None:
            assert (outcome[3] / 1000, outcome[4] / 1000) == (plan.before_ns, plan.after_ns), case
        found = rows[: outcome[0]]
        np.testing.assert_array_equal(found, np.column_stack([plan.transfers, plan.tokens]), str(case))
        np.testing.assert_array_equal(quota, plan.quota)
        np.testing.assert_array_equal(loads, plan.loads)
    assert min(seen.values()) > 20
    assert len(seen) == len(REASONS) + 1
    assert seen["spill"] > 1000


def test_relays_are_those_of_the_core(host):
    cost = moe.CostModel(token_ns=98, transfer_ns=5_000, transfer_inter_ns=9_000)
    ranks = moe.Topology(32, ranks_per_node=8)
    counts = np.ones(32, np.int64)
    counts[3] = 1_000_000
    spiller = moe.Spiller(32, 32, topology=ranks, cost=cost, tolerance=0.0, fanout="relay")
    plan = spiller.plan(counts)
    assert len(set(plan.transfers[:, 1])) > 8
    outcome, rows, _, _ = spill(host, spiller, counts)
    np.testing.assert_array_equal(rows[: outcome[0], :4], plan.transfers)


@pytest.mark.parametrize(("num_experts", "num_ranks"), [(1, 1), (256, 64), (7, 300)])
def test_scratch_is_as_large_as_the_kernel_needs(host, num_experts, num_ranks):
    words = host.host_spill_words(num_experts, num_ranks)
    assert _native.cuda_moe_spill_scratch(num_experts, num_ranks) == 8 * words


def split(host, splitter, counts):
    """Split as the kernel does; returns status, quota and loads."""
    tables = SplitTables(splitter._native, splitter._slots, splitter._ranks, splitter._objective, splitter._row)
    num_experts, num_ranks, num_copies = (int(size) for size in tables.host[:3])
    words = host.host_split_words(num_experts, num_copies, num_ranks)
    assert _native.cuda_moe_split_scratch((num_experts, num_ranks, num_copies)) == 8 * words
    room, status, loads = aligned(words + 8, np.uint64), aligned(1, np.int64), aligned(num_ranks, np.int64)
    quota = aligned(splitter._slots.size, np.int64).reshape(splitter._slots.shape)
    arrays = [pointer(array) for array in (status, quota, loads, room, counts, tables.host)]
    sources, wide = 1 if counts.ndim == 1 else len(counts), counts.dtype == np.int64
    objective = ("tokens", "active", "cost").index(tables.objective)
    sizes = [ctypes.c_uint32(size) for size in (quota.shape[1], sources, wide, objective)]
    times = np.array(tables.times or [0] * 5, np.uint64)
    host.host_split(*arrays, *sizes, U64(tables.most_tokens), pointer(times))
    assert (room[words:].view(np.uint8) == 0xAA).all()
    return int(status[0]), quota, loads


def test_splits_are_those_of_the_core(host):
    random, refused = np.random.default_rng(2), 0
    for case in range(4000):
        splitter = _moe_cases.splitter(random)
        counts = _moe_cases.counts(random, len(splitter._slots))
        status, quota, loads = split(host, splitter, counts)
        try:
            expected = splitter.split(counts)
        except ValueError:
            assert status > 0, case
            assert not loads.any()
            refused += 1
            continue
        assert status == 0, case
        np.testing.assert_array_equal(quota, expected.quota, str(case))
        np.testing.assert_array_equal(loads, expected.loads)
    assert 100 < refused < 3000


def test_splits_beside_nearly_all_tokens_that_there_can_be_are_those_of_the_core(host):
    # The heavy rank ends last by far; the summed speeds of the others times its tokens are 2^64, which wraps to none.
    num_ranks = 4097
    slots = np.array([0, 1] + [1, -1] * (num_ranks - 1))
    splitter = moe.Splitter(2, slots, num_ranks, slots_per_rank=np.full(num_ranks, 2))
    counts = np.array([2**52, num_ranks - 1])
    status, quota, loads = split(host, splitter, counts)
    expected = splitter.split(counts)
    assert status == 0
    assert loads.tolist() == [2**52] + [1] * (num_ranks - 1)
    np.testing.assert_array_equal(loads, expected.loads)
    np.testing.assert_array_equal(quota, expected.quota)


def test_times_beyond_64_bits_are_refused(host):
    model = moe.CostModel(token_ns=1e6)
    splitter = moe.Splitter(2, [0, 1, 1, 0], 2, objective="cost", cost=model)
    assert splitter.split([0, 2**22]).loads.sum() == 2**22
    for tokens, expected in ((2**22, 0), (2**23, 4)):
        status, _, loads = split(host, splitter, np.array([0, tokens]))
        assert (status, loads.sum()) == (expected, 0 if expected else tokens)
    with pytest.raises(ValueError, match="`cost` must be small enough"):
        splitter.split([0, 2**23])


def remap(host, ids, quota, targets, start, chunk):
    num_experts, columns = quota.shape
    chunks = -(-ids.size // chunk)
    rows, prefix = aligned(chunks * num_experts + 1, np.uint32), aligned(quota.size, np.uint64)
    out = np.full_like(ids, -7)
    arrays = [pointer(array) for array in (out, ids, quota, targets, start, rows, prefix)]
    sizes = [ctypes.c_uint32(size) for size in (num_experts, columns, chunk, ids.dtype == np.int64)]
    host.host_remap(*arrays, U64(ids.size), *sizes)
    assert rows[-1] == 0xAAAAAAAA
    return out


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_physical_ids_are_those_of_the_core(host, dtype):
    random = np.random.default_rng(1)
    call = _native.moe_remap32 if dtype == np.int32 else _native.moe_remap64
    for _ in range(500):
        num_experts, columns = random.integers(1, 20, 2)
        ids = random.integers(-1, num_experts, random.integers(1, 700)).astype(dtype)
        start = random.integers(0, 40, num_experts) if random.random() < 0.5 else None
        need = np.bincount(ids[ids >= 0], minlength=num_experts) + (0 if start is None else start)
        quota = np.array([random.multinomial(total, random.dirichlet(np.full(columns, 0.3))) for total in need])
        targets = random.integers(0, 1000, quota.shape) if random.random() < 0.5 else None
        expected = np.empty_like(ids)
        call(expected, ids, quota, targets, start, num_experts)
        np.testing.assert_array_equal(remap(host, ids, quota, targets, start, int(random.integers(1, 200))), expected)


def test_ids_without_a_place_become_minus_one(host):
    ids, quota = np.array([0, 5, 0, -2, 1, 0, -1]), np.array([[1, -4, 1], [0, 0, 0]])
    assert remap(host, ids, quota, None, None, 4).tolist() == [0, -1, 2, -1, -1, -1, -1]
    assert remap(host, ids, quota, quota + 8, np.array([1, -3]), 4).tolist() == [9, -1, -1, -1, -1, -1, -1]
