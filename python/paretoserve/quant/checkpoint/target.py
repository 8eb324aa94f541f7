"""What an engine reads: which tensors a quantized weight becomes, and the configuration that says so.

Three targets: compressed-tensors (any linear layer; formats may differ per layer), ModelOpt (NVFP4), and gpt-oss
(MXFP4 of fused experts).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.quant._formats import block_format
from paretoserve.quant._qtensor import QMeta, QTensor
from paretoserve.quant.checkpoint.files import Stored
from paretoserve.quant.checkpoint.select import module_of
from paretoserve.quant.convert import convert

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TARGETS", "Target", "announced", "columns_of", "read_back", "unfit_because", "written"]


@dataclass(frozen=True, slots=True)
class Target:
    """A way of engines to store a quantized checkpoint.

    Attributes
    ----------
    name : str
    formats : mapping of str to str
        Block formats that it can hold, with the layout of `convert` for each; empty where the bytes of the `QTensor`
        are those of the file.
    experts : bool
        Whether it holds fused experts rather than linear layers.
    """

    name: str
    formats: Mapping[str, str]
    experts: bool = False


TARGETS = {
    each.name: each
    for each in (
        Target(
            "compressed-tensors",
            {
                "mxfp4": "ct_mxfp4",
                "nvfp4": "ct_nvfp4",
                "mxfp8_e4m3": "ct_mxfp8",
                "int4": "ct_int",
                "int4_asym": "ct_int",
                "int8": "",
                "fp8_row": "",
                "fp8_block": "",
            },
        ),
        Target("modelopt", {"nvfp4": "modelopt_nvfp4"}),
        Target("gpt-oss", {"mxfp4": "gpt_oss_mxfp4"}, experts=True),
    )
}
_DTYPES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}


def columns_of(target: Target, tensor: Stored) -> tuple[int, int]:
    """Return rows and columns of a weight as it is quantized: fused experts are stored with the columns before last."""
    if target.experts:
        experts, columns, rows = tensor.shape
        return experts * rows, columns
    rows, columns = tensor.shape
    return rows, columns


def unfit_because(target: Target, tensor: Stored, fmt: str, group: int) -> str | None:
    """Return why a tensor cannot have a format, None if it can."""
    columns = columns_of(target, tensor)[1]
    unit = _group(fmt, group, columns)
    if block_format(fmt).family != "fp8" and columns % unit:
        return f"{columns} columns are no multiple of {unit}"
    return None


def _group(fmt: str, group: int, columns: int) -> int:
    """Return the columns that share a scale."""
    width = group if fmt.startswith("int4") else block_format(fmt).block[1]
    return columns if width == -1 else width


def announced(target: Target, tensor: Stored, fmt: str, group: int) -> tuple[Stored, ...]:
    """Return the tensors that a weight will become: names, dtypes and shapes follow from its shape."""
    rows, columns = columns_of(target, tensor)
    blocks = -(-columns // _group(fmt, group, columns))
    if target.experts:
        lead = (tensor.shape[0], tensor.shape[2], blocks)
        return Stored(f"{tensor.name}_blocks", "U8", (*lead, 16)), Stored(f"{tensor.name}_scales", "U8", lead)
    layout = target.formats[fmt]
    kinds: list[tuple[str, str, tuple[int, ...]]]
    if layout == "modelopt_nvfp4":
        kinds = [("weight", "U8", (rows, columns // 2)), ("weight_scale", "F8_E4M3", (rows, blocks))]
        kinds.append(("weight_scale_2", "F32", ()))
    elif layout == "ct_nvfp4":
        kinds = [("weight_packed", "U8", (rows, columns // 2)), ("weight_scale", "F8_E4M3", (rows, blocks))]
        kinds.append(("weight_global_scale", "F32", (1,)))
    elif layout == "ct_mxfp4":
        kinds = [("weight_packed", "U8", (rows, columns // 2)), ("weight_scale", "U8", (rows, blocks))]
    elif layout == "ct_mxfp8":
        kinds = [("weight", "F8_E4M3", (rows, columns)), ("weight_scale", "U8", (rows, blocks))]
    elif layout == "ct_int":
        kinds = [("weight_packed", "I32", (rows, -(-columns // 8))), ("weight_scale", tensor.dtype, (rows, blocks))]
        kinds.append(("weight_shape", "I64", (2,)))
        if block_format(fmt).has_zeros:
            kinds.append(("weight_zero_point", "I32", (-(-rows // 8), blocks)))
    else:
        scale_rows = -(-rows // block_format(fmt).block[0])
        kinds = [("weight", "I8" if fmt == "int8" else "F8_E4M3", (rows, columns))]
        kinds.append(("weight_scale", "F32", (scale_rows, blocks)))
    module = module_of(tensor.name)
    return tuple(Stored(f"{module}.{name}", dtype, shape) for name, dtype, shape in kinds)


def written(target: Target, q: QTensor, tensors: tuple[Stored, ...]) -> dict[str, NDArray[Any]]:
    """Return the arrays of the announced tensors, by the names of their file."""
    layout = target.formats[q.meta.fmt]
    if not layout:
        parts: dict[str, Any] = {"weight": q.codes, "weight_scale": q.scales}
    else:
        parts = dict(convert(q, "qtensor", layout)[0])  # type: ignore[arg-type]
    arrays = {}
    for tensor in tensors:
        part = np.asarray(parts.pop(_part(tensor.name)))
        if tensor.dtype == "I64":
            part = part.astype(np.int64)
        if part.size != tensor.num_elements or part.nbytes != tensor.nbytes:
            raise ValueError(f"`{tensor.name}` was announced as {tensor}, got {part.dtype} of shape {part.shape}")
        arrays[tensor.name] = part.reshape(tensor.shape)
    if parts:
        raise ValueError(f"`{tensors[0].name}` comes with {', '.join(parts)}, which was not announced")
    return arrays


def _part(name: str) -> str:
    """Return the name of a tensor without that of its module."""
    for suffix in ("_blocks", "_scales"):
        if name.endswith(suffix):
            return suffix[1:]
    return name.rpartition(".")[2]


def read_back(target: Target, arrays: Mapping[str, NDArray[Any]], meta: QMeta) -> QTensor:
    """Return a weight as an engine reads it: the matrix that `columns_of` describes."""
    parts = {_part(name): array for name, array in arrays.items()}
    layout = target.formats[meta.fmt]
    if not layout:
        return QTensor(parts["weight"].view(np.uint8), parts["weight_scale"], None, None, meta)
    # The direction of a global scale that was written here needs no guess.
    options: dict[str, Any] = {"trust_scale": True} if block_format(meta.fmt).has_global_scale else {}
    if layout == "ct_int":
        options = {"bits": 4}
    q = convert(parts, layout, "qtensor", **options)[0]
    assert isinstance(q, QTensor)
    if target.experts:
        rows = meta.shape[0]
        scales = np.asarray(q.scales).reshape(rows, -1)
        return replace(q, codes=np.asarray(q.codes).reshape(rows, -1), scales=scales, meta=meta)
    return q
