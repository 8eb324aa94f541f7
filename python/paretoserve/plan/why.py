"""Why a point is on a front, in one sentence that a reader can check against the table."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from paretoserve.plan.objectives import OBJECTIVES, amount

__all__ = ["reasons"]


def reasons(points: NDArray[np.float64], names: Sequence[str]) -> list[str]:
    """Say for each point of a front where it is the best.

    Parameters
    ----------
    points : ndarray of float64, shape (n, d)
        A front: no point dominates another.
    names : sequence of str, length d
        Objective columns.

    Returns
    -------
    sentences : list of str, length n
        ``best x`` when no point has a better x; else ``best x of the k with y <= its own``, with as few conditions as
        possible and, among those, as many competitors as possible.

    Notes
    -----
    A point of a front is the best in any objective among those that are at least as good in all others, so a sentence
    always exists. O(n^2 2^d): fronts are small and objectives few.

    Examples
    --------
    >>> reasons(np.array([[1.0, 9.0], [2.0, 2.0], [9.0, 1.0]]), ["ttft_p99_s", "tpot_p99_s"])[1]
    'best ttft_p99_s of the 2 with tpot_p99_s <= 2 s'
    """
    signed = points * [1.0 if OBJECTIVES[name].sense == "min" else -1.0 for name in names]
    return [_reason(signed, points, row, names) for row in range(len(points))]


def _reason(signed: NDArray[np.float64], points: NDArray[np.float64], row: int, names: Sequence[str]) -> str:
    columns = range(len(names))
    own = signed[row]
    for size in columns:
        found: tuple[int, str] | None = None
        for target in columns:
            others = [column for column in columns if column != target]
            for conditions in itertools.combinations(others, size):
                rivals = (signed[:, conditions] <= own[list(conditions)]).all(axis=1)
                count = int(rivals.sum())
                if own[target] > signed[rivals, target].min() or (found and found[0] >= count):
                    continue
                text = f"best {names[target]}"
                if conditions:
                    limits = " and ".join(_condition(names[column], points[row, column]) for column in conditions)
                    text += f" of the {count} with {limits}"
                found = (count, text)
        if found:
            return _all_best(signed, row, names) if size == 0 else found[1]
    return "equal to another point of the front"


def _condition(name: str, value: float) -> str:
    return f"{name} {'<=' if OBJECTIVES[name].sense == 'min' else '>='} {amount(name, float(value))}"


def _all_best(signed: NDArray[np.float64], row: int, names: Sequence[str]) -> str:
    won = [name for column, name in enumerate(names) if signed[row, column] <= signed[:, column].min()]
    return "best " + ", ".join(won)
