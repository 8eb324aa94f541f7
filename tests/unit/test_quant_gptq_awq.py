"""GPTQ, AWQ and integers of compressed-tensors: against packing code by code, against peers, there and back."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paretoserve import quant
from paretoserve.errors import ShapeError

AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7]


@pytest.fixture(scope="module")
def pack_to_int32():
    pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("compressed_tensors.compressors.pack_quantized.helpers").pack_to_int32


def weight(bits, outputs, inputs, group, seed=0, zeros=True):
    """Return codes, scales and zero points by output and input."""
    random = np.random.default_rng(seed)
    codes = random.integers(0, 2**bits, (outputs, inputs))
    scales = random.uniform(0.01, 0.1, (outputs, inputs // group)).astype(np.float16)
    half = np.full(scales.shape, 2 ** (bits - 1))
    return codes, scales, random.integers(0, 2**bits, scales.shape) if zeros else half


def words_of(rows, bits):
    """Pack rows of codes bit by bit, the first in the lowest bits."""
    each = np.unpackbits(rows.astype(np.uint8)[..., None], axis=-1, bitorder="little")[..., :bits]
    flat = each.reshape(len(rows), -1)
    flat = np.pad(flat, ((0, 0), (0, -flat.shape[1] % 32)))
    return np.packbits(flat, axis=-1, bitorder="little").view(np.int32)


def gptq(codes, scales, zeros, bits, version=2, **more):
    stored = (zeros.T - (version == 1)) % 2**bits
    arrays = {"qweight": words_of(codes, bits).T, "qzeros": words_of(stored, bits), "scales": scales.T}
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()} | more


def awq(codes, scales, zeros):
    def packed(rows):
        return words_of(rows.reshape(len(rows), -1, 8)[..., AWQ_ORDER].reshape(rows.shape), 4)

    return {"qweight": packed(codes.T), "qzeros": packed(zeros.T), "scales": np.ascontiguousarray(scales.T)}


def ct(codes, scales, zeros, bits):
    arrays = {"weight_packed": words_of(codes, bits), "weight_scale": scales}
    arrays["weight_shape"] = np.array(codes.shape)
    if zeros is not None:
        arrays["weight_zero_point"] = np.ascontiguousarray(words_of(zeros.T, bits).T)
    return arrays


def same(got, expected):
    assert got.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(got[name], array, err_msg=name)


def values(codes, scales, zeros):
    group = codes.shape[1] // scales.shape[1]
    spread = [np.repeat(each.astype(np.float32), group, axis=1) for each in (scales, zeros)]
    return (codes - spread[1]) * spread[0]


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize(("name", "version"), [("gptq", 1), ("gptq_v2", 2)])
@pytest.mark.parametrize("zeros", [True, False])
def test_gptq_becomes_compressed_tensors_and_comes_back(bits, name, version, zeros):
    parts = weight(bits, 96, 128, 32, zeros=zeros)
    source = gptq(*parts, bits, version)
    expected = ct(*parts[:2], parts[2] if zeros else None, bits)
    kept = {key: array.copy() for key, array in source.items()}
    packed, report = quant.convert(source, name, "ct_int")
    same(packed, expected)
    assert report.exact
    same(source, kept)
    back, report = quant.convert(packed, "ct_int", name)
    same(back, source | {"g_idx": np.arange(128) // 32})
    assert report.exact


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("zeros", [True, False])
def test_values_of_a_qtensor_are_those_of_the_layout(bits, zeros):
    parts = weight(bits, 64, 128, 32, zeros=zeros)
    q, _ = quant.convert(gptq(*parts, bits), "gptq_v2", "qtensor")
    assert (q.meta.fmt, q.meta.block) == (f"int{bits}" + "_asym" * zeros, (1, 32))
    np.testing.assert_array_equal(quant.dequantize(q), values(*parts))
    same(quant.convert(q, "qtensor", "ct_int")[0], ct(*parts[:2], parts[2] if zeros else None, bits))
    same(quant.convert(q, "qtensor", "gptq")[0], gptq(*parts, bits, 1) | {"g_idx": np.arange(128) // 32})


@given(st.integers(1, 20), st.integers(1, 20), st.booleans(), st.integers(0, 100))
def test_awq_goes_everywhere_and_comes_back(rows, cols, zeros, seed):
    parts = weight(4, rows * 8, cols * 32, 32, seed, zeros)
    source = awq(*parts)
    q, report = quant.convert(source, "awq", "qtensor")
    assert report.exact
    np.testing.assert_array_equal(quant.dequantize(q), values(*parts))
    same(quant.convert(source, "awq", "ct_int")[0], ct(*parts[:2], parts[2] if zeros else None, 4))
    for through in ("ct_int", "gptq", "gptq_v2"):
        between, first = quant.convert(source, "awq", through)
        back, second = quant.convert(between, through, "awq")
        same(back, source)
        assert first.exact
        assert second.exact


@pytest.mark.parametrize("bits", [4, 6, 8])
@pytest.mark.parametrize("inputs", [128, 96])
def test_packed_words_are_those_of_compressed_tensors(pack_to_int32, bits, inputs):
    torch = pytest.importorskip("torch")
    x = torch.from_numpy(np.random.default_rng(3).normal(size=(40, inputs)).astype(np.float32))
    q = quant.quantize(x, f"int{bits}_asym", group=32, scale_dtype="float16")
    packed, _ = quant.convert(q, "qtensor", "ct_int")
    codes = quant.unpack_bits(q.codes, bits, inputs).to(torch.int16) - 2 ** (bits - 1)
    assert torch.equal(packed["weight_packed"], pack_to_int32(codes.to(torch.int8), bits))
    zeros = (q.zeros.to(torch.int16) - 2 ** (bits - 1)).to(torch.int8)
    assert torch.equal(packed["weight_zero_point"], pack_to_int32(zeros, bits, packed_dim=0))
    back, report = quant.convert(packed, "ct_int", "qtensor", bits=bits)
    assert report.exact
    assert torch.equal(back.codes, q.codes)
    assert torch.equal(quant.dequantize(back), quant.dequantize(q))


def test_symmetric_quantization_goes_to_every_layout():
    x = np.random.default_rng(5).normal(size=(64, 256)).astype(np.float32)
    for bits in (4, 8):
        q = quant.quantize(x, f"int{bits}", group=128, scale_dtype="float16")
        for layout in ("ct_int", "gptq", "gptq_v2", *(["awq"] if bits == 4 else [])):
            arrays, report = quant.convert(q, "qtensor", layout)
            assert report.exact
            back, _ = quant.convert(arrays, layout, "qtensor")
            np.testing.assert_array_equal(quant.dequantize(back), quant.dequantize(q))


@pytest.mark.parametrize("bits", [3, 5, 6, 7])
def test_words_with_gaps_become_dense(bits):
    codes, scales, zeros = weight(bits, 40, 128, 32)
    each = 32 // bits

    def padded(rows):
        rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % each))).reshape(len(rows), -1, each)
        return (rows.astype(np.uint32) << (bits * np.arange(each, dtype=np.uint32))).sum(-1).astype(np.uint32)

    old = ct(codes, scales, zeros, bits)
    old["weight_packed"] = padded(codes).view(np.int32)
    old["weight_zero_point"] = np.ascontiguousarray(padded(zeros.T).view(np.int32).T)
    dense, report = quant.convert(old, "ct_int_padded", "ct_int", bits=bits)
    same(dense, ct(codes, scales, zeros, bits))
    assert report.exact
    with pytest.raises(ShapeError, match="these are the words of ct_int_padded"):
        quant.convert(old, "ct_int", "ct_int", bits=bits)


def test_scattered_groups_are_kept_where_they_can_be():
    parts = weight(4, 64, 128, 32)
    order = np.random.default_rng(0).permutation(np.arange(128) // 32).astype(np.int32)
    source = gptq(*parts, 4, 1, g_idx=order)
    packed, _ = quant.convert(source, "gptq", "ct_int")
    np.testing.assert_array_equal(packed["weight_g_idx"], order)
    same(quant.convert(packed, "ct_int", "gptq")[0], source)
    same(quant.convert(source, "gptq", "gptq_v2")[0], gptq(*parts, 4, 2, g_idx=order))
    for layout in ("qtensor", "awq"):
        with pytest.raises(ValueError, match="`g_idx` must be in order"):
            quant.convert(source, "gptq", layout)


@pytest.mark.parametrize(("stored", "name"), [(7, "gptq_v2"), (8, "gptq")])
def test_a_wrong_version_is_recognized_by_symmetric_zeros(stored, name):
    codes, scales, zeros = weight(4, 64, 128, 32, zeros=False)
    source = gptq(codes, scales, np.full_like(zeros, stored), 4)
    q, report = quant.convert(source, name, "qtensor")
    assert q.meta.fmt == "int4"
    assert f"zero points are all {stored}: read as" in report.notes[0]
    asked = {"gptq": "v1", "gptq_v2": "v2"}[name]
    q, report = quant.convert(source, name, "qtensor", gptq_version=asked)
    assert (q.zeros == (9 if name == "gptq" else 7)).all()
    assert "as asked" in report.notes[0]


def test_bias_and_torch_tensors_are_carried():
    torch = pytest.importorskip("torch")
    parts = weight(4, 64, 128, 32)
    source = {name: torch.from_numpy(array) for name, array in awq(*parts).items()}
    source["scales"] = source["scales"].to(torch.bfloat16)
    source["bias"] = torch.ones(64)
    packed, report = quant.convert(source, "awq", "ct_int")
    assert packed["weight_scale"].dtype == torch.bfloat16
    assert torch.equal(packed["bias"], source["bias"])
    assert not report.notes
    back, _ = quant.convert(packed, "ct_int", "awq")
    assert all(torch.equal(back[name], source[name]) for name in source)


GPTQ = gptq(*weight(4, 64, 128, 32), 4)
CT = ct(*weight(4, 64, 128, 32), 4)


@pytest.mark.parametrize(
    ("src", "tensors", "settings", "said"),
    [
        ("gptq", GPTQ, {"group_size": 64}, "`group_size` must give 4 groups of 128 inputs, got 64"),
        ("gptq", GPTQ, {"group_size": -1}, "`group_size` must give 4 groups of 128 inputs, got -1"),
        ("gptq", GPTQ, {"group_size": 0}, "`group_size` must be an integer from 1"),
        ("gptq", GPTQ, {"gptq_version": "v3"}, "`gptq_version` must be one of"),
        ("gptq", GPTQ | {"scales": GPTQ["scales"][:, :32]}, {}, "`scales` must have shape"),
        ("gptq", GPTQ | {"scales": GPTQ["scales"][:3]}, {}, "`qzeros` must have shape"),
        (
            "gptq",
            GPTQ | {"scales": GPTQ["scales"][:3], "qzeros": GPTQ["qzeros"][:3]},
            {},
            "as many groups as divide 128",
        ),
        ("gptq", GPTQ | {"qzeros": GPTQ["qzeros"][:, :5]}, {}, "`qzeros` must have shape"),
        ("gptq", GPTQ | {"g_idx": np.zeros(100, np.int32)}, {}, r"`g_idx` must have shape \(128,\), got \(100,\)"),
        ("gptq", GPTQ | {"g_idx": np.full(128, 4, np.int32)}, {}, "`g_idx` must be from 0 to 3, got 4 to 4"),
        ("gptq", GPTQ | {"scales": np.full((4, 64), np.nan, np.float16)}, {}, "`scales` must be finite, got nan at"),
        ("ct_int", CT | {"weight_shape": np.array([64, 200])}, {}, "`weight_packed` has 16 columns for 200 inputs"),
        ("ct_int", CT | {"weight_shape": np.array([32, 128])}, {}, "must have 32 rows, got 64 and 64"),
        ("ct_int", CT | {"weight_shape": np.array([-1, 128])}, {}, "`weight_shape` must hold outputs and inputs"),
        ("ct_int", CT, {"bits": 3}, "`weight_packed` must have 12 columns for 128 inputs of 3 bits, got 16"),
        ("ct_int", CT | {"weight_zero_point": CT["weight_zero_point"][:3]}, {}, "`weight_zero_point` must have shape"),
        ("ct_int", {key: CT[key] for key in ("weight_packed", "weight_scale")}, {}, "must have 'weight_shape'"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(src, tensors, settings, said):
    with pytest.raises(ValueError, match=said):
        quant.convert(tensors, src, "gptq_v2" if src == "ct_int" else "ct_int", **settings)


def test_arrays_of_awq_that_do_not_fit_are_refused():
    source = awq(*weight(4, 64, 128, 32))
    for name, part, said in (
        ("qzeros", slice(3), "`qzeros` must have shape"),
        ("scales", slice(3), "`qzeros` must have shape"),
        ("qweight", slice(100), "`qweight` must have a multiple of 8 rows, got 100"),
    ):
        with pytest.raises(ShapeError, match=said):
            quant.convert(source | {name: source[name][part]}, "awq", "ct_int")


@pytest.mark.parametrize(("layout", "fmt", "shape"), [("awq", "int4", (12, 64)), ("gptq", "int4", (12, 64))])
def test_weights_that_a_layout_cannot_hold_are_refused(layout, fmt, shape):
    q = quant.quantize(np.ones(shape, np.float32), fmt, group=32)
    with pytest.raises(ValueError, match="`q` must have"):
        quant.convert(q, "qtensor", layout)


@pytest.mark.parametrize("fmt", [f"int{bits}{zeros}" for bits in range(2, 9) for zeros in ("", "_asym")])
@pytest.mark.parametrize("inputs", [64, 224])
def test_every_width_of_a_qtensor_goes_to_compressed_tensors_and_comes_back(fmt, inputs):
    x = np.random.default_rng(3).standard_normal((33, inputs), dtype=np.float32)
    q = quant.quantize(x, fmt, group=32, scale_dtype="float16")
    stored, first = quant.convert(q, "qtensor", "ct_int")
    back, second = quant.convert(stored, "ct_int", "qtensor")
    assert first.exact
    assert second.exact
    assert back.meta.fmt == fmt
    np.testing.assert_array_equal(quant.dequantize(back), quant.dequantize(q))


@pytest.mark.parametrize("bits", [5, 6, 7])
def test_widths_that_gptq_has_not_are_refused(bits):
    q = quant.quantize(np.ones((64, 64), np.float32), f"int{bits}", group=32)
    with pytest.raises(ValueError, match=f"`dst` gptq holds int4 or .*, and the source is int{bits}"):
        quant.convert(q, "qtensor", "gptq")
    stored, _ = quant.convert(q, "qtensor", "ct_int")
    with pytest.raises(ValueError, match=f"codes must have 2, 3, 4 or 8 bits for gptq, got {bits}"):
        quant.convert(stored, "ct_int", "gptq")
