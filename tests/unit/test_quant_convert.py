"""`quant.convert`: what it refuses whatever the layout, both libraries, and that inputs stay as they were."""

import numpy as np
import pytest

from paretoserve import quant
from paretoserve.errors import DtypeError, ShapeError, UnknownNameError


def expert(rows=4, groups=3, seed=0):
    random = np.random.default_rng(seed)
    scales = random.integers(100, 130, (rows, groups), dtype=np.uint8)
    return {"blocks": random.integers(0, 256, (rows, groups, 16), dtype=np.uint8), "scales": scales}


def test_gpt_oss_goes_through_a_qtensor_and_back_unchanged():
    tensors = expert()
    q, report = quant.convert(tensors, "gpt_oss_mxfp4", "qtensor")
    assert (q.meta.fmt, q.shape, q.codes.shape, report.exact) == ("mxfp4", (4, 96), (4, 48), True)
    again, report = quant.convert(q, "qtensor", "gpt_oss_mxfp4")
    assert report == quant.ConvertReport(exact=True, blocks_lossy=0, max_abs_err=0.0, notes=())
    assert all((again[name] == tensors[name]).all() for name in tensors)


def test_torch_in_means_torch_out():
    torch = pytest.importorskip("torch")
    tensors = {name: torch.from_numpy(array) for name, array in expert().items()}
    q, _ = quant.convert(tensors, "gpt_oss_mxfp4", "qtensor")
    assert isinstance(q.codes, torch.Tensor)
    again, _ = quant.convert(q, "qtensor", "gpt_oss_mxfp4")
    assert torch.equal(again["blocks"], tensors["blocks"])


def test_unknown_names_are_refused():
    with pytest.raises(UnknownNameError, match="did you mean `gpt_oss_mxfp4`"):
        quant.convert(expert(), "gpt_oss", "qtensor")
    with pytest.raises(TypeError, match="`group_size` is not a setting of gpt_oss_mxfp4 to qtensor"):
        quant.convert(expert(), "gpt_oss_mxfp4", "qtensor", group_size=32)
    with pytest.raises(ValueError, match="`nan` must be one of 'raise', 'scale', got 'zero'"):
        quant.convert(expert(), "gpt_oss_mxfp4", "qtensor", nan="zero")
    with pytest.raises(ShapeError, match="'bias', which gpt_oss_mxfp4 does not know"):
        quant.convert(expert() | {"bias": np.zeros(4)}, "gpt_oss_mxfp4", "qtensor")


def test_wrong_arrays_are_refused():
    good = expert()
    with pytest.raises(ShapeError, match="must have 'scales' for gpt_oss_mxfp4, got blocks"):
        quant.convert({"blocks": good["blocks"]}, "gpt_oss_mxfp4", "qtensor")
    with pytest.raises(DtypeError, match="`blocks` must be uint8 for gpt_oss_mxfp4, got int8"):
        quant.convert(good | {"blocks": good["blocks"].view(np.int8)}, "gpt_oss_mxfp4", "qtensor")
    with pytest.raises(ShapeError, match=r"`scales` must have shape \(4, 3\)"):
        quant.convert(good | {"scales": good["scales"][:3]}, "gpt_oss_mxfp4", "qtensor")
    with pytest.raises(ShapeError, match=r"`blocks` must have shape"):
        quant.convert(good | {"blocks": good["blocks"][..., :15]}, "gpt_oss_mxfp4", "qtensor")
    with pytest.raises(DtypeError, match="must be a QTensor"):
        quant.convert(good, "qtensor", "gpt_oss_mxfp4")


def test_a_nan_scale_is_refused_with_its_place():
    tensors = expert()
    tensors["scales"][2, 1] = 255
    with pytest.raises(ValueError, match=r"NaN \(byte 255\) at \[2, 1\]"):
        quant.convert(tensors, "gpt_oss_mxfp4", "qtensor")
    q, _ = quant.convert(tensors, "gpt_oss_mxfp4", "qtensor", nan="scale")
    assert q.scales[2, 1] == 255


@pytest.mark.parametrize(("kind", "fmt"), [("q4_0", "int4"), ("q8_0", "int8")])
def test_gguf_integers_are_groups_of_32_with_float16_scales(kind, fmt):
    x = np.random.default_rng(0).standard_normal((6, 256)).astype(np.float32)
    data, report = quant.convert({"weight": x}, "float", f"gguf_{kind}")
    assert not report.exact
    numbers, exact = quant.convert(data, f"gguf_{kind}", "float")
    assert exact.exact
    assert report.max_abs_err == np.abs(numbers["weight"] - x).max()
    q, _ = quant.convert(data, f"gguf_{kind}", "qtensor")
    assert (q.meta.fmt, q.meta.block, q.scales.dtype) == (fmt, (1, 32), np.float16)
    again, report = quant.convert(q, "qtensor", f"gguf_{kind}")
    assert report.exact
    assert (again["data"] == data["data"]).all()
    same, _ = quant.convert(q, "qtensor", "float")
    assert (same["weight"] == numbers["weight"]).all()


def test_groups_of_128_become_gguf_blocks_exactly_if_float16_holds_their_scales():
    x = np.random.default_rng(0).standard_normal((4, 256)).astype(np.float32)
    for fmt, kind in (("int4", "q4_0"), ("int4_asym", "q4_1")):
        q = quant.quantize(x, fmt, scale_dtype="float16")
        data, report = quant.convert(q, "qtensor", f"gguf_{kind}")
        numbers = quant.convert(data, f"gguf_{kind}", "float")[0]["weight"]
        error = np.abs(numbers - quant.dequantize(q)).max()
        assert error <= report.max_abs_err
        if fmt == "int4":
            assert report.exact
        wide = quant.quantize(x, fmt, scale_dtype="float32")
        _, report = quant.convert(wide, "qtensor", f"gguf_{kind}")
        assert not report.exact
        assert "rounded to float16" in report.notes[0]


def test_types_with_other_numbers_go_to_float_only():
    x = np.random.default_rng(0).standard_normal((4, 256)).astype(np.float32)
    for kind in ("q4_1", "q5_0", "q5_1"):
        data, _ = quant.convert({"weight": x}, "float", f"gguf_{kind}")
        numbers, report = quant.convert(data, f"gguf_{kind}", "float", dtype="bfloat16")
        assert "rounded to bfloat16" in report.notes[0]
        assert np.abs(numbers["weight"].astype(np.float32) - x).max() < 0.5
        with pytest.raises(ValueError, match="convert to 'float', then quantize"):
            quant.convert(data, f"gguf_{kind}", "qtensor")
    with pytest.raises(ValueError, match="K-quants are decoded only"):
        quant.convert({"weight": x}, "float", "gguf_q4_k")
    with pytest.raises(ValueError, match="numbers need a format first"):
        quant.convert({"weight": x}, "float", "ct_mxfp4")
    super_blocks = {"data": np.zeros((4, 144), np.uint8)}
    assert not quant.convert(super_blocks, "gguf_q4_k", "float")[0]["weight"].any()


def test_scales_that_do_not_fit_gguf_are_refused():
    q = quant.quantize(np.full((2, 128), 1e9, np.float32), "int4", scale_dtype="float32")
    with pytest.raises(ValueError, match=r"scales must be finite and fit float16, got 1428571.* in block \[0, 0\]"):
        quant.convert(q, "qtensor", "gguf_q4_0")
    data = quant.convert({"weight": np.ones((2, 32), np.float32)}, "float", "gguf_q8_0")[0]["data"]
    data[1, :2] = 0xFF
    with pytest.raises(ValueError, match="finite scales, got nan"):
        quant.convert({"data": data}, "gguf_q8_0", "qtensor")


def test_layouts_hold_blocks_along_the_last_axis_of_whole_rows_without_rotation():
    x = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    for options, text in (({"axis": 0}, "along the last axis"), ({"hadamard": 32}, "rotated")):
        q = quant.quantize(x, "mxfp4", **options)
        with pytest.raises(ValueError, match=text):
            quant.convert(q, "qtensor", "ct_mxfp4")
        assert (quant.convert(q, "qtensor", "float")[0]["weight"] == quant.dequantize(q)).all()
    q = quant.quantize(x[:, :40], "mxfp4", pad="zero")
    with pytest.raises(ShapeError, match="whole blocks of 32, got 40 columns"):
        quant.convert(q, "qtensor", "gguf_mxfp4")


def test_bitsandbytes_has_the_first_element_in_the_high_nibble():
    x = np.tile(np.array([1, -1], np.float32), (3, 64))
    written, report = quant.convert(quant.quantize(x, "nf4"), "qtensor", "bnb_nf4", dtype="float16")
    assert report.exact
    assert (written["weight"] == 0xF0).all()
    assert written["weight"].shape == (3 * 64, 1)
    q, report = quant.convert(written, "bnb_nf4", "qtensor")
    assert (q.shape, q.meta.block, report.exact) == ((3, 128), (1, 64), True)
    assert (quant.dequantize(q) == x).all()


def test_double_quantized_scales_of_bitsandbytes_are_read():
    x = np.random.default_rng(0).standard_normal((4, 128)).astype(np.float32)
    written, _ = quant.convert(quant.quantize(x, "nf4"), "qtensor", "bnb_nf4")
    state = "weight.quant_state.bitsandbytes__nf4"
    text = bytes(written[state]).decode().rstrip("}") + ', "nested_blocksize": 256, "nested_offset": 0.5}'
    table = np.linspace(-1, 1, 256, dtype=np.float32)
    nested = {
        "weight.absmax": np.arange(8, dtype=np.uint8),
        "weight.nested_quant_map": table,
        "weight.nested_absmax": np.array([0.25], np.float32),
        state: np.frombuffer(text.encode(), np.uint8),
    }
    q, _ = quant.convert(written | nested, "bnb_nf4", "qtensor")
    assert (q.scales.ravel() == table[:8] * np.float32(0.25) + np.float32(0.5)).all()
    del nested["weight.nested_quant_map"]
    with pytest.raises(ShapeError, match=r"needs `weight\.nested_quant_map`"):
        quant.convert(written | nested, "bnb_nf4", "qtensor")


def test_broken_nf4_is_refused():
    written, _ = quant.convert(quant.quantize(np.ones((4, 128), np.float32), "nf4"), "qtensor", "bnb_nf4")
    state = "weight.quant_state.bitsandbytes__nf4"
    for text, error in (
        ("{", "must be JSON"),
        ('{"quant_type": "fp4", "blocksize": 64, "shape": [4, 128]}', "must be of nf4"),
        ('{"quant_type": "nf4", "blocksize": 63, "shape": [4, 128]}', "must be of nf4"),
        ('{"quant_type": "nf4", "blocksize": 64, "shape": [4, 129]}', "multiple of the block"),
        ('{"quant_type": "nf4", "blocksize": 64, "shape": [8, 128]}', "`weight` must have 512 bytes"),
        ('{"quant_type": "nf4", "blocksize": 32, "shape": [4, 128]}', "`weight.absmax` must have 16 scales"),
    ):
        with pytest.raises(ValueError, match=error):
            quant.convert(written | {state: np.frombuffer(text.encode(), np.uint8)}, "bnb_nf4", "qtensor")
    with pytest.raises(ValueError, match="must be the table of NF4"):
        quant.convert(written | {"weight.quant_map": np.zeros(16, np.float32)}, "bnb_nf4", "qtensor")
    with pytest.raises(ValueError, match=r"`weight\.absmax` must be finite"):
        quant.convert(written | {"weight.absmax": np.full(8, np.nan, np.float32)}, "bnb_nf4", "qtensor")


def test_a_qtensor_that_contradicts_itself_is_refused():
    import dataclasses

    q, _ = quant.convert(expert(), "gpt_oss_mxfp4", "qtensor")
    for change, error in (
        ({"codes": q.codes[:, :-1]}, "`q.codes` must have shape"),
        ({"codes": q.codes.view(np.int8)}, "`q.codes` must be uint8"),
        ({"scales": q.scales[:, :-1]}, "`q.scales` must have shape"),
        ({"scales": q.scales.astype(np.float32)}, "`q.scales` must be uint8"),
        ({"global_scale": np.ones((), np.float32)}, "`q.global_scale` must be None"),
        ({"zeros": q.scales}, "`q.zeros` must have shape none"),
    ):
        with pytest.raises((ShapeError, DtypeError), match=error):
            quant.convert(dataclasses.replace(q, **change), "qtensor", "gpt_oss_mxfp4")


def test_every_layout_is_listed_and_described():
    listed = quant.layouts()
    assert {"ct_nvfp4", "ct_mxfp8", "gguf_q6_k", "bnb_nf4", "float", "qtensor"} <= listed.keys()
    assert all(listed.values())
