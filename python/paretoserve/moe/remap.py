"""Router ids to physical ids."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from paretoserve import _native
from paretoserve._arrays import as_numpy, check_array, dtype_name, empty_beside, is_cuda
from paretoserve._integers import integer_array
from paretoserve.errors import DeviceError, DtypeError
from paretoserve.moe._arguments import MOST_TOKENS
from paretoserve.moe.device_plan import DeviceSpillPlan, DeviceSplit
from paretoserve.moe.spill_plan import SpillPlan
from paretoserve.moe.split import Split

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from paretoserve._arrays import Array

__all__ = ["remap_topk"]

_Ids = TypeVar("_Ids", bound="Array")


def remap_topk(
    topk_ids: _Ids, split: Split | SpillPlan | DeviceSplit | DeviceSpillPlan, *, start: ArrayLike | None = None
) -> _Ids:
    """Rewrite what the router chose into where it is computed.

    The place of a token in the order of its expert's tokens picks the copy: no random numbers, so all ranks agree.

    Parameters
    ----------
    topk_ids : ndarray or torch.Tensor, any shape, int32 or int64
        Experts that the router chose, in the order of tokens; -1 is padding. Not modified.
    split : Split, SpillPlan, DeviceSplit or DeviceSpillPlan
        Quotas: of the copies of each expert, or of the ranks. A plan of the host is copied for ids on a CUDA device,
        which waits.
    start : array_like of int, shape (num_experts,), optional
        Tokens of each expert on lower source ranks; none by default. Rank `r` passes ``count[:r].sum(axis=0)``.

    Returns
    -------
    ndarray or torch.Tensor
        Like `topk_ids`: physical ids for a split, ranks for a spill; -1 where that was.

    Raises
    ------
    DtypeError
        If ids are of another dtype.
    ShapeError
        If `start` has the wrong length.
    ValueError
        If an id is no expert, or an expert has more tokens than the plan was made for. On a CUDA device, where nothing
        waits, such ids become -1.

    Notes
    -----
    O(n + num_experts * copies), one pass.

    Examples
    --------
    >>> from paretoserve import moe
    >>> split = moe.split_tokens([4, 2], [0, 1, 0, -1], 2)
    >>> remap_topk(np.array([[0, 1], [0, -1], [0, 1], [0, -1]]), split)
    array([[ 0,  1],
           [ 2, -1],
           [ 2,  1],
           [ 2, -1]])
    """
    check_array("topk_ids", topk_ids)
    dtype = dtype_name(topk_ids)
    if dtype not in ("int32", "int64"):
        raise DtypeError(f"`topk_ids` must be int32 or int64, got {dtype}")
    if not isinstance(split, Split | SpillPlan | DeviceSplit | DeviceSpillPlan):
        raise DtypeError(f"`split` must be what `split_tokens` or `plan_spill` returned, got {type(split).__name__}")
    if is_cuda(topk_ids):
        cuda = importlib.import_module("paretoserve.moe._cuda")
        return cuda.remap(topk_ids, split, start)  # type: ignore[no-any-return]
    if isinstance(split, DeviceSplit | DeviceSpillPlan):
        raise DeviceError("`split` is on a CUDA device but `topk_ids` is on the CPU\nhint: pass split.cpu()")
    ids = np.ascontiguousarray(as_numpy(topk_ids, "topk_ids"))
    num_experts = split.quota.shape[0]
    if start is not None:
        start = integer_array("start", start, np.int64, 0, MOST_TOKENS, num_experts)
    targets = split.logical_to_physical if isinstance(split, Split) else None
    out = empty_beside(topk_ids, tuple(topk_ids.shape), dtype)
    call = _native.moe_remap32 if dtype == "int32" else _native.moe_remap64
    call(as_numpy(out), ids, split.quota, targets, start, num_experts)
    return out  # type: ignore[return-value]
