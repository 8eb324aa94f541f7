"""What strangers pass: names in capitals, dtypes, lists, parts of a QTensor that do not fit, scales the wrong way."""

from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest
import torch

from paretoserve import quant
from paretoserve.errors import DeviceError, DtypeError, ParetoserveError, UnknownNameError

X = np.random.default_rng(5).standard_normal((4, 64)).astype(np.float32)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("E4M3FN", "e4m3fn"),
        ("UE5M3", "ue5m3"),
        ("float8_e4m3fnuz", "e4m3fnuz"),
        ("float6_e2m3fn", "e2m3"),
        ("float4_e2m1fn", "e2m1"),
        ("float8_e8m0fnu", "e8m0"),
        (ml_dtypes.float8_e5m2, "e5m2"),
        (np.dtype(ml_dtypes.int4), "int4"),
        (torch.float8_e4m3fn, "e4m3fn"),
        ("E3M3", "e3m3"),
    ],
)
def test_names_of_scalar_formats(given, name):
    codes = quant.cast(abs(X), given)
    np.testing.assert_array_equal(codes, quant.cast(abs(X), name))
    np.testing.assert_array_equal(quant.cast(codes, np.float32, fmt=given), quant.cast(codes, "float32", fmt=name))


def test_names_of_block_formats():
    assert quant.quantize(X, "MXFP4").meta.fmt == "mxfp4"
    assert quant.format_info("NVFP4").name == "nvfp4"
    assert quant.format_info("E2M1").name == "e2m1"
    with pytest.raises(UnknownNameError, match="did you mean `nvfp4"):
        quant.quantize(X, "NVFP5")


@pytest.mark.parametrize("dtype", [np.float16, np.dtype("f4"), ml_dtypes.bfloat16, torch.bfloat16])
def test_dtypes_of_dequantize(dtype):
    q = quant.quantize(X, "mxfp8")
    name = str(quant.dequantize(q, dtype).dtype)
    assert name == (np.dtype(dtype).name if not isinstance(dtype, torch.dtype) else "bfloat16")


@pytest.mark.parametrize("shape", [(), (1,)])
def test_global_scale_has_one_element(shape):
    scale = np.full(shape, 0.002, np.float32)
    expected = quant.quantize(X, "nvfp4", global_scale=0.002)
    for given in (scale, torch.from_numpy(scale)):
        np.testing.assert_array_equal(quant.quantize(X, "nvfp4", global_scale=given).codes, expected.codes)


@pytest.mark.parametrize("fmt", ["nvfp4", "nvint4", "nvfp4_ue5m3"])
@pytest.mark.parametrize("dtype", ["f4", "f2", ml_dtypes.bfloat16])
def test_global_scale_the_wrong_way_is_refused(fmt, dtype):
    x = X.astype(dtype)
    scale = float(quant.quantize(x, fmt).global_scale)
    quant.quantize(x, fmt, global_scale=scale * 100)  # of layers that are fused with larger ones
    with pytest.raises(ValueError, match=r"`global_scale` must be the scale that decodes(.|\n)*its inverse"):
        quant.quantize(x, fmt, global_scale=1 / scale if fmt != "nvfp4_ue5m3" else 1e12)
    out = quant.quantize(x, fmt)
    before = out.codes.copy(), out.scales.copy()
    with pytest.raises(ValueError, match="its inverse"):
        quant.quantize(x, fmt, global_scale=1e12, out=out)
    np.testing.assert_array_equal(out.codes, before[0])
    np.testing.assert_array_equal(out.scales, before[1])
    late = np.zeros((300, x.shape[1]), x.dtype)
    late[-1] = x[0]
    quant.quantize(late, fmt, global_scale=scale)
    zeros = quant.quantize(-np.zeros_like(x), fmt, global_scale=1 / scale)
    assert not quant.dequantize(zeros).any()


@pytest.mark.parametrize("name", ["float8_e5m2", "float8_e4m3fn", "float8_e8m0fnu"])
def test_eight_bit_floats_of_ml_dtypes_take_codes(name):
    out = np.zeros(X.shape, getattr(ml_dtypes, name))
    assert quant.cast(X, "e5m2", out=out) is out
    np.testing.assert_array_equal(out.view(np.uint8), quant.cast(X, "e5m2"))


def test_tensors_without_bytes_are_named():
    x = torch.from_numpy(X)
    for call in (
        lambda x: quant.cast(x, "e5m2"),
        lambda x: quant.quantize(x, "mxfp4"),
        lambda x: quant.hadamard(x, 16),
    ):
        with pytest.raises(DeviceError, match="`x` must be in the memory of the CPU, got a tensor on meta"):
            call(x.to("meta"))
        with pytest.raises(DtypeError, match=r"`x` must be dense, got torch.sparse_coo\nhint: convert first with to_d"):
            call(x.to_sparse())


def test_lists_are_no_arrays():
    calls = [
        lambda: quant.pack_bits([1, 2], 4),
        lambda: quant.unpack_bits([1, 2], 4, 4),
        lambda: quant.swizzle_scales([[1]]),
        lambda: quant.unswizzle_scales([[1]], 1, 1),
        lambda: quant.pack_planes([[1]], 4),
        lambda: quant.cast(X, "e4m3fn", out=[1]),
        lambda: quant.hadamard(X, 64, out=[1]),
        lambda: quant.convert({"weight": [1]}, "modelopt_nvfp4", "qtensor"),
    ]
    for call in calls:
        with pytest.raises(ParetoserveError, match=r"`.*` must be an ndarray or torch.Tensor, got list"):
            call()
    assert quant.qsnr([3.0, 4.0], [3.0, 4.5]) == pytest.approx(20.0)
    assert quant.crest_factor([3.0, 4.0], 2).largest > 1


CHANGES = {
    "codes": [None, [1, 2], 3],
    "scales": [None, "x"],
    "extras": [[1], 2.0],
}
META = {
    "fmt": [None, "x", 3],
    "shape": [None, (), ("a", 2), (-1, 64), (4.0, 64), 4],
    "axis": [None, 2, -1, "x"],
    "block": [None, (32,), (0, 32), (1, -1), (1, "x"), (1, 2**70)],
    "hadamard": [7, None, "x"],
    "signs": [(1, 2), 5],
    "scale_dtype": ["float64", 3],
}


@pytest.mark.parametrize("use", ["dequantize", "convert", "requantize", "from_dict", "requant_global_scale"])
def test_qtensors_that_do_not_fit(use):
    q = quant.quantize(X, "nvfp4")
    uses = {
        "dequantize": quant.dequantize,
        "convert": lambda q: quant.convert(q, "qtensor", "ct_nvfp4"),
        "requantize": lambda q: quant.requantize(q, "mxfp4"),
        "from_dict": lambda q: quant.QTensor.from_dict(
            {"codes": q.codes, "scales": q.scales, "global_scale": q.global_scale, "extras": q.extras}
            | {"meta": {name: getattr(q.meta, name) for name in META} | {"scale_rule": "amax", "rounding": "rne"}}
        ),
        "requant_global_scale": lambda q: quant.requant_global_scale([q]),
    }
    broken = [replace(q, **{name: value}) for name, values in CHANGES.items() for value in values]
    broken += [replace(q, meta=replace(q.meta, **{name: value})) for name, values in META.items() for value in values]
    for each in broken:
        with pytest.raises((ParetoserveError, ValueError, TypeError), match="`"):
            uses[use](each)
    if use != "from_dict":
        for other in (None, 3, "x"):
            with pytest.raises(TypeError, match="must be a QTensor"):
                uses[use](other)


def test_other_kinds_of_values():
    calls = [
        lambda: quant.theory_qsnr("mxint8", "x"),
        lambda: quant.theory_qsnr("mxint8", np.zeros(3)),
        lambda: quant.allocate_bits([[1, 2]], [[1, 2]], 2, method=np.zeros(3)),
        lambda: quant.allocate_bits([[1, 2]], [[1, 2]], 2, latencies=[[1, 2]], latency_budget="x"),
        lambda: quant.convert({}, [1], "qtensor"),
        lambda: quant.convert("x", "ct_int", "qtensor", bits=4),
        lambda: quant.convert({}, "ct_int", "qtensor", bits=np.zeros(3)),
        lambda: quant.gguf.quantize(X, ["q4_0"]),
        lambda: quant.pack_bits(np.zeros((1, 8), np.uint8), 4, word={}),
        lambda: quant.requant_global_scale([]),
    ]
    for call in calls:
        with pytest.raises((ParetoserveError, ValueError, TypeError), match="`"):
            call()
    costs = torch.tensor([[1.0, 2.0]], requires_grad=True)
    assert quant.allocate_bits(costs, [[1, 0]], 2).choice.tolist() == [1]


def test_foreign_byte_order_is_rotated():
    big = X.astype(">f4")
    np.testing.assert_array_equal(quant.hadamard(big, 64), quant.hadamard(X, 64))


def test_scales_of_no_rows_however_wide():
    assert quant.unswizzle_scales(np.zeros((0,), np.uint8), 0, 2**62).shape == (0, 2**62)
    with pytest.raises((ValueError, MemoryError)):
        quant.unswizzle_scales(np.zeros((0,), np.uint8), 2**62, 2**62)
