"""Checks of one rank's own input, and the terms that it puts to the others."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import torch

from paretoserve.errors import DeviceError, DtypeError, ShapeError
from paretoserve.moe.executor.agreement import Terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["check", "counted", "digest", "needs", "terms"]


def counted(topk_ids: torch.Tensor, num_experts: int) -> tuple[Exception | None, NDArray[np.int64]]:
    """Return this rank's tokens per expert, or what is wrong with them."""
    try:
        if topk_ids.ndim != 2 or topk_ids.dtype not in (torch.int32, torch.int64):
            raise ShapeError(
                "`topk_ids` must be int32 or int64 of shape (num_tokens, experts_per_token), "
                f"got {topk_ids.dtype} {tuple(topk_ids.shape)}"
            )
        counts = torch.bincount(topk_ids.flatten().clamp(-2, num_experts) + 2, minlength=num_experts + 3)
        counts = counts.cpu()
        if counts[0] or counts[-1]:
            raise ValueError(f"`topk_ids` must be from 0 to {num_experts - 1}, or -1 for padding")
    except Exception as error:  # whatever it is, the other ranks wait to hear of it
        return error, np.zeros(num_experts, dtype=np.int64)
    return None, counts[2:-1].numpy()


def check(
    hidden: torch.Tensor,
    ids: torch.Tensor,
    router: torch.Tensor,
    weights: Sequence[torch.Tensor],
    native: int,
    device_type: str,
    *,
    swiglu: bool,
) -> None:
    """Refuse what does not fit together on this rank."""
    if hidden.ndim != 2 or not hidden.is_floating_point():
        raise ShapeError(f"`hidden` must be floats of shape (num_tokens, hidden_size), got {tuple(hidden.shape)}")
    if ids.shape[0] != hidden.shape[0] or router.shape != ids.shape:
        raise ShapeError(
            f"`topk_ids` and `topk_weights` must have one row for each of the {hidden.shape[0]} tokens and equal "
            f"shapes, got {tuple(ids.shape)} and {tuple(router.shape)}"
        )
    if not router.is_floating_point():
        raise DtypeError(f"`topk_weights` must be floats, got {router.dtype}")
    if not weights:
        raise ShapeError("`weights` must hold at least one tensor")
    for index, weight in enumerate(weights):
        if weight.ndim == 0 or weight.shape[0] != native:
            raise ShapeError(
                f"`weights[{index}]` must have one row for each of this rank's {native} experts, "
                f"got {tuple(weight.shape)}"
            )
        if weight.dtype != hidden.dtype:
            raise DtypeError(f"`weights[{index}]` must be {hidden.dtype} like `hidden`, got {weight.dtype}")
    devices = {str(tensor.device) for tensor in (hidden, ids, router, *weights)}
    if len(devices) > 1 or hidden.device.type != device_type:
        raise DeviceError(
            f"all tensors must be on one device of type {device_type}, where the group works, got "
            f"{', '.join(sorted(devices))}"
        )
    if swiglu:
        width, inner = hidden.shape[1], weights[-1].shape[1] if weights[-1].ndim == 3 else -1
        expected = [(native, width, 2 * inner), (native, inner, width)]
        if [tuple(weight.shape) for weight in weights] != expected:
            raise ShapeError(
                f"`weights` must be gate_up ({native}, {width}, 2 * inner) and down ({native}, inner, {width}), "
                f"got {', '.join(str(tuple(weight.shape)) for weight in weights)}"
            )


def terms(
    step: int,
    num_experts: int,
    hidden: torch.Tensor,
    ids: torch.Tensor,
    weights: Sequence[torch.Tensor],
    wanted: list[bool],
    plan: int,
) -> Terms:
    """Return what the other ranks must have, too."""
    return Terms(
        step=step,
        num_experts=num_experts,
        hidden_size=hidden.shape[1],
        experts_per_token=ids.shape[1],
        dtype=digest(str(hidden.dtype).encode()),
        num_weights=len(weights),
        weight_shapes=digest(repr([(tuple(weight.shape[1:]), weight.dtype) for weight in weights]).encode()),
        gradients=sum(needed << index for index, needed in enumerate(wanted[:60])),
        plan=plan,
    )


def needs(*tensors: torch.Tensor) -> list[bool]:
    """Tell which inputs need gradients."""
    return [torch.is_grad_enabled() and tensor.requires_grad for tensor in tensors]


def digest(content: bytes) -> int:
    """Return 63 bits of a hash."""
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little") >> 1
