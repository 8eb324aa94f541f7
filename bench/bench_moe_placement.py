"""Placement of experts beside vLLM's policy and the published EPLB rule, in one run.

Run with ``pytest bench/bench_moe_placement.py --benchmark-enable``. CPU time of the process on one thread, medians; the
targets are those of the issue that asked for it. Loads are drawn from OLMoE's expert counts, resampled to the number of
experts with some noise; vLLM's policy is timed where it can be imported, the plain rule is only compared in balance.
"""

import time
import warnings
from statistics import median

import numpy as np
import pytest

import _eplb
from _placements import drifted, realistic
from paretoserve import moe
from paretoserve.moe.compat import eplb

LAYERS, EXPERTS = 58, 256


def cpu_ms(work, rounds=7):
    times = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        times.append((time.process_time() - start) * 1e3)
    return median(times)


@pytest.fixture
def measured(pytestconfig):
    if not pytestconfig.getoption("benchmark_enable"):
        pytest.skip("measured only with --benchmark-enable")


@pytest.fixture(scope="module")
def vllm_policy():
    """Return vLLM's policy, or None where vLLM is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from vllm.distributed.eplb.policy import DefaultEplbPolicy
        except ImportError:
            return None
    return DefaultEplbPolicy


def ratios(load, maps, ranks):
    found = []
    for tokens, held in zip(load, maps, strict=True):
        loads = (tokens / np.bincount(held, minlength=len(tokens)))[held].reshape(ranks, -1).sum(axis=1)
        found.append(loads.max() / loads.mean())
    return np.array(found)


def fetched(old, new, ranks):
    old, new = (maps.reshape(len(maps) * ranks, -1) for maps in (old, new))
    return np.mean([~np.isin(after, before) for before, after in zip(old, new, strict=True)])


@pytest.mark.parametrize(("slots", "ranks", "target"), [(288, 32, 3), (512, 256, 6), (320, 64, None), (288, 144, None)])
def test_from_nothing(measured, show, vllm_policy, slots, ranks, target):
    load = realistic(LAYERS, EXPERTS, np.random.default_rng(0))
    placement = moe.plan_placement(load, slots, ranks, threads=1)
    ours = cpu_ms(lambda: moe.plan_placement(load, slots, ranks, threads=1))
    plain = np.mean([_eplb.ratio(row, slots, 1, 1, ranks) for row in load])
    line = f"{LAYERS}x{EXPERTS} -> {slots} slots, {ranks} ranks: {ours:.2f} ms"
    line += f" (target {target} ms)" * (target is not None)
    line += f", ratio {placement.ratio.mean():.4f} at most {placement.ratio.max():.4f}; EPLB's rule {plain:.4f}"
    if vllm_policy is not None:
        import torch

        weight = torch.from_numpy(load)
        theirs = cpu_ms(lambda: vllm_policy.rebalance_experts(weight, slots, 1, 1, ranks), 3)
        line += f"; vLLM {theirs:.1f} ms ({theirs / ours:.0f} x)"
    show(line)


@pytest.mark.parametrize(("target", "share"), [(1.01, None), (1.02, 12), (1.05, 6.5), (1.1, None)])
def test_drift(measured, show, vllm_policy, target, share):
    rng = np.random.default_rng(0)
    load = realistic(LAYERS, EXPERTS, rng)
    later, same = drifted(load, rng), drifted(load, rng, 0.0)
    old = moe.plan_placement(load, 288, 32)
    options = {"previous": old, "target": target, "threads": 1}
    again = moe.plan_placement(later, 288, 32, **options)
    ours = cpu_ms(lambda: moe.plan_placement(later, 288, 32, **options))
    stay = moe.plan_placement(same, 288, 32, **options)
    part = len(again.moves) / again.physical_to_logical.size
    line = f"drift to {target}: {ours:.1f} ms (target 40 ms), {part:.1%} of the slots fetched"
    line += f" (target {share} %)" * (share is not None)
    line += f", ratio {again.ratio.mean():.4f}; unchanged load {len(stay.moves)} moves (target 0)"
    if vllm_policy is not None:
        import torch

        maps, weight = torch.from_numpy(old.physical_to_logical), torch.from_numpy(later)
        new = vllm_policy.rebalance_experts(weight, 288, 1, 1, 32, maps)
        theirs = cpu_ms(lambda: vllm_policy.rebalance_experts(weight, 288, 1, 1, 32, maps), 3)
        line += f"; vLLM {theirs:.0f} ms, {fetched(old.physical_to_logical, new.numpy(), 32):.1%} fetched, "
        line += f"ratio {ratios(later, new.numpy(), 32).mean():.4f}"
    show(line)


def test_compat(measured, show):
    load = realistic(LAYERS, EXPERTS, np.random.default_rng(0)).astype(float)
    ours = cpu_ms(lambda: eplb.rebalance_experts(load, 288, 8, 4, 32))
    maps = eplb.rebalance_experts(load, 288, 8, 4, 32)[0]
    plain = np.mean([_eplb.ratio(row, 288, 8, 4, 32) for row in load])
    ratio = ratios(load, maps, 32).mean()
    show(f"compat.eplb, 8 groups on 4 nodes: {ours:.2f} ms, ratio {ratio:.4f}; EPLB's rule {plain:.4f}")
