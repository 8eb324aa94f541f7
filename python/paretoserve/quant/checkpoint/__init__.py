"""Whole checkpoints: safetensors in, safetensors with the configuration of an engine out, a tensor at a time."""

from paretoserve.quant.checkpoint.report import CheckpointReport, TensorReport
from paretoserve.quant.checkpoint.run import quantize_checkpoint

__all__ = ["CheckpointReport", "TensorReport", "quantize_checkpoint"]
