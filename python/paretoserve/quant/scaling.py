"""How a model's loss depends on the floats it is trained in.

Sun et al., "Scaling Laws for Floating Point Quantization Training", 2025 (arXiv:2501.02423), "Capybara": precision
costs ``D^beta / N^alpha * log2(B) / (gamma * (E + 1/2)^delta * (M + 1/2)^nu)`` of loss, so that beyond some number of
tokens more data make a model worse. The law itself, over arrays, is `paretoserve.metrics.scaling.precision`.
"""

from __future__ import annotations

import math

from paretoserve._integers import check_integer
from paretoserve.quant._arguments import real_number

__all__ = ["capybara_loss", "optimal_em"]


def optimal_em(bits: int) -> tuple[int, int]:
    """Return the exponent and mantissa bits with the least loss for a float of so many bits, one of them the sign.

    Parameters
    ----------
    bits : int
        1 to 16.

    Returns
    -------
    tuple of int
        Exponent bits and mantissa bits.

    Raises
    ------
    ValueError
        If `bits` is out of range.

    Examples
    --------
    >>> optimal_em(4), optimal_em(6), optimal_em(8)
    ((2, 1), (3, 2), (4, 3))
    """
    check_integer("bits", bits, 1, 16)
    from paretoserve.metrics.scaling import precision

    layout = precision.optimal_layout(bits, whole_bits=True)
    return layout.exponent_bits, layout.mantissa_bits


def capybara_loss(parameters: float, tokens: float, exponent_bits: int, mantissa_bits: int, block: float) -> float:
    """Return the loss that the scaling law expects of training in low-bit floats.

    Parameters
    ----------
    parameters : float
        N, those of the model.
    tokens : float
        D, those it is trained on.
    exponent_bits, mantissa_bits : int
        E and M of the format, 0 to 16.
    block : float
        B, the numbers that share a scale, 1 or more. A scale per channel counts as ``2**13.157``.

    Returns
    -------
    float
        In nats per token.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> fp4, fp8 = capybara_loss(1e9, 1e11, 2, 1, 128), capybara_loss(1e9, 1e11, 4, 3, 128)
    >>> round(fp4, 3), round(fp8, 3)
    (2.598, 2.563)
    """
    for argument, value in (("parameters", parameters), ("tokens", tokens), ("block", block)):
        if not 1 <= real_number(argument, value) < math.inf:
            raise ValueError(f"`{argument}` must be 1 or more and finite, got {value}")
    check_integer("exponent_bits", exponent_bits, 0, 16)
    check_integer("mantissa_bits", mantissa_bits, 0, 16)
    from paretoserve.metrics.scaling import precision

    loss = precision.float_training_loss(parameters, tokens, exponent_bits, mantissa_bits, block=block)
    return float(loss)
