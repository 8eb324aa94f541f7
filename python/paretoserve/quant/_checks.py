"""Whether the parts of a `QTensor` fit together: for those that come from outside."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from paretoserve._arrays import dtype_name
from paretoserve.errors import DtypeError, ShapeError
from paretoserve.quant._call import call_of_meta
from paretoserve.quant._formats import block_format

if TYPE_CHECKING:
    from paretoserve.quant._qtensor import QTensor

__all__ = ["check_qtensor"]

FLOATS = ("float32", "float16", "bfloat16")


def check_qtensor(q: QTensor) -> None:
    """Refuse a `QTensor` whose shapes or dtypes contradict its `meta`."""
    form, meta = block_format(q.meta.fmt, "q.meta.fmt"), q.meta
    if not 0 <= meta.axis < len(meta.shape):
        raise ShapeError(f"`q.meta.axis` must be an axis of {meta.shape}, got {meta.axis}")
    rows = meta.shape[: meta.axis] + meta.shape[meta.axis + 1 :]
    height, width = meta.block
    if height < 1 or width < 1:
        raise ValueError(f"`q.meta.block` must be positive, got {meta.block}")
    columns = call_of_meta(meta, None).columns
    packed = (*rows, -(-columns * form.bits // 8))
    if dtype_name(q.codes) != "uint8":
        raise DtypeError(f"`q.codes` must be uint8, got {dtype_name(q.codes)}")
    if q.codes.shape != packed:
        raise ShapeError(f"`q.codes` must have shape {packed} for {meta.shape} {form.name}, got {q.codes.shape}")
    dtypes = ("uint8",) if form.scale not in FLOATS else (meta.scale_dtype or form.scale,)
    if dtype_name(q.scales) not in dtypes:
        raise DtypeError(f"`q.scales` must be {' or '.join(dtypes)} for {form.name}, got {dtype_name(q.scales)}")
    tiles = (*rows[:-1], -(-rows[-1] // height)) if height > 1 and rows else rows
    blocks = (*tiles, -(-columns // width))
    if q.scales.shape != blocks:
        raise ShapeError(f"`q.scales` must have shape {blocks} for {meta.shape} {form.name}, got {q.scales.shape}")
    if form.has_zeros != (q.zeros is not None) or (q.zeros is not None and q.zeros.shape != blocks):
        got = "none" if q.zeros is None else q.zeros.shape
        raise ShapeError(f"`q.zeros` must have shape {blocks if form.has_zeros else 'none'}, got {got}")
    if form.has_global_scale != (q.global_scale is not None):
        raise ShapeError(f"`q.global_scale` must be {'given' if form.has_global_scale else 'None'} for {form.name}")
    if q.global_scale is not None and prod(q.global_scale.shape) != 1:
        raise ShapeError(f"`q.global_scale` must be one number, got shape {tuple(q.global_scale.shape)}")
