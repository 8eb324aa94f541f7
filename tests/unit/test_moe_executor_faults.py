"""The executor when ranks die, sleep, or disagree: typed errors on every rank, in time, and never a hang."""

import os
import re
import time

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import _moe_layers as layers  # noqa: E402
import _ranks  # noqa: E402
from paretoserve import errors, moe  # noqa: E402

TIMEOUT_S = 2.0
# No wait ends by this, however busy the machine.
LONG_S = 40.0


def dies_or_sleeps(rank, num_ranks, where, how):
    """Run passes until rank 1 fails at a place; return what each rank is told, after how long, and when.

    Of rank 1 when it wakes up again.
    """
    work = layers.batch(num_ranks, skew=0.6)
    woke = []

    def fail():
        if rank == 1:
            os._exit(9) if how == "die" else time.sleep(4 * TIMEOUT_S)
            woke.append(time.monotonic())

    def expert(rows, gate_up, down):
        if calls and where == "experts":
            fail()
        return rows @ gate_up[:, :12] @ down

    def planner(counts):
        if calls and where == "planner":
            fail()
        return layers.spill(counts)

    calls = []
    layer = moe.ExpertParallel(8, expert=expert, timeout_s=LONG_S if how == "die" else TIMEOUT_S)
    own = torch.from_numpy(layer.home == rank)
    hidden, ids, router = work.of(rank)
    gate_up = work.gate_up[own].clone().requires_grad_()
    layer(hidden, ids, router, (gate_up, work.down[own]), plan=planner)
    calls.append(1)
    if where == "outside":
        fail()
    start = time.monotonic()

    def further():
        result = layer(hidden, ids, router, (gate_up, work.down[own]), plan=planner)
        if where == "backward":
            fail()
        result.sum().backward()
        layer.counts(ids)

    with pytest.raises(errors.RankLostError) as caught:
        further()
    told = time.monotonic()
    with pytest.raises(errors.RankLostError, match="failed before"):
        layer.counts(ids)
    return str(caught.value), told - start, woke[0] if woke else told


@pytest.mark.parametrize("where", ["outside", "planner", "experts", "backward"])
def test_a_killed_rank_is_named_at_once(where):
    found = _ranks.run(3, dies_or_sleeps, where, "die", raises=True)
    assert found[1] == _ranks.Gone(9)
    for text, seconds, _ in (found[0], found[2]):
        assert seconds < LONG_S / 2
        assert re.search(r"closed .* to rank: .*\b1\b", text)


def dies_between(rank, num_ranks):
    """Run a pass for which rank 2 comes first and rank 0 last, rank 1 ending between them."""
    work = layers.batch(num_ranks)
    layer = moe.ExpertParallel(8, timeout_s=LONG_S)
    own = torch.from_numpy(layer.home == rank)
    hidden, ids, router = work.of(rank)
    call = (hidden, ids, router, (work.gate_up[own], work.down[own]))
    layer(*call)
    start = time.monotonic()
    time.sleep({0: 0.6, 1: 0.3, 2: 0}[rank])
    if rank == 1:
        os._exit(9)
    with pytest.raises(errors.RankLostError) as caught:
        layer(*call)
    return str(caught.value), time.monotonic() - start


def test_a_rank_that_waits_for_one_that_gave_up_is_told():
    found = _ranks.run(3, dies_between, raises=True)
    for text, seconds in (found[0], found[2]):
        assert seconds < LONG_S / 2
        assert re.search(r"closed .* to rank: .*\b1\b", text)


@pytest.mark.parametrize("where", ["outside", "experts", "backward"])
def test_a_slow_rank_ends_the_wait(where):
    found = _ranks.run(3, dies_or_sleeps, where, "sleep", raises=True)
    for text, seconds, told in (found[0], found[2]):
        assert seconds > TIMEOUT_S - 0.5
        assert told < found[1][2]
        assert re.search("within 2 s|closed during", text)
    assert any("rank 1 did not answer within 2 s" in text for text, *_ in (found[0], found[2]))


def late_rank(rank, num_ranks):
    """Return what happens when rank 1 never makes its layer."""
    if rank == 1:
        return
    with pytest.raises(errors.RankLostError, match="not all of the 2 ranks came to make the layer within 1 s"):
        moe.ExpertParallel(8, timeout_s=1)


def test_a_rank_that_never_comes_ends_the_wait():
    _ranks.run(2, late_rank)


def odd_rank(rank, num_ranks, change):
    """Make a call in which rank 2's input is changed; then one as it should be, which works again."""
    work = layers.batch(num_ranks)
    layer = moe.ExpertParallel(8, timeout_s=20)
    own = torch.from_numpy(layer.home == rank)
    hidden, ids, router = work.of(rank)
    call = {"hidden": hidden, "topk_ids": ids, "topk_weights": router, "weights": [work.gate_up[own], work.down[own]]}
    text = kind = None
    try:
        layer(**(change(dict(call)) if rank == 2 else call))
    except Exception as error:
        kind, text = type(error).__name__, str(error)
    result = layer(**call, plan=layers.spill)
    np.testing.assert_allclose(result.numpy(), layers.single(work).split(work.rows)[rank].numpy(), rtol=1e-10)
    return kind, text


def narrow(call):
    return call | {"hidden": call["hidden"][:, :8], "weights": [call["weights"][0][:, :8], call["weights"][1][..., :8]]}


def single_precision(call):
    return call | {"hidden": call["hidden"].float(), "weights": [weight.float() for weight in call["weights"]]}


def other_plan(call):
    return call | {"plan": layers.spill(np.ones((3, 8), dtype=np.int64))}


def frozen(call):
    return call | {"hidden": call["hidden"].clone().requires_grad_()}


def one_choice(call):
    return call | {"topk_ids": call["topk_ids"][:, :1], "topk_weights": call["topk_weights"][:, :1]}


def wrong_id(call):
    return call | {"topk_ids": call["topk_ids"] + 7}


def short_weights(call):
    return call | {"weights": [weight[1:] for weight in call["weights"]]}


def elsewhere(call):
    return call | {"hidden": call["hidden"].to("meta")}


def whole_numbers(call):
    return call | {"topk_ids": call["topk_ids"].float()}


def no_plan(call):
    return call | {"plan": 5}


def device_plan(call):
    return call | {"plan": moe.DeviceSpillPlan(*[None] * 8)}


def nothing(call):
    return call | {"weights": [None, None]}


class Unreadable:
    @property
    def ndim(self):
        raise RuntimeError("out of memory")


def no_ids(call):
    return call | {"topk_ids": Unreadable()}


@pytest.mark.parametrize(
    ("change", "words", "kind"),
    [
        (no_plan, "`plan` must have `quota` and `transfers`, as a SpillPlan has, got int", "DtypeError"),
        (device_plan, "`plan` is on a CUDA device", "DeviceError"),
        (nothing, "NoneType", "AttributeError"),
        (no_ids, "out of memory", "RuntimeError"),
        (narrow, "hidden size: rank 0 has 16, rank 2 has 8", "RankMismatchError"),
        (single_precision, "dtype of the hidden states", "RankMismatchError"),
        (other_plan, "ranks disagree on the plan", "RankMismatchError"),
        (frozen, "inputs that need gradients", "RankMismatchError"),
        (one_choice, "experts per token: rank 0 has 2, rank 2 has 1", "RankMismatchError"),
        (wrong_id, "`topk_ids` must be from 0 to 7, or -1", "ValueError"),
        (short_weights, r"`weights[0]` must have one row for each of this rank's 2 experts", "ShapeError"),
        (elsewhere, "must be on one device of type cpu", "DeviceError"),
        (whole_numbers, "`topk_ids` must be int32 or int64", "ShapeError"),
    ],
)
def test_every_rank_hears_of_the_odd_one(change, words, kind):
    found = _ranks.run(3, odd_rank, change)
    assert [one[0] for one in found] == ["RankMismatchError", "RankMismatchError", kind]
    assert all(words in one[1] for one in found)


def odd_layer(rank, num_ranks, options):
    """Make layers that differ on the last rank."""
    try:
        moe.ExpertParallel(**(options if rank == num_ranks - 1 else {"num_experts": 8}), timeout_s=20)
    except Exception as error:
        return type(error).__name__, str(error)


@pytest.mark.parametrize(
    ("options", "words", "kind"),
    [
        ({"num_experts": 9}, "number of experts: rank 0 has 8, rank 1 has 9", "RankMismatchError"),
        ({"num_experts": 8, "home": [0, 1] * 4}, "home ranks", "RankMismatchError"),
        ({"num_experts": 8, "home": [0, 2] * 4}, "`home` must be from 0 to 1, got 2 for expert 1", "ValueError"),
        ({"num_experts": 8, "home": [0.0] * 8}, "`home` must hold integers", "DtypeError"),
        ({"num_experts": 8, "home": [0]}, "`home` must have shape (8,)", "ShapeError"),
    ],
)
def test_layers_that_differ_are_refused(options, words, kind):
    found = _ranks.run(2, odd_layer, options)
    assert [one[0] for one in found] == ["RankMismatchError", kind]
    assert all(words in one[1] for one in found)


def broken_plan(rank, num_ranks):
    """Return what every rank says of a plan for other tokens; the layer works afterwards."""
    work = layers.batch(num_ranks, skew=5.0)
    layer = moe.ExpertParallel(8, timeout_s=20)
    own = torch.from_numpy(layer.home == rank)
    hidden, ids, router = work.of(rank)
    weights = work.gate_up[own], work.down[own]
    with pytest.raises(ValueError, match="hint: plan from the counts of this very step") as caught:
        layer(hidden, ids, router, weights, plan=lambda counts: layers.spill(counts + 1))
    layer(hidden, ids, router, weights, plan=layers.spill)
    return str(caught.value)


def test_a_plan_for_other_tokens_is_refused_on_all_ranks():
    found = _ranks.run(2, broken_plan)
    assert found[0] == found[1]


def raising_planner(rank, num_ranks):
    """Return what every rank is told when the planner of rank 1 raises."""
    layer = moe.ExpertParallel(8, timeout_s=20)
    work = layers.batch(num_ranks)
    own = torch.from_numpy(layer.home == rank)

    def planner(counts):
        return layers.spill(counts) if rank == 0 else counts[5]

    with pytest.raises((errors.RankMismatchError, IndexError)) as caught:
        layer(*work.of(rank), (work.gate_up[own], work.down[own]), plan=planner)
    return type(caught.value).__name__, str(caught.value)


def test_a_planner_that_raises_on_one_rank_is_heard_by_all():
    (kind, text), (own, _) = _ranks.run(2, raising_planner)
    assert (kind, own) == ("RankMismatchError", "IndexError")
    assert "rank 1 could not take part: IndexError" in text


def test_without_a_group_there_is_a_hint():
    with pytest.raises(errors.DeviceError, match="hint: call torch"):
        moe.ExpertParallel(8)
    with pytest.raises(ValueError, match="`num_experts`"):
        moe.ExpertParallel(0)
    with pytest.raises(ValueError, match="`gemm` must be one of auto, grouped, loop"):
        moe.ExpertParallel(8, gemm="fast")
    for seconds in (float("nan"), "5", True, 0):
        with pytest.raises(ValueError, match="`timeout_s`"):
            moe.ExpertParallel(8, timeout_s=seconds)
