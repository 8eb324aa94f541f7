"""Integer groups: codes, scales and zero points equal an obvious version, under every option and at every edge."""

import ml_dtypes
import numpy as np
import pytest

from paretoserve.quant import dequantize, quantize

F32 = np.float32
SYMMETRIC = ("int8", "int6", "int4")
ASYMMETRIC = ("int8_asym", "int6_asym", "int4_asym")
SCALE_DTYPES = {"float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


def bits_of(fmt):
    return int(fmt[3])


def unpacked(q):
    """Codes of `q`, one per element."""
    bits = bits_of(q.meta.fmt)
    columns = q.scales.shape[-1] * q.meta.block[1]
    stream = np.unpackbits(np.asarray(q.codes), axis=-1, bitorder="little")[..., : columns * bits]
    return (stream.reshape(*q.codes.shape[:-1], columns, bits) << np.arange(bits)).sum(-1)


def symmetric(x, bits, group, scale_dtype, rule="amax"):
    """Codes as stored and scales by the rule, in float32 divisions."""
    blocks = x.astype(F32).reshape(*x.shape[:-1], -1, group)
    amax = np.abs(blocks).max(-1)
    largest = 2 ** (bits - 1) - 1
    exact = amax / F32(largest) if rule == "amax" else amax / F32((2**bits - 1) / 2)
    scale = exact.astype(SCALE_DTYPES[scale_dtype])
    used = scale.astype(F32)[..., None]
    ratio = np.divide(blocks, used, out=np.zeros_like(blocks), where=used > 0)
    codes = np.clip(np.rint(ratio), -largest - (rule == "full"), largest).astype(int)
    stored = codes % 256 if bits == 8 else codes + largest + 1
    return stored.reshape(x.shape), scale


def asymmetric(x, bits, group, scale_dtype):
    blocks = x.astype(F32).reshape(*x.shape[:-1], -1, group)
    low, high = np.minimum(blocks.min(-1), 0), np.maximum(blocks.max(-1), 0)
    most = 2**bits - 1
    scale = ((high - low) / F32(most)).astype(SCALE_DTYPES[scale_dtype])
    used = scale.astype(F32)[..., None]
    safe = np.where(used > 0, used, 1)
    zero = np.clip(np.rint(-low[..., None] / safe), 0, most)
    codes = np.clip(np.rint(blocks / safe) + zero, 0, most) * (used > 0)
    return codes.reshape(x.shape).astype(int), scale, (zero * (used > 0))[..., 0].astype(int)


@pytest.fixture
def x():
    rng = np.random.default_rng(3)
    values = rng.standard_normal((37, 256)).astype(F32) * np.exp(rng.standard_normal((37, 1)) * 8).astype(F32)
    values[5] = 0
    values[6, :128] = np.abs(values[6, :128])
    values[7, 128:] = -np.abs(values[7, 128:])
    values[8] = np.tile(np.arange(-8, 8) / 2, 16)
    return values


@pytest.mark.parametrize("scale_dtype", SCALE_DTYPES)
@pytest.mark.parametrize("group", [32, 128, -1])
@pytest.mark.parametrize("fmt", SYMMETRIC)
@pytest.mark.parametrize("rule", ["amax", "full"])
def test_symmetric_groups_equal_the_reference(x, fmt, group, scale_dtype, rule):
    x = np.clip(x, -60000, 60000)
    q = quantize(x, fmt, group=group, scale_dtype=scale_dtype, scale=rule)
    codes, scales = symmetric(x, bits_of(fmt), 256 if group == -1 else group, scale_dtype, rule)
    np.testing.assert_array_equal(q.scales, scales)
    np.testing.assert_array_equal(unpacked(q), codes)


@pytest.mark.parametrize("scale_dtype", SCALE_DTYPES)
@pytest.mark.parametrize("group", [32, 128, -1])
@pytest.mark.parametrize("fmt", ASYMMETRIC)
def test_asymmetric_groups_equal_the_reference(x, fmt, group, scale_dtype):
    x = np.clip(x, -30000, 30000)
    q = quantize(x, fmt, group=group, scale_dtype=scale_dtype)
    codes, scales, zeros = asymmetric(x, bits_of(fmt), 256 if group == -1 else group, scale_dtype)
    np.testing.assert_array_equal(q.scales, scales)
    np.testing.assert_array_equal(q.zeros, zeros)
    np.testing.assert_array_equal(unpacked(q), codes)


@pytest.mark.parametrize("fmt", SYMMETRIC + ASYMMETRIC)
def test_decoding_is_code_less_zero_times_scale(x, fmt):
    x = np.clip(x, -60000, 60000)
    q = quantize(x, fmt, scale_dtype="float32")
    codes, bits = unpacked(q).astype(int), bits_of(fmt)
    if q.zeros is not None:
        zeros = np.repeat(q.zeros.astype(int), q.meta.block[1], -1)
    else:
        zeros = 0 if bits == 8 else 2 ** (bits - 1)
    codes = codes - 256 * (codes > 127) if fmt == "int8" else codes
    expected = (codes - zeros).astype(F32) * np.repeat(q.scales, q.meta.block[1], -1)
    np.testing.assert_array_equal(dequantize(q), expected)
    np.testing.assert_array_equal(dequantize(q, "float16"), expected.astype(np.float16))
