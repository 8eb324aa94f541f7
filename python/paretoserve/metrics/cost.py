"""Dollars per attempt and per correct answer, of models and of people.

After Erol, El, Suzgun, Yuksekgonul and Zou, "Cost-of-Pass" (arXiv 2504.13359). "Efficient Agents" (arXiv 2508.02694)
uses the same formula with the cost of all calls of an agent. Its abstract's own numbers give 40.8 % less cost of pass
where it states 28.4 %; nothing here is tuned to either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, numbers, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

__all__ = ["HUMAN_PRICES", "api_cost", "cost_of_pass", "expert_cost"]

HUMAN_PRICES: Mapping[str, float] = {
    "two_digit_addition": 0.02,
    "gsm8k": 3.50,
    "bbq": 0.10,
    "gpqa_diamond": 58.0,
    "math_500": 12.0,
    "aime_2024": 20.0,
}
"""Dollars per problem of a human expert by data set, as the authors of cost of pass set them (arXiv 2504.13359)."""


@declared("cost-of-pass", "efficient-agents", grade="R", unit="USD", sense="min")
def cost_of_pass(cost: ArrayLike, success: ArrayLike) -> Any:
    """Return the expected dollars per correct answer, ``cost / success``.

    Parameters
    ----------
    cost : array_like
        Expected dollars per attempt, 0 or more.
    success : array_like
        Probability that an attempt is correct, 0 to 1; broadcasts with `cost`.

    Returns
    -------
    cost_of_pass : float or ndarray of float64
        Dollars; infinite where `success` is 0.

    Raises
    ------
    ValueError
        If a cost is negative or a probability is outside 0 to 1; NaN is neither.

    References
    ----------
    arXiv 2504.13359.

    Examples
    --------
    >>> cost_of_pass([0.02, 0.5], [1.0, 0.25])
    array([0.02, 2.  ])
    """
    price, share = broadcast(cost=numbers("cost", cost, 0), success=numbers("success", success, 0, 1))
    with np.errstate(over="ignore"):  # A success as good as 0 costs as good as infinitely much.
        return plain(np.divide(price, share, out=np.full(share.shape, np.inf), where=share > 0))


@declared("cost-of-pass", "efficient-agents", grade="R", unit="USD", sense="min")
def api_cost(
    input_tokens: ArrayLike,
    output_tokens: ArrayLike,
    *,
    usd_per_input_token: ArrayLike,
    usd_per_output_token: ArrayLike,
) -> Any:
    """Return the dollars of an attempt: ``in * usd_in + out * usd_out``, summed over all calls of the technique.

    Parameters
    ----------
    input_tokens, output_tokens : array_like, shape (..., calls)
        Tokens of each model call; a scalar is one call. An agent's calls all count, failed ones too.
    usd_per_input_token, usd_per_output_token : array_like
        Dollars per token (not per million), 0 or more; broadcast with the tokens, so each call may have its own.

    Returns
    -------
    cost : float or ndarray of float64, shape (...)

    Raises
    ------
    ValueError
        If a number is negative, infinite or NaN.
    ShapeError
        If shapes do not fit.

    References
    ----------
    arXiv 2504.13359; the authors' code charges all prompts of a technique, not the question once.

    Examples
    --------
    >>> round(api_cost([1000, 3000], [200, 100], usd_per_input_token=2.5e-6, usd_per_output_token=1e-5), 6)
    0.013
    """
    arrays = broadcast(
        input_tokens=numbers("input_tokens", input_tokens, 0),
        output_tokens=numbers("output_tokens", output_tokens, 0),
        usd_per_input_token=numbers("usd_per_input_token", usd_per_input_token, 0),
        usd_per_output_token=numbers("usd_per_output_token", usd_per_output_token, 0),
    )
    tokens_in, tokens_out, price_in, price_out = (np.atleast_1d(array) for array in arrays)
    return plain(np.asarray((tokens_in * price_in + tokens_out * price_out).sum(axis=-1)))


@declared("cost-of-pass", grade="T", unit="USD", sense="min")
def expert_cost(usd_per_hour: ArrayLike, hours: ArrayLike) -> Any:
    """Return a human expert's cost of pass, ``wage * time``: experts are taken to succeed.

    Parameters
    ----------
    usd_per_hour : array_like
        Wage, 0 or more.
    hours : array_like
        Time per problem, 0 or more; broadcasts with the wage.

    Returns
    -------
    cost : float or ndarray of float64
        Dollars per problem; `HUMAN_PRICES` has those of the paper.

    Raises
    ------
    ValueError
        If a number is negative, infinite or NaN.

    References
    ----------
    arXiv 2504.13359.

    Examples
    --------
    >>> expert_cost(116, 0.5)
    58.0
    """
    wage, time = broadcast(usd_per_hour=numbers("usd_per_hour", usd_per_hour, 0), hours=numbers("hours", hours, 0))
    return plain(np.asarray(wage * time))
