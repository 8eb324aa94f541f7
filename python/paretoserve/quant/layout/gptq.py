"""GPTQ: words of consecutive inputs, one row of words per 32 bits of inputs and one column per output.

A transpose of 32-bit words away from compressed-tensors. Version 1 stores zero points less one, version 2 as they are;
files with the wrong label exist, so symmetric ones are recognized by their zero points.
"""

from __future__ import annotations

from functools import partial
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
    note_scales,
    of_qtensor,
    order_of,
    packed_along,
    symmetric,
    to_qtensor,
    transposed,
    unpacked_along,
)
from paretoserve.quant.layout._layout import Layout, Log, Setting, Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve.quant._qtensor import QTensor
    from paretoserve.quant.layout._layout import Tensors

__all__ = ["LAYOUTS", "SETTINGS", "parse", "write"]

WIDTHS = (2, 3, 4, 8)
VERSION = Setting(
    "gptq_version",
    'how zero points are stored: "v1" less one, "v2" as they are, "auto" by symmetric ones, else by the name',
    "auto",
    ("auto", "v1", "v2"),
)
SETTINGS = (VERSION, GROUP_SIZE)


def parse(tensors: Tensors, log: Log, *, named: str, gptq_version: str, group_size: object) -> Integers:
    """Take the arrays of a GPTQ weight, whose layout was `named` v1 or v2, to `Integers`."""
    weight, packed, scales = tensors["qweight"], tensors["qzeros"], tensors["scales"]
    outputs, groups = weight.shape[1], scales.shape[0]
    if scales.shape != (groups, outputs):
        raise ShapeError(f"`scales` must have shape (groups, {outputs}) beside this `qweight`, got {scales.shape}")
    bits = packed.shape[1] * 32 // max(outputs, 1)
    if bits not in WIDTHS or packed.shape != (groups, outputs * bits // 32) or outputs * bits % 32:
        raise ShapeError(
            f"`qzeros` must have shape ({groups}, {outputs} * bits / 32) with 2, 3, 4 or 8 bits, got {packed.shape}"
        )
    inputs = weight.shape[0] * 32 // bits
    if weight.shape[0] * 32 % bits:
        raise ShapeError(f"`qweight` must have a multiple of {bits} rows for {bits} bits, got {weight.shape[0]}")
    check_scales(scales, "scales")
    group = group_of(inputs, groups, group_size)
    zeros = _zeros(unpacked_along(packed, bits, outputs), bits, named, gptq_version, log)
    return Integers(
        transposed(weight),
        np.ascontiguousarray(scales.T),
        symmetric(np.ascontiguousarray(zeros.T), bits),
        bits,
        inputs,
        group,
        order_of(tensors.get("g_idx"), inputs, groups, group),
        tensors.get("bias"),
    )


def _zeros(stored: NDArray[np.uint8], bits: int, named: str, asked: str, log: Log) -> NDArray[np.uint8]:
    """Return zero points as they are meant, and say when the file contradicts its label."""
    half, version = 1 << (bits - 1), named if asked == "auto" else asked
    looks = {half - 1: "v1", half: "v2"}.get(int(stored.flat[0])) if stored.size else None
    if looks is not None and (stored == stored.flat[0]).all() and looks != version:
        if asked == "auto":
            version = looks
            log.note(f"zero points are all {int(stored.flat[0])}: read as {looks}, although the layout is {named}")
        else:
            log.note(f"zero points are all {int(stored.flat[0])}, which {looks} has: read as {version}, as asked")
    return stored if version == "v2" else (stored + 1) & (2**bits - 1)


def write(weight: Integers, log: Log, *, version: str) -> Tensors:
    """Make the arrays of GPTQ."""
    bits, outputs = weight.bits, weight.words.shape[0]
    if bits not in WIDTHS:
        raise ValueError(f"codes must have 2, 3, 4 or 8 bits for gptq, got {bits}\nhint: ct_int holds {bits} bits")
    if outputs * bits % 32 or weight.inputs * bits % 32:
        raise ShapeError(
            f"`q` must have inputs and outputs in whole words of {bits} bits for gptq, got ({outputs}, {weight.inputs})"
        )
    zeros = np.ascontiguousarray(weight.all_zeros().T)
    if version == "v1":
        if not zeros.all():
            log.note(f"zero points of 0 are stored as {2**bits - 1}; some readers of v1 take them for {2**bits}")
        zeros = (zeros - 1) & (2**bits - 1)
    note_scales(log, weight.scales)
    return {
        "qweight": transposed(weight.words),
        "qzeros": packed_along(zeros, bits),
        "scales": np.ascontiguousarray(weight.scales.T),
        "g_idx": weight.in_order(),
    } | carried(weight)


def _read(tensors: Tensors, log: Log, *, named: str, gptq_version: str, group_size: object) -> QTensor:
    return to_qtensor(parse(tensors, log, named=named, gptq_version=gptq_version, group_size=group_size))


def _write(q: QTensor, log: Log, *, version: str) -> Tensors:
    return write(of_qtensor(q), log, version=version)


def _layout(name: str, version: str, what: str) -> Layout:
    return Layout(
        name,
        what,
        tuple(f"int{bits}{zeros}" for bits in (4, 8, 2, 3) for zeros in ("", "_asym")),
        (
            Tensor("qweight", ("int32",), 2),
            Tensor("qzeros", ("int32",), 2),
            Tensor("scales", SCALE_DTYPES, 2),
            Tensor("g_idx", ("int32",), 1, optional=True),
            BIAS,
        ),
        partial(_read, named=version),
        partial(_write, version=version),
        read_settings=SETTINGS,
        extras=("bias",),
    )


LAYOUTS = (
    _layout("gptq", "v1", "GPTQ, zero points less one: AutoGPTQ, vLLM, transformers"),
    _layout("gptq_v2", "v2", "GPTQ, zero points as they are: GPTQModel"),
)
