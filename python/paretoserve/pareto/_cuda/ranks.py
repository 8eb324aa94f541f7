"""Ranks of a table on the device: rows sorted so that nobody is dominated by a later one, settled block by block."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from paretoserve import _native
from paretoserve._launch import at
from paretoserve.pareto._arguments import directions
from paretoserve.pareto._cuda.mask import group_columns
from paretoserve.pareto._cuda.table import as_table, columns_of, in_order

if TYPE_CHECKING:
    import torch

__all__ = ["ranks"]


def ranks(
    points: Any, sense: Any, *, nan: str, groups: Any, where: Any, stop_after: int | None, num_fronts: int | None
) -> torch.Tensor:
    """Return the ranks of `ranks`; -1 for rows that take no part or lie beyond the last front asked for."""
    library = sys.modules["torch"]
    columns = columns_of(points)
    table = as_table(columns, directions(sense, len(columns)), nan, where)
    keys = table.keys if groups is None else library.cat([table.keys, group_columns(table.keys, groups)])
    taking_part = table.alive.nonzero().squeeze(1)
    order = taking_part[in_order(keys[:, taking_part])]
    rows = keys[:, order].contiguous()
    found = library.zeros(len(order), dtype=library.int32, device=keys.device)
    addresses = found.data_ptr(), rows.data_ptr()
    _native.cuda_pareto_ranks(at(keys), addresses, len(order), len(rows), keys.dtype == library.int64)
    if num_fronts is not None:
        found = found.masked_fill(found >= num_fronts, -1)
    if stop_after is not None and len(order) > 0:
        group = library.zeros_like(found) if groups is None else keys[-2, order].to(library.int32)
        found = _stopped(found, group, stop_after)
    out: torch.Tensor = library.full((keys.shape[1],), -1, dtype=library.int32, device=keys.device)
    out[order] = found
    return out


def _stopped(ranks: torch.Tensor, group: torch.Tensor, stop_after: int) -> torch.Tensor:
    """Take the layers of each group until they hold so many rows; rows of later layers get -1."""
    library = sys.modules["torch"]
    layers = int(ranks.max()) + 1
    if layers == 0:
        return ranks
    sizes = library.bincount((group * layers + ranks)[ranks >= 0], minlength=(int(group.max()) + 1) * layers)
    last = (sizes.view(-1, layers).cumsum(1) < stop_after).sum(1)
    stopped: torch.Tensor = ranks.masked_fill(ranks > last[group], -1)
    return stopped
