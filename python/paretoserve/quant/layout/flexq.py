"""FlexQ: symmetric 6-bit codes with zero point 31, as planes of bits for multiplications with population counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.quant.layout._integers import (
    BIAS,
    GROUP_SIZE,
    SCALE_DTYPES,
    Integers,
    carried,
    check_scales,
    group_of,
    of_qtensor,
    packed_along,
    to_qtensor,
    unpacked_along,
)
from paretoserve.quant.layout._layout import Layout, Log, Setting, Tensor
from paretoserve.quant.planes import pack_planes, unpack_planes

if TYPE_CHECKING:
    from paretoserve.quant._qtensor import QTensor
    from paretoserve.quant.layout._layout import Tensors

__all__ = ["LAYOUTS"]

CHUNK = Setting("chunk", "outputs whose planes lie together", 8)


def _read(tensors: Tensors, log: Log, *, group_size: object) -> QTensor:
    planes, scales = tensors["qweight"], tensors["scales"]
    if planes.shape[2:3] != (6,):
        raise ShapeError(f"`qweight` must have shape (inputs / 128, chunks, 6, chunk, 4), got {planes.shape}")
    codes = np.asarray(unpack_planes(planes, scales.shape[0]))
    if codes.size and int(codes.max()) == 63:
        place = np.argwhere(codes == 63)[0].tolist()
        raise ValueError(f"`qweight` must be symmetric, codes from 0 to 62, got 63 at {place}")
    check_scales(scales, "scales")
    inputs = codes.shape[1]
    group = group_of(inputs, scales.shape[1], group_size)
    words = packed_along(codes + np.uint8(1), 6)
    return to_qtensor(Integers(words, scales, None, 6, inputs, group, None, tensors.get("bias")))


def _write(q: QTensor, log: Log, *, chunk: int) -> Tensors:
    weight = of_qtensor(q)
    if weight.inputs % 128:
        raise ShapeError(f"`q` must have a multiple of 128 inputs for flexq, got {weight.inputs}")
    codes = unpacked_along(weight.words, 6, weight.inputs)
    if codes.size and int(codes.min()) == 0:
        place = np.argwhere(codes == 0)[0].tolist()
        raise ValueError(f"`q` must have codes from -31 to 31 for flexq, got -32 at {place}")
    planes = np.asarray(pack_planes(codes - np.uint8(1), 6, chunk=chunk))
    return {"qweight": planes, "scales": weight.scales} | carried(weight)


LAYOUTS = (
    Layout(
        "flexq",
        "FlexQ, symmetric 6-bit in bit planes",
        ("int6",),
        (Tensor("qweight", ("int32",), 5), Tensor("scales", SCALE_DTYPES, 2), BIAS),
        _read,
        _write,
        read_settings=(GROUP_SIZE,),
        write_settings=(CHUNK,),
        extras=("bias",),
    ),
)
