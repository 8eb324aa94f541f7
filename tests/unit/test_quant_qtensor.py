"""`QTensor` in numpy, torch, ml_dtypes and plain dicts: the same memory under other names."""

import json

import ml_dtypes
import numpy as np
import pytest

from paretoserve import quant
from paretoserve.errors import DtypeError, ShapeError

X = np.random.default_rng(0).standard_normal((8, 128), dtype=np.float32)


def test_torch_and_numpy_share_the_memory():
    torch = pytest.importorskip("torch")
    q = quant.quantize(X, "int4", scale_dtype="float16")
    tensors = q.torch()
    assert tensors.codes.dtype is torch.uint8
    assert tensors.scales.dtype is torch.float16
    assert tensors.codes.data_ptr() == q.codes.ctypes.data
    back = tensors.numpy()
    assert back.codes.ctypes.data == q.codes.ctypes.data
    assert back.meta == q.meta
    assert np.array_equal(tensors.dequantize().numpy(), q.dequantize())


@pytest.mark.parametrize(
    ("fmt", "codes", "scales"),
    [
        ("mxfp8", "float8_e4m3fn", "float8_e8m0fnu"),
        ("mxfp8_e5m2", "float8_e5m2", "float8_e8m0fnu"),
        ("mxfp4", "float4_e2m1fn", "float8_e8m0fnu"),
        ("mxfp6_e2m3", "float6_e2m3fn", "float8_e8m0fnu"),
        ("mxfp6_e3m2", "float6_e3m2fn", "float8_e8m0fnu"),
        ("mxint8", "int8", "float8_e8m0fnu"),
    ],
)
def test_numpy_has_typed_codes_and_scales(fmt, codes, scales):
    q = quant.quantize(X, fmt)
    typed = q.codes_as_dtype()
    assert (typed.dtype.name, q.scales_as_dtype().dtype.name) == (codes, scales)
    values = typed.astype(np.float32).reshape(8, 4, 32) * q.scales_as_dtype().astype(np.float32)[..., None]
    implied = 2.0**-6 if fmt == "mxint8" else 1.0
    assert np.array_equal(values.reshape(8, 128) * implied, q.dequantize())


def test_torch_has_typed_codes_and_scales():
    torch = pytest.importorskip("torch")
    q = quant.quantize(torch.from_numpy(X), "mxfp4")
    assert q.codes_as_dtype().dtype is torch.float4_e2m1fn_x2
    assert q.scales_as_dtype().dtype is torch.float8_e8m0fnu
    assert q.codes_as_dtype().data_ptr() == q.codes.data_ptr()
    eight = quant.quantize(torch.from_numpy(X), "mxfp8")
    assert eight.codes_as_dtype().dtype is torch.float8_e4m3fn
    with pytest.raises(DtypeError, match="torch has no dtype for the codes of mxfp6_e2m3"):
        quant.quantize(torch.from_numpy(X), "mxfp6_e2m3").codes_as_dtype()


def test_integers_with_an_offset_have_no_dtype():
    q = quant.quantize(X, "int4")
    with pytest.raises(DtypeError, match="ml_dtypes has no dtype for the codes of int4"):
        q.codes_as_dtype()
    assert q.scales_as_dtype() is q.scales


@pytest.mark.parametrize("fmt", ["mxfp4", "int4_asym"])
def test_a_dict_and_back(fmt):
    q = quant.quantize(X.T, fmt, axis=0)
    content = q.to_dict()
    meta = json.loads(json.dumps(content["meta"]))
    again = quant.QTensor.from_dict(content | {"meta": meta})
    assert again.meta == q.meta
    assert np.array_equal(again.dequantize(), q.dequantize())
    assert again.codes is q.codes


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"codes": np.zeros((3, 3), np.uint8)}, ShapeError, "`q.codes` must have shape"),
        ({"scales": np.zeros((8, 4), np.int8)}, DtypeError, "`q.scales` must be"),
        ({"colour": 1}, ValueError, "unknown 'colour'"),
        ({"meta": {"fmt": "mxfp4"}}, ValueError, "must have the fields of QMeta"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change, error, words):
    with pytest.raises(error, match=words):
        quant.QTensor.from_dict(quant.quantize(X, "mxfp4").to_dict() | change)
    with pytest.raises(ValueError, match="no 'scales'"):
        quant.QTensor.from_dict({"codes": X, "meta": {}})


def test_bfloat16_scales_survive_torch():
    torch = pytest.importorskip("torch")
    q = quant.quantize(X, "int4", scale_dtype="bfloat16")
    assert q.scales.dtype == ml_dtypes.bfloat16
    tensors = q.torch()
    assert tensors.scales.dtype is torch.bfloat16
    assert tensors.numpy().scales.dtype == ml_dtypes.bfloat16
