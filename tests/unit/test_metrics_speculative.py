"""Speculative decoding: accepted lengths by position, the speed-up model, and the draft that fits the batch."""

import numpy as np
import pytest

from _data import data
from paretoserve.errors import ShapeError
from paretoserve.metrics.acceptance import acceptance_length, acceptance_rates, token_rates
from paretoserve.metrics.speculative import (
    expected_acceptance_length,
    optimal_draft_length,
    speculative_speedup,
    verification_slowdown,
)

# An 8B model in two bytes on an H100: compute-bound from 295.2 tokens on.
GPU = {"parameters": 8e9, "weight_bytes": 16e9, "flops_per_s": 989e12, "bytes_per_s": 3.35e12}
DRAFTS = np.arange(33)


def test_published_acceptance():
    acceptance = acceptance_rates([1, 2, 4], [2, 3, 5])
    assert acceptance.joint.tolist() == [1, 0.8, 0.5, 0.5]
    assert acceptance.conditional.tolist() == [1, 0.8, 0.625, 1]
    assert acceptance.length == pytest.approx(2.8)


@pytest.mark.parametrize("seed", range(5))
def test_acceptance_equals_the_obvious_count(seed):
    random = np.random.default_rng(seed)
    lengths = random.integers(1, 9, 50)
    acceptance = acceptance_rates(lengths)
    longest = lengths.max()
    joint = [np.mean(lengths >= k) for k in range(1, longest + 1)]
    assert acceptance.joint == pytest.approx(joint)
    assert acceptance.conditional == pytest.approx([1, *(np.array(joint[1:]) / joint[:-1])])
    assert np.prod(acceptance.conditional) == pytest.approx(joint[-1])
    assert acceptance.length == pytest.approx(lengths.mean())
    values, counts = np.unique(lengths, return_counts=True)
    counted = acceptance_rates(values, counts)
    assert counted.joint == pytest.approx(acceptance.joint)
    # A length that never occurs, counted 0, changes nothing.
    assert acceptance_rates([*values, 20], [*counts, 0]).joint == pytest.approx(acceptance.joint)


def test_turns_weigh_alike_unless_pooled():
    lengths, turns = [4, 2, 2, 2], [7, 9, 9, 9]
    assert acceptance_length(lengths, turns) == 3
    assert acceptance_length(lengths, turns, pooled=True) == 2.5
    assert acceptance_length(lengths, turns, pooled=True) == acceptance_rates(lengths).length


def test_rates_of_a_run():
    rates = token_rates([10.0, 11.0, 12.0], [10.5, 11.2, 13], [12.5, 13.2, 13], [11, 21, 1], num_gpus=2)
    assert rates.tokens_per_s == pytest.approx(33 / 3.2)
    assert rates.tokens_per_gpu_s == pytest.approx(33 / 6.4)
    assert rates.time_to_first_token_s == pytest.approx([0.5, 0.2, 1])
    assert rates.user_tokens_per_s[:2] == pytest.approx([5, 10])
    assert np.isnan(rates.user_tokens_per_s[2])


def test_published_model():
    lengths = expected_acceptance_length(0.8, [1, 3, 5, 8])
    assert lengths == pytest.approx([1.8, 2.952, 3.6893, 4.3289], abs=5e-5)
    speedups = speculative_speedup(lengths, [1, 3, 5, 8], 0.05)
    assert speedups == pytest.approx([1.7143, 2.5670, 2.9514, 3.0921], abs=5e-5)
    best = [optimal_draft_length(expected_acceptance_length(a, DRAFTS), 0.05).num_tokens for a in (0.6, 0.8, 0.9)]
    assert best == [4, 8, 13]


def test_published_optimum_per_batch():
    batch = np.array([1, 32, 64, 128, 256, 512])
    slowdown = verification_slowdown(batch[:, None], DRAFTS, **GPU)
    choice = optimal_draft_length(expected_acceptance_length(0.8, DRAFTS), 0.05, slowdown)
    assert choice.num_tokens.tolist() == [8, 8, 4, 2, 1, 0]
    assert choice.speedup == pytest.approx([3.092, 3.092, 2.618, 1.742, 1.009, 1.0], abs=5e-4)


def test_expected_length_is_the_geometric_sum():
    for chance in (0, 1e-9, 0.3, 0.999999999, 1):
        for drafted in (0, 1, 2, 10):
            exact = sum(chance**k for k in range(drafted + 1))
            assert expected_acceptance_length(chance, drafted) == pytest.approx(exact, rel=1e-13)


def test_expected_length_is_that_of_simulated_drafts():
    random = np.random.default_rng(0)
    accepted = random.random((20_000, 5)) < 0.7
    lengths = 1 + np.cumprod(accepted, axis=1).sum(axis=1)
    assert acceptance_rates(lengths).length == pytest.approx(expected_acceptance_length(0.7, 5), rel=0.01)
    # Given a first accepted token the next is accepted at the same rate.
    assert acceptance_rates(lengths).conditional[1:] == pytest.approx([0.7] * 5, abs=0.02)


def test_verification_is_free_until_the_ridge():
    ridge = 16e9 / 3.35e12 * 989e12 / 16e9
    assert ridge == pytest.approx(295.2, abs=0.05)
    assert verification_slowdown([1, 73], 3, **GPU).tolist() == [1, 1]
    assert verification_slowdown(1000, 3, **GPU) == 4
    assert verification_slowdown(200, 1, **GPU) == pytest.approx(400 / ridge)


def test_drafts_that_never_pay_are_not_made():
    choice = optimal_draft_length(expected_acceptance_length(0.05, DRAFTS), 0.5)
    assert (choice.num_tokens, choice.speedup) == (0, 1)
    assert optimal_draft_length([1.0], 0.1).num_tokens == 0
    # Equal speed-ups: the shortest.
    assert optimal_draft_length([1.0, 1.5, 2.0], 0.5).num_tokens == 0


def test_measured_curves_have_an_optimum():
    curves = data("perf/specdec/qwen3.5_mtp.yaml")
    yaml = pytest.importorskip("yaml")
    for modes in yaml.safe_load(curves.read_text()).values():
        for curve in modes.values():
            lengths = np.array([1.0] + [curve[k] for k in sorted(curve)])
            free = optimal_draft_length(lengths, 0.0)
            dear = optimal_draft_length(lengths, 0.2)
            assert free.speedup == lengths.max()
            assert 0 < dear.num_tokens <= free.num_tokens
            assert 1 < dear.speedup < free.speedup


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: acceptance_rates([0, 1]), ValueError, "`lengths` .* got 0.0 in row 0"),
        (lambda: acceptance_rates([1.5]), ValueError, "`lengths` must be whole numbers"),
        (lambda: acceptance_rates([]), ShapeError, "`lengths`"),
        (lambda: acceptance_rates([1, 2], [0, 0]), ValueError, "`counts` must not all be 0"),
        (lambda: acceptance_rates([1, 2], [1]), ShapeError, "`counts` must have the shape of `lengths`"),
        (lambda: acceptance_length([1, 2], [0]), ShapeError, "`turns` must have the shape of `lengths`"),
        (lambda: token_rates([1], [0.5], [2], [3]), ValueError, "`first_token_s` must not be before `start_s`.*row 0"),
        (lambda: token_rates([0], [1], [0.5], [3]), ValueError, "`end_s` must not be before `first_token_s`"),
        (lambda: token_rates([0], [1], [1], [3]), ValueError, "`end_s` must be after `first_token_s`"),
        (lambda: token_rates([0], [0], [0], [1]), ValueError, "`end_s`"),
        (lambda: expected_acceptance_length(1.1, 3), ValueError, "`acceptance` .* got 1.1"),
        (lambda: expected_acceptance_length(0.5, -1), ValueError, "`num_draft_tokens` .* got -1.0"),
        (lambda: speculative_speedup(0.5, 1, 0.1), ValueError, "`length` .* got 0.5"),
        (lambda: speculative_speedup(2, 1, -0.1), ValueError, "`draft_cost` .* got -0.1"),
        (lambda: speculative_speedup(2, 1, 0.1, 0), ValueError, "`slowdown` .* above 0, got 0.0"),
        (lambda: optimal_draft_length([1.8, 2.0], 0.1), ValueError, "`lengths` must start with 1"),
        (lambda: optimal_draft_length(1.0, 0.1), ShapeError, "`lengths` must have an entry per number"),
        (lambda: verification_slowdown(0, 1, **GPU), ValueError, "`batch_size`"),
        (lambda: verification_slowdown(1, 1, **{**GPU, "bytes_per_s": 0}), ValueError, "`bytes_per_s` .* above 0"),
    ],
)
def test_bad_input_is_named(call, error, text):
    with pytest.raises(error, match=text):
        call()
