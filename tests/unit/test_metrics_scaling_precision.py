"""The law of training in low-bit floats, at the numbers of the paper."""

import numpy as np
import pytest

from paretoserve import quant
from paretoserve.errors import ShapeError
from paretoserve.metrics.scaling.precision import (
    CHANNEL_BLOCK,
    FloatLaw,
    critical_tokens,
    float_training_loss,
    optimal_layout,
    optimal_precision,
)


def test_critical_tokens_are_those_of_the_paper():
    layouts = ([8, 4, 2], [7, 3, 1])
    assert critical_tokens(1e9, *layouts, block=128) / 1e12 == pytest.approx([1730, 27.3, 0.393], rel=2e-3)
    assert critical_tokens(1e9, *layouts, block=32) / 1e12 == pytest.approx([2396, 37.9, 0.544], rel=2e-3)
    assert critical_tokens(1e9, 4, 3, block=1) == np.inf


def test_the_loss_is_least_at_the_critical_tokens():
    for layout in ((2, 1), (4, 3), (3.2, 0.5)):
        best = critical_tokens(3e8, *layout, block=64)
        below, at, above = float_training_loss(3e8, best * np.array([0.99, 1, 1.01]), *layout, block=64)
        assert at < min(below, above)


def test_losses_at_a_hundred_billion_tokens():
    assert float_training_loss(1e9, 1e11, 8, 7) == pytest.approx(2.56262843, abs=5e-9)
    found = float_training_loss(1e9, 1e11, [4, 2, 2], [3, 1, 1], block=[128, 128, 32])
    assert found == pytest.approx([2.56306991, 2.59786595, 2.58779809], abs=6e-9)
    assert pytest.approx(2**13.1567) == CHANNEL_BLOCK
    assert float_training_loss(1e9, 1e11, 4, 3, block=CHANNEL_BLOCK) == pytest.approx(
        2.56262843 + (2.56306991 - 2.56262843) * 13.1567 / 7, abs=2e-7
    )


def test_real_layouts():
    found = optimal_layout([4, 6, 8, 16])
    assert found.mantissa_bits == pytest.approx([1.42, 2.38, 3.35, 7.19], abs=6e-3)
    assert found.exponent_bits == pytest.approx([1.58, 2.62, 3.65, 7.81], abs=6e-3)
    assert found.mantissa_bits + found.exponent_bits == pytest.approx([3, 5, 7, 15])


def test_whole_layouts_are_those_of_the_paper_and_of_quant():
    found = optimal_layout([4, 5, 6, 7, 8, 16], whole_bits=True)
    assert found.exponent_bits.tolist() == [2, 2, 3, 3, 4, 8]
    assert found.mantissa_bits.tolist() == [1, 2, 2, 3, 3, 7]
    for bits in range(1, 17):
        layout = optimal_layout(bits, whole_bits=True)
        assert (layout.exponent_bits, layout.mantissa_bits) == quant.optimal_em(bits)
    kept = FloatLaw(gamma=1).knowledge(np.array([2, 1, 4, 3]), np.array([1, 2, 3, 4]))
    assert kept == pytest.approx([61.76, 54.68, 4929, 4643], rel=1e-3)


def test_a_real_layout_is_at_least_as_good_as_every_whole_one():
    for bits in range(2, 17):
        real = optimal_layout(bits)
        best = float_training_loss(1e9, 1e12, real.exponent_bits, real.mantissa_bits, block=128)
        whole = float_training_loss(1e9, 1e12, np.arange(bits), bits - 1 - np.arange(bits), block=128)
        assert best <= whole.min()


def test_precisions_of_data_and_of_compute():
    assert optimal_precision(tokens=[1e11, 1e12, 1e13, 1e14]) == pytest.approx([4.27, 5.18, 6.28, 7.62], abs=6e-3)
    assert optimal_precision(compute=[1e21, 1e25, 1e31]) == pytest.approx([4.19, 5.31, 7.58], abs=6e-3)


def test_the_precision_of_data_has_the_least_loss_at_constant_compute():
    tokens, compute = 1e12, 1e22

    def loss(bits):
        layout = optimal_layout(bits)
        parameters = compute / (6 / 16 * bits * tokens)
        return float_training_loss(parameters, tokens, layout.exponent_bits, layout.mantissa_bits, block=128)

    best = optimal_precision(tokens=tokens)
    assert loss(best) < min(loss(best * 0.99), loss(best * 1.01))


def test_the_precision_of_compute_has_the_least_loss_of_all():
    def loss(bits, tokens):
        layout = optimal_layout(bits)
        parameters = 1e25 / (6 / 16 * bits * tokens)
        return float_training_loss(parameters, tokens, layout.exponent_bits, layout.mantissa_bits, block=128)

    best = optimal_precision(compute=1e25)
    tokens = np.geomspace(1e11, 1e15, 4001)
    least = {bits: loss(bits, tokens).min() for bits in (best * 0.98, best, best * 1.02)}
    assert min(least, key=least.get) == best


@pytest.mark.parametrize(
    ("function", "arguments", "options", "words"),
    [
        (float_training_loss, (0, 1e9, 2, 1), {}, "`parameters` must be finite numbers of at least 1, got 0.0"),
        (float_training_loss, (1e9, [1e9, np.nan], 2, 1), {}, "`tokens` .* got nan in row 1"),
        (critical_tokens, (1e9, -1, 3), {"block": 32}, "`exponent_bits`"),
        (critical_tokens, (1e9, 1, 3), {"block": 0.5}, "`block`"),
        (optimal_layout, (8.5,), {"whole_bits": True}, "`bits` must be whole numbers, got 8.5"),
        (optimal_layout, (0,), {}, "`bits`"),
        (optimal_precision, (), {"tokens": 1e9, "block": 1}, "`block` must be finite numbers above 1"),
        (optimal_precision, (), {"compute": 1e9, "flops_per_bit": 0}, "`flops_per_bit`"),
    ],
)
def test_what_is_out_of_range_is_named(function, arguments, options, words):
    with pytest.raises(ValueError, match=words):
        function(*arguments, **options)


def test_one_of_tokens_and_compute_is_needed():
    for options in ({}, {"tokens": 1e9, "compute": 1e20}):
        with pytest.raises(TypeError, match="exactly one of `tokens` and `compute`"):
            optimal_precision(**options)
    with pytest.raises(ShapeError, match="must broadcast"):
        float_training_loss([1e9, 1e9], [1e9] * 3, 2, 1)
