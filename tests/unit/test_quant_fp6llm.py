"""FP6 and FP5 with a scale per row, and the layout of FP6-LLM: against definitions, digests of its tool, and back."""

import hashlib

import ml_dtypes
import numpy as np
import pytest

from paretoserve import quant
from paretoserve.errors import DtypeError, ShapeError

F32 = np.float32
LARGEST = {"fp6_row": 28.0, "fp5_row": 7.0}
BITS = {"fp6_row": 6, "fp5_row": 5}
ELEMENT = {"fp6_row": "e3m2", "fp5_row": "e2m2"}


def normal(shape, seed=0):
    x = np.random.default_rng(seed).standard_normal(shape)
    return (x * np.exp(np.random.default_rng(seed + 1).standard_normal((shape[0], 1)) * 2)).astype(F32)


def written_out(codes, bits):
    """Return the planes of FP6-LLM: every field of every word from its place."""
    rows, columns = codes.shape
    planes, left = [], bits
    for width in (1, 2, 4):
        if not bits & width:
            continue
        left -= width
        count = 32 // width
        order = [start + 4 * step for start in (1, 3, 0, 2) for step in range(count // 4)]
        words = []
        for top in range(0, rows, 64):
            for first in range(0, columns, 16):
                held = [[] for _ in range(32)]
                for thread in range(32):
                    for sixteen in range(0, 64, 16):
                        for right, down, odd in np.ndindex(2, 2, 2):
                            row = top + sixteen + 8 * down + thread // 4
                            held[thread].append(codes[row, first + 8 * right + 2 * (thread % 4) + odd])
                for word in range(width):
                    for thread in range(32):
                        fields = held[thread][word * count : (word + 1) * count]
                        value = 0
                        for field in order:
                            value = value << width | (int(fields[field]) >> left) & ((1 << width) - 1)
                        words.append(value)
        planes.append(np.array(words, "<u4").view(np.uint8))
    return np.concatenate(planes).reshape(rows, -1)


@pytest.mark.parametrize("fmt", ["fp6_row", "fp5_row"])
@pytest.mark.parametrize("scale_dtype", ["float16", "float32", "bfloat16"])
def test_codes_are_casts_of_quotients_by_the_stored_scale(fmt, scale_dtype):
    x = normal((12, 72))
    x[3] = 0
    q = quant.quantize(x, fmt, scale_dtype=scale_dtype)
    scales = (np.abs(x).max(1, keepdims=True) / F32(LARGEST[fmt])).astype(F32)
    scales[3] = 1
    dtype = {"float16": np.float16, "float32": F32, "bfloat16": ml_dtypes.bfloat16}[scale_dtype]
    stored = scales.astype(dtype)
    np.testing.assert_array_equal(np.asarray(q.scales).view(np.uint8), stored.view(np.uint8))
    wide = stored.astype(F32)
    codes = quant.cast(x / wide, ELEMENT[fmt])
    np.testing.assert_array_equal(quant.unpack_bits(q.codes, BITS[fmt], 72), codes)
    np.testing.assert_array_equal(quant.dequantize(q), quant.cast(codes, "float32", fmt=ELEMENT[fmt]) * wide)
    many = quant.quantize(x, fmt, scale_dtype=scale_dtype, threads=3)
    np.testing.assert_array_equal(many.codes, q.codes)


@pytest.mark.parametrize("fmt", ["fp6_row", "fp5_row"])
def test_what_is_not_finite_and_options(fmt):
    x = normal((4, 64))
    x[1, 5], x[2, 7] = np.nan, np.inf
    q = quant.quantize(x, fmt)
    assert np.isnan(q.scales[:, 0]).tolist() == [False, True, True, False]
    assert np.isfinite(quant.dequantize(quant.quantize(x, fmt, nan="zero"))).all()
    with pytest.raises(ValueError, match="row 1, column 5"):
        quant.quantize(x, fmt, nan="raise")
    with pytest.raises(ValueError, match="`scale` must be amax"):
        quant.quantize(x, fmt, scale="rceil")
    with pytest.raises(ValueError, match="`scale_dtype` must be"):
        quant.quantize(x, fmt, scale_dtype="float64")
    tiny = quant.quantize(np.full((1, 64), 1e-9, F32), fmt)
    assert not np.asarray(tiny.codes).any()
    assert quant.quantize(np.empty((0, 64), F32), fmt).dequantize().shape == (0, 64)
    row = normal((1, 64), 9)
    for rounding in ("half_away", "stochastic"):
        step = np.abs(quant.dequantize(quant.quantize(row, fmt, rounding=rounding, seed=3)) - row).max()
        assert step <= np.abs(row).max() / 7


@pytest.mark.parametrize(("fmt", "shape"), [("fp6_row", (128, 64)), ("fp6_row", (64, 192)), ("fp5_row", (64, 128))])
def test_layout_follows_its_definition_and_comes_back(fmt, shape):
    q = quant.quantize(normal(shape), fmt)
    arrays, report = quant.convert(q, "qtensor", "fp6llm")
    assert report.exact
    codes = quant.unpack_bits(q.codes, BITS[fmt], shape[1])
    np.testing.assert_array_equal(arrays["packed_floatx_data"], written_out(codes, BITS[fmt]))
    np.testing.assert_array_equal(arrays["scale"], q.scales[:, 0])
    for packed in (arrays["packed_floatx_data"], arrays["packed_floatx_data"].view(np.int32)):
        back, report = quant.convert(arrays | {"packed_floatx_data": packed}, "fp6llm", "qtensor", bits=BITS[fmt])
        assert report.exact
        assert back.meta.block == (1, shape[1])
        np.testing.assert_array_equal(back.codes, q.codes)
        np.testing.assert_array_equal(back.dequantize(), q.dequantize())


@pytest.mark.parametrize(
    ("fmt", "digest"),
    [("fp6_row", "65fb36814fcfafc43da0e10c438982c0"), ("fp5_row", "018c7ccf0d36708eb81e5d420a6ecb9b")],
)
def test_bytes_are_those_of_the_tool_of_fp6_llm(fmt, digest):
    # What its `weight_prepacking` makes of (7 row + 13 column + row * column) modulo 2^bits, 256 by 128.
    row, column = np.indices((256, 128))
    codes = ((7 * row + 13 * column + row * column) % (1 << BITS[fmt])).astype(np.uint8)
    meta = quant.quantize(np.zeros((256, 128), F32), fmt).meta
    q = quant.QTensor(quant.pack_bits(codes, BITS[fmt]), np.ones((256, 1), np.float16), None, None, meta)
    arrays, report = quant.convert(q, "qtensor", "fp6llm")
    assert hashlib.sha256(arrays["packed_floatx_data"].tobytes()).hexdigest()[:32] == digest
    assert not report.notes


def test_refusals_of_the_layout():
    for shape in ((32, 64), (64, 96)):
        with pytest.raises(ShapeError, match="multiples of 64 rows and columns"):
            quant.convert(quant.quantize(normal(shape), "fp6_row"), "qtensor", "fp6llm")
    with pytest.raises(ShapeError, match="one scale per row of 128"):
        quant.convert(quant.quantize(normal((64, 128)), "fp6_row", group=64), "qtensor", "fp6llm")
    arrays, _ = quant.convert(quant.quantize(normal((64, 64)), "fp6_row"), "qtensor", "fp6llm")
    packed, scale = arrays["packed_floatx_data"], arrays["scale"]
    with pytest.raises(ShapeError, match="rows of 40 bytes for 5 bits"):
        quant.convert(arrays, "fp6llm", "qtensor", bits=5)
    with pytest.raises(ValueError, match="`bits` must be one of"):
        quant.convert(arrays, "fp6llm", "qtensor", bits=4)
    with pytest.raises(ShapeError, match=r"`scale` must have shape \(64,\)"):
        quant.convert({"packed_floatx_data": packed, "scale": scale[:32]}, "fp6llm", "qtensor")
    with pytest.raises(DtypeError, match="`packed_floatx_data` must be uint8 or int32"):
        quant.convert(arrays | {"packed_floatx_data": packed.astype(np.int64)}, "fp6llm", "qtensor")
    broken = scale.copy()
    broken[5] = np.nan
    with pytest.raises(ValueError, match="`scale` must be"):
        quant.convert({"packed_floatx_data": packed, "scale": broken}, "fp6llm", "qtensor")
    with pytest.raises(ValueError, match="holds fp6_row or fp5_row"):
        quant.convert(quant.quantize(normal((64, 64)), "mxfp6"), "qtensor", "fp6llm")
    empty, _ = quant.convert(quant.quantize(np.empty((0, 64), F32), "fp6_row"), "qtensor", "fp6llm")
    assert quant.convert(empty, "fp6llm", "qtensor")[0].shape[0] == 0
