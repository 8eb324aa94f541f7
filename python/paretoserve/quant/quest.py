"""QuEST's scales: multiples of the root mean square, under which a quantizer of normal numbers errs least."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._arrays import as_numpy, axis_last, empty_beside, float_bits, is_torch, widened
from paretoserve._integers import BITS_32, check_integer, shown
from paretoserve.errors import ShapeError

if TYPE_CHECKING:
    from paretoserve._arrays import Array
    from paretoserve.quant._formats import BlockFormat

__all__ = ["CLIPS", "CLIP_E2M1", "quest_ratio", "quest_scale"]

CLIPS: dict[float, float] = {
    1: 0.79788,
    1.58: 1.22401,
    2: 1.49353,
    3: 2.05107,
    4: 2.51393,
    5: 2.91609,
    6: 3.27660,
    7: 3.60105,
    8: 3.88494,
}
"""Clip of a uniform quantizer by its bits, as a multiple of the root mean square; 1.58 stands for three levels."""

CLIP_E2M1 = 2.92247856
"""The same for e2m1, as a multiple of the root mean square that becomes its largest number, 6."""


def quest_ratio(fmt: BlockFormat) -> float | None:
    """Return the ideal scale of an MX format as a multiple of the root mean square, if one is known."""
    if fmt.element == "e2m1":
        return CLIP_E2M1 / 6
    if fmt.element.startswith("int"):
        # A step of the uniform quantizer, and the unit of MX integers is 2^-(bits - 2) scales.
        return 2 * CLIPS[fmt.bits] / (2.0**fmt.bits - 1) * 2.0 ** (fmt.bits - 2)
    return None


def quest_scale(x: Array, bits: float | str, *, axis: int = -1, block: int | None = None) -> Array:
    """Return the clip that QuEST gives to normally distributed numbers: a multiple of their root mean square.

    A uniform quantizer of `bits` bits then has steps of 2 clip / (2^bits - 1); for e2m1 the clip is 6 steps.
    `quantize` applies the rule by ``scale="quest"``.

    Parameters
    ----------
    x : ndarray or torch.Tensor on the CPU, float32, float16 or bfloat16
        Usually rotated by `hadamard` first. Not modified.
    bits : {1, 1.58, 2, 3, 4, 5, 6, 7, 8, "e2m1"}
        Bits of the quantizer; 1.58 for three levels.
    axis : int, default -1
        Axis along which the mean is taken.
    block : int, optional
        Numbers that share a scale; the length along `axis` is a multiple. Default all.

    Returns
    -------
    ndarray or torch.Tensor of float32
        The shape of `x` with `axis` last, and then without it, or with the number of blocks in its place.

    Raises
    ------
    ShapeError
        If `x` has no dimension or nothing along `axis`, or its length is no multiple of `block`.
    DtypeError
        If `x` is of another dtype.
    ValueError
        If no clip is known for `bits`.

    Notes
    -----
    O(size), in float64. A block with NaN or infinity gives NaN or infinity.

    References
    ----------
    Panferov et al., "QuEST: Stable Training of LLMs with 1-Bit Weights and Activations", arXiv:2502.05003; for e2m1
    Castro et al., "Quartet: Native FP4 Training Can Be Optimal for Large Language Models", arXiv:2505.14669.

    Examples
    --------
    >>> x = np.array([[3.0, -3.0, 3.0, 3.0], [0.0, 0.0, 1.0, -1.0]], dtype=np.float32)
    >>> quest_scale(x, 4).round(3).tolist()
    [7.541999816894531, 1.777999997138977]
    >>> quest_scale(x, "e2m1", block=2).shape
    (2, 2)
    """
    clips: dict[Any, float] = CLIPS | {"e2m1": CLIP_E2M1}
    if isinstance(bits, bool) or not isinstance(bits, int | float | str) or bits not in clips:
        raise ValueError(f"`bits` must be 1, 1.58, 2 to 8 or e2m1, got {shown(bits)}")
    array: Array = x if is_torch(x) else np.asanyarray(x)
    if array.ndim == 0:
        raise ShapeError("`x` must have one dimension or more, got ()")
    axis = check_integer("axis", axis, -array.ndim, array.ndim - 1) % array.ndim
    length = array.shape[axis]
    width = length if block is None else check_integer("block", block, 1, BITS_32)
    if length == 0 or length % width:
        raise ShapeError(f"`x` must have a multiple of {width or 1} elements along axis {axis}, got {length}")
    values = widened(*float_bits("x", axis_last(array, axis)))
    blocks = values.reshape(*values.shape[:-1], length // width, width)
    root = np.sqrt(np.square(blocks, dtype=np.float64).mean(-1))
    found = (root * clips[bits])[..., 0] if block is None else root * clips[bits]
    out = empty_beside(array, found.shape, "float32")
    with np.errstate(over="ignore"):
        as_numpy(out)[...] = found
    return out
