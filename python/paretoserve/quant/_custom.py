"""Float formats that no list has: named by their bits, or given as a `ScalarFormat`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, TypeAlias

from paretoserve._integers import check_integer
from paretoserve._names import one_of
from paretoserve.quant._arguments import flag

if TYPE_CHECKING:
    from paretoserve.quant._formats import ScalarFormat

__all__ = ["check_fields", "float_fields", "largest"]

Special: TypeAlias = Literal["ieee", "nan", "nan_at_negative_zero", "none"]

# Sign, exponent, mantissa, bias, what the topmost codes mean.
_PATTERN = re.compile(r"(u?)e([1-8])m([0-7])(?:b(\d{1,2}))?(ieee|fnuz|fn)?")


_RANGES = (("exponent_bits", 0, 8), ("mantissa_bits", 0, 7), ("bias", -128, 128))


def float_fields(name: str) -> tuple[int, int, int, Special, bool] | None:
    """Return exponent bits, mantissa bits, bias, special codes and sign of the float called `name`, None if none is.

    ``[u]e<E>m<M>[b<bias>][ieee|fn|fnuz]``: ``u`` for no sign. The bias is 2^(E-1) - 1, one more with ``fnuz``. Without
    a suffix, 8 bits with a sign are IEEE's way (infinity and NaN, as in e4m3), an unsigned float has NaN only (as
    ue5m3), and below 8 bits every code is a number (as in e2m1).
    """
    match = _PATTERN.fullmatch(name)
    if match is None:
        return None
    signed, e, m = not match[1], int(match[2]), int(match[3])
    if e + m + signed > 8:
        return None
    default: Special = "nan" if not signed else "ieee" if e + m == 7 else "none"
    named: dict[str | None, Special] = {None: default, "ieee": "ieee", "fn": "nan", "fnuz": "nan_at_negative_zero"}
    special = named[match[5]]
    bias = int(match[4]) if match[4] else 2 ** (e - 1) - (special != "nan_at_negative_zero")
    return e, m, bias, special, signed


def largest(exponent_bits: int, mantissa_bits: int, bias: int, special: str) -> float:
    """Return the largest finite value of a float format."""
    ones = 2 ** (exponent_bits + mantissa_bits) - 1
    code = ones - {"ieee": 2**mantissa_bits, "nan": 1}.get(special, 0)
    field, fraction = divmod(code, 2**mantissa_bits)
    significand = fraction + (2**mantissa_bits if field else 0)
    return float(significand * 2.0 ** (max(field, 1) - bias - mantissa_bits))


def check_fields(fmt: ScalarFormat, argument: str) -> ScalarFormat:
    """Return `fmt` if its fields fit each other, else raise ValueError."""
    e, m, bias = (check_integer(f"{argument}.{part}", getattr(fmt, part), low, high) for part, low, high in _RANGES)
    one_of(f"{argument}.special", fmt.special, ("ieee", "nan", "nan_at_negative_zero", "none"))
    if fmt.bits != e + m + flag(f"{argument}.signed", fmt.signed):
        raise ValueError(f"`{argument}.bits` must be exponent, mantissa and sign, {e + m + fmt.signed}, got {fmt.bits}")
    if fmt.largest != largest(e, m, bias, fmt.special):
        raise ValueError(f"`{argument}.largest` must be {largest(e, m, bias, fmt.special)}, got {fmt.largest}")
    return fmt
