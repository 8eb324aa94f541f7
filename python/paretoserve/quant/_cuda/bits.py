"""Dense bit streams and tiles of scales of CUDA tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paretoserve import _native
from paretoserve._launch import aligned, at, beside

if TYPE_CHECKING:
    import torch

__all__ = ["pack", "swizzle", "unpack"]

# In the order of the kernels' numbers.
_CODINGS = ("unsigned", "offset", "twos")


def pack(out: torch.Tensor, codes: torch.Tensor, columns: int, bits: int, order: str, word: int, coding: str) -> None:
    """Fill the stream `out` from codes, `columns` to a row; one that does not fit loses its upper bits."""
    beside(codes, "x", out=out)
    codes = aligned(codes, 1)
    how = bits, order == "msb", word // 8, _CODINGS.index(coding)
    shape = (codes.numel() // columns if columns else 0), columns
    _native.cuda_quant_pack(at(out), (out.data_ptr(), codes.data_ptr()), shape, how, False)


def unpack(
    out: torch.Tensor, packed: torch.Tensor, columns: int, bits: int, order: str, word: int, coding: str
) -> None:
    """Fill codes `out`, `columns` to a row, from the stream `packed`."""
    beside(packed, "packed", out=out)
    packed = aligned(packed, 1)
    how = bits, order == "msb", word // 8, _CODINGS.index(coding)
    shape = (out.numel() // columns if columns else 0), columns
    _native.cuda_quant_pack(at(out), (out.data_ptr(), packed.data_ptr()), shape, how, True)


def swizzle(out: torch.Tensor, scales: torch.Tensor, rows: int, columns: int, inverse: bool = False) -> None:
    """Fill tiles `out` from rows of scales, or rows `out` from tiles with `inverse`; sizes are without padding."""
    beside(scales, "scales", out=out)
    scales = aligned(scales, 1)
    _native.cuda_quant_swizzle(at(out), (out.data_ptr(), scales.data_ptr()), (rows, columns), inverse)
