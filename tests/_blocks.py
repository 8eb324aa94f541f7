"""Slow and exact models of block formats, by tables and fractions, that the fast code is compared with."""

from fractions import Fraction

import numpy as np

# Magnitudes by code. The names are those of the formats.
E2M1 = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
LARGEST = {
    "mxfp8_e4m3": 448.0,
    "mxfp8_e5m2": 57344.0,
    "mxfp6_e2m3": 7.5,
    "mxfp6_e3m2": 28.0,
    "mxfp4": 6.0,
    "mxint8": 127 / 64,
    "mxint6": 31 / 16,
    "mxint4": 7 / 4,
}
MANTISSA = {
    "mxfp8_e4m3": 3,
    "mxfp8_e5m2": 2,
    "mxfp6_e2m3": 3,
    "mxfp6_e3m2": 2,
    "mxfp4": 1,
    "mxint8": 6,
    "mxint6": 4,
    "mxint4": 2,
}
_FIRST = [0, 0.25, 0.2500001, 0.75, 1.25, 1.75, 2.5, 3.5, 5, 6, 7, -0.0, -0.25, -0.75, -1.25, -1.75]
_SECOND = [-2.5, -3.5, -5, -6, -7, 0.1, -0.1, 0.5, 1, 1.5, 2, 3, 4, -4, 0.6, -0.9]
GOLDEN = np.array([*_FIRST, *_SECOND], dtype=np.float32)


def floor_log2(value: Fraction) -> int:
    """Return the exponent of the power of two at or below `value`, which is above 0."""
    exponent = value.numerator.bit_length() - value.denominator.bit_length()
    return exponent if Fraction(2) ** exponent <= value else exponent - 1


def scale_byte(amax: float, fmt: str, rule: str) -> int:
    """Return the e8m0 byte of a block by rational arithmetic."""
    if amax == 0:
        return 0
    exact, largest = Fraction(float(amax)), Fraction(LARGEST[fmt])
    exponent = floor_log2(exact)
    if rule == "rceil":
        least = exact / largest
        exponent = floor_log2(least)
        return min(max(exponent + (least != Fraction(2) ** exponent) + 127, 0), 254)
    if rule == "ceil":
        exponent += exact != Fraction(2) ** exponent
    if rule == "even":
        half_step = Fraction(2) ** (exponent - MANTISSA[fmt] - 1)
        exponent = floor_log2(exact + half_step)
    return min(max(exponent - floor_log2(largest) + 127, 0), 254)


def nearest(value: Fraction, table: list[float]) -> int:
    """Return the code of the magnitude nearest to `value`, ties to the even code."""
    return min(range(len(table)), key=lambda code: (abs(Fraction(table[code]) - value), code % 2))


def nibbles(codes: np.ndarray) -> np.ndarray:
    """Return 4-bit codes one per element, even ones first."""
    return np.stack([codes & 15, codes >> 4], axis=-1).reshape(*codes.shape[:-1], -1)
