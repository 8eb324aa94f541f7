"""The kernels that pack, unpack and swizzle, run on the CPU, give the bytes of the library's functions."""

import numpy as np
import pytest

from _kernels import Kernels, aligned, place
from paretoserve import quant

LARGEST = 2**64 - 1
CODINGS = {"unsigned": 0, "offset": 1, "twos": 2}


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    return Kernels("quant_pack.cu", tmp_path_factory.mktemp("pack"))


@pytest.fixture(scope="module")
def swizzle(tmp_path_factory):
    return Kernels("quant_swizzle.cu", tmp_path_factory.mktemp("swizzle"))


def check(kernels, bits, shape, order="lsb", word=8, coding="unsigned", offset=0):
    rows, columns = shape
    random = np.random.default_rng(bits)
    half = 1 << (bits - 1)
    if coding == "unsigned":
        x = random.integers(0, 1 << bits, shape, dtype=np.uint8)
    else:
        x = random.integers(-half, half, shape, dtype=np.int8)
    signed = "offset" if coding == "unsigned" else coding
    expected = quant.pack_bits(x, bits, order=order, word=word, signed=signed)
    codes = place(x.view(np.uint8), offset)
    packed, bad = aligned(expected.nbytes, np.uint8), np.full(1, LARGEST, np.uint64)
    options = bits, int(order == "msb"), word // 8, CODINGS[coding]
    kernels.launch("paretoserve_quant_pack_bits", 2, 256, packed, bad, codes, rows, columns, *options)
    np.testing.assert_array_equal(packed, expected.reshape(-1).view(np.uint8))
    assert int(bad[0]) == LARGEST
    back = aligned(x.size + offset, np.uint8)[offset:]
    kernels.launch("paretoserve_quant_unpack_bits", 2, 256, back, packed, rows, columns, *options)
    np.testing.assert_array_equal(back, codes)


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("order", ["lsb", "msb"])
@pytest.mark.parametrize("word", [8, 32])
@pytest.mark.parametrize("coding", CODINGS)
def test_streams_equal_pack_bits(kernels, coding, word, order, bits):
    check(kernels, bits, (3, 6432), order, word, coding)


@pytest.mark.parametrize("bits", [1, 3, 4, 6, 8])
@pytest.mark.parametrize("shape", [(0, 8), (1, 1), (1, 31), (5, 33), (2, 7), (1, 8200)])
@pytest.mark.parametrize("word", [8, 32])
def test_tails(kernels, word, shape, bits):
    check(kernels, bits, shape, "lsb", word)
    check(kernels, bits, shape, "msb", word, offset=3)


def test_a_code_that_does_not_fit_is_named(kernels):
    codes = place(np.ones(9000, np.uint8))
    codes[[7001, 8995]] = 16
    packed, bad = aligned(4500, np.uint8), np.full(1, LARGEST, np.uint64)
    kernels.launch("paretoserve_quant_pack_bits", 1, 256, packed, bad, codes, 1, 9000, 4, 0, 1, 0)
    assert bad[0] == 7001
    codes[7001] = 1
    bad[0] = LARGEST
    kernels.launch("paretoserve_quant_pack_bits", 1, 256, packed, bad, codes, 1, 9000, 4, 0, 1, 0)
    assert bad[0] == 8995


@pytest.mark.parametrize("shape", [(0, 4), (1, 1), (128, 4), (130, 7), (33, 12), (257, 5)])
def test_swizzled_scales(swizzle, shape):
    rows, columns = shape
    scales = place(np.random.default_rng(1).integers(0, 256, rows * columns, dtype=np.uint8))
    room = -(-rows // 128), -(-columns // 4)
    padded = np.zeros((room[0] * 128, room[1] * 4), np.uint8)
    padded[:rows, :columns] = scales.reshape(shape)
    expected = padded.reshape(room[0], 4, 32, room[1], 4).transpose(0, 3, 2, 1, 4).reshape(-1)
    tiles, back = aligned(expected.size, np.uint8), aligned(scales.size, np.uint8)
    swizzle.launch("paretoserve_quant_swizzle_scales", 2, 64, tiles, scales, rows, columns)
    np.testing.assert_array_equal(tiles, expected)
    swizzle.launch("paretoserve_quant_unswizzle_scales", 1, 64, back, tiles, rows, columns)
    np.testing.assert_array_equal(back, scales)
