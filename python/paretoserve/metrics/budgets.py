"""How to spend a budget of labels, and a budget of FLOPs on the tokens of an image.

Mallen and Belrose, "Balancing Label Quantity and Quality for Scalable Elicitation" (arXiv 2410.13215). Liu, Wu and Guo,
"Adaptive Sparse ViT: Towards Learnable Adaptive Token Pruning by Fully Exploiting Self-Attention" (arXiv 2209.13802),
whose trained thresholds become an exact choice of how many tokens each stage keeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, integer, number, numbers, plain, whole
from paretoserve.metrics._options import instance

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["KeepSchedule", "LabelGrid", "LabelSplit", "best_split", "label_grid", "token_flops", "token_keep_schedule"]

_MOST_STATES = 2**22


@dataclass(frozen=True, eq=False)
class LabelGrid:
    """Ways to spend a budget of labels.

    Attributes
    ----------
    oracle, weak : ndarray of int64, shape (num_splits,)
        Labels of each kind.
    """

    oracle: NDArray[np.int64]
    weak: NDArray[np.int64]


@dataclass(frozen=True)
class LabelSplit:
    """The best of the ways.

    Attributes
    ----------
    index : int
        Of the split; of equal accuracies the one with the most oracle labels.
    regime : {"quality", "mixed", "quantity"}
        Whether it has the most oracle labels, neither the most nor the least, or the least.
    """

    index: int
    regime: Literal["quality", "mixed", "quantity"]


@dataclass(frozen=True, eq=False)
class KeepSchedule:
    """How many tokens each stage keeps.

    Attributes
    ----------
    counts : ndarray of int64, shape (num_stages,)
        Never rising.
    flops : float
        Of all stages.
    dropped : float
        Sum over the stages of the scores of the tokens that are not in it; none within the budget is less.
    """

    counts: NDArray[np.int64]
    flops: float
    dropped: float


@declared("label-budget", grade="R")
def label_grid(budget: int, *, weak_cost: float = 0.1, fractions: ArrayLike = (0.8, 0.6, 0.4, 0.2, 0.05)) -> LabelGrid:
    """Return how many labels of two prices a budget buys, by the share spent on the dear ones.

    Parameters
    ----------
    budget : int
        In prices of an oracle label, 1 or more.
    weak_cost : float, default 0.1
        Price of a weak label, above 0 and at most 1.
    fractions : array_like, shape (num_splits,), default (0.8, 0.6, 0.4, 0.2, 0.05)
        Shares of the budget for oracle labels, 0 to 1.

    Returns
    -------
    grid : LabelGrid
        ``floor(f budget)`` oracle labels and as many weak ones as the rest buys. Numbers are taken as they are written
        in decimals: 13 buys 130 at 0.1.

    Raises
    ------
    ValueError
        If a number is out of range, or `budget` not whole.
    ShapeError
        If `fractions` is not one-dimensional or is empty.

    References
    ----------
    arXiv 2410.13215 and its repository.

    Examples
    --------
    >>> grid = label_grid(64)
    >>> grid.oracle, grid.weak
    (array([51, 38, 25, 12,  3]), array([130, 260, 390, 520, 610]))
    """
    total = integer("budget", budget, 1)
    price = Fraction(repr(number("weak_cost", weak_cost, 0, 1, open_low=True)))
    shares = numbers("fractions", fractions, 0, 1, ndim=1).tolist()
    oracle = [int(Fraction(repr(share)) * total) for share in shares]
    weak = [int((total - labels) / price) for labels in oracle]
    if max(weak) > 2**53:
        raise ValueError(f"`weak_cost` must buy at most 2^53 weak labels with {total}, got {float(price):g}")
    return LabelGrid(np.array(oracle, dtype=np.int64), np.array(weak, dtype=np.int64))


@declared("label-budget", grade="R")
def best_split(grid: LabelGrid, accuracy: ArrayLike) -> LabelSplit:
    """Return the split with the best accuracy, and whether quality or quantity of labels decides.

    Parameters
    ----------
    grid : LabelGrid
        With at least two splits.
    accuracy : array_like, shape (num_splits,) or (num_runs, num_splits)
        Measured with each split; the mean of runs counts.

    Returns
    -------
    split : LabelSplit

    Raises
    ------
    ValueError
        If an accuracy is not finite.
    ShapeError
        If there is not one accuracy per split, or the grid has fewer than two.

    References
    ----------
    arXiv 2410.13215.

    Examples
    --------
    >>> best_split(label_grid(64), [0.7, 0.74, 0.78, 0.77, 0.6])
    LabelSplit(index=2, regime='mixed')
    """
    instance("grid", grid, LabelGrid)
    measured = numbers("accuracy", accuracy)
    splits = len(grid.oracle)
    if splits < 2:
        raise ShapeError(f"`grid` must have two splits or more, got {splits}")
    if measured.ndim not in (1, 2) or measured.shape[-1] != splits or measured.size == 0:
        raise ShapeError(f"`accuracy` must have shape ({splits},) or (num_runs, {splits}), got {measured.shape}")
    mean = measured if measured.ndim == 1 else measured.mean(axis=0)
    order = np.argsort(-grid.oracle, kind="stable")
    index = int(order[mean[order].argmax()])
    most, least = grid.oracle.max(), grid.oracle.min()
    if grid.oracle[index] == most:
        return LabelSplit(index, "quality")
    return LabelSplit(index, "quantity" if grid.oracle[index] == least else "mixed")


@declared("adaptive-sparse-vit", grade="D", unit="FLOP", sense="min")
def token_flops(tokens: ArrayLike, width: ArrayLike) -> Any:
    """Return the multiplications of a transformer block over some tokens, ``12 n d^2 + 2 n^2 d`` (derived).

    Parameters
    ----------
    tokens, width : array_like
        n of 0 or more, and d above 0. The inner layer is four times as wide.

    Returns
    -------
    flops : float or ndarray of float64
        Multiplications with their additions, counted as one.

    Raises
    ------
    ValueError
        If a number is out of range or NaN.
    ShapeError
        If the arguments do not broadcast.

    References
    ----------
    arXiv 2209.13802.

    Examples
    --------
    >>> token_flops([197, 98], 384) / token_flops(197, 384)
    array([1.        , 0.47777031])
    """
    n, d = broadcast(tokens=numbers("tokens", tokens, 0), width=numbers("width", width, 0, open_low=True))
    return plain(12 * n * d**2 + 2 * n**2 * d)


@declared("adaptive-sparse-vit", grade="D")
def token_keep_schedule(
    scores: ArrayLike, budget: float, *, width: int, blocks: ArrayLike = 4, counts: ArrayLike | None = None
) -> KeepSchedule:
    """Choose how many tokens each stage keeps, so that FLOPs stay in a budget and the least score is dropped (derived).

    Parameters
    ----------
    scores : array_like, shape (num_stages, num_tokens)
        What each token is worth to each stage, 0 or more. A stage keeps its best ones.
    budget : float
        FLOPs of all stages, as `token_flops` counts them.
    width : int
        d of the model, 1 or more.
    blocks : array_like, default 4
        Blocks of each stage, 1 or more: one number or one per stage.
    counts : array_like of int, shape (num_counts,), optional
        Counts to choose from, 1 to num_tokens; by default all of these.

    Returns
    -------
    schedule : KeepSchedule
        An optimum: of all with the least dropped, one of least FLOPs. A larger budget never drops more.

    Raises
    ------
    ValueError
        If a number is out of range, the budget does not suffice for the smallest counts (the message has what would),
        or there are more than four million partial schedules to keep.
    ShapeError
        If `scores` is not two-dimensional or is empty, or `blocks` or `counts` has a wrong shape.

    Notes
    -----
    Exact, stage by stage: of all ways to a count those stay that no other beats in both FLOPs and dropped score.
    Exponential at worst; 3 stages of 197 counts or 12 of 20 take less than 0.1 s.

    References
    ----------
    arXiv 2209.13802.

    Examples
    --------
    >>> scores = [[5, 4, 3, 2], [5, 4, 1, 1], [9, 1, 0, 0]]
    >>> full = token_flops(4, 8) * 12
    >>> found = token_keep_schedule(scores, 0.6 * full, width=8)
    >>> found.counts, found.dropped, round(found.flops / full, 3)
    (array([4, 2, 1]), 3.0, 0.572)
    """
    worth = numbers("scores", scores, 0, ndim=2)
    stages, tokens = worth.shape
    wide = integer("width", width, 1)
    deep = whole("blocks", blocks, 1)
    if deep.shape not in ((), (stages,)):
        raise ShapeError(f"`blocks` must be a number or have shape ({stages},), got {deep.shape}")
    options = np.arange(1, tokens + 1) if counts is None else np.unique(whole("counts", counts, 1, tokens, ndim=1))
    limit = number("budget", budget, 0)
    kept = np.cumsum(-np.sort(-worth, axis=1), axis=1)
    losses = np.maximum(kept[:, -1:] - kept[:, options - 1], 0.0)
    costs = np.broadcast_to(deep, stages)[:, None] * token_flops(options, wide)
    least = float(costs[:, 0].sum())
    if limit < least:
        raise ValueError(f"`budget` must be at least {least:g}, what the smallest counts need, got {limit:g}")
    room = limit - (least - np.cumsum(costs[:, 0]))  # What the stages so far may cost, for the others to be possible.
    flops, dropped, column = np.zeros(1), np.zeros(1), np.array([len(options) - 1])
    steps = []
    for stage in range(stages):
        flops, dropped, column, before = _next_stage(flops, dropped, column, costs[stage], losses[stage], room[stage])
        steps.append((column, before))
    row = int(np.lexsort((flops, dropped))[0])
    total, lost = float(flops[row]), float(dropped[row])
    chosen = []
    for column, before in reversed(steps):
        chosen.append(int(options[column[row]]))
        row = int(before[row])
    return KeepSchedule(np.array(chosen[::-1], dtype=np.int64), total, lost)


def _next_stage(
    flops: NDArray[np.float64],
    dropped: NDArray[np.float64],
    column: NDArray[np.int64],
    costs: NDArray[np.float64],
    losses: NDArray[np.float64],
    room: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the partial schedules with one stage more, by falling counts, and the row that each goes on from."""
    parts = []
    states = 0
    best = np.empty(0, dtype=np.int64)
    # Rows come by falling counts, so those of each count are neighbors.
    ends = np.searchsorted(-column, -np.arange(len(costs) + 1), side="right")
    for at in range(len(costs) - 1, -1, -1):
        best = _undominated(np.concatenate([best, np.arange(ends[at + 1], ends[at])]), flops, dropped)
        fits = best[flops[best] + costs[at] <= room]
        parts.append((flops[fits] + costs[at], dropped[fits] + losses[at], np.full(len(fits), at), fits))
        states += len(fits)
        if states > _MOST_STATES:
            raise ValueError(
                f"the case needs more than {_MOST_STATES} partial schedules\nhint: pass fewer `counts` to choose from"
            )
    new_flops, new_dropped, new_column, before = (np.concatenate(column) for column in zip(*parts, strict=True))
    return new_flops, new_dropped, new_column, before


def _undominated(
    rows: NDArray[np.int64], flops: NDArray[np.float64], dropped: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return the rows that no other beats in both, by rising FLOPs; of equal ones the first."""
    rows = rows[np.lexsort((dropped[rows], flops[rows]))]
    least = np.minimum.accumulate(np.concatenate([[np.inf], dropped[rows]]))[:-1]
    return rows[dropped[rows] < least]
