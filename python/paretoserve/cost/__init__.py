"""How large a model is, what a GPU can do, what it costs and draws."""

from paretoserve.cost.bundled import load_model, model_names
from paretoserve.cost.model import Dense, Gqa, Layers, Mla, Model, Moe
from paretoserve.cost.sizes import ModelSizes, model_sizes

__all__ = [
    "Dense",
    "Gqa",
    "Layers",
    "Mla",
    "Model",
    "ModelSizes",
    "Moe",
    "load_model",
    "model_names",
    "model_sizes",
]
