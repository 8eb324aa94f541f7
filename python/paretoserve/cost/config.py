"""A Hugging Face config.json as a `Model`.

The families below differ in the names of their fields and in which layers have experts or windows; nothing else
matters for sizes. A family is added by one line in `FAMILIES` and, if its layers alternate by its own rule, a line in
`_windows`.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

from paretoserve.cost.config_fields import Fields, read_json
from paretoserve.cost.model import Dense, Gqa, Layers, Mla, Model, Moe
from paretoserve.errors import DataError

__all__ = ["FAMILIES", "model_from_config", "parse_config"]

# model_type -> whether embeddings are tied when `tie_word_embeddings` is absent.
FAMILIES = {
    "deepseek_v2": False,
    "deepseek_v3": False,
    "gemma": True,
    "gemma2": True,
    "gemma3_text": True,
    "glm4_moe": False,
    "gpt_oss": False,
    "kimi_k2": False,
    "llama": False,
    "minimax_m2": False,
    "mistral": False,
    "mixtral": False,
    "olmo2": False,
    "phi3": False,
    "qwen2": False,
    "qwen2_moe": False,
    "qwen3": False,
    "qwen3_moe": False,
}
MLA_FAMILIES = {"deepseek_v2", "deepseek_v3", "kimi_k2"}
MOE_FAMILIES = MLA_FAMILIES | {"glm4_moe", "gpt_oss", "minimax_m2", "mixtral", "qwen2_moe", "qwen3_moe"}
# A config of many thousand layers is a mistake, and per-layer lists are built below.
MOST_LAYERS = 10_000


def model_from_config(path: Path, *, name: str | None = None) -> Model:
    """Read a config.json. `name` defaults to its `_name_or_path`, else to the name of its folder or file."""
    values = read_json(path)
    given = values.get("_name_or_path")
    here = path.resolve().parent.name if path.name == "config.json" else path.stem
    fallback = given if isinstance(given, str) and given else here
    return parse_config(values, source=str(path), name=name or fallback)


def parse_config(values: dict[str, Any], *, source: str, name: str) -> Model:
    """Turn the fields of a config.json into a `Model`.

    Parameters
    ----------
    values : dict
        The JSON object. Of a multimodal model only the nested `text_config` counts; its vision tower is left out.
    source : str
        File name for messages.
    name : str
        Name of the model.

    Returns
    -------
    model : Model

    Raises
    ------
    DataError
        If the architecture is unknown, or a field is missing, mis-typed or out of range; names file and field.
    """
    top = Fields(source, values)
    fields = top.inner("text_config") or top
    family = fields.text("model_type")
    if family not in FAMILIES:
        raise fields.error("model_type", f"is an unknown architecture `{family}`; known are {', '.join(FAMILIES)}")
    num_layers = fields.size("num_hidden_layers")
    if num_layers > MOST_LAYERS:
        raise fields.error("num_hidden_layers", f"must be at most {MOST_LAYERS}, got {num_layers}")
    tied = fields.flag("tie_word_embeddings", default=top.flag("tie_word_embeddings", default=FAMILIES[family]))
    attentions = _attentions(fields, family, num_layers)
    ffns = _ffns(fields, family, num_layers)
    runs = groupby(zip(attentions, ffns, strict=True))
    try:
        return Model(
            name=name,
            hidden=fields.size("hidden_size"),
            vocab=fields.size("vocab_size"),
            tied_embeddings=tied,
            layers=tuple(Layers(len(list(same)), *kind) for kind, same in runs),
            checkpoint_format=_checkpoint_format(
                fields.inner("quantization_config") or top.inner("quantization_config")
            ),
            max_context=fields.optional_size("max_position_embeddings"),
        )
    except DataError:
        raise
    except ValueError as error:
        raise DataError(f"{source}: {error}") from None


def _attentions(fields: Fields, family: str, num_layers: int) -> list[Gqa | Mla]:
    num_heads = fields.size("num_attention_heads")
    if family in MLA_FAMILIES:
        latent = Mla(
            num_heads=num_heads,
            kv_lora_rank=fields.size("kv_lora_rank"),
            nope_dim=fields.size("qk_nope_head_dim"),
            rope_dim=fields.size("qk_rope_head_dim"),
            value_dim=fields.size("v_head_dim"),
            q_lora_rank=fields.optional_size("q_lora_rank"),
        )
        return [latent] * num_layers
    num_kv_heads = fields.size("num_key_value_heads", default=num_heads)
    if num_heads % num_kv_heads:
        raise fields.error("num_key_value_heads", f"must divide the {num_heads} attention heads, got {num_kv_heads}")
    hidden = fields.size("hidden_size")
    if not fields.has("head_dim") and hidden % num_heads:
        raise fields.error("head_dim", f"is missing and `hidden_size` {hidden} is no multiple of {num_heads} heads")
    head_dim = fields.size("head_dim", default=max(1, hidden // num_heads))
    return [Gqa(num_heads, num_kv_heads, head_dim, window) for window in _windows(fields, family, num_layers)]


def _windows(fields: Fields, family: str, num_layers: int) -> list[int | None]:
    """Return the sliding window of each layer."""
    window = fields.optional_size("sliding_window")
    if window is None or not fields.flag("use_sliding_window", default=True):
        return [None] * num_layers
    kinds = fields.items("layer_types", length=num_layers)
    if kinds is not None:
        for kind in kinds:
            if kind not in ("sliding_attention", "full_attention"):
                raise fields.error("layer_types", f"has an unknown kind of attention {kind!r}")
        return [window if kind == "sliding_attention" else None for kind in kinds]
    if family in ("gpt_oss", "gemma2"):
        return [window if layer % 2 == 0 else None for layer in range(num_layers)]
    if family == "gemma3_text":
        period = fields.size("sliding_window_pattern", default=6)
        return [window if (layer + 1) % period else None for layer in range(num_layers)]
    # Qwen: the first `max_window_layers` layers see everything.
    first = fields.size("max_window_layers", default=0, least=0) if family.startswith("qwen") else 0
    return [window if layer >= first else None for layer in range(num_layers)]


def _ffns(fields: Fields, family: str, num_layers: int) -> list[Dense | Moe]:
    names = ("n_routed_experts", "num_experts", "num_local_experts")
    if family not in MOE_FAMILIES and not any(fields.has(key) for key in names):
        return [Dense(fields.size("intermediate_size"))] * num_layers
    width = fields.size("moe_intermediate_size", "intermediate_size")
    shared = width * fields.size("n_shared_experts", default=0, least=0)
    shared += fields.size("shared_expert_intermediate_size", "shared_intermediate_size", default=0, least=0)
    moe = Moe(
        num_experts=fields.size(*names),
        top_k=fields.size("num_experts_per_tok", "experts_per_token"),
        width=width,
        shared_width=shared,
    )
    if moe.top_k > moe.num_experts:
        raise fields.error("num_experts_per_tok", f"must be at most the {moe.num_experts} experts, got {moe.top_k}")
    has_experts = _expert_layers(fields, num_layers)
    return [moe if expert else Dense(fields.size("intermediate_size")) for expert in has_experts]


def _expert_layers(fields: Fields, num_layers: int) -> list[bool]:
    """Tell which layers have experts: DeepSeek's first dense layers and stride, Qwen's step and exceptions."""
    first = fields.size("first_k_dense_replace", default=0, least=0)
    step = fields.size("decoder_sparse_step", default=1)
    dense = fields.items("mlp_only_layers") or []
    for layer in dense:
        if isinstance(layer, bool) or not isinstance(layer, int) or not 0 <= layer < num_layers:
            raise fields.error("mlp_only_layers", f"must hold layers of 0 to {num_layers - 1}, got {layer!r}")
    if isinstance(fields.values.get("moe_layer_freq"), list):
        marks = fields.items("moe_layer_freq", length=num_layers) or []
        if any(mark not in (0, 1) for mark in marks):
            raise fields.error("moe_layer_freq", f"must hold 0 or 1 for each layer, got {marks!r}")
        by_stride = [bool(mark) for mark in marks]
    else:
        stride = fields.size("moe_layer_freq", default=1)
        by_stride = [layer % stride == 0 for layer in range(num_layers)]
    return [
        by_stride[layer] and layer >= first and (layer + 1) % step == 0 and layer not in dense
        for layer in range(num_layers)
    ]


def _checkpoint_format(quantization: Fields | None) -> str | None:
    """Return the format of the published weights, or None where it is not one of ours."""
    if quantization is None:
        return "bf16"
    method = quantization.text("quant_method")
    if method == "fp8":
        return "fp8_block" if quantization.has("weight_block_size") else "fp8"
    if method == "mxfp4":
        return "mxfp4"
    if method in ("awq", "gptq"):
        return "int4" if quantization.values.get("bits") == 4 else None
    if method == "modelopt":
        return {"NVFP4": "nvfp4", "FP8": "fp8"}.get(str(quantization.values.get("quant_algo")))
    # compressed-tensors names its formats by how they are packed.
    return {"pack-quantized": "int4", "float-quantized": "fp8", "nvfp4-pack-quantized": "nvfp4"}.get(
        str(quantization.values.get("format"))
    )
