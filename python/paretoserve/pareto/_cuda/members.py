"""How often each row is on the front of a sample: all samples at once on the device."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from paretoserve import _native
from paretoserve._launch import at
from paretoserve.pareto._arguments import directions
from paretoserve.pareto._cuda.table import as_table

if TYPE_CHECKING:
    import torch

__all__ = ["members"]


def members(samples: torch.Tensor, sense: Any, *, nan: str) -> torch.Tensor:
    """Return for each of n rows on how many fronts it is; `samples` has the shape (samples, n, d)."""
    library = sys.modules["torch"]
    num_samples, n, d = samples.shape
    columns = list(samples.detach().reshape(num_samples * n, d).unbind(1))
    table = as_table(columns, directions(sense, d), nan)
    counts: torch.Tensor = library.zeros(n, dtype=library.int32, device=samples.device)
    alive = table.alive.to(library.uint8)
    addresses = counts.data_ptr(), alive.data_ptr(), table.keys.data_ptr()
    _native.cuda_pareto_members(at(samples), addresses, (n, num_samples), d, table.keys.dtype == library.int64)
    return counts
