"""Predictions of output lengths: what a predictor answers, and how the predictor of a user becomes one.

A predictor has a method ``predict(request)``, where a request is a mapping of what is known: ``model``, ``tenant``,
``prompt_tokens`` and whatever else it understands. It may answer with a number of tokens, a pair of bounds, samples of
a distribution, or nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Protocol

import numpy as np

from paretoserve._integers import BITS_32, check_integer, shown
from paretoserve.errors import PolicyError
from paretoserve.sched._scores import Scores

__all__ = ["LengthPrediction", "LengthPredictor", "UserPredictor"]

LEVELS = (0.1, 0.5, 0.9)
"""Quantiles of the samples that a user's predictor returns."""


@dataclass(frozen=True, slots=True)
class LengthPrediction:
    """What is expected of the output of one request.

    Attributes
    ----------
    expected_output_tokens : int or None
        The size to schedule by; None if nothing is known.
    quantiles : dict of float to int
        Tokens that the output does not exceed with such a probability, for rising probabilities; may be empty.
    key : tuple
        Where it was learned, such as ``("model", "tenant", 7)``; empty for all requests or somebody else's prediction.
    num_samples : float
        How many outputs stand behind it, older ones counted less; 0 if it was not learned from outputs.
    """

    expected_output_tokens: int | None
    quantiles: dict[float, int] = field(default_factory=dict)
    key: tuple[Any, ...] = ()
    num_samples: float = 0.0

    def terms(self) -> dict[str, Any]:
        """Return it as arguments of `Scheduler.submit`; empty if nothing is known.

        Examples
        --------
        >>> LengthPrediction(40, {0.1: 10, 0.5: 40, 0.9: 90}).terms()
        {'expected_output_tokens': 40, 'output_range': (10, 90)}
        """
        if self.expected_output_tokens is None:
            return {}
        terms: dict[str, Any] = {"expected_output_tokens": self.expected_output_tokens}
        if len(self.quantiles) > 1:
            tokens = list(self.quantiles.values())
            terms["output_range"] = (tokens[0], tokens[-1])
        return terms


class LengthPredictor(Protocol):
    """Whatever predicts output lengths: `LengthEstimator`, `UserPredictor`, or a class of your own."""

    def predict(self, request: Mapping[str, Any]) -> LengthPrediction:
        """Return what is expected of the output of `request`."""
        ...


class UserPredictor:
    """A predictor from a function of yours, with its error measured.

    Parameters
    ----------
    function : callable
        Gets a request and returns a number of tokens; a tuple ``(least, most)``, of which the geometric mean is the
        size, because it is wrong by the smallest factor; a list or array of samples, of which the median is the size;
        a `LengthPrediction`; or None if it does not know.

    Examples
    --------
    >>> predictor = UserPredictor(lambda request: 2 * request["prompt_tokens"])
    >>> request = {"prompt_tokens": 50}
    >>> predictor.predict(request).terms()
    {'expected_output_tokens': 100}
    >>> predictor.observe(request, 200)
    >>> predictor.report()["mean_abs_error_tokens"], predictor.report()["mean_abs_log2_ratio"]
    (100.0, 1.0)
    """

    def __init__(self, function: Callable[[Mapping[str, Any]], object]) -> None:
        if not callable(function):
            raise TypeError(f"`function` must be callable, got {shown(function)}")
        self._function = function
        self._scores = Scores()

    def predict(self, request: Mapping[str, Any]) -> LengthPrediction:
        """Return what the function expects of the output of `request`.

        Raises
        ------
        PolicyError
            If the function raises, or returns anything else than it may.
        """
        try:
            value = self._function(request)
        except Exception as error:
            raise PolicyError(f"the predictor raised {type(error).__name__}: {error}") from error
        return _prediction(value)

    def observe(
        self, request: Mapping[str, Any], output_tokens: int, *, prediction: LengthPrediction | None = None
    ) -> None:
        """Note how long the output of `request` was.

        Parameters
        ----------
        request : mapping
            As given to `predict`.
        output_tokens : int
            At least 1.
        prediction : LengthPrediction, optional
            What was predicted for it; without it the function is asked again.
        """
        output_tokens = check_integer("output_tokens", output_tokens, 1, BITS_32)
        self._scores.add(prediction or self.predict(request), output_tokens)

    def report(self) -> dict[str, Any]:
        """Return how wrong it was; the entries are those of `LengthEstimator.report`."""
        return self._scores.report()


def _prediction(value: object) -> LengthPrediction:
    if value is None or isinstance(value, LengthPrediction):
        return value or LengthPrediction(None)
    if isinstance(value, Real) and not isinstance(value, bool):
        return LengthPrediction(_tokens(value))
    if isinstance(value, tuple) and len(value) == 2:
        least, most = (_tokens(bound) for bound in value)
        if least <= most:
            return LengthPrediction(max(1, round(math.sqrt(least * most))), {0.0: least, 1.0: most})
    elif isinstance(value, Sequence | np.ndarray) and not isinstance(value, str | bytes) and len(value):
        samples = np.asarray(value)
        if samples.ndim == 1 and samples.dtype.kind in "iuf" and np.isfinite(samples).all():
            tokens = np.quantile(samples, LEVELS, method="inverted_cdf").tolist()
            quantiles = {level: _tokens(quantile) for level, quantile in zip(LEVELS, tokens, strict=True)}
            return LengthPrediction(quantiles[0.5], quantiles)
    raise PolicyError(f"a predictor must return tokens, (least, most), samples or None, got {shown(value)}")


def _tokens(value: Any) -> int:
    """Return a number of tokens from 1 to 2**32 - 1."""
    number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    if not 0 <= number <= BITS_32:
        raise PolicyError(f"a predictor must return tokens from 0 to {BITS_32}, got {shown(value)}")
    return max(1, round(number))
