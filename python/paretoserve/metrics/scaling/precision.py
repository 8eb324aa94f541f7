"""How the loss of training depends on the floats used: best layout, most useful data, best precision.

Sun et al., "Scaling Laws for Floating Point Quantization Training" (arXiv 2501.02423), "Capybara": precision costs
``D^beta / N^alpha * log2(B) / (gamma * (E + 1/2)^delta * (M + 1/2)^nu)`` of loss, so that beyond some number of tokens
more data make a model worse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, number, numbers, plain, whole
from paretoserve.metrics._options import flag, instance

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "CHANNEL_BLOCK",
    "FloatLaw",
    "Layout",
    "critical_tokens",
    "float_training_loss",
    "optimal_layout",
    "optimal_precision",
]

CHANNEL_BLOCK = 2.0**13.1567
"""The block size that a scale per channel counts as."""


@dataclass(frozen=True)
class FloatLaw:
    """Constants of the law; by default those of Table 2 of the paper.

    Attributes
    ----------
    n, alpha : float
        Of the term ``n / N^alpha`` of the parameters.
    d, beta : float
        Of the term ``d / D^beta`` of the tokens.
    floor : float
        The loss that remains.
    gamma, delta, nu : float
        Of the precision: factor, power of the exponent bits and power of the mantissa bits.
    """

    n: float = 69.2343
    alpha: float = 0.2368
    d: float = 68973.0621
    beta: float = 0.5162
    floor: float = 1.9061
    gamma: float = 11334.5197
    delta: float = 3.1926
    nu: float = 2.9543

    def __post_init__(self) -> None:
        number("floor", self.floor)
        for name in ("n", "d", "gamma"):
            number(name, getattr(self, name), 0, open_low=True)
        for name in ("alpha", "beta", "delta", "nu"):  # Higher powers of the numbers here leave float64.
            number(name, getattr(self, name), 0, 10, open_low=True)

    def knowledge(self, exponent_bits: NDArray[Any], mantissa_bits: NDArray[Any]) -> NDArray[np.float64]:
        """Return ``gamma (E + 1/2)^delta (M + 1/2)^nu``: what a layout keeps of the data."""
        kept = self.gamma * (exponent_bits + 0.5) ** self.delta * (mantissa_bits + 0.5) ** self.nu
        return np.asarray(kept, dtype=np.float64)


@dataclass(frozen=True)
class Layout:
    """Bits of a float beside its sign.

    Attributes
    ----------
    exponent_bits, mantissa_bits : float, int or ndarray
    """

    exponent_bits: Any
    mantissa_bits: Any


_PUBLISHED = FloatLaw()


@declared("fp-quantization-law", grade="T", unit="nats/token", sense="min")
def float_training_loss(
    parameters: ArrayLike,
    tokens: ArrayLike,
    exponent_bits: ArrayLike,
    mantissa_bits: ArrayLike,
    *,
    block: ArrayLike = 1,
    law: FloatLaw = _PUBLISHED,
) -> Any:
    """Return the loss, in nats per token, that the law expects of a model trained in low-bit floats.

    Parameters
    ----------
    parameters, tokens : array_like
        N of the model and D of its training, 1 or more.
    exponent_bits, mantissa_bits : array_like
        E and M of the format, 0 to 64; need not be whole.
    block : array_like, default 1
        B, the numbers that share a scale, 1 or more; with 1 precision costs nothing. A scale per channel counts as
        `CHANNEL_BLOCK`; for a scale per tensor the paper prints no constants.
    law : FloatLaw
        Constants, by default the published ones.

    Returns
    -------
    loss : float or ndarray of float64
        ``n / N^alpha + d / D^beta + floor + D^beta / N^alpha * log2(B) / (gamma (E + 1/2)^delta (M + 1/2)^nu)``, in the
        common shape of the arguments.

    Raises
    ------
    ValueError
        If an argument is out of range or NaN.
    ShapeError
        If the arguments do not broadcast.

    References
    ----------
    arXiv 2501.02423.

    Examples
    --------
    Formats E4M3 and E2M1 with one scale per 128 numbers.

    >>> float_training_loss(1e9, 1e11, [4, 2], [3, 1], block=128).round(4)
    array([2.5631, 2.5979])
    >>> round(float_training_loss(1e9, 1e11, 2, 1), 4)
    2.5626
    """
    instance("law", law, FloatLaw)
    model, data, exponent, mantissa, shared = broadcast(
        parameters=numbers("parameters", parameters, 1),
        tokens=numbers("tokens", tokens, 1),
        exponent_bits=numbers("exponent_bits", exponent_bits, 0, 64),
        mantissa_bits=numbers("mantissa_bits", mantissa_bits, 0, 64),
        block=numbers("block", block, 1),
    )
    size, seen = model**law.alpha, data**law.beta
    precision = seen / size * np.log2(shared) / law.knowledge(exponent, mantissa)
    return plain(law.n / size + law.d / seen + law.floor + precision)


@declared("fp-quantization-law", grade="T")
def optimal_layout(bits: ArrayLike, *, whole_bits: bool = False, law: FloatLaw = _PUBLISHED) -> Layout:
    """Return the exponent and mantissa bits with the least loss for a float of so many bits.

    Parameters
    ----------
    bits : array_like
        P, all bits with the sign: 1 or more, and whole if `whole_bits`.
    whole_bits : bool, default False
        Best of the layouts that exist, or of all real ones. `paretoserve.quant.optimal_em` is the former for a number.
    law : FloatLaw
        Constants, by default the published ones.

    Returns
    -------
    layout : Layout
        ``M = nu P / (delta + nu) - 1/2`` and ``E = delta P / (delta + nu) - 1/2``, which sum to P - 1 and are negative
        for less than about a bit; with `whole_bits` int64 and the E with the largest ``(E + 1/2)^delta (M + 1/2)^nu``,
        the smaller E of two equally good ones.

    Raises
    ------
    ValueError
        If `bits` is below 1, or above 64 or not whole with `whole_bits`.

    References
    ----------
    arXiv 2501.02423.

    Examples
    --------
    >>> optimal_layout(8)
    Layout(exponent_bits=3.655..., mantissa_bits=3.344...)
    >>> optimal_layout([4, 6, 8, 16], whole_bits=True)
    Layout(exponent_bits=array([2, 3, 4, 8]), mantissa_bits=array([1, 2, 3, 7]))
    """
    instance("law", law, FloatLaw)
    if not flag("whole_bits", whole_bits):
        real = numbers("bits", bits, 1)
        share = law.delta / (law.delta + law.nu)
        return Layout(plain(share * real - 0.5), plain((1 - share) * real - 0.5))
    total = whole("bits", bits, 1, 64)
    exponent = np.arange(64)
    mantissa = total[..., None] - 1 - exponent
    kept = law.knowledge(exponent, np.maximum(mantissa, 0))
    best = np.where(mantissa >= 0, kept, -np.inf).argmax(axis=-1)
    return Layout(plain(best), plain(total - 1 - best))


@declared("fp-quantization-law", grade="T", unit="tokens")
def critical_tokens(
    parameters: ArrayLike,
    exponent_bits: ArrayLike,
    mantissa_bits: ArrayLike,
    *,
    block: ArrayLike,
    law: FloatLaw = _PUBLISHED,
) -> Any:
    """Return the tokens beyond which more data make a model of low precision worse.

    Parameters
    ----------
    parameters, exponent_bits, mantissa_bits, block, law
        As for `float_training_loss`.

    Returns
    -------
    tokens : float or ndarray of float64
        ``(d gamma N^alpha (E + 1/2)^delta (M + 1/2)^nu / log2 B)^(1 / (2 beta))``; infinite for a block of 1.

    Raises
    ------
    ValueError
        If an argument is out of range or NaN.
    ShapeError
        If the arguments do not broadcast.

    References
    ----------
    arXiv 2501.02423.

    Examples
    --------
    >>> round(critical_tokens(1e9, 4, 3, block=128) / 1e12, 1)
    27.3
    """
    instance("law", law, FloatLaw)
    model, exponent, mantissa, shared = broadcast(
        parameters=numbers("parameters", parameters, 1),
        exponent_bits=numbers("exponent_bits", exponent_bits, 0, 64),
        mantissa_bits=numbers("mantissa_bits", mantissa_bits, 0, 64),
        block=numbers("block", block, 1),
    )
    kept = law.d * model**law.alpha * law.knowledge(exponent, mantissa)
    shares = np.log2(shared)
    ratio = np.divide(kept, shares, out=np.full(kept.shape, np.inf), where=shares > 0)
    return plain(ratio ** (1 / (2 * law.beta)))


@declared("fp-quantization-law", grade="T", unit="bits")
def optimal_precision(
    *,
    tokens: ArrayLike | None = None,
    compute: ArrayLike | None = None,
    block: ArrayLike = 128,
    flops_per_bit: float = 6 / 16,
    law: FloatLaw = _PUBLISHED,
) -> Any:
    """Return the bits that cost the least loss, given the data or the compute of a training.

    Parameters
    ----------
    tokens : array_like, optional
        D, 1 or more: precision is traded for parameters, at constant compute.
    compute : array_like, optional
        C, 1 or more: precision, parameters and tokens are all free. One of the two must be given.
    block : array_like, default 128
        B, above 1.
    flops_per_bit : float, default 6 / 16
        k of ``C = k N P D``; only for `compute`.
    law : FloatLaw
        Constants, by default the published ones.

    Returns
    -------
    bits : float or ndarray of float64
        P, real: of `tokens`, ``(gamma_D D^beta log2 B)^(1 / (delta + nu))`` with ``gamma_D = (delta + nu - alpha) /
        (n alpha gamma_rho)`` and ``gamma_rho = gamma delta^delta nu^nu / (delta + nu)^(delta + nu)``; of `compute`, the
        P with ``P^((delta + nu)(alpha + beta) / beta + alpha) = lambda (gamma_D log2 B)^((alpha + beta) / beta)
        (C / k)^alpha`` and ``lambda = d beta / (n alpha) * (delta + nu - alpha) / (delta + nu + beta)``.

    Raises
    ------
    TypeError
        If not exactly one of `tokens` and `compute` is given.
    ValueError
        If an argument is out of range or NaN.
    ShapeError
        If the arguments do not broadcast.

    Notes
    -----
    The paper prints ``n alpha`` such that it could stand above or below the fraction line of gamma_D; only below it do
    its figures follow.

    References
    ----------
    arXiv 2501.02423.

    Examples
    --------
    >>> optimal_precision(tokens=[1e11, 1e14]).round(2)
    array([4.27, 7.62])
    >>> round(optimal_precision(compute=1e25), 2)
    5.31
    """
    if (tokens is None) == (compute is None):
        raise TypeError("exactly one of `tokens` and `compute` must be given")
    power = instance("law", law, FloatLaw).delta + law.nu
    rho = law.gamma * law.delta**law.delta * law.nu**law.nu / power**power
    gamma_d = (power - law.alpha) / (law.n * law.alpha * rho)
    shared = numbers("block", block, 1, open_low=True)
    per_bit = number("flops_per_bit", flops_per_bit, 0, open_low=True)
    if tokens is not None:
        data, shared = broadcast(tokens=numbers("tokens", tokens, 1), block=shared)
        return plain((gamma_d * data**law.beta * np.log2(shared)) ** (1 / power))
    spent, shared = broadcast(compute=numbers("compute", compute, 1), block=shared)  # type: ignore[arg-type]
    both = (law.alpha + law.beta) / law.beta
    scale = law.d * law.beta / (law.n * law.alpha) * (power - law.alpha) / (power + law.beta)
    right = scale * (gamma_d * np.log2(shared)) ** both * (spent / per_bit) ** law.alpha
    return plain(right ** (1 / (power * both + law.alpha)))
