"""Scales of MX blocks: the published thresholds, and rational arithmetic around every threshold at every exponent."""

import numpy as np
import pytest

from _blocks import LARGEST, scale_byte
from paretoserve.quant import quantize

RULES = ("floor", "rceil", "ceil", "even")


def scales(amax, fmt, rule):
    """Quantize one block per largest magnitude; it is negative in half of them, and not the first element."""
    x = np.zeros((len(amax), 32), np.float32)
    x[np.arange(len(amax)), np.arange(len(amax)) * 5 % 32] = amax * np.where(np.arange(len(amax)) % 2, -1, 1)
    return quantize(x, fmt, scale=rule).scales[:, 0]


def beside(value, ulps):
    return (np.float32(value).view(np.int32) + ulps).view(np.float32)


def test_thresholds_are_those_of_the_table():
    amax = np.array([1, 1.25, beside(1.5, -1), 1.5, beside(1.5, 1), beside(1.75, -1), 1.75, beside(1.75, 1)])
    amax = np.append(amax, [beside(1.9375, -1), 1.9375, 1.99]).astype(np.float32)
    expected = {
        ("mxfp4", "floor"): [-2] * 11,
        ("mxfp4", "ceil"): [-2] + [-1] * 10,
        ("mxfp4", "even"): [-2] * 6 + [-1] * 5,
        ("mxfp4", "rceil"): [-2] * 4 + [-1] * 7,
        ("mxfp8", "floor"): [-8] * 11,
        ("mxfp8", "ceil"): [-8] + [-7] * 10,
        ("mxfp8", "even"): [-8] * 9 + [-7] * 2,
        ("mxfp8", "rceil"): [-8] * 7 + [-7] * 4,
    }
    for (fmt, rule), exponents in expected.items():
        assert (scales(amax, fmt, rule).astype(int) - 127).tolist() == exponents, (fmt, rule)


@pytest.mark.parametrize("fmt", sorted(LARGEST))
@pytest.mark.parametrize("rule", RULES)
def test_scales_equal_rational_arithmetic(fmt, rule):
    """A few mantissas around each threshold under every exponent, subnormal numbers and the largest included."""
    fractions = np.array([1, 1.25, 1.5, 1.75, 1.875, 1.9375, LARGEST[fmt] / 2.0 ** np.floor(np.log2(LARGEST[fmt]))])
    exponents = np.arange(-149, 128)
    values = (fractions * 2.0 ** exponents[:, None]).ravel()
    values = values[values <= np.finfo(np.float32).max].astype(np.float32)
    bits = np.unique(np.concatenate([values.view(np.int32) + ulps for ulps in (-1, 0, 1)]))
    amax = bits[(bits >= 0) & (bits < 0x7F800000)].astype(np.int32).view(np.float32)
    expected = [scale_byte(each, fmt, rule) for each in amax]
    np.testing.assert_array_equal(scales(amax, fmt, rule), expected)


def test_rceil_never_saturates_and_is_the_least_scale():
    rng = np.random.default_rng(0)
    amax = rng.integers(0x20000000, 0x5F000000, 2000).astype(np.int32).view(np.float32)
    for fmt, largest in LARGEST.items():
        exponents = scales(amax, fmt, "rceil").astype(float) - 127
        assert np.all(amax.astype(float) <= largest * 2.0**exponents)
        assert np.all(amax.astype(float) > largest * 2.0 ** (exponents - 1))


@pytest.mark.parametrize("rule", RULES)
def test_ends_of_the_range(rule):
    smallest, largest = np.float32(1e-45), np.finfo(np.float32).max
    assert scales(np.array([0, smallest], np.float32), "mxint8", rule).tolist() == [0, 0]
    byte = scales(np.array([largest]), "mxint8", rule)[0]
    assert byte == 254
