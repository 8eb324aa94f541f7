"""NVFP4, MXFP4 and MXFP8 of compressed-tensors: even element in the low nibble, scales in rows.

The global scale of NVFP4 is in the encoding direction: decoding divides by it. Its bits are kept in the `QTensor`, so
that a way there and back changes no byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.quant._qtensor import QMeta, QTensor
from paretoserve.quant.layout import _nv
from paretoserve.quant.layout._check import NAN, check_e8m0, check_ue4m3
from paretoserve.quant.layout._layout import Layout, Log, Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve.quant.layout._layout import Tensors

__all__ = ["LAYOUTS"]


def _read_nvfp4(tensors: Tensors, log: Log, *, nan: str, trust_scale: bool) -> QTensor:
    codes, scales, stored = tensors["weight_packed"], tensors["weight_scale"], tensors["weight_global_scale"]
    _nv.check_shapes(codes, scales, "weight_packed", "weight_scale")
    check_ue4m3("weight_scale", scales, nan)
    scale = _nv.decoded("weight_global_scale", stored, scales, encode=True, trust=trust_scale)
    _nv.note_global_scale(scales, 1 / float(stored.reshape(())), float(scale), log)
    extras = {"encode_scale": stored.reshape(())}
    if "input_global_scale" in tensors:
        _nv.checked_scale("input_global_scale", tensors["input_global_scale"])
        extras["input_encode_scale"] = tensors["input_global_scale"]
    return _nv.qtensor(codes, scales, scale, extras)


def _write_nvfp4(q: QTensor, log: Log, *, nan: str) -> Tensors:
    scales = np.asarray(q.scales)
    check_ue4m3("weight_scale", scales, nan)
    written = {
        "weight_packed": np.asarray(q.codes),
        "weight_scale": scales,
        "weight_global_scale": _nv.encoded_scale(q, log),
    }
    inputs = _nv.input_scale(q, log, encode=True)
    return written if inputs is None else written | {"input_global_scale": inputs.reshape(1)}


def _read_mxfp4(tensors: Tensors, log: Log, *, nan: str) -> QTensor:
    codes, scales = tensors["weight_packed"], tensors["weight_scale"]
    _check_mx(codes, scales, "weight_packed", 16)
    check_e8m0("weight_scale", scales, nan)
    meta = QMeta("mxfp4", (codes.shape[0], codes.shape[1] * 2), 1, (1, 32), "unknown")
    return QTensor(codes, scales, None, None, meta)


def _write_mxfp4(q: QTensor, log: Log, *, nan: str) -> Tensors:
    scales = np.asarray(q.scales)
    check_e8m0("weight_scale", scales, nan)
    return {"weight_packed": np.asarray(q.codes), "weight_scale": scales}


def _read_mxfp8(tensors: Tensors, log: Log, *, nan: str) -> QTensor:
    codes, scales = tensors["weight"], tensors["weight_scale"]
    _check_mx(codes, scales, "weight", 32)
    check_e8m0("weight_scale", scales, nan)
    meta = QMeta("mxfp8_e4m3", (codes.shape[0], codes.shape[1]), 1, (1, 32), "unknown")
    return QTensor(codes, scales, None, None, meta)


def _write_mxfp8(q: QTensor, log: Log, *, nan: str) -> Tensors:
    scales = np.asarray(q.scales)
    check_e8m0("weight_scale", scales, nan)
    return {"weight": np.asarray(q.codes), "weight_scale": scales}


def _check_mx(codes: NDArray[Any], scales: NDArray[Any], argument: str, bytes_per_block: int) -> None:
    if codes.shape[-1] % bytes_per_block:
        raise ShapeError(f"`{argument}` must have rows of whole blocks ({bytes_per_block} bytes), got {codes.shape}")
    expected = (codes.shape[0], codes.shape[1] // bytes_per_block)
    if scales.shape != expected:
        nvfp4 = bytes_per_block == 16 and scales.shape[-1] == 2 * expected[-1]
        hint = "\nhint: one scale per 16 weights is NVFP4, not MXFP4" if nvfp4 else ""
        raise ShapeError(
            f"`weight_scale` must have shape {expected} beside this `{argument}`, got {scales.shape}{hint}"
        )


LAYOUTS = (
    Layout(
        "ct_nvfp4",
        "nvfp4-pack-quantized of compressed-tensors: vLLM",
        ("nvfp4",),
        (
            Tensor("weight_packed", ("uint8",), 2),
            Tensor("weight_scale", ("float8_e4m3fn", "uint8"), 2),
            Tensor("weight_global_scale", ("float32",)),
            Tensor("input_global_scale", ("float32",), optional=True),
        ),
        _read_nvfp4,
        _write_nvfp4,
        read_settings=(NAN, _nv.TRUST),
        write_settings=(NAN,),
        extras=("encode_scale", "input_scale", "input_encode_scale"),
    ),
    Layout(
        "ct_mxfp4",
        "mxfp4-pack-quantized of compressed-tensors: vLLM",
        ("mxfp4",),
        (Tensor("weight_packed", ("uint8",), 2), Tensor("weight_scale", ("uint8",), 2)),
        _read_mxfp4,
        _write_mxfp4,
        read_settings=(NAN,),
        write_settings=(NAN,),
    ),
    Layout(
        "ct_mxfp8",
        "mxfp8-quantized of compressed-tensors: vLLM",
        ("mxfp8_e4m3",),
        (Tensor("weight", ("float8_e4m3fn", "uint8"), 2), Tensor("weight_scale", ("uint8",), 2)),
        _read_mxfp8,
        _write_mxfp8,
        read_settings=(NAN,),
        write_settings=(NAN,),
    ),
)
