"""Synthetic loads: what a router can produce, what it cannot, and the same from the same seed."""

import numpy as np
import pytest

from paretoserve.errors import DtypeError, ShapeError
from paretoserve.moe import loads

DRAWN = {
    "batches": lambda tokens, seed: loads.batches(2.0 ** -np.arange(32), tokens, 4, steps=3, seed=seed),
    "power_law": lambda tokens, seed: loads.power_law(32, tokens, 4, layers=2, steps=3, seed=seed),
    "hot_spot": lambda tokens, seed: loads.hot_spot(32, tokens, 4, share=0.25, steps=9, layers=2, seed=seed),
    "burst": lambda tokens, seed: loads.burst(
        32, tokens, 4, share=0.5, num_hot=2, start=2, length=3, steps=9, seed=seed
    ),
    "hot_rank": lambda tokens, seed: loads.hot_rank(32, tokens, 4, num_ranks=8, rank=3, share=0.9, seed=seed),
}


def matrix(counts, tokens):
    """Return router choices with these counts: each token takes the experts that have most copies left."""
    left, rows = counts.copy(), []
    for _ in range(tokens):
        chosen = np.argsort(-left, kind="stable")[:4]
        left[chosen] -= 1
        rows.append(chosen)
    assert not left.any()
    return np.array(rows)


@pytest.mark.parametrize("kind", DRAWN)
def test_a_router_can_produce_them(kind):
    drawn = DRAWN[kind](50, 1)
    assert drawn.impossible == ""
    assert (drawn.counts.sum(axis=-1) == 200).all()
    for counts in drawn.counts.reshape(-1, 32):
        assert matrix(counts, 50).shape == (50, 4)


@pytest.mark.parametrize("kind", DRAWN)
def test_a_seed_decides(kind):
    assert np.array_equal(DRAWN[kind](50, 1).counts, DRAWN[kind](50, 1).counts)
    assert not np.array_equal(DRAWN[kind](50, 1).counts, DRAWN[kind](50, 2).counts)


@pytest.mark.parametrize("kind", DRAWN)
def test_each_source_rank_is_possible_by_itself(kind):
    drawn = DRAWN[kind]([30, 0, 7], 1)
    assert drawn.counts.shape[2] == 3
    assert (drawn.counts.sum(axis=3) == np.array([120, 0, 28])).all()
    assert (drawn.counts <= np.array([30, 0, 7])[:, None]).all()
    assert drawn.impossible == ""
    assert drawn.totals.shape == (*drawn.counts.shape[:2], 32)


def test_batches_follow_their_profile():
    profile = np.array([[4, 3, 2, 1], [1, 1, 1, 1]])
    counts = loads.batches(profile, 10**6, 1, steps=2, seed=3).counts
    np.testing.assert_allclose(
        counts / 10**6, np.broadcast_to(profile / profile.sum(1, keepdims=True), (2, 2, 4)), atol=5e-3
    )


def test_power_law_is_flat_at_zero_and_steep_at_high_exponents():
    skew = [
        loads.power_law(256, 4096, 8, exponent=exponent, layers=8).ratio(256).mean() for exponent in (0, 0.6, 1.01, 1.2)
    ]
    assert skew == sorted(skew)
    assert skew[0] < 2.5 < skew[3]


def test_shares_are_met_and_hot_spots_move():
    drawn = loads.hot_spot(16, 10_000, 2, share=0.4, num_hot=2, period=3, steps=12, seed=5)
    hot = np.sort(np.argsort(-drawn.counts[:, 0], axis=1)[:, :2], axis=1)
    shares = np.take_along_axis(drawn.counts[:, 0], hot, axis=1).sum(axis=1) / 20_000
    np.testing.assert_allclose(shares, 0.4, atol=0.02)
    assert len(np.unique(hot, axis=0)) == 4
    assert (hot.reshape(4, 3, 2) == hot.reshape(4, 3, 2)[:, :1]).all()


def test_burst_comes_and_goes():
    drawn = loads.burst(16, 10_000, 2, share=0.5, start=4, length=3, steps=10, seed=5)
    assert np.flatnonzero(drawn.ratio(16)[:, 0] > 4).tolist() == [4, 5, 6]


def test_a_share_above_one_copy_per_token_is_refused():
    with pytest.raises(ValueError, match=r"at most 1 / 2 of all copies"):
        loads.hot_spot(8, 100, 2, share=0.6)
    assert loads.hot_spot(8, 100, 2, share=0.5, steps=1).counts.max() == 100


def test_published_scenarios_mark_what_cannot_be():
    possible = {}
    for share, num_hot in loads.SCENARIOS:
        drawn = loads.llep_scenario(128, 8 * 32768, 4, share=share, num_hot=num_hot)
        assert drawn.counts.sum() == 8 * 32768 * 4
        possible[share, num_hot] = not drawn.impossible
        assert possible[share, num_hot] == (share <= min(num_hot, 4) / 4)
        cut = loads.llep_scenario(128, 8 * 32768, 4, share=share, num_hot=num_hot, possible=True)
        assert cut.impossible == ""
        assert np.array_equal(cut.counts, drawn.counts) == possible[share, num_hot]
    assert sum(possible.values()) == 9
    assert len(loads.SCENARIOS) == 13


def test_layers_of_one_expert_and_steps_without_tokens():
    assert loads.power_law(1, 10, 1).counts.tolist() == [[[10]]]
    assert loads.batches([1, 2], 0, 1).ratio(2).tolist() == [[1.0]]
    assert loads.batches([0, 0, 5], 3, 2).counts[0, 0].sum() == 6


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: loads.batches([], 1, 1), ShapeError, "`profile` must have shape"),
        (lambda: loads.batches(["a"], 1, 1), DtypeError, "`profile` must hold numbers"),
        (lambda: loads.batches([1, -1], 1, 1), ValueError, "not negative"),
        (lambda: loads.batches([1, np.nan], 1, 1), ValueError, "finite"),
        (lambda: loads.batches([0, 0], 1, 1), ValueError, "above zero in each layer"),
        (lambda: loads.batches([1, 1], -1, 1), ValueError, "`num_tokens`"),
        (lambda: loads.batches([1, 1], [1.5], 1), DtypeError, "`num_tokens`"),
        (lambda: loads.batches([1, 1], 1, 3), ValueError, "`top_k` must be an integer from 1 to 2"),
        (lambda: loads.batches([1, 1], 1, 1, seed=-1), ValueError, "`seed`"),
        (lambda: loads.power_law(8, 8, 2, exponent=float("nan")), ValueError, "`exponent`"),
        (lambda: loads.power_law(0, 8, 2), ValueError, "`num_experts`"),
        (lambda: loads.burst(8, 8, 2, start=64), ValueError, "`start`"),
        (lambda: loads.hot_rank(8, 8, 2, num_ranks=9), ValueError, "`num_ranks`"),
        (lambda: loads.hot_rank(8, 8, 2, num_ranks=8, rank=8), ValueError, "`rank`"),
        (lambda: loads.llep_scenario(8, 8, 2, share=1.5, num_hot=1), ValueError, "`share`"),
        (lambda: loads.Loads(np.ones((2, 2), dtype=int)), ShapeError, "`counts` must have shape"),
        (lambda: loads.Loads(np.ones((1, 2, 2))), DtypeError, "`counts` must hold integers"),
        (lambda: loads.Loads(np.array([[[1, -2]]])), ValueError, r"got -2 at \(0, 0, 1\)"),
        (lambda: loads.Loads(np.array([[[2**62, 2**62]]])), ValueError, r"2\^53"),
        (lambda: loads.Loads(np.ones((1, 1, 1), dtype=int), labels=("a", "b")), ShapeError, "`labels`"),
        (lambda: loads.Loads(np.ones((1, 1, 1), dtype=int), top_k=0), ValueError, "`top_k`"),
        (lambda: loads.Loads([[[1, 2], [3]]]), ShapeError, "rows of the same length"),
    ],
)
def test_bad_input_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_what_a_router_cannot_give_is_said():
    assert "no multiple of 2" in loads.Loads(np.array([[[2, 1]]]), top_k=2).impossible
    text = loads.Loads(np.array([[[3, 1, 0]]]), top_k=2, name="mine").explain()
    assert text.startswith("mine: 1 steps, 1 layers, 3 experts, 4 token copies")
    assert text.endswith("impossible: expert 0 has 3 tokens of 2 (step 0, layer 0)")
    assert loads.Loads(np.array([[[1, 1]]]), top_k=2).to_dict()["counts"] == [[[1, 1]]]


def test_windows_follow_each_other():
    windows = np.array([[[1, 0, 0], [1, 1, 1]], [[0, 1, 0], [0, 0, 0]], [[0, 0, 1], [1, 1, 1]]])
    drawn = loads.batches(windows, 30, 1, steps=7)
    assert drawn.counts[:, 0].argmax(axis=1).tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert (drawn.counts[:, 1] > 0).all()  # no token reached this layer in the second window
    assert (loads.batches(windows, 30, 1, steps=2).counts[0, 0] > 0).tolist() == [True, True, False]
    with pytest.raises(ValueError, match="an expert above zero in each layer"):
        loads.batches(windows * [[[1], [0]]], 30, 1)
