"""Blocks of GGUF files: scales and codes lie together, and a byte of 4-bit codes holds two halves of a block.

Types with numbers that no `QTensor` has (a float minimum, a fifth bit, 6-bit scales) go to and from ``float`` only.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve import _native
from paretoserve._arrays import as_numpy
from paretoserve._integers import check_integer
from paretoserve.errors import ShapeError
from paretoserve.quant import gguf
from paretoserve.quant._qtensor import QMeta, QTensor
from paretoserve.quant.layout import _nv
from paretoserve.quant.layout._check import NAN, check_e8m0, check_ue4m3
from paretoserve.quant.layout._group import half, per_block
from paretoserve.quant.layout._layout import Direct, Layout, Log, Setting, Tensor
from paretoserve.quant.layout.dense import DTYPE, compare, narrow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve.quant.layout._layout import Tensors

__all__ = ["DIRECT", "LAYOUTS"]

_SHAPE = Setting("shape", "logical shape, rows before columns, if `data` is flat", None)
# Bytes of scales in a block, of those whose scales can stand apart.
_HEADS = {"q4_0": 2, "q8_0": 2, "mxfp4": 1, "nvfp4": 4}


def _rows(data: NDArray[Any], kind: str, shape: Any) -> NDArray[Any]:
    """Return `data` as rows of whole blocks."""
    elements, size = gguf.TYPES[kind]
    if shape is not None:
        sizes = tuple(check_integer("shape", each, 0, 2**62) for each in shape)
        if not sizes or sizes[-1] % elements:
            raise ShapeError(f"`shape` must end with a multiple of {elements} for gguf_{kind}, got {sizes}")
        expected = (*sizes[:-1], sizes[-1] // elements * size)
        if data.size != np.prod(expected, dtype=np.float64):
            raise ShapeError(f"`data` must have {expected} bytes for shape {sizes}, got {data.shape}")
        return np.ascontiguousarray(data).reshape(expected)
    if data.ndim < 2 or data.shape[-1] % size:
        hint = "\nhint: pass shape= for flat data" if data.ndim == 1 else ""
        raise ShapeError(f"`data` must have rows of whole {kind} blocks ({size} bytes), got shape {data.shape}{hint}")
    return np.ascontiguousarray(data)


def _split(data: NDArray[Any], kind: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return scale bytes of shape (..., blocks * head) and codes with the even element below."""
    _, size = gguf.TYPES[kind]
    blocks, head = data.shape[-1] // size, _HEADS[kind]
    scales = np.empty((*data.shape[:-1], blocks * head), np.uint8)
    codes = np.empty((*data.shape[:-1], blocks * (size - head)), np.uint8)
    _native.quant_gguf_split(scales, codes, data, kind, None)
    return scales, codes


def _join(codes: NDArray[Any], scales: NDArray[Any], kind: str) -> NDArray[Any]:
    """Put codes and the bytes of their scales together, the inverse of `_split`."""
    _, size = gguf.TYPES[kind]
    body, head = size - _HEADS[kind], _HEADS[kind]
    heads = np.ascontiguousarray(scales).view(np.uint8)
    if codes.shape[-1] % body or heads.shape[-1] != codes.shape[-1] // body * head:
        elements, _ = gguf.TYPES[kind]
        raise ShapeError(f"gguf_{kind} has rows of whole blocks of {elements}, got codes of shape {codes.shape}")
    data = np.empty((*codes.shape[:-1], codes.shape[-1] // body * size), np.uint8)
    _native.quant_gguf_join(data, heads, np.ascontiguousarray(codes), kind, None)
    return data


def _read_group(tensors: Tensors, log: Log, *, shape: Any, kind: str) -> QTensor:
    heads, codes = _split(_rows(tensors["data"], kind, shape), kind)
    scales = heads.view(np.float16)
    if not np.isfinite(scales).all():
        row = np.argwhere(~np.isfinite(scales))[0].tolist()
        raise ValueError(f"`data` must have finite scales, got {scales[tuple(row)]} in block {row}")
    bits, fmt = (4, "int4") if kind == "q4_0" else (8, "int8")
    columns = codes.shape[-1] * 8 // bits
    meta = QMeta(fmt, (*codes.shape[:-1], columns), codes.ndim - 1, (1, 32), "amax")
    return QTensor(codes, scales, None, None, meta)


def _write_group(q: QTensor, log: Log, *, kind: str) -> Tensors:
    codes = np.asarray(q.codes)
    scales = half(per_block(np.asarray(q.scales), q.meta, 32), "scale", q.meta, log)
    return {"data": _join(codes, scales, kind)}


def _write_q4_1(q: QTensor, log: Log) -> Tensors:
    assert q.zeros is not None
    scales = per_block(np.asarray(q.scales), q.meta, 32).astype(np.float32)
    zeros = per_block(np.asarray(q.zeros), q.meta, 32).astype(np.float32)
    d, m = half(scales, "scale", q.meta, log), half(-scales * zeros, "minimum", q.meta, log)
    # Q4_0 has the same halves in its bytes, behind one number instead of two.
    joined = _join(np.asarray(q.codes), d, "q4_0").reshape(*d.shape, 18)
    data = np.concatenate([joined[..., :2], m[..., None].view(np.uint8), joined[..., 2:]], axis=-1)
    return {"data": data.reshape(*d.shape[:-1], -1)}


def _read_mxfp4(tensors: Tensors, log: Log, *, shape: Any, nan: str) -> QTensor:
    scales, codes = _split(_rows(tensors["data"], "mxfp4", shape), "mxfp4")
    check_e8m0("data", scales, nan)
    meta = QMeta("mxfp4", (*codes.shape[:-1], codes.shape[-1] * 2), codes.ndim - 1, (1, 32), "unknown")
    return QTensor(codes, scales, None, None, meta)


def _write_mxfp4(q: QTensor, log: Log) -> Tensors:
    # ggml has no NaN: it would read byte 255 as a power of two.
    check_e8m0("scales", np.asarray(q.scales), "raise")
    return {"data": _join(np.asarray(q.codes), np.asarray(q.scales), "mxfp4")}


def _read_nvfp4(tensors: Tensors, log: Log, *, shape: Any, nan: str, trust_scale: bool) -> QTensor:
    scales, codes = _split(_rows(tensors["data"], "nvfp4", shape), "nvfp4")
    check_ue4m3("data", scales, nan)
    if "scale" not in tensors:
        log.note("no scale of the tensor beside the blocks: taken as 1")
    stored = tensors.get("scale", np.ones(1, np.float32))
    scale = _nv.decoded("scale", stored, scales, encode=False, trust=trust_scale)
    extras = {"input_scale": tensors["input_scale"]} if "input_scale" in tensors else {}
    return _nv.qtensor(codes, scales, scale, extras)


def _write_nvfp4(q: QTensor, log: Log) -> Tensors:
    assert q.global_scale is not None
    scales = np.asarray(q.scales)
    # ggml reads byte 127 as zero.
    check_ue4m3("scales", scales, "raise")
    scale = _nv.checked_scale("q.global_scale", np.asarray(q.global_scale))
    written = {"data": _join(np.asarray(q.codes), scales, "nvfp4"), "scale": np.array([scale], np.float32)}
    inputs = _nv.input_scale(q, log, encode=False)
    return written if inputs is None else written | {"input_scale": inputs.reshape(1)}


def _to_float(tensors: Tensors, log: Log, *, shape: Any, dtype: str, kind: str) -> Tensors:
    weight = np.asarray(as_numpy(gguf.dequantize(_rows(tensors["data"], kind, shape), kind)))
    if "scale" in tensors:
        weight *= _nv.checked_scale("scale", tensors["scale"])
    return {"weight": narrow(weight, dtype, gguf.TYPES[kind][0], log)}


def _from_float(tensors: Tensors, log: Log, *, kind: str) -> Tensors:
    weight = tensors["weight"]
    data = np.asarray(gguf.quantize(weight, kind))
    again = np.asarray(gguf.dequantize(data, kind))
    compare(weight, again, gguf.TYPES[kind][0], f"quantized to gguf_{kind}", log)
    return {"data": data}


def _layout(kind: str, fmts: tuple[str, ...], read: Any, write: Any, *settings: Setting, refusal: str = "") -> Layout:
    scale = Tensor("scale", ("float32",), optional=True), Tensor("input_scale", ("float32",), optional=True)
    return Layout(
        f"gguf_{kind}",
        f"{kind.upper()} blocks of GGUF: llama.cpp",
        fmts,
        (Tensor("data", ("uint8",)), *(scale if kind == "nvfp4" else ())),
        read,
        write,
        read_settings=(_SHAPE, *settings) if read else (),
        refusal=refusal,
        extras=("encode_scale", "input_scale", "input_encode_scale") if kind == "nvfp4" else (),
    )


_READ_AS_FLOAT = "its blocks hold numbers that no QTensor has; convert to 'float', then quantize"
_DECODED = "K-quants are decoded only; write them with llama.cpp"

LAYOUTS = (
    _layout("q4_0", ("int4",), partial(_read_group, kind="q4_0"), partial(_write_group, kind="q4_0")),
    _layout("q4_1", ("int4_asym",), None, _write_q4_1, refusal=_READ_AS_FLOAT),
    _layout("q5_0", (), None, None, refusal=_READ_AS_FLOAT),
    _layout("q5_1", (), None, None, refusal=_READ_AS_FLOAT),
    _layout("q8_0", ("int8",), partial(_read_group, kind="q8_0"), partial(_write_group, kind="q8_0")),
    _layout("q4_k", (), None, None, refusal=f"{_DECODED}; as a source they go to 'float'"),
    _layout("q5_k", (), None, None, refusal=f"{_DECODED}; as a source they go to 'float'"),
    _layout("q6_k", (), None, None, refusal=f"{_DECODED}; as a source they go to 'float'"),
    _layout("mxfp4", ("mxfp4",), _read_mxfp4, _write_mxfp4, NAN),
    _layout("nvfp4", ("nvfp4",), _read_nvfp4, _write_nvfp4, NAN, _nv.TRUST),
)

DIRECT = (
    *(Direct(f"gguf_{kind}", "float", partial(_to_float, kind=kind), (_SHAPE, DTYPE)) for kind in gguf.TYPES),
    *(
        Direct("float", f"gguf_{kind}", partial(_from_float, kind=kind))
        for kind in gguf.ENCODED
        if kind != "nvfp4"  # it needs a scale of the tensor: quantize to nvfp4, then convert
    ),
)
