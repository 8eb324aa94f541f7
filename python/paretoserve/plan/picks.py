"""Which point of a front to take: the knee by ratios, the cheapest within limits, the best in one column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from paretoserve.pareto import knee
from paretoserve.plan.slo import Limit

__all__ = ["best", "knee_row", "slo_row"]


def knee_row(points: NDArray[np.float64], senses: Sequence[str]) -> int:
    """Return the row of a front where giving up a little of one objective stops buying much of another.

    Parameters
    ----------
    points : ndarray of float64, shape (n, d), n >= 1
        The front, finite. Not modified.
    senses : sequence of {"min", "max"}, length d
        Direction per objective.

    Returns
    -------
    row : int
        `pareto.knee` of the logarithms of all columns whose values are positive: latencies and rates are compared by
        ratio, and one overloaded point must not flatten the others.

    Examples
    --------
    >>> knee_row(np.array([[1.0, 9.0], [2.0, 2.0], [9.0, 1.0]]), ["min", "min"])
    1
    """
    scaled = points.copy()
    positive = (points > 0).all(axis=0)
    # Rounded, so that two points that are equally good by ratio stay equal after the logarithm.
    scaled[:, positive] = np.log(points[:, positive]).round(12)
    row = knee(scaled, list(senses))  # type: ignore[arg-type]
    assert row is not None
    return row


def best(values: NDArray[np.float64], sense: str, rows: NDArray[np.int64]) -> int:
    """Return the entry of `rows` with the best value; the first of equal ones."""
    chosen = values[rows]
    return int(rows[np.argmin(chosen) if sense == "min" else np.argmax(chosen)])


def slo_row(table: Mapping[str, NDArray[np.float64]], rows: NDArray[np.int64], limits: tuple[Limit, ...]) -> int:
    """Return the cheapest configuration of a front that meets the limits.

    Parameters
    ----------
    table : mapping of str to ndarray of float64, shape (n,)
        Columns of all configurations.
    rows : ndarray of int64, shape (m,), m >= 1
        Configurations of the front that meet the limits, in the order of the space.
    limits : tuple of Limit
        At least one.

    Returns
    -------
    row : int
        Of the rows within 1 % of the most output tokens per second and GPU, the one furthest from its nearest limit;
        the first of equal ones. Differences below 1 % come from how the last requests of the trace drain, and are no
        reason to give up room.
    """
    rate = table["tokens_per_s_per_gpu"][rows]
    near = rows[rate >= 0.99 * rate.max()]
    excess = [max(limit.excess(float(table[limit.name][row])) for limit in limits) for row in near]
    return int(near[int(np.argmin(excess))])
