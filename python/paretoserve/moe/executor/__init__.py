"""Expert-parallel layers on torch.distributed that follow a plan: tokens and weights go where it says, and back."""

from paretoserve.moe.executor.layer import ExpertParallel

__all__ = ["ExpertParallel"]
