"""How good a format is in theory, by the crest factor of a tensor's blocks.

Chen et al., "INT v.s. FP: A Comprehensive Study of Fine-Grained Low-bit Quantization Formats", 2025
(arXiv:2510.25602): values of a block are Gaussian, and its crest factor (largest magnitude over root mean square)
decides how well a format can hold them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from paretoserve.errors import UnknownNameError
from paretoserve.quant._arguments import real_number
from paretoserve.quant._formats import block_format, scalar_format

if TYPE_CHECKING:
    from paretoserve.quant._formats import BlockFormat

__all__ = ["Crossover", "crossover", "theory_qsnr"]


class Crossover(NamedTuple):
    """Where an integer and a float format are equally good.

    Attributes
    ----------
    kappa : float
        The crest factor; below, integers are better.
    qsnr : float
        What both have there, in dB.
    """

    kappa: float
    qsnr: float


# The share of a block scale that rounding up to its format adds, as the paper plots it: up to a power of two; to E4M3.
_OVERHEAD = {"mx": 1.5, "nv": 1.05}


def theory_qsnr(fmt: str, kappa: float, *, rho: float | None = None, g: int | None = None) -> float:
    """Return the QSNR that theory expects of a format for blocks of a given crest factor.

    Parameters
    ----------
    fmt : str
        An MX format, ``nvfp4`` or ``nvint4``.
    kappa : float
        Crest factor of the blocks, 1 or more.
    rho : float, optional
        Overhead of the scale: stored scale over ideal scale, 1 or more; by default 1.5 for power-of-two scales and
        1.05 for E4M3 scales.
    g : int, optional
        Size of a block, by default the format's. With E4M3 scales the largest value of a block is exact, which
        counts the more the smaller the block.

    Returns
    -------
    float
        In dB.

    Raises
    ------
    UnknownNameError
        If there is no theory for `fmt`.
    ValueError
        If `kappa`, `rho` or `g` is out of range.

    Notes
    -----
    Theorems 1 and 2 of arXiv:2510.25602, with the energy of what rounds to zero added as its authors' code does.

    Examples
    --------
    >>> round(theory_qsnr("mxint8", 2.0), 2), round(theory_qsnr("mxfp8", 2.0), 2)
    (43.4, 31.86)
    >>> round(theory_qsnr("mxint4", 2.0, rho=1.0), 2)
    22.84
    """
    spec = block_format(fmt)
    if spec.family not in _OVERHEAD or spec.scale == "ue5m3":
        raise UnknownNameError(f"`fmt` must be an MX format, nvfp4 or nvint4, got {fmt!r}")
    if g is None:
        g = spec.block[1]
    if rho is None:
        rho = _OVERHEAD[spec.family]
    for argument, value, least in (("kappa", kappa, 1.0), ("rho", rho, 1.0), ("g", g, 2)):
        if not least <= real_number(argument, value) <= 1e6:
            raise ValueError(f"`{argument}` must be between {least:g} and 1e6, got {value}")
    if spec.element.startswith("int"):
        first = 10 * math.log10(g / (g - 1)) if spec.family == "nv" else 0.0
        return 4.78 + 6.02 * spec.bits - 20 * math.log10(rho) - 20 * math.log10(kappa) + first
    return _float_theory(spec, kappa, rho, g)


def _float_theory(spec: BlockFormat, kappa: float, rho: float, g: int) -> float:
    element = scalar_format(spec.element)
    mantissa, bias = element.mantissa_bits, element.bias
    scaled = rho * kappa / element.largest
    normal, zero = scaled * 2.0 ** (1 - bias), scaled * 2.0 ** (-bias - mantissa)
    # Shares of the energy in normal values and below half the smallest step, and of the values between.
    w_normal = _energy_above(normal)
    w_zero = 1 - _energy_above(zero)
    p_subnormal = 2 * (_below(normal) - _below(zero))
    if spec.family == "nv":
        w_normal = max(w_normal - kappa**2 / g, 0.0)
    relative = 1 / (24 * 2.0 ** (2 * mantissa))
    absolute = 2.0 ** (2 * (1 - bias - mantissa)) / (12 * element.largest**2)
    return -10 * math.log10(relative * w_normal + absolute * (rho * kappa) ** 2 * p_subnormal + w_zero)


def _below(t: float) -> float:
    """Return the normal distribution function."""
    return 0.5 * (1 + math.erf(t / math.sqrt(2)))


def _energy_above(t: float) -> float:
    """Return the share of a normal variable's energy in magnitudes above `t`."""
    return 2 * (t * math.exp(-t * t / 2) / math.sqrt(2 * math.pi) + 1 - _below(t))


def crossover(int_fmt: str, fp_fmt: str) -> Crossover:
    """Return the crest factor at which an integer and a float format are equally good in theory.

    Parameters
    ----------
    int_fmt, fp_fmt : str
        Formats that `theory_qsnr` knows.

    Returns
    -------
    Crossover
        Crest factor, below which `int_fmt` is better, and the QSNR there in dB.

    Raises
    ------
    UnknownNameError
        If there is no theory for one of them.
    ValueError
        If one is better at every crest factor.

    Examples
    --------
    >>> tuple(round(value, 2) for value in crossover("mxint8", "mxfp8"))
    (7.55, 31.86)
    """

    def lead(kappa: float) -> float:
        return theory_qsnr(int_fmt, kappa) - theory_qsnr(fp_fmt, kappa)

    grid = [1.01**step for step in range(420)]
    ahead = [lead(kappa) for kappa in grid]
    at = next((i for i in range(1, len(grid)) if ahead[i - 1] > 0 >= ahead[i]), None)
    if at is None:
        raise ValueError(f"`int_fmt` {int_fmt} and `fp_fmt` {fp_fmt} do not cross: one is better at every crest factor")
    low, high = grid[at - 1], grid[at]
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if lead(middle) > 0 else (low, middle)
    return Crossover(low, theory_qsnr(int_fmt, low))
