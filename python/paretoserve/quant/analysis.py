"""How much a tensor lost by quantization, and how hard its blocks are to quantize; `theory` says what to expect."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve import _native
from paretoserve._arrays import as_numpy, dtype_name, float_bits, is_torch
from paretoserve.errors import DtypeError, ShapeError
from paretoserve.quant._qtensor import QTensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve._arrays import Array

__all__ = ["CrestFactor", "crest_factor", "decibels", "energies", "qsnr"]


def qsnr(x: Array, xq: Array | QTensor, *, threads: int | None = None) -> float:
    """Return the quantization signal-to-noise ratio, 10 log10(sum x^2 / sum (x - xq)^2).

    Parameters
    ----------
    x : ndarray or torch.Tensor, any shape, float32, float16, bfloat16 or float64
        The original. Not modified.
    xq : ndarray or torch.Tensor of the shape of `x`, any of these dtypes, or QTensor
        What became of it; a `QTensor` is dequantized to float32.
    threads : int, optional
        The result does not depend on it.

    Returns
    -------
    float
        In dB: infinite if both are equal, minus infinity if only `x` is all zero.

    Raises
    ------
    ShapeError
        If the shapes differ or there is no element.
    ValueError
        If a value is NaN or infinite.

    Notes
    -----
    One pass; sums are float64 in a fixed order, so that the bits of the result are always the same.

    Examples
    --------
    >>> x = np.array([3.0, 4.0], dtype=np.float32)
    >>> round(qsnr(x, np.array([3.0, 4.5], dtype=np.float32)), 2)
    20.0
    """
    x, decoded = _array(x), _array(xq.dequantize() if isinstance(xq, QTensor) else xq)
    if tuple(x.shape) != tuple(decoded.shape):
        raise ShapeError(f"`xq` must have the shape of `x`, {tuple(x.shape)}, got {tuple(decoded.shape)}")
    signal, noise = energies(x, decoded, threads)
    if not (math.isfinite(signal) and math.isfinite(noise)):
        raise ValueError(_not_finite(x, decoded))
    return decibels(signal, noise)


def _array(x: Array) -> Array:
    """Return numbers that came without a dtype, such as lists, as an array."""
    return x if hasattr(x, "dtype") else np.asarray(x)


def energies(x: Array, xq: Array, threads: int | None) -> tuple[float, float]:
    """Return the energy of `x` and that of `x` - `xq`; both have the same number of elements, one or more."""
    original, dtype = _bits("x", x)
    decoded, _ = _bits("xq", xq)
    if original.size == 0:
        raise ShapeError(f"`x` must have at least one element, got shape {tuple(x.shape)}")
    if dtype == "float64" or decoded.dtype == np.float64:
        original, decoded, dtype = _widened(x, np.float64), _widened(xq, np.float64), "float64"
    else:
        decoded = _widened(xq, np.float32)
    return _native.quant_energy(original, decoded, dtype, threads)


def decibels(signal: float, noise: float) -> float:
    """Return 10 log10(signal / noise), infinite where one of them is zero."""
    if noise == 0:
        return math.inf
    return 10 * (math.log10(signal) - math.log10(noise)) if signal > 0 else -math.inf


@dataclass(frozen=True, slots=True)
class CrestFactor:
    """Crest factors of the blocks of a tensor: largest magnitude over root mean square.

    Attributes
    ----------
    mean, q1, median, q3, largest : float
        Over the blocks that are not zero; quartiles interpolate linearly.
    num_blocks : int
        Blocks, zero ones included.
    num_zero_blocks : int
        Blocks of zeros only, which have no crest factor.
    """

    mean: float
    q1: float
    median: float
    q3: float
    largest: float
    num_blocks: int
    num_zero_blocks: int


def crest_factor(x: Array, block: int = 32, *, threads: int | None = None) -> CrestFactor:
    """Return how far the largest value of a block stands out of it: mean and quartiles over the blocks.

    Parameters
    ----------
    x : ndarray or torch.Tensor, shape (..., k), float32, float16, bfloat16 or float64
        Blocks lie along the last axis; the last block of a row is shorter if `block` does not divide k. Not modified.
    block : int, default 32
        Elements of a block; -1 for a whole row.
    threads : int, optional
        The result does not depend on it.

    Returns
    -------
    CrestFactor

    Raises
    ------
    ShapeError
        If there is no element.
    ValueError
        If `block` is neither positive nor -1, if a value is NaN or infinite, or if all are zero.

    Notes
    -----
    A crest factor lies between 1 (all alike) and the root of the block's size. Memory: 8 bytes per block.

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal((256, 1024), dtype=np.float32)
    >>> round(crest_factor(x).mean, 2), round(crest_factor(x, 16).median, 2)
    (2.36, 2.07)
    """
    if isinstance(block, bool) or not isinstance(block, int | np.integer):
        raise DtypeError(f"`block` must be a whole number, got {block!r}")
    if block < 1 and block != -1:
        raise ValueError(f"`block` must be 1 or more, or -1 for a whole row, got {block}")
    x = _array(x)
    values, dtype = _bits("x", x)
    if values.size == 0:
        raise ShapeError(f"`x` must have at least one element, got shape {tuple(x.shape)}")
    columns = values.shape[-1] if values.ndim else 1
    size = columns if block == -1 else min(int(block), columns)
    factors = np.empty(values.size // columns * -(-columns // size), dtype=np.float64)
    _native.quant_crest(factors, values, dtype, columns, size, threads)
    found = factors[~np.isnan(factors)]
    if len(found) < len(factors) and not np.isfinite(_native.quant_energy(*_against_itself(values, dtype), threads)[0]):
        raise ValueError(_not_finite(x, x))
    if len(found) == 0:
        raise ValueError("`x` must have a value that is not zero: zeros have no crest factor")
    q1, median, q3 = np.quantile(found, [0.25, 0.5, 0.75])
    return CrestFactor(
        float(found.mean()), float(q1), float(median), float(q3), float(found.max()), len(factors),
        len(factors) - len(found),
    )  # fmt: skip


def _against_itself(values: NDArray[Any], dtype: str) -> tuple[NDArray[Any], NDArray[Any], str]:
    return values, np.zeros(values.shape, dtype=np.float64 if dtype == "float64" else np.float32), dtype


def _bits(argument: str, array: Array) -> tuple[NDArray[Any], str]:
    if not is_torch(array) and np.asarray(array).dtype.name == "float64":
        if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
            raise DtypeError(f"`{argument}` must not hide values behind a mask\nhint: fill them first")
        return np.ascontiguousarray(array, dtype=np.float64), "float64"
    if is_torch(array) and dtype_name(array) == "float64":
        return np.ascontiguousarray(as_numpy(array)), "float64"
    return float_bits(argument, array)


def _widened(array: Array, dtype: Any) -> NDArray[Any]:
    """Return `array` as float32 or float64, exactly."""
    bits, name = _bits("x", array)
    if name == "bfloat16":
        bits = (bits.astype(np.uint32) << 16).view(np.float32)
    elif name == "float16":
        bits = bits.view(np.float16)
    return np.ascontiguousarray(bits, dtype=dtype)


def _not_finite(x: Array, xq: Array) -> str:
    """Return what to say about values of which no energy can be taken."""
    for argument, array in (("x", x), ("xq", xq)):
        values = _widened(array, np.float64).reshape(-1)
        bad = ~np.isfinite(values)
        if bad.any():
            place = int(bad.argmax())
            return f"`{argument}` must be finite, got {values[place]} at flat index {place}"
    return "`x` must be smaller: the squares of its values do not fit float64"
