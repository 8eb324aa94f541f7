"""Marlin and FlexQ: against the definitions written out code by code, and back."""

import hashlib

import numpy as np
import pytest

from paretoserve import quant
from paretoserve.errors import ShapeError


def quantized(shape, fmt, group, seed=0):
    x = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return quant.quantize(x, fmt, group=group, scale_dtype="float16")


def marlin_codes(codes):
    """Return the words of Marlin for a matrix of codes by input and output, one code at a time."""
    inputs, outputs = codes.shape
    order = []
    for thread in range(32):
        column, pair = thread // 4, thread % 4
        order += [
            256 * tile + 16 * row + column + 8 * block
            for tile in range(4)
            for block in (0, 1)
            for row in (2 * pair, 2 * pair + 1, 2 * (pair + 4), 2 * (pair + 4) + 1)
        ]
    order = np.array(order).reshape(-1, 8)[:, [0, 2, 4, 6, 1, 3, 5, 7]].reshape(-1)
    tiles = codes.reshape(inputs // 16, 16, outputs // 16, 16).transpose(0, 2, 1, 3).reshape(-1, 1024)[:, order]
    words = np.zeros((inputs // 16, outputs * 2), np.uint32)
    flat = tiles.reshape(inputs // 16, -1).astype(np.uint32)
    for place in range(8):
        words |= flat[:, place::8] << np.uint32(4 * place)
    return words.view(np.int32)


def marlin_scales(scales):
    """Return the scales, by group and output, in the order of Marlin."""
    if len(scales) > 1:
        order = [i + 8 * j for i in range(8) for j in range(8)]
    else:
        order = [2 * i + j for i in range(4) for j in (0, 1, 8, 9, 16, 17, 24, 25)]
    return scales.reshape(-1, len(order))[:, order].reshape(scales.shape)


@pytest.mark.parametrize(("shape", "group"), [((256, 256), 128), ((64, 48), 16), ((128, 128), -1)])
def test_marlin_follows_its_definition_and_comes_back(shape, group):
    q = quantized(shape, "int4", group)
    arrays, report = quant.convert(q, "qtensor", "marlin")
    codes = quant.unpack_bits(q.codes, 4, shape[1])
    np.testing.assert_array_equal(arrays["B"], marlin_codes(codes.T))
    np.testing.assert_array_equal(arrays["s"], marlin_scales(q.scales.T))
    assert report.exact
    assert bool(report.notes) == (shape != (256, 256))
    back, report = quant.convert(arrays, "marlin", "qtensor")
    assert report.exact
    np.testing.assert_array_equal(back.codes, q.codes)
    np.testing.assert_array_equal(back.scales, q.scales)


@pytest.mark.parametrize(
    ("group", "scales_digest"), [(128, "3a3c761ff9c1fc179e3b2d5f70901250"), (-1, "0c1ae1bd5e096b2d28dd34678c6e76c0")]
)
def test_marlin_has_the_bytes_of_its_own_tool(group, scales_digest):
    # What `marlin.Layer.pack` makes of codes 1 + (7 output + 13 input + output * input) modulo 15.
    output, column = np.indices((256, 256))
    codes = ((7 * output + 13 * column + output * column) % 15 + 1).astype(np.uint8)
    scales = (1 + np.arange(512, dtype=np.float32).reshape(256, 2) / 1024).astype(np.float16)
    scales = scales if group > 0 else scales[:, :1].copy()
    meta = quantized((256, 256), "int4", group).meta
    q = quant.QTensor(quant.pack_bits(codes, 4), scales, None, None, meta)
    arrays, _ = quant.convert(q, "qtensor", "marlin")
    found = {name: hashlib.sha256(array.tobytes()).hexdigest()[:32] for name, array in arrays.items()}
    assert found == {"B": "e360ed6b0de4800b5cf4d158c90ed358", "s": scales_digest}


def test_gptq_and_awq_become_marlin():
    q = quantized((256, 256), "int4", 128)
    expected, _ = quant.convert(q, "qtensor", "marlin")
    for layout in ("gptq", "awq", "ct_int"):
        arrays, _ = quant.convert(quant.convert(q, "qtensor", layout)[0], layout, "marlin")
        for name, array in expected.items():
            np.testing.assert_array_equal(arrays[name], array)


@pytest.mark.parametrize("chunk", [8, 4])
def test_flexq_stores_zero_31_in_planes_and_comes_back(chunk):
    q = quantized((20, 256), "int6", 128)
    arrays, report = quant.convert(q, "qtensor", "flexq", chunk=chunk)
    codes = quant.unpack_bits(q.codes, 6, 256)
    np.testing.assert_array_equal(arrays["qweight"], quant.pack_planes(codes - 1, 6, chunk=chunk))
    assert (np.abs(codes.astype(int) - 32) <= 31).all()
    back, again = quant.convert(arrays, "flexq", "qtensor")
    assert report.exact
    assert again.exact
    np.testing.assert_array_equal(quant.dequantize(back), quant.dequantize(q))


def test_what_they_cannot_hold_is_refused():
    for fmt in ("int4_asym", "int8"):
        with pytest.raises(ValueError, match="marlin holds int4, and the source is"):
            quant.convert(quantized((64, 64), fmt, 32), "qtensor", "marlin")
    with pytest.raises(ShapeError, match="`q` must have a multiple of 64 outputs"):
        quant.convert(quantized((16, 64), "int4", 32), "qtensor", "marlin")
    wide = quant.quantize(np.ones((64, 64), np.float32), "int4", group=32, scale_dtype="float32")
    with pytest.raises(ValueError, match="`q` must have float16 scales for marlin, got float32"):
        quant.convert(wide, "qtensor", "marlin")
    with pytest.raises(ShapeError, match="`q` must have a multiple of 128 inputs for flexq"):
        quant.convert(quantized((8, 64), "int6", 32), "qtensor", "flexq")


def test_broken_arrays_are_refused():
    arrays, _ = quant.convert(quantized((64, 64), "int4", 32), "qtensor", "marlin")
    for changed, said in (
        ({"B": arrays["B"][:, :100]}, "`B` must have a multiple of 128 columns"),
        ({"s": arrays["s"][:, :32]}, "`s` must have shape"),
        ({"s": np.full_like(arrays["s"], np.inf)}, "`s` must be finite"),
    ):
        with pytest.raises(ValueError, match=said):
            quant.convert(arrays | changed, "marlin", "qtensor")
    planes = np.full((1, 1, 6, 8, 4), -1, np.int32)
    scales = np.ones((8, 1), np.float16)
    with pytest.raises(ValueError, match="`qweight` must be symmetric, codes from 0 to 62, got 63 at"):
        quant.convert({"qweight": planes, "scales": scales}, "flexq", "qtensor")
    with pytest.raises(ShapeError, match="`qweight` must have shape"):
        quant.convert({"qweight": planes[:, :, :5], "scales": scales}, "flexq", "qtensor")
