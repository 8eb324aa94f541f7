"""The kernels that rotate, run on the CPU, give the bytes of `hadamard` and of `quantize` under a rotation."""

import numpy as np
import pytest
from _kernels import DTYPES, ROUNDINGS, Kernels, aligned, numbers, place, public, same_numbers

from paretoserve import quant

SIZES = (16, 32, 64, 128)


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    return Kernels("quant_hadamard.cu", tmp_path_factory.mktemp("hadamard"))


def signs_of(n: int) -> np.ndarray:
    return np.where(np.random.default_rng(n).random(n) < 0.5, np.float32(-1), np.float32(1))


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("offset", [0, 1])
def test_rotation(kernels, offset, inverse, dtype, n):
    x = place(numbers(dtype, 19 * 128, seed=51), offset)
    for signs in (None, signs_of(n)):
        out = aligned(x.size, x.dtype)
        kernels.launch(f"paretoserve_quant_hadamard_{dtype}", 1, 256, out, x, signs, x.size, n, int(inverse))
        expected = quant.hadamard(public(x, dtype), n, signs, inverse=inverse)
        same_numbers(out, np.ascontiguousarray(expected).view(x.dtype), dtype)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_fused_mxfp4(kernels, rounding, dtype, n):
    rows, columns = 21, 128
    x, signs = place(numbers(dtype, rows * columns, seed=52, special=dtype != "f32")), signs_of(n)
    q = quant.quantize(
        public(x, dtype).reshape(rows, columns), "mxfp4", hadamard=n, signs=signs.tolist(), rounding=rounding, seed=6
    )
    codes, scales = aligned(q.codes.size, np.uint8), aligned(q.scales.size, np.uint8)
    options = n, 1, ROUNDINGS.index(rounding), 6, 0, 0
    kernels.launch(f"paretoserve_quant_hadamard_mxfp4_{dtype}", 2, 256, codes, scales, x, signs, rows, columns, *options)
    np.testing.assert_array_equal(scales, q.scales.reshape(-1))
    np.testing.assert_array_equal(codes, q.codes.reshape(-1))


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("nan", ["scale", "zero"])
def test_fused_nvfp4(kernels, nan, dtype, n):
    rows, columns = 18, 256
    x, signs = place(numbers(dtype, rows * columns, seed=53, special=False)), signs_of(n)
    x[5] = np.float32(np.nan) if dtype == "f32" else 0x7FFF
    q = quant.quantize(public(x, dtype).reshape(rows, columns), "nvfp4", hadamard=n, signs=signs.tolist(), nan=nan)
    amax, scale = np.zeros(1, np.float32), np.zeros(1, np.float32)
    mode = int(nan == "zero")
    kernels.launch(f"paretoserve_quant_hadamard_amax_{dtype}", 2, 256, amax, x, signs, x.size, n, mode)
    codes, scales = aligned(q.codes.size, np.uint8), aligned(q.scales.size, np.uint8)
    entry, sources = f"paretoserve_quant_hadamard_nvfp4_{dtype}", (x, signs, amax, rows, columns)
    kernels.launch(entry, 2, 256, codes, scales, scale, *sources, n, 0, 0, 0, mode, 0, 0)
    assert scale[0] == q.global_scale
    np.testing.assert_array_equal(scales, q.scales.reshape(-1))
    np.testing.assert_array_equal(codes, q.codes.reshape(-1))
