"""QuEST's scales: multiples of the root mean square, under which a quantizer of normal numbers errs least."""

from __future__ import annotations

__all__ = ["CLIPS", "CLIP_E2M1"]

CLIPS = {1: 0.79788, 2: 1.49353, 3: 2.05107, 4: 2.51393, 5: 2.91609, 6: 3.27660, 7: 3.60105, 8: 3.88494}
"""Clip of a uniform quantizer by its bits, as a multiple of the root mean square."""

CLIP_E2M1 = 2.92247856
"""The same for e2m1, as a multiple of the root mean square that becomes its largest number."""
