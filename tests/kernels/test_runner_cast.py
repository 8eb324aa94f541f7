"""The cast kernels, run on the CPU, give the bytes of `cast`."""

import numpy as np
import pytest

from _kernels import (
    CAST_RULES,
    DTYPES,
    NAMES,
    ROUNDINGS,
    Kernels,
    aligned,
    layout,
    numbers,
    place,
    public,
    same_numbers,
)
from paretoserve import quant
from paretoserve.quant import formats

LARGEST = 2**64 - 1


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    return Kernels("quant_cast.cu", tmp_path_factory.mktemp("cast"))


def encode(kernels, x, dtype, name, *, saturate=True, rule="paretoserve", rounding="rne", seed=0, grid=2, report=True):
    codes, first = aligned(x.size, np.uint8), np.full(1, LARGEST, np.uint64)
    options = int(saturate), CAST_RULES.index(rule), ROUNDINGS.index(rounding), seed
    kernels.launch(
        f"paretoserve_quant_encode_{dtype}",
        grid,
        64,
        codes,
        first if report else None,
        x,
        x.size,
        *layout(name),
        *options,
    )
    return codes, int(first[0])


def reference(x, dtype, name, **options):
    return quant.cast(public(x, dtype), name, **{"nan": "zero"} | options)


@pytest.mark.parametrize("name", formats("scalar"))
@pytest.mark.parametrize("dtype", DTYPES)
def test_encode_equals_cast_for_every_format(kernels, dtype, name):
    x = place(numbers(dtype, 4096 + 5, seed=1))
    codes, _ = encode(kernels, x, dtype, name)
    np.testing.assert_array_equal(codes, reference(x, dtype, name))


@pytest.mark.parametrize("name", ["e4m3fn", "e5m2"])
@pytest.mark.parametrize("rule", CAST_RULES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_short_way_of_fp8_equals_cast(kernels, dtype, rule, name):
    x = place(numbers(dtype, 4096, seed=11))
    codes, _ = encode(kernels, x, dtype, name, rule=rule, report=False)
    np.testing.assert_array_equal(codes, reference(x, dtype, name, rule=rule))


@pytest.mark.parametrize("name", ["e4m3fn", "e5m2", "e3m2", "e2m1", "e4m3fnuz", "ue5m3", "int4", "uint3", "e7m0"])
@pytest.mark.parametrize("rounding", ["half_away", "stochastic"])
def test_roundings_equal_cast(kernels, rounding, name):
    x = place(numbers("f32", 3001, seed=2))
    codes, _ = encode(kernels, x, "f32", name, rounding=rounding, seed=2**40 + 7)
    np.testing.assert_array_equal(codes, reference(x, "f32", name, rounding=rounding, seed=2**40 + 7))


@pytest.mark.parametrize("name", ["e4m3fn", "e5m2", "e4m3", "e4m3fnuz", "e2m1", "e3m2", "e8m0"])
@pytest.mark.parametrize(("rule", "saturate"), [("paretoserve", False), ("ml_dtypes", True), ("torch", True)])
def test_rules_of_others_equal_cast(kernels, rule, saturate, name):
    x = place(numbers("bf16", 2003, seed=3))
    codes, _ = encode(kernels, x, "bf16", name, rule=rule, saturate=saturate)
    np.testing.assert_array_equal(codes, reference(x, "bf16", name, rule=rule, saturate=saturate))


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 513])
@pytest.mark.parametrize("offset", [0, 1])
def test_tails_and_odd_addresses(kernels, count, offset):
    x = place(numbers("f16", count, seed=4), offset)
    codes, _ = encode(kernels, x, "f16", "e4m3fn", grid=1)
    np.testing.assert_array_equal(codes, reference(x, "f16", "e4m3fn"))
    out = aligned(count + offset, np.uint16)[offset:]
    kernels.launch("paretoserve_quant_decode_f16", 1, 32, out, codes, count, *layout("e4m3fn"))
    same_numbers(out, quant.cast(codes, "float16", fmt="e4m3fn").view(np.uint16), "f16")


def test_the_first_nan_is_named(kernels):
    x = place(np.ones(5000, np.float32))
    assert encode(kernels, x, "f32", "e2m1")[1] == LARGEST
    x[[3001, 4000]] = np.nan
    assert encode(kernels, x, "f32", "e2m1")[1] == 3001


@pytest.mark.parametrize("name", formats("scalar"))
@pytest.mark.parametrize("dtype", DTYPES)
def test_decode_equals_cast_for_every_code(kernels, dtype, name):
    codes = place(np.arange(256, dtype=np.uint8))
    out = aligned(256, np.float32 if dtype == "f32" else np.uint16)
    kernels.launch(f"paretoserve_quant_decode_{dtype}", 1, 32, out, codes, 256, *layout(name))
    same_numbers(out, quant.cast(codes, NAMES[dtype], fmt=name).view(out.dtype), dtype)
