"""Scales of groups for layouts whose blocks are narrower, and float16 where a `QTensor` may have more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.quant._formats import block_format

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve.quant._qtensor import QMeta
    from paretoserve.quant.layout._layout import Log

__all__ = ["half", "per_block"]


def per_block(scales: NDArray[Any], meta: QMeta, width: int) -> NDArray[Any]:
    """Return one scale (or zero point) for every `width` columns: those of wider groups are repeated."""
    rows, columns = meta.block
    if rows != 1 or columns % width:
        raise ShapeError(f"`q.meta.block` must be 1 row and a multiple of {width} columns, got {meta.block}")
    return np.repeat(scales, columns // width, axis=-1)


def half(values: NDArray[Any], what: str, meta: QMeta, log: Log) -> NDArray[np.float16]:
    """Return numbers per block as float16; report those that change, refuse those that do not fit.

    A scale counts for the largest code, what is called a minimum for one.
    """
    wide = values.astype(np.float32)
    with np.errstate(over="ignore"):
        narrow = wide.astype(np.float16)
    if not np.isfinite(narrow).all():
        place = np.argwhere(~np.isfinite(narrow))[0].tolist()
        raise ValueError(f"{what}s must be finite and fit float16, got {wide[tuple(place)]} in block {place}")
    changed = narrow != wide
    if changed.any():
        form = block_format(meta.fmt)
        code = 1.0 if what == "minimum" else 2.0 ** (form.bits - (not form.has_zeros))
        error = float(np.abs(narrow.astype(np.float64) - wide).max()) * code
        log.lossy(f"{what}s rounded to float16", blocks=int(changed.sum()), max_abs_err=error)
    return narrow
