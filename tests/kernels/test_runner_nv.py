"""The NV kernels, run on the CPU, give the bytes of `quantize`; so does the largest magnitude they rest on."""

import numpy as np
import pytest

from _kernels import DTYPES, ROUNDINGS, Kernels, aligned, numbers, place, public, widen
from paretoserve import quant

CHOICES = (None, "mse", "mae", "absmax")


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    return Kernels("quant_nv.cu", tmp_path_factory.mktemp("nv"))


@pytest.fixture(scope="module")
def reduction(tmp_path_factory):
    return Kernels("quant_amax.cu", tmp_path_factory.mktemp("amax"))


def largest(reduction, x, dtype, nan="scale"):
    amax = np.zeros(1, np.float32)
    reduction.launch(f"paretoserve_quant_amax_{dtype}", 3, 256, amax, x, x.size, int(nan == "zero"))
    return amax


def check(kernels, given, x, dtype, fmt, shape, *, is_scale=0, nan="scale", four_over_six=None, **options):
    rows, columns = shape
    how = {"rounding": "rne", "seed": 0} | options
    source = {"global_scale": given[0]} if is_scale else {}
    q = quant.quantize(
        public(x, dtype).reshape(shape), fmt, pad="zero", nan=nan, four_over_six=four_over_six, **how, **source
    )
    codes, scales = aligned(q.codes.size, np.uint8), aligned(q.scales.size, np.uint8)
    scale = np.zeros(1, np.float32)
    choices = ROUNDINGS.index(how["rounding"]), how["seed"], int(nan == "zero"), 0, CHOICES.index(four_over_six)
    entry = f"paretoserve_quant_{fmt}_{dtype}"
    kernels.launch(entry, 2, 256, codes, scales, scale, x, given, rows, columns, is_scale, *choices)
    assert scale[0] == q.global_scale
    np.testing.assert_array_equal(scales, q.scales.reshape(-1))
    np.testing.assert_array_equal(codes, q.codes.reshape(-1))


def calm(dtype: str, count: int, seed: int) -> np.ndarray:
    """Return numbers of a few sizes, some NaN or infinite."""
    x = numbers(dtype, count, seed=seed)
    size = np.abs(widen(x, dtype))
    return np.where((size < 1e-6) | ((size > 1e6) & np.isfinite(size)), np.zeros(1, x.dtype), x)


@pytest.mark.parametrize("nan", ["scale", "zero"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", [0, 1, 7, 8, 20001])
def test_amax_of_any_length(reduction, count, dtype, nan):
    x = place(numbers(dtype, count, seed=count))
    values = np.abs(widen(x, dtype))
    finite = values[np.isfinite(values)]
    expected = finite.max(initial=0)
    if nan == "zero" and np.isinf(values).any():
        expected = {"f32": np.finfo("f4").max, "f16": 65504, "bf16": np.float32(3.3895314e38)}[dtype]
    assert largest(reduction, x, dtype, nan)[0] == np.float32(expected)
    assert largest(reduction, place(x, 1), dtype, nan)[0] == np.float32(expected)


@pytest.mark.parametrize("fmt", ["nvfp4", "nvfp4_ue5m3", "nvint4"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_codes_and_scales_equal_quantize(kernels, reduction, dtype, fmt):
    x = place(calm(dtype, 64 * 80, seed=31))
    check(kernels, largest(reduction, x, dtype), x, dtype, fmt, (64, 80))
    check(kernels, largest(reduction, x, dtype, "zero"), x, dtype, fmt, (64, 80), nan="zero")
    check(kernels, np.float32([0.0017]), x, dtype, fmt, (64, 80), is_scale=1)


@pytest.mark.parametrize("measure", CHOICES[1:])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rounding", ["rne", "stochastic"])
def test_blocks_choose_four_or_six(kernels, reduction, rounding, dtype, measure):
    x = place(calm(dtype, 50 * 96, seed=32))
    check(kernels, largest(reduction, x, dtype), x, dtype, "nvfp4", (50, 96), four_over_six=measure, rounding=rounding)


@pytest.mark.parametrize("rounding", ["half_away", "stochastic"])
@pytest.mark.parametrize("fmt", ["nvfp4", "nvint4"])
@pytest.mark.parametrize("shape", [(0, 16), (1, 1), (3, 33), (40, 64)])
def test_roundings_and_padding(kernels, reduction, shape, fmt, rounding):
    x = place(numbers("bf16", shape[0] * shape[1], seed=33, special=False))
    check(kernels, largest(reduction, x, "bf16"), x, "bf16", fmt, shape, rounding=rounding, seed=9)


@pytest.mark.parametrize("value", [0.0, 1e-42, 3e-38, 1e-36, 3e38])
def test_zero_tiny_and_huge_tensors(kernels, reduction, value):
    x = place(np.full(64, value, np.float32))
    check(kernels, largest(reduction, x, "f32"), x, "f32", "nvfp4", (2, 32))
