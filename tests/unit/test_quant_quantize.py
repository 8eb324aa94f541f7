"""`quantize` and `dequantize` whatever the format: arrays, axes, padding, rotation, outputs, and arguments refused."""

import numpy as np
import pytest

from paretoserve.errors import DtypeError, ShapeError, UnknownNameError
from paretoserve.quant import QTensor, dequantize, hadamard, quantize

FORMATS = ("mxfp8", "mxfp6", "mxfp4", "mxint8", "nvfp4", "nvint4", "int4", "int8", "nf4", "fp8_row")


@pytest.fixture
def x():
    values = np.random.default_rng(0).standard_normal((4, 6, 128)).astype(np.float32)
    before = values.copy()
    yield values
    np.testing.assert_array_equal(values, before)


def same(left, right):
    for name in ("codes", "scales", "zeros", "global_scale"):
        one, two = getattr(left, name), getattr(right, name)
        assert (one is None) == (two is None)
        if one is not None:
            np.testing.assert_array_equal(np.asarray(one), np.asarray(two))


@pytest.mark.parametrize("fmt", FORMATS)
def test_any_axis_equals_that_axis_moved_last(fmt, x):
    for axis in (0, 1, -2):
        turned = np.ascontiguousarray(np.moveaxis(x, -1, axis))
        q = quantize(turned, fmt, axis=axis)
        same(q, quantize(x, fmt))
        assert (q.shape, q.meta.axis) == (turned.shape, axis % 3)
        np.testing.assert_array_equal(dequantize(q), np.moveaxis(dequantize(quantize(x, fmt)), -1, axis))


@pytest.mark.parametrize("fmt", FORMATS)
def test_arrays_with_gaps_equal_their_copies(fmt, x):
    wide = np.repeat(x, 2, axis=-1)
    same(quantize(wide[..., ::2], fmt), quantize(x, fmt))
    same(quantize(x[::-1], fmt), quantize(np.ascontiguousarray(x[::-1]), fmt))


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_torch_and_ml_dtypes_hold_the_same(fmt, name, x):
    torch, ml_dtypes = pytest.importorskip("torch"), pytest.importorskip("ml_dtypes")
    array = x.astype(getattr(ml_dtypes, name, np.float16))
    tensor = torch.from_numpy(x).to(getattr(torch, name))
    ours, theirs = quantize(array, fmt), quantize(tensor, fmt)
    assert isinstance(theirs.codes, torch.Tensor)
    same(ours, theirs)
    back = dequantize(theirs, name)
    assert back.dtype == tensor.dtype
    np.testing.assert_array_equal(back.float(), dequantize(ours, name).astype(np.float32))
    # What is exact in 16 bits does not depend on the source's width.
    if not fmt.startswith("int"):
        same(quantize(tensor.float(), fmt), theirs)


@pytest.mark.parametrize("fmt", FORMATS)
def test_padding_keeps_the_shape(fmt, x):
    cut = x[..., :100]
    q = quantize(cut, fmt, pad="zero")
    assert q.shape == cut.shape
    filled = np.zeros((4, 6, -(-100 // q.meta.block[1]) * q.meta.block[1]), np.float32)
    filled[..., :100] = cut
    if fmt not in ("int8", "fp8_row"):
        with pytest.raises(ShapeError, match='hint: pad="zero"'):
            quantize(cut, fmt)
    same(q, quantize(filled, fmt))
    np.testing.assert_array_equal(dequantize(q), dequantize(quantize(filled, fmt))[..., :100])


@pytest.mark.parametrize("fmt", FORMATS)
def test_empty_tensors(fmt):
    for shape in [(0, 128), (3, 0), (0,), (2, 0, 128)]:
        q = quantize(np.empty(shape, np.float32), fmt)
        assert dequantize(q).shape == q.shape == shape


@pytest.mark.parametrize("fmt", FORMATS)
def test_rotation_is_undone(fmt, x):
    signs = np.where(np.random.default_rng(1).random(32) < 0.5, -1, 1)
    q = quantize(x, fmt, hadamard=32, signs=signs)
    same(q, quantize(hadamard(x, 32, signs), fmt))
    assert q.meta.signs == tuple(signs)
    turned = dequantize(quantize(hadamard(x, 32, signs), fmt))
    np.testing.assert_array_equal(dequantize(q), hadamard(turned, 32, signs, inverse=True))
    for dtype in ("float16", "bfloat16"):
        if dtype == "float16" or pytest.importorskip("ml_dtypes"):
            np.testing.assert_allclose(dequantize(q, dtype).astype(np.float32), dequantize(q), rtol=0.01, atol=1e-6)
    cut = quantize(x[..., :50], fmt, hadamard=16, pad="zero")
    assert dequantize(cut).shape == (4, 6, 50)


@pytest.mark.parametrize("fmt", FORMATS)
def test_outputs_are_filled_and_returned(fmt, x):
    q = quantize(x, fmt)
    out = quantize(np.zeros_like(x), fmt)
    again = quantize(x, fmt, out=out)
    assert again.codes is out.codes
    same(again, q)
    values = np.empty_like(x)
    assert dequantize(q, out=values) is values
    np.testing.assert_array_equal(values, dequantize(q))
    with pytest.raises(ShapeError, match=r"`out\.codes` must have shape"):
        quantize(x, fmt, out=quantize(x[:2], fmt))
    with pytest.raises(TypeError, match="`out` must be a QTensor, got ndarray"):
        quantize(x, fmt, out=values)
    with pytest.raises(DtypeError, match="`out` must be float16"):
        dequantize(q, "float16", out=values)
    values.flags.writeable = False
    with pytest.raises(ValueError, match="`out` must be writable"):
        dequantize(q, out=values)


def test_an_output_that_overlaps_is_refused(x):
    q = quantize(x, "mxfp8")
    within = x.reshape(-1).view(np.uint8)[: q.codes.size].reshape(q.codes.shape)
    with pytest.raises(ValueError, match="must not overlap"):
        quantize(x, "mxfp8", out=QTensor(within, q.scales, None, None, q.meta))


def test_parts_that_do_not_fit_are_refused(x):
    q = quantize(x, "nvfp4")
    with pytest.raises(ShapeError, match=r"`q\.scales` must have shape \(4, 6, 8\) for nvfp4"):
        dequantize(QTensor(q.codes, q.scales[..., :3], None, q.global_scale, q.meta))
    with pytest.raises(DtypeError, match=r"`q\.scales` must be uint8, got float32"):
        dequantize(QTensor(q.codes, q.scales.astype(np.float32), None, q.global_scale, q.meta))
    with pytest.raises(ValueError, match=r"`q\.global_scale` must be an array"):
        dequantize(QTensor(q.codes, q.scales, None, None, q.meta))
    with pytest.raises(TypeError, match="`q` must be a QTensor, got ndarray"):
        dequantize(q.codes)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"fmt": "mxfp5"}, UnknownNameError, "did you mean"),
        ({"axis": 3}, ValueError, "`axis` must be an integer from -3 to 2, got 3"),
        ({"axis": True}, ValueError, "`axis`"),
        ({"scale": "round"}, ValueError, "`scale` must be"),
        ({"rounding": "up"}, ValueError, "`rounding` must be"),
        ({"nan": "keep"}, ValueError, "`nan` must be"),
        ({"pad": "edge"}, ValueError, "`pad` must be"),
        ({"seed": -1}, ValueError, "`seed` must be"),
        ({"seed": 2**64}, ValueError, "`seed` must be"),
        ({"threads": 0}, ValueError, "`threads` must be"),
        ({"hadamard": 24}, ValueError, "`hadamard` must be"),
        ({"signs": [1] * 16}, ValueError, "hadamard=0"),
        ({"hadamard": 16, "signs": [1] * 15}, ShapeError, r"`signs` must have shape \(16,\), got \(15,\)"),
        ({"hadamard": 16, "signs": [0] * 16}, ValueError, "`signs` must be 1 or -1"),
        ({"amax": 1.0}, ValueError, "`amax` does not apply to mxfp4"),
        ({"global_scale": 1.0}, ValueError, "`global_scale` does not apply to mxfp4"),
        ({"four_over_six": "mse"}, ValueError, "`four_over_six` does not apply to mxfp4"),
        ({"group": 64}, ValueError, "`group` does not apply to mxfp4"),
        ({"scale_dtype": "float32"}, ValueError, "`scale_dtype` does not apply to mxfp4"),
        ({"rule": "torch"}, ValueError, "`rule` must be"),
        ({"rule": "ggml", "scale": "even"}, ValueError, "`scale` must be floor or left out"),
        ({"rule": "modelopt", "rounding": "half_away"}, ValueError, "rounded to nearest"),
    ],
)
def test_bad_arguments_are_named(arguments, error, message, x):
    with pytest.raises(error, match=message):
        quantize(x, **({"fmt": "mxfp4"} | arguments))


def test_bad_tensors_are_named():
    with pytest.raises(ShapeError, match="one dimension or more"):
        quantize(np.float32(1), "mxfp4")
    for dtype in (np.float64, np.int32, np.uint8, bool, object):
        with pytest.raises(DtypeError, match="`x` must be float32, float16 or bfloat16"):
            quantize(np.ones(32, dtype), "mxfp4")
    with pytest.raises(DtypeError, match="mask"):
        quantize(np.ma.masked_array(np.ones(32, np.float32), mask=[1] + [0] * 31), "mxfp4")
    with pytest.raises(ValueError, match="`dtype` must be"):
        dequantize(quantize(np.ones(32, np.float32), "mxfp4"), "float64")


def test_other_byte_order_is_read_right(x):
    same(quantize(x.astype(">f4"), "mxfp8"), quantize(x, "mxfp8"))
