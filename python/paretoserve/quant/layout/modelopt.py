"""NVFP4 of NVIDIA ModelOpt: the global scale in the decoding direction, block scales in rows (engines swizzle them)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from paretoserve.quant._qtensor import QTensor
from paretoserve.quant.layout import _nv
from paretoserve.quant.layout._check import NAN, check_ue4m3
from paretoserve.quant.layout._layout import Layout, Log, Tensor

if TYPE_CHECKING:
    from paretoserve.quant.layout._layout import Tensors

__all__ = ["LAYOUTS"]


def _read(tensors: Tensors, log: Log, *, nan: str, trust_scale: bool) -> QTensor:
    codes, scales, stored = tensors["weight"], tensors["weight_scale"], tensors["weight_scale_2"]
    _nv.check_shapes(codes, scales, "weight", "weight_scale")
    check_ue4m3("weight_scale", scales, nan)
    scale = _nv.decoded("weight_scale_2", stored, scales, encode=False, trust=trust_scale)
    extras = {"input_scale": tensors["input_scale"]} if "input_scale" in tensors else {}
    for name, array in extras.items():
        _nv.checked_scale(name, array)
    return _nv.qtensor(codes, scales, scale, extras)


def _write(q: QTensor, log: Log, *, nan: str) -> Tensors:
    assert q.global_scale is not None
    scales = np.asarray(q.scales)
    check_ue4m3("weight_scale", scales, nan)
    scale = _nv.checked_scale("q.global_scale", np.asarray(q.global_scale))
    written = {"weight": np.asarray(q.codes), "weight_scale": scales, "weight_scale_2": np.array(scale)}
    inputs = _nv.input_scale(q, log, encode=False)
    return written if inputs is None else written | {"input_scale": inputs.reshape(())}


LAYOUTS = (
    Layout(
        "modelopt_nvfp4",
        "NVFP4 of NVIDIA ModelOpt: vLLM, SGLang, TensorRT-LLM",
        ("nvfp4",),
        (
            Tensor("weight", ("uint8",), 2),
            Tensor("weight_scale", ("float8_e4m3fn", "uint8"), 2),
            Tensor("weight_scale_2", ("float32",)),
            Tensor("input_scale", ("float32",), optional=True),
        ),
        _read,
        _write,
        read_settings=(NAN, _nv.TRUST),
        write_settings=(NAN,),
        extras=("encode_scale", "input_scale", "input_encode_scale"),
    ),
)
