"""Scalar casts of CUDA tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from paretoserve import _native
from paretoserve._arrays import dtype_name
from paretoserve._launch import aligned, at, beside, would_wait

if TYPE_CHECKING:
    import torch

    Fields: TypeAlias = tuple[str, int, int, int, int, bool, str]

__all__ = ["convert", "decode", "encode"]


def encode(
    out: torch.Tensor, x: torch.Tensor, fields: Fields, saturate: bool, rounding: str, seed: int, nan: str, rule: str
) -> None:
    """Fill codes `out` from wide floats `x`; arguments as in `cast`, `fields` are those of the format."""
    kind, special = fields[0], fields[-1]
    has_nan = kind == "exponent" or (kind == "float" and special != "none")
    if nan == "raise" and not has_nan and rule == "paretoserve":
        raise would_wait("nan", '"zero"', nan, " for a format without NaN")
    beside(x, "x", out=out)
    x = aligned(x, 1)
    addresses = out.data_ptr(), 0, x.data_ptr()
    _native.cuda_quant_encode(at(out), addresses, dtype_name(x), x.numel(), fields, saturate, rule, (rounding, seed))


def decode(out: torch.Tensor, codes: torch.Tensor, fields: Fields) -> None:
    """Fill wide floats `out` with what the codes stand for, one per byte."""
    beside(codes, "x", out=out)
    codes = aligned(codes, 1)
    _native.cuda_quant_decode(at(out), (out.data_ptr(), codes.data_ptr()), dtype_name(out), codes.numel(), fields)


def convert(out: torch.Tensor, x: torch.Tensor) -> None:
    """Fill wide floats `out` with wide floats `x`, rounded to the nearest, ties to even: torch's own kernel."""
    beside(x, "x", out=out)
    out.copy_(x.detach())
