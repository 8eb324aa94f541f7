"""The architecture of a model as the cost functions see it.

Layers may differ (windows, dense layers before experts, pruned experts), so a model is a tuple of runs of equal
layers. The classes mirror `rust/core/src/cost/model.rs` field by field.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from paretoserve import _native
from paretoserve.cost.checks import positive_count

__all__ = ["Dense", "Gqa", "Layers", "Mla", "Model", "Moe"]

LARGEST_SIZE = 2**31 - 1


@dataclass(frozen=True)
class Gqa:
    """Grouped-query attention; multi-head and multi-query attention are its special cases.

    Parameters
    ----------
    num_heads, num_kv_heads : int
        Query heads and key-value heads.
    head_dim : int
        Width of one head.
    window : int, optional
        Sliding window in tokens.
    """

    num_heads: int
    num_kv_heads: int
    head_dim: int
    window: int | None = None


@dataclass(frozen=True)
class Mla:
    """Multi-head latent attention (DeepSeek-V2): the cache holds one compressed vector per token, shared by all heads.

    Parameters
    ----------
    num_heads : int
        Query heads.
    kv_lora_rank : int
        Rank of the key-value compression: what the cache holds.
    nope_dim, rope_dim, value_dim : int
        Widths of a head: without position, rotary (shared by all heads and cached), value.
    q_lora_rank : int, optional
        Rank of the query compression, if queries are compressed.
    """

    num_heads: int
    kv_lora_rank: int
    nope_dim: int
    rope_dim: int
    value_dim: int
    q_lora_rank: int | None = None


@dataclass(frozen=True)
class Dense:
    """Gated dense layer: three matrices of hidden x `width`."""

    width: int


@dataclass(frozen=True)
class Moe:
    """Mixture of experts.

    Parameters
    ----------
    num_experts, top_k : int
        Routed experts, and how many of them each token uses.
    width : int
        Intermediate width of one routed expert.
    shared_width : int, default 0
        Intermediate width of all shared experts together.
    """

    num_experts: int
    top_k: int
    width: int
    shared_width: int = 0


@dataclass(frozen=True)
class Layers:
    """A run of `count` equal layers."""

    count: int
    attention: Gqa | Mla
    ffn: Dense | Moe


@dataclass(frozen=True)
class Model:
    """A decoder-only transformer.

    Parameters
    ----------
    name : str
        For messages and reports.
    hidden, vocab : int
        Width of the residual stream and size of the vocabulary.
    tied_embeddings : bool
        Whether input and output embeddings share their weights.
    layers : tuple of Layers
        Runs from the first layer to the last.
    checkpoint_format : str, optional
        Weight format in which the model is published, for example "bf16" or "fp8_block"; None if it is not one of ours.
    max_context : int, optional
        Longest sequence in tokens that the model was made for.

    Raises
    ------
    ValueError
        If a size is not a positive integer, or the sizes do not fit each other.

    Examples
    --------
    >>> from paretoserve.cost import Dense, Gqa, Layers, Model, model_sizes
    >>> tiny = Model("tiny", 64, 512, True, (Layers(2, Gqa(4, 2, 16), Dense(256)),))
    >>> model_sizes(tiny).parameters
    155648
    """

    name: str
    hidden: int
    vocab: int
    tied_embeddings: bool
    layers: tuple[Layers, ...]
    checkpoint_format: str | None = "bf16"
    max_context: int | None = None

    def __post_init__(self) -> None:
        """Check the sizes once, where the model is made."""
        object.__setattr__(self, "layers", tuple(self.layers))
        for key, value in _sizes(self):
            positive_count(key, value, least=0, most=LARGEST_SIZE)
        _ = self.native

    @property
    def native(self) -> _native.Model:
        """The same model in Rust; made once per process and kept."""
        return _native_model(self)

    @property
    def num_layers(self) -> int:
        """Layers in all runs."""
        return sum(run.count for run in self.layers)

    @property
    def has_experts(self) -> bool:
        """Whether any layer is a mixture of experts."""
        return any(isinstance(run.ffn, Moe) for run in self.layers)

    def weights_bytes(self, weight_format: str = "bf16") -> int:
        """Bytes of all weights with their block scales.

        Parameters
        ----------
        weight_format : {"bf16", "fp8", "fp8_block", "int4", "mxfp4", "nvfp4"}, default "bf16"
            Format of the weights. Embeddings, output head and routers stay in bfloat16 in every format, MLA projections
            in the 4-bit formats, and all attention of expert models in MXFP4.
        """
        ((_, _, _, weight_bytes, _),) = self.native.rank_sizes((1, 1, 1, False, 0), weight_format, "bf16")
        return weight_bytes

    def kv_bytes(self, num_tokens: int, *, kv_format: str = "bf16") -> int:
        """Bytes of the KV cache of one sequence; windowed layers stop growing at their window.

        Parameters
        ----------
        num_tokens : int
            Length of the sequence.
        kv_format : {"bf16", "fp8"}, default "bf16"
            Format of the cache.
        """
        return self.native.kv_bytes(kv_format, positive_count("num_tokens", num_tokens, least=0))

    def to_dict(self) -> dict[str, Any]:
        """Return the architecture as plain data."""
        return asdict(self)


def _sizes(model: Model) -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = [("hidden", model.hidden), ("vocab", model.vocab)]
    for run in model.layers:
        pairs.append(("count", run.count))
        for part in (run.attention, run.ffn):
            pairs.extend((key, value) for key, value in vars(part).items() if value is not None)
    return pairs


@lru_cache(maxsize=256)
def _native_model(model: Model) -> _native.Model:
    return _native.Model(model.hidden, model.vocab, model.tied_embeddings, model.layers)
