"""A `QTensor` of torch tensors as one of numpy arrays, and back, sharing memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from paretoserve._arrays import dtype_name, is_torch, numpy_values, to_library
from paretoserve.quant._checks import check_described, check_qtensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from paretoserve._arrays import Array
    from paretoserve.quant._qtensor import QTensor

__all__ = ["in_numpy", "like"]


def in_numpy(q: QTensor) -> tuple[QTensor, bool]:
    """Return `q` with numpy arrays, checked, and whether it had torch tensors."""
    check_described(q)
    plain = _map_arrays(q, numpy_values)
    check_qtensor(plain)
    return plain, is_torch(q.codes)


def like(q: QTensor, torch: bool) -> QTensor:
    """Return `q` with torch tensors, or as it is."""
    return _map_arrays(q, lambda array: to_library(np.asarray(array), torch=torch, dtype=dtype_name(array)))


def _map_arrays(q: QTensor, change: Callable[[Array], Array]) -> QTensor:
    return replace(
        q,
        codes=change(q.codes),
        scales=change(q.scales),
        zeros=None if q.zeros is None else change(q.zeros),
        global_scale=None if q.global_scale is None else change(q.global_scale),
        extras={name: change(array) for name, array in q.extras.items()} if q.extras else None,
    )
