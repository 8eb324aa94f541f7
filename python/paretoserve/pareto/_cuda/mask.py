"""The front of a table on the device.

Rows that a few strong rows dominate go first; what is left is sorted so that nobody is dominated by a later row, and
tested against ever more rows: those that survive the first thousand are few on most tables.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from paretoserve import _native
from paretoserve._arrays import is_torch
from paretoserve._launch import at
from paretoserve.errors import ShapeError
from paretoserve.pareto._arguments import directions, group_codes
from paretoserve.pareto._cuda.table import as_table, columns_of, in_order

if TYPE_CHECKING:
    import torch

__all__ = ["front", "group_columns", "mask"]

SAMPLE_ROWS = 4096
STRONG_ROWS = 128
# Rows that the survivors are tested against before what is left is put together again; None for all.
ROUNDS = (1024, 16384, None)


def mask(points: Any, sense: Any, *, keep: str, nan: str, groups: Any, where: Any) -> torch.Tensor:
    """Return the marks of `mask`. Waits for the device to learn how many rows are left."""
    library = sys.modules["torch"]
    columns = columns_of(points)
    table = as_table(columns, directions(sense, len(columns)), nan, where)
    keys = table.keys if groups is None else library.cat([table.keys, group_columns(table.keys, groups)])
    left = _survivors(keys, table.alive)
    order = left[in_order(keys[:, left], last_first=keep == "last")]
    for limit in ROUNDS:
        rows = keys[:, order]
        beaten = library.zeros(len(order), dtype=library.uint8, device=keys.device)
        _mark(beaten, rows, rows, limit or len(order), "by_order" if keep == "all" else "by_order_even")
        order = order[beaten == 0]
        if limit is None or limit >= len(beaten):
            break
    out: torch.Tensor = library.zeros(keys.shape[1], dtype=library.bool, device=keys.device)
    out[order] = True
    return out


def front(points: Any, sense: Any, **options: Any) -> torch.Tensor:
    """Return the indices of `front`, best first objective first."""
    columns = columns_of(points)
    indices = mask(points, sense, **options).nonzero().squeeze(1)
    first = as_table(columns[:1], directions(sense, len(columns))[:1], "worst").keys[0]
    return indices[first[indices].sort(stable=True).indices]


def group_columns(keys: torch.Tensor, groups: Any) -> torch.Tensor:
    """Return two columns, shape (2, n), in which rows of two groups are each worse than the other in one."""
    library = sys.modules["torch"]
    if is_torch(groups):
        if groups.shape != keys.shape[1:]:
            raise ShapeError(
                f"`groups` must have shape ({keys.shape[1]},), one label per row, got {tuple(groups.shape)}"
            )
        if groups.is_floating_point() and bool(groups.isnan().any()):
            raise ValueError("`groups` must have a label for every row, got nan")
        codes = library.unique(groups.to(keys.device), return_inverse=True)[1].to(keys.dtype)
    else:
        codes = library.from_numpy(group_codes(groups, keys.shape[1])[0].astype("int64")).to(keys.device, keys.dtype)
    both: torch.Tensor = library.stack([codes, -codes])
    return both


def _survivors(keys: torch.Tensor, alive: torch.Tensor) -> torch.Tensor:
    """Return the rows that take part and that no strong row of a sample dominates, in order."""
    library = sys.modules["torch"]
    beaten = (~alive).to(library.uint8)
    n = keys.shape[1]
    if n > SAMPLE_ROWS:
        sample = keys[:, :: -(-n // SAMPLE_ROWS)]
        strong = sample[:, in_order(sample)[:STRONG_ROWS]].contiguous()
        _mark(beaten, keys, strong, strong.shape[1], "strictly")
    return (beaten == 0).nonzero().squeeze(1)


def _mark(beaten: torch.Tensor, keys: torch.Tensor, others: torch.Tensor, num_others: int, order: str) -> None:
    library = sys.modules["torch"]
    keys, others = keys.contiguous(), others.contiguous()
    addresses = beaten.data_ptr(), keys.data_ptr(), others.data_ptr()
    sizes = keys.shape[1], others.shape[1], min(num_others, others.shape[1])
    _native.cuda_pareto_beaten(at(keys), addresses, sizes, len(keys), order, keys.dtype == library.int64)
