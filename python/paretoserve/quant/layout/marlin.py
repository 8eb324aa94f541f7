"""Marlin of IST-DASLab, symmetric 4-bit: codes in the order in which threads of a tensor core instruction hold them.

Tiles of 16 inputs and 16 outputs lie one after the other; within four tiles codes are permuted, then packed eight to a
word, `B`. Scales, `s`, are permuted within 64 outputs, or within 32 where a whole row has one scale. Names and orders
are those of the buffers of its `Layer`. What vLLM derived from it for zero points, 8 bits and activations in 8 bits are
other layouts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.quant.layout._integers import (
    AWQ_ORDER,
    BIAS,
    GROUP_SIZE,
    Integers,
    carried,
    check_scales,
    group_of,
    of_qtensor,
    packed_along,
    to_qtensor,
    unpacked_along,
)
from paretoserve.quant.layout._layout import Layout, Log, Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve.quant._qtensor import QTensor
    from paretoserve.quant.layout._layout import Tensors

__all__ = ["LAYOUTS"]


def _order() -> NDArray[np.intp]:
    """Return which code of four tiles is at each of the 1024 places."""
    thread = np.arange(32)
    column, pair = thread // 4, 2 * (thread % 4)
    rows = np.stack([pair, pair + 1, pair + 8, pair + 9], axis=-1)
    # Axes: thread, half of the columns, row; then thread, tile, code of the tile: a thread reads 16 bytes at once.
    of_tile = 16 * rows[:, None, :] + column[:, None, None] + 8 * np.arange(2)[None, :, None]
    all_tiles = of_tile.reshape(32, 1, 8) + 256 * np.arange(4)[None, :, None]
    return np.asarray(all_tiles[..., AWQ_ORDER].reshape(-1))


ORDER = _order()
# Scales of 64 outputs of a group; of 32 outputs, where a whole row has one scale.
GROUPED = np.arange(64).reshape(8, 8).T.reshape(-1)
SINGLE = (2 * np.arange(4)[:, None] + np.array([0, 1, 8, 9, 16, 17, 24, 25])).reshape(-1)


def _scale_order(groups: int) -> NDArray[np.intp]:
    return SINGLE if groups == 1 else GROUPED


def _read(tensors: Tensors, log: Log, *, group_size: object) -> QTensor:
    packed, scales = tensors["B"], tensors["s"]
    inputs, outputs, groups = packed.shape[0] * 16, packed.shape[1] // 2, scales.shape[0]
    if packed.shape[1] % 128:
        raise ShapeError(f"`B` must have a multiple of 128 columns, got {packed.shape}")
    if scales.shape != (groups, outputs):
        raise ShapeError(f"`s` must have shape (groups, {outputs}) beside this `B`, got {scales.shape}")
    check_scales(scales, "s")
    group = group_of(inputs, groups, group_size)
    codes = np.empty((packed.size // 128, 1024), np.uint8)
    codes[:, ORDER] = unpacked_along(packed.reshape(-1, 128), 4, 1024)
    tiles = codes.reshape(inputs // 16, outputs // 16, 16, 16)
    rows = tiles.transpose(1, 3, 0, 2).reshape(outputs, inputs)
    order = _scale_order(groups)
    plain = np.empty((scales.size // order.size, order.size), scales.dtype)
    plain[:, order] = np.ascontiguousarray(scales).reshape(plain.shape)
    words, by_output = packed_along(rows, 4), np.ascontiguousarray(plain.reshape(scales.shape).T)
    return to_qtensor(Integers(words, by_output, None, 4, inputs, group, None, tensors.get("bias")))


def _write(q: QTensor, log: Log) -> Tensors:
    weight = of_qtensor(q)
    (outputs, groups), inputs = weight.scales.shape, weight.inputs
    if inputs % 16 or outputs % 64:
        raise ShapeError(
            f"`q` must have a multiple of 64 outputs and of 16 inputs for marlin, got ({outputs}, {inputs})"
        )
    if outputs % 256 or inputs % 128 or weight.group not in (128, inputs):
        log.note("Marlin's own kernel takes multiples of 256 outputs and 128 inputs, in groups of 128 or one per row")
    if weight.scales.dtype != np.float16:
        raise ValueError(f"`q` must have float16 scales for marlin, got {weight.scales.dtype.name}")
    codes = unpacked_along(weight.words, 4, inputs)
    tiles = codes.reshape(outputs // 16, 16, inputs // 16, 16).transpose(2, 0, 3, 1)
    packed = packed_along(np.ascontiguousarray(tiles).reshape(-1, 1024)[:, ORDER], 4)
    order = _scale_order(groups)
    scales: NDArray[Any] = np.ascontiguousarray(weight.scales.T).reshape(-1, order.size)[:, order]
    return {"B": packed.reshape(inputs // 16, outputs * 2), "s": scales.reshape(groups, outputs)} | carried(weight)


LAYOUTS = (
    Layout(
        "marlin",
        "Marlin of IST-DASLab, symmetric 4-bit",
        ("int4",),
        (Tensor("B", ("int32",), 2), Tensor("s", ("float16",), 2), BIAS),
        _read,
        _write,
        read_settings=(GROUP_SIZE,),
        extras=("bias",),
    ),
)
