"""Information capacity: two published shapes, the count of multiply-adds by hand, the bias that the README omits."""

import numpy as np
import pytest

from paretoserve.errors import ShapeError
from paretoserve.metrics.capacity import (
    decode_flops_per_token,
    information_capacity,
    mean_loss_bits,
    mean_text_bits,
)

QWEN = (896, 24, 14, 2, 4864, 151_936)
LLAMA = (4096, 32, 32, 8, 14_336, 128_256)


def counted(d, layers, heads, kv_heads, d_ff, vocabulary, head_dim, matrices, experts, generated, context):
    total = 0
    for step in range(generated):
        for _ in range(layers):
            total += 2 * d * head_dim * (2 * heads + 2 * kv_heads)
            total += 2 * matrices * d * d_ff * experts
            total += 2 * 2 * heads * head_dim * (context + step)
        total += 2 * d * vocabulary
    return total / generated


def test_published_shapes():
    assert decode_flops_per_token(*QWEN) == 1_031_919_616
    assert decode_flops_per_token(*LLAMA) == 15_277_490_176
    assert np.log2(decode_flops_per_token(*QWEN)) == pytest.approx(29.94268, abs=5e-6)
    assert np.log2(decode_flops_per_token(*LLAMA)) == pytest.approx(33.83069, abs=5e-6)


def test_published_capacity():
    flops = decode_flops_per_token(*QWEN)
    assert information_capacity(32.0, 2.9, flops, bias=-24) == pytest.approx(0.170325, abs=5e-7)
    # The default is the bias of mixed text; the README's formula has none.
    assert information_capacity(32.0, 2.9, flops) == information_capacity(32.0, 2.9, flops, bias=-24)
    assert information_capacity(32.0, 2.9, flops, bias=0) == pytest.approx(29.1 / 29.94268, abs=1e-6)


def test_flops_equal_the_count_step_by_step():
    shape = (48, 3, 6, 2, 100, 500)
    for options in (
        {},
        {"head_dim": 16},
        {"num_matrices": 2, "active_experts": 4},
        {"num_tokens": 7, "context": 30},
        {"num_tokens": 1},
    ):
        full = {"head_dim": 8, "num_matrices": 3, "active_experts": 1, "num_tokens": 1024, "context": 0} | options
        expected = counted(*shape, *full.values())
        assert decode_flops_per_token(*shape, **options) == pytest.approx(expected, rel=1e-14)


def test_flops_broadcast_and_grow():
    tokens = decode_flops_per_token(*QWEN, context=[0, 1000, 100_000])
    assert np.all(np.diff(tokens) > 0)
    assert decode_flops_per_token([896, 4096], [24, 32], [14, 32], [2, 8], [4864, 14_336], [151_936, 128_256]) == (
        pytest.approx([1_031_919_616, 15_277_490_176], rel=0)
    )
    # Beyond 64-bit integers.
    assert np.isfinite(decode_flops_per_token(2**40, 2**20, 1, 1, 2**40, 2**40, num_tokens=2**40))


def test_capacity_rises_with_text_and_falls_with_loss_and_work():
    assert np.all(np.diff(information_capacity([30, 31, 32], 3, 1e9)) > 0)
    assert np.all(np.diff(information_capacity(32, [2, 3, 4], 1e9)) < 0)
    assert np.all(np.diff(information_capacity(32, 3, [1e8, 1e9, 1e10])) < 0)


def test_means_weigh_samples_or_tokens():
    size, tokens = [40, 10], [10, 5]
    assert mean_text_bits(size, tokens) == pytest.approx((8 * 40 / 10 + 8 * 10 / 5) / 2)
    assert mean_text_bits(size, tokens, pooled=True) == pytest.approx(8 * 50 / 15)
    assert mean_loss_bits(np.log(2) * np.array([2, 7]), [1, 2]) == pytest.approx(3.0)
    assert mean_text_bits([40, 40], [10, 10]) == mean_text_bits([40, 40], [10, 10], pooled=True)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: information_capacity(32, 3, 1), ValueError, "`flops_per_token` .* above 1, got 1.0"),
        (lambda: information_capacity([32, -1], 3, 1e9), ValueError, "`text_bits` .* got -1.0 in row 1"),
        (lambda: information_capacity(32, np.nan, 1e9), ValueError, "`loss_bits` .* got nan"),
        (lambda: information_capacity([1, 2], [1, 2, 3], 1e9), ShapeError, "must broadcast"),
        (lambda: mean_text_bits([40], [0]), ValueError, "`num_tokens` .* got 0.0 in row 0"),
        (lambda: mean_text_bits([], []), ShapeError, "`num_bytes`"),
        (lambda: mean_loss_bits([-1], [1]), ValueError, "`loss_nats` .* got -1.0 in row 0"),
        (lambda: decode_flops_per_token(100, 1, 3, 1, 1, 1), ValueError, "`num_heads` must divide `d_model`\nhint"),
        (lambda: decode_flops_per_token(64, 0, 4, 1, 1, 1), ValueError, "`num_layers` .* got 0"),
        (lambda: decode_flops_per_token(64, 1, 4, 1, 1.5, 1), ValueError, "`d_ff` must be whole numbers, got 1.5"),
    ],
)
def test_bad_input_is_named(call, error, text):
    with pytest.raises(error, match=text):
        call()
