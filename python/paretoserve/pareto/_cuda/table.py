"""A table of keys on the device: columns of any dtype and stride as integers that grow with how bad a value is."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paretoserve import _native
from paretoserve._arrays import dtype_name, is_torch
from paretoserve._launch import at, beside
from paretoserve.errors import DtypeError, ShapeError
from paretoserve.pareto._arguments import bounds_of
from paretoserve.pareto._frame_columns import NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from paretoserve.pareto._arguments import Bounds

__all__ = ["Table", "as_table", "columns_of", "in_order"]

_WIDE = ("float64", "int64", "uint64")


@dataclass(frozen=True, slots=True)
class Table:
    """Keys of a table and which rows take part.

    Attributes
    ----------
    keys : torch.Tensor of int32 or int64, shape (d, n)
        Those of a row that takes no part are the largest there are, so that it beats nobody.
    alive : torch.Tensor of bool, shape (n,)
    """

    keys: torch.Tensor
    alive: torch.Tensor


def columns_of(points: Any) -> list[torch.Tensor]:
    """Return the objectives of a matrix, a list of columns or a mapping to them; all on one device."""
    if is_torch(points):
        if points.ndim != 2 or points.shape[1] == 0:
            raise ShapeError(f"`points` must have shape (n, d) with d of 1 or more, got {tuple(points.shape)}")
        columns = list(points.detach().unbind(1))
    else:
        named = points if isinstance(points, Mapping) else dict(enumerate(points))
        beside(next(iter(named.values())), "points", **{f"points[{name!r}]": each for name, each in named.items()})
        columns = [each.detach() for each in named.values()]
        for name, each in zip(named, columns, strict=True):
            if each.shape != (len(columns[0]),):
                expected = f"`points[{name!r}]` must be a column of shape ({len(columns[0])},) as the first"
                raise ShapeError(f"{expected}, got {tuple(each.shape)}")
    for each in columns:
        if dtype_name(each) not in NAMES:
            expected = "`points` must be integers, float16, bfloat16, float32, float64 or bool"
            raise DtypeError(f"{expected}, got {dtype_name(each)}")
    return columns


def as_table(
    columns: list[torch.Tensor],
    maximize: list[bool],
    nan: str,
    where: Mapping[int, Bounds] | Sequence[Bounds | None] | None = None,
) -> Table:
    """Return the keys of the columns. ``nan="raise"`` waits for the device."""
    library = sys.modules["torch"]
    n, device = len(columns[0]), columns[0].device
    wide = any(dtype_name(column) in _WIDE for column in columns)
    keys = library.empty((len(columns), n), dtype=library.int64 if wide else library.int32, device=device)
    alive = library.ones(n, dtype=library.uint8, device=device)
    for column, row, flipped in zip(columns, keys, maximize, strict=True):
        _fill(row, None if nan == "worst" else alive, column, flipped, wide)
    if nan == "raise" and not bool(alive.all()):
        first = int(alive.argmin())
        where_nan = next(k for k, each in enumerate(columns) if each.is_floating_point() and bool(each[first].isnan()))
        raise ValueError(
            f"`points` must be free of NaN, got NaN in row {first}, column {where_nan}\n"
            'hint: nan="drop" leaves such rows out, nan="worst" ranks NaN last'
        )
    taking_part = alive.bool()
    if where is not None:
        for k, limits in bounds_of(where, len(columns)).items():
            for bound, is_low in zip(limits, (True, False), strict=True):
                if bound is not None:
                    taking_part &= _inside(columns[k], keys[k], bound, is_low, maximize[k])
    keys.masked_fill_(~taking_part, library.iinfo(keys.dtype).max)
    return Table(keys, taking_part)


def _fill(keys: torch.Tensor, alive: torch.Tensor | None, column: torch.Tensor, flipped: bool, wide: bool) -> None:
    library = sys.modules["torch"]
    column = column.view(library.uint8) if column.dtype == library.bool else column
    addresses = keys.data_ptr(), 0 if alive is None else alive.data_ptr(), column.data_ptr()
    shape = len(column), column.stride(0)
    _native.cuda_pareto_keys(at(column), addresses, dtype_name(column), shape, flipped, wide)


def _inside(column: torch.Tensor, keys: torch.Tensor, bound: float, is_low: bool, flipped: bool) -> torch.Tensor:
    """Tell which values are on the right side of a bound, which is compared as a key: exact for every dtype."""
    library = sys.modules["torch"]
    if column.dtype.is_floating_point:
        largest = library.finfo(column.dtype).max
        limit = float(bound) if math.isinf(bound) else min(max(float(bound), -largest), largest)
        nan = column.isnan()
    else:
        numbers = library.iinfo(library.uint8 if column.dtype == library.bool else column.dtype)
        low, high = numbers.min, numbers.max
        limit = bound if math.isinf(bound) else (math.ceil if is_low else math.floor)(bound)
        nan = library.zeros_like(keys, dtype=library.bool)
        if limit > high or limit < low:
            everybody = limit > high if not is_low else limit < low
            everywhere: torch.Tensor = library.full_like(nan, everybody)
            return everywhere
    dtype = library.uint8 if column.dtype == library.bool else column.dtype
    single = library.tensor([limit], dtype=dtype, device=column.device)
    key = library.empty(1, dtype=keys.dtype, device=keys.device)
    _fill(key, None, single, flipped, keys.dtype == library.int64)
    inside: torch.Tensor = (keys >= key if is_low != flipped else keys <= key) & ~nan
    return inside


def in_order(keys: torch.Tensor, last_first: bool = False) -> torch.Tensor:
    """Return an order of rows in which a row that dominates another one comes before it; equal rows lie together.

    By the sum of keys, which puts strong rows first, then by the keys; of equal rows the first comes first, or the last
    with `last_first`. Rounded sums still grow with each key, so that they never contradict dominance.
    """
    library = sys.modules["torch"]
    order: torch.Tensor = library.arange(keys.shape[1], device=keys.device)
    if last_first:
        order = order.flip(0)
    total = library.zeros(keys.shape[1], dtype=library.float64, device=keys.device)
    for row in keys:
        total += row
    for row in (*reversed(list(keys)), total):
        order = order[row[order].sort(stable=True).indices]
    return order
