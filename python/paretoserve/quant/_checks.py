"""Whether the parts of a `QTensor` fit together: for those that come from outside."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from paretoserve._arrays import check_array, dtype_name
from paretoserve._integers import BITS_63, check_integer, shown
from paretoserve.errors import DtypeError, ShapeError
from paretoserve.quant._call import ROTATIONS, call_of_meta, check_choice
from paretoserve.quant._formats import block_format
from paretoserve.quant._qtensor import QMeta, QTensor

__all__ = ["check_described", "check_qtensor"]

FLOATS = ("float32", "float16", "bfloat16")


def check_described(q: QTensor) -> None:
    """Refuse what is no `QTensor`, or one whose `meta` holds other kinds of values than it should."""
    if not isinstance(q, QTensor):
        raise TypeError(f"`q` must be a QTensor, got {type(q).__name__}")
    meta = q.meta
    if not isinstance(meta, QMeta):
        raise TypeError(f"`q.meta` must be a QMeta, got {type(meta).__name__}")
    block_format(meta.fmt, "q.meta.fmt")
    for name, sizes, least in (("shape", meta.shape, 0), ("block", meta.block, 1)):
        if not isinstance(sizes, tuple):
            raise ShapeError(f"`q.meta.{name}` must be a tuple, got {shown(sizes)}")
        for size in sizes:
            check_integer(f"q.meta.{name}", size, least, BITS_63)
    if len(meta.block) != 2:
        raise ShapeError(f"`q.meta.block` must be rows and columns, got {meta.block}")
    if not isinstance(meta.axis, int | np.integer) or not 0 <= meta.axis < len(meta.shape):
        raise ShapeError(f"`q.meta.axis` must be an axis of {meta.shape}, got {shown(meta.axis)}")
    check_choice("q.meta.hadamard", meta.hadamard, ROTATIONS)
    check_choice("q.meta.scale_dtype", meta.scale_dtype, (None, *FLOATS))
    if meta.signs is not None and not (
        isinstance(meta.signs, tuple) and len(meta.signs) == meta.hadamard and set(map(abs, meta.signs)) == {1}
    ):
        raise ValueError(f"`q.meta.signs` must be 1 or -1 for each element of the rotation, got {shown(meta.signs)}")
    for name in ("codes", "scales", "zeros", "global_scale"):
        if name in ("codes", "scales") or getattr(q, name) is not None:
            check_array(f"q.{name}", getattr(q, name))
    if q.extras is not None and not isinstance(q.extras, Mapping):
        raise TypeError(f"`q.extras` must be a mapping of arrays, got {type(q.extras).__name__}")


def check_qtensor(q: QTensor) -> None:
    """Refuse a `QTensor` whose shapes or dtypes contradict its `meta`."""
    check_described(q)
    form, meta = block_format(q.meta.fmt, "q.meta.fmt"), q.meta
    rows = meta.shape[: meta.axis] + meta.shape[meta.axis + 1 :]
    height, width = meta.block
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
