"""Integers of compressed-tensors (pack-quantized): rows of codes as dense streams of 32-bit words.

Old versions left the bits of a word unused that no whole code fits in: the same bytes for 1, 2, 4 and 8 bits, other
ones for 3, 5, 6 and 7. That layout is read under its own name.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from paretoserve._integers import check_integer
from paretoserve.errors import ShapeError
from paretoserve.quant.layout import gptq
from paretoserve.quant.layout._integers import (
    BIAS,
    FORMATS,
    GROUP_SIZE,
    SCALE_DTYPES,
    Integers,
    carried,
    check_scales,
    group_of,
    of_qtensor,
    order_of,
    packed_along,
    symmetric,
    to_qtensor,
    unpacked_along,
)
from paretoserve.quant.layout._layout import Direct, Layout, Log, Setting, Tensor
from paretoserve.quant.pack import unpack_bits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve.quant._qtensor import QTensor
    from paretoserve.quant.layout._layout import Tensors

__all__ = ["DIRECT", "LAYOUTS"]

BITS = Setting("bits", "width of a code; needed where `weight_shape` and the width of the words leave a choice", None)


def _parse(tensors: Tensors, log: Log, *, padded: bool, bits: object, group_size: object) -> Integers:
    """Take the arrays to `Integers`; words that are not dense are packed anew."""
    words, scales = tensors["weight_packed"], tensors["weight_scale"]
    outputs, inputs = _shape(tensors, bits)
    width = _bits(words.shape[1], inputs, bits, padded)
    if words.shape[0] != outputs or scales.ndim != 2 or scales.shape[0] != outputs:
        raise ShapeError(
            f"`weight_packed` and `weight_scale` must have {outputs} rows, got {words.shape[0]} and {scales.shape[0]}"
        )
    check_scales(scales, "weight_scale")
    if padded and 32 % width:
        words = packed_along(_padded_codes(words, width, inputs), width)
    groups = scales.shape[1]
    group = group_of(inputs, groups, group_size)
    zeros = None
    if "weight_zero_point" in tensors:
        zeros = _zeros(tensors["weight_zero_point"], width, outputs, groups, padded)
    order = order_of(tensors.get("weight_g_idx"), inputs, groups, group)
    return Integers(
        np.ascontiguousarray(words),
        scales,
        None if zeros is None else symmetric(zeros, width),
        width,
        inputs,
        group,
        order,
        tensors.get("bias"),
    )


def _shape(tensors: Tensors, bits: object) -> tuple[int, int]:
    """Return outputs and inputs."""
    words = tensors["weight_packed"]
    if "weight_shape" not in tensors:
        if bits is None:
            raise ShapeError("`tensors` must have 'weight_shape' for ct_int\nhint: or give `bits`, if no row is padded")
        return words.shape[0], words.shape[1] * 32 // check_integer("bits", bits, 1, 8)
    shape = tensors["weight_shape"]
    if shape.shape != (2,) or (shape < 0).any():
        raise ShapeError(f"`weight_shape` must hold outputs and inputs, got {shape.tolist()}")
    return int(shape[0]), int(shape[1])


def _words(inputs: int, bits: int, padded: bool) -> int:
    return -(-inputs // (32 // bits)) if padded else -(-inputs * bits // 32)


def _bits(words: int, inputs: int, bits: object, padded: bool) -> int:
    """Return the width of a code; refuse words that cannot have it."""
    possible = [each for each in range(1, 9) if _words(inputs, each, padded) == words]
    if bits is not None:
        width = check_integer("bits", bits, 1, 8)
        if width not in possible:
            other = "ct_int" if padded else "ct_int_padded"
            hint = f"\nhint: these are the words of {other}" if _words(inputs, width, not padded) == words else ""
            expected = _words(inputs, width, padded)
            raise ShapeError(
                f"`weight_packed` must have {expected} columns for {inputs} inputs of {width} bits, got {words}{hint}"
            )
        return width
    if len(possible) != 1:
        found = " or ".join(map(str, possible)) or "no"
        other = "ct_int" if padded else "ct_int_padded"
        elsewhere = any(_words(inputs, each, not padded) == words for each in range(1, 9))
        hint = "give `bits`" if possible else f"they may be those of {other}" if elsewhere else "check `weight_shape`"
        raise ShapeError(
            f"`weight_packed` has {words} columns for {inputs} inputs, which {found} bits have\nhint: {hint}"
        )
    return possible[0]


def _padded_codes(words: NDArray[np.int32], bits: int, inputs: int) -> NDArray[np.uint8]:
    """Return the codes of words that each hold as many whole ones as fit."""
    each = 32 // bits
    codes = unpack_bits(np.ascontiguousarray(words).reshape(-1, 1), bits, each)
    return np.ascontiguousarray(np.asarray(codes).reshape(len(words), -1)[:, :inputs])


def _zeros(packed: NDArray[np.int32], bits: int, outputs: int, groups: int, padded: bool) -> NDArray[np.uint8]:
    """Return zero points, which lie packed along the outputs."""
    expected = (_words(outputs, bits, padded), groups)
    if packed.shape != expected:
        raise ShapeError(f"`weight_zero_point` must have shape {expected}, got {packed.shape}")
    columns = np.ascontiguousarray(packed.T)
    if padded and 32 % bits:
        return np.ascontiguousarray(_padded_codes(columns, bits, outputs).T)
    return np.ascontiguousarray(unpacked_along(columns, bits, outputs).T)


def _make(weight: Integers, log: Log) -> Tensors:
    outputs = weight.words.shape[0]
    made = {
        "weight_packed": weight.words,
        "weight_scale": weight.scales,
        "weight_shape": np.array([outputs, weight.inputs], np.int64),
    }
    if weight.zeros is not None:
        packed = packed_along(np.ascontiguousarray(weight.zeros.T), weight.bits)
        made["weight_zero_point"] = np.ascontiguousarray(packed.T)
    if weight.g_idx is not None:
        made["weight_g_idx"] = weight.g_idx
    return made | carried(weight)


def _read(tensors: Tensors, log: Log, *, padded: bool, bits: object, group_size: object) -> QTensor:
    return to_qtensor(_parse(tensors, log, padded=padded, bits=bits, group_size=group_size))


def _write(q: QTensor, log: Log) -> Tensors:
    return _make(of_qtensor(q), log)


def _from_gptq(tensors: Tensors, log: Log, *, named: str, gptq_version: str, group_size: object) -> Tensors:
    return _make(gptq.parse(tensors, log, named=named, gptq_version=gptq_version, group_size=group_size), log)


def _to_gptq(tensors: Tensors, log: Log, *, version: str, padded: bool, bits: object, group_size: object) -> Tensors:
    return gptq.write(_parse(tensors, log, padded=padded, bits=bits, group_size=group_size), log, version=version)


def _from_gptq_to_gptq(
    tensors: Tensors, log: Log, *, named: str, version: str, gptq_version: str, group_size: object
) -> Tensors:
    weight = gptq.parse(tensors, log, named=named, gptq_version=gptq_version, group_size=group_size)
    return gptq.write(weight, log, version=version)


def _repack(tensors: Tensors, log: Log, *, padded: bool, bits: object, group_size: object) -> Tensors:
    return _make(_parse(tensors, log, padded=padded, bits=bits, group_size=group_size), log)


def _layout(name: str, what: str, padded: bool) -> Layout:
    return Layout(
        name,
        what,
        FORMATS,
        (
            Tensor("weight_packed", ("int32",), 2),
            Tensor("weight_scale", SCALE_DTYPES, 2),
            Tensor("weight_shape", ("int64", "int32"), 1, optional=True),
            Tensor("weight_zero_point", ("int32",), 2, optional=True),
            Tensor("weight_g_idx", ("int32",), 1, optional=True),
            BIAS,
        ),
        partial(_read, padded=padded),
        None if padded else _write,
        read_settings=(BITS, GROUP_SIZE),
        refusal="old readers only; ct_int is what is read today" if padded else "",
        extras=("bias",),
    )


LAYOUTS = (
    _layout("ct_int", "pack-quantized of compressed-tensors, 1 to 8 bits: vLLM", False),
    _layout("ct_int_padded", "pack-quantized of old compressed-tensors, 3, 5, 6 and 7 bits with gaps", True),
)

_VERSIONS = (("gptq", "v1"), ("gptq_v2", "v2"))
_PADDED = (("ct_int", False), ("ct_int_padded", True))

# These keep groups of scattered inputs and codes of 1 bit, which no `QTensor` has.
DIRECT = (
    *(Direct(name, "ct_int", partial(_from_gptq, named=named), gptq.SETTINGS) for name, named in _VERSIONS),
    *(
        Direct(source, name, partial(_to_gptq, version=version, padded=padded), (BITS, GROUP_SIZE))
        for source, padded in _PADDED
        for name, version in _VERSIONS
    ),
    *(
        Direct(source, name, partial(_from_gptq_to_gptq, named=named, version=version), gptq.SETTINGS)
        for source, named in _VERSIONS
        for name, version in _VERSIONS
    ),
    *(Direct(source, "ct_int", partial(_repack, padded=padded), (BITS, GROUP_SIZE)) for source, padded in _PADDED),
)
