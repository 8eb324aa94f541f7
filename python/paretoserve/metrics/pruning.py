"""What to cut from a model: neurons of gated layers by their weights, experts of each layer under budgets.

Martra, "Fragile Knowledge, Robust Instruction-Following: The Width Pruning Dichotomy in Llama-3.2" (arXiv 2512.22671),
and "Puzzle" for mixtures of experts (arXiv 2602.11937), whose choice of experts per layer is a multiple-choice
knapsack.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import number, numbers, place_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["ExpertCounts", "knapsack_experts", "maw_scores", "select_neurons"]


@dataclass(frozen=True, eq=False)
class ExpertCounts:
    """An option for each layer.

    Attributes
    ----------
    choice : ndarray of int64, shape (num_layers,)
        Column of the tables.
    score, memory : float
        Sums over the layers.
    latency : float
        Sum over the layers; 0 if no latencies were given.
    """

    choice: NDArray[np.int64]
    score: float
    memory: float
    latency: float


@declared("fragile-knowledge", grade="R")
def maw_scores(gate: ArrayLike, up: ArrayLike) -> NDArray[np.float64]:
    """Return how important each neuron of a gated layer is, by the ranges of its weights.

    Parameters
    ----------
    gate, up : array_like, shape (num_neurons, model_width)
        Weights of the two projections, a row per neuron; not modified.

    Returns
    -------
    scores : ndarray of float64, shape (num_neurons,)
        ``(max_j gate_ij + |min_j gate_ij|)`` plus the same of `up`.

    Raises
    ------
    ValueError
        If a weight is not finite.
    ShapeError
        If an array is not two-dimensional or is empty, or the two do not have as many rows.

    Notes
    -----
    "Maximum absolute weight" is what the first version of the paper calls it, but it is the distance from the smallest
    to the largest weight where the smallest is negative; the third version calls it peak-to-peak magnitude. Where all
    weights of a row are positive the sum of both is neither.

    References
    ----------
    arXiv 2512.22671 and the repository optipfair.

    Examples
    --------
    >>> maw_scores([[1, -2], [0.5, 0.25]], [[0, 3], [-1, 1]])
    array([6.  , 2.75])
    """
    first, second = numbers("gate", gate, ndim=2), numbers("up", up, ndim=2)
    if len(first) != len(second):
        raise ShapeError(f"`gate` and `up` must have as many rows, got {len(first)} and {len(second)}")
    scores: NDArray[np.float64] = sum(weights.max(axis=1) + np.abs(weights.min(axis=1)) for weights in (first, second))
    return scores


@declared("fragile-knowledge", grade="R")
def select_neurons(scores: ArrayLike, ratio: float) -> NDArray[np.int64]:
    """Return which neurons stay when a share of them is cut.

    Parameters
    ----------
    scores : array_like, shape (num_neurons,)
        Importance, as of `maw_scores`.
    ratio : float
        Share to cut, 0 or more and below 1.

    Returns
    -------
    neurons : ndarray of int64, shape (floor(num_neurons * (1 - ratio)),)
        Rising indices of the most important; of equal ones the earlier stay. `ratio` is taken as it is written in
        decimals, so that cutting 0.9 of 10 leaves 1.

    Raises
    ------
    ValueError
        If a score is not finite, `ratio` is out of range, or no neuron would stay.
    ShapeError
        If `scores` is not one-dimensional or is empty.

    References
    ----------
    arXiv 2512.22671 and the repository optipfair.

    Examples
    --------
    >>> select_neurons([6.0, 2.75, 4.0, 2.75], 0.5)
    array([0, 2])
    """
    values = numbers("scores", scores, ndim=1)
    share = number("ratio", ratio, 0, 1)
    stay = int(len(values) * (1 - Fraction(repr(share))))
    if stay == 0:
        raise ValueError(f"`ratio` must leave a neuron of {len(values)}, got {share:g}")
    return np.sort(np.argsort(-values, kind="stable")[:stay])


@declared("puzzle", grade="D")
def knapsack_experts(
    score: ArrayLike,
    memory: ArrayLike,
    budget: float,
    *,
    latency: ArrayLike | None = None,
    latency_budget: float | None = None,
) -> ExpertCounts:
    """Choose for each layer how many experts it keeps, so that sums stay in budgets and the loss is least (derived).

    Parameters
    ----------
    score : array_like, shape (num_layers, num_options)
        What each layer loses with each option; infinite for an option that it does not have.
    memory : array_like, shape (num_layers, num_options)
        Of each option, 0 or more.
    budget : float
        What the memory of all layers may sum to.
    latency : array_like, shape (num_layers, num_options), optional
        A second cost, 0 or more.
    latency_budget : float, optional
        What the latencies may sum to; given together with `latency`.

    Returns
    -------
    counts : ExpertCounts
        An optimum: of all, one of least memory.

    Raises
    ------
    TypeError
        If only one of `latency` and `latency_budget` is given.
    ValueError
        If a number is out of range or no choice meets the budgets.
    ShapeError
        If the tables are not two-dimensional, are empty or have different shapes.

    Notes
    -----
    Puzzle solves such a problem as a mixed-integer program; its exact constraints could not be read. With one budget
    this is `paretoserve.moe.allocate_ranks`; if the losses are sums of the importance of the experts left out,
    `paretoserve.moe.allocate_experts` makes the tables. With two it is the front of all sums of memory, latency and
    score within the budgets (`paretoserve.pareto.compose`): exponential at worst.

    References
    ----------
    arXiv 2602.11937; Sinha and Zoltners, "The multiple-choice knapsack problem", 1979.

    Examples
    --------
    Keep 4, 2 or 1 experts of 10 MB each.

    >>> score, memory = [[0.0, 1.0, 6.0], [0.0, 3.0, 4.0]], [[40, 20, 10], [40, 20, 10]]
    >>> found = knapsack_experts(score, memory, 30)
    >>> found.choice, found.score, found.memory
    (array([1, 2]), 5.0, 30.0)
    >>> knapsack_experts(score, memory, 60, latency=[[5, 3, 2], [5, 3, 2]], latency_budget=7).choice
    array([1, 1])
    """
    if (latency is None) != (latency_budget is None):
        raise TypeError("`latency` and `latency_budget` must be given together")
    from paretoserve.moe import allocate_ranks
    from paretoserve.pareto import compose

    loss = numbers("score", score, infinite=True, ndim=2)
    tables = {"memory": numbers("memory", memory, 0, ndim=2)}
    limits = [number("budget", budget, 0)]
    if latency is not None and latency_budget is not None:
        tables["latency"] = numbers("latency", latency, 0, ndim=2)
        limits.append(number("latency_budget", latency_budget, 0))
    for name, table in tables.items():
        if table.shape != loss.shape:
            raise ShapeError(f"`{name}` must have the shape of `score`, {loss.shape}, got {table.shape}")
    options = [np.flatnonzero(np.isfinite(row)) for row in loss]
    empty = [layer for layer, kept in enumerate(options) if len(kept) == 0]
    if empty:
        raise ValueError(f"`score` must be finite for an option of each layer, got none in row {empty[0]}")
    wrong = np.argwhere(np.isneginf(loss))
    if len(wrong):
        what = "numbers, or infinity for an option that a layer does not have"
        raise ValueError(f"`score` must be {what}, got -inf{place_of(wrong[0])}")
    if len(limits) == 1:
        found = allocate_ranks(loss, tables["memory"], limits[0])
        return ExpertCounts(found.choice, found.loss, found.cost, 0.0)
    stages = [
        np.column_stack([loss[layer, kept], *(table[layer, kept] for table in tables.values())])
        for layer, kept in enumerate(options)
    ]
    front = compose(stages, limit=[None, *limits])
    if len(front) == 0:
        least = np.sum([stage.min(axis=0) for stage in stages], axis=0)
        raise ValueError(
            "`budget` and `latency_budget` are met by no choice; each by itself must be at least "
            f"{least[1]:g} and {least[2]:g}, got {limits[0]:g} and {limits[1]:g}"
        )
    # Rows are sorted by score, then memory.
    choice = np.array(
        [options[layer][column] for layer, column in enumerate(front.choices[0].tolist())], dtype=np.int64
    )
    score_sum, memory_sum, latency_sum = front.values[0].tolist()
    return ExpertCounts(choice, score_sum, memory_sum, latency_sum)
