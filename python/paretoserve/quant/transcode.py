"""From one format of codes to another: the ways that keep every number, and an honest report for the others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._arrays import as_numpy
from paretoserve.errors import ShapeError
from paretoserve.quant._checks import check_described
from paretoserve.quant._library import in_numpy, like
from paretoserve.quant._report import ConvertReport, report
from paretoserve.quant.layout._layout import Log
from paretoserve.quant.layout._nv import checked_scale
from paretoserve.quant.layout._tables import E2M1, UE4M3
from paretoserve.quant.layout.dense import compare
from paretoserve.quant.quantize import dequantize, quantize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from paretoserve.quant._qtensor import QTensor

__all__ = ["as_nvfp4", "mxfp4_to_nvfp4", "requant_global_scale", "requantize", "requantized"]

# ue4m3 holds the powers of two from 2^-9 to 2^8.
_HIGHEST, _LOWEST = 8, -9
# The least exponent of a normal float32: engines may flush what is below.
_SMALLEST = -126
_MIDPOINTS = np.array([0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0])


def mxfp4_to_nvfp4(q: QTensor, *, strict: bool = True) -> tuple[QTensor, ConvertReport]:
    """Store MXFP4 weights as NVFP4, bit for bit where that is possible.

    With k the exponent of a block's scale and kmax the largest, the scale of the tensor becomes 2^(kmax - 8), those of
    the blocks 2^(k - kmax + 8), and the codes stay. ue4m3 holds powers of two from 2^-9 to 2^8: every number is kept if
    and only if kmax - k is 17 or less. Blocks of zeros do not count.

    Parameters
    ----------
    q : QTensor of mxfp4
        Not modified.
    strict : bool, default True
        Raise if a block cannot be kept; else round its codes under the smallest scale and report it.

    Returns
    -------
    q : QTensor of nvfp4
    report : ConvertReport
        `blocks_lossy` counts blocks of 32.

    Raises
    ------
    ValueError
        If `q` is not mxfp4, or, in strict mode, a block has kmax - k above 17; the message has its place.

    Notes
    -----
    A pass over the scales; one over the codes to find blocks of zeros, if any block is more than 17 below.

    Examples
    --------
    >>> import numpy as np
    >>> from paretoserve import quant
    >>> q = quant.quantize(np.linspace(-3, 3, 64, dtype=np.float32)[None, :], "mxfp4")
    >>> new, report = quant.mxfp4_to_nvfp4(q)
    >>> report.exact, bool((quant.dequantize(new) == quant.dequantize(q)).all())
    (True, True)
    """
    check_described(q)
    if q.meta.fmt != "mxfp4":
        raise ValueError(f"`q` must be mxfp4, got {q.meta.fmt}")
    plain, torch = in_numpy(q)
    log = Log()
    return like(as_nvfp4(plain, log, strict), torch), report(log)


def as_nvfp4(q: QTensor, log: Log, strict: bool) -> QTensor:
    """Do what `mxfp4_to_nvfp4` says for numpy arrays."""
    codes, bytes_ = np.asarray(q.codes), np.asarray(q.scales)
    if codes.shape[-1] != bytes_.shape[-1] * 16:
        raise ShapeError(f"`q` must have whole blocks, got shape {q.shape}")
    exponents = bytes_.astype(np.int32) - 127
    blocks = codes.reshape(*bytes_.shape, 16)
    counted = (bytes_ != 255) & (blocks & 0x77).any(axis=-1)
    top = max(int(exponents[counted].max()) - _HIGHEST if counted.any() else 0, _SMALLEST)
    relative = np.minimum(exponents - top, _HIGHEST)
    lost = counted & (relative < _LOWEST)
    if lost.any() and strict:
        place = np.argwhere(lost)[0].tolist()
        raise ValueError(
            f"`q` must have block scales at most 2^17 apart, got 2^{int(exponents[tuple(place)])} at {place} beside "
            f"2^{top + _HIGHEST} ({int(lost.sum())} blocks)\nhint: strict=False rounds these blocks and reports them"
        )
    # 2^e has no mantissa: its code is the biased exponent, or one bit among the subnormal codes.
    powers = np.array([1, 2, 4, *(range(8, 128, 8))], np.uint8)
    scales = powers[np.clip(relative, _LOWEST, _HIGHEST) - _LOWEST]
    scales[bytes_ == 255] = 127
    if lost.any():
        codes = _rounded(q, blocks, relative, lost, top, log)
    meta = replace(q.meta, fmt="nvfp4", block=(1, 16), scale_rule="amax")
    scale = np.array(np.ldexp(np.float32(1), top), np.float32)
    return replace(q, codes=codes, scales=np.repeat(scales, 2, axis=-1), global_scale=scale, meta=meta)


def _rounded(
    q: QTensor, blocks: NDArray[Any], relative: NDArray[Any], lost: NDArray[Any], top: int, log: Log
) -> NDArray[Any]:
    """Return the codes with those of lost blocks rounded, ties to even, under the smallest scale."""
    bytes_ = blocks[lost]
    nibbles = np.stack([bytes_ & 15, bytes_ >> 4], axis=-1)
    exact = np.ldexp(E2M1[nibbles].astype(np.float64), (relative[lost] - _LOWEST)[:, None, None])
    # Ties on a midpoint go to the even code: down from 0.25, 1.25, 2.5, 5, up from the others.
    magnitude = np.abs(exact)
    up = np.searchsorted(_MIDPOINTS, magnitude, side="left")
    tie = np.isin(magnitude, _MIDPOINTS)
    up = np.where(tie & (up % 2 == 1), up + 1, up).astype(np.uint8)
    new = up | (nibbles & 8)
    error = np.abs(E2M1[new].astype(np.float64) - exact)
    changed = error.any(axis=(1, 2))
    if changed.any():
        largest = float(np.ldexp(error.max(), top + _LOWEST))
        text = "blocks more than 2^17 below the largest scale: codes rounded under the smallest scale of nvfp4"
        log.lossy(text, blocks=int(changed.sum()), max_abs_err=largest)
    result = blocks.copy()
    result[lost] = new[..., 0] | new[..., 1] << 4
    return result.reshape(np.asarray(q.codes).shape)


def requant_global_scale(qs: Sequence[QTensor]) -> tuple[list[QTensor], ConvertReport]:
    """Give fused layers (q, k and v; gate and up) one global scale: the largest of theirs.

    Codes are kept. Block scales are multiplied by old over new global scale and rounded to the nearest ue4m3.

    Parameters
    ----------
    qs : sequence of QTensor of nvfp4
        The layers that an engine fuses. Not modified.

    Returns
    -------
    qs : list of QTensor
        With the same `global_scale`; in the order of the input.
    report : ConvertReport
        `blocks_lossy` counts blocks whose scale is another number than before, `max_abs_err` is for their codes.

    Raises
    ------
    ValueError
        If one is not nvfp4, or a global scale is zero, negative or not finite.

    Notes
    -----
    A pass over the block scales; one over the codes of blocks that changed.

    Examples
    --------
    >>> import numpy as np
    >>> from paretoserve import quant
    >>> x = np.random.default_rng(0).standard_normal((2, 64, 64)).astype(np.float32)
    >>> both, report = quant.requant_global_scale([quant.quantize(x[0], "nvfp4"), quant.quantize(x[1] / 2, "nvfp4")])
    >>> bool(both[0].global_scale == both[1].global_scale), report.exact
    (True, False)
    """
    for index, q in enumerate(qs):
        check_described(q)
        if q.meta.fmt != "nvfp4" or q.global_scale is None:
            raise ValueError(f"`qs` must be nvfp4, got {q.meta.fmt} at index {index}")
    if not qs:
        raise ValueError("`qs` must have at least one layer, got none")
    plain = [in_numpy(q) for q in qs]
    given = [checked_scale("q.global_scale", np.asarray(q.global_scale)) for q, _ in plain]
    largest = max(given)
    log = Log()
    results = [
        like(_rescaled(q, float(old), float(largest), log), torch) for (q, torch), old in zip(plain, given, strict=True)
    ]
    return results, report(log)


def _rescaled(q: QTensor, old: float, new: float, log: Log) -> QTensor:
    scales = np.asarray(q.scales)
    extras = {name: array for name, array in (q.extras or {}).items() if name != "encode_scale" or old == new}
    if old == new:
        return replace(q, extras=extras or None)
    # A scale has one of 127 codes, so a table of their successors does for all blocks.
    exact = UE4M3[:127].astype(np.float64) * old
    values = UE4M3[:127].astype(np.float64) * new
    above = np.clip(np.searchsorted(values, exact), 1, 126)
    low, high = exact - values[above - 1], values[above] - exact
    successor = np.where((low < high) | ((low == high) & (above % 2 == 1)), above - 1, above)
    error = np.append(np.abs(values[successor] - exact), 0.0)
    table = np.append(successor, 127).astype(np.uint8)
    changed = error[scales & 127] > 0
    if changed.any():
        nibbles = np.asarray(q.codes).reshape(*scales.shape, 8)[changed]
        most = np.maximum(np.abs(E2M1[nibbles & 15]).max(axis=-1), np.abs(E2M1[nibbles >> 4]).max(axis=-1))
        errors = most * error[scales[changed] & 127]
        if errors.any():
            text = f"block scales rounded under the global scale {new:.6g} in place of {old:.6g}"
            log.lossy(text, blocks=int(np.count_nonzero(errors)), max_abs_err=0.0)
            # One error of several layers, not one on top of the other.
            log.max_abs_err = max(log.max_abs_err, float(errors.max()))
    scale = np.array(new, np.float32)
    return replace(q, scales=table[scales & 127], global_scale=scale, extras=extras or None)


def requantize(q: QTensor, fmt: str, **options: Any) -> tuple[QTensor, ConvertReport]:
    """Dequantize and quantize in another format, and say what that lost.

    Parameters
    ----------
    q : QTensor
        Not modified.
    fmt : str
        Name of the new block format.
    **options
        Options of `quantize`.

    Returns
    -------
    q : QTensor of `fmt`
    report : ConvertReport
        From the comparison of all numbers before and after; `blocks_lossy` counts blocks of `fmt`.

    Notes
    -----
    MXFP4 to FP8 with one scale per row is lossy where rows span more than E4M3 does, whatever is claimed; 128x128 FP8
    to MXFP8 is exact if and only if the float scales are powers of two. Costs two decodings and an encoding, and memory
    for two tensors of float32.

    Examples
    --------
    >>> import numpy as np
    >>> from paretoserve import quant
    >>> q = quant.quantize(np.linspace(-3, 3, 64, dtype=np.float32)[None, :], "mxfp4")
    >>> quant.requantize(q, "mxfp8")[1].exact, quant.requantize(q, "int4", group=32)[1].exact
    (True, False)
    """
    plain, torch = in_numpy(q)
    log = Log()
    return like(requantized(plain, fmt, log, options), torch), report(log)


def requantized(q: QTensor, fmt: str, log: Log, options: dict[str, Any]) -> QTensor:
    """Do what `requantize` says for numpy arrays."""
    before = dequantize(q)
    new = quantize(before, fmt, axis=q.meta.axis, **options)
    old, again = (np.moveaxis(as_numpy(each), q.meta.axis, -1) for each in (before, dequantize(new)))
    compare(old, again, new.meta.block[1], f"{q.meta.fmt} to {new.meta.fmt}: numbers quantized anew", log)
    return replace(new, extras=q.extras)
