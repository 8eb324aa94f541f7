"""Dollars per correct answer: cost of pass, its frontier over models and people, and who moves it.

After Erol, El, Suzgun, Yuksekgonul and Zou, "Cost-of-Pass" (arXiv 2504.13359).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, numbers, plain

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["cost_of_pass"]


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
    arXiv 2504.13359, section 2.

    Examples
    --------
    >>> cost_of_pass([0.02, 0.5], [1.0, 0.25])
    array([0.02, 2.  ])
    """
    price, share = broadcast(cost=numbers("cost", cost, 0), success=numbers("success", success, 0, 1))
    return plain(np.divide(price, share, out=np.full(share.shape, np.inf), where=share > 0))
