"""The kernels of integer groups and FP8 runs, run on the CPU, give the bytes of `quantize` and `dequantize`."""

import numpy as np
import pytest

from _kernels import DTYPES, NAMES, ROUNDINGS, Kernels, aligned, numbers, place, public, same_numbers
from paretoserve import quant

SCALE_TYPES = ("float32", "float16", "bfloat16")
FORMATS = tuple(f"int{bits}{kind}" for bits in (8, 7, 6, 5, 4, 3, 2) for kind in ("", "_asym"))


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    return Kernels("quant_group.cu", tmp_path_factory.mktemp("group"))


def check(kernels, fmt, dtype, shape, group, *, scale="amax", scale_dtype="float16", rounding="rne", nan="scale"):
    rows, columns = shape
    info = quant.format_info(fmt, kind="block")
    x = place(numbers(dtype, rows * columns, seed=21, special=nan == "zero"))
    if nan == "scale" and x.size > 700:
        x[700] = np.float32(np.nan) if dtype == "f32" else 0x7FFF
    options = {"scale": scale, "scale_dtype": scale_dtype, "rounding": rounding, "seed": 5, "nan": nan}
    q = quant.quantize(public(x, dtype).reshape(shape), fmt, group=group, pad="zero", **options)
    width = columns if group == -1 else group
    kind = np.float32 if scale_dtype == "float32" else np.uint16
    codes, scales = aligned(q.codes.size, np.uint8), aligned(q.scales.size, kind)
    zeros = aligned(q.scales.size, np.uint8) if info.has_zeros else None
    rule = 2 if info.has_zeros else int(scale == "full")
    choices = SCALE_TYPES.index(scale_dtype), info.bits, rule, ROUNDINGS.index(rounding), 5, int(nan == "zero")
    entry = f"paretoserve_quant_group_{dtype}"
    kernels.launch(entry, 2, 256, codes, scales, zeros, x, rows, columns, width, *choices)
    name = {"float32": "f32", "float16": "f16", "bfloat16": "bf16"}[scale_dtype]
    same_numbers(scales, np.ascontiguousarray(q.scales).view(kind).reshape(-1), name)
    np.testing.assert_array_equal(codes, q.codes.reshape(-1))
    if zeros is not None:
        np.testing.assert_array_equal(zeros, q.zeros.reshape(-1))
    out = aligned(rows * columns, x.dtype)
    sizes = rows, columns, width, SCALE_TYPES.index(scale_dtype), info.bits
    kernels.launch(f"paretoserve_quant_group_dequantize_{dtype}", 2, 64, out, codes, scales, zeros, *sizes)
    expected = np.ascontiguousarray(quant.dequantize(q, NAMES[dtype])).view(out.dtype)
    same_numbers(out, expected.reshape(-1), dtype)


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale_dtype", SCALE_TYPES)
def test_groups_equal_quantize(kernels, scale_dtype, dtype, fmt):
    check(kernels, fmt, dtype, (24, 256), 128, scale_dtype=scale_dtype)


@pytest.mark.parametrize("fmt", ["int8", "int8_asym", "int4"])
@pytest.mark.parametrize("columns", [8, 100, 2104, 5000])
def test_rows_of_any_length(kernels, fmt, columns):
    check(kernels, fmt, "bf16", (5, columns), -1, scale_dtype="float32")


@pytest.mark.parametrize("rounding", ["half_away", "stochastic"])
@pytest.mark.parametrize("fmt", ["int8", "int6", "int4_asym"])
def test_roundings(kernels, rounding, fmt):
    check(kernels, fmt, "f32", (6, 300), 64, rounding=rounding)


def test_the_lowest_code_and_nan_as_zero(kernels):
    check(kernels, "int4", "f16", (8, 256), 32, scale="full")
    check(kernels, "int4_asym", "bf16", (8, 256), 128, nan="zero")
    check(kernels, "int6", "f32", (0, 128), 128)
