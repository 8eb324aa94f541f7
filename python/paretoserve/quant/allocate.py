"""Which format each layer gets, so that all fit a budget of bits and the error is least.

The multiple-choice knapsack: one format per group of layers, sums of scores and costs (layers that an engine fuses,
such as q, k and v, must share a format and form a group). Shoham & Gersho, "Efficient bit allocation for an arbitrary
set of quantizers", 1988.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from paretoserve import _native
from paretoserve._arrays import is_torch, numpy_values
from paretoserve._names import one_of
from paretoserve.errors import DtypeError, ShapeError
from paretoserve.quant._arguments import real_number

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Allocation", "allocate_bits"]

_METHODS = ("lagrangian", "dp", "greedy")


@dataclass(frozen=True, slots=True, eq=False)
class Allocation:
    """A format for each layer, and how far from the best it can be.

    Attributes
    ----------
    choice : ndarray of int64, shape (num_layers,)
        Column of `costs` and `scores` of each layer.
    cost, score : float
        Sums over the layers.
    bound : float
        No choice within the budget has a lower score.
    gap : float
        `score` - `bound`: what a better choice could save at most; 0 proves the optimum.
    multiplier : float
        Score that one more unit of budget saves, at the optimum of the relaxed problem; 0 if the budget does not bind.
    """

    choice: NDArray[np.int64]
    cost: float
    score: float
    bound: float
    multiplier: float

    @property
    def gap(self) -> float:
        """What a better choice could save at most."""
        return self.score - self.bound


def allocate_bits(
    costs: ArrayLike,
    scores: ArrayLike,
    budget: float,
    *,
    groups: ArrayLike | None = None,
    method: Literal["lagrangian", "dp", "greedy"] = "lagrangian",
    latencies: ArrayLike | None = None,
    latency_budget: float | None = None,
) -> Allocation:
    """Choose a format for each layer so that costs stay in a budget and the sum of scores is least.

    Parameters
    ----------
    costs : array_like of float64, shape (num_layers, num_formats)
        Of each layer in each format, for example elements times bits per element; finite and not negative.
    scores : array_like of float64, shape (num_layers, num_formats)
        Less is better, for example the energy of the error times a sensitivity. Infinity marks a format that a layer
        cannot have.
    budget : float
        What the costs of all layers may sum to.
    groups : array_like of int or str, shape (num_layers,), optional
        Layers with equal labels get the same format.
    method : {"lagrangian", "dp", "greedy"}, default "lagrangian"
        The relaxed problem solved exactly, then filled greedily; the optimum by dynamic programming; greedy steps from
        the cheapest choice.
    latencies : array_like of float64, shape (num_layers, num_formats), optional
        A second cost, such as the seconds that a layer takes in a format; not with "dp".
    latency_budget : float, optional
        What the latencies of all layers may sum to; given together with `latencies`.

    Returns
    -------
    Allocation
        With "dp" the gap is 0.

    Raises
    ------
    ShapeError, DtypeError
        If the arrays are not two matrices of one shape with at least one element, or not numbers.
    ValueError
        If a value is out of range, a group has no format, nothing meets the budget (the message has the least cost),
        or "dp" needs more than a million states.

    Notes
    -----
    O(n log n) for n = groups times formats, plus O(groups) per greedy step. "dp" is exponential at worst; hundreds of
    groups take milliseconds as a rule, because the relaxed problem rules most states out. Ties: greedy steps prefer
    the earlier group, then the earlier format; "dp" returns, of all optima, the one of least cost, and of those the
    first in lexicographic order, in the order of the first layers of the groups. Deterministic. A second cost is priced
    into the scores; its price is found by bisection, in some 60 times the work.

    Examples
    --------
    Two layers of 100 elements in 4, 8 or 16 bits; the second is ten times as sensitive.

    >>> costs = [[400, 800, 1600], [400, 800, 1600]]
    >>> scores = [[1.0, 0.1, 0.0], [10.0, 1.0, 0.0]]
    >>> found = allocate_bits(costs, scores, 1200)
    >>> found.choice, found.cost, found.gap
    (array([0, 1]), 1200.0, 0.0)
    >>> allocate_bits(costs, scores, 1200, groups=["qkv", "qkv"]).choice
    array([0, 0])
    """
    costs, scores = _matrix("costs", costs), _matrix("scores", scores)
    if costs.shape != scores.shape or costs.size == 0:
        raise ShapeError(
            "`costs` and `scores` must have the same shape (num_layers, num_formats) with at least one element, got "
            f"{costs.shape} and {scores.shape}"
        )
    one_of("method", method, _METHODS)
    budget = real_number("budget", budget)
    # Here, not in the core: infinities of opposite sign would cancel in the sums of a group.
    if np.isneginf(scores).any() or np.isnan(scores).any():
        raise ValueError("`scores` must be numbers, or infinity for a format that cannot be had")
    if not (np.isfinite(costs) & (costs >= 0)).all():
        raise ValueError("`costs` must be finite and not negative")
    codes, num_groups = _codes(groups, len(costs))
    group_costs, group_scores = _summed(costs, codes, num_groups), _summed(scores, codes, num_groups)
    if (latencies is None) != (latency_budget is None):
        raise ValueError("`latencies` and `latency_budget` must be given together, got one of them")
    if latencies is None or latency_budget is None:
        found = _solved(group_costs, group_scores, float(budget), method)
    else:
        if method == "dp":
            raise ValueError('`method` must be "lagrangian" or "greedy" with `latencies`, got "dp"')
        seconds = _matrix("latencies", latencies)
        latency_budget = real_number("latency_budget", latency_budget)
        if seconds.shape != costs.shape:
            raise ShapeError(f"`latencies` must have the shape of `costs`, {costs.shape}, got {seconds.shape}")
        if not (np.isfinite(seconds) & (seconds >= 0)).all() or not latency_budget >= 0:
            raise ValueError("`latencies` and `latency_budget` must be finite and not negative")
        second = _summed(seconds, codes, num_groups)
        found = _within_latency(group_costs, group_scores, float(budget), method, second, float(latency_budget))
    return Allocation(found.choice[codes], found.cost, found.score, found.bound, found.multiplier)


def _summed(values: NDArray[np.float64], codes: NDArray[np.int64], num_groups: int) -> NDArray[np.float64]:
    sums = np.zeros((num_groups, values.shape[1]))
    np.add.at(sums, codes, values)
    return sums


def _solved(costs: NDArray[np.float64], scores: NDArray[np.float64], budget: float, method: str) -> Allocation:
    chosen = np.empty(len(costs), dtype=np.int64)
    return Allocation(chosen, *_native.quant_allocate(chosen, costs, scores, costs.shape[1], budget, method))


def _within_latency(
    costs: NDArray[np.float64],
    scores: NDArray[np.float64],
    budget: float,
    method: str,
    latencies: NDArray[np.float64],
    limit: float,
) -> Allocation:
    """Return the best choice found over prices of latency; every price gives a bound from below."""
    rows = np.arange(len(costs))
    best: Allocation | None = None
    bound, fastest = -np.inf, np.inf

    def meets(price: float) -> bool:
        nonlocal best, bound, fastest
        found = _solved(costs, scores + price * latencies, budget, method)
        latency = float(latencies[rows, found.choice].sum())
        score = float(scores[rows, found.choice].sum())
        bound, fastest = max(bound, found.bound - price * limit), min(fastest, latency)
        if latency <= limit and (best is None or score < best.score):
            best = Allocation(found.choice, found.cost, score, -np.inf, found.multiplier)
        return latency <= limit

    low, high = 0.0, float(np.abs(scores[np.isfinite(scores)]).max()) / (float(latencies.max()) or 1.0) or 1.0
    if not meets(0.0):
        tries = 0
        while not meets(high):
            low, high, tries = high, high * 8, tries + 1
            if tries == 24:
                raise ValueError(
                    f"`latency_budget` must be higher: the fastest choice found takes {fastest:g}, got {limit:g}"
                )
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (low, middle) if meets(middle) else (middle, high)
    assert best is not None
    return replace(best, bound=min(bound, best.score))


def _matrix(argument: str, values: ArrayLike) -> NDArray[np.float64]:
    try:
        array = np.asarray(numpy_values(values) if is_torch(values) else values)  # type: ignore[arg-type]
    except ValueError as error:
        raise ShapeError(f"`{argument}` must have rows of the same length") from error
    if array.dtype.kind not in "iuf":
        raise DtypeError(f"`{argument}` must be numbers, got {array.dtype}")
    if array.ndim != 2:
        raise ShapeError(f"`{argument}` must have shape (num_layers, num_formats), got {array.shape}")
    return np.ascontiguousarray(array, dtype=np.float64)


def _codes(groups: ArrayLike | None, num_layers: int) -> tuple[NDArray[np.int64], int]:
    """Return the group of each layer, numbered in the order of their first layers, and how many there are."""
    if groups is None:
        return np.arange(num_layers), num_layers
    labels = np.asarray(groups)
    if labels.shape != (num_layers,):
        raise ShapeError(f"`groups` must have shape ({num_layers},), one label per layer, got {labels.shape}")
    if labels.dtype.kind not in "iuUS":
        raise DtypeError(f"`groups` must be whole numbers or strings, got {labels.dtype}")
    _, first, codes = np.unique(labels, return_index=True, return_inverse=True)
    order = np.empty(len(first), dtype=np.int64)
    order[np.argsort(first)] = np.arange(len(first))
    return order[codes.reshape(-1)], len(first)
