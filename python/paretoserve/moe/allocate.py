"""How large each expert may be, or how many of them a layer keeps, when all must fit a budget.

Experts of different ranks (as low-rank factors) or layers of different lengths are what `plan_placement` then places.
Both are multiple-choice knapsacks, solved exactly: Sinha & Zoltners, "The multiple-choice knapsack problem", 1979.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve import _native
from paretoserve._integers import check_integer, integer_array, shown
from paretoserve.errors import DtypeError, ShapeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Keep", "RankAllocation", "allocate_experts", "allocate_ranks"]


@dataclass(frozen=True, slots=True, eq=False)
class RankAllocation:
    """A rank for each expert.

    Attributes
    ----------
    choice : ndarray of int64, shape (num_experts,)
        Column of `loss` that each expert gets.
    rank : ndarray of int64, shape (num_experts,)
        The rank that stands for; the column itself if no `ranks` were given.
    cost : float
        Sum of the costs.
    loss : float
        Sum of the losses; no choice within the budget has a lower one.
    budget : float
        What the costs might sum to.
    """

    choice: NDArray[np.int64]
    rank: NDArray[np.int64]
    cost: float
    loss: float
    budget: float

    def explain(self) -> str:
        """Return in words how many experts got which rank."""
        ranks, counts = np.unique(self.rank, return_counts=True)
        got = ", ".join(f"{count} of rank {rank}" for rank, count in zip(ranks, counts, strict=True))
        return f"{got}; cost {self.cost:g} of {self.budget:g}, loss {self.loss:g}, the least possible"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as lists and numbers, for JSON."""
        return {name: np.asarray(getattr(self, name)).tolist() for name in self.__slots__}


@dataclass(frozen=True, slots=True, eq=False)
class Keep:
    """The experts that each layer keeps.

    Attributes
    ----------
    count : ndarray of int64, shape (num_layers,)
        Experts kept.
    kept : ndarray of bool, shape (num_layers, num_experts)
        Which: the most important of each layer.
    cost : float
        Sum of the sizes of the experts kept.
    loss : float
        Sum of the importance of the others; no choice of counts within the budget has a lower one.
    budget : float
        What the sizes might sum to.
    """

    count: NDArray[np.int64]
    kept: NDArray[np.bool_]
    cost: float
    loss: float
    budget: float

    def explain(self) -> str:
        """Return in words how many experts are kept where."""
        low, high = int(self.count.argmin()), int(self.count.argmax())
        return (
            f"{int(self.count.sum())} of {self.kept.size} experts kept, from {self.count[low]} (layer {low}) to "
            f"{self.count[high]} (layer {high}); cost {self.cost:g} of {self.budget:g}, loss {self.loss:g}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as lists and numbers, for JSON."""
        return {name: np.asarray(getattr(self, name)).tolist() for name in self.__slots__}


def allocate_ranks(
    loss: ArrayLike, cost: ArrayLike, budget: float, *, ranks: ArrayLike | None = None
) -> RankAllocation:
    """Choose a rank for each expert so that the costs stay in a budget and the sum of losses is least.

    Parameters
    ----------
    loss : array_like of float, shape (num_experts, num_options)
        What each expert loses with each option, for example the error of its truncated weights times its share of the
        tokens. Infinity marks an option that an expert does not have.
    cost : array_like of float, shape (num_options,) or (num_experts, num_options)
        Bytes or parameters of each option; finite and not negative.
    budget : float
        What the costs may sum to.
    ranks : array_like of int, shape (num_options,), optional
        What the options are called in the result.

    Returns
    -------
    RankAllocation
        An optimum: of all, one of least cost.

    Raises
    ------
    ShapeError, DtypeError
        If an array does not have its shape or does not hold numbers.
    ValueError
        If a number is out of range, nothing meets the budget (the message has the least cost), or the case needs more
        than a million states.

    Notes
    -----
    Dynamic programming over the choices that no other beats, cut by the bound of the relaxed problem: exponential at
    worst, milliseconds for hundreds of experts as a rule. Ties go to lower cost, then to the earlier experts' first
    options.

    Examples
    --------
    Two experts, the second of which sees ten times the tokens; ranks 0, 8 and 16.

    >>> found = allocate_ranks([[1.0, 0.2, 0.0], [10.0, 2.0, 0.0]], [0, 8, 16], 24, ranks=[0, 8, 16])
    >>> found.rank
    array([ 8, 16])
    >>> found.explain()
    '1 of rank 8, 1 of rank 16; cost 24 of 24, loss 0.2, the least possible'
    """
    losses = _matrix("loss", loss, "num_experts, num_options")
    costs = np.asarray(cost)
    if costs.shape not in (losses.shape, losses.shape[1:]):
        raise ShapeError(f"`cost` must have shape {losses.shape[1:]} or {losses.shape}, got {costs.shape}")
    costs = _matrix("cost", np.broadcast_to(costs, losses.shape), "num_experts, num_options")
    if np.isnan(losses).any() or np.isneginf(losses).any():
        raise ValueError("`loss` must be numbers, or infinity for an option that an expert does not have")
    if not np.isfinite(losses).any(axis=1).all():
        expert = int(np.isfinite(losses).any(axis=1).argmin())
        raise ValueError(f"`loss` must be finite for an option of each expert, got none for expert {expert}")
    named = np.arange(losses.shape[1])
    if ranks is not None:
        named = integer_array("ranks", ranks, np.int64, 0, 2**31, losses.shape[1])
    budget = _budget(budget)
    choice, spent, lost = _optimum(losses, costs, budget)
    return RankAllocation(choice, named[choice], spent, lost, budget)


def allocate_experts(importance: ArrayLike, size: ArrayLike, budget: float, *, least: int = 1, even: int = 1) -> Keep:
    """Choose how many experts each layer keeps so that they fit a budget and the least importance is lost.

    Parameters
    ----------
    importance : array_like of float, shape (num_layers, num_experts)
        What is lost without each expert, for example its share of the tokens times its saliency; not negative.
    size : float or array_like of float, shape (num_layers,)
        Bytes or parameters of an expert of each layer; finite and not negative.
    budget : float
        What the sizes of all experts kept may sum to.
    least : int, default 1
        Experts that every layer keeps at least; a router that picks k needs k.
    even : int, default 1
        Counts are multiples of this, for example of the ranks; divides the number of experts.

    Returns
    -------
    Keep

    Raises
    ------
    ShapeError, DtypeError
        If an array does not have its shape or does not hold numbers.
    ValueError
        If a number is out of range, or the budget is below what the least counts take.

    Notes
    -----
    As `allocate_ranks`, with one option per count. Of experts of equal importance the first stay.

    Examples
    --------
    >>> found = allocate_experts([[4.0, 3, 2, 2], [9, 1, 1, 1]], 10, 50)
    >>> found.count, found.loss
    (array([4, 1]), 3.0)
    >>> found.kept[1]
    array([ True, False, False, False])
    """
    values = _matrix("importance", importance, "num_layers, num_experts")
    if not (np.isfinite(values) & (values >= 0)).all():
        raise ValueError("`importance` must be finite and not negative")
    layers, experts = values.shape
    sizes = np.asarray(size)
    if sizes.shape not in ((), (layers,)):
        raise ShapeError(f"`size` must be a number or have shape ({layers},), got {sizes.shape}")
    least = check_integer("least", least, 1, experts)
    even = check_integer("even", even, 1, experts)
    if experts % even:
        raise ValueError(f"`even` must divide the {experts} experts, got {even}")
    counts = np.arange(-(-least // even) * even, experts + 1, even)
    order = np.argsort(-values, axis=1, kind="stable")
    kept_sums = np.cumsum(np.take_along_axis(values, order, axis=1), axis=1)
    losses = np.ascontiguousarray(np.maximum(kept_sums[:, -1:] - kept_sums[:, counts - 1], 0.0))
    costs = _matrix("size", np.multiply.outer(np.broadcast_to(sizes, layers), counts), "num_layers, num_counts")
    budget = _budget(budget)
    choice, spent, lost = _optimum(losses, costs, budget)
    kept = np.zeros(values.shape, dtype=bool)
    np.put_along_axis(kept, order, np.arange(experts) < counts[choice][:, None], axis=1)
    return Keep(counts[choice], kept, spent, lost, budget)


def _optimum(
    losses: NDArray[np.float64], costs: NDArray[np.float64], budget: float
) -> tuple[NDArray[np.int64], float, float]:
    if not (np.isfinite(costs) & (costs >= 0)).all():
        raise ValueError("costs and sizes must be finite and not negative")
    choice = np.empty(len(losses), dtype=np.int64)
    spent, lost, _, _ = _native.quant_allocate(choice, costs, losses, losses.shape[1], budget, "dp")
    return choice, spent, lost


def _matrix(argument: str, values: ArrayLike, axes: str) -> NDArray[np.float64]:
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ShapeError(f"`{argument}` must have rows of the same length") from error
    if array.dtype.kind not in "iuf":
        raise DtypeError(f"`{argument}` must be numbers, got {array.dtype}")
    if array.ndim != 2 or array.size == 0:
        raise ShapeError(f"`{argument}` must have shape ({axes}), not empty, got {array.shape}")
    return np.ascontiguousarray(array, dtype=np.float64)


def _budget(budget: object) -> float:
    real = isinstance(budget, int | float | np.integer | np.floating) and not isinstance(budget, bool)
    if not real or not budget >= 0:  # type: ignore[operator]
        raise ValueError(f"`budget` must be a number that is not negative, got {shown(budget)}")
    return float(budget)  # type: ignore[arg-type]
