"""Output lengths learned while serving, by model, tenant and length of the prompt.

Each key keeps a histogram in which old outputs count less. A request is looked up by its finest key that has seen
enough, then by coarser ones. Quantiles are calibrated online: their levels move until they cover what they promise
(adaptive conformal inference, Gibbs and Candès 2021), also when the traffic changes.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from numbers import Real
from typing import Any

from paretoserve._integers import BITS_32, check_integer, shown
from paretoserve.sched._lengths import Lengths
from paretoserve.sched._scores import Scores
from paretoserve.sched.prediction import LengthPrediction

__all__ = ["LengthEstimator"]

Key = tuple[Any, ...]

STEP = 0.01
"""How far a level moves after one output: coverage follows within hundreds of outputs."""


class LengthEstimator:
    """Predicts output lengths from the outputs of earlier requests.

    Parameters
    ----------
    quantiles : sequence of float, default (0.1, 0.5, 0.9)
        Probabilities above 0 and below 1, rising, with 0.5 among them: the median is the size to schedule by.
    half_life : int, default 1000
        After so many outputs of the same key an output counts half.
    min_samples : int, default 20
        Outputs that a key needs before it is used; else the next coarser one is.
    max_keys : int, default 4096
        Keys that are remembered; the one that was not used for longest is forgotten. About 3 KiB each.

    Notes
    -----
    A pure function of its calls. `predict` and `observe` cost some ten microseconds.

    Examples
    --------
    >>> estimator = LengthEstimator(min_samples=3)
    >>> for tenant, output in [("chat", 20), ("code", 400)] * 5:
    ...     estimator.observe({"model": "m", "tenant": tenant, "prompt_tokens": 100}, output)
    >>> prediction = estimator.predict({"model": "m", "tenant": "code", "prompt_tokens": 120})
    >>> prediction.key, 380 < prediction.expected_output_tokens < 420
    (('m', 'code', 6), True)
    >>> estimator.predict({"model": "m", "tenant": "new", "prompt_tokens": 120}).key
    ('m',)
    """

    def __init__(
        self,
        *,
        quantiles: Sequence[float] = (0.1, 0.5, 0.9),
        half_life: int = 1000,
        min_samples: int = 20,
        max_keys: int = 4096,
    ) -> None:
        levels = list(quantiles)
        numbers = all(isinstance(level, Real) and 0 < level < 1 for level in levels)
        if not numbers or sorted(set(levels)) != levels or 0.5 not in levels:
            raise ValueError(
                f"`quantiles` must rise between 0 and 1 and have 0.5 among them, got {shown(list(quantiles))}"
            )
        self._decay = 0.5 ** (1 / check_integer("half_life", half_life, 1, BITS_32))
        self._min_samples = check_integer("min_samples", min_samples, 1, BITS_32)
        self._max_keys = check_integer("max_keys", max_keys, 1, BITS_32)
        self._lengths: OrderedDict[Key, Lengths] = OrderedDict()
        self._levels = {float(level): float(level) for level in levels}
        self._scores = Scores()

    def predict(self, request: Mapping[str, Any]) -> LengthPrediction:
        """Return what is expected of the output of `request`.

        Parameters
        ----------
        request : mapping
            May have ``model``, ``tenant`` and ``prompt_tokens``; without one of them a coarser key is used.

        Returns
        -------
        LengthPrediction
            With nothing but None before the first output.
        """
        for key in _keys(request):
            lengths = self._lengths.get(key)
            if lengths is not None and (lengths.num >= self._min_samples or not key):
                self._lengths.move_to_end(key)
                tokens, quantiles = 1, {}
                for level, moved in self._levels.items():
                    # Levels move one by one; their quantiles must not cross.
                    tokens = max(tokens, lengths.quantile(min(max(moved, 0.0), 1.0)))
                    quantiles[level] = tokens
                return LengthPrediction(lengths.quantile(0.5), quantiles, key, lengths.total)
        return LengthPrediction(None)

    def observe(
        self, request: Mapping[str, Any], output_tokens: int, *, prediction: LengthPrediction | None = None
    ) -> None:
        """Learn from a request that has finished; cancelled ones say nothing.

        Parameters
        ----------
        request : mapping
            As given to `predict`.
        output_tokens : int
            At least 1.
        prediction : LengthPrediction, optional
            What was predicted for it when it arrived, for the report and the calibration; without it, what would be
            predicted now.
        """
        output_tokens = check_integer("output_tokens", output_tokens, 1, BITS_32)
        prediction = prediction or self.predict(request)
        self._scores.add(prediction, output_tokens)
        for level, tokens in prediction.quantiles.items():
            if level in self._levels:
                covered = output_tokens <= tokens
                self._levels[level] = min(max(self._levels[level] + STEP * (level - covered), -STEP), 1 + STEP)
        for key in _keys(request):
            lengths = self._lengths.setdefault(key, Lengths(self._decay))
            lengths.add(output_tokens)
            self._lengths.move_to_end(key)
        while len(self._lengths) > self._max_keys:
            self._lengths.popitem(last=False)

    def report(self) -> dict[str, Any]:
        """Return how wrong predictions were, each judged before its output was learned.

        Returns
        -------
        dict
            ``num_observed`` and ``num_unknown``: outputs with and without a prediction. ``mean_abs_error_tokens``, and
            ``mean_abs_error_of_median_tokens``, that of always predicting the median so far: what learning must beat.
            ``median_ratio`` and ``p90_ratio``: by what factor predictions were wrong, in either direction.
            ``mean_abs_log2_ratio`` and ``mean_log2_ratio``: the same as powers of two, and the bias; above 0 if outputs
            were longer than predicted. ``ordered_right``: share of neighbors of different length that were ordered
            right, 0.5 by chance. ``coverage`` and ``pinball_tokens``: for every quantile the share of outputs that did
            not exceed it, and its loss. ``num_keys``: keys remembered.
        """
        return {**self._scores.report(), "num_keys": len(self._lengths)}


def _keys(request: Mapping[str, Any]) -> list[Key]:
    """Return the keys of a request, finest first, () for all requests last."""
    if not isinstance(request, Mapping):
        raise TypeError(f"`request` must be a mapping, got {shown(request)}")
    prompt = request.get("prompt_tokens")
    bucket = None if prompt is None else int(math.log2(check_integer("prompt_tokens", prompt, 1, BITS_32)))
    parts = (request.get("model"), request.get("tenant"), bucket)
    for name, part in zip(("model", "tenant"), parts, strict=False):
        if not isinstance(part, Hashable):
            raise TypeError(f"`{name}` must be a name or a number, got {shown(part)}")
    known = next((place for place, part in enumerate(parts) if part is None), len(parts))
    return [parts[:length] for length in range(known, -1, -1)]
