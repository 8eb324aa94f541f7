"""Rotate runs of numbers by a Hadamard matrix, so that outliers spread before they are quantized."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve import _native
from paretoserve._arrays import as_numpy, axis_last, check_out, dtype_name, empty_beside, float_bits, is_cuda, is_torch
from paretoserve._integers import check_integer
from paretoserve.errors import ShapeError
from paretoserve.quant._arguments import thread_count
from paretoserve.quant._call import check_choice

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from paretoserve._arrays import Array

__all__ = ["TRANSFORMER_ENGINE_SIGNS", "hadamard"]

TRANSFORMER_ENGINE_SIGNS = (1, 1, 1, -1, 1, -1, -1, -1, -1, -1, -1, 1, -1, 1, -1, -1)
"""The signs of Transformer Engine's rotation of 16 numbers."""

SIZES = (16, 32, 64, 128)


def hadamard(
    x: Array,
    n: int,
    signs: ArrayLike | None = None,
    *,
    axis: int = -1,
    inverse: bool = False,
    out: Array | None = None,
    threads: int | None = None,
) -> Array:
    """Multiply every run of `n` numbers by a Hadamard matrix over sqrt(n), after multiplying by signs.

    The matrix is orthonormal: lengths and inner products stay, and an outlier is spread over the run.

    Parameters
    ----------
    x : ndarray or torch.Tensor, float32, float16 or bfloat16
        Its length along `axis` is a multiple of `n`. Not modified.
    n : {16, 32, 64, 128}
        Numbers in a run.
    signs : array_like of shape (n,), optional
        1 or -1 each, the same for every run; `TRANSFORMER_ENGINE_SIGNS` are those of NVIDIA's recipe for n = 16.
    axis : int, default -1
        Axis along which runs lie.
    inverse : bool, default False
        Undo the rotation: the same sums, then the signs.
    out : ndarray or torch.Tensor, shape and dtype of `x`, optional
        Where to put the result; C-contiguous and apart from `x`.
    threads : int, optional
        Threads to use; default as many as pay. The result does not depend on it.

    Returns
    -------
    ndarray or torch.Tensor, shape and dtype of `x`
        Sums are float32 whatever the dtype, rounded once at the end. A run with NaN or infinity becomes NaN or
        infinite as float arithmetic has it.

    Raises
    ------
    ShapeError
        If `x` has no dimension, its length along `axis` is no multiple of `n`, or `signs` has another shape.
    DtypeError
        If `x` is of another dtype.
    ValueError
        If `n` is another number or a sign is not 1 or -1.

    Notes
    -----
    O(size log n): stages of distance 1, 2, 4, ... turn (a, b) into (a + b, a - b); one product with the float32 nearest
    to 1 / sqrt(n) follows. An axis other than the last costs a copy.

    References
    ----------
    Ashkboos et al., "QuaRot: Outlier-Free 4-Bit Inference in Rotated LLMs", arXiv:2404.00456.

    Examples
    --------
    >>> x = np.zeros((1, 16), np.float32)
    >>> x[0, 3] = 8.0
    >>> hadamard(x, 16)[0, :8]
    array([ 2., -2., -2.,  2.,  2., -2., -2.,  2.], dtype=float32)
    >>> y = hadamard(x, 16, TRANSFORMER_ENGINE_SIGNS)
    >>> float(y[0, 0]), float(hadamard(y, 16, TRANSFORMER_ENGINE_SIGNS, inverse=True)[0, 3])
    (-2.0, 8.0)
    >>> hadamard(np.ones((64, 2), np.float32), 64, axis=0)[:2].tolist()
    [[8.0, 8.0], [0.0, 0.0]]
    """
    check_choice("n", n, SIZES)
    check_choice("inverse", inverse, (False, True))
    array: Array = x if is_torch(x) else np.asanyarray(x)
    if array.ndim == 0:
        raise ShapeError("`x` must have one dimension or more, got ()")
    axis = check_integer("axis", axis, -array.ndim, array.ndim - 1) % array.ndim
    if array.shape[axis] % n:
        raise ShapeError(f"`x` must have a multiple of {n} elements along axis {axis}, got {tuple(array.shape)}")
    factors = _signs(signs, n)
    threads = thread_count(threads)
    dtype = dtype_name(array)
    on_device = is_cuda(array) and dtype in ("float32", "float16", "bfloat16")
    if not on_device:
        bits, dtype = float_bits("x", axis_last(array, axis))
    if out is None:
        out = empty_beside(array, tuple(array.shape), dtype)
    else:
        check_out(out, tuple(array.shape), dtype, array)
    if on_device:
        _on_device(axis_last(out, axis), axis_last(array, axis), n, factors, inverse)
        return out
    target = np.moveaxis(as_numpy(out), axis, -1)
    work = target if target.flags.c_contiguous else np.empty(target.shape, target.dtype)
    _native.quant_hadamard(work, bits, dtype, n, factors, inverse, threads)
    if work is not target:
        target[...] = work
    return out


def _on_device(out: Array, x: Array, n: int, factors: list[float] | None, inverse: bool) -> None:
    """Fill `out`, of any strides, from a CUDA tensor."""
    rotate = importlib.import_module("paretoserve.quant._cuda").hadamard
    work: Any = out if out.is_contiguous() else x.new_empty(x.shape)  # type: ignore[union-attr]
    rotate(work, x, n, factors, inverse)
    if work is not out:
        out.copy_(work)  # type: ignore[union-attr]


def _signs(signs: ArrayLike | None, n: int) -> list[float] | None:
    if signs is None:
        return None
    values = np.asarray(signs)
    if values.shape != (n,):
        raise ShapeError(f"`signs` must have shape ({n},), got {values.shape}")
    if values.dtype.kind not in "iuf" or not np.all(np.abs(values) == 1):
        raise ValueError("`signs` must be 1 or -1 everywhere")
    return [float(sign) for sign in values]
