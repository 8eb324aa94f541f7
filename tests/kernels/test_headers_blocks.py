"""Device functions of blocks, built with g++: scales, elements, packing and places, against the core and obvious rules."""

import ctypes

import numpy as np
import pytest
from _kernels import CUDA, build

from paretoserve import quant

U32, U64 = ctypes.c_uint32, ctypes.c_uint64
ELEMENTS = ("e4m3fn", "e5m2", "e2m3", "e3m2", "e2m1", "int8", "int6", "int4")
FORMATS = ("mxfp8_e4m3", "mxfp8_e5m2", "mxfp6_e2m3", "mxfp6_e3m2", "mxfp4", "mxint8", "mxint6", "mxint4")


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    return build(tmp_path_factory.mktemp("host"), CUDA / "host" / "host.cpp")


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def magnitudes() -> np.ndarray:
    """Return bits of magnitudes: every exponent with mantissas around the rules' thresholds, and random ones."""
    around = np.array([0, 0x100000, 0x400000, 0x500000, 0x600000, 0x700000, 0x780000, 0x7E0000, 0x7F0000])
    mantissas = np.unique(np.concatenate([around, around + 1, around - 1, [0x7FFFFF, 0x7DFFFF]]))
    mantissas = mantissas[mantissas >= 0]
    grid = (np.arange(256)[:, None] << 23 | mantissas).reshape(-1)
    random = np.random.default_rng(5).integers(0, 2**31, 8192)
    return np.concatenate([grid, 1 << np.arange(23), random]).astype(np.uint32)


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("rule", ["floor", "rceil", "ceil", "even"])
def test_scales_are_those_of_the_core(host, rule, fmt):
    amax = magnitudes()
    bytes_ = np.empty(amax.size, np.uint8)
    which = ("floor", "rceil", "ceil", "even").index(rule)
    host.host_scale(pointer(bytes_), pointer(amax), U64(amax.size), U32(which), U32(FORMATS.index(fmt)))
    x = np.zeros((amax.size, 32), np.float32)
    x[:, 7] = amax.view(np.float32)
    np.testing.assert_array_equal(bytes_, quant.quantize(x, fmt, scale=rule).scales[:, 0])


@pytest.mark.parametrize("name", ELEMENTS)
def test_eights_of_numbers_are_single_ones(host, name):
    random = np.random.default_rng(6)
    steps = np.arange(-4096, 4096, dtype=np.float32)
    x = np.concatenate([steps / 8, steps / 64, np.exp2(random.uniform(-30, 20, 8192)) * random.choice([-1, 1], 8192)])
    every = (np.arange(2**16, dtype=np.uint32) << 16).view(np.float32)
    x = np.concatenate([x.astype(np.float32), every[np.isfinite(every)]])
    x = x[: x.size // 8 * 8]
    codes, decoded = np.empty(x.size // 8, np.uint64), np.empty_like(x)
    host.host_eights(pointer(codes), pointer(decoded), pointer(x), U64(x.size), U32(ELEMENTS.index(name)))
    bits = quant.format_info(name, kind="scalar").bits
    single = codes[:, None] >> np.arange(0, 8 * bits, bits, dtype=np.uint64) & np.uint64(2**bits - 1)
    largest = 2 ** (bits - 1) - 1
    clipped = np.clip(x, -largest, largest) if name.startswith("int") else x
    expected = quant.cast(clipped, name)
    np.testing.assert_array_equal(single.reshape(-1), expected)
    np.testing.assert_array_equal(decoded, quant.cast(expected, "float32", fmt=name))


@pytest.mark.parametrize("name", ["ue4m3", "ue5m3"])
def test_scales_of_nv_formats_are_single_numbers(host, name):
    x = np.abs((np.arange(2**16, dtype=np.uint32) << 16 | 0x8001).view(np.float32))
    x = np.concatenate([x[~np.isnan(x)], np.float32([0, np.inf, 464, 465])])
    codes = np.empty(x.size, np.uint8)
    getattr(host, f"host_{name}")(pointer(codes), pointer(x), U64(x.size))
    np.testing.assert_array_equal(codes, quant.cast(x, name))


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("order", ["lsb", "msb"])
def test_eight_codes_are_a_stream(host, order, bits):
    codes = np.random.default_rng(bits).integers(0, 2**bits, (64, 8), dtype=np.uint8)
    packed, back = np.empty(64, np.uint64), np.empty(64, np.uint64)
    host.host_pack(pointer(packed), pointer(back), pointer(codes), U64(64), U32(bits), U32(order == "msb"))
    stream = packed.view(np.uint8).reshape(64, 8)[:, :bits]
    np.testing.assert_array_equal(stream, quant.pack_bits(codes, bits, order=order))
    np.testing.assert_array_equal(back.view(np.uint8).reshape(64, 8), codes)


def test_places_in_tiles(host):
    rows, columns = 300, 10
    places = np.empty(rows * columns, np.uint64)
    host.host_swizzled_place(pointer(places), U64(rows), U32(columns))
    r, c = np.divmod(np.arange(rows * columns), columns)
    expected = (r // 128 * 3 + c // 4) * 512 + r % 32 * 16 + r % 128 // 32 * 4 + c % 4
    np.testing.assert_array_equal(places, expected)
