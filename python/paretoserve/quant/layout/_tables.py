"""Values of the codes that layouts need to look at, as numpy tables."""

from __future__ import annotations

import numpy as np

__all__ = ["E2M1", "NF4", "UE4M3"]

_MAGNITUDES = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)

E2M1 = np.concatenate([_MAGNITUDES, -_MAGNITUDES])
"""Values of the 16 codes of e2m1."""

_CODES = np.arange(127)
_MANTISSA = np.where(_CODES < 8, _CODES, 8 + _CODES % 8)

UE4M3 = np.append(np.ldexp(_MANTISSA.astype(np.float64), np.maximum(_CODES // 8, 1) - 10), np.nan).astype(np.float32)
"""Values of the 128 codes of ue4m3; the last is NaN."""

NF4 = np.array(
    [
        -1.0,
        -0.6961928009986877,
        -0.5250730514526367,
        -0.39491748809814453,
        -0.28444138169288635,
        -0.18477343022823334,
        -0.09105003625154495,
        0.0,
        0.07958029955625534,
        0.16093020141124725,
        0.24611230194568634,
        0.33791524171829224,
        0.44070982933044434,
        0.5626170039176941,
        0.7229568362236023,
        1.0,
    ],
    np.float32,
)
"""Values of the 16 codes of NF4, as bitsandbytes stores them in `quant_map`."""
