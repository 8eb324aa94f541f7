"""Integer groups: codes, scales and zero points equal an obvious version, under every option and at every edge."""

import warnings

import ml_dtypes
import numpy as np
import pytest

from paretoserve.errors import DtypeError, ShapeError
from paretoserve.quant import dequantize, format_info, quantize

F32 = np.float32
SYMMETRIC = ("int8", "int7", "int6", "int5", "int4", "int3", "int2")
ASYMMETRIC = tuple(f"{fmt}_asym" for fmt in SYMMETRIC)
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
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(dequantize(q, "float16"), expected.astype(np.float16))


@pytest.mark.parametrize("fmt", SYMMETRIC)
@pytest.mark.parametrize("scale_dtype", SCALE_DTYPES)
def test_symmetric_codes_never_use_the_lowest(fmt, scale_dtype):
    # With a scale rounded to bfloat16, the largest element over its scale rounds to 128 in a sixth of all rows.
    x = np.random.default_rng(0).standard_normal((5000, 32)).astype(ml_dtypes.bfloat16)
    q = quantize(x, fmt, group=32, scale_dtype=scale_dtype)
    codes, bits = unpacked(q), bits_of(fmt)
    assert (codes != (128 if bits == 8 else 0)).all()
    if fmt == "int8" and scale_dtype == "bfloat16":
        rounded = (np.abs(x).max(-1) / (q.scales[:, 0])).astype(np.float32)
        assert 0.1 < (np.rint(rounded) == 128).mean() < 0.25


@pytest.mark.parametrize("fmt", SYMMETRIC + ASYMMETRIC)
def test_ties_and_neighbors_of_ties_round_as_quotients_do(fmt):
    steps = np.arange(-130, 131, dtype=F32) / 2
    values = np.concatenate([np.nextafter(steps, F32(-np.inf)), steps, np.nextafter(steps, F32(np.inf))])
    rng = np.random.default_rng(1)
    x = np.stack([np.resize(rng.permutation(values), 512) * F32(s) for s in (1, 1 / 3, 7e-31, 1e-37, 3e30, 1e36)])
    q = quantize(x, fmt, group=64, scale_dtype="float32")
    reference = asymmetric if "asym" in fmt else symmetric
    np.testing.assert_array_equal(unpacked(q), reference(x, bits_of(fmt), 64, "float32")[0])


@pytest.mark.parametrize("fmt", SYMMETRIC + ASYMMETRIC)
@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_sixteen_bit_sources_equal_their_float32_values(x, fmt, dtype):
    narrow = np.clip(x, -60000, 60000).astype(dtype)
    for group in (32, 128, -1):
        mine, wide = quantize(narrow, fmt, group=group), quantize(narrow.astype(F32), fmt, group=group)
        np.testing.assert_array_equal(mine.codes, wide.codes)
        np.testing.assert_array_equal(mine.scales, wide.scales)


@pytest.mark.parametrize("fmt", ["int8", "int6", "int4_asym"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite(fmt, value):
    x = np.ones((3, 256), F32)
    x[1, 130] = value
    clean = np.where(np.isnan(x), 0, np.clip(x, -np.finfo(F32).max, np.finfo(F32).max))
    q = quantize(x, fmt, group=128, scale_dtype="float32")
    assert np.isnan(q.scales).tolist() == [[False, False], [False, True], [False, False]]
    assert np.isnan(dequantize(q)).sum() == 128
    zeroed = quantize(x, fmt, group=128, scale_dtype="float32", nan="zero")
    expected = quantize(clean, fmt, group=128, scale_dtype="float32")
    np.testing.assert_array_equal(zeroed.codes, expected.codes)
    assert np.isfinite(zeroed.scales).all()
    out = quantize(np.zeros_like(x), fmt, group=128, scale_dtype="float32")
    before = out.codes.copy()
    with pytest.raises(ValueError, match="row 1, column 130"):
        quantize(x, fmt, group=128, scale_dtype="float32", nan="raise", out=out)
    np.testing.assert_array_equal(out.codes, before)


@pytest.mark.parametrize("fmt", SYMMETRIC + ASYMMETRIC)
def test_zeros_and_extremes_have_finite_scales(fmt):
    largest = np.finfo(F32).max
    x = np.zeros((5, 64), F32)
    x[1, :2] = largest, -largest
    x[2, 0] = 1e-45
    x[3, :] = 70000 * 127
    q = quantize(x, fmt, group=64, scale_dtype="float16")
    assert np.isfinite(q.scales).all()
    assert np.isfinite(dequantize(q)).all()
    assert (dequantize(q)[[0, 4]] == 0).all()
    assert float(q.scales[1, 0]) == 65504
    assert np.isfinite(quantize(x, fmt, group=64, scale_dtype="float32").scales).all()


@pytest.mark.parametrize("fmt", ["int8", "int6", "int4", "int4_asym"])
@pytest.mark.parametrize(("columns", "group"), [(15, 5), (96, 48), (40, 8), (7, 7), (1100, 550), (2, 1)])
def test_any_group_size_at_any_width(fmt, columns, group):
    x = np.random.default_rng(2).standard_normal((9, columns)).astype(F32)
    q = quantize(x, fmt, group=group, scale_dtype="float32")
    reference = asymmetric if "asym" in fmt else symmetric
    np.testing.assert_array_equal(unpacked(q), reference(x, bits_of(fmt), group, "float32")[0])
    assert dequantize(q).shape == x.shape


@pytest.mark.parametrize("scale", ["amax", "full"])
@pytest.mark.parametrize("fmt", SYMMETRIC)
@pytest.mark.parametrize("scale_dtype", SCALE_DTYPES)
def test_ties_and_their_neighbors(fmt, scale_dtype, scale):
    """Quotients at ties and one step beside: where a product with a reciprocal may round otherwise."""
    bits, rng = bits_of(fmt), np.random.default_rng(8)
    largest = 2 ** (bits - 1) - 1
    scales = (rng.uniform(1, 2, (400, 1)) * 2.0 ** rng.integers(-8, 8, (400, 1))).astype(F32)
    x = (rng.integers(-largest, largest, (400, 128)) + 0.5).astype(F32) * scales
    x[:, 0] = largest * scales[:, 0]
    x = np.stack([np.nextafter(x, F32(-np.inf)), x, np.nextafter(x, F32(np.inf))])
    for group in (32, 128):
        q = quantize(x, fmt, group=group, scale=scale, scale_dtype=scale_dtype)
        codes, expected = symmetric(x, bits, group, scale_dtype, scale)
        np.testing.assert_array_equal(q.scales.astype(F32), expected.astype(F32))
        np.testing.assert_array_equal(unpacked(q), codes)


def test_storage_counts_scales_and_zero_points():
    for fmt, group, bits in [("int8", 32, 9), ("int8", 128, 8.25), ("int3", None, 3.125), ("int3", 64, 3.25)]:
        assert format_info(fmt, kind="block", group=group).bits_per_element == bits
    assert format_info("int2_asym", group=64).bits_per_element == 2 + 18 / 64
    assert format_info("int8_asym", group=-1) == format_info("int8_asym")
    assert format_info("fp8_group", group=64).bits_per_element == 8.5
    info = format_info("int5", kind="block", group=32)
    q = quantize(np.ones((4, 64), F32), "int5", group=32)
    assert info.block == (1, 32) == q.meta.block
    assert 8 * q.nbytes == info.bits_per_element * 256
    for bad in (0, -2, 1.5, True):
        with pytest.raises((ValueError, TypeError), match="group"):
            format_info("int8", kind="block", group=bad)
    with pytest.raises(ValueError, match="group"):
        format_info("mxfp4", group=16)
    with pytest.raises(ValueError, match="group"):
        format_info("int8", group=16)


@pytest.mark.parametrize("rounding", ["rne", "half_away", "stochastic"])
@pytest.mark.parametrize("fmt", ["int8", "int6_asym", "int4", "int3", "int7_asym"])
def test_threads_axes_and_padding_change_nothing(fmt, rounding):
    x = np.random.default_rng(5).standard_normal((64, 3, 50)).astype(F32)
    options = {"rounding": rounding, "seed": 9, "group": 32, "pad": "zero"}
    one = quantize(x, fmt, threads=1, **options)
    four = quantize(x, fmt, threads=4, **options)
    np.testing.assert_array_equal(one.codes, four.codes)
    np.testing.assert_array_equal(dequantize(one, threads=1), dequantize(four, threads=3))
    along = quantize(x.transpose(0, 2, 1), fmt, axis=1, **options)
    np.testing.assert_array_equal(along.codes, one.codes)
    np.testing.assert_array_equal(dequantize(along), dequantize(one).transpose(0, 2, 1))


def test_stochastic_rounding_is_unbiased():
    x = np.full((4, 4096), 0.3, F32)
    x[:, ::2] = 1
    error = [dequantize(quantize(x, "int4", group=64, rounding="stochastic", seed=seed)).mean() for seed in range(8)]
    assert abs(np.mean(error) - x.mean()) < 1e-3


def test_full_rule_is_gptq():
    torch = pytest.importorskip("torch")
    x = torch.randn(64, 128, generator=torch.Generator().manual_seed(0))
    scale = 2 * x.abs().amax(1, keepdim=True) / 15
    codes = torch.clamp(torch.round(x / scale) + 8, 0, 15)
    q = quantize(x, "int4", scale="full", scale_dtype="float32")
    np.testing.assert_array_equal(unpacked(q), codes.numpy().astype(int))
    assert unpacked(q).min() == 0


def test_rows_equal_torch_per_channel():
    torch = pytest.importorskip("torch")
    x = torch.randn(100, 333, generator=torch.Generator().manual_seed(1))
    q = quantize(x, "int8")
    zeros = torch.zeros(100, dtype=torch.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = torch.quantize_per_channel(x, q.scales[:, 0], zeros, 0, torch.qint8).int_repr()
    # torch multiplies by the reciprocal of the scale.
    different = (peer != q.codes.view(torch.int8)).float().mean()
    assert different < 1e-4


@pytest.mark.parametrize(
    ("fmt", "options", "error"),
    [
        ("int4_asym", {"scale": "full"}, ValueError),
        ("int4", {"scale": "rceil"}, ValueError),
        ("int4", {"scale_dtype": "float64"}, ValueError),
        ("int4", {"group": 0}, ValueError),
        ("int4", {"group": 100}, ShapeError),
        ("int4", {"four_over_six": "mse"}, ValueError),
    ],
)
def test_bad_options_are_refused(fmt, options, error):
    with pytest.raises(error):
        quantize(np.ones((2, 256), F32), fmt, **options)


def test_wrong_dtype_is_refused():
    with pytest.raises(DtypeError):
        quantize(np.ones((2, 256)), "int8")


def test_inputs_are_not_changed_and_nothing_is_fine(x):
    before = x.copy()
    x.setflags(write=False)
    quantize(x, "int8", hadamard=64)
    np.testing.assert_array_equal(x, before)
    for shape in ((0, 128), (3, 0), (2, 0, 128)):
        q = quantize(np.ones(shape, F32), "int4")
        assert dequantize(q).shape == shape
