"""NV formats with scales of 16 rows: the numbers of a matrix and of its transpose, as training wants them."""

import ml_dtypes
import numpy as np
import pytest

from paretoserve.quant import dequantize, quantize, unpack_bits

F32 = np.float32
FORMATS = ("nvfp4", "nvfp4_ue5m3", "nvint4")


def normal(shape, seed=0):
    random = np.random.default_rng(seed)
    return (random.standard_normal(shape) * np.exp(random.standard_normal((*shape[:-1], 1)) * 2)).astype(F32)


def test_codes_and_scales_follow_the_definition():
    x = normal((48, 64))
    x[16:32, 16:32] = 0
    q = quantize(x, "nvfp4", rows=16)
    tiles = np.abs(x).reshape(3, 16, 4, 16).max((1, 3))
    largest = F32(2688) / tiles.max()
    scales = (tiles * F32(largest * F32(F32(1) / F32(6)))).clip(0, 448).astype(ml_dtypes.float8_e4m3fn)
    np.testing.assert_array_equal(q.scales, np.repeat(scales.view(np.uint8), 16, 0))
    values = scales.astype(F32)
    with np.errstate(divide="ignore"):
        factors = np.minimum(F32(1) / (values * (F32(1) / largest)), np.finfo(F32).max)
    wide = np.repeat(np.repeat(factors, 16, 0), 16, 1)
    codes = (x * wide).clip(-6, 6).astype(ml_dtypes.float4_e2m1fn).view(np.uint8)
    np.testing.assert_array_equal(unpack_bits(q.codes, 4, 64), codes)
    assert q.meta.block == (1, 16)


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("dtype", [F32, np.float16, ml_dtypes.bfloat16])
def test_the_transpose_has_the_same_numbers(fmt, dtype):
    x = normal((96, 144), 1).astype(dtype)
    q = quantize(x, fmt, rows=16)
    across = quantize(np.ascontiguousarray(x.T), fmt, rows=16)
    np.testing.assert_array_equal(dequantize(q), dequantize(across).T)
    np.testing.assert_array_equal(dequantize(q), dequantize(quantize(x, fmt, axis=0, rows=16)))
    assert not np.array_equal(dequantize(quantize(x, fmt)), dequantize(quantize(x, fmt, axis=0)))


@pytest.mark.parametrize("rounding", ["rne", "half_away", "stochastic"])
def test_batches_ragged_rows_padding_and_threads(rounding):
    x = normal((3, 40, 72), 2)
    q = quantize(x, "nvfp4", rows=16, pad="zero", rounding=rounding, seed=5, threads=1)
    for threads in (2, 5):
        many = quantize(x, "nvfp4", rows=16, pad="zero", rounding=rounding, seed=5, threads=threads)
        np.testing.assert_array_equal(q.codes, many.codes)
        np.testing.assert_array_equal(q.scales, many.scales)
    assert (q.scales[:, 32:40] == q.scales[:, 32:33]).all()
    if rounding == "rne":
        alone = quantize(x[1], "nvfp4", rows=16, pad="zero", amax=np.abs(x).max())
        np.testing.assert_array_equal(q.codes[1], alone.codes)
    one = quantize(x[0, 0], "nvfp4", rows=16, pad="zero", rounding=rounding)
    np.testing.assert_array_equal(one.codes, quantize(x[0, 0], "nvfp4", pad="zero", rounding=rounding).codes)
    assert quantize(np.empty((0, 32), F32), "nvfp4", rows=16).shape == (0, 32)


@pytest.mark.parametrize("rounding", ["rne", "stochastic"])
@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_what_is_not_finite_takes_its_tile(bad, rounding):
    x = np.ones((32, 32), F32)
    x[20, 3] = bad
    back = dequantize(quantize(x, "nvfp4", rows=16, rounding=rounding))
    assert np.isnan(back[16:, :16]).all()
    assert np.isfinite(back[:16]).all()
    assert np.isfinite(back[:, 16:]).all()
    zeroed = dequantize(quantize(x, "nvfp4", rows=16, nan="zero", rounding=rounding))
    assert np.isfinite(zeroed).all()
    assert (zeroed[20, 3] == 0) == np.isnan(bad)
    with pytest.raises(ValueError, match="row 20, column 3"):
        quantize(x, "nvfp4", rows=16, nan="raise")


def test_bad_options_are_named():
    x = np.ones((32, 32), F32)
    for rows in (0, 2, -1, 16.0, True, None, 1 << 70):
        with pytest.raises(ValueError, match="`rows` must be 1 or 16"):
            quantize(x, "nvfp4", rows=rows)
    with pytest.raises(ValueError, match="`rows` does not apply to mxfp4"):
        quantize(x, "mxfp4", rows=16)
    with pytest.raises(ValueError, match="`four_over_six` chooses per row"):
        quantize(x, "nvfp4", rows=16, four_over_six="mse")
