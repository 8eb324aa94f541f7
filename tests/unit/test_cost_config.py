"""config.json files: real ones, and every way to be broken."""

import json
from dataclasses import replace

import pytest

from _data import data
from paretoserve import cost
from paretoserve.errors import DataError, UnknownNameError

DENSE = {
    "model_type": "llama",
    "num_hidden_layers": 4,
    "hidden_size": 64,
    "intermediate_size": 256,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 1000,
}
MOE = DENSE | {"model_type": "qwen3_moe", "num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
WINDOWED = DENSE | {"model_type": "mistral", "sliding_window": 16}


def load(tmp_path, fields):
    path = tmp_path / "config.json"
    path.write_text(fields if isinstance(fields, str) else json.dumps(fields))
    return cost.load_model(path)


def windows(model):
    return [run.attention.window for run in model.layers for _ in range(run.count)]


def experts(model):
    return [isinstance(run.ffn, cost.Moe) for run in model.layers for _ in range(run.count)]


@pytest.mark.parametrize(
    "file",
    [
        "MiniMaxAI--MiniMax-M2.5",
        "Qwen--Qwen3-1.7B",
        "Qwen--Qwen3-235B-A22B",
        "Qwen--Qwen3-30B-A3B",
        "Qwen--Qwen3-32B",
        "Qwen--Qwen3-32B-FP8",
        "deepseek-ai--DeepSeek-R1",
        "deepseek-ai--DeepSeek-V3",
        "meta-llama--Meta-Llama-3.1-70B",
        "meta-llama--Meta-Llama-3.1-8B",
        "mistralai--Mixtral-8x7B-v0.1",
        "moonshotai--Kimi-K2.5",
        "openai--gpt-oss-120b",
        "openai--gpt-oss-20b",
    ],
)
def test_published_files_equal_the_bundled_numbers(file):
    published = cost.load_model(data(f"perf/models/{file}_config.json"))
    bundled = cost.load_model(file.replace("--", "/"))
    assert replace(published, name=bundled.name) == bundled


def test_folder_file_and_path(tmp_path):
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(DENSE))
    for place in (folder, str(folder), folder / "config.json", str(folder / "config.json")):
        assert cost.load_model(place).name == "tiny"
    assert cost.load_model(cost.load_model(folder)) is not None


def test_unknown_names_offer_close_ones():
    with pytest.raises(UnknownNameError, match="did you mean `qwen3-32b`"):
        cost.load_model("qwen3-32")
    with pytest.raises(UnknownNameError, match="known: "):
        cost.load_model("zzzzzz")
    for name in ("", "x" * 5000, "a\0b", "~nobody-of-that-name"):
        with pytest.raises((UnknownNameError, DataError)) as caught:
            cost.load_model(name)
        assert len(str(caught.value)) < 6000
    with pytest.raises(DataError, match="file not found"):
        cost.load_model("nowhere/config.json")
    with pytest.raises(DataError, match="file not found"):
        cost.load_model("./nowhere")


def test_names_do_not_depend_on_case():
    assert cost.load_model("Qwen/Qwen3-32B") == cost.load_model("QWEN3-32B") == cost.load_model("qwen3-32b")


def test_defaults_of_optional_fields(tmp_path):
    fields = {key: value for key, value in DENSE.items() if key != "num_key_value_heads"}
    model = load(tmp_path, fields)
    assert model.layers == (cost.Layers(4, cost.Gqa(4, 4, 16), cost.Dense(256)),)
    assert not model.tied_embeddings
    assert load(tmp_path, DENSE | {"model_type": "gemma"}).tied_embeddings
    assert load(tmp_path, DENSE | {"head_dim": 128}).layers[0].attention.head_dim == 128


def test_nested_text_config(tmp_path):
    model = load(tmp_path, {"model_type": "any_multimodal", "tie_word_embeddings": True, "text_config": DENSE})
    assert model.tied_embeddings
    assert model.num_layers == 4
    with pytest.raises(DataError, match=r"field `text_config\.hidden_size` is missing"):
        load(tmp_path, {"text_config": {key: value for key, value in DENSE.items() if key != "hidden_size"}})


def test_windows_by_layer(tmp_path):
    assert windows(load(tmp_path, WINDOWED)) == [16] * 4
    assert windows(load(tmp_path, WINDOWED | {"use_sliding_window": False})) == [None] * 4
    assert windows(load(tmp_path, WINDOWED | {"model_type": "gemma2"})) == [16, None, 16, None]
    kinds = ["full_attention", "full_attention", "sliding_attention", "full_attention"]
    assert windows(load(tmp_path, WINDOWED | {"layer_types": kinds})) == [None, None, 16, None]
    late = WINDOWED | {"model_type": "qwen2", "max_window_layers": 3}
    assert windows(load(tmp_path, late)) == [None, None, None, 16]
    third = WINDOWED | {"model_type": "gemma3_text", "sliding_window_pattern": 3}
    assert windows(load(tmp_path, third)) == [16, 16, None, 16]


def test_experts_by_layer(tmp_path):
    assert experts(load(tmp_path, MOE)) == [True] * 4
    assert experts(load(tmp_path, MOE | {"decoder_sparse_step": 2})) == [False, True, False, True]
    assert experts(load(tmp_path, MOE | {"mlp_only_layers": [0, 2]})) == [False, True, False, True]
    assert experts(load(tmp_path, MOE | {"first_k_dense_replace": 1})) == [False, True, True, True]
    assert experts(load(tmp_path, MOE | {"moe_layer_freq": 2})) == [True, False, True, False]
    assert experts(load(tmp_path, MOE | {"moe_layer_freq": [0, 1, 1, 0]})) == [False, True, True, False]
    shared = load(tmp_path, MOE | {"shared_expert_intermediate_size": 48})
    assert shared.layers[0].ffn == cost.Moe(8, 2, 32, 48)
    shared = load(tmp_path, MOE | {"n_shared_experts": 2})
    assert shared.layers[0].ffn == cost.Moe(8, 2, 32, 64)


@pytest.mark.parametrize(
    ("quantization", "expected"),
    [
        (None, "bf16"),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "fp8_block"),
        ({"quant_method": "fp8"}, "fp8"),
        ({"quant_method": "mxfp4"}, "mxfp4"),
        ({"quant_method": "awq", "bits": 4}, "int4"),
        ({"quant_method": "gptq", "bits": 3}, None),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "nvfp4"),
        ({"quant_method": "compressed-tensors", "format": "pack-quantized"}, "int4"),
        ({"quant_method": "bitsandbytes"}, None),
    ],
)
def test_checkpoint_format(tmp_path, quantization, expected):
    fields = DENSE if quantization is None else DENSE | {"quantization_config": quantization}
    assert load(tmp_path, fields).checkpoint_format == expected


@pytest.mark.parametrize("key", sorted(set(DENSE) - {"num_key_value_heads"}))
def test_missing_fields_are_named(tmp_path, key):
    with pytest.raises(DataError, match=rf"config\.json: field `{key}` is missing"):
        load(tmp_path, {name: value for name, value in DENSE.items() if name != key})


@pytest.mark.parametrize("value", [0, -1, 1.5, "64", True, [64], {"a": 1}, 2**31, 10**400, float("nan"), float("inf")])
@pytest.mark.parametrize("key", ["hidden_size", "num_hidden_layers", "num_key_value_heads", "head_dim"])
def test_bad_values_are_named(tmp_path, key, value):
    with pytest.raises(DataError, match=rf"config\.json: field `{key}` must be"):
        load(tmp_path, DENSE | {key: value})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "mamba2"}, "field `model_type` is an unknown architecture `mamba2`; known are"),
        ({"model_type": 7}, "field `model_type` must be a string, got 7"),
        ({"num_key_value_heads": 3}, "field `num_key_value_heads` must divide the 4 attention heads, got 3"),
        ({"hidden_size": 66}, "field `head_dim` is missing and `hidden_size` 66 is no multiple of 4 heads"),
        ({"num_hidden_layers": 20_000}, "field `num_hidden_layers` must be at most 10000, got 20000"),
        ({"tie_word_embeddings": "no"}, "field `tie_word_embeddings` must be true or false, got 'no'"),
        ({"num_local_experts": 8}, "field `num_experts_per_tok` is missing"),
        ({"num_experts": 4, "num_experts_per_tok": 8}, "must be at most the 4 experts, got 8"),
        ({"sliding_window": 16, "layer_types": ["full_attention"]}, "must have one entry per layer, 4, got 1"),
        ({"sliding_window": 16, "layer_types": ["linear_attention"] * 4}, "unknown kind of attention"),
        ({"num_experts": 4, "num_experts_per_tok": 2, "mlp_only_layers": [9]}, "must hold layers of 0 to 3, got 9"),
        ({"num_experts": 4, "num_experts_per_tok": 2, "moe_layer_freq": [2, 0, 0, 0]}, "must hold 0 or 1"),
        ({"quantization_config": "fp8"}, "field `quantization_config` must be an object, got 'fp8'"),
        ({"quantization_config": {"bits": 4}}, "field `quantization_config.quant_method` is missing"),
    ],
)
def test_impossible_configs_are_named(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        load(tmp_path, DENSE | changes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not valid JSON"),
        ('{"hidden_size": 64', "is not valid JSON"),
        ("[1, 2]", "must hold a JSON object, got list"),
        ('{"hidden_size": ' + "9" * 5000 + "}", "is not valid JSON"),
        ("[" * 200_000, "is nested too deeply"),
    ],
    ids=["empty", "truncated", "list", "digits", "nested"],
)
def test_broken_files_are_named(tmp_path, text, message):
    with pytest.raises(DataError, match=rf"config\.json: {message}"):
        load(tmp_path, text)


def test_binary_files_are_named(tmp_path):
    (tmp_path / "config.json").write_bytes(b"\xff\xfe\x00binary")
    with pytest.raises(DataError, match="is not valid JSON"):
        cost.load_model(tmp_path)


def test_a_sum_of_sizes_that_no_machine_holds_is_refused(tmp_path):
    large = 2**31 - 1
    with pytest.raises(DataError, match="parameters"):
        load(tmp_path, DENSE | {"intermediate_size": large, "hidden_size": large - 3, "num_hidden_layers": 10_000})


def test_a_file_of_another_name_names_the_model(tmp_path):
    path = tmp_path / "our-model.json"
    path.write_text(json.dumps(DENSE), encoding="utf-8-sig")
    assert cost.load_model(path).name == "our-model"


@pytest.mark.parametrize("family", ["qwen3_moe", "mixtral", "gpt_oss"])
def test_a_family_of_experts_is_not_dense_without_their_number(tmp_path, family):
    fields = MOE | {"model_type": family}
    del fields["num_experts"]
    with pytest.raises(DataError, match="field `n_routed_experts` is missing"):
        load(tmp_path, fields)


def test_a_missing_field_names_the_file_once(tmp_path):
    with pytest.raises(DataError) as raised:
        load(tmp_path, {name: value for name, value in DENSE.items() if name != "vocab_size"})
    assert str(raised.value).count("config.json") == 1
