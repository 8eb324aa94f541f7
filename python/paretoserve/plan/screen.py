"""Successive halving for large spaces: a short prefix of the trace decides which configurations see all of it.

What the prefix ranks high is kept: whole layers of fronts, until a quarter of the space or 200 configurations are
reached. A configuration that drowns slowly looks better on a prefix than it is, so it is kept too often rather than
dropped; one that is dropped was beaten by several layers. It is not exact: `plan(..., exhaustive=True)` is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from paretoserve import pareto
from paretoserve.plan.objectives import OBJECTIVES

__all__ = ["merge", "prefix_length", "survivors"]

EXHAUSTIVE_WORK = 2_000_000
PREFIX_SHARE = 8
LEAST_PREFIX = 200
LEAST_KEPT = 200
SCREENED = "screened out"


def prefix_length(num_configurations: int, num_requests: int) -> int | None:
    """Return how many requests screen a space, None for a space that is simulated whole.

    Parameters
    ----------
    num_configurations, num_requests : int
        Sizes of space and trace. Up to two million simulated requests, about ten CPU seconds, nothing is screened.

    Returns
    -------
    length : int or None
        An eighth of the trace, at least 200 requests.

    Examples
    --------
    >>> prefix_length(160, 3569), prefix_length(1576, 3569)
    (None, 446)
    """
    length = max(num_requests // PREFIX_SHARE, LEAST_PREFIX)
    small = num_configurations * num_requests <= EXHAUSTIVE_WORK or num_configurations <= LEAST_KEPT
    return None if small or length >= num_requests else length


def survivors(outcomes: Sequence[dict[str, Any]], names: Sequence[str]) -> list[int]:
    """Return which configurations go on to the whole trace.

    Parameters
    ----------
    outcomes : sequence of dict
        What `evaluate` gave on the prefix.
    names : sequence of str
        Objectives, and the columns that the SLO limits.

    Returns
    -------
    rows : list of int
        Ascending. Refused configurations and those without a number in a column are not among them.

    Notes
    -----
    Layers are peeled by repeated `pareto.mask`, O(layers n log n).
    """
    values = [[outcome.get("columns", {}).get(name) for name in names] for outcome in outcomes]
    left = np.array([row for row, numbers in enumerate(values) if None not in numbers], dtype=np.int64)
    senses = [OBJECTIVES[name].sense for name in names]
    wanted = max(LEAST_KEPT, len(left) // 4)
    kept: list[int] = []
    while len(left) and len(kept) < wanted:
        best = pareto.mask(np.array([values[row] for row in left], dtype=np.float64), senses)
        kept += left[best].tolist()
        left = left[~best]
    return sorted(kept)


def merge(
    outcomes: Sequence[dict[str, Any]], finals: Mapping[int, dict[str, Any]], prefix: int
) -> list[dict[str, Any]]:
    """Return the outcomes on the whole trace, and a refusal for each configuration that did not get there."""
    dropped = f"{SCREENED} on the first {prefix} requests, where others beat it (`exhaustive` simulates all)"
    return [
        finals.get(row, outcome if "refused" in outcome else {"refused": dropped})
        for row, outcome in enumerate(outcomes)
    ]
