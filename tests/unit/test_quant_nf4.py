"""NF4: the nearest of sixteen numbers, exactly."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from paretoserve.quant import dequantize, quantize

F32 = np.float32
NEGATIVE = [-1, -0.6961928, -0.5250731, -0.3949175, -0.2844414, -0.1847734, -0.0910500]
POSITIVE = [0.0795803, 0.1609302, 0.2461123, 0.3379152, 0.4407098, 0.5626170, 0.7229568, 1]
TABLE = np.array([*NEGATIVE, 0, *POSITIVE], F32)


def table():
    """The table that decoding shows: each code under scale 1."""
    q = quantize(np.resize(np.array([1, 0], F32), (1, 64)), "nf4")
    q.codes[0, :8] = np.arange(0, 16, 2) | np.arange(1, 16, 2) << 4
    return dequantize(q)[0, :16]


def nibbles(q):
    return np.stack([q.codes & 0xF, q.codes >> 4], -1).reshape(*q.codes.shape[:-1], -1)


def test_the_table_is_that_of_the_paper():
    np.testing.assert_allclose(table(), TABLE, atol=6e-8)


def test_codes_are_the_nearest_entries_in_exact_arithmetic():
    entries = [Fraction(float(each)) for each in table()]
    middles = [F32((a + b) / 2) for a, b in itertools.pairwise(entries)]
    tricky = [np.nextafter(m, F32(d)) for m in middles for d in (-2, 2)] + middles
    x = np.array([1.0, *tricky, *np.random.default_rng(0).uniform(-1, 1, 18)], F32)[None]
    expected = [min(range(16), key=lambda code: (abs(entries[code] - Fraction(float(v))), code)) for v in x[0]]
    assert nibbles(quantize(x, "nf4"))[0].tolist() == expected


def test_scale_is_the_largest_magnitude_and_the_division_is_one():
    x = np.random.default_rng(1).standard_normal((20, 256)).astype(F32)
    q = quantize(x, "nf4", group=64)
    blocks = x.reshape(20, 4, 64)
    np.testing.assert_array_equal(q.scales, np.abs(blocks).max(-1))
    ratios = (blocks / q.scales[..., None]).reshape(20, 256, 1)
    codes = np.abs(ratios.astype(np.float64) - table().astype(np.float64)).argmin(-1)
    np.testing.assert_array_equal(nibbles(q), codes)
    np.testing.assert_array_equal(dequantize(q), table()[codes] * np.repeat(q.scales, 64, -1))


def test_golden_pair():
    # bitsandbytes has the first of a pair in the high nibble and so 0xF0; ours is in the low one.
    x = np.resize(np.array([1, -1], F32), (1, 64))
    assert (quantize(x, "nf4").codes == 0x0F).all()


@pytest.mark.parametrize("block", [32, 64, 128, 4096])
def test_blocks_of_every_size(block):
    x = np.random.default_rng(2).standard_normal((3, 4096)).astype(F32)
    q = quantize(x, "nf4", group=block)
    assert q.scales.shape == (3, 4096 // block)
    assert 15 < 10 * np.log10(np.square(x).sum() / np.square(dequantize(q) - x).sum()) < 23


def test_zeros_and_what_is_not_finite():
    x = np.zeros((4, 64), F32)
    x[1, 3], x[2, 3] = np.nan, np.inf
    x[3, 0] = 1e-45
    q = quantize(x, "nf4")
    assert (nibbles(q)[0] == 7).all()
    assert np.isnan(q.scales[:, 0]).tolist() == [False, True, True, False]
    assert dequantize(q)[3, 0] == F32(1e-45)
    assert np.isfinite(dequantize(quantize(x, "nf4", nan="zero"))).all()
    with pytest.raises(ValueError, match="row 1, column 3"):
        quantize(x, "nf4", nan="raise")
    with pytest.raises(ValueError, match="half_away"):
        quantize(x, "nf4", rounding="half_away")


def test_threads_and_stochastic_rounding():
    x = np.random.default_rng(4).standard_normal((128, 640)).astype(F32)
    for rounding in ("rne", "stochastic"):
        one, three = (quantize(x, "nf4", rounding=rounding, seed=3, threads=n) for n in (1, 3))
        np.testing.assert_array_equal(one.codes, three.codes)
    mean = np.mean([dequantize(quantize(x, "nf4", rounding="stochastic", seed=s)) for s in range(64)], axis=0)
    assert np.abs(mean - x).mean() < 0.02
