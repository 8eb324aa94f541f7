"""The two ways in which checkpoints store the global scale of NVFP4, and what tells a swapped one.

Decoding direction (ModelOpt, GGUF, `QTensor`): amax / 2688, multiply to decode. Encoding (compressed-tensors):
2688 / amax, divide. Taken for each other they give fluent garbage, so both are checked against the block scales.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.quant._qtensor import QMeta, QTensor
from paretoserve.quant.layout._layout import Log, Setting
from paretoserve.quant.layout._tables import UE4M3

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from paretoserve._arrays import Array

__all__ = [
    "TRUST",
    "check_shapes",
    "checked_scale",
    "decoded",
    "encoded_scale",
    "input_scale",
    "note_global_scale",
    "qtensor",
]

TRUST = Setting("trust_scale", "whether to accept a global scale that looks swapped", False, (False, True))

# 448 * 6: a weight beyond it is implausible, and what a swapped scale gives is beyond it for any plausible weight.
_LARGEST = 2688.0


def checked_scale(argument: str, stored: NDArray[Any]) -> np.float32:
    """Return the one number in `stored`; refuse zero, negative, NaN and infinity."""
    if stored.size != 1:
        raise ShapeError(f"`{argument}` must be one number, got shape {stored.shape}")
    value = np.float32(stored.reshape(()))
    if not np.isfinite(value) or value <= 0:
        raise ValueError(
            f"`{argument}` must be positive and finite, got {value}\n"
            "hint: a tensor of zeros has the scale 1; with this one every weight would be zero, infinite or NaN"
        )
    return value


def decoded(argument: str, stored: NDArray[Any], scales: NDArray[Any], *, encode: bool, trust: bool) -> np.float32:
    """Return the global scale in the decoding direction, or refuse one that was stored in the other.

    Weights reach at most 6 * largest block scale * global scale. If that is beyond 2688 while the scale is above 1, the
    reciprocal is the scale of a plausible weight and this one is not.
    """
    value = checked_scale(argument, stored)
    with np.errstate(over="ignore", under="ignore", divide="ignore"):
        scale = np.float32(1) / value if encode else value
    if not np.isfinite(scale) or scale < np.finfo(np.float32).tiny:
        raise ValueError(f"`{argument}` must have a reciprocal in float32, got {value}")
    finite = scales[scales != 127]
    reach = 6.0 * float(UE4M3[int(finite.max())] if finite.size else 0.0) * float(scale)
    if scale > 1 and reach > _LARGEST and not trust:
        direction = "encoding direction (2688 / amax)" if encode else "decoding direction (amax / 2688)"
        other = "ModelOpt stores the reciprocal" if encode else "compressed-tensors stores the reciprocal"
        raise ValueError(
            f"`{argument}` must be in the {direction}, got {value}: weights would reach {reach:.3g}\n"
            f"hint: {other}; name that layout, or pass trust_scale=True if weights are that large"
        )
    return scale


def check_shapes(codes: NDArray[Any], scales: NDArray[Any], argument: str, scale_argument: str) -> None:
    """Refuse codes of shape (rows, K / 2) and scales of shape (rows, K / 16) that do not fit each other."""
    if codes.shape[-1] % 8:
        raise ShapeError(f"`{argument}` must have rows of whole blocks (8 bytes), got shape {codes.shape}")
    expected = (*codes.shape[:-1], codes.shape[-1] // 8)
    if scales.shape == expected:
        return
    hint = ""
    if scales.shape[-1] * 2 == expected[-1]:
        hint = "\nhint: one scale per 32 weights is MXFP4, not NVFP4"
    elif scales.shape[0] % 128 == 0 and scales.shape[-1] % 4 == 0:
        hint = "\nhint: padded to 128 rows and 4 columns they are swizzled: see unswizzle_scales"
    raise ShapeError(
        f"`{scale_argument}` must have shape {expected} beside this `{argument}`, got {scales.shape}{hint}"
    )


def qtensor(codes: NDArray[Any], scales: NDArray[Any], scale: np.float32, extras: dict[str, NDArray[Any]]) -> QTensor:
    """Return codes and scales with a global scale in the decoding direction as a `QTensor`."""
    meta = QMeta("nvfp4", (*codes.shape[:-1], codes.shape[-1] * 2), codes.ndim - 1, (1, 16), "amax")
    # Arrays travel through extras as they are in the file.
    carried = {name: np.asarray(array) for name, array in extras.items()}
    return QTensor(codes, scales, None, np.array(scale), meta, carried or None)


def encoded_scale(q: QTensor, log: Log) -> NDArray[np.float32]:
    """Return the global scale of `q` in the encoding direction: the bits of its source, or the rounded reciprocal."""
    assert q.global_scale is not None
    scale = checked_scale("q.global_scale", np.asarray(q.global_scale))
    value = _other_direction("q.global_scale", scale, (q.extras or {}).get("encode_scale"))
    note_global_scale(np.asarray(q.scales), float(scale), 1 / float(value), log)
    return np.array([value], np.float32)


def input_scale(q: QTensor, log: Log, *, encode: bool) -> NDArray[np.float32] | None:
    """Return the scale of the activations in the direction asked for, if `q` carries one."""
    names = ("input_encode_scale", "input_scale") if encode else ("input_scale", "input_encode_scale")
    stored = {name: np.asarray(array) for name, array in (q.extras or {}).items() if name in names}
    if names[0] in stored:
        return stored[names[0]]
    if names[1] not in stored:
        return None
    scale = checked_scale(names[1], stored[names[1]])
    value = _other_direction(names[1], scale, None)
    if float(value) * float(scale) != 1:
        log.note("the scale of the activations is a reciprocal, rounded to float32 (1 ulp at most)")
    return np.array(value, np.float32)


def note_global_scale(scales: NDArray[Any], before: float, after: float, log: Log) -> None:
    """Report that a global scale changed from `before` to `after`, if it did; codes and block scales did not."""
    if before == after:
        return
    finite = scales[scales != 127]
    largest = 6.0 * float(UE4M3[int(finite.max())] if finite.size else 0.0)
    text = "codes and block scales kept; the global scale is a reciprocal, rounded to float32 (1 ulp at most)"
    log.lossy(text, blocks=0, max_abs_err=largest * abs(after - before))


def _other_direction(argument: str, scale: np.float32, kept: Array | None) -> np.float32:
    """Return `kept` if it is a reciprocal of `scale` (one that is not is stale), else the rounded reciprocal."""
    with np.errstate(over="ignore"):
        value = np.float32(1) / scale
        if kept is not None:
            bits = checked_scale("encode_scale", np.asarray(kept))
            value = bits if np.float32(1) / bits == scale else value
    if not np.isfinite(value):
        raise ValueError(f"`{argument}` must have a reciprocal in float32, got {scale}")
    return value
