"""Block formats of CUDA tensors. MX and NV go along columns where the tensor is a transposed view of rows."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

from paretoserve import _native
from paretoserve._arrays import device_name, dtype_name, is_cuda
from paretoserve._launch import aligned, at, beside, would_wait
from paretoserve.errors import DeviceError, ShapeError
from paretoserve.quant import _mx, _nv
from paretoserve.quant._cuda import run
from paretoserve.quant._cuda.rotate import hadamard, signs_beside

if TYPE_CHECKING:
    import torch

    from paretoserve.quant._call import Call

__all__ = ["dequantize", "quantize"]

# In the order of the kernels' numbers.
FOUR_OVER_SIX = (None, "mse", "mae", "absmax")

# Formats with a kernel that rotates and quantizes in one pass.
_ROTATING = ("mxfp4", "nvfp4")


def quantize(parts: dict[str, Any], x: torch.Tensor, call: Call) -> None:
    """Fill the arrays in `parts` from `x`, of any strides, quantized axis last; see ``paretoserve.quant._call``."""
    _refuse_without_kernel(x, call)
    if call.nan == "raise":
        raise would_wait("nan", '"scale" or "zero"', call.nan)
    beside(x, "x", **{f"out.{name}": part for name, part in parts.items()})
    if parts["codes"].data_ptr() % 8:
        raise ValueError("`out.codes` must start at an address that is a multiple of 8\nhint: allocate it whole")
    x = x.detach()
    signs = rotation = None
    if call.hadamard:
        x = _padded(x, call.columns).contiguous()
        if call.fmt.name in _ROTATING:
            signs = signs_beside(x, call.signs)  # held until the kernel is launched
            rotation = call.hadamard, 0 if signs is None else signs.data_ptr()
        else:
            x = x.float()
            x = hadamard(x.new_empty(x.shape), x, call.hadamard, call.signs)
    if call.fmt.family in ("group", "fp8"):
        run.quantize(parts, x.contiguous(), call)
        return
    x, shape = _matrix(x)
    dtype, where = dtype_name(x), at(x)
    random, nan_is_zero = (call.rounding, call.seed), call.nan == "zero"
    outputs = parts["codes"].data_ptr(), parts["scales"].data_ptr()
    if call.fmt.family == "mx":
        rule = call.scale or "rceil"
        addresses = (*outputs, x.data_ptr())
        _native.cuda_quant_mx(where, addresses, dtype, call.fmt.name, shape, rotation, rule, random, nan_is_zero)
        return
    given = _given(x, call, rotation)
    choice = call.global_scale is not None, FOUR_OVER_SIX.index(call.four_over_six)
    pointers = (*outputs, parts["global_scale"].data_ptr(), x.data_ptr(), given.data_ptr())
    _native.cuda_quant_nv(where, pointers, dtype, call.fmt.name, shape, rotation, choice, random, nan_is_zero)


def dequantize(out: torch.Tensor, parts: dict[str, Any], call: Call) -> None:
    """Fill `out`, of any strides, quantized axis last, from the arrays in `parts`."""
    _refuse_without_kernel(out, call)
    beside(parts["codes"], "q.codes", out=out, **{f"q.{name}": part for name, part in parts.items()})
    parts = {name: aligned(part) for name, part in parts.items()}
    direct = out.is_contiguous() and not call.hadamard
    columns = call.columns if call.hadamard else call.logical_columns
    dtype = sys.modules["torch"].float32 if call.hadamard else out.dtype
    work = out if direct else out.new_empty((*out.shape[:-1], columns), dtype=dtype)
    if call.fmt.family in ("group", "fp8"):
        run.dequantize(work, parts, call)
    else:
        global_scale = parts["global_scale"].data_ptr() if "global_scale" in parts else None
        addresses = work.data_ptr(), parts["codes"].data_ptr(), parts["scales"].data_ptr()
        shape = math.prod(work.shape[:-1]), columns
        _native.cuda_quant_dequantize(at(out), addresses, global_scale, dtype_name(work), call.fmt.name, shape)
    if call.hadamard:
        work = hadamard(work.new_empty(work.shape), work, call.hadamard, call.signs, inverse=True)
    if not direct:
        out.copy_(work[..., : call.logical_columns])


def _refuse_without_kernel(tensor: torch.Tensor, call: Call) -> None:
    reason = None
    if call.fmt.family in ("table", "minifloat"):
        reason = call.fmt.name
    elif call.fmt.family == "mx" and call.scale not in (None, *_mx.SCALES):
        reason = f'scale="{call.scale}"'
    elif call.rule != "paretoserve":
        reason = f'{call.fmt.name} by rule="{call.rule}"'
    elif call.rows > 1:
        reason = f"{call.fmt.name} with rows={call.rows}"
    elif call.hadamard and call.rounding == "stochastic" and call.columns != call.logical_columns:
        # Random words count elements without padding, which the rotated tensor has.
        reason = "stochastic rounding of a rotation that is padded"
    if reason is not None:
        raise DeviceError(f"tensor is on {device_name(tensor)}, where no kernel knows {reason}\nhint: x.cpu() first")


def _padded(x: torch.Tensor, columns: int) -> torch.Tensor:
    if x.shape[-1] == columns:
        return x
    whole = x.new_zeros((*x.shape[:-1], columns))
    whole[..., : x.shape[-1]] = x
    return whole


def _matrix(x: torch.Tensor) -> tuple[torch.Tensor, tuple[int, int, bool]]:
    """Return `x` as a kernel reads it, with rows, columns, and whether blocks lie along the columns of what it reads.

    A matrix that is a transposed view is read as it lies, so that blocks along the first axis cost no copy.
    """
    if x.ndim == 2 and not x.is_contiguous() and x.t().is_contiguous():
        return x.t(), (x.shape[1], x.shape[0], True)
    return x.contiguous(), (math.prod(x.shape[:-1]), x.shape[-1], False)


def _given(x: torch.Tensor, call: Call, rotation: tuple[int, int] | None) -> torch.Tensor:
    """Return the (rotated) tensor's largest magnitude, or its scale if the caller gave one, as float32 on the device.

    A number is checked; one that lies on the device is taken as it is, because to check it would have to wait.
    """
    name = "amax" if call.global_scale is None else "global_scale"
    value = getattr(call, name)
    if value is None:
        found = x.new_zeros((), dtype=sys.modules["torch"].float32)
        addresses = found.data_ptr(), x.data_ptr()
        _native.cuda_quant_amax(at(x), addresses, dtype_name(x), x.numel(), rotation, call.nan == "zero")
        return found
    if is_cuda(value):
        beside(x, "x", **{name: value})
        if value.numel() != 1:
            raise ShapeError(f"`{name}` must be a number or have shape (), got {tuple(value.shape)}")
        tensor: torch.Tensor = value.detach().float()
        return tensor
    number = next(number for number in _nv.global_arguments(call) if number is not None)
    return x.new_full((), number, dtype=sys.modules["torch"].float32)
