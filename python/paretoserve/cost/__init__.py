"""How large a model is, how long a step takes, and what it costs."""

from paretoserve.cost.operators import OperatorEstimate, Operators

__all__ = ["OperatorEstimate", "Operators"]
