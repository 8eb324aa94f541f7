"""The FP8 kernels of tiles, runs and rows, run on the CPU, give the bytes of `quantize` and `dequantize`."""

import numpy as np
import pytest

from _kernels import DTYPES, NAMES, ROUNDINGS, Kernels, aligned, numbers, place, public, same_numbers
from paretoserve import quant


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    return Kernels("quant_fp8.cu", tmp_path_factory.mktemp("fp8"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return Kernels("quant_group.cu", tmp_path_factory.mktemp("runs"))


def check(kernels, fmt, dtype, shape, *, scale="amax", rounding="rne", nan="scale", offset=0, **options):
    batch, rows, columns = shape
    x = place(numbers(dtype, batch * rows * columns, seed=61, special=nan == "zero"), offset)
    q = quant.quantize(
        public(x, dtype).reshape(shape), fmt, pad="zero", scale=scale, rounding=rounding, seed=8, nan=nan, **options
    )
    codes, scales = aligned(q.codes.size, np.uint8), aligned(q.scales.size, np.float32)
    out = aligned(x.size, x.dtype)
    choices = int(scale == "rceil"), ROUNDINGS.index(rounding), 8, int(nan == "zero")
    height, width = q.meta.block
    if fmt == "fp8_block":
        sizes, name, grid = (batch, rows, columns, height, width), "fp8_tiles", (2, 1, 1)
    else:
        sizes, name, grid = (batch * rows, columns, width), "fp8_runs", (2,)
    kernels.launch(f"paretoserve_quant_{name}_{dtype}", grid, 256, codes, scales, x, *sizes, *choices)
    same_numbers(scales, np.ascontiguousarray(q.scales).reshape(-1), "f32")
    np.testing.assert_array_equal(codes, q.codes.reshape(-1))
    kernels.launch(f"paretoserve_quant_{name}_dequantize_{dtype}", grid, 256, out, codes, scales, *sizes)
    expected = np.ascontiguousarray(quant.dequantize(q, NAMES[dtype])).view(x.dtype)
    same_numbers(out, expected.reshape(-1), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("nan", "scale"), [("scale", "amax"), ("scale", "rceil"), ("zero", "amax"), ("zero", "rceil")])
def test_tiles(tiles, nan, scale, dtype):
    check(tiles, "fp8_block", dtype, (2, 130, 200), scale=scale, nan=nan)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 7), (1, 129, 129)])
def test_tiles_at_edges(tiles, shape):
    check(tiles, "fp8_block", "bf16", shape, rounding="stochastic", offset=1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("fmt", ["fp8_group", "fp8_row"])
@pytest.mark.parametrize("scale", ["amax", "rceil"])
@pytest.mark.parametrize("rounding", ["rne", "stochastic"])
def test_runs_and_rows(runs, rounding, scale, fmt, dtype):
    check(runs, fmt, dtype, (1, 9, 384), scale=scale, rounding=rounding)


@pytest.mark.parametrize("fmt", ["fp8_group", "fp8_row"])
def test_nan_as_zero(runs, fmt):
    check(runs, fmt, "f32", (1, 3, 256), nan="zero")
