"""MXFP4 of gpt-oss: expert weights as `blocks` of 16 bytes with the even element in the low nibble, and `scales`.

The bytes are those of a `QTensor`; only the axis of blocks is written apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.quant._qtensor import QMeta, QTensor
from paretoserve.quant.layout._check import NAN, check_e8m0
from paretoserve.quant.layout._layout import Layout, Log, Tensor, contiguous

if TYPE_CHECKING:
    from paretoserve.quant.layout._layout import Tensors

__all__ = ["LAYOUTS"]


def _read(tensors: Tensors, log: Log, *, nan: str) -> QTensor:
    blocks, scales = tensors["blocks"], tensors["scales"]
    if blocks.ndim < 2 or blocks.shape[-1] != 16:
        raise ShapeError(f"`blocks` must have shape (..., rows, columns / 32, 16), got {blocks.shape}")
    if scales.shape != blocks.shape[:-1]:
        raise ShapeError(f"`scales` must have shape {blocks.shape[:-1]} beside these `blocks`, got {scales.shape}")
    check_e8m0("scales", scales, nan)
    *rows, groups, _ = blocks.shape
    meta = QMeta("mxfp4", (*rows, groups * 32), len(rows), (1, 32), "unknown")
    return QTensor(contiguous(blocks, (*rows, groups * 16)), scales, None, None, meta)


def _write(q: QTensor, log: Log, *, nan: str) -> Tensors:
    scales = np.asarray(q.scales)
    check_e8m0("scales", scales, nan)
    return {"blocks": contiguous(np.asarray(q.codes), (*scales.shape, 16)), "scales": scales}


LAYOUTS = (
    Layout(
        "gpt_oss_mxfp4",
        "experts of gpt-oss: vLLM, transformers, SGLang",
        ("mxfp4",),
        (Tensor("blocks", ("uint8",)), Tensor("scales", ("uint8",))),
        _read,
        _write,
        read_settings=(NAN,),
        write_settings=(NAN,),
    ),
)
