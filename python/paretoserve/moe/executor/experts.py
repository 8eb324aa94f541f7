"""The experts' own computation: rows sorted by expert in, rows out, by one grouped GEMM or by a loop.

A grouped GEMM takes all experts of a rank in one launch; it wants 16-bit floats on a recent GPU and rows of a multiple
of 16 bytes. Everywhere else, and for experts of the user's own, a loop calls one expert after the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Expert = Callable[..., torch.Tensor]

__all__ = ["GEMMS", "apply", "swiglu"]

GEMMS = ("auto", "grouped", "loop")
_GROUPED = getattr(torch.nn.functional, "grouped_mm", None) or getattr(torch, "_grouped_mm", None)


def swiglu(rows: torch.Tensor, gate_up: torch.Tensor, down: torch.Tensor) -> torch.Tensor:
    """Return one expert's result: ``(silu(rows @ gate) * (rows @ up)) @ down``, with gate and up side by side."""
    gate, up = (rows @ gate_up).chunk(2, dim=-1)
    return (torch.nn.functional.silu(gate) * up) @ down


def apply(
    expert: Expert | None, gemm: str, rows: torch.Tensor, sizes: Sequence[int], weights: Sequence[torch.Tensor]
) -> torch.Tensor:
    """Return the results of the rows of all slots.

    Parameters
    ----------
    expert : callable or None
        ``expert(rows, *weights)`` of one expert; None is `swiglu`.
    gemm : {"auto", "grouped", "loop"}
        "auto" takes the grouped GEMM where it fits.
    rows : Tensor, shape (sum(sizes), hidden)
        Sorted by slot.
    sizes : sequence of int
        Rows of each slot.
    weights : sequence of Tensor, shape (len(sizes), ...)
        Weights of the slots.
    """
    if not rows.shape[0]:
        return rows.new_empty(rows.shape)
    if expert is None and (gemm == "grouped" or (gemm == "auto" and _fits(rows, *weights))):
        return _grouped(rows, sizes, *weights)
    call = expert or swiglu
    # One unbinding has one backward; indexing a slot at a time would add up a full tensor of zeros for each.
    slots = list(zip(*(weight.unbind(0) for weight in weights), strict=True))
    parts = [
        call(part, *slot) for part, slot in zip(torch.split(rows, list(sizes)), slots, strict=True) if part.shape[0]
    ]
    return torch.cat(parts) if len(parts) > 1 else parts[0]


def _fits(rows: torch.Tensor, *weights: torch.Tensor) -> bool:
    """Tell whether the grouped GEMM takes these operands, on this device."""
    if _GROUPED is None or rows.device.type != "cuda" or rows.dtype != torch.bfloat16:
        return False
    aligned = all(size % 8 == 0 for weight in weights for size in weight.shape[1:])
    return aligned and torch.cuda.get_device_capability(rows.device) >= (8, 0)


def _grouped(rows: torch.Tensor, sizes: Sequence[int], gate_up: torch.Tensor, down: torch.Tensor) -> torch.Tensor:
    """Return what a loop over `swiglu` returns."""
    ends = torch.tensor(sizes, dtype=torch.int32).cumsum(0, dtype=torch.int32).to(rows.device)
    multiply: Any = _GROUPED
    gate, up = multiply(rows, gate_up, offs=ends).chunk(2, dim=-1)
    return multiply(torch.nn.functional.silu(gate) * up, down, offs=ends)  # type: ignore[no-any-return]
