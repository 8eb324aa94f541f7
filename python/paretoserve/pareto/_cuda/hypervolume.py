"""The estimated volume: the device leaves the front and casts the rays, the host decides how many."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve import _native
from paretoserve._launch import at
from paretoserve.pareto._cuda.mask import mask
from paretoserve.pareto._cuda.table import columns_of
from paretoserve.pareto._volumes import settings

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

__all__ = ["hypervolume"]

# Rays of an item at once, which bounds the memory for their lengths; sums of powers per item.
RAYS, LANES = 1 << 16, 32


def hypervolume(
    points: Any, ref: Any, sense: Any, *, rel_err: float, seed: int, nan: str
) -> tuple[float, int, bool, float]:
    """Return volume, rows outside, whether it is exact, and relative error. Waits for the device."""
    library = sys.modules["torch"]
    columns = columns_of(points)
    given = settings(len(columns), ref, sense, nan, None)
    reference, maximize, _, _ = given
    values = library.stack([each.double() for each in columns])
    missing = values.isnan()
    if nan == "raise" and bool(missing.any()):
        row = int(missing.any(0).byte().argmax())
        raise ValueError(
            f"`points` must be free of NaN, got NaN in row {row}, column {int(missing[:, row].byte().argmax())}\n"
            'hint: nan="drop" leaves such rows out'
        )
    better = [each > limit if up else each < limit for each, limit, up in zip(values, reference, maximize, strict=True)]
    inside = library.stack(better).all(0)
    num_outside = int((~inside & ~missing.any(0)).sum())
    values = values[:, inside]
    front = mask(list(values), sense, keep="first", nan="worst", groups=None, where=None)
    rows = np.ascontiguousarray(values[:, front].cpu().numpy().T)
    volume, _, is_exact, reached = _native.pareto_hv_sampled(rows, rel_err, seed, given, _prepared(values))
    return volume, num_outside, is_exact, reached


def _prepared(origin: torch.Tensor) -> Callable[[list[bytes]], Callable[[int, int], list[float]]]:
    """Return what takes the parts of an estimate to the device of `origin` and returns the sums over its rays."""
    library = sys.modules["torch"]

    def prepare(parts: list[bytes]) -> Callable[[int, int], list[float]]:
        # Words of 32 bits, whatever they stand for.
        words = [library.from_numpy(np.frombuffer(part, np.int32).copy()).to(origin.device) for part in parts]
        num_distances, _, num_multipliers, num_shifts = map(len, words)
        d = num_multipliers + 1
        n, items = num_distances // d, num_shifts // d

        def powers(first: int, end: int) -> list[float]:
            sums = library.zeros(items * LANES, dtype=library.float64, device=origin.device)
            lengths = library.empty(items * min(end - first, RAYS), dtype=library.float32, device=origin.device)
            for start in range(first, end, RAYS):
                rays = start, min(end - start, RAYS)
                addresses = tuple(part.data_ptr() for part in (sums, lengths, *words))
                _native.cuda_pareto_powers(at(origin), addresses, (n, d, items), rays)
            found: list[float] = sums.tolist()
            return found

        return powers

    return prepare
