"""Time to the first token when a small model reads the prompt and its cache is translated for the large one.

After "KV Prediction for Improved Time to First Token" (arXiv 2410.08391).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, numbers, plain, whole

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["kv_prediction_flops", "kv_prediction_ratio", "prompt_share"]


@declared("kv-prediction", grade="T", unit="FLOP", sense="min")
def kv_prediction_flops(
    prompt_tokens: ArrayLike,
    base_parameters: ArrayLike,
    auxiliary_parameters: ArrayLike,
    *,
    predictor_parameters: ArrayLike = 0.0,
) -> Any:
    """Return the operations to the first token when a small model reads the prompt and its cache is translated.

    ``2 * n * auxiliary + 2 * n * predictor + 2 * base``; without prediction it is ``2 * n * base``.

    Parameters
    ----------
    prompt_tokens : array_like of whole numbers, 1 or more
    base_parameters, auxiliary_parameters : array_like
        Of the model that answers and of the one that reads, above 0.
    predictor_parameters : array_like, default 0
        Of the maps between the caches, the sum of their products of widths; the paper calls them negligible.

    Returns
    -------
    flops : float or ndarray of float64

    Raises
    ------
    ValueError
        If a number is out of range, infinite or NaN.

    References
    ----------
    arXiv 2410.08391.

    Examples
    --------
    >>> kv_prediction_flops(1000, 1.08e9, 0.27e9) / (2 * 1000 * 1.08e9)
    0.251
    """
    prompt, base, small, maps = broadcast(
        prompt_tokens=whole("prompt_tokens", prompt_tokens, 1).astype(np.float64),
        base_parameters=numbers("base_parameters", base_parameters, 0, open_low=True),
        auxiliary_parameters=numbers("auxiliary_parameters", auxiliary_parameters, 0, open_low=True),
        predictor_parameters=numbers("predictor_parameters", predictor_parameters, 0),
    )
    return plain(np.asarray(2 * (prompt * (small + maps) + base)))


@declared("kv-prediction", grade="T", unit="1", sense="min")
def kv_prediction_ratio(prompt_tokens: ArrayLike, base_parameters: ArrayLike, auxiliary_parameters: ArrayLike) -> Any:
    """Return the time to first token with prediction relative to without, which tends to the ratio of parameters.

    ``(n * auxiliary + base) / (n * base)`` for a prompt of n tokens, without the maps between the caches.

    Parameters
    ----------
    prompt_tokens : array_like of whole numbers, 1 or more
    base_parameters, auxiliary_parameters : array_like
        As for `kv_prediction_flops`.

    Returns
    -------
    ratio : float or ndarray of float64

    Raises
    ------
    ValueError
        If a number is out of range, infinite or NaN.

    References
    ----------
    arXiv 2410.08391.

    Examples
    --------
    >>> kv_prediction_ratio([4, 1000], 1.08e9, 0.27e9)
    array([0.5  , 0.251])
    """
    flops = np.asarray(kv_prediction_flops(prompt_tokens, base_parameters, auxiliary_parameters))
    return plain(flops / (2.0 * np.asarray(prompt_tokens) * np.asarray(base_parameters)))


@declared("kv-prediction", grade="T", unit="1")
def prompt_share(ttft_s: ArrayLike, seconds_per_token: ArrayLike, output_tokens: ArrayLike) -> Any:
    """Return the share of the first token in the time of an answer, ``ttft / (ttft + tpot * (tokens - 1))``.

    Parameters
    ----------
    ttft_s : array_like
        Seconds to the first token, above 0.
    seconds_per_token : array_like
        Of each further one, 0 or more.
    output_tokens : array_like of whole numbers, 1 or more
        All broadcast.

    Returns
    -------
    share : float or ndarray of float64

    Raises
    ------
    ValueError
        If a number is out of range, infinite or NaN.

    References
    ----------
    arXiv 2410.08391.

    Examples
    --------
    >>> round(prompt_share(4.8, 0.4, 2), 3)
    0.923
    """
    first, step, count = broadcast(
        ttft_s=numbers("ttft_s", ttft_s, 0, open_low=True),
        seconds_per_token=numbers("seconds_per_token", seconds_per_token, 0),
        output_tokens=whole("output_tokens", output_tokens, 1),
    )
    return plain(np.asarray(first / (first + step * (count - 1))))
