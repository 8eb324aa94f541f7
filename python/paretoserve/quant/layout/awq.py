"""AWQ: words of eight outputs in a shuffled order, one row per input.

A transpose of 4-bit codes away from compressed-tensors and GPTQ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.quant.layout._integers import (
    AWQ_ORDER,
    BIAS,
    GROUP_SIZE,
    SCALE_DTYPES,
    Integers,
    carried,
    check_scales,
    group_of,
    note_scales,
    of_qtensor,
    packed_along,
    symmetric,
    to_qtensor,
    transposed_nibbles,
    unpacked_along,
)
from paretoserve.quant.layout._layout import Layout, Log, Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve.quant._qtensor import QTensor
    from paretoserve.quant.layout._layout import Tensors

__all__ = ["LAYOUTS"]


def _read(tensors: Tensors, log: Log, *, group_size: object) -> QTensor:
    weight, packed, scales = tensors["qweight"], tensors["qzeros"], tensors["scales"]
    inputs, outputs, groups = weight.shape[0], weight.shape[1] * 8, scales.shape[0]
    if scales.shape != (groups, outputs):
        raise ShapeError(f"`scales` must have shape (groups, {outputs}) beside this `qweight`, got {scales.shape}")
    if packed.shape != (groups, weight.shape[1]):
        raise ShapeError(f"`qzeros` must have shape ({groups}, {weight.shape[1]}), got {packed.shape}")
    if inputs % 8:
        raise ShapeError(f"`qweight` must have a multiple of 8 rows, got {inputs}")
    check_scales(scales, "scales")
    zeros = np.empty((groups, outputs), np.uint8)
    _eights(zeros)[..., AWQ_ORDER] = _eights(unpacked_along(packed, 4, outputs))
    return to_qtensor(
        Integers(
            transposed_nibbles(weight, from_awq=True),
            np.ascontiguousarray(scales.T),
            symmetric(np.ascontiguousarray(zeros.T), 4),
            4,
            inputs,
            group_of(inputs, groups, group_size),
            None,
            tensors.get("bias"),
        )
    )


def _write(q: QTensor, log: Log) -> Tensors:
    weight = of_qtensor(q)
    outputs = weight.words.shape[0]
    if outputs % 8 or weight.inputs % 8:
        raise ShapeError(f"`q` must have multiples of 8 inputs and outputs for awq, got ({outputs}, {weight.inputs})")
    zeros = np.ascontiguousarray(_eights(weight.all_zeros().T)[..., AWQ_ORDER]).reshape(-1, outputs)
    note_scales(log, weight.scales)
    return {
        "qweight": transposed_nibbles(weight.words, from_awq=False),
        "qzeros": packed_along(zeros, 4),
        "scales": np.ascontiguousarray(weight.scales.T),
    } | carried(weight)


def _eights(columns: NDArray[Any]) -> NDArray[Any]:
    """Return columns in the eights that share a word."""
    return columns.reshape(len(columns), -1, 8)


LAYOUTS = (
    Layout(
        "awq",
        "AWQ, GEMM kernels: AutoAWQ, vLLM, transformers",
        ("int4", "int4_asym"),
        (
            Tensor("qweight", ("int32",), 2),
            Tensor("qzeros", ("int32",), 2),
            Tensor("scales", SCALE_DTYPES, 2),
            BIAS,
        ),
        _read,
        _write,
        read_settings=(GROUP_SIZE,),
        extras=("bias",),
    ),
)
