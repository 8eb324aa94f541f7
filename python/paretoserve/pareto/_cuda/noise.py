"""How often each row is on the front of a draw: draws are made, or read, and filtered on the device, many at once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from paretoserve import _native
from paretoserve._launch import at
from paretoserve.pareto._cuda.mask import group_columns
from paretoserve.pareto._cuda.table import as_table

if TYPE_CHECKING:
    import torch

    from paretoserve.pareto._draws import Origin

__all__ = ["shares"]

# Keys at once, which bounds the memory: 128 MiB of them.
MOST_KEYS = 1 << 24


def shares(origin: Origin, device: torch.device, groups: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Return per row the share of the draws on whose front it is, and its standard error."""
    library = sys.modules["torch"]
    n, d = origin.num_rows, len(origin.maximize)
    read = _samples(origin) if origin.kind == "samples" else _drawn(origin, device)
    labels = library.empty((0, n), dtype=library.int32, device=device)
    if groups is not None:
        labels = group_columns(labels, groups)
    counts = library.zeros(n, dtype=library.int32, device=device)
    most = max(1, MOST_KEYS // max(1, n * (d + len(labels))))
    for first in range(0, origin.num_draws, most):
        num_draws = min(most, origin.num_draws - first)
        keys, alive = read(first, num_draws)
        if len(labels):
            keys = library.cat([keys, labels.to(keys.dtype).repeat(1, num_draws)])
        addresses = counts.data_ptr(), 0 if alive is None else alive.data_ptr(), keys.data_ptr()
        sizes = n, num_draws
        _native.cuda_pareto_members(at(counts), addresses, sizes, len(keys), keys.dtype == library.int64)
    # A number of the host as the divisor would be multiplied by its rounded inverse.
    draws = library.full((n,), float(origin.num_draws), dtype=library.float64, device=device)
    share = counts.double() / draws
    return share, (share * (1 - share) / draws).sqrt()


def _samples(origin: Origin) -> Any:
    """Return what gives the keys of some samples, and which rows take part."""
    library = sys.modules["torch"]
    samples: torch.Tensor = origin.values  # type: ignore[assignment]
    if origin.nan == "raise" and samples.is_floating_point():
        missing = samples.isnan().flatten()
        if bool(missing.any()):
            raise ValueError(
                f"`samples` must be free of NaN, got NaN at flat index {int(missing.byte().argmax())}\n"
                'hint: nan="drop" leaves such a row out of its draw, nan="worst" ranks NaN last'
            )

    def read(first: int, num_draws: int) -> tuple[torch.Tensor, torch.Tensor]:
        some = samples[first : first + num_draws].flatten(0, 1)
        if some.dtype in (library.int64, library.uint64):
            some = some.double()  # as on the CPU, where whole numbers above 2^53 are rounded
        table = as_table(list(some.unbind(1)), origin.maximize, "drop" if origin.nan == "drop" else "worst")
        return table.keys, table.alive.to(library.uint8)

    return read


def _drawn(origin: Origin, device: torch.device) -> Any:
    """Return what makes the keys of some draws, in which all rows take part."""
    library = sys.modules["torch"]
    _native.pareto_check_draws(origin)
    kind, quantile = origin.kind, origin.quantile or 0.0
    if kind == "measured":
        kind = "mean" if origin.quantile is None else "median" if quantile < 0 else "quantile"
    parts = [
        None if part is None else library.from_numpy(part.copy()).to(device)
        for part in (origin.values, origin.spread, origin.offsets)
    ]
    parts.append(library.tensor(origin.maximize, dtype=library.uint8, device=device))
    n, d = origin.num_rows, len(origin.maximize)

    def read(first: int, num_draws: int) -> tuple[torch.Tensor, None]:
        keys = library.empty((d, num_draws * n), dtype=library.int64, device=device)
        addresses = keys.data_ptr(), *(0 if part is None else part.data_ptr() for part in parts)
        sizes = n, first, num_draws, d
        _native.cuda_pareto_draws(at(keys), addresses, sizes, kind, quantile, origin.seed)
        return keys, None

    return read
