"""The Hadamard rotation of CUDA tensors."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from paretoserve import _native
from paretoserve._arrays import dtype_name
from paretoserve._launch import aligned, at, beside

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

__all__ = ["hadamard", "signs_beside"]

# Signs that one number holds, one bit each.
_WORD = 32


def hadamard(
    out: torch.Tensor, x: torch.Tensor, n: int, signs: Sequence[float] | None, inverse: bool = False
) -> torch.Tensor:
    """Fill `out` with the runs of `n` numbers of `x` along the last axis, rotated; return it. `out` has no gaps."""
    beside(x, "x", out=out)
    x = aligned(x, 1)
    factors = signs_beside(x, signs)
    addresses = out.data_ptr(), x.data_ptr(), 0 if factors is None else factors.data_ptr()
    _native.cuda_quant_hadamard(at(out), addresses, dtype_name(x), x.numel(), n, inverse)
    return out


def signs_beside(x: torch.Tensor, signs: Sequence[float] | None) -> torch.Tensor | None:
    """Return signs as float32 beside `x`, made there of their bits: a copy from the host would wait for it."""
    if signs is None:
        return None
    library: Any = sys.modules["torch"]
    places = library.arange(min(len(signs), _WORD), device=x.device)
    words = [
        sum((sign < 0) << place for place, sign in enumerate(signs[start : start + _WORD]))
        for start in range(0, len(signs), _WORD)
    ]
    bits = library.cat([library.full_like(places, word) >> places & 1 for word in words])
    factors: torch.Tensor = (1 - 2 * bits).float()
    return factors
