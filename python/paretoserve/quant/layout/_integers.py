"""Integer weights in groups, as GPTQ, AWQ, compressed-tensors and Marlin store them: one form that all of them share.

Codes are unsigned, dense, packed along the inputs of a layer in rows of whole 32-bit words; symmetric ones are offset
by half their range. Each layout takes its arrays to `Integers` and makes them from it; none needs arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve import _native
from paretoserve._integers import check_integer
from paretoserve.errors import ShapeError
from paretoserve.quant._formats import block_format
from paretoserve.quant._qtensor import QMeta, QTensor
from paretoserve.quant.layout._layout import Setting, Tensor
from paretoserve.quant.pack import pack_bits, unpack_bits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve.quant.layout._layout import Log, Tensors

__all__ = [
    "AWQ_ORDER",
    "BIAS",
    "FORMATS",
    "GROUP_SIZE",
    "SCALE_DTYPES",
    "Integers",
    "carried",
    "check_scales",
    "group_of",
    "note_scales",
    "of_qtensor",
    "order_of",
    "packed_along",
    "symmetric",
    "to_qtensor",
    "transposed",
    "transposed_nibbles",
    "unpacked_along",
]

FORMATS = tuple(f"int{bits}{zeros}" for bits in (4, 6, 8, 2, 3, 5, 7) for zeros in ("", "_asym"))
SCALE_DTYPES = ("float16", "bfloat16", "float32")
BIAS = Tensor("bias", SCALE_DTYPES, 1, optional=True)
GROUP_SIZE = Setting("group_size", "inputs that share a scale, -1 for all; to be checked against the arrays", None)
# The column that nibble j of a word of AWQ holds.
AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)


@dataclass(frozen=True, slots=True)
class Integers:
    """A weight of a linear layer.

    Attributes
    ----------
    words : ndarray of int32, shape (outputs, words)
        Codes of a row, the first in the lowest bits.
    scales : ndarray of float, shape (outputs, groups)
        One per group of inputs.
    zeros : ndarray of uint8, shape (outputs, groups), or None
        Zero points, None where all are half the range.
    bits : int
        Width of a code.
    inputs, group : int
        Length of a row, and how much of it shares a scale.
    g_idx : ndarray of int32, shape (inputs,), or None
        The group of every input, where they are not in order.
    bias : ndarray or None
        Carried along.
    """

    words: NDArray[Any]
    scales: NDArray[Any]
    zeros: NDArray[Any] | None
    bits: int
    inputs: int
    group: int
    g_idx: NDArray[Any] | None = None
    bias: NDArray[Any] | None = None

    def all_zeros(self) -> NDArray[Any]:
        """Return zero points, also where they are all the same."""
        return np.full(self.scales.shape, 1 << (self.bits - 1), np.uint8) if self.zeros is None else self.zeros

    def in_order(self) -> NDArray[Any]:
        """Return the group of every input."""
        return (np.arange(self.inputs) // self.group).astype(np.int32) if self.g_idx is None else self.g_idx


def to_qtensor(weight: Integers) -> QTensor:
    """Return the weight as a `QTensor`, sharing its codes; refuse what that cannot hold."""
    name = f"int{weight.bits}" + ("_asym" if weight.zeros is not None else "")
    if name not in FORMATS:
        raise ValueError(
            f"`tensors` must have codes of 2 to 8 bits for a QTensor, got {weight.bits}\n"
            "hint: gptq, gptq_v2 and ct_int convert into each other at every width"
        )
    if weight.g_idx is not None:
        raise ValueError(
            "`g_idx` must be in order for a QTensor, got groups of scattered inputs (act-order)\n"
            "hint: gptq, gptq_v2 and ct_int convert into each other and keep it"
        )
    codes = weight.words.view(np.uint8)[:, : -(-weight.inputs * weight.bits // 8)]
    if name == "int8":
        codes = codes ^ np.uint8(0x80)
    own, came = block_format(name).scale, weight.scales.dtype.name
    shape, block = (weight.words.shape[0], weight.inputs), (1, weight.group)
    meta = QMeta(name, shape, 1, block, "unknown", scale_dtype=None if own == came else came)
    extras = None if weight.bias is None else {"bias": weight.bias}
    return QTensor(np.ascontiguousarray(codes), weight.scales, weight.zeros, None, meta, extras)


def of_qtensor(q: QTensor) -> Integers:
    """Return what a `QTensor` of one of `FORMATS` holds."""
    if len(q.meta.shape) != 2:
        raise ShapeError(f"`q` must have 2 axes for integer layouts, got shape {q.meta.shape}")
    form, (outputs, inputs) = block_format(q.meta.fmt), q.meta.shape
    group = q.meta.block[1]
    if inputs % group:
        raise ShapeError(
            f"`q` must have whole groups of {group} inputs, got {inputs}\nhint: quantize with a group that fits"
        )
    codes = np.asarray(q.codes)
    if q.meta.fmt == "int8":
        codes = codes ^ np.uint8(0x80)
    row = -(-inputs * form.bits // 32) * 4
    if codes.shape[1] != row:
        codes = np.pad(codes[:, : -(-inputs * form.bits // 8)], ((0, 0), (0, row - -(-inputs * form.bits // 8))))
    words = np.ascontiguousarray(codes).view(np.int32).reshape(outputs, row // 4)
    zeros = None if q.zeros is None else np.asarray(q.zeros)
    bias = None if not q.extras or "bias" not in q.extras else np.asarray(q.extras["bias"])
    return Integers(words, np.asarray(q.scales), zeros, form.bits, inputs, group, None, bias)


def symmetric(zeros: NDArray[Any], bits: int) -> NDArray[Any] | None:
    """Return zero points, None if all are half the range."""
    return None if zeros.size and (zeros == 1 << (bits - 1)).all() else zeros


def carried(weight: Integers) -> Tensors:
    """Return the bias, if there is one."""
    return {} if weight.bias is None else {"bias": weight.bias}


def group_of(inputs: int, groups: int, group_size: object) -> int:
    """Return the inputs of a group; refuse a size that contradicts the number of groups."""
    if group_size is not None and group_size != -1:
        expected = check_integer("group_size", group_size, 1, 2**31)
        if -(-inputs // expected) != groups:
            raise ValueError(f"`group_size` must give {groups} groups of {inputs} inputs, got {expected}")
    if group_size == -1 and groups != 1:
        raise ValueError(f"`group_size` must give {groups} groups of {inputs} inputs, got -1")
    if groups == 0 or inputs % groups:
        raise ShapeError(f"`scales` must have as many groups as divide {inputs} inputs, got {groups}")
    return max(inputs // groups, 1)


def check_scales(scales: NDArray[Any], argument: str) -> None:
    """Refuse scales that are NaN or infinite."""
    bad = ~np.isfinite(scales.astype(np.float32))
    if bad.any():
        place = np.argwhere(bad)[0].tolist()
        raise ValueError(f"`{argument}` must be finite, got {scales[tuple(place)]} at {place}")


def order_of(g_idx: NDArray[Any] | None, inputs: int, groups: int, group: int) -> NDArray[Any] | None:
    """Return the groups of inputs if they are not in order; refuse groups that there are not."""
    if g_idx is None:
        return None
    if g_idx.shape != (inputs,):
        raise ShapeError(f"`g_idx` must have shape ({inputs},), got {g_idx.shape}")
    if g_idx.size and not 0 <= int(g_idx.min()) <= int(g_idx.max()) < groups:
        raise ValueError(f"`g_idx` must be from 0 to {groups - 1}, got {int(g_idx.min())} to {int(g_idx.max())}")
    return None if (g_idx == np.arange(inputs) // group).all() else g_idx


def transposed(words: NDArray[Any]) -> NDArray[Any]:
    """Return the transpose of a matrix of 32-bit words."""
    rows, cols = words.shape
    out = np.empty((cols, rows), np.int32)
    if out.size:
        _native.quant_transpose_words(_bytes(out), _bytes(words), cols, None)
    return out


def transposed_nibbles(words: NDArray[Any], *, from_awq: bool) -> NDArray[Any]:
    """Return the transpose of a matrix of 4-bit codes, eight in a word along both rows, one in the order of AWQ."""
    rows, cols = words.shape
    out = np.empty((cols * 8, rows // 8), np.int32)
    if out.size:
        _native.quant_transpose_nibbles(_bytes(out), _bytes(words), cols, from_awq, None)
    return out


def packed_along(codes: NDArray[Any], bits: int) -> NDArray[Any]:
    """Return codes packed along rows in whole words."""
    return np.asarray(pack_bits(np.ascontiguousarray(codes), bits, word=32))


def unpacked_along(words: NDArray[Any], bits: int, count: int) -> NDArray[Any]:
    """Return the codes of rows of words."""
    return np.asarray(unpack_bits(words, bits, count))


def note_scales(log: Log, scales: NDArray[Any]) -> None:
    """Say that an engine expects another dtype."""
    if scales.dtype.name == "float32":
        log.note("scales are float32; engines expect float16 or bfloat16")


def _bytes(words: NDArray[Any]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(words).view(np.uint8)
