"""A `QTensor` in the terms of other libraries: numpy, torch, dicts, and dtypes that name what the codes are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._arrays import dtype_name, is_torch, numpy_values, to_library
from paretoserve.errors import DtypeError
from paretoserve.quant._checks import check_described, check_qtensor
from paretoserve.quant._formats import block_format
from paretoserve.quant._qtensor import QMeta, QTensor

if TYPE_CHECKING:
    from paretoserve._arrays import Array

__all__ = ["as_numpy_tensors", "as_torch_tensors", "from_dict", "to_dict", "typed_codes", "typed_scales"]

# Names that torch and ml_dtypes share. One code in a byte, or with `_x2` two.
_CODES = {"e4m3fn": "float8_e4m3fn", "e5m2": "float8_e5m2", "int8": "int8"}
_PACKED_IN_TORCH = {"e2m1": "float4_e2m1fn_x2"}
_UNPACKED_IN_NUMPY = {"e2m1": "float4_e2m1fn", "e2m3": "float6_e2m3fn", "e3m2": "float6_e3m2fn"}
_SCALES = {"e8m0": "float8_e8m0fnu", "ue4m3": "float8_e4m3fn"}


def _changed(q: QTensor, change: Callable[[Array], Array]) -> QTensor:
    return replace(
        q,
        codes=change(q.codes),
        scales=change(q.scales),
        zeros=None if q.zeros is None else change(q.zeros),
        global_scale=None if q.global_scale is None else change(q.global_scale),
        extras=None if q.extras is None else {name: change(array) for name, array in q.extras.items()},
    )


def as_numpy_tensors(q: QTensor) -> QTensor:
    """Return `q` with numpy arrays that share its memory."""
    return _changed(q, lambda array: numpy_values(array) if is_torch(array) else array)


def as_torch_tensors(q: QTensor) -> QTensor:
    """Return `q` with torch tensors that share its memory."""
    import torch  # noqa: F401 (`to_library` finds it once it is imported)

    def change(array: Array) -> Array:
        if is_torch(array):
            return array
        values = numpy_values(array)
        return to_library(np.asarray(values), torch=True, dtype=dtype_name(values))

    return _changed(q, change)


def to_dict(q: QTensor) -> dict[str, Any]:
    """Return arrays by name, those that are there, and what they mean under ``meta``."""
    arrays = {"codes": q.codes, "scales": q.scales, "zeros": q.zeros, "global_scale": q.global_scale}
    found: dict[str, Any] = {name: array for name, array in arrays.items() if array is not None}
    if q.extras:
        found["extras"] = dict(q.extras)
    meta = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(q.meta).items()}
    return found | {"meta": meta}


def from_dict(content: Mapping[str, Any]) -> QTensor:
    """Return the `QTensor` that `to_dict` took apart; checked."""
    known = {field.name for field in fields(QTensor)}
    unknown = [name for name in content if name not in known]
    missing = [name for name in ("codes", "scales", "meta") if name not in content]
    if unknown or missing:
        wrong = f"unknown {unknown[0]!r}" if unknown else f"no {missing[0]!r}"
        raise ValueError(f"`content` must be what QTensor.to_dict returns, got {wrong}")
    if not isinstance(content["meta"], Mapping):
        raise TypeError(f"`content['meta']` must be a mapping, got {type(content['meta']).__name__}")
    meta: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in content["meta"].items()
    }
    try:
        described = QMeta(**meta)
    except TypeError as error:
        raise ValueError(f"`content['meta']` must have the fields of QMeta: {error}") from None
    q = QTensor(
        content["codes"],
        content["scales"],
        content.get("zeros"),
        content.get("global_scale"),
        described,
        content.get("extras"),
    )
    check_described(q)
    check_qtensor(as_numpy_tensors(q))
    return q


def typed_codes(q: QTensor) -> Array:
    """Return the codes as elements of the dtype that numpy (by ml_dtypes) or torch has for them."""
    element, torch = block_format(q.meta.fmt).element, is_torch(q.codes)
    # Group formats of fewer bits than 8 store integers with an offset, and no library has a dtype for 6 bits.
    if element in _CODES and not block_format(q.meta.fmt).has_zeros:
        return _viewed(q.codes, _CODES[element])
    if torch and element in _PACKED_IN_TORCH:
        return _viewed(q.codes, _PACKED_IN_TORCH[element])
    if not torch and element in _UNPACKED_IN_NUMPY:
        from paretoserve.quant.pack import unpack_bits

        bits = block_format(q.meta.fmt).bits
        single = np.asarray(unpack_bits(q.codes, bits, q.codes.shape[-1] * 8 // bits))
        return to_library(single, torch=False, dtype=_UNPACKED_IN_NUMPY[element])
    library = "torch" if torch else "ml_dtypes"
    raise DtypeError(f"{library} has no dtype for the codes of {q.meta.fmt}\nhint: q.codes has their bits")


def typed_scales(q: QTensor) -> Array:
    """Return the scales as elements of the dtype that numpy (by ml_dtypes) or torch has for them."""
    scale = block_format(q.meta.fmt).scale
    if dtype_name(q.scales) != "uint8":
        return q.scales
    if scale not in _SCALES:
        raise DtypeError(f"no library has a dtype for {scale}, the scales of {q.meta.fmt}\nhint: see q.scales")
    return _viewed(q.scales, _SCALES[scale])


def _viewed(array: Array, name: str) -> Array:
    if dtype_name(array) == name:
        return array
    if is_torch(array):
        import torch

        dtype = getattr(torch, name, None)
        if dtype is None:
            raise DtypeError(f"torch {torch.__version__} has no {name}\nhint: 2.9 or later has it")
        viewed: Array = array.view(dtype)
        return viewed
    if name == "int8":
        return np.asarray(array).view(np.int8)
    return to_library(np.asarray(array), torch=False, dtype=name)
