"""How good predictions of lengths were, in numbers of constant size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from paretoserve.sched._lengths import Lengths

if TYPE_CHECKING:
    from paretoserve.sched.prediction import LengthPrediction

__all__ = ["Scores"]

RATIO_UNIT = 1 << 10
"""Ratios are counted in a histogram of lengths, in units of 1 / 1024."""


class Scores:
    """Error and coverage of predictions whose outcome is known."""

    def __init__(self) -> None:
        self._num = self._num_unknown = 0
        self._error = self._reference_error = self._log_ratio = self._bias = 0.0
        self._covered: dict[float, list[float]] = {}
        self._ratios, self._outputs = Lengths(), Lengths()
        self._last: tuple[int, int] | None = None
        self._pairs = self._right = 0.0

    def add(self, prediction: LengthPrediction, output_tokens: int) -> None:
        """Count one prediction and its outcome."""
        reference = self._outputs.quantile(0.5) if self._outputs.total else None
        self._outputs.add(output_tokens)
        expected = prediction.expected_output_tokens
        if expected is None:
            self._num_unknown += 1
            return
        self._num += 1
        self._error += abs(output_tokens - expected)
        self._reference_error += abs(output_tokens - (reference or expected))
        log_ratio = math.log2(output_tokens / expected)
        self._log_ratio += abs(log_ratio)
        self._bias += log_ratio
        self._ratios.add(max(1, round(2 ** abs(log_ratio) * RATIO_UNIT)))
        for level, tokens in prediction.quantiles.items():
            entry = self._covered.setdefault(level, [0.0, 0.0, 0.0])
            entry[0] += 1
            entry[1] += output_tokens <= tokens
            entry[2] += (level - (output_tokens < tokens)) * (output_tokens - tokens)
        self._compare(expected, output_tokens)

    def _compare(self, expected: int, output_tokens: int) -> None:
        """Count whether this request and the one before were ordered right; a tie of predictions is half right."""
        if self._last is not None and self._last[1] != output_tokens:
            self._pairs += 1
            said, came = expected - self._last[0], output_tokens - self._last[1]
            self._right += 0.5 if said == 0 else (said > 0) == (came > 0)
        self._last = (expected, output_tokens)

    def report(self) -> dict[str, Any]:
        """Return the measures; None where nothing was counted."""
        num = self._num

        def mean(total: float) -> float | None:
            return total / num if num else None

        def ratio(level: float) -> float | None:
            return round(self._ratios.quantile(level) / RATIO_UNIT, 3) if num else None

        return {
            "num_observed": num,
            "num_unknown": self._num_unknown,
            "mean_abs_error_tokens": mean(self._error),
            "mean_abs_error_of_median_tokens": mean(self._reference_error),
            "median_ratio": ratio(0.5),
            "p90_ratio": ratio(0.9),
            "mean_abs_log2_ratio": mean(self._log_ratio),
            "mean_log2_ratio": mean(self._bias),
            "ordered_right": self._right / self._pairs if self._pairs else None,
            "coverage": {level: covered / n for level, (n, covered, _) in sorted(self._covered.items())},
            "pinball_tokens": {level: loss / n for level, (n, _, loss) in sorted(self._covered.items())},
        }
