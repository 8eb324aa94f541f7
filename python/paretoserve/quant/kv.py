"""Scales of an FP8 KV cache from recorded keys and values: what checkpoints carry as ``k_scale`` and ``v_scale``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._arrays import as_numpy, empty_beside, float_bits, is_torch, widened
from paretoserve._names import one_of
from paretoserve.errors import ShapeError
from paretoserve.quant._formats import scalar_format
from paretoserve.quant.cast import cast

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve._arrays import Array

__all__ = ["calibrate_kv_scales"]

# Candidates of the "mse" method: the scale of the largest magnitude, halved in steps of an eighth of an octave.
STEPS_PER_OCTAVE = 8
OCTAVES = 4


def calibrate_kv_scales(
    k: Array,
    v: Array,
    *,
    fmt: str = "e4m3fn",
    granularity: str = "tensor",
    method: str = "max",
    percentile: float = 99.99,
) -> tuple[Array, Array]:
    """Find the scales under which keys and values go into an FP8 KV cache.

    A scale is in the decoding direction, as vLLM reads ``k_scale`` and ``v_scale``: the cache holds x / scale.

    Parameters
    ----------
    k, v : ndarray or torch.Tensor on the CPU, shape (num_tokens, num_kv_heads, head_size), float32, float16 or bfloat16
        Recorded keys and values of one layer; sizes may differ. Not modified.
    fmt : {"e4m3fn", "e5m2", "e4m3fnuz", "e5m2fnuz", ...}, default "e4m3fn"
        Signed float format of 8 bits of the cache.
    granularity : {"tensor", "head"}, default "tensor"
        One scale, or one per KV head.
    method : {"max", "percentile", "mse"}, default "max"
        The largest magnitude becomes the largest number of the format; a percentile of the magnitudes does, and what is
        larger saturates; or the scale with the least squared error among 33 from that of the largest magnitude down to
        a sixteenth of it, the largest of several equal ones.
    percentile : float, default 99.99
        Of the magnitudes, above 0 up to 100, for ``method="percentile"``; the magnitude at or next above it is taken.

    Returns
    -------
    k_scale, v_scale : ndarray or torch.Tensor of float32, shape (1,) or (num_kv_heads,)
        1 where all numbers are zero.

    Raises
    ------
    ShapeError
        If `k` or `v` is not three-dimensional or is empty.
    DtypeError
        If one of them is of another dtype.
    ValueError
        If a number is NaN or infinite, or an option has no meaning.

    Notes
    -----
    O(size) for ``max``; ``percentile`` sorts partially; ``mse`` casts everything 33 times. A scale that would round to
    zero becomes the smallest normal float32.

    References
    ----------
    "Puzzle: Inference-Optimized LLMs from GPT-OSS", arXiv:2602.11937, calibrates per tensor by the largest magnitude.

    Examples
    --------
    >>> k = np.array([[[0.5, -448.0]], [[1.0, 2.0]]], dtype=np.float32)
    >>> k_scale, v_scale = calibrate_kv_scales(k, k / 2)
    >>> k_scale, v_scale
    (array([1.], dtype=float32), array([0.5], dtype=float32))
    >>> both = np.concatenate([k, k / 4], axis=1)
    >>> calibrate_kv_scales(both, both, granularity="head")[0].tolist()
    [1.0, 0.25]
    >>> calibrate_kv_scales(k * 448, k, method="percentile", percentile=60)[0].tolist()
    [2.0]
    >>> calibrate_kv_scales(k, k, method="mse", fmt="e5m2")[0] <= 448 / 57344
    array([ True])
    """
    form = scalar_format(fmt, "fmt")
    if form.kind != "float" or form.bits != 8 or not form.signed:
        raise ValueError(f"`fmt` must be a signed float format of 8 bits, got {fmt}")
    one_of("granularity", granularity, ("tensor", "head"))
    one_of("method", method, ("max", "percentile", "mse"))
    if isinstance(percentile, bool) or not isinstance(percentile, int | float | np.number) or not 0 < percentile <= 100:
        raise ValueError(f"`percentile` must be a number above 0 up to 100, got {percentile!r}")
    found = []
    for argument, array in (("k", k), ("v", v)):
        values = _values(argument, array, granularity)
        scales = _scales(values, form.largest, fmt, method, float(percentile))
        beside = empty_beside(array if is_torch(array) else values, scales.shape, "float32")
        as_numpy(beside)[...] = scales
        found.append(beside)
    return found[0], found[1]


def _values(argument: str, array: Array, granularity: str) -> NDArray[np.float32]:
    """Return finite values of shape (num_tokens, num_scales, per scale)."""
    bits, dtype = float_bits(argument, array)
    if bits.ndim != 3 or bits.size == 0:
        raise ShapeError(f"`{argument}` must have shape (num_tokens, num_kv_heads, head_size), got {bits.shape}")
    values = widened(bits, dtype)
    finite = np.isfinite(values)
    if not finite.all():
        token, head, column = (int(index[0]) for index in np.nonzero(~finite))
        raise ValueError(
            f"`{argument}` must be finite, got {values[token, head, column]} at token {token}, head {head}, "
            f"element {column}"
        )
    return values if granularity == "head" else values.reshape(len(values), 1, -1)


def _scales(
    values: NDArray[np.float32], largest: float, fmt: str, method: str, percentile: float
) -> NDArray[np.float32]:
    if method == "percentile":
        magnitudes = np.percentile(np.abs(values), percentile, axis=(0, 2), method="higher").astype(np.float32)
    else:
        magnitudes = np.abs(values).max(axis=(0, 2))
    smallest = np.finfo(np.float32).tiny
    scales = np.where(magnitudes > 0, np.maximum(magnitudes / np.float32(largest), smallest), np.float32(1))
    if method != "mse":
        return scales
    best, least = scales, np.full(scales.shape, np.inf)
    for step in range(OCTAVES * STEPS_PER_OCTAVE + 1):
        candidate = np.maximum(scales * np.float32(2.0 ** (-step / STEPS_PER_OCTAVE)), smallest)
        error = _error(values, candidate, fmt)
        best, least = np.where(error < least, candidate, best), np.minimum(error, least)
    return best


def _error(values: NDArray[np.float32], scales: NDArray[np.float32], fmt: str) -> NDArray[np.float64]:
    """Return the sum of squared errors for each scale; a few tokens at a time, so that they stay in a cache."""
    total = np.zeros(scales.shape)
    per_piece = max(1, (1 << 18) // max(values[0].size, 1))
    factors = scales[:, None]
    for start in range(0, len(values), per_piece):
        piece = values[start : start + per_piece]
        codes: Any = cast(piece / factors, fmt)
        back: Any = cast(codes, "float32", fmt=fmt)
        difference = back * factors - piece
        total += np.square(difference, dtype=np.float64).sum(axis=(0, 2))
    return total
