"""Our placement behind vLLM's policy interface and in SGLang's file, against their real modules."""

import importlib.util
import json
import sys
import types
import warnings

import numpy as np
import pytest

from paretoserve import moe
from paretoserve.integrations import experts

RANKS, SLOTS = 8, 72


@pytest.fixture(scope="module")
def vllm():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("vllm.distributed.eplb.policy", reason="vLLM is not installed; run make integration")


def loads(seed, layers=6):
    rng = np.random.default_rng(seed)
    return rng.permuted(np.broadcast_to(1e5 / np.arange(4, 68), (layers, 64)), axis=1).astype(np.int64)


def ratio(load, maps):
    found = []
    for tokens, held in zip(load, maps, strict=True):
        ranks = (tokens / np.bincount(held, minlength=len(tokens)))[held].reshape(RANKS, -1).sum(axis=1)
        found.append(ranks.max() / ranks.mean())
    return np.mean(found)


def fetched(old, new):
    """Experts that a rank did not have before, over all slots."""
    old, new = (maps.reshape(len(maps) * RANKS, -1) for maps in (old, new))
    return np.mean([~np.isin(after, before) for before, after in zip(old, new, strict=True)])


def test_vllm_copies_few_experts_for_the_same_balance(vllm):
    import torch

    policy = experts.vllm_policy()
    assert issubclass(policy, vllm.AbstractEplbPolicy)
    load = loads(0)
    later = (load * np.random.default_rng(1).lognormal(0, 0.3, load.shape)).astype(np.int64)
    sizes = SLOTS, 1, 1, RANKS
    old = policy.rebalance_experts(torch.from_numpy(load), *sizes)
    ours = policy.rebalance_experts(torch.from_numpy(later), *sizes, old).numpy()
    theirs = vllm.DefaultEplbPolicy.rebalance_experts(torch.from_numpy(later), *sizes, old).numpy()
    assert ours.dtype == theirs.dtype
    assert ours.shape == theirs.shape
    assert ratio(later, ours) <= 1.02
    assert fetched(old.numpy(), ours) < 0.25 * fetched(old.numpy(), theirs)
    print(f"fetched: {fetched(old.numpy(), ours):.1%} against {fetched(old.numpy(), theirs):.1%}")


def test_vllm_gets_every_slot_filled(vllm):
    import torch

    policy = experts.vllm_policy(max_moves=3, hierarchical=True)
    weight = torch.tensor([[5, 1, 1, 1], [0, 0, 0, 0]])
    doubled = torch.tensor([[0, 0, 1, 2, 3, 3], [0, 1, 2, 3, 0, 1]])
    first = policy.rebalance_experts(weight, 6, 2, 2, 2)
    again = policy.rebalance_experts(weight, 6, 1, 1, 2, doubled)
    for maps in (first, again, policy.rebalance_experts(weight, 10, 1, 1, 2)):
        assert all(set(row.tolist()) == {0, 1, 2, 3} for row in maps)


def test_installing_changes_what_vllm_takes(vllm, monkeypatch):
    monkeypatch.setitem(vllm.EPLB_POLICIES, "default", vllm.DefaultEplbPolicy)
    experts.install_vllm_policy(target=1.1)
    assert vllm.EPLB_POLICIES["default"].__name__ == "ParetoEplbPolicy"


def test_sglang_reads_our_file(tmp_path, monkeypatch):
    path = tmp_path / "experts.json"
    placement = moe.plan_placement(loads(2), SLOTS, RANKS)
    experts.write_sglang_location(placement, path)
    maps = np.array(json.loads(path.read_text())["physical_to_logical_map"])
    assert np.array_equal(maps, placement.physical_to_logical)
    if importlib.util.find_spec("IPython") is None:  # which it imports for notebooks only
        display = types.ModuleType("IPython.display")
        display.HTML = display.display = None
        monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
        monkeypatch.setitem(sys.modules, "IPython.display", display)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from sglang.srt.eplb import expert_location
        except Exception as refusal:
            pytest.skip(f"SGLang's expert locations cannot be imported here: {refusal}")
        import torch
    table = expert_location._compute_logical_to_all_physical_map(
        physical_to_logical_map=torch.from_numpy(maps), num_logical_experts=64, ep_size=RANKS, moe_ep_rank=None
    )
    ours = placement.logical_to_physical
    for layer in range(len(maps)):
        for expert in range(64):
            theirs = {slot for slot in table[layer, expert].tolist() if slot >= 0}
            assert theirs == {slot for slot in ours[layer, expert].tolist() if slot >= 0}


def test_sglang_has_no_word_for_empty_slots(tmp_path):
    empty = moe.plan_placement([[1, 2]], 6, 2)
    with pytest.raises(ValueError, match="all of them filled"):
        experts.write_sglang_location(empty, tmp_path / "x.json")
    with pytest.raises(ValueError, match=r"end in \.json"):
        experts.write_sglang_location(empty, tmp_path / "x.txt")
