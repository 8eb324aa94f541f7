"""FP8 tiles, runs and rows with float32 scales: equal to divisions and casts of ml_dtypes."""

import ml_dtypes
import numpy as np
import pytest

from paretoserve.errors import ShapeError
from paretoserve.quant import dequantize, quantize

F32 = np.float32


def reference(x, rows, columns, powers=False):
    """Codes and scales of a matrix in tiles."""
    height, width = x.shape
    codes, scales = np.empty(x.shape, np.uint8), np.empty((-(-height // rows), -(-width // columns)), F32)
    for i, row in enumerate(range(0, height, rows)):
        for j, column in enumerate(range(0, width, columns)):
            tile = x[row : row + rows, column : column + columns].astype(F32)
            amax = np.abs(tile).max()
            scale = amax / F32(448) if amax > 0 else F32(1)
            if powers and amax > 0:
                scale = F32(2.0 ** np.ceil(np.log2(float(amax) / 448)))
            scales[i, j] = scale
            cast = np.clip(tile / scale, -448, 448).astype(ml_dtypes.float8_e4m3fn)
            codes[row : row + rows, column : column + columns] = cast.view(np.uint8)
    return codes, scales


@pytest.fixture
def x():
    values = np.random.default_rng(0).standard_normal((300, 520)).astype(F32)
    values[:128, 128:256] = 0
    return values * np.exp(np.random.default_rng(1).standard_normal((300, 1)) * 3).astype(F32)


@pytest.mark.parametrize(
    ("fmt", "rows", "columns"), [("fp8_block", 128, 128), ("fp8_group", 1, 128), ("fp8_row", 1, 520)]
)
@pytest.mark.parametrize("scale", [None, "rceil"])
def test_codes_and_scales_equal_the_reference(x, fmt, rows, columns, scale):
    q = quantize(x, fmt, scale=scale)
    codes, scales = reference(x, rows, columns, powers=scale == "rceil")
    np.testing.assert_array_equal(q.scales, scales)
    np.testing.assert_array_equal(q.codes, codes)
    wide = np.repeat(np.repeat(scales, rows, 0)[:300], columns, 1)[:, :520]
    np.testing.assert_array_equal(dequantize(q), codes.view(ml_dtypes.float8_e4m3fn).astype(F32) * wide)
    if scale:
        assert (np.frexp(q.scales)[0] == 0.5).all()


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("fmt", ["fp8_block", "fp8_group", "fp8_row"])
def test_sixteen_bit_sources_threads_and_batches(fmt, dtype):
    x = np.random.default_rng(2).standard_normal((3, 200, 260)).astype(dtype)
    q = quantize(x, fmt, threads=1)
    np.testing.assert_array_equal(q.codes, quantize(x, fmt, threads=5).codes)
    for index in range(3):
        alone = quantize(x[index].astype(F32), fmt)
        np.testing.assert_array_equal(q.codes[index], alone.codes)
        np.testing.assert_array_equal(q.scales[index], alone.scales)
    for to in ("float32", "bfloat16"):
        np.testing.assert_array_equal(
            dequantize(q, to, threads=1).view(np.uint8), dequantize(q, to, threads=4).view(np.uint8)
        )


@pytest.mark.parametrize("fmt", ["fp8_block", "fp8_group", "fp8_row"])
def test_what_is_not_finite(fmt):
    x = np.ones((256, 256), F32)
    x[130, 7], x[131, 9] = np.nan, -np.inf
    q = quantize(x, fmt)
    hit = {"fp8_block": 1, "fp8_group": 2, "fp8_row": 2}[fmt]
    assert np.isnan(q.scales).sum() == hit
    assert np.isfinite(dequantize(q)[:128]).all()
    zeroed = dequantize(quantize(x, fmt, nan="zero"))
    assert zeroed[130, 7] == 0
    assert zeroed[131, 9] < -3e38
    with pytest.raises(ValueError, match="row 130, column 7"):
        quantize(x, fmt, nan="raise")


def test_extremes_and_bad_options():
    x = np.zeros((2, 128), F32)
    x[1, :2] = np.finfo(F32).max, 1e-45
    for scale in (None, "rceil"):
        q = quantize(x, "fp8_group", scale=scale)
        assert np.isfinite(q.scales).all()
        assert np.isfinite(dequantize(q)).all() or scale
    assert quantize(x, "fp8_row").scales[0, 0] == 1
    with pytest.raises(ValueError, match="scale"):
        quantize(x, "fp8_row", scale="floor")
    with pytest.raises(ValueError, match="512"):
        quantize(np.ones((2, 2048), F32), "fp8_block", group=1024)
    with pytest.raises(ShapeError):
        quantize(np.ones((), F32), "fp8_row")


def test_stochastic_rounding_depends_on_the_element_alone():
    x = np.random.default_rng(6).standard_normal((256, 256)).astype(F32)
    one, four = (quantize(x, "fp8_block", rounding="stochastic", seed=1, threads=n) for n in (1, 4))
    np.testing.assert_array_equal(one.codes, four.codes)
    mean = np.mean([dequantize(quantize(x, "fp8_block", rounding="stochastic", seed=s)) for s in range(32)], axis=0)
    nearest = dequantize(quantize(x, "fp8_block"))
    assert np.abs(mean - x).mean() < np.abs(nearest - x).mean()
