"""The transposing kernels, run on the CPU, give the bytes of `quantize` along the first axis."""

import numpy as np
import pytest
from _kernels import DTYPES, ROUNDINGS, Kernels, aligned, numbers, place, public

from paretoserve import quant

MX = ("mxfp8_e4m3", "mxfp8_e5m2", "mxfp6_e2m3", "mxfp6_e3m2", "mxfp4", "mxint8", "mxint6", "mxint4")


@pytest.fixture(scope="module")
def mx(tmp_path_factory):
    return Kernels("quant_mx_transposed.cu", tmp_path_factory.mktemp("mx"))


@pytest.fixture(scope="module")
def nv(tmp_path_factory):
    return Kernels("quant_nv_transposed.cu", tmp_path_factory.mktemp("nv"))


def check(kernels, fmt, dtype, shape, *, rounding="rne", offset=0, grid=(2, 2), special=True):
    rows, columns = shape
    x = place(numbers(dtype, rows * columns, seed=41, special=special), offset)
    given = np.float32([0.5])
    options = {"global_scale": given[0]} if fmt.startswith("nv") else {"scale": "even"}
    q = quant.quantize(
        public(x, dtype).reshape(shape), fmt, axis=0, pad="zero", rounding=rounding, seed=4, **options
    )
    codes, scales = aligned(q.codes.size, np.uint8), aligned(q.scales.size, np.uint8)
    entry, how = f"paretoserve_quant_{fmt}_transposed_{dtype}", ROUNDINGS.index(rounding)
    if fmt.startswith("nv"):
        scale = np.zeros(1, np.float32)
        kernels.launch(entry, grid, 256, codes, scales, scale, x, given, rows, columns, 1, how, 4, 0, 0, 0)
        assert scale[0] == q.global_scale
    else:
        kernels.launch(entry, grid, 256, codes, scales, x, rows, columns, 3, how, 4, 0, 0)
    np.testing.assert_array_equal(scales, q.scales.reshape(-1))
    np.testing.assert_array_equal(codes, q.codes.reshape(-1))


@pytest.mark.parametrize("fmt", MX)
@pytest.mark.parametrize("dtype", DTYPES)
def test_mx_equals_quantize(mx, dtype, fmt):
    check(mx, fmt, dtype, (160, 72))


@pytest.mark.parametrize("fmt", ["nvfp4", "nvfp4_ue5m3", "nvint4"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_nv_equals_quantize(nv, dtype, fmt):
    check(nv, fmt, dtype, (144, 72))


@pytest.mark.parametrize("shape", [(0, 8), (1, 1), (33, 7), (129, 65), (300, 130)])
@pytest.mark.parametrize("fmt", ["mxfp8_e4m3", "mxfp6_e2m3", "mxfp4"])
def test_tails(mx, fmt, shape):
    check(mx, fmt, "bf16", shape, grid=(1, 1))
    check(mx, fmt, "f32", shape, rounding="stochastic", offset=1, special=False)


@pytest.mark.parametrize("shape", [(17, 9), (40, 64)])
def test_tails_of_nv(nv, shape):
    check(nv, "nvfp4", "f16", shape, rounding="stochastic")
