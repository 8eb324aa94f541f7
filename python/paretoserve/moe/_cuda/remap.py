"""Router ids to physical ids on the device."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve import _native
from paretoserve._arrays import is_torch
from paretoserve._integers import integer_array
from paretoserve._launch import aligned, at, beside
from paretoserve.errors import DtypeError, ShapeError
from paretoserve.moe._arguments import MOST_TOKENS
from paretoserve.moe.device_plan import DeviceSpillPlan, DeviceSplit
from paretoserve.moe.split import Split

if TYPE_CHECKING:
    import torch

    from paretoserve.moe.spill_plan import SpillPlan

__all__ = ["remap"]


def remap(ids: torch.Tensor, split: Split | SpillPlan | DeviceSplit | DeviceSpillPlan, start: Any) -> torch.Tensor:
    """Return where each of `ids` goes, by a plan on their device or one of the host, which is copied."""
    library = sys.modules["torch"]
    if isinstance(split, DeviceSplit | DeviceSpillPlan):
        beside(ids, "topk_ids", split=split.quota)
        quota, targets = split.quota, split.logical_to_physical if isinstance(split, DeviceSplit) else None
    else:
        quota = library.tensor(split.quota, device=ids.device)
        targets = library.tensor(split.logical_to_physical, device=ids.device) if isinstance(split, Split) else None
    num_experts, columns = quota.shape
    before = _start(ids, start, num_experts)
    ids = aligned(ids)
    out: torch.Tensor = library.empty_like(ids)
    sizes = ids.numel(), num_experts, columns
    words = -(-_native.cuda_moe_remap_scratch(sizes) // 8)
    scratch = library.empty(words, dtype=library.int64, device=ids.device)
    optional = [0 if tensor is None else tensor.data_ptr() for tensor in (targets, before)]
    addresses = out.data_ptr(), scratch.data_ptr(), ids.data_ptr(), quota.data_ptr(), optional[0], optional[1]
    _native.cuda_moe_remap(at(ids), addresses, sizes, ids.dtype == library.int64)
    return out


def _start(ids: torch.Tensor, start: Any, num_experts: int) -> torch.Tensor | None:
    """Return the tokens on lower ranks as a tensor beside the ids; numbers of the host are copied."""
    library = sys.modules["torch"]
    if start is None:
        return None
    if not is_torch(start):
        host = integer_array("start", start, np.int64, 0, MOST_TOKENS, num_experts)
        copied: torch.Tensor = library.tensor(host, device=ids.device)
        return copied
    beside(ids, "topk_ids", start=start)
    if tuple(start.shape) != (num_experts,):
        raise ShapeError(f"`start` must have shape ({num_experts},), got {tuple(start.shape)}")
    if start.dtype not in (library.int32, library.int64):
        raise DtypeError(f"`start` must be int32 or int64 on a CUDA device, got {start.dtype}")
    return aligned(start.to(library.int64))
