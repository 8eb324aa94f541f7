"""How large a model is, how long a step takes on given hardware, what it costs and draws."""

from paretoserve.cost.bundled import load_model, model_names
from paretoserve.cost.energy_model import Energy, energy
from paretoserve.cost.gpu import Hardware, Power
from paretoserve.cost.memory import RankMemory, rank_memory
from paretoserve.cost.mixed import MixedAttention
from paretoserve.cost.model import Dense, Gqa, Layers, Mla, Model, Moe
from paretoserve.cost.operators import OperatorEstimate, Operators
from paretoserve.cost.pricing import Price, price
from paretoserve.cost.sizes import ModelSizes, RankSizes, model_sizes, rank_sizes
from paretoserve.cost.step_parts import Link, OperatorTime, Utilization
from paretoserve.cost.step_shape import StepShape
from paretoserve.cost.step_time import StepTime
from paretoserve.cost.systems import hardware, hardware_names

__all__ = [
    "Dense",
    "Energy",
    "Gqa",
    "Hardware",
    "Layers",
    "Link",
    "MixedAttention",
    "Mla",
    "Model",
    "ModelSizes",
    "Moe",
    "OperatorEstimate",
    "OperatorTime",
    "Operators",
    "Power",
    "Price",
    "RankMemory",
    "RankSizes",
    "StepShape",
    "StepTime",
    "Utilization",
    "energy",
    "hardware",
    "hardware_names",
    "load_model",
    "model_names",
    "model_sizes",
    "price",
    "rank_memory",
    "rank_sizes",
]
