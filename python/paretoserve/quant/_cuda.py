"""Torch tensors on a CUDA device: the same functions, as kernels on the caller's current stream.

Arguments are checked by the callers, outputs allocated with torch. Nothing here waits for the device, so an option that
must look at the numbers before it returns is refused. Imported when the first CUDA tensor comes.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from paretoserve import _native
from paretoserve._arrays import device_name, dtype_name
from paretoserve.errors import DeviceError

if TYPE_CHECKING:
    import torch

__all__ = ["convert", "decode", "encode"]


def encode(
    out: torch.Tensor,
    x: torch.Tensor,
    fields: tuple[str, int, int, int, int, bool, str],
    saturate: bool,
    rounding: str,
    seed: int,
    nan: str,
    rule: str,
) -> None:
    """Fill codes `out` from wide floats `x`; arguments as in `cast`, `fields` are those of the format."""
    kind, special = fields[0], fields[-1]
    has_nan = kind == "exponent" or (kind == "float" and special != "none")
    if nan == "raise" and not has_nan and rule == "paretoserve":
        raise ValueError(
            '`nan` must be "zero" for a format without NaN on a CUDA device, got "raise"\n'
            "hint: to raise it would have to wait for the device"
        )
    x = _beside(out, x=x)
    _native.cuda_quant_encode(
        _at(out),
        (out.data_ptr(), 0, x.data_ptr()),
        dtype_name(x),
        x.numel(),
        fields,
        saturate,
        rule,
        (rounding, seed),
    )


def decode(out: torch.Tensor, codes: torch.Tensor, fields: tuple[str, int, int, int, int, bool, str]) -> None:
    """Fill wide floats `out` with what the codes stand for, one per byte."""
    codes = _beside(out, x=codes)
    _native.cuda_quant_decode(_at(out), (out.data_ptr(), codes.data_ptr()), dtype_name(out), codes.numel(), fields)


def convert(out: torch.Tensor, x: torch.Tensor) -> None:
    """Fill wide floats `out` with wide floats `x`, rounded to the nearest, ties to even."""
    out.copy_(_beside(out, x=x))


def _beside(out: torch.Tensor, **inputs: torch.Tensor) -> Any:
    """Return the inputs without gaps, or say which of them is on another device than `out`."""
    for name, tensor in inputs.items():
        if tensor.device != out.device:
            raise DeviceError(f"`out` is on {device_name(out)} but `{name}` is on {device_name(tensor)}")
    tensors = [tensor.detach().contiguous() for tensor in inputs.values()]
    return tensors[0] if len(tensors) == 1 else tensors


def _at(tensor: torch.Tensor) -> tuple[int, int]:
    """Return the number of the device and the handle of the caller's current stream there."""
    stream = sys.modules["torch"].cuda.current_stream(tensor.device)
    return tensor.get_device(), stream.cuda_stream
