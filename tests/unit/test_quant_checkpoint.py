"""`quantize_checkpoint`: what it writes loads elsewhere and holds what the report says; what breaks leaves nothing."""

import json
import tracemalloc
import warnings

import numpy as np
import pytest

import _checkpoints as checkpoints
from paretoserve import quant
from paretoserve.quant.checkpoint.files import TensorFile

pytest.importorskip("safetensors")
torch = pytest.importorskip("torch")

FORMATS = ["mxfp4", "nvfp4", "mxfp8_e4m3", "int4", "int4_asym", "int8", "fp8_row", "fp8_block"]
QUANTIZED = [
    f"model.layers.{layer}.{name}.weight"
    for layer in (0, 1)
    for name in (
        "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
        "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj",
    )
]  # fmt: skip


@pytest.fixture(scope="module")
def compressors():
    """compressed-tensors, which warns when it is imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("compressed_tensors")
        from compressed_tensors.compressors import BaseCompressor
        from compressed_tensors.quantization import QuantizationConfig
    return BaseCompressor, QuantizationConfig


@pytest.fixture
def model(tmp_path):
    return checkpoints.folder(tmp_path / "model", checkpoints.tensors())


def config(path):
    return json.loads((path / "config.json").read_text())["quantization_config"]


def parts_of(arrays, module):
    """Tensors of a weight by the last part of their names."""
    found = {name.rpartition(".")[2]: tensor for name, tensor in arrays.items() if name.rpartition(".")[0] == module}
    return {name: tensor for name, tensor in found.items() if name != "bias"}


def test_what_is_kept_is_kept_byte_for_byte(model, tmp_path):
    report = quant.quantize_checkpoint(model, tmp_path / "out", "mxfp4")
    before, after = checkpoints.load(model), checkpoints.load(tmp_path / "out")
    assert [each.name for each in report.quantized] == sorted(QUANTIZED, key=[e.name for e in report.tensors].index)
    for name in before.keys() - set(QUANTIZED):
        assert torch.equal(before[name].view(torch.uint8), after[name].view(torch.uint8)), name
    assert not set(QUANTIZED) & after.keys()
    reasons = {each.name: each.reason for each in report.tensors}
    assert reasons["lm_head.weight"] == reasons["model.embed_tokens.weight"] == "embedding, norm, head or router"
    assert reasons["model.layers.0.self_attn.q_proj.bias"] == "no weight matrix"


def test_scales_of_a_kv_cache_are_carried(tmp_path):
    scales = {
        f"model.layers.{layer}.self_attn.{name}": np.array([0.1 + layer], np.float32)
        for layer in (0, 1)
        for name in ("k_scale", "v_scale", "attn.k_scale")
    }
    per_head = {"model.layers.1.self_attn.v_scale": np.linspace(0.1, 0.2, 8, dtype=np.float32)}
    model = checkpoints.folder(tmp_path / "model", checkpoints.tensors() | scales | per_head)
    for fmt in ("nvfp4", "int4", "fp8_row"):
        quant.quantize_checkpoint(model, tmp_path / fmt, fmt)
        written = checkpoints.load(tmp_path / fmt)
        for name, scale in (scales | per_head).items():
            np.testing.assert_array_equal(written[name].numpy(), scale)
        assert not any("scale" in each for each in config(tmp_path / fmt)["ignore"])


def test_folder_has_index_config_and_the_other_files(model, tmp_path):
    quant.quantize_checkpoint(model, tmp_path / "out", "nvfp4")
    written = checkpoints.files(tmp_path / "out")
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    beside = ["config.json", "generation_config.json", "model.safetensors.index.json", "tokenizer.json"]
    assert sorted(written) == sorted(beside + shards)
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == sorted(written)
    index = json.loads(written["model.safetensors.index.json"])
    places = {name: file for file in shards for name in TensorFile.open(tmp_path / "out" / file).entries}
    assert index["weight_map"] == places
    assert index["metadata"]["total_size"] == sum(each.nbytes for each in checkpoints.load(tmp_path / "out").values())
    assert json.loads(written["config.json"])["hidden_size"] == checkpoints.HIDDEN


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
@pytest.mark.parametrize("fmt", FORMATS)
def test_compressed_tensors_reads_what_is_reported(fmt, dtype, tmp_path, compressors):
    compressor, configuration = compressors
    arrays = checkpoints.tensors(dtype, layers=1)
    source = checkpoints.folder(tmp_path / "model", arrays, shards=1)
    report = quant.quantize_checkpoint(source, tmp_path / "out", fmt)
    after = checkpoints.load(tmp_path / "out")
    parsed = configuration.model_validate(config(tmp_path / "out"))
    (scheme,) = parsed.config_groups.values()
    reader = compressor.get_value_from_registry(parsed.format)
    assert set(reader.compression_param_names(scheme)) == set(parts_of(after, "model.layers.0.mlp.up_proj"))
    assert parsed.ignore == ["lm_head", "model.embed_tokens"]
    for each in report.quantized:
        weight = reader.decompress(parts_of(after, each.name.removesuffix(".weight")), scheme)["weight"]
        decoded = weight.float().numpy()
        exact = weight.dtype == torch.float32
        # Their results in 16 bits are rounded once more.
        assert quant.qsnr(arrays[each.name], decoded) == pytest.approx(each.qsnr_db, abs=1e-4 if exact else 0.1)


@pytest.mark.parametrize("fmt", FORMATS)
def test_reported_qsnr_is_that_of_the_bytes_in_the_file(fmt, model, tmp_path):
    layouts = {"mxfp4": "ct_mxfp4", "nvfp4": "ct_nvfp4", "mxfp8_e4m3": "ct_mxfp8"}
    report = quant.quantize_checkpoint(model, tmp_path / "out", fmt, group=64 if fmt.startswith("int4") else None)
    arrays, after = checkpoints.tensors(), checkpoints.load(tmp_path / "out")
    for each in report.quantized:
        parts = parts_of(after, each.name.removesuffix(".weight"))
        if fmt.startswith("int4"):
            q = quant.convert(parts, "ct_int", "qtensor", bits=4)[0]
        elif fmt in layouts:
            q = quant.convert(parts, layouts[fmt], "qtensor")[0]
        else:
            meta = quant.quantize(arrays[each.name], fmt).meta
            q = quant.QTensor(parts["weight"].view(torch.uint8), parts["weight_scale"], None, None, meta)
        assert quant.qsnr(arrays[each.name], q.numpy()) == pytest.approx(each.qsnr_db, abs=1e-9)
        stored = sum(part.nbytes for part in parts.values())
        assert each.bytes_after == stored
        assert each.bits_per_weight == 8 * stored / arrays[each.name].size


def test_schemes_are_those_of_the_presets(model, tmp_path, compressors):
    from compressed_tensors.quantization.quant_scheme import preset_name_to_scheme

    presets = {
        "mxfp4": "MXFP4A16", "nvfp4": "NVFP4A16", "mxfp8": "MXFP8", "int4": "W4A16", "int4_asym": "W4A16_ASYM",
        "fp8_row": "FP8_DYNAMIC", "fp8_block": "FP8_BLOCK", "int8": "INT8",
    }  # fmt: skip
    keys = ["num_bits", "type", "symmetric", "strategy", "group_size", "dynamic", "block_structure", "scale_dtype"]
    for fmt, preset in presets.items():
        quant.quantize_checkpoint(model, tmp_path / fmt, fmt)
        (ours,) = compressors[1].model_validate(config(tmp_path / fmt)).config_groups.values()
        theirs = preset_name_to_scheme(preset, ["Linear"])
        for side in ("weights", "input_activations"):
            mine, known = getattr(ours, side), getattr(theirs, side)
            assert (mine is None) == (known is None), (fmt, side)
            if mine is not None:
                assert [getattr(mine, key) for key in keys] == [getattr(known, key) for key in keys], (fmt, side)


def test_fused_layers_share_a_global_scale_across_shards(model, tmp_path):
    quant.quantize_checkpoint(model, tmp_path / "out", "nvfp4")
    after = checkpoints.load(tmp_path / "out")

    def scale(name):
        return float(after[f"model.layers.0.{name}.weight_global_scale"])

    assert scale("self_attn.q_proj") == scale("self_attn.k_proj") == scale("self_attn.v_proj")
    assert scale("mlp.gate_proj") == scale("mlp.up_proj")
    assert len({scale("self_attn.q_proj"), scale("self_attn.o_proj"), scale("mlp.gate_proj")}) == 3


def test_modelopt_has_its_two_configurations(model, tmp_path):
    report = quant.quantize_checkpoint(model, tmp_path / "out", "nvfp4", layout="modelopt")
    after = checkpoints.load(tmp_path / "out")
    beside = json.loads((tmp_path / "out" / "hf_quant_config.json").read_text())
    assert beside["producer"]["name"] == "modelopt"
    assert beside["quantization"]["quant_algo"] == config(tmp_path / "out")["quant_algo"] == "W4A16_NVFP4"
    assert beside["quantization"]["exclude_modules"] == ["lm_head", "model.embed_tokens"]
    each = report.quantized[0]
    parts = parts_of(after, each.name.removesuffix(".weight"))
    q = quant.convert(parts, "modelopt_nvfp4", "qtensor")[0]
    assert quant.qsnr(checkpoints.tensors()[each.name], q.numpy()) == pytest.approx(each.qsnr_db, abs=1e-9)


def test_fused_experts_are_those_of_gpt_oss(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mxfp4 = pytest.importorskip("transformers.integrations.mxfp4")
    random = np.random.default_rng(0)
    arrays = {
        "model.layers.0.mlp.experts.gate_up_proj": random.standard_normal((4, 64, 96), dtype=np.float32),
        "model.layers.0.mlp.experts.down_proj": random.standard_normal((4, 96, 64), dtype=np.float32),
        "model.layers.0.mlp.experts.down_proj_bias": random.standard_normal((4, 64), dtype=np.float32),
        "model.layers.0.self_attn.q_proj.weight": random.standard_normal((64, 64), dtype=np.float32),
    }
    source = checkpoints.folder(tmp_path / "model", arrays, shards=1)
    report = quant.quantize_checkpoint(source, tmp_path / "out", "mxfp4", layout="gpt-oss")
    after = checkpoints.load(tmp_path / "out")
    assert config(tmp_path / "out") == {
        "quant_method": "mxfp4",
        "modules_to_not_convert": ["model.layers.0.self_attn.q_proj"],
    }
    for each in report.quantized:
        blocks, scales = after[f"{each.name}_blocks"], after[f"{each.name}_scales"]
        decoded = mxfp4.convert_moe_packed_tensors(blocks, scales, dtype=torch.float32).numpy()
        assert decoded.shape == arrays[each.name].shape
        assert quant.qsnr(arrays[each.name], decoded) == pytest.approx(each.qsnr_db, abs=1e-9)
    assert len(report.quantized) == 2


def test_result_does_not_depend_on_threads(model, tmp_path):
    for threads in (1, 3):
        quant.quantize_checkpoint(model, tmp_path / f"out{threads}", "nvfp4", threads=threads)
    assert checkpoints.files(tmp_path / "out1") == checkpoints.files(tmp_path / "out3")


def test_single_file_and_index_are_accepted(model, tmp_path):
    checkpoints.save(tmp_path / "one.safetensors", checkpoints.tensors())
    quant.quantize_checkpoint(tmp_path / "one.safetensors", tmp_path / "a", "mxfp4")
    assert sorted(checkpoints.files(tmp_path / "a")) == ["config.json", "one.safetensors"]
    quant.quantize_checkpoint(model / "model.safetensors.index.json", tmp_path / "b", "mxfp4")
    one, two = checkpoints.load(tmp_path / "a"), checkpoints.load(tmp_path / "b")
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_patterns_choose_tensors(model, tmp_path):
    def chosen(**options):
        report = quant.quantize_checkpoint(model, tmp_path / "out", "mxfp4", **options)
        return {each.name for each in report.quantized}

    assert chosen(exclude=["*.layers.0.*"]) == {name for name in QUANTIZED if ".1." in name}
    assert chosen(include=["lm_head", "*down_proj.weight"]) == {
        "lm_head.weight",
        "model.layers.0.mlp.down_proj.weight",
        "model.layers.1.mlp.down_proj.weight",
    }
    assert chosen(include=["*"], exclude=["*embed*", "*_proj"]) == {"lm_head.weight"}


def test_budget_is_kept_and_spent_where_it_counts(model, tmp_path, compressors):
    report = quant.quantize_checkpoint(
        model,
        tmp_path / "out",
        budget=8.0,
        formats=["mxfp4", "mxfp8", "kept"],
        sensitivity={"model.layers.1.mlp.down_proj.weight": 1e6},
    )
    formats = {each.name: each.format for each in report.tensors}
    assert report.allocation.cost <= 8.0 * sum(np.prod(each.shape) for each in report.tensors if each.name in QUANTIZED)
    assert formats["model.layers.1.mlp.down_proj.weight"] == "kept"
    for layer in (0, 1):
        assert len({formats[f"model.layers.{layer}.self_attn.{each}_proj.weight"] for each in "qkv"}) == 1
    parsed = compressors[1].model_validate(config(tmp_path / "out"))
    assert parsed.format == "mixed-precision"
    named = {name for scheme in parsed.config_groups.values() for name in scheme.targets}
    assert named == {each.name.removesuffix(".weight") for each in report.quantized}
    assert {scheme.format for scheme in parsed.config_groups.values()} == {"mxfp4-pack-quantized", "mxfp8-quantized"}


def test_a_budget_below_all_formats_says_what_is_needed(model, tmp_path):
    with pytest.raises(ValueError, match=r"`budget` must be at least 4\.25 bits per weight, got 4"):
        quant.quantize_checkpoint(model, tmp_path / "out", budget=4, formats=["mxfp4", "mxfp8"])
    assert not (tmp_path / "out").exists()


def test_memory_is_bounded_by_the_largest_tensor(tmp_path):
    random = np.random.default_rng(0)
    arrays = {f"l.{n}.up_proj.weight": random.standard_normal((512, 1024), dtype=np.float32) for n in range(12)}
    source = checkpoints.folder(tmp_path / "model", arrays, shards=1)
    quant.quantize_checkpoint(source, tmp_path / "out", "mxfp4")
    tracemalloc.start()
    try:
        quant.quantize_checkpoint(source, tmp_path / "out", "mxfp4")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # The tensor, its codes, and a dequantized piece of it.
    assert peak < 2.5 * 512 * 1024 * 4


def test_zero_weights_are_exact(tmp_path):
    arrays = {"a.up_proj.weight": np.zeros((32, 128), np.float32)}
    source = checkpoints.folder(tmp_path / "model", arrays, shards=1)
    for fmt in FORMATS:
        report = quant.quantize_checkpoint(source, tmp_path / fmt, fmt)
        assert report.quantized[0].qsnr_db == np.inf
        assert report.to_rows()[0]["qsnr_db"] is None
