"""Arrays as the native module takes them: native byte order, C-contiguous, one of the dtypes it knows.

The only file that looks at torch, and it never imports it: a tensor can only come from who has.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from paretoserve.errors import DeviceError, DtypeError, ShapeError

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any] | torch.Tensor

__all__ = [
    "as_numpy",
    "axis_last",
    "check_array",
    "check_out",
    "device_name",
    "dtype_name",
    "empty_beside",
    "float_bits",
    "is_cuda",
    "is_torch",
    "narrowed",
    "numpy_values",
    "to_library",
    "widened",
]


def is_torch(array: object) -> bool:
    """Tell whether `array` is a torch tensor, without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, torch.Tensor)


def is_cuda(array: object) -> bool:
    """Tell whether `array` is a torch tensor on a CUDA device."""
    return is_torch(array) and bool(array.is_cuda)  # type: ignore[attr-defined]


def dtype_name(array: Array) -> str:
    """Return the name of the dtype as numpy writes it: ``float32``, ``bfloat16``, ``float8_e4m3fn``."""
    check_array("array", array)
    return str(array.dtype).removeprefix("torch.")


def check_array(argument: str, value: object) -> None:
    """Refuse what is neither an array nor a tensor."""
    if not hasattr(value, "dtype") or not hasattr(value, "shape"):
        raise DtypeError(f"`{argument}` must be an ndarray or torch.Tensor, got {type(value).__name__}")


def as_numpy(array: Array, argument: str = "array") -> NDArray[Any]:
    """Return `array` as numpy sees it, sharing its memory. `argument` is its name for messages.

    What numpy has no dtype for is shown as unsigned integers of the same width: bfloat16 as uint16, 8-bit floats as
    uint8. float16 is shown as uint16, too, because that is how the native module takes it.
    """
    if is_torch(array):
        library = sys.modules["torch"]
        tensor: torch.Tensor = array.detach()  # type: ignore[union-attr]
        if tensor.device.type != "cpu":
            raise DeviceError(f"`{argument}` must be in the memory of the CPU, got a tensor on {tensor.device}")
        if tensor.layout != library.strided:
            raise DtypeError(f"`{argument}` must be dense, got {tensor.layout}\nhint: convert first with to_dense()")
        if tensor.dtype.is_floating_point and tensor.element_size() < 4:
            tensor = tensor.view(library.uint8 if tensor.element_size() == 1 else library.uint16)
        return tensor.numpy()
    values = np.asarray(array)
    if values.dtype.name == "float16" or (values.dtype.kind == "V" and values.dtype.itemsize == 2):
        return values.view(np.uint16)
    # ml_dtypes gives all its dtypes the kind V but for float8_e5m2.
    if values.dtype.kind in "Vf" and values.dtype.itemsize == 1:
        return values.view(np.uint8)
    return values


def axis_last(array: Array, axis: int) -> Array:
    """Return a view of `array` whose axis `axis` is the last one."""
    if is_torch(array):
        return array.movedim(axis, -1)  # type: ignore[union-attr]
    return np.moveaxis(np.asanyarray(array), axis, -1)


def float_bits(argument: str, array: Array) -> tuple[NDArray[Any], str]:
    """Return wide floats as the native module takes them, and the name of their dtype.

    Parameters
    ----------
    argument : str
        Name of the argument for messages.
    array : ndarray or torch.Tensor on the CPU, float32, float16 or bfloat16
        Not modified; copied only if it is not C-contiguous or not in native byte order.

    Returns
    -------
    bits : ndarray of float32 or uint16, C-contiguous, shape of `array`
    dtype : {"float32", "float16", "bfloat16"}

    Raises
    ------
    DtypeError
        If it holds anything else.
    """
    if not is_torch(array):
        if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
            raise DtypeError(f"`{argument}` must not hide values behind a mask\nhint: fill them first")
        array = np.asarray(array)
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
    name = dtype_name(array)
    if name not in ("float32", "float16", "bfloat16"):
        hint = "\nhint: convert first, for example x.astype(numpy.float32)" if name in ("float64", "int64") else ""
        raise DtypeError(f"`{argument}` must be float32, float16 or bfloat16, got {name}{hint}")
    return np.ascontiguousarray(as_numpy(array, argument)), name


def widened(bits: NDArray[Any], dtype: str) -> NDArray[np.float32]:
    """Return the values of what `float_bits` returned as float32."""
    if dtype == "float16":
        return bits.view(np.float16).astype(np.float32)
    return (bits.astype(np.uint32) << 16).view(np.float32) if dtype == "bfloat16" else bits


def narrowed(values: NDArray[np.float32], dtype: str) -> NDArray[Any]:
    """Return float32 values as bits of `dtype`: nearest, ties to even, overflow to infinity, NaN to a quiet NaN."""
    if dtype == "float16":
        with np.errstate(over="ignore"):
            return values.astype(np.float16).view(np.uint16)
    if dtype == "bfloat16":
        bits = values.view(np.uint32)
        rounded = (bits + (0x7FFF + (bits >> 16 & 1))) >> 16
        return np.where(np.isnan(values), bits >> 16 | 0x40, rounded).astype(np.uint16)
    return values


def empty_beside(origin: Array, shape: tuple[int, ...], dtype: str) -> Array:
    """Return an uninitialized array of the library and on the device of `origin`.

    `dtype` is ``uint8``, ``int32``, ``float32``, ``float16`` or ``bfloat16``; numpy has bfloat16 from ml_dtypes.
    """
    if is_torch(origin):
        torch = sys.modules["torch"]
        return torch.empty(shape, dtype=getattr(torch, dtype), device=origin.device)  # type: ignore[no-any-return]
    return np.empty(shape, dtype=_ml_dtype(dtype) if dtype == "bfloat16" else dtype)


def check_out(out: Array, shape: tuple[int, ...], dtype: str, *inputs: Array, argument: str = "out") -> None:
    """Refuse an output that has the wrong shape, dtype or device, has gaps, is read-only, or overlaps an input.

    `dtype` ``uint8`` also admits 8-bit float dtypes: the codes are their bits.
    """
    check_array(argument, out)
    if tuple(out.shape) != tuple(shape):
        raise ShapeError(f"`{argument}` must have shape {tuple(shape)}, got {tuple(out.shape)}")
    name = dtype_name(out)
    same_bits = dtype == "uint8" and out.itemsize == 1 and name.startswith("float")
    if name != dtype and not same_bits:
        raise DtypeError(f"`{argument}` must be {dtype}, got {name}")
    for each in inputs:
        here, there = device_name(out), device_name(each)
        if here != there:
            raise DeviceError(f"`{argument}` is on {here} but the input is on {there}")
    contiguous = out.is_contiguous() if is_torch(out) else out.flags.c_contiguous  # type: ignore[union-attr]
    if not contiguous:
        raise ShapeError(f"`{argument}` must be C-contiguous\nhint: allocate it whole, not as a slice of columns")
    if not is_torch(out) and not out.flags.writeable:  # type: ignore[union-attr]
        raise ValueError(f"`{argument}` must be writable, got a read-only array")
    if any(_may_overlap(out, each) for each in inputs):
        raise ValueError(f"`{argument}` must not overlap an input")


def _may_overlap(one: Array, other: Array) -> bool:
    """Tell whether the ranges of addresses of two arrays meet, which are on one device."""
    if not is_cuda(one):
        return np.may_share_memory(as_numpy(one), as_numpy(other))
    (first, end), (start, stop) = _addresses(one), _addresses(other)
    return max(first, start) < min(end, stop)


def _addresses(tensor: Array) -> tuple[int, int]:
    """Return the address of the first byte of a tensor and that after its last. Torch has no negative strides."""
    first: int = tensor.data_ptr()  # type: ignore[union-attr]
    if 0 in tensor.shape:
        return first, first
    steps = zip(tensor.shape, tensor.stride(), strict=True)  # type: ignore[union-attr]
    return first, first + (1 + sum((length - 1) * step for length, step in steps)) * tensor.itemsize


def device_name(array: Array) -> str:
    """Return where `array` lies: ``cpu``, ``cuda:0``."""
    return str(array.device) if is_torch(array) else "cpu"


def numpy_values(array: Array, argument: str = "array") -> NDArray[Any]:
    """Return `array` as numpy sees it with its own dtype, sharing its memory; 8-bit floats as uint8.

    `argument` is its name for messages.

    bfloat16 becomes the dtype of ml_dtypes; a foreign byte order is the one thing that costs a copy.
    """
    values, name = as_numpy(array, argument), dtype_name(array)
    if name == "float16":
        return values.view(np.float16)
    if name == "bfloat16":
        return values.view(_ml_dtype(name))
    return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))


def to_library(values: NDArray[Any], *, torch: bool, dtype: str) -> Array:
    """Return numpy `values` as a torch tensor or numpy array called `dtype`, sharing its memory.

    `dtype` names what the bits are: uint8 may be called ``float8_e4m3fn``; numpy has it from ml_dtypes.
    """
    if torch:
        library = sys.modules["torch"]
        plain = values.view(np.uint16) if values.dtype.name == "bfloat16" else values
        tensor = library.from_numpy(plain if plain.flags.writeable else plain.copy())
        named: Array = tensor if dtype_name(tensor) == dtype else tensor.view(getattr(library, dtype))
        return named
    if values.dtype.name == dtype:
        return values
    return values.view(_ml_dtype(dtype))


def _ml_dtype(name: str) -> np.dtype[Any]:
    try:
        import ml_dtypes
    except ModuleNotFoundError as error:
        raise DtypeError(f"numpy has no {name}\nhint: pip install ml_dtypes, or pass and get torch tensors") from error
    dtype: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
    return dtype
