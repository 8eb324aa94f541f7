"""Blocks of a tensor to codes and scales, and back: arguments, axis, padding, outputs. The rules are per family."""

from __future__ import annotations

import importlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._arrays import (
    as_numpy,
    axis_last,
    check_out,
    dtype_name,
    empty_beside,
    float_bits,
    is_cuda,
    is_torch,
    narrowed,
    widened,
)
from paretoserve._integers import check_integer
from paretoserve.errors import DeviceError, DtypeError, ShapeError
from paretoserve.quant._arguments import dtype_word, thread_count
from paretoserve.quant._call import Call, call_of, call_of_meta, check_choice, family, meta_of
from paretoserve.quant._checks import check_described
from paretoserve.quant._qtensor import QTensor
from paretoserve.quant.hadamard import hadamard as rotate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from numpy.typing import NDArray

    from paretoserve._arrays import Array
    from paretoserve.quant._call import Parts

__all__ = ["dequantize", "quantize"]

FLOATS = ("float32", "float16", "bfloat16")


def quantize(
    x: Array,
    fmt: str,
    *,
    axis: int = -1,
    scale: str | None = None,
    rounding: str = "rne",
    seed: int = 0,
    nan: str = "scale",
    pad: str | None = None,
    amax: float | Array | None = None,
    global_scale: float | Array | None = None,
    four_over_six: str | None = None,
    hadamard: int = 0,
    signs: Sequence[int] | None = None,
    group: int | None = None,
    scale_dtype: str | None = None,
    rows: int = 1,
    rule: str = "paretoserve",
    out: QTensor | None = None,
    threads: int | None = None,
) -> QTensor:
    """Quantize a tensor in blocks that share a scale.

    Parameters
    ----------
    x : ndarray or torch.Tensor, one dimension or more, float32, float16 or bfloat16
        Not modified. Read in place if C-contiguous once `axis` is moved last, else copied.
    fmt : str
        Name of a block format, see `formats`; case does not matter.
    axis : int, default -1
        Axis along which blocks lie. Codes and scales hold it last.
    scale : str, optional
        How the largest magnitude of a block becomes its scale. MX formats: ``rceil``, ``floor``, ``ceil`` or ``even``;
        default ``rceil``, the least power of two under which nothing saturates. FP8 blocks take ``rceil``, else their
        scale is a float. Integer groups: ``amax`` over 2^(bits-1) - 1, the default; without zero points also ``full``,
        twice that over 2^bits - 1 with the lowest code in use, as GPTQ. ``quest`` takes the scale from the root mean
        square and clips what is rare: integer groups, MX integers and mxfp4, whose power of two is the nearest, or the
        one below under ``quest_floor`` and above under ``quest_ceil``.
    rounding : {"rne", "half_away", "stochastic"}, default "rne"
        To the nearest with ties to the even code or away from zero, or up with the probability of the distance.
    seed : int, default 0
        Key of stochastic rounding. The random word of an element depends on seed and position alone.
    nan : {"scale", "raise", "zero"}, default "scale"
        What NaN and infinity do: make the scale of their block NaN; raise; become 0 and the dtype's largest number.
    pad : {"zero"}, optional
        Fill the last block of a row with zeros. Without it rows must be whole blocks.
    amax : float or array of shape (), optional
        Largest magnitude of the tensor for two-level formats, if known; else it is computed.
    global_scale : float or array of shape (), optional
        Scale of the tensor for two-level formats, in the decoding direction, in place of `amax`. On the CPU one that
        leaves no block a normal scale is refused with nothing written: it is most likely the inverse.
    four_over_six : {"mse", "mae", "absmax"}, optional
        Let each NVFP4 block choose 4 or 6 as its largest code, by the error of the block.
    hadamard : {0, 16, 32, 64, 128}, default 0
        Size of a rotation along `axis` before quantization, undone by `dequantize`.
    signs : sequence of int, optional
        1 or -1 for each element of the rotation, which multiply first.
    group : int, optional
        Columns that share a scale, for formats of groups; -1 for a row.
    scale_dtype : {"float32", "float16", "bfloat16"}, optional
        Dtype of the scales of formats of groups.
    rows : {1, 16}, default 1
        Rows that share a scale in two-level formats. With 16, as training has it for weights, a matrix and its
        transpose become the same numbers; scales are stored for every row, so that engines read them as they are.
    rule : str, default "paretoserve"
        A peer's rule instead of ours, for mxfp4: ``modelopt`` (ties down, zeros stored as negative zero, scales as
        ``rceil``) or ``ggml`` (ties down, no negative zero, scales as ``floor``). torchao's and compressed-tensors'
        bytes are those of ``scale="floor"`` and ``scale="even"``.
    out : QTensor, optional
        Where to put codes and scales. Its arrays must have the right shape and dtype, C-contiguous; its `meta` is not
        looked at.
    threads : int, optional
        Threads to use; default as many as pay. The result does not depend on it.

    Returns
    -------
    QTensor
        Its arrays are of the library and on the device of `x`, or those of `out`.

    Raises
    ------
    UnknownNameError
        If there is no such format.
    ShapeError
        If `x` has no dimension, or rows are not whole blocks and `pad` is None.
    DtypeError
        If `x` is of another dtype.
    ValueError
        If an option does not apply to the format; for NaN or infinity under ``nan="raise"``, with nothing written.

    Notes
    -----
    O(n): one read of `x`, two for two-level formats without `amax` or `global_scale`.

    At the ends of float32: numbers beyond 1.75 * 2^127 (2.98e38) may round to 2^128 in MX floats, as the rules of all
    scales but ``floor`` have it; codes and scales are those of other implementations, but 2^128 decodes to infinity in
    float32. ``scale="floor"`` saturates below. NV formats are exact to their usual step down to a tensor amax of 1e-37;
    below, the tensor's scale stays at the least normal float32 and ever more of the numbers become 0.

    References
    ----------
    OCP Microscaling Formats (MX) Specification 1.0, 2023. NVIDIA, "Pretraining Large Language Models with NVFP4",
    arXiv:2509.25149. Cook et al., "Four Over Six", arXiv:2512.02010.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 64, dtype=np.float32).reshape(2, 32)
    >>> q = quantize(x, "mxfp4")
    >>> q.codes.shape, q.scales.tolist()
    ((2, 16), [[125], [125]])
    >>> quantize(x, "mxfp8", scale="floor", rounding="stochastic", seed=7).scales.tolist()
    [[119], [119]]
    >>> quantize(x[:, :20], "mxint8", pad="zero").shape
    (2, 20)
    """
    options = {
        "scale": scale,
        "rounding": rounding,
        "seed": seed,
        "nan": nan,
        "amax": amax,
        "global_scale": global_scale,
        "four_over_six": four_over_six,
        "hadamard": hadamard,
        "signs": signs,
        "group": group,
        "scale_dtype": scale_dtype,
        "rows": rows,
        "rule": rule,
        "threads": threads,
    }
    array: Array = x if is_torch(x) else np.asanyarray(x)
    if dtype_name(array) not in FLOATS:
        float_bits("x", array)
    if array.ndim == 0:
        raise ShapeError('`x` must have one dimension or more, got ()\nhint: for one number use x[None] and pad="zero"')
    axis = check_integer("axis", axis, -array.ndim, array.ndim - 1) % array.ndim
    moved = axis_last(array, axis)
    call = call_of(fmt, tuple(moved.shape), pad, options)
    parts = family(call.fmt).parts(call, (*moved.shape[:-1], call.columns))
    arrays = _outputs(parts, array, out)
    if is_cuda(array):
        _cuda().quantize(arrays, moved, call)
    else:
        bits, dtype = float_bits("x", moved)
        bits, dtype = _prepared(bits, dtype, call)
        family(call.fmt).quantize({name: as_numpy(each) for name, each in arrays.items()}, bits, dtype, call)
    zeros, global_scale = arrays.get("zeros"), arrays.get("global_scale")
    meta = meta_of(call, tuple(array.shape), axis)
    return QTensor(arrays["codes"], arrays["scales"], zeros, global_scale, meta)


def dequantize(q: QTensor, dtype: str = "float32", *, out: Array | None = None, threads: int | None = None) -> Array:
    """Return the tensor that codes and scales stand for.

    Parameters
    ----------
    q : QTensor
        Not modified.
    dtype : {"float32", "float16", "bfloat16"}, default "float32"
        Dtype of the result. Values are computed in float32 and rounded to the nearest, ties to even.
    out : ndarray or torch.Tensor, shape of `q`, `dtype`, optional
        Where to put it; C-contiguous and apart from the arrays of `q`.
    threads : int, optional
        Threads to use; default as many as pay.

    Returns
    -------
    ndarray or torch.Tensor, shape ``q.shape``
        Of the library and on the device of `q`, or `out`.

    Raises
    ------
    ShapeError, DtypeError, DeviceError
        If arrays of `q` do not fit each other, or `out` does not fit.

    Notes
    -----
    O(n). A block axis other than the last, padding and a rotation cost one pass more.

    Examples
    --------
    >>> q = quantize(np.array([[0.1, 0.5, -1.0, 6.0] * 8], dtype=np.float32), "mxfp4")
    >>> dequantize(q)[0, :4]
    array([ 0. ,  0.5, -1. ,  6. ], dtype=float32)
    """
    check_described(q)
    dtype = dtype_word(dtype)
    check_choice("dtype", dtype, FLOATS)
    call = call_of_meta(q.meta, thread_count(threads))
    axis = q.meta.axis
    lead = tuple(length for index, length in enumerate(q.shape) if index != axis)
    arrays = _inputs(family(call.fmt).parts(call, (*lead, call.columns)), q)
    if out is None:
        out = empty_beside(q.codes, q.shape, dtype)
    else:
        check_out(out, q.shape, dtype, *arrays.values())
    target = axis_last(out, axis)
    if is_cuda(q.codes):
        _cuda().dequantize(target, arrays, call)
        return out
    known = {name: as_numpy(each) for name, each in arrays.items()}
    bits = np.moveaxis(as_numpy(out), axis, -1)
    direct = bits.flags.c_contiguous and call.columns == call.logical_columns and not call.hadamard
    work = bits if direct else np.empty((*lead, call.columns), np.float32 if call.hadamard else bits.dtype)
    family(call.fmt).dequantize(_three(work), "float32" if call.hadamard else dtype, known, call)
    if call.hadamard:
        work = narrowed(_rotated(work, call, inverse=True), dtype)
    if not direct:
        bits[...] = work[..., : call.logical_columns]
    return out


def _outputs(parts: Parts, origin: Array, out: QTensor | None) -> dict[str, Array]:
    """Return an array for each part, allocated beside `origin` or taken from `out`."""
    if out is None:
        return {name: empty_beside(origin, shape, dtype) for name, (shape, dtype) in parts.items()}
    if not isinstance(out, QTensor):
        raise TypeError(f"`out` must be a QTensor, got {type(out).__name__}")
    arrays: dict[str, Array] = {}
    for name, (shape, dtype) in parts.items():
        array = getattr(out, name)
        if array is None:
            raise ValueError(f"`out.{name}` must be an array of {dtype} of shape {shape}, got None")
        check_out(array, shape, dtype, origin, *arrays.values(), argument=f"out.{name}")
        arrays[name] = array
    return arrays


def _inputs(parts: Parts, q: QTensor) -> dict[str, Array]:
    """Return the arrays of `q`, contiguous, or say which of them does not fit the format."""
    arrays: dict[str, Array] = {}
    for name, (shape, dtype) in parts.items():
        array: Any = getattr(q, name)
        if array is None:
            raise ValueError(f"`q.{name}` must be an array of {dtype} of shape {shape}, got None")
        if tuple(array.shape) != shape:
            raise ShapeError(f"`q.{name}` must have shape {shape} for {q.meta.fmt} of {q.shape}, got {array.shape}")
        found = dtype_name(array)
        if found != dtype and not (dtype == "uint8" and array.itemsize == 1 and found.startswith("float")):
            raise DtypeError(f"`q.{name}` must be {dtype}, got {found}")
        arrays[name] = array.contiguous() if is_torch(array) else np.asarray(array, order="C")
    return arrays


def _prepared(bits: NDArray[Any], dtype: str, call: Call) -> tuple[NDArray[Any], str]:
    """Return `bits` padded and rotated, of shape (batch, rows, columns), and the dtype: rotated they are float32."""
    if call.columns != call.logical_columns:
        whole = np.zeros((*bits.shape[:-1], call.columns), bits.dtype)
        whole[..., : call.logical_columns] = bits
        bits = whole
    if call.hadamard:
        bits, dtype = _rotated(widened(bits, dtype), call, inverse=False), "float32"
    return _three(bits), dtype


def _rotated(values: NDArray[Any], call: Call, *, inverse: bool) -> NDArray[Any]:
    return as_numpy(rotate(values, call.hadamard, signs=call.signs, inverse=inverse, threads=call.threads))


def _three(bits: NDArray[Any]) -> NDArray[Any]:
    """Return a view of shape (batch, rows, columns)."""
    rows = bits.shape[-2] if bits.ndim > 1 else 1
    return bits.reshape(math.prod(bits.shape[:-2]), rows, bits.shape[-1])


def _cuda() -> ModuleType:
    try:
        return importlib.import_module("paretoserve.quant._cuda")
    except ImportError as error:
        raise DeviceError("`x` is on a CUDA device, and this build has no kernels\nhint: x.cpu() first") from error
