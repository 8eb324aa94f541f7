"""Token counts on the device, as the kernels take them, and room for what the kernels make of them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from paretoserve._arrays import dtype_name
from paretoserve._launch import aligned
from paretoserve.errors import DtypeError, ShapeError

if TYPE_CHECKING:
    import torch

__all__ = ["checked", "room"]


def checked(count: torch.Tensor, num_experts: int) -> torch.Tensor:
    """Return counts without gaps; ShapeError or DtypeError if they are none."""
    library = sys.modules["torch"]
    if count.ndim not in (1, 2) or count.shape[-1] != num_experts or count.numel() == 0:
        expected = f"({num_experts},) or (num_sources, {num_experts})"
        raise ShapeError(f"`count` must have shape {expected}, got {tuple(count.shape)}")
    if count.dtype not in (library.int32, library.int64):
        raise DtypeError(f"`count` must be int32 or int64 on a CUDA device, got {dtype_name(count)}")
    return aligned(count)


def room(count: torch.Tensor, *shape: int) -> torch.Tensor:
    """Return integers of 64 bits beside the counts, not initialized."""
    library = sys.modules["torch"]
    tensor: torch.Tensor = library.empty(shape, dtype=library.int64, device=count.device)
    return tensor
