"""Scaling laws: loss and cost as functions of parameters, tokens, precision and experts.

`precision`: training in low-bit floats. `quartet`: separate precisions forward and backward. `experts`: mixtures of
experts against dense models. `training`: utilization, parallel efficiency and compute of training runs.
"""

from paretoserve.metrics.scaling import experts, precision, quartet, training

__all__ = ["experts", "precision", "quartet", "training"]
