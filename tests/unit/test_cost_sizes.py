"""Model sizes: published totals, layouts, memory."""

import pickle
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paretoserve import cost
from paretoserve.errors import CapacityError

# Name, parameters in 1e9, active parameters in 1e9 as printed (one decimal), bf16 KV bytes per token.
PUBLISHED = [
    ("llama-3.1-8b", 8.03, None, 131_072),
    ("llama-3.1-70b", 70.55, None, 327_680),
    ("qwen3-32b", 32.76, None, 262_144),
    ("mixtral-8x7b", 46.70, 12.8, 131_072),
    ("qwen3-30b-a3b", 30.53, 3.0, 98_304),
    ("qwen3-235b-a22b", 235.09, 21.6, 192_512),
    ("gpt-oss-120b", 116.79, 5.1, 73_728),
    ("deepseek-v3", 671.03, 36.6, 70_272),
    ("kimi-k2.5", 1026.0, 31.7, 70_272),
    ("minimax-m2.5", 228.7, 10.4, 253_952),
]
# What the publishers say of the other bundled models, in 1e9.
OTHERS = [
    ("codellama-7b", 6.74),
    ("codellama-13b", 13.02),
    ("codellama-34b", 33.74),
    ("codellama-70b", 68.98),
    ("deepseek-r1", 671.0),
    ("gemma-2-2b", 2.61),
    ("gemma-2-9b", 9.24),
    ("gemma-2-27b", 27.23),
    ("gpt-oss-20b", 20.91),
    ("llama-3.1-405b", 405.85),
    ("mistral-7b", 7.25),
    ("mistral-large", 122.61),
    ("mistral-nemo", 12.25),
    ("mixtral-8x22b", 140.63),
    ("qwen2.5-7b", 7.62),
    ("qwen2.5-32b", 32.76),
    ("qwen2.5-72b", 72.71),
    ("qwen3-0.6b", 0.596),
    ("qwen3-1.7b", 1.72),
    ("qwen3-4b", 4.02),
    ("qwen3-8b", 8.19),
    ("qwen3-14b", 14.77),
    ("qwen3-32b-fp8", 32.76),
]


@pytest.mark.parametrize(("name", "parameters", "active", "kv_bytes"), PUBLISHED)
def test_published_totals(name, parameters, active, kv_bytes):
    sizes = cost.model_sizes(name)
    assert sizes.parameters / 1e9 == pytest.approx(parameters, rel=0.005)
    assert sizes.kv_bytes_per_token() == kv_bytes
    assert sizes.kv_bytes_per_token("fp8") == kv_bytes // 2
    if active is not None:
        # Printed with one decimal: equal to it, or within 0.5 %.
        computed = sizes.active_parameters / 1e9
        assert round(computed, 1) == active or computed == pytest.approx(active, rel=0.005)


@pytest.mark.parametrize(("name", "parameters"), OTHERS)
def test_other_bundled_models(name, parameters):
    assert cost.model_sizes(name).parameters / 1e9 == pytest.approx(parameters, rel=0.005)


def test_every_bundled_model_has_a_published_total():
    assert set(cost.model_names()) == {row[0] for row in PUBLISHED} | {row[0] for row in OTHERS}


def test_active_parameters_leave_out_the_input_embedding():
    sizes, model = cost.model_sizes("qwen3-32b"), cost.load_model("qwen3-32b")
    assert sizes.parameters - sizes.active_parameters == model.vocab * model.hidden
    tied = cost.model_sizes("qwen3-4b")
    assert tied.parameters == tied.active_parameters


def test_windows_stop_growing():
    model = cost.load_model("gpt-oss-120b")
    per_layer = 2 * 8 * 64 * 2
    assert model.kv_bytes(128) == 36 * per_layer * 128
    assert model.kv_bytes(1128) == 36 * per_layer * 128 + 18 * per_layer * 1000
    assert model.kv_bytes(1128, kv_format="fp8") * 2 == model.kv_bytes(1128)
    assert model.kv_bytes(0) == 0
    with pytest.raises(ValueError, match="`num_tokens` must be an integer from 0"):
        model.kv_bytes(-1)


def test_sizes_are_plain_data():
    sizes = cost.model_sizes("qwen3-32b")
    assert sizes.to_dict()["parameters"] == sizes.parameters
    assert "32.76 B parameters" in sizes.explain()
    with pytest.raises(ValueError, match="`kv_format` must be `bf16` or `fp8`, got `int4`"):
        sizes.kv_bytes_per_token("int4")


def test_models_survive_pickling():
    model = cost.load_model("deepseek-v3")
    assert pickle.loads(pickle.dumps(model)) == model
    assert pickle.loads(pickle.dumps(model)).native.sizes() == model.native.sizes()


@pytest.mark.parametrize("value", [0, -1, 2**31, 10**400, 1.5, "64", True, None, float("nan")])
def test_models_refuse_bad_sizes(value):
    with pytest.raises(ValueError, match="`hidden` must be"):
        cost.Model("bad", value, 100, False, (cost.Layers(1, cost.Gqa(4, 2, 16), cost.Dense(64)),))


def test_models_refuse_impossible_shapes():
    with pytest.raises(ValueError, match="at least one run of layers"):
        cost.Model("bad", 64, 100, False, ())
    with pytest.raises(ValueError, match="a divisor of `num_heads` 4, got 3"):
        cost.Model("bad", 64, 100, False, (cost.Layers(1, cost.Gqa(4, 3, 16), cost.Dense(64)),))
    with pytest.raises(ValueError, match="`top_k` must be 1 to `num_experts` 4, got 5"):
        cost.Model("bad", 64, 100, False, (cost.Layers(1, cost.Gqa(4, 2, 16), cost.Moe(4, 5, 8)),))
    largest = 2**31 - 1
    with pytest.raises(ValueError, match="at most 1e15 parameters"):
        cost.Model("bad", largest, 1, False, (cost.Layers(largest, cost.Gqa(1, 1, 1), cost.Dense(largest)),))


# Memory per GPU.


def test_weights_of_a_rank():
    whole = cost.rank_memory("qwen3-32b", hardware="b300_sxm")
    half = cost.rank_memory("qwen3-32b", hardware="b300_sxm", tensor_parallel=2)
    assert whole.parameters == cost.model_sizes("qwen3-32b").parameters
    assert whole.weights_bytes == 2 * whole.parameters == 2 * half.weights_bytes
    assert half.kv_bytes_per_token == 131_072


@pytest.mark.parametrize(
    ("name", "weight_format", "gigabytes", "tolerance"),
    [
        # openai/gpt-oss-120b and -20b on disk: experts in MXFP4, everything else in bfloat16.
        ("gpt-oss-120b", "mxfp4", 65.25, 0.005),
        ("gpt-oss-20b", "mxfp4", 13.76, 0.005),
        # Qwen/Qwen3-32B and Qwen3-32B-FP8.
        ("qwen3-32b", "bf16", 65.52, 0.001),
        ("qwen3-32b", "fp8_block", 34.3, 0.01),
    ],
)
def test_known_checkpoint_sizes(name, weight_format, gigabytes, tolerance):
    assert cost.load_model(name).weights_bytes(weight_format) / 1e9 == pytest.approx(gigabytes, rel=tolerance)


def test_cache_of_a_real_engine():
    # vLLM 0.19 on an RTX 4090 reported 2,588 blocks of 16 tokens.
    memory = cost.rank_memory("llama-3.1-8b", hardware="rtx_4090", max_num_seqs=256, max_num_batched_tokens=2048)
    assert memory.num_blocks == pytest.approx(2588, rel=0.02)


def test_few_kv_heads_are_replicated():
    four = cost.rank_memory("qwen3-30b-a3b", hardware="h100_sxm", tensor_parallel=4)
    eight = cost.rank_memory("qwen3-30b-a3b", hardware="h100_sxm", tensor_parallel=8)
    assert four.kv_bytes_per_token == eight.kv_bytes_per_token == 98_304 / 4


def test_latent_attention_is_replicated():
    one = cost.rank_memory("deepseek-v3", hardware="h200_sxm", tensor_parallel=8, weight_format="fp8_block")
    assert one.kv_bytes_per_token == 70_272


def test_experts_spread_or_cut_alike():
    options = {"hardware": "h200_sxm", "tensor_parallel": 8, "weight_format": "fp8_block"}
    cut = cost.rank_memory("deepseek-v3", **options)
    spread = cost.rank_memory("deepseek-v3", expert_parallel=True, **options)
    assert cut.parameters == spread.parameters


def test_data_parallel_ranks_replicate_attention():
    shared = cost.rank_memory("deepseek-v3", hardware="h200_sxm", tensor_parallel=8, weight_format="fp8_block")
    apart = cost.rank_memory(
        "deepseek-v3", hardware="h200_sxm", data_parallel=8, expert_parallel=True, weight_format="fp8_block"
    )
    assert apart.parameters > shared.parameters
    assert apart.num_gpus == shared.num_gpus == 8


def test_pipeline_stages_hold_uneven_layers():
    # 61 layers over 4 stages: vLLM gives 15, 15, 16, 15; the last stage also has the head and decides.
    memory = cost.rank_memory(
        "deepseek-v3", hardware="h200_sxm", tensor_parallel=8, pipeline_parallel=4, weight_format="fp8_block"
    )
    assert memory.kv_bytes_per_token == pytest.approx(16 * 576 * 2)
    assert memory.stage == 2


def test_windows_raise_the_capacity_at_a_known_length():
    options = {"hardware": "h100_sxm", "weight_format": "mxfp4"}
    lower = cost.rank_memory("gpt-oss-120b", **options)
    long = cost.rank_memory("gpt-oss-120b", context_tokens=100_000, **options)
    assert long.num_blocks == pytest.approx(2 * lower.num_blocks, rel=0.01)
    assert long.headroom_bytes == lower.headroom_bytes


def test_what_does_not_fit_says_what_would():
    with pytest.raises(CapacityError) as caught:
        cost.rank_memory("llama-3.1-70b", hardware="h100_sxm")
    message = str(caught.value)
    assert "GiB missing" in message
    assert "pipeline stage 0" in message
    assert "tensor_parallel=2 pipeline_parallel=1, or weight_format=int4 would fit" in message
    assert cost.rank_memory("llama-3.1-70b", hardware="h100_sxm", tensor_parallel=2).num_blocks > 0
    assert cost.rank_memory("llama-3.1-70b", hardware="h100_sxm", weight_format="int4").num_blocks > 0
    with pytest.raises(CapacityError, match="100,000,000 tokens"):
        cost.rank_memory("qwen3-8b", hardware="h100_sxm", min_tokens=100_000_000)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tensor_parallel": 3}, "`tensor_parallel` must be a divisor of the 64 attention heads, got 3"),
        ({"tensor_parallel": 0}, "`tensor_parallel` must be an integer from 1"),
        ({"tensor_parallel": 10**400}, "`tensor_parallel` must be an integer from 1"),
        ({"pipeline_parallel": 65}, "`pipeline_parallel` must be at most the number of layers, 64"),
        ({"expert_parallel": True}, "`expert_parallel` must be false for a model without experts"),
        ({"weight_format": "fp3"}, "`weight_format` must be one of"),
        ({"kv_format": "int8"}, "`kv_format` must be `bf16` or `fp8`"),
        ({"gpu_memory_utilization": float("nan")}, "`gpu_memory_utilization` must be above 0"),
        ({"gpu_memory_utilization": 1.5}, "`gpu_memory_utilization` must be above 0"),
        ({"block_size": 0}, "`block_size` must be an integer from 1"),
        ({"max_num_seqs": -4}, "`max_num_seqs` must be an integer from 1"),
        ({"min_tokens": -1}, "`min_tokens` must be an integer from 0"),
    ],
)
def test_bad_layouts_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        cost.rank_memory("qwen3-32b", hardware="b300_sxm", **changes)


def test_scale_blocks_are_not_cut():
    with pytest.raises(ValueError, match="whole blocks of 128, got 8"):
        cost.rank_memory("qwen3-235b-a22b", hardware="h200_sxm", tensor_parallel=8, weight_format="fp8_block")


@settings(max_examples=60)
@given(
    name=st.sampled_from(["qwen3-32b", "gpt-oss-120b", "deepseek-v3", "qwen3-30b-a3b", "qwen3-235b-a22b"]),
    tensor=st.sampled_from([1, 2, 4, 8]),
    pipeline=st.integers(1, 6),
    data=st.sampled_from([1, 2]),
    experts=st.booleans(),
)
def test_ranks_together_hold_at_least_the_model(name, tensor, pipeline, data, experts):
    model = cost.load_model(name)
    layout = (tensor, pipeline, data, experts and model.has_experts, 0)
    stages = model.native.rank_memory(layout, "bf16", "bf16", 2**50, 1.0, 0, 1, 1, 16, None)
    sizes = cost.model_sizes(name)
    assert sum(stage[0] for stage in stages) == model.num_layers
    assert sum(stage[1] for stage in stages) * tensor * data >= sizes.parameters
    assert sum(stage[3] for stage in stages) * tensor >= sizes.kv_bytes_per_token()
    assert all(stage[2] == 2 * stage[1] for stage in stages)


@settings(max_examples=40)
@given(
    name=st.sampled_from(["qwen3-8b", "gpt-oss-20b"]),
    utilization=st.floats(0.5, 0.95),
    seqs=st.integers(1, 1024),
    tokens=st.integers(64, 16384),
)
def test_more_memory_and_smaller_steps_never_shrink_the_cache(name, utilization, seqs, tokens):
    def blocks(**changes):
        options = {"gpu_memory_utilization": utilization, "max_num_seqs": seqs, "max_num_batched_tokens": tokens}
        return cost.rank_memory(name, hardware="b200_sxm", **(options | changes)).num_blocks

    here = blocks()
    assert blocks(gpu_memory_utilization=utilization + 0.05) >= here
    assert blocks(max_num_batched_tokens=tokens + 512) <= here
    assert blocks(weight_format="fp8") >= here
    assert blocks(kv_format="fp8") >= here


def test_names_of_models_are_only_for_messages():
    model = cost.load_model("qwen3-8b")
    assert cost.model_sizes(replace(model, name="mine")).parameters == cost.model_sizes(model).parameters


def test_stages_hold_the_model_together():
    stages = cost.rank_sizes("llama-3.1-70b", pipeline_parallel=3)
    assert [rank.stage for rank in stages] == [0, 1, 2]
    assert sum(rank.num_layers for rank in stages) == 80
    whole = cost.model_sizes("llama-3.1-70b")
    assert sum(rank.parameters for rank in stages) == whole.parameters
    assert sum(rank.kv_bytes_per_token for rank in stages) == whole.kv_bytes_per_token()


def test_few_heads_and_latent_caches_are_copied_to_tensor_ranks():
    def cached(model, ranks):
        return cost.rank_sizes(model, tensor_parallel=ranks)[0].kv_bytes_per_token

    # 8 key-value heads: sixteen ranks hold two copies of each.
    assert [cached("qwen3-32b", ranks) for ranks in (1, 8, 16)] == [262_144, 32_768, 32_768]
    assert [cached("deepseek-v3", ranks) for ranks in (1, 8)] == [70_272, 70_272]


def test_whole_experts_take_as_much_room_as_cut_ones():
    cut = cost.rank_sizes("qwen3-30b-a3b", tensor_parallel=4)[0]
    whole = cost.rank_sizes("qwen3-30b-a3b", tensor_parallel=4, expert_parallel=True)[0]
    assert cut.parameters == whole.parameters
    # Attention replicas copy everything but the experts.
    spread = cost.rank_sizes("qwen3-30b-a3b", data_parallel=4, expert_parallel=True)[0]
    assert whole.parameters < spread.parameters < cost.model_sizes("qwen3-30b-a3b").parameters


def test_rank_sizes_of_formats():
    sizes = {
        name: cost.rank_sizes("qwen3-32b", weight_format=name)[0].weights_bytes for name in ("bf16", "fp8", "int4")
    }
    assert sizes["bf16"] == 2 * cost.model_sizes("qwen3-32b").parameters
    assert sizes["int4"] < sizes["fp8"] < sizes["bf16"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tensor_parallel": 7}, "`tensor_parallel` must be a divisor of the 64 attention heads, got 7"),
        ({"pipeline_parallel": 65}, "`pipeline_parallel` must be"),
        ({"data_parallel": 0}, "`data_parallel` must be an integer from 1"),
        ({"weight_format": "fp7"}, "`weight_format` must be one of .*, got `fp7`"),
    ],
)
def test_layouts_that_cut_nothing_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        cost.rank_sizes("qwen3-32b", **options)
