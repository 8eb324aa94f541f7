"""The executor on 2, 4 and 8 processes gives the single-process layer's results and gradients."""

import functools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import _moe_layers as layers  # noqa: E402
import _ranks  # noqa: E402
from paretoserve import moe  # noqa: E402

NAMES = ("result", "hidden", "router", "gate_up", "down")
CASES = {
    "balanced": {},
    "skewed": {"skew": 0.6},
    "degenerate": {"skew": 5.0},
    "padded": {"skew": 0.6, "padding": 0.3},
    "uneven": {"skew": 0.6, "experts": 11},
    "few_experts": {"skew": 0.6, "experts": 3},
}


def loss(result, offset):
    """Return a loss in which every element of the result counts differently."""
    factors = torch.arange(offset, offset + result.numel(), dtype=result.dtype).view(result.shape)
    return (result * torch.sin(factors)).sum()


def expected(work):
    inputs = [tensor.clone().requires_grad_() for tensor in (work.hidden, work.router, work.gate_up, work.down)]
    copy = layers.Batch(inputs[0], work.ids, inputs[1], *inputs[2:], work.rows)
    result = layers.single(copy)
    loss(result, 0).backward()
    return dict(zip(NAMES, [result.detach(), *(tensor.grad for tensor in inputs)], strict=False))


def one_rank(rank, num_ranks, cases):
    """Return result and gradients of this rank for every (options, planner)."""
    found, made = [], {}
    for options, planner in cases:
        work = layers.batch(num_ranks, **options)
        experts = len(work.gate_up)
        layer = made[experts] = made.get(experts) or moe.ExpertParallel(experts, timeout_s=30)
        hidden, ids, router = work.of(rank)
        own = torch.from_numpy(layer.home == rank)
        leaves = [tensor.clone().requires_grad_() for tensor in (hidden, router, work.gate_up[own], work.down[own])]
        result = layer(leaves[0], ids, leaves[1], leaves[2:], plan=planner)
        loss(result, sum(work.rows[:rank]) * hidden.shape[1]).backward()
        values = [result.detach(), *(leaf.grad for leaf in leaves)]
        found.append(
            {
                name: value.float().numpy() if value.dtype == torch.bfloat16 else value.numpy()
                for name, value in zip(NAMES, values, strict=False)
            }
        )
    return found


def joined(ranks, index, home):
    """Return what all ranks together hold: tokens in the ranks' order, experts in their own."""
    whole = {name: np.concatenate([rank[index][name] for rank in ranks]) for name in NAMES}
    order = np.argsort(home, kind="stable")
    for name in ("gate_up", "down"):
        whole[name] = whole[name][np.argsort(order)]
    return whole


def blocks(experts, num_ranks):
    return np.repeat(np.arange(num_ranks), [len(part) for part in np.array_split(np.arange(experts), num_ranks)])


@pytest.mark.parametrize("num_ranks", [2, 4, 8])
def test_results_and_gradients_are_the_single_process_ones(num_ranks):
    planners = [None, layers.spill, functools.partial(layers.spill, relay=True)]
    cases = [(options, planner) for options in CASES.values() for planner in planners]
    ranks = _ranks.run(num_ranks, one_rank, cases)
    for index, (options, _) in enumerate(cases):
        work = layers.batch(num_ranks, **options)
        whole = joined(ranks, index, blocks(len(work.gate_up), num_ranks))
        for name, value in expected(work).items():
            np.testing.assert_allclose(whole[name], value.numpy(), rtol=1e-10, atol=1e-12, err_msg=f"{options} {name}")
    moved = [len(layers.spill(layers.batch(num_ranks, **options).counts()).transfers) for options in CASES.values()]
    assert moved[1] >= 1
    assert moved[2] >= num_ranks - 2


def by_the_real_planner(rank, num_ranks):
    """Return results and gradients of the experts by plans of `plan_spill`, and how many weights moved."""
    work = layers.batch(num_ranks, skew=0.6, experts=11, padding=0.3)
    layer = moe.ExpertParallel(11, timeout_s=30)
    own = torch.from_numpy(layer.home == rank)
    hidden, ids, router = work.of(rank)
    counts = layer.counts(ids)
    found = []
    for options in ({"tolerance": 0.0}, {"tolerance": 0.1, "fanout": "relay"}, {"tolerance": 0.0, "max_foreign": 1}):
        plan = moe.plan_spill(counts, num_ranks, **options)
        gate_up = work.gate_up[own].clone().requires_grad_()
        result = layer(hidden, ids, router, (gate_up, work.down[own]), plan=plan)
        loss(result, sum(work.rows[:rank]) * hidden.shape[1]).backward()
        found.append((result.detach().numpy(), gate_up.grad.numpy(), len(plan.transfers)))
    return found


def test_plans_of_the_planner_give_the_single_process_results():
    ranks = _ranks.run(4, by_the_real_planner)
    work = layers.batch(4, skew=0.6, experts=11, padding=0.3)
    values = expected(work)
    for index in range(3):
        result, gate_up = (np.concatenate([rank[index][part] for rank in ranks]) for part in (0, 1))
        np.testing.assert_allclose(result, values["result"].numpy(), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(gate_up, values["gate_up"].numpy(), rtol=1e-10, atol=1e-12)
        assert ranks[0][index][2] > 0


def polynomial(rows, scale, shift):
    """Return what an expert with two vectors as weights computes."""
    return rows * rows * scale + shift


def user_expert(rank, num_ranks):
    """Return result and gradients with an expert of the user's, scattered homes, and frozen first weights."""
    work = layers.batch(num_ranks, skew=0.6)
    home = np.arange(8) * 5 % num_ranks
    layer = moe.ExpertParallel(8, home=home, expert=polynomial, timeout_s=20)
    own = torch.from_numpy(layer.home == rank)
    hidden, ids, router = work.of(rank)
    scale, shift = work.down[own][:, 0], work.down[own][:, 1].clone().requires_grad_()
    result = layer(hidden, ids, router, (scale, shift), plan=functools.partial(layers.spill, home=home))
    result.sum().backward()
    counts = layer.counts(ids)
    assert np.array_equal(counts, work.counts())
    with torch.no_grad():
        again = layer(hidden, ids, router, (scale, shift), plan=layers.spill(counts, home=home))
    assert not again.requires_grad
    assert torch.equal(again, result)
    return result.detach().numpy(), shift.grad.numpy(), home[home == rank]


def test_experts_of_the_user_with_homes_of_the_user():
    ranks = _ranks.run(4, user_expert)
    work = layers.batch(4, skew=0.6)
    scale, shift = work.down[:, 0], work.down[:, 1].clone().requires_grad_()
    parts = polynomial(work.hidden[:, None], scale[work.ids], shift[work.ids])
    whole = (parts * work.router[..., None]).sum(1)
    whole.sum().backward()
    np.testing.assert_allclose(np.concatenate([rank[0] for rank in ranks]), whole.detach().numpy(), rtol=1e-10)
    order = np.argsort(np.arange(8) * 5 % 4, kind="stable")
    np.testing.assert_allclose(np.concatenate([rank[1] for rank in ranks]), shift.grad.numpy()[order], rtol=1e-10)


def grouped_and_half(rank, num_ranks):
    """Return bfloat16 results of the grouped GEMM and of the loop, and their gradients."""
    found = []
    for gemm in ("grouped", "loop"):
        work = layers.batch(num_ranks, skew=0.6, inner=16, dtype=torch.bfloat16)
        layer = moe.ExpertParallel(8, gemm=gemm, timeout_s=20)
        own = torch.from_numpy(layer.home == rank)
        hidden, ids, router = work.of(rank)
        leaves = [part.clone().requires_grad_() for part in (hidden, work.gate_up[own], work.down[own])]
        result = layer(leaves[0], ids, router.float(), leaves[1:], plan=layers.spill)
        assert result.dtype == torch.bfloat16
        (result.float() ** 2).sum().backward()
        found.append([tensor.detach().float().numpy() for tensor in (result, *(leaf.grad for leaf in leaves))])
    work.hidden, work.gate_up, work.down = work.hidden.float(), work.gate_up.float(), work.down.float()
    found.append(layers.single(work).split(work.rows)[rank].numpy())
    return found


def test_bfloat16_by_grouped_gemm_and_by_loop():
    if not hasattr(torch, "_grouped_mm"):
        pytest.skip("this torch has no grouped GEMM")
    for grouped, loop, exact in _ranks.run(2, grouped_and_half):
        np.testing.assert_allclose(grouped[0], exact, atol=0.02 * np.abs(exact).max())
        for one, other in zip(grouped, loop, strict=False):
            np.testing.assert_allclose(one, other, atol=0.02 * np.abs(other).max())


def recomputed(rank, num_ranks):
    """Return gradients through three layers, the middle one recomputed in the backward pass, twice."""
    from torch.utils.checkpoint import checkpoint

    work = layers.batch(num_ranks, skew=0.6)
    layer = moe.ExpertParallel(8, timeout_s=20)
    own = torch.from_numpy(layer.home == rank)
    hidden, ids, router = work.of(rank)
    found = []
    for reentrant in (None, False, True):
        leaves = [tensor.clone().requires_grad_() for tensor in (hidden, work.gate_up[own], work.down[own])]

        def step(rows, leaves=leaves):
            return layer(rows.sin(), ids, router, leaves[1:], plan=layers.spill).tanh()

        middle = step(step(leaves[0]))
        last = step(middle) if reentrant is None else checkpoint(step, middle, use_reentrant=reentrant)
        last.sum().backward()
        found.append([leaf.grad.clone().numpy() for leaf in leaves])
    with pytest.raises(RuntimeError, match="ran before"):
        twice(step(leaves[0]))
    return found


def twice(result):
    result.sum().backward(retain_graph=True)
    result.sum().backward()


def test_same_bits_every_time_and_with_recomputation():
    for first, kept, again in _ranks.run(2, recomputed):
        for one, other, third in zip(first, kept, again, strict=True):
            assert np.array_equal(one, other)
            np.testing.assert_allclose(one, third, rtol=1e-12, atol=1e-15)
