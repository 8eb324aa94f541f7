"""How large a model is, whole and per rank: parameters, active parameters and bytes of the KV cache.

The numbers come from `rust/core/src/cost/sizes.rs`; this file gives them names and units.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from paretoserve.cost.bundled import load_model
from paretoserve.cost.checks import positive_count, switch, text
from paretoserve.cost.model import Model

__all__ = ["ModelSizes", "RankSizes", "model_sizes", "rank_sizes"]

KV_BYTES = {"bf16": 2, "fp8": 1}


@dataclass(frozen=True)
class ModelSizes:
    """Sizes of a model.

    Parameters
    ----------
    name : str
        Name of the model.
    parameters : int
        Weights in all matrices, embeddings included. Norms and biases are left out, below 0.05 % of any supported
        model.
    active_parameters : int
        Weights that one token multiplies: all layers, of the experts only those it is routed to and the shared ones,
        and the output head. The input embedding is a look-up and is not counted.
    kv_elements_per_token : int
        Numbers cached per token over all layers, while no sliding window is full.
    """

    name: str
    parameters: int
    active_parameters: int
    kv_elements_per_token: int

    def kv_bytes_per_token(self, kv_format: str = "bf16") -> int:
        """Bytes cached per token over all layers, while no sliding window is full.

        Parameters
        ----------
        kv_format : {"bf16", "fp8"}, default "bf16"
            Format of the cache.
        """
        if kv_format not in KV_BYTES:
            raise ValueError(f"`kv_format` must be `bf16` or `fp8`, got `{kv_format}`")
        return self.kv_elements_per_token * KV_BYTES[kv_format]

    def explain(self) -> str:
        """Return the sizes as one sentence."""
        active = f", {self.active_parameters / 1e9:.2f} B active per token"
        return (
            f"{self.name}: {self.parameters / 1e9:.2f} B parameters{active}, "
            f"{self.kv_bytes_per_token():,} bytes of bf16 KV cache per token"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain data."""
        return asdict(self)


def model_sizes(model: str | Path | Model) -> ModelSizes:
    """Compute how large a model is.

    Parameters
    ----------
    model : str, Path or Model
        Anything that `load_model` takes.

    Returns
    -------
    sizes : ModelSizes

    Raises
    ------
    UnknownNameError, DataError
        As `load_model`.

    Examples
    --------
    >>> from paretoserve.cost import model_sizes
    >>> sizes = model_sizes("qwen3-32b")
    >>> sizes.parameters, sizes.kv_bytes_per_token()
    (32761446400, 262144)
    """
    loaded = load_model(model)
    return ModelSizes(loaded.name, *loaded.native.sizes())


@dataclass(frozen=True)
class RankSizes:
    """What the fullest GPU of one pipeline stage holds.

    Parameters
    ----------
    stage : int
        Pipeline stage, from 0.
    num_layers : int
        Layers of the stage.
    parameters : int
        Weights on that GPU.
    weights_bytes : int
        Bytes of those weights with their scales.
    kv_bytes_per_token : int
        Bytes of cache per token on that GPU, while no sliding window is full. Key-value heads are copied where there
        are fewer than tensor-parallel ranks, and so is the compressed cache of latent attention.
    """

    stage: int
    num_layers: int
    parameters: int
    weights_bytes: int
    kv_bytes_per_token: int


def rank_sizes(
    model: str | Path | Model,
    *,
    tensor_parallel: int = 1,
    pipeline_parallel: int = 1,
    data_parallel: int = 1,
    expert_parallel: bool = False,
    weight_format: str = "bf16",
    kv_format: str = "bf16",
    redundant_experts: int = 0,
) -> tuple[RankSizes, ...]:
    """Compute what one GPU of each pipeline stage holds when a model is cut as vLLM cuts it.

    Parameters
    ----------
    model : str, Path or Model
        Anything that `load_model` takes.
    tensor_parallel, pipeline_parallel, data_parallel : int, default 1
        Ranks that share each matrix, pipeline stages, and attention replicas inside the engine.
    expert_parallel : bool, default False
        Whether experts are spread whole over ``tensor_parallel * data_parallel`` ranks instead of being cut.
    weight_format : {"bf16", "fp8", "fp8_block", "int4", "mxfp4", "nvfp4"}, default "bf16"
        Format of the weights; embeddings, norms and routers stay bf16, as engines keep them.
    kv_format : {"bf16", "fp8"}, default "bf16"
        Format of the cache.
    redundant_experts : int, default 0
        Copies of experts beyond one each, in every layer and over all ranks, as vLLM's ``num_redundant_experts``.

    Returns
    -------
    ranks : tuple of RankSizes
        One per pipeline stage, in order.

    Raises
    ------
    UnknownNameError, DataError
        As `load_model`.
    ValueError
        If the layout cannot cut the model, or a format is not known.

    Examples
    --------
    >>> from paretoserve.cost import rank_sizes
    >>> [rank.num_layers for rank in rank_sizes("qwen3-32b", tensor_parallel=2, pipeline_parallel=2)]
    [32, 32]
    >>> rank_sizes("deepseek-v3", tensor_parallel=8)[0].kv_bytes_per_token
    70272
    """
    layout = (
        positive_count("tensor_parallel", tensor_parallel),
        positive_count("pipeline_parallel", pipeline_parallel),
        positive_count("data_parallel", data_parallel),
        switch("expert_parallel", expert_parallel),
        positive_count("redundant_experts", redundant_experts, least=0),
    )
    formats = (text("weight_format", weight_format), text("kv_format", kv_format))
    return tuple(RankSizes(*row) for row in load_model(model).native.rank_sizes(layout, *formats))
