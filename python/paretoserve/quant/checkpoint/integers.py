"""Four-bit integers in the words of compressed-tensors: eight codes of a row in an int32, lowest bits first.

The codes of a `QTensor` lie so already; only rows are filled up to whole words. Zero points are packed along rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.quant._qtensor import QMeta, QTensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["packed", "unpacked"]


def packed(q: QTensor) -> dict[str, NDArray[Any]]:
    """Return the tensors of a weight by the last part of their names."""
    found = {
        "weight_packed": _words(np.asarray(q.codes)),
        "weight_scale": np.asarray(q.scales),
        "weight_shape": np.array(q.shape, dtype=np.int64),
    }
    if q.zeros is not None:
        zeros = np.asarray(q.zeros)
        even = np.pad(zeros, ((0, -len(zeros) % 2), (0, 0)))
        columns = np.ascontiguousarray((even[0::2] | even[1::2] << 4).T)
        found["weight_zero_point"] = np.ascontiguousarray(_words(columns).T)
    return found


def unpacked(parts: Mapping[str, NDArray[Any]], meta: QMeta) -> QTensor:
    """Return the weight that `packed` took apart."""
    rows, columns = meta.shape
    codes = parts["weight_packed"].view(np.uint8)[:, : (columns + 1) // 2]
    zeros = None
    if "weight_zero_point" in parts:
        pairs = np.ascontiguousarray(parts["weight_zero_point"].T).view(np.uint8).T
        zeros = np.stack([pairs & 15, pairs >> 4], axis=1).reshape(-1, pairs.shape[1])[:rows]
    return QTensor(np.ascontiguousarray(codes), parts["weight_scale"], zeros, None, meta)


def _words(rows: NDArray[np.uint8]) -> NDArray[np.int32]:
    missing = -rows.shape[1] % 4
    whole = np.pad(rows, ((0, 0), (0, missing))) if missing else np.ascontiguousarray(rows)
    return whole.view("<i4")
