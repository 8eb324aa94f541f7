"""What holds for every tensor: powers of two go into the scales, blocks are independent, values stay what they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from paretoserve.quant import dequantize, quantize

MX = ("mxfp8_e4m3", "mxfp8_e5m2", "mxfp6_e2m3", "mxfp6_e3m2", "mxfp4", "mxint8", "mxint6", "mxint4")
NV = ("nvfp4", "nvfp4_ue5m3", "nvint4")
RULES = st.sampled_from(["floor", "rceil", "ceil", "even"])
VALUES = st.floats(-(2.0**20), 2.0**20, width=32).map(lambda v: 0.0 if abs(v) < 2.0**-20 else v)
BLOCKS = st.integers(1, 5).flatmap(lambda n: arrays.arrays(np.float32, (n, 32), elements=VALUES))


@pytest.mark.parametrize("fmt", MX)
@settings(max_examples=30)
@given(x=BLOCKS, rule=RULES, shift=st.integers(-60, 60))
def test_powers_of_two_move_the_scale_only(fmt, x, rule, shift):
    q, moved = quantize(x, fmt, scale=rule), quantize(x * np.float32(2.0**shift), fmt, scale=rule)
    np.testing.assert_array_equal(moved.codes, q.codes)
    full = np.any(x, axis=1)
    difference = moved.scales[full].astype(int) - q.scales[full]
    assert np.all(difference == shift)


@pytest.mark.parametrize("fmt", MX)
@settings(max_examples=20)
@given(x=BLOCKS, rule=RULES, seed=st.integers(0, 2**32))
def test_blocks_are_independent(fmt, x, rule, seed):
    order = np.random.default_rng(seed).permutation(len(x))
    q, mixed = quantize(x, fmt, scale=rule), quantize(x[order], fmt, scale=rule)
    np.testing.assert_array_equal(mixed.codes, q.codes[order])
    np.testing.assert_array_equal(mixed.scales, q.scales[order])


@pytest.mark.parametrize("fmt", [*MX, *NV])
@settings(max_examples=30)
@given(x=BLOCKS)
def test_negation_flips_signs_only(fmt, x):
    np.testing.assert_array_equal(dequantize(quantize(-x, fmt)), -dequantize(quantize(x, fmt)))


@pytest.mark.parametrize("fmt", MX)
@settings(max_examples=30)
@given(x=BLOCKS, rule=RULES)
def test_values_of_the_format_stay(fmt, x, rule):
    """Quantizing what was dequantized gives it back: always exact, since a smaller scale can only hold more."""
    once = dequantize(quantize(x, fmt, scale="rceil"))
    np.testing.assert_array_equal(dequantize(quantize(once, fmt, scale="rceil")), once)
    # Under the other rules the first pass may saturate; what it gives is kept unless the scale rises again.
    again = dequantize(quantize(once, fmt, scale="floor"))
    assert np.all(np.abs(again) <= np.abs(once))


@pytest.mark.parametrize("fmt", MX)
@settings(max_examples=30)
@given(x=BLOCKS)
def test_errors_are_at_most_half_a_step_of_the_largest(fmt, x):
    """Under rceil nothing saturates: the error is at most half the step in the binade of the block's largest."""
    q = quantize(x, fmt, scale="rceil")
    steps = {"mxfp8_e4m3": 32, "mxfp8_e5m2": 8192, "mxfp6_e2m3": 0.5, "mxfp6_e3m2": 4, "mxfp4": 2}
    step = steps.get(fmt, 2.0 ** -(int(fmt[-1]) - 2) if "int" in fmt else 0)
    bound = step / 2 * 2.0 ** (q.scales.astype(float) - 127)
    assert np.all(np.abs(dequantize(q).astype(float) - x) <= bound)


@settings(max_examples=30)
@given(x=BLOCKS, seed=st.integers(0, 2**64 - 1))
def test_stochastic_rounding_takes_a_neighbor(x, seed):
    q = quantize(x, "mxint8", rounding="stochastic", seed=seed)
    step = 2.0 ** (q.scales.astype(float) - 127 - 6)
    assert np.all(np.abs(dequantize(q).astype(float) - x) <= step)
