"""MX formats: golden bytes, gfloat, torchao, gguf-py, and the edges of the range."""

import warnings

import numpy as np
import pytest

from _blocks import GOLDEN, nibbles
from paretoserve.quant import dequantize, quantize

FORMATS = {
    "mxfp8_e4m3": "ocp_e4m3",
    "mxfp8_e5m2": "ocp_e5m2",
    "mxfp6_e2m3": "ocp_e2m3",
    "mxfp6_e3m2": "ocp_e3m2",
    "mxfp4": "ocp_e2m1",
    "mxint8": "ocp_int8",
}
ALL = (*FORMATS, "mxint6", "mxint4")


@pytest.fixture(scope="module")
def x():
    """Blocks over many exponents, with ties."""
    rng = np.random.default_rng(3)
    ties = rng.integers(-48, 49, (500, 32)) / 8
    normal = rng.standard_normal((500, 32))
    return (np.concatenate([ties, normal]) * 2.0 ** rng.integers(-30, 30, (1000, 1))).astype(np.float32)


@pytest.fixture(scope="module")
def peers():
    """Return torch, and the modules of torchao and gguf that quantize; they warn when imported."""
    pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import gguf
        import torch
        from torchao.prototype.mx_formats import config, mx_tensor
    return torch, mx_tensor, config, gguf


@pytest.mark.parametrize(
    ("fmt", "rule", "scale", "payload"),
    [
        ("mxfp4", "floor", 127, "002142647687a8caecfe0f183254e6a1"),
        ("mxfp4", "rceil", 128, "00102142548698a9cadc0e082132c491"),
        ("mxfp4", "even", 128, "00102142548698a9cadc0e082132c491"),
        ("mxfp4", "ceil", 128, "00102142548698a9cadc0e082132c491"),
        ("mxfp8", "floor", 121, "005858646a6e72767a7c7e80d8e4eaeef2f6fafcfe4dcd60686c707478f862e6"),
        ("mxfp8", "rceil", 121, "005858646a6e72767a7c7e80d8e4eaeef2f6fafcfe4dcd60686c707478f862e6"),
        ("mxfp8", "even", 121, "005858646a6e72767a7c7e80d8e4eaeef2f6fafcfe4dcd60686c707478f862e6"),
    ],
)
def test_golden_bytes(fmt, rule, scale, payload):
    q = quantize(GOLDEN, fmt, scale=rule)
    assert (q.scales.tolist(), q.codes.tobytes().hex()) == ([scale], payload)


@pytest.mark.parametrize("fmt", sorted(FORMATS))
def test_values_equal_gfloat(fmt, x):
    """gfloat rounds what is divided by our scale; it saturates where asked, and two's complement has one more value."""
    gfloat = pytest.importorskip("gfloat")
    from gfloat import formats

    info = getattr(formats, f"format_info_{FORMATS[fmt]}")
    q = quantize(x, fmt, scale="floor")
    scale = 2.0 ** (q.scales.astype(float) - 127)
    quotient = np.clip(x / scale, -127 / 64, 127 / 64) if fmt == "mxint8" else x / scale
    rounded = gfloat.round_ndarray(info, quotient, sat=True)
    np.testing.assert_array_equal(dequantize(q), (rounded * scale).astype(np.float32))


@pytest.mark.parametrize("mode", ["FLOOR", "RCEIL", "CEIL", "EVEN"])
@pytest.mark.parametrize("fmt", ["mxfp8_e4m3", "mxfp8_e5m2", "mxfp4"])
def test_bytes_equal_torchao(fmt, mode, x, peers):
    """The input is bfloat16: of float32 torchao's logarithm loses some thresholds. No byte is 0, which it halves."""
    torch, mx, config, _ = peers
    dtype = {"mxfp8_e4m3": torch.float8_e4m3fn, "mxfp8_e5m2": torch.float8_e5m2, "mxfp4": torch.float4_e2m1fn_x2}[fmt]
    source = torch.from_numpy(x).bfloat16()
    theirs = mx.to_mx(source, dtype, 32, config.ScaleCalculationMode[mode])
    ours = quantize(source, fmt, scale=mode.lower())
    np.testing.assert_array_equal(ours.scales, theirs[0].view(torch.uint8))
    np.testing.assert_array_equal(ours.codes, theirs[1].view(torch.uint8))


def test_rule_of_ggml_equals_gguf(x, peers):
    gguf = peers[3]
    q = quantize(x, "mxfp4", rule="ggml")
    theirs = gguf.quants.quantize(x, gguf.GGMLQuantizationType.MXFP4).reshape(-1, 17)
    codes = nibbles(q.codes)
    halves = codes[:, :16] | codes[:, 16:] << 4
    np.testing.assert_array_equal(q.scales[:, 0], theirs[:, 0])
    np.testing.assert_array_equal(halves, theirs[:, 1:])
    assert q.meta.scale_rule == "ggml"


def test_rule_of_modelopt():
    codes = nibbles(quantize(GOLDEN * 0.5, "mxfp4", rule="modelopt").codes)
    # The scale is 1: halves are 0, .125, .125.., .375, .625, .875, 1.25, 1.75, 2.5, 3, 3.5 and -0.
    assert quantize(GOLDEN * 0.5, "mxfp4", rule="modelopt").scales.tolist() == [127]
    assert codes[:12].tolist() == [8, 0, 0, 1, 1, 2, 2, 3, 4, 5, 5, 8]


@pytest.mark.parametrize("fmt", ALL)
def test_zero_blocks_and_signs(fmt):
    x = np.zeros((2, 32), np.float32)
    x[1] = -0.0
    q = quantize(x, fmt)
    assert q.scales.tolist() == [[0], [0]]
    back = dequantize(q)
    assert np.all(back == 0)
    assert not np.signbit(back[0]).any()
    assert np.signbit(back[1]).all() == ("int" not in fmt)


@pytest.mark.parametrize("fmt", ALL)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_policies_for_what_is_not_finite(fmt, bad, dtype):
    x = np.ones((3, 64), dtype)
    x[1, 40] = bad
    q = quantize(x, fmt)
    assert q.scales[1, 1] == 255
    assert (q.scales == 255).sum() == 1
    back = dequantize(q)
    assert np.isnan(back[1, 32:]).all()
    assert np.isfinite(back).sum() == 160
    out = quantize(np.ones_like(x), fmt)
    before = out.codes.copy()
    with pytest.raises(ValueError, match=r"`x` must be finite, got (NaN|inf|-inf) in row 1, column 40"):
        quantize(x, fmt, nan="raise", out=out)
    np.testing.assert_array_equal(out.codes, before)
    value = 0 if np.isnan(bad) else np.sign(bad) * np.finfo(dtype).max
    replaced = np.where(np.isfinite(x), x, dtype(value))
    same = quantize(replaced, fmt)
    zero = quantize(x, fmt, nan="zero")
    np.testing.assert_array_equal(zero.codes, same.codes)
    np.testing.assert_array_equal(zero.scales, same.scales)


@pytest.mark.parametrize("fmt", ALL)
def test_tiny_and_huge_numbers(fmt):
    """A block of subnormal numbers is as exact as its byte 0 allows; one of the largest saturates but stays finite."""
    tiny = np.full((1, 32), 1e-40, np.float32)
    assert quantize(tiny, fmt).scales.tolist() == [[0]]
    huge = np.full((1, 32), np.finfo(np.float32).max, np.float32)
    back = dequantize(quantize(huge, fmt, scale="floor"))
    assert np.isfinite(back).all()
    np.testing.assert_allclose(back, huge, rtol=0.26)


@pytest.mark.parametrize("fmt", ALL)
def test_scales_0_and_254_and_255_are_decoded(fmt):
    q = quantize(np.full((3, 32), 1.0, np.float32), fmt, scale="ceil")
    value = dequantize(q)[0, 0].astype(float) / 2.0 ** (float(q.scales[0, 0]) - 127)
    q.scales[:, 0] = [0, 254, 255]
    with np.errstate(over="ignore"):
        expected = np.array([value * 2.0**-127, value * 2.0**127, np.nan]).astype(np.float32)
    np.testing.assert_array_equal(dequantize(q)[:, 0], expected)


def test_half_away_and_stochastic():
    x = np.array([0.25, 1.25, 2.5, 5.0, -0.25, -1.25, -2.5, 6.0] * 4, np.float32)
    assert nibbles(quantize(x, "mxfp4", rounding="half_away").codes)[:8].tolist() == [1, 3, 5, 7, 9, 11, 13, 7]
    many = np.full((4000, 32), 1.125, np.float32)
    many[:, 0] = 6
    q = quantize(many, "mxfp4", rounding="stochastic", seed=5)
    assert abs(dequantize(q)[:, 1:].mean() - 1.125) < 0.002
    for threads in (1, 3):
        again = quantize(many, "mxfp4", rounding="stochastic", seed=5, threads=threads)
        np.testing.assert_array_equal(again.codes, q.codes)
    assert not np.array_equal(quantize(many, "mxfp4", rounding="stochastic", seed=6).codes, q.codes)


def test_padding_does_not_move_random_words():
    x = np.random.default_rng(0).standard_normal((7, 40)).astype(np.float32)
    whole = quantize(x[:, :32].reshape(-1, 32)[:1], "mxfp8", rounding="stochastic", seed=1)
    padded = quantize(x, "mxfp8", rounding="stochastic", seed=1, pad="zero")
    np.testing.assert_array_equal(padded.codes[0, :32], whole.codes[0])
    # Row 1 starts at element 40: as in a vector where it does.
    shifted = np.concatenate([np.zeros(32), np.zeros(8), x[1, :24]]).astype(np.float32)
    again = quantize(shifted, "mxint8", rounding="stochastic", seed=1, pad="zero")
    assert again.codes.shape == (64,)


@pytest.mark.parametrize("fmt", ALL)
def test_threads_do_not_matter(fmt):
    x = np.random.default_rng(1).standard_normal((129, 96)).astype(np.float32)
    one = quantize(x, fmt, threads=1)
    for threads in (2, 5, 1000):
        many = quantize(x, fmt, threads=threads)
        np.testing.assert_array_equal(many.codes, one.codes)
        np.testing.assert_array_equal(many.scales, one.scales)
        np.testing.assert_array_equal(dequantize(many, threads=threads), dequantize(one, threads=1))
