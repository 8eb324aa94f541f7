"""The MX kernels, run on the CPU, give the bytes of `quantize`."""

import numpy as np
import pytest

from _kernels import DTYPES, ROUNDINGS, Kernels, aligned, numbers, place, public
from paretoserve import quant

FORMATS = ("mxfp8_e4m3", "mxfp8_e5m2", "mxfp6_e2m3", "mxfp6_e3m2", "mxfp4", "mxint8", "mxint6", "mxint4")
RULES = ("floor", "rceil", "ceil", "even")


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    return Kernels("quant_mx.cu", tmp_path_factory.mktemp("mx"))


def run(kernels, x, dtype, fmt, shape, *, scale="rceil", rounding="rne", seed=0, nan=0, swizzled=0, grid=2):
    rows, columns = shape
    blocks = -(-columns // 32)
    codes = aligned(rows * blocks * 4 * quant.format_info(fmt, kind="block").bits, np.uint8)
    room = -(-rows // 128) * -(-blocks // 4) * 512 if swizzled else rows * blocks
    scales = aligned(room, np.uint8, fill=0 if swizzled else 0xAA)
    options = RULES.index(scale), ROUNDINGS.index(rounding), seed, nan, swizzled
    kernels.launch(f"paretoserve_quant_{fmt}_{dtype}", grid, 256, codes, scales, x, rows, columns, *options)
    return codes, scales


def check(kernels, x, dtype, fmt, shape, *, nan="scale", **options):
    codes, scales = run(kernels, x, dtype, fmt, shape, nan=int(nan == "zero"), **options)
    options.pop("grid", None)
    q = quant.quantize(public(x, dtype).reshape(shape), fmt, pad="zero", nan=nan, **options)
    np.testing.assert_array_equal(scales, q.scales.reshape(-1))
    np.testing.assert_array_equal(codes, q.codes.reshape(-1))


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("scale", RULES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_codes_and_scales_equal_quantize(kernels, dtype, scale, fmt):
    x = place(numbers(dtype, 64 * 96, seed=5))
    # Numbers of every size make most blocks hold NaN: half of the rows are calm.
    x[::2] = numbers(dtype, x.size // 2, seed=6, special=False)
    x[x.size // 2 :] = numbers(dtype, x.size // 2, seed=7, special=False)
    check(kernels, x, dtype, fmt, (64, 96), scale=scale)


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("rounding", ["half_away", "stochastic"])
def test_roundings_equal_quantize(kernels, rounding, fmt):
    x = place(numbers("bf16", 40 * 64, seed=8, special=False))
    check(kernels, x, "bf16", fmt, (40, 64), rounding=rounding, seed=11)


@pytest.mark.parametrize("shape", [(0, 32), (1, 1), (3, 33), (5, 31), (2, 100), (1, 32)])
@pytest.mark.parametrize("fmt", ["mxfp8_e4m3", "mxfp6_e3m2", "mxfp4"])
@pytest.mark.parametrize("rounding", ["rne", "stochastic"])
def test_rows_that_are_no_whole_blocks_are_padded(kernels, rounding, fmt, shape):
    x = place(numbers("f16", shape[0] * shape[1], seed=9, special=False))
    check(kernels, x, "f16", fmt, shape, rounding=rounding, seed=3, grid=1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_odd_addresses_and_nan_as_zero(kernels, dtype):
    x = place(numbers(dtype, 8 * 64, seed=10), 1)
    check(kernels, x, dtype, "mxfp4", (8, 64), nan="zero")


def test_swizzled_scales_lie_in_tiles(kernels):
    rows, columns = 130, 160
    x = place(numbers("f32", rows * columns, seed=12, special=False))
    _, plain = run(kernels, x, "f32", "mxfp4", (rows, columns))
    _, tiles = run(kernels, x, "f32", "mxfp4", (rows, columns), swizzled=1)
    padded = np.zeros((256, 8), np.uint8)
    padded[:rows, : columns // 32] = plain.reshape(rows, -1)
    expected = padded.reshape(2, 4, 32, 2, 4).transpose(0, 3, 2, 1, 4).reshape(-1)
    np.testing.assert_array_equal(tiles, expected)
