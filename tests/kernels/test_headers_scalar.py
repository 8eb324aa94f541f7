"""Device functions of scalar formats, built with g++, equal the core bit for bit."""

import ctypes

import numpy as np
import pytest
from _kernels import CAST_RULES, CUDA, ROUNDINGS, build, layout, numbers, public, same_numbers

from paretoserve import quant
from paretoserve.quant import formats

U32, U64, I32 = ctypes.c_uint32, ctypes.c_uint64, ctypes.c_int32
FLOATS = ("e4m3fn", "e5m2", "e4m3", "e3m4", "e4m3fnuz", "e5m2fnuz", "e4m3b11fnuz", "e2m3", "e3m2", "e2m1", "ue4m3")
BFLOATS = (np.arange(2**16, dtype=np.uint32) << 16).view(np.float32)
# Every bfloat16, its neighbors in float32, and random patterns.
VALUES = np.concatenate(
    [BFLOATS, (BFLOATS.view(np.uint32) + 1).view("f4"), (BFLOATS.view(np.uint32) - 1).view("f4"), numbers("f32", 2**17)]
)


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    return build(tmp_path_factory.mktemp("host"), CUDA / "host" / "host.cpp")


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def encode(host, x, name, saturate=True, rule="paretoserve", rounding="rne", seed=0):
    codes = np.empty(x.size, np.uint8)
    fields, bias = layout(name)
    options = U32(saturate), U32(CAST_RULES.index(rule)), U32(ROUNDINGS.index(rounding)), U64(seed)
    host.host_encode(pointer(codes), pointer(x), U64(x.size), U32(fields), I32(bias), *options)
    return codes


@pytest.mark.parametrize("name", [*formats("scalar"), "e3m3", "e1m2", "e6m1", "e7m0", "e5m2fnuz"])
@pytest.mark.parametrize("saturate", [True, False])
def test_every_format_encodes_as_the_core(host, saturate, name):
    expected = quant.cast(VALUES, name, saturate=saturate, nan="zero")
    np.testing.assert_array_equal(encode(host, VALUES, name, saturate), expected)


@pytest.mark.parametrize("name", [*FLOATS, "e8m0"])
@pytest.mark.parametrize("rule", ["ml_dtypes", "torch"])
def test_rules_of_others_encode_as_the_core(host, rule, name):
    np.testing.assert_array_equal(encode(host, VALUES, name, rule=rule), quant.cast(VALUES, name, rule=rule))


@pytest.mark.parametrize("name", [*FLOATS, "ue5m3", "e6m1", "int8", "int3", "uint4"])
@pytest.mark.parametrize("rounding", ["half_away", "stochastic"])
def test_roundings_encode_as_the_core(host, rounding, name):
    expected = quant.cast(VALUES, name, rounding=rounding, seed=2**63 + 5, nan="zero")
    np.testing.assert_array_equal(encode(host, VALUES, name, rounding=rounding, seed=2**63 + 5), expected)


@pytest.mark.parametrize("name", [*formats("scalar"), "e3m3", "e6m1"])
def test_every_code_decodes_as_the_core(host, name):
    codes = np.arange(256, dtype=np.uint8)
    out = np.empty(256, np.float32)
    fields, bias = layout(name)
    host.host_decode(pointer(out), pointer(codes), U64(256), U32(fields), I32(bias))
    expected = quant.cast(codes, "float32", fmt=name)
    same_numbers(out, expected, "f32")
    np.testing.assert_array_equal(np.signbit(out), np.signbit(expected))


@pytest.mark.parametrize(("dtype", "name"), [("f16", "float16"), ("bf16", "bfloat16")])
def test_wide_floats_convert_as_the_core(host, dtype, name):
    bits = np.arange(2**16, dtype=np.uint16)
    wide, narrow = np.empty(bits.size, np.float32), np.empty(VALUES.size, np.uint16)
    getattr(host, f"host_{dtype}_to_f32")(pointer(wide), pointer(bits), U64(bits.size))
    same_numbers(wide, quant.cast(public(bits, dtype), "float32"), "f32")
    getattr(host, f"host_f32_to_{dtype}")(pointer(narrow), pointer(VALUES), U64(VALUES.size))
    same_numbers(narrow, np.asarray(quant.cast(VALUES, name)).view(np.uint16), dtype)


def test_random_words_are_those_of_philox(host):
    words = np.empty(8, np.uint32)
    host.host_random(pointer(words), U64(0), U64(0), U64(8))
    assert words[:4].tolist() == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


def test_division_by_one_scale_is_division(host):
    random = np.random.default_rng(3)
    x = (random.standard_normal(20000) * np.exp2(random.integers(-30, 10, 20000))).astype(np.float32)
    x[:3] = 0.0, -0.0, 448.0
    out = np.empty_like(x)
    for exponent in (-140, -61, -59, -20, 0, 10, 59, 61, 100):
        for _ in range(8):
            by = np.float32(random.random() + 1) * np.float32(2.0**exponent)
            numerator = x * by
            host.host_divide(pointer(out), pointer(numerator), U64(x.size), ctypes.c_float(by))
            np.testing.assert_array_equal(out.view(np.uint32), (numerator / by).view(np.uint32))


def test_whole_quotients(host):
    random = np.random.default_rng(4)
    n = np.concatenate([random.integers(0, 2**32, 5000), np.arange(300), 2**32 - 1 - np.arange(300)]).astype(np.uint32)
    out = np.empty_like(n)
    for by in (1, 2, 3, 7, 64, 1000, 65537, 2**31 - 1, 2**31, 2**32 - 1):
        host.host_quotient(pointer(out), pointer(n), U64(n.size), U32(by))
        np.testing.assert_array_equal(out, n // by)
