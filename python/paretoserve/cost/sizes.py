"""How large a model is: parameters, active parameters and bytes of the KV cache.

The numbers come from `rust/core/src/cost/sizes.rs`; this file gives them names and units.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from paretoserve.cost.bundled import load_model
from paretoserve.cost.model import Model

__all__ = ["ModelSizes", "model_sizes"]

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
