"""Integers in groups, FP8 in runs and tiles, of CUDA tensors without gaps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from paretoserve import _native
from paretoserve._arrays import device_name, dtype_name
from paretoserve._launch import at
from paretoserve.errors import DeviceError

if TYPE_CHECKING:
    import torch

    from paretoserve.quant._call import Call

__all__ = ["dequantize", "quantize"]

# In the order of the kernels' numbers.
_SCALE_TYPES = ("float32", "float16", "bfloat16")
_SYMMETRIC = {None: 0, "amax": 0, "full": 1}
_ASYMMETRIC = 2


def quantize(parts: dict[str, Any], x: torch.Tensor, call: Call) -> None:
    """Fill the arrays in `parts` from `x`, quantized axis last."""
    _check_group(x, call)
    random, nan_is_zero = (call.rounding, call.seed), call.nan == "zero"
    outputs = parts["codes"].data_ptr(), parts["scales"].data_ptr()
    if call.fmt.family == "fp8":
        powers = call.scale == "rceil"
        addresses = (*outputs, x.data_ptr())
        shape, block = _three(x), call.block
        _native.cuda_quant_fp8(at(x), addresses, dtype_name(x), shape, block, powers, random, nan_is_zero)
        return
    pointers = (*outputs, _zeros(parts), x.data_ptr())
    _native.cuda_quant_group(at(x), pointers, dtype_name(x), _runs(x, call), _kind(parts, call), random, nan_is_zero)


def dequantize(out: torch.Tensor, parts: dict[str, Any], call: Call) -> None:
    """Fill `out` from the arrays in `parts`, which have no gaps either."""
    _check_group(out, call)
    inputs = out.data_ptr(), parts["codes"].data_ptr(), parts["scales"].data_ptr()
    if call.fmt.family == "fp8":
        _native.cuda_quant_fp8_dequantize(at(out), inputs, dtype_name(out), _three(out), call.block)
        return
    addresses = (*inputs, _zeros(parts))
    kind = _kind(parts, call)
    _native.cuda_quant_group_dequantize(at(out), addresses, dtype_name(out), _runs(out, call), kind)


def _check_group(x: torch.Tensor, call: Call) -> None:
    reason = None
    if call.scale not in ("rceil", *_SYMMETRIC):
        reason = f'scale="{call.scale}"'
    elif call.fmt.bits != 8 and call.block[1] % 8 and call.block[1] < x.shape[-1]:
        reason = f"group={call.block[1]}, which is no multiple of 8"
    if reason is not None:
        raise DeviceError(f"tensor is on {device_name(x)}, where no kernel knows {reason}\nhint: x.cpu() first")


def _kind(parts: dict[str, Any], call: Call) -> tuple[int, int, int]:
    rule = _ASYMMETRIC if call.fmt.has_zeros else _SYMMETRIC[call.scale]
    return call.fmt.bits, _SCALE_TYPES.index(dtype_name(parts["scales"])), rule


def _zeros(parts: dict[str, Any]) -> int:
    return parts["zeros"].data_ptr() if "zeros" in parts else 0


def _runs(x: torch.Tensor, call: Call) -> tuple[int, int, int]:
    return math.prod(x.shape[:-1]), x.shape[-1], call.block[1]


def _three(x: torch.Tensor) -> tuple[int, int, int]:
    rows = x.shape[-2] if x.ndim > 1 else 1
    return math.prod(x.shape[:-2]), rows, x.shape[-1]
