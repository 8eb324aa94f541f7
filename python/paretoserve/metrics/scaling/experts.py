"""What a mixture of experts saves: efficiency leverage over a dense model, and its best learning rate, batch and size.

Tian et al., "Towards Greater Leverage: Scaling Laws for Efficient Mixture-of-Experts Language Models" (arXiv
2507.17702). Compute is ``C = M D``: forward FLOPs per token of all but the embeddings, times tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import at_most, broadcast, number, numbers, plain
from paretoserve.metrics._options import instance, one_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = [
    "LeverageLaw",
    "ModelAndData",
    "activation_ratio",
    "efficiency_leverage",
    "expert_granularity",
    "optimal_batch_tokens",
    "optimal_granularity",
    "optimal_learning_rate",
    "optimal_model_and_data",
]


@dataclass(frozen=True)
class LeverageLaw:
    """Constants of the law; by default those of the paper.

    Attributes
    ----------
    a, d : float
        The exponent of activation is ``a + d log10 C``.
    gamma, beta : float
        To which granularity adds ``gamma log2(G)^2 + beta log2 G``.
    start, limit : float
        A_start and A_max, between which activation saturates.
    """

    a: float = 1.23
    d: float = -7.61e-2
    gamma: float = 1.67e-2
    beta: float = -1.17e-1
    start: float = 1.63e-2
    limit: float = 5.28e16

    def __post_init__(self) -> None:
        for name in ("a", "d", "gamma", "beta"):
            number(name, getattr(self, name), -10, 10)
        start = number("start", self.start, 0, open_low=True)
        if number("limit", self.limit, 0, open_low=True) <= start:
            raise ValueError(f"`limit` must be above `start`, {start:g}, got {self.limit:g}")


@dataclass(frozen=True)
class ModelAndData:
    """How to divide compute.

    Attributes
    ----------
    flops_per_token : float or ndarray of float64
        M of the model.
    tokens : float or ndarray of float64
        D of the training.
    """

    flops_per_token: Any
    tokens: Any


_PUBLISHED = LeverageLaw()
# M and D as factor and power of the compute.
_ALLOCATION = {"moe": (0.1915, 0.5095, 5.2232, 0.4905), "dense": (0.0655, 0.5422, 15.2582, 0.4578)}


@declared("efficiency-leverage", grade="T", unit="1")
def activation_ratio(experts: ArrayLike, active: ArrayLike, *, shared: ArrayLike = 0) -> Any:
    """Return the share of experts that a token uses, ``(E_a + E_s) / (E + E_s)``.

    Parameters
    ----------
    experts, active : array_like
        E routed experts per layer, and E_a of them per token; above 0, and no more active ones than there are.
    shared : array_like, default 0
        E_s experts that every token uses, 0 or more.

    Returns
    -------
    activation : float or ndarray of float64

    Raises
    ------
    ValueError
        If a number is out of range or more experts are active than there are.
    ShapeError
        If the arguments do not broadcast.

    References
    ----------
    arXiv 2507.17702.

    Examples
    --------
    >>> round(activation_ratio(384, 12, shared=1), 5)
    0.03377
    """
    routed, used, always = broadcast(
        experts=numbers("experts", experts, 0, open_low=True),
        active=numbers("active", active, 0, open_low=True),
        shared=numbers("shared", shared, 0),
    )
    at_most("active", used, "experts", routed)
    return plain((used + always) / (routed + always))


@declared("efficiency-leverage", grade="T", unit="1")
def expert_granularity(model_width: ArrayLike, expert_width: ArrayLike) -> Any:
    """Return how fine the experts are, ``G = 2 d_model / d_expert``.

    Parameters
    ----------
    model_width, expert_width : array_like
        d_model and the inner width of an expert, above 0.

    Returns
    -------
    granularity : float or ndarray of float64

    Raises
    ------
    ValueError
        If a width is not above 0.
    ShapeError
        If the arguments do not broadcast.

    Notes
    -----
    Secondary notes on the paper leave the 2 out; the paper has it.

    References
    ----------
    arXiv 2507.17702.

    Examples
    --------
    >>> round(expert_granularity(2048, 384), 2)
    10.67
    """
    width, inner = broadcast(
        model_width=numbers("model_width", model_width, 0, open_low=True),
        expert_width=numbers("expert_width", expert_width, 0, open_low=True),
    )
    return plain(2 * width / inner)


@declared("efficiency-leverage", grade="T", unit="1", sense="max")
def efficiency_leverage(
    activation: ArrayLike, granularity: ArrayLike, compute: ArrayLike, *, law: LeverageLaw = _PUBLISHED
) -> Any:
    """Return how much more compute a dense model needs for the same loss, ``EL = C_dense / C_moe``.

    Parameters
    ----------
    activation : array_like
        A, above 0 and at most 1; see `activation_ratio`.
    granularity : array_like
        G, above 0; see `expert_granularity`.
    compute : array_like
        C in FLOPs, 1 or more.
    law : LeverageLaw
        Constants, by default the published ones.

    Returns
    -------
    leverage : float or ndarray of float64
        ``S^(a + d log10 C + gamma log2(G)^2 + beta log2 G)`` where
        ``1 / S = 1 / (A + 1 / (1 / A_start - 1 / A_max)) + 1 / A_max``.

    Raises
    ------
    ValueError
        If an argument is out of range or NaN.
    ShapeError
        If the arguments do not broadcast.

    Notes
    -----
    The paper does not say the bases of its logarithms. They are inferred from its own claims, an optimum near G = 12
    and a leverage above 7 at A = 3.1 % and C = 1e22: with log10 C and log2 G these are 11.3 and 7.2; no other pair of
    the usual bases meets both. The text calls d positive; the table has it negative, which is right since S is below 1.

    References
    ----------
    arXiv 2507.17702.

    Examples
    --------
    >>> round(efficiency_leverage(0.031, 12, 1e22), 2)
    7.24
    >>> efficiency_leverage(1 / 32, 12, [1e18, 1e20]).round(3)
    array([2.857, 4.542])
    """
    instance("law", law, LeverageLaw)
    used, fine, spent = broadcast(
        activation=numbers("activation", activation, 0, 1, open_low=True),
        granularity=numbers("granularity", granularity, 0, open_low=True),
        compute=numbers("compute", compute, 1),
    )
    start = 1 / (1 / law.start - 1 / law.limit)
    saturated = 1 / (1 / (used + start) + 1 / law.limit)
    depth = np.log2(fine)
    power = law.a + law.d * np.log10(spent) + law.gamma * depth**2 + law.beta * depth
    return plain(saturated**power)


@declared("efficiency-leverage", grade="T", unit="1")
def optimal_granularity(*, law: LeverageLaw = _PUBLISHED) -> float:
    """Return the granularity of most leverage, ``2^(-beta / (2 gamma))``, the same for every activation and compute.

    Parameters
    ----------
    law : LeverageLaw
        Constants, by default the published ones; `gamma` must be above 0.

    Returns
    -------
    granularity : float

    Raises
    ------
    ValueError
        If `gamma` of the law is not above 0: there is no optimum.

    References
    ----------
    arXiv 2507.17702.

    Examples
    --------
    >>> round(optimal_granularity(), 2)
    11.34
    """
    if not instance("law", law, LeverageLaw).gamma > 0:
        raise ValueError(f"`law` must have `gamma` above 0, got {law.gamma}")
    return float(2 ** (-law.beta / (2 * law.gamma)))


@declared("efficiency-leverage", grade="T", unit="1")
def optimal_learning_rate(compute: ArrayLike) -> Any:
    """Return the best learning rate of a mixture of experts, ``1.1576 C^-0.1529``.

    Parameters
    ----------
    compute : array_like
        C in FLOPs, 1 or more.

    Returns
    -------
    learning_rate : float or ndarray of float64

    Raises
    ------
    ValueError
        If `compute` is below 1 or NaN.

    References
    ----------
    arXiv 2507.17702.

    Examples
    --------
    >>> round(optimal_learning_rate(1e20), 7)
    0.0010129
    """
    return plain(1.1576 * numbers("compute", compute, 1) ** -0.1529)


@declared("efficiency-leverage", grade="T", unit="tokens")
def optimal_batch_tokens(compute: ArrayLike) -> Any:
    """Return the best batch of a mixture of experts in tokens, ``0.0694 C^0.3644``.

    Parameters
    ----------
    compute : array_like
        C in FLOPs, 1 or more.

    Returns
    -------
    tokens : float or ndarray of float64

    Raises
    ------
    ValueError
        If `compute` is below 1 or NaN.

    References
    ----------
    arXiv 2507.17702.

    Examples
    --------
    >>> round(optimal_batch_tokens(1e20) / 1e6, 3)
    1.347
    """
    return plain(0.0694 * numbers("compute", compute, 1) ** 0.3644)


@declared("efficiency-leverage", grade="T")
def optimal_model_and_data(compute: ArrayLike, *, kind: Literal["moe", "dense"] = "moe") -> ModelAndData:
    """Return how to divide compute between model and data.

    Parameters
    ----------
    compute : array_like
        C in FLOPs, 1 or more.
    kind : {"moe", "dense"}, default "moe"
        Law of mixtures, ``M = 0.1915 C^0.5095`` and ``D = 5.2232 C^0.4905``, or of dense models, ``M = 0.0655
        C^0.5422`` and ``D = 15.2582 C^0.4578``.

    Returns
    -------
    allocation : ModelAndData
        M in FLOPs per token and D in tokens; their product is C to 0.1 %.

    Raises
    ------
    ValueError
        If `compute` is below 1 or NaN, or `kind` is neither.

    References
    ----------
    arXiv 2507.17702.

    Examples
    --------
    >>> best = optimal_model_and_data(1e20)
    >>> f"{best.flops_per_token:.3g} {best.tokens:.3g}"
    '2.97e+09 3.37e+10'
    """
    one_of("kind", kind, _ALLOCATION)
    spent = numbers("compute", compute, 1)
    model, model_power, data, data_power = _ALLOCATION[kind]
    return ModelAndData(plain(model * spent**model_power), plain(data * spent**data_power))
