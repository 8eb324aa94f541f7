"""NVFP4 and MX checkpoints: both directions of the global scale, bytes and numbers of compressed-tensors, GGUF."""

import warnings

import numpy as np
import pytest

import _ggml
from paretoserve import quant
from paretoserve.errors import ShapeError
from paretoserve.quant import gguf
from paretoserve.quant.layout._tables import E2M1, UE4M3

ROWS, COLUMNS = 8, 128


def codes_of(packed):
    return np.stack([packed & 15, packed >> 4], axis=-1).reshape(*packed.shape[:-1], -1)


def unscaled(codes, scales, width=16):
    """Return code times block scale, which is exact in float32."""
    return E2M1[codes_of(codes)] * np.repeat(UE4M3[scales], width, axis=-1)


def modelopt(seed=0, amax=0.37, inputs=True):
    random = np.random.default_rng(seed)
    scales = random.integers(30, 127, (ROWS, COLUMNS // 16), dtype=np.uint8)
    scales[0, 0] = 126
    tensors = {
        "weight": random.integers(0, 256, (ROWS, COLUMNS // 2), dtype=np.uint8),
        "weight_scale": scales,
        "weight_scale_2": np.array(amax / 2688, np.float32),
    }
    return tensors | ({"input_scale": np.array(0.0123, np.float32)} if inputs else {})


def compressed(seed=0, amax=0.37):
    tensors = modelopt(seed, amax)
    return {
        "weight_packed": tensors["weight"],
        "weight_scale": tensors["weight_scale"],
        "weight_global_scale": np.array([np.float32(2688) / np.float32(amax)], np.float32),
        "input_global_scale": np.array([81.3], np.float32),
    }


def bits(array):
    return np.asarray(array).reshape(-1).view(np.uint8)


@pytest.mark.parametrize(("name", "tensors"), [("modelopt_nvfp4", modelopt()), ("ct_nvfp4", compressed())])
def test_there_and_back_changes_no_byte(name, tensors):
    before = {key: array.copy() for key, array in tensors.items()}
    q, _ = quant.convert(tensors, name, "qtensor")
    again, report = quant.convert(q, "qtensor", name)
    assert again.keys() == tensors.keys()
    assert all((bits(again[key]) == bits(before[key])).all() for key in before)
    assert all((tensors[key] == before[key]).all() for key in before)
    if name == "modelopt_nvfp4":
        assert report == quant.ConvertReport(exact=True, blocks_lossy=0, max_abs_err=0.0, notes=())


def test_every_bit_of_an_encoding_scale_survives():
    # Reciprocals of reciprocals are often other numbers.
    random = np.random.default_rng(1)
    scales = random.uniform(2, 1e6, 2000).astype(np.float32)
    assert (np.float32(1) / (np.float32(1) / scales) != scales).any()
    tensors = compressed()
    for scale in scales:
        q, _ = quant.convert(tensors | {"weight_global_scale": scale[None]}, "ct_nvfp4", "qtensor")
        again, _ = quant.convert(q, "qtensor", "ct_nvfp4")
        assert again["weight_global_scale"] == scale


def test_a_power_of_two_has_an_exact_reciprocal_and_others_are_reported():
    tensors = compressed() | {"weight_global_scale": np.array([4096], np.float32)}
    written, report = quant.convert(tensors, "ct_nvfp4", "modelopt_nvfp4")
    assert float(written["weight_scale_2"]) == 1 / 4096
    assert report.exact
    tensors["weight_global_scale"] = np.array([4097], np.float32)
    written, report = quant.convert(tensors, "ct_nvfp4", "modelopt_nvfp4")
    assert (report.exact, report.blocks_lossy) == (False, 0)
    largest = np.abs(unscaled(tensors["weight_packed"], tensors["weight_scale"])).max()
    true = abs(float(written["weight_scale_2"]) - 1 / 4097) * 2688
    assert largest * true / 2688 <= report.max_abs_err <= true * 1.001
    assert "reciprocal" in report.notes[0]
    assert np.isclose(float(written["input_scale"]), 1 / 81.3)


@pytest.mark.parametrize("amax", [1e-3, 0.37, 5.0, 100.0, 2600.0])
def test_swapped_directions_are_refused(amax):
    right, other = modelopt(amax=amax), compressed(amax=amax)
    quant.convert(right, "modelopt_nvfp4", "qtensor")
    quant.convert(other, "ct_nvfp4", "qtensor")
    swapped = right | {"weight_scale_2": other["weight_global_scale"].reshape(())}
    with pytest.raises(ValueError, match=r"decoding direction \(amax / 2688\).*\n.*compressed-tensors stores"):
        quant.convert(swapped, "modelopt_nvfp4", "qtensor")
    with pytest.raises(ValueError, match=r"encoding direction \(2688 / amax\).*\n.*ModelOpt stores"):
        quant.convert(other | {"weight_global_scale": right["weight_scale_2"]}, "ct_nvfp4", "qtensor")
    q, _ = quant.convert(swapped, "modelopt_nvfp4", "qtensor", trust_scale=True)
    assert q.global_scale == other["weight_global_scale"]


@pytest.mark.parametrize("bad", [0.0, -0.0, -1.0, np.nan, np.inf, 1e-45])
def test_impossible_global_scales_are_refused(bad):
    scale = np.array([bad], np.float32)
    with pytest.raises(ValueError, match="`weight_global_scale` must"):
        quant.convert(compressed() | {"weight_global_scale": scale}, "ct_nvfp4", "qtensor")
    with pytest.raises(ValueError, match="`weight_scale_2` must"):
        quant.convert(modelopt() | {"weight_scale_2": scale}, "modelopt_nvfp4", "qtensor")
    if bad != 1e-45:
        with pytest.raises(ValueError, match="`input_scale` must be positive and finite"):
            quant.convert(modelopt() | {"input_scale": scale}, "modelopt_nvfp4", "qtensor")


def test_wrong_shapes_are_refused_with_what_they_look_like():
    tensors = modelopt()
    scales = tensors["weight_scale"]
    for wrong, hint in (
        (scales[:, ::2], "is MXFP4"),
        (np.zeros((128, 8), np.uint8), "swizzled"),
        (scales[1:], "beside"),
    ):
        with pytest.raises(ShapeError, match=hint):
            quant.convert(tensors | {"weight_scale": wrong}, "modelopt_nvfp4", "qtensor")
    with pytest.raises(ShapeError, match="whole blocks"):
        quant.convert(tensors | {"weight": tensors["weight"][:, :-1]}, "modelopt_nvfp4", "qtensor")
    with pytest.raises(ShapeError, match="one number"):
        quant.convert(tensors | {"weight_scale_2": np.ones(3, np.float32)}, "modelopt_nvfp4", "qtensor")
    mx = {"weight_packed": tensors["weight"], "weight_scale": scales}
    with pytest.raises(ShapeError, match="is NVFP4, not MXFP4"):
        quant.convert(mx, "ct_mxfp4", "qtensor")


def test_bad_block_scales_are_refused():
    tensors = modelopt()
    tensors["weight_scale"][3, 2] = 127
    with pytest.raises(ValueError, match=r"NaN \(byte 127\) at \[3, 2\]"):
        quant.convert(tensors, "modelopt_nvfp4", "ct_nvfp4")
    kept, _ = quant.convert(tensors, "modelopt_nvfp4", "ct_nvfp4", nan="scale")
    assert np.asarray(kept["weight_scale"]).view(np.uint8)[3, 2] == 127
    with pytest.raises(ValueError, match="NaN"):
        quant.convert(tensors, "modelopt_nvfp4", "gguf_nvfp4", nan="scale")
    tensors["weight_scale"][3, 2] = 200
    with pytest.raises(ValueError, match="must not be negative, got byte 200"):
        quant.convert(tensors, "modelopt_nvfp4", "qtensor", nan="scale")


def test_gguf_nvfp4_decodes_in_ggml_to_the_same_numbers():
    tensors = modelopt()
    written, report = quant.convert(tensors, "modelopt_nvfp4", "gguf_nvfp4")
    assert report.exact
    assert (written["scale"], written["input_scale"]) == (tensors["weight_scale_2"], tensors["input_scale"])
    decoded = _ggml.dequantize(written["data"], "nvfp4", np.empty((ROWS, COLUMNS), np.float32))
    # The sign of zero is the one thing that ggml does not have.
    assert (decoded == unscaled(tensors["weight"], tensors["weight_scale"])).all()
    again, report = quant.convert(written, "gguf_nvfp4", "modelopt_nvfp4")
    assert report.exact
    assert all((bits(again[name]) == bits(tensors[name])).all() for name in tensors)


def test_gguf_nvfp4_without_a_tensor_scale_says_so():
    written, _ = quant.convert(modelopt(inputs=False), "modelopt_nvfp4", "gguf_nvfp4")
    q, report = quant.convert({"data": written["data"]}, "gguf_nvfp4", "qtensor")
    assert float(q.global_scale) == 1
    assert "taken as 1" in report.notes[0]
    with pytest.raises(ShapeError, match="whole nvfp4 blocks"):
        quant.convert({"data": written["data"][:, :-1]}, "gguf_nvfp4", "qtensor")


def test_gguf_nvfp4_has_blocks_of_64():
    tensors = {
        name: array[..., : array.shape[-1] * 5 // 8] if array.ndim else array for name, array in modelopt().items()
    }
    with pytest.raises(ShapeError, match="whole blocks of 64"):
        quant.convert(tensors, "modelopt_nvfp4", "gguf_nvfp4")


@pytest.fixture(scope="module")
def peer():
    pytest.importorskip("compressed_tensors")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from compressed_tensors.compressors.base import BaseCompressor
        from compressed_tensors.compressors.mxfp4.base import MXFP4PackedCompressor
        from compressed_tensors.compressors.mxfp8.base import MXFP8QuantizationCompressor
        from compressed_tensors.compressors.nvfp4.base import NVFP4PackedCompressor
        from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme

    assert issubclass(NVFP4PackedCompressor, BaseCompressor)

    def scheme(num_bits, group_size, strategy, scale_dtype):
        common = {"type": "float", "symmetric": True, "dynamic": False}
        weights = QuantizationArgs(
            num_bits=num_bits, group_size=group_size, strategy=strategy, scale_dtype=scale_dtype, **common
        )
        return QuantizationScheme(targets=["Linear"], weights=weights)

    return {
        "ct_nvfp4": (NVFP4PackedCompressor, scheme(4, 16, "tensor_group", torch.float8_e4m3fn)),
        "ct_mxfp4": (MXFP4PackedCompressor, scheme(4, 32, "group", torch.uint8)),
        "ct_mxfp8": (MXFP8QuantizationCompressor, scheme(8, 32, "group", torch.uint8)),
    }


def weight_with_scales(name, torch):
    torch.manual_seed(0)
    weight = torch.randn(16, 256)
    if name == "ct_nvfp4":
        encode = (2688 / weight.abs().max()).reshape(1)
        scales = (weight.reshape(16, -1, 16).abs().amax(-1) / 6 * encode).to(torch.float8_e4m3fn).float()
        return {"weight": weight, "weight_scale": scales, "weight_global_scale": encode}
    exponent = torch.floor(torch.log2(weight.reshape(16, -1, 32).abs().amax(-1)))
    return {"weight": weight, "weight_scale": 2.0 ** (exponent - (2 if name == "ct_mxfp4" else 8))}


@pytest.mark.parametrize("name", ["ct_nvfp4", "ct_mxfp4", "ct_mxfp8"])
def test_modules_of_compressed_tensors_are_read_and_written(name, peer):
    torch = pytest.importorskip("torch")
    compressor, scheme = peer[name]
    module = compressor.compress(weight_with_scales(name, torch), scheme)
    q, _ = quant.convert(module, name, "qtensor")
    again, _ = quant.convert(q, "qtensor", name)
    assert {key: (each.dtype, tuple(each.shape)) for key, each in again.items()} == {
        key: (each.dtype, tuple(each.shape)) for key, each in module.items()
    }
    assert all(torch.equal(again[key].view(torch.uint8), module[key].view(torch.uint8)) for key in module)
    theirs = compressor.decompress(module, scheme)["weight"].float()
    ours = quant.dequantize(q)
    # It computes in bfloat16.
    assert torch.allclose(ours, theirs, rtol=2**-7, atol=0)
    if name != "ct_nvfp4":
        assert torch.equal(ours.bfloat16().float(), theirs)


def test_numpy_gets_the_dtype_of_the_layout():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    written, _ = quant.convert(modelopt(), "modelopt_nvfp4", "ct_nvfp4")
    assert written["weight_scale"].dtype == ml_dtypes.float8_e4m3fn
    again, _ = quant.convert(written, "ct_nvfp4", "modelopt_nvfp4")
    assert (bits(again["weight_scale"]) == bits(modelopt()["weight_scale"])).all()


def test_gguf_mxfp4_and_gpt_oss_differ_in_the_order_of_nibbles_only():
    random = np.random.default_rng(0)
    expert = {
        "blocks": random.integers(0, 256, (3, 4, 5, 16), dtype=np.uint8),
        "scales": random.integers(0, 255, (3, 4, 5), dtype=np.uint8),
    }
    written, report = quant.convert(expert, "gpt_oss_mxfp4", "gguf_mxfp4")
    assert report.exact
    assert written["data"].shape == (3, 4, 85)
    decoded = gguf.dequantize(written["data"], "mxfp4").reshape(3, 4, 5, 32)
    with np.errstate(over="ignore"):
        scales = np.ldexp(np.float32(1), expert["scales"].astype(np.int32) - 127)
        expected = E2M1[codes_of(expert["blocks"])] * scales[..., None]
    assert (decoded == expected).all()
    again, report = quant.convert(written, "gguf_mxfp4", "gpt_oss_mxfp4")
    assert report.exact
    assert all((again[name] == expert[name]).all() for name in expert)
    flat, _ = quant.convert({"data": written["data"].ravel()}, "gguf_mxfp4", "qtensor", shape=(3, 4, 160))
    assert flat.shape == (3, 4, 160)
    with pytest.raises(ShapeError, match="pass shape="):
        quant.convert({"data": written["data"].ravel()}, "gguf_mxfp4", "qtensor")
    with pytest.raises(ShapeError, match="bytes for shape"):
        quant.convert({"data": written["data"].ravel()[:-1]}, "gguf_mxfp4", "qtensor", shape=(3, 4, 160))
    expert["scales"][0, 0, 0] = 255
    with pytest.raises(ValueError, match=r"NaN \(byte 255\)"):
        quant.convert(expert, "gpt_oss_mxfp4", "gguf_mxfp4", nan="scale")
