"""QuEST's scales: the constants are the best clips of normal numbers, and the errors are those of Quartet."""

from fractions import Fraction

import numpy as np
import pytest

from paretoserve.errors import ShapeError
from paretoserve.quant import cast, dequantize, hadamard, quantize, quest_scale
from paretoserve.quant.quest import CLIP_E2M1, CLIPS

F32 = np.float32


def normal(seed=0, rows=4096):
    """Normal numbers whose scale runs through an octave: where powers of two lie must not matter."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((rows, 128)) * 2 ** (np.arange(rows) / rows)[:, None]).astype(F32)


def relative_error(x, q):
    difference = (dequantize(q) - x).astype(np.float64)
    rms = 2 ** (np.arange(len(x)) / len(x))[:, None]
    return np.square(difference / rms).mean()


@pytest.mark.parametrize(
    ("scale", "error"),
    [("rceil", 1.367e-2), ("floor", 1.334e-2), ("even", 1.260e-2)],
)
def test_rounding_to_nearest_has_the_errors_of_quartet(scale, error):
    x = normal()
    assert relative_error(x, quantize(x, "mxfp4", scale=scale)) == pytest.approx(error, rel=0.02)


@pytest.mark.parametrize(("scale", "error"), [("quest", 1.338e-2), ("quest_floor", 2.14e-2), ("quest_ceil", 1.55e-2)])
def test_quest_has_the_errors_of_quartet(scale, error):
    x = normal()
    assert relative_error(x, quantize(x, "mxfp4", scale=scale)) == pytest.approx(error, rel=0.02)


def test_the_coded_floor_of_quartet_takes_the_deviation_from_the_mean():
    """2.24e-2 is its error. QuEST's rule, and ours, is the root mean square: a mean of 32 is not 0, so 2.14e-2."""
    x = normal().reshape(-1, 32)
    scale = np.exp2(np.floor(np.log2(CLIP_E2M1 / 6 * x.std(-1, keepdims=True))))
    decoded = cast(cast((x / scale).astype(F32), "e2m1"), "float32", fmt="e2m1") * scale
    phase = np.repeat(2 ** (np.arange(4096) / 4096), 4)[:, None]
    assert np.square((decoded - x) / phase).mean() == pytest.approx(2.24e-2, rel=0.02)


def test_stochastic_rounding_has_the_error_of_the_paper():
    x = normal()
    q = quantize(x, "mxfp4", scale="rceil", rounding="stochastic", seed=1)
    assert relative_error(x, q) == pytest.approx(2.77e-2, rel=0.02)
    # Where powers of two lie at N(0, 1) itself the error is a little less than over an octave.
    x = np.random.default_rng(0).standard_normal((4096, 128)).astype(F32)
    q = quantize(x, "mxfp4", scale="rceil", rounding="stochastic", seed=1)
    assert np.square(dequantize(q) - x).mean() == pytest.approx(2.715e-2, rel=0.02)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 6])
def test_clips_are_the_best_for_normal_numbers(bits):
    x = np.random.default_rng(2).standard_normal(200_000)

    def error(clip):
        step = 2 * clip / (2**bits - 1)
        level = np.clip(np.floor(x / step), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1) + 0.5
        return np.square(level * step - x).mean()

    around = [error(CLIPS[bits] * factor) for factor in (0.93, 1, 1.07)]
    assert around[1] == min(around)


def test_quest_scale_is_clip_times_root_mean_square():
    x = normal(3, 64)
    for bits in CLIPS:
        expected = CLIPS[bits] * np.sqrt(np.square(x.astype(np.float64)).mean(-1))
        np.testing.assert_allclose(quest_scale(x, bits), expected, rtol=1e-6)
    blocks = quest_scale(x, "e2m1", block=32)
    expected = CLIP_E2M1 * np.sqrt(np.square(x.reshape(64, 4, 32).astype(np.float64)).mean(-1))
    np.testing.assert_allclose(blocks, expected, rtol=1e-6)
    np.testing.assert_array_equal(quest_scale(x.T, 4, axis=0), quest_scale(x, 4))
    for bad in (0, 9, 2.5, True, "e4m3"):
        with pytest.raises(ValueError, match="bits"):
            quest_scale(x, bad)
    with pytest.raises(ShapeError):
        quest_scale(x, 4, block=30)
    with pytest.raises(ShapeError):
        quest_scale(x[:, :0], 4)


@pytest.mark.parametrize(("scale", "offset"), [("quest", 0.5), ("quest_floor", 0), ("quest_ceil", 1)])
@pytest.mark.parametrize("fmt", ["mxfp4", "mxint8", "mxint4"])
def test_scales_are_powers_of_two_near_the_ideal(fmt, scale, offset):
    x = normal(4, 256)
    bits = int(fmt[-1])
    ratio = CLIP_E2M1 / 6 if fmt == "mxfp4" else 2 * CLIPS[bits] / (2**bits - 1) * 2 ** (bits - 2)
    rms = np.sqrt(np.square(x.reshape(256, 4, 32).astype(np.float64)).mean(-1))
    exponent = np.log2(rms * ratio)
    expected = np.floor(exponent + offset) if offset < 1 else np.ceil(exponent)
    near_a_step = np.abs(exponent + offset - np.rint(exponent + offset)) < 1e-5
    found = quantize(x, fmt, scale=scale).scales.astype(int) - 127
    assert (near_a_step | (found == expected)).all()


def test_scales_follow_powers_of_two_exactly():
    x = normal(5, 8)
    base = quantize(x, "mxfp4", scale="quest")
    for power in (-120, -40, 30, 100):
        moved = quantize(x * F32(2.0**power), "mxfp4", scale="quest")
        np.testing.assert_array_equal(moved.codes, base.codes)
        np.testing.assert_array_equal(moved.scales, np.clip(base.scales.astype(int) + power, 0, 254))
    assert Fraction(1, 2) < Fraction(CLIP_E2M1) / 6 + Fraction(1, 50)


def test_groups_clip_what_is_rare():
    x = hadamard(normal(6, 512), 128)
    least = quantize(x, "int4", group=128, scale_dtype="float32")
    clipped = quantize(x, "int4", group=128, scale_dtype="float32", scale="quest")
    expected = 2 * quest_scale(x, 4) / 15
    np.testing.assert_allclose(clipped.scales[:, 0], expected, rtol=1e-6)
    assert relative_error(x, clipped) < relative_error(x, least)


def test_edges():
    x = np.zeros((4, 32), F32)
    x[1, 0], x[2, 0], x[3, :] = np.nan, np.inf, np.finfo(F32).max
    q = quantize(x, "mxfp4", scale="quest")
    assert q.scales[:3, 0].tolist() == [0, 255, 255]
    assert q.scales[3, 0] <= 254
    assert np.isfinite(dequantize(quantize(x, "mxfp4", scale="quest", nan="zero"))[:2]).all()
    with pytest.raises(ValueError, match="row 1, column 0"):
        quantize(x, "mxfp4", scale="quest", nan="raise")
    with pytest.raises(ValueError, match="scale"):
        quantize(x[:1], "mxfp8", scale="quest")
    with pytest.raises(ValueError, match="scale"):
        quantize(x[:1], "int4_asym", scale="quest", group=32)
    one, four = (quantize(normal(), "mxfp4", scale="quest", rounding="stochastic", threads=n) for n in (1, 4))
    np.testing.assert_array_equal(one.codes, four.codes)
