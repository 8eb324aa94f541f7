"""What every launch needs of tensors: device and stream, no gaps, one device for all, addresses that kernels take."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from paretoserve._arrays import device_name, is_torch
from paretoserve.errors import DeviceError

if TYPE_CHECKING:
    import torch

__all__ = ["aligned", "at", "beside", "would_wait"]


def at(tensor: torch.Tensor) -> tuple[int, int]:
    """Return the number of the device and the handle of the caller's current stream there."""
    stream = sys.modules["torch"].cuda.current_stream(tensor.device)
    return tensor.get_device(), stream.cuda_stream


def beside(origin: torch.Tensor, origin_name: str, **tensors: Any) -> None:
    """Raise DeviceError if one of the tensors is not on the device of `origin`."""
    for name, tensor in tensors.items():
        if not is_torch(tensor) or tensor.device != origin.device:
            raise DeviceError(f"`{origin_name}` is on {device_name(origin)} but `{name}` is on {device_name(tensor)}")


def aligned(tensor: torch.Tensor, nbytes: int = 8) -> torch.Tensor:
    """Return an input without gaps whose address is a multiple of `nbytes`: itself where it is so."""
    tensor = tensor.detach().contiguous()
    return tensor if tensor.data_ptr() % nbytes == 0 else tensor.clone()


def would_wait(argument: str, choices: str, got: object, condition: str = "") -> ValueError:
    """Return the error of an option that must see the numbers before the call returns."""
    return ValueError(
        f"`{argument}` must be {choices}{condition} on a CUDA device, got {got!r}\n"
        "hint: to raise it would have to wait for the device"
    )
