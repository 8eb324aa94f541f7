"""Dense bit streams: against numpy, compressed-tensors and torchao, for every width, order, word and tail."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paretoserve import quant
from paretoserve.errors import DeviceError, DtypeError, ShapeError

# Of q_i = (7i mod 2^b) - 2^(b-1), i < 32, by compressed-tensors 0.20.
GOLDEN = {
    3: "b8cb29b8cb29b8cb29b8cb29",
    4: "705e3c1af8d6b492705e3c1af8d6b492",
    6: "c0e154dca8c6f86f34d426a6f0ed17cca485e86bf7c42265",
    8: "00070e151c232a31383f464d545b626970777e858c939aa1a8afb6bdc4cbd2d9",
}


@pytest.fixture(scope="module")
def compressed_tensors():
    pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("compressed_tensors.compressors.pack_quantized.helpers")


def numbers(bits, shape, seed=0):
    low = -(2 ** (bits - 1))
    return np.random.default_rng(seed).integers(low, -low, shape).astype(np.int8)


def stream(codes, bits, order, word, row_pad):
    """Pack bit by bit: the definition."""
    rows = codes if row_pad else codes.reshape(1, -1)
    each = np.unpackbits(rows[..., None], axis=-1, bitorder="little")[..., :bits]
    each = (each if order == "lsb" else each[..., ::-1]).reshape(len(rows), -1)
    each = np.pad(each, ((0, 0), (0, -each.shape[1] % word)))
    if order == "lsb":
        packed = np.packbits(each, axis=-1, bitorder="little")
    else:
        packed = np.packbits(each, axis=-1).reshape(len(rows), -1, word // 8)[..., ::-1].reshape(len(rows), -1)
    packed = np.ascontiguousarray(packed).view("<i4") if word == 32 else packed
    return packed if row_pad else packed[0]


@given(
    bits=st.integers(1, 8),
    order=st.sampled_from(["lsb", "msb"]),
    word=st.sampled_from([8, 32]),
    signed=st.sampled_from([None, "offset", "twos"]),
    row_pad=st.booleans(),
    shape=st.tuples(st.integers(1, 4), st.integers(1, 150)),
    seed=st.integers(0, 100),
    threads=st.sampled_from([1, 2, 5]),
)
def test_every_stream_equals_its_definition_and_comes_back(bits, order, word, signed, row_pad, shape, seed, threads):
    x = numbers(bits, shape, seed)
    codes = (x.astype(int) + (0 if signed == "twos" else 2 ** (bits - 1))).astype(np.uint8) & (2**bits - 1)
    x = codes if signed is None else x
    kept = x.copy()
    layout = {"order": order, "word": word, "row_pad": row_pad, "threads": threads}
    packed = quant.pack_bits(x, bits, signed=signed or "offset", **layout)
    np.testing.assert_array_equal(packed, stream(codes, bits, order, word, row_pad), strict=True)
    rows = None if row_pad else shape[0]
    back = quant.unpack_bits(packed, bits, shape[1], rows=rows, signed=signed, **layout)
    np.testing.assert_array_equal(back, x, strict=True)
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize("bits", GOLDEN)
def test_golden_bytes_of_compressed_tensors(bits):
    q = ((7 * np.arange(32)) % 2**bits - 2 ** (bits - 1)).astype(np.int8)
    assert quant.pack_bits(q, bits).tobytes().hex() == GOLDEN[bits]
    assert quant.pack_bits(q, bits, word=32).tobytes().hex() == GOLDEN[bits]


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("cols", [32, 96, 100, 7])
def test_bytes_equal_those_of_compressed_tensors(compressed_tensors, bits, cols):
    torch = pytest.importorskip("torch")
    x = torch.from_numpy(numbers(bits, (3, cols)))
    expected = compressed_tensors.pack_to_int32(x, bits)
    packed = quant.pack_bits(x, bits, word=32)
    assert packed.dtype == expected.dtype
    assert torch.equal(packed, expected)
    assert torch.equal(quant.unpack_bits(expected, bits, cols, signed="offset"), x)


@pytest.mark.parametrize(("order", "numpy_order"), [("lsb", "little"), ("msb", "big")])
@pytest.mark.parametrize("cols", [8, 64, 1001])
def test_one_bit_is_what_numpy_packs(order, numpy_order, cols):
    x = np.random.default_rng(1).random((5, cols)) < 0.5
    packed = quant.pack_bits(x, 1, order=order)
    np.testing.assert_array_equal(packed, np.packbits(x, axis=-1, bitorder=numpy_order))
    unpacked = np.unpackbits(packed, axis=-1, count=cols, bitorder=numpy_order)
    np.testing.assert_array_equal(quant.unpack_bits(packed, 1, cols, order=order), unpacked)


def test_four_bits_are_what_torchao_packs_the_other_way_round():
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kernels = pytest.importorskip("torchao.prototype.mx_formats.kernels")
    x = torch.from_numpy(numbers(4, (6, 64)).view(np.uint8) & 15)
    expected = kernels.pack_uint4(x)
    assert torch.equal(quant.pack_bits(x, 4), expected)
    assert torch.equal(quant.unpack_bits(expected, 4, 64), kernels.unpack_uint4(expected))


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_out_is_filled_and_returned(library):
    x = numbers(5, (3, 40))
    packed, back = np.empty((3, 25), np.uint8), np.empty((3, 40), np.int8)
    if library == "torch":
        x, packed, back = (pytest.importorskip("torch").from_numpy(each) for each in (x, packed, back))
    assert quant.pack_bits(x, 5, out=packed) is packed
    assert quant.unpack_bits(packed, 5, 40, signed="offset", out=back) is back
    assert (back == x).all()


def test_any_strides_and_axes_are_packed_along_the_last():
    x = numbers(3, (4, 6, 20))
    np.testing.assert_array_equal(quant.pack_bits(x[:, ::2, ::-1], 3), quant.pack_bits(x[:, ::2, ::-1].copy(), 3))
    packed = quant.pack_bits(x, 3)
    np.testing.assert_array_equal(quant.unpack_bits(packed[::2], 3, 20, signed="offset"), x[::2])


@pytest.mark.parametrize("shape", [(0,), (0, 5), (5, 0), (2, 0, 3)])
def test_nothing_packs_to_nothing(shape):
    for word in (8, 32):
        for row_pad in (True, False):
            packed = quant.pack_bits(np.empty(shape, np.int8), 3, word=word, row_pad=row_pad)
            assert packed.size == 0
        assert quant.unpack_bits(quant.pack_bits(np.empty(shape, np.uint8), 3), 3, shape[-1]).shape == shape


@pytest.mark.parametrize(
    ("x", "bits", "said"),
    [
        (np.array([[0, 1], [2, 8]], np.uint8), 3, "`x` must be from 0 to 7 for 3 bits, got 8 at row 1, column 1"),
        (np.array([0, -5], np.int8), 3, "`x` must be from -4 to 3 for 3 bits, got -5 at row 0, column 1"),
        (np.array([4], np.int8), 3, "`x` must be from -4 to 3 for 3 bits, got 4 at row 0, column 0"),
        (np.array([1], np.int8), 1, "`x` must be from -1 to 0 for 1 bits, got 1 at row 0, column 0"),
    ],
)
@pytest.mark.parametrize("signed", ["offset", "twos"])
def test_numbers_that_do_not_fit_are_named(x, bits, said, signed):
    with pytest.raises(ValueError, match=f"^{said}$"):
        quant.pack_bits(x, bits, signed=signed)


X = np.zeros((2, 16), np.uint8)


@pytest.mark.parametrize(
    ("error", "said", "arguments"),
    [
        (ValueError, "`bits` must be an integer from 1 to 8, got 0", {"bits": 0}),
        (ValueError, "`bits` must be an integer from 1 to 8, got 9", {"bits": 9}),
        (ValueError, "`bits` must be an integer from 1 to 8, got 4.0", {"bits": 4.0}),
        (ValueError, "`bits` must be an integer from 1 to 8, got True", {"bits": True}),
        (TypeError, "`row_pad` must be True or False, got 1", {"row_pad": 1}),
        (ValueError, "`order` must be one of", {"order": "little"}),
        (ValueError, "`word` must be 8 or 32, got 16", {"word": 16}),
        (ValueError, "`signed` must be one of", {"signed": "sign"}),
        (ValueError, "`threads` must be an integer from 1 to [0-9]*, got 0", {"threads": 0}),
        (DtypeError, "`x` must be uint8, int8 or bool, got int64", {"x": X.astype(int)}),
        (DtypeError, "`x` must be uint8, int8 or bool, got float32", {"x": X.astype("f4")}),
        (ShapeError, r"`x` must have shape \(..., cols\), got \(\)", {"x": np.array(1, np.uint8)}),
        (ShapeError, r"`out` must have shape \(2, 8\), got \(2, 9\)", {"out": np.empty((2, 9), np.uint8)}),
        (DtypeError, "`out` must be uint8, got int32", {"out": np.empty((2, 8), np.int32)}),
        (ShapeError, "`out` must be C-contiguous", {"out": np.empty((2, 16), np.uint8)[:, ::2]}),
        (ValueError, "`out` must not overlap an input", {"out": X[:1].reshape(2, 8)}),
    ],
)
def test_wrong_arguments_of_pack_bits_are_refused(error, said, arguments):
    with pytest.raises(error, match=said):
        quant.pack_bits(**{"x": X, "bits": 4} | arguments)


@pytest.mark.parametrize(
    ("error", "said", "arguments"),
    [
        (ShapeError, r"`packed` must have shape \(..., 9\) for 18 codes of 4 bits, got \(2, 8\)", {"cols": 18}),
        (ShapeError, "`packed` must have shape", {"cols": 10**18}),
        (ValueError, "`cols` must be an integer from 0 to", {"cols": 10**30}),
        (ShapeError, r"`packed` must have shape \(8,\)", {"row_pad": False}),
        (ValueError, "`cols` must be an integer from 0 to [0-9]*, got -1", {"cols": -1}),
        (ValueError, "`rows` must be None unless", {"rows": 2}),
        (DtypeError, "`packed` must be int32 with word=32, got uint8", {"word": 32}),
        (DtypeError, "`packed` must be uint8 or int32, got int16", {"packed": np.zeros((2, 4), np.int16)}),
        (DtypeError, "`out` must be int8, got uint8", {"signed": "twos", "out": X.copy()}),
        (ValueError, "`out` must be writable", {"out": np.frombuffer(bytes(32), np.uint8).reshape(2, 16)}),
    ],
)
def test_wrong_arguments_of_unpack_bits_are_refused(error, said, arguments):
    with pytest.raises(error, match=said):
        quant.unpack_bits(**{"packed": np.zeros((2, 8), np.uint8), "bits": 4, "cols": 16} | arguments)


def test_meta_tensors_are_refused():
    torch = pytest.importorskip("torch")
    with pytest.raises(DeviceError, match="`array` must be in the memory of the CPU"):
        quant.pack_bits(torch.empty((2, 8), dtype=torch.uint8, device="meta"), 4)
