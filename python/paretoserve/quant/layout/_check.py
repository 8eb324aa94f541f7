"""Checks that several layouts share: scales that no good checkpoint has are refused with their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.quant.layout._layout import Setting

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NAN", "check_e8m0", "check_ue4m3"]

NAN = Setting("nan", "what a scale that is NaN does", "raise", ("raise", "scale"))


def _place(scales: NDArray[Any], bad: NDArray[np.bool_]) -> str:
    return str([int(each) for each in np.unravel_index(int(np.argmax(bad)), scales.shape)])


def check_e8m0(argument: str, scales: NDArray[Any], nan: str) -> None:
    """Refuse e8m0 codes that are NaN, unless `nan` is ``scale``."""
    if nan == "raise" and scales.size and int(scales.max()) == 255:
        place = _place(scales, scales == 255)
        raise ValueError(
            f"`{argument}` must be finite, got NaN (byte 255) at {place}\n"
            'hint: the block was NaN when it was quantized; nan="scale" carries it over'
        )


def check_ue4m3(argument: str, scales: NDArray[Any], nan: str) -> None:
    """Refuse e4m3 codes that are negative, and NaN unless `nan` is ``scale``."""
    if not scales.size:
        return
    largest = int(scales.max())
    if largest > 127:
        place = _place(scales, scales > 127)
        raise ValueError(
            f"`{argument}` must not be negative, got byte {largest} at {place}\n"
            "hint: scales with a sign belong to another format (IF4), or the bytes are not e4m3"
        )
    if largest == 127 and nan == "raise":
        raise ValueError(
            f"`{argument}` must be finite, got NaN (byte 127) at {_place(scales, scales == 127)}\n"
            'hint: the block was NaN when it was quantized; nan="scale" carries it over'
        )
