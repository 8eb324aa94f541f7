"""Efficiency per request instead of per token: a model that answers longer must be that much faster.

After "Puzzle" for mixtures of experts (arXiv 2602.11937).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, numbers, plain

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = [
    "accuracy_retention",
    "improves_along_frontier",
    "request_efficiency",
    "requests_per_second",
]


@declared("puzzle", grade="D", unit="requests/s", sense="max")
def requests_per_second(tokens_per_s: ArrayLike, tokens_per_request: ArrayLike) -> Any:
    """Return requests per second, ``tokens_per_s / tokens_per_request``; derived notation.

    Parameters
    ----------
    tokens_per_s : array_like
        Output throughput, 0 or more.
    tokens_per_request : array_like
        Mean tokens generated per request, above 0; broadcasts.

    Returns
    -------
    requests_per_second : float or ndarray of float64

    Raises
    ------
    ValueError
        If a number is out of range, infinite or NaN.

    References
    ----------
    arXiv 2602.11937.

    Examples
    --------
    >>> requests_per_second(5000, 1250)
    4.0
    """
    return _ratio(("tokens_per_s", tokens_per_s), ("tokens_per_request", tokens_per_request))


@declared("puzzle", grade="D", unit="1", sense="max")
def request_efficiency(
    tokens_per_s: ArrayLike, tokens: ArrayLike, reference_tokens_per_s: ArrayLike, reference_tokens: ArrayLike
) -> Any:
    """Return requests per second relative to a reference: ``(tps / tps_ref) * (tokens_ref / tokens)``; derived.

    Parameters
    ----------
    tokens_per_s, reference_tokens_per_s : array_like
        Output throughput of the model and of the reference, above 0.
    tokens, reference_tokens : array_like
        Mean tokens generated per request by each, above 0; all broadcast.

    Returns
    -------
    efficiency : float or ndarray of float64
        1 for twice the tokens per second with twice the tokens per request.

    Raises
    ------
    ValueError
        If a number is 0 or less, infinite or NaN.

    References
    ----------
    arXiv 2602.11937.

    Examples
    --------
    >>> request_efficiency([2000, 1630], [2000, 1263.6], 1000, 1000).round(4)
    array([1.  , 1.29])
    """
    given = {"tokens_per_s": tokens_per_s, "tokens": tokens, "reference_tokens_per_s": reference_tokens_per_s}
    given["reference_tokens"] = reference_tokens
    checked = {name: numbers(name, values, 0, open_low=True) for name, values in given.items()}
    rate, length, reference_rate, reference_length = broadcast(**checked)
    return plain(np.asarray(rate / reference_rate * (reference_length / length)))


@declared("puzzle", grade="T", unit="1", sense="max")
def accuracy_retention(accuracy: ArrayLike, reference: ArrayLike) -> Any:
    """Return accuracy relative to a reference, ``accuracy / reference``.

    Parameters
    ----------
    accuracy : array_like
        Of the compressed model, 0 or more.
    reference : array_like
        Of the one it came from, above 0; broadcasts.

    Returns
    -------
    retention : float or ndarray of float64

    Raises
    ------
    ValueError
        If a number is out of range, infinite or NaN.

    References
    ----------
    arXiv 2602.11937.

    Examples
    --------
    >>> accuracy_retention(0.541, 0.5)
    1.082
    """
    return _ratio(("accuracy", accuracy), ("reference", reference))


@declared("puzzle", grade="D")
def improves_along_frontier(points: ArrayLike, reference: ArrayLike) -> bool:
    """Return whether no reference point dominates any of a model's points; derived from the paper's words.

    Parameters
    ----------
    points : array_like, shape (efforts, 2)
        Request efficiency and accuracy of the model at each reasoning effort; more is better in both.
    reference : array_like, shape (any, 2)
        Those of the reference.

    Returns
    -------
    improves : bool

    Raises
    ------
    ValueError
        If a number is infinite or NaN.
    ShapeError
        If there are not two columns, or no rows.

    References
    ----------
    arXiv 2602.11937.

    Examples
    --------
    >>> reference = [[1.0, 0.80], [2.0, 0.70]]
    >>> improves_along_frontier([[1.3, 0.81], [2.5, 0.69]], reference)
    True
    >>> improves_along_frontier([[1.3, 0.81], [1.9, 0.69]], reference)
    False
    """
    new, old = numbers("points", points, ndim=2), numbers("reference", reference, ndim=2)
    for argument, array in (("points", new), ("reference", old)):
        if array.shape[1] != 2:
            raise ShapeError(f"`{argument}` must have shape (n, 2), efficiency and accuracy, got {array.shape}")
    as_good = (old[None] >= new[:, None]).all(axis=2)
    return not bool((as_good & (old[None] > new[:, None]).any(axis=2)).any())


def _ratio(top: tuple[str, ArrayLike], bottom: tuple[str, ArrayLike]) -> Any:
    numerator, denominator = broadcast(**{top[0]: numbers(*top, 0), bottom[0]: numbers(*bottom, 0, open_low=True)})
    return plain(np.asarray(numerator / denominator))
