"""Searches for the best settings of a system, and what tuning it again is worth.

"The Impact of Hyperparameters on Large Language Model Inference Performance: An Evaluation of vLLM and HuggingFace
Pipelines" (arXiv 2408.01050) finds that throughput over GPUs and batch sizes has many peaks, so that nothing here
assumes a single one. The formulas are derived here, from the definitions.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve.errors import DtypeError, ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, integer, number, numbers, plain
from paretoserve.metrics._options import function, items, sign_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    Sense = Literal["min", "max"]

__all__ = ["GridResult", "HalvingResult", "grid_search", "successive_halving", "transfer_gain"]


@dataclass(frozen=True, eq=False)
class GridResult:
    """Every point of a grid.

    Attributes
    ----------
    best : dict
        The arguments of the best value; of equal ones the first in the order of the grid.
    value : float
    values : ndarray of float64
        An axis per name, in their order.
    """

    best: dict[str, Any]
    value: float
    values: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HalvingResult:
    """What is left after all rounds.

    Attributes
    ----------
    best : int
        Index of the configuration.
    value : float
        In the last round.
    rounds : tuple of ndarray of int64
        The configurations that each round looked at, best first as of the round before.
    spent : float
        Effort of all rounds.
    """

    best: int
    value: float
    rounds: tuple[NDArray[np.int64], ...]
    spent: float


@declared("vllm-tuning", grade="D")
def grid_search(
    evaluate: Callable[..., float], grid: Mapping[str, Sequence[Any]], *, sense: Sense = "max"
) -> GridResult:
    """Evaluate every point of a grid and return the best (derived).

    Parameters
    ----------
    evaluate : callable
        Called with a keyword argument per name; returns a number that is not NaN, the worst infinity for a point that
        fails.
    grid : mapping from str to sequence
        Values of each argument, at least one.
    sense : {"min", "max"}, default "max"
        Which values are better.

    Returns
    -------
    result : GridResult

    Raises
    ------
    ValueError
        If `evaluate` returns NaN (the message has the arguments), or `sense` is neither.
    ShapeError
        If the grid or an argument of it is empty.

    Notes
    -----
    Nothing is assumed of the values: a single peak least of all.

    References
    ----------
    arXiv 2408.01050.

    Examples
    --------
    >>> grid = {"gpus": [1, 2, 4], "batch": [8, 16]}
    >>> found = grid_search(lambda gpus, batch: gpus * batch / (batch + 8 * gpus), grid)
    >>> found.best, round(found.value, 3), found.values.shape
    ({'gpus': 4, 'batch': 16}, 1.333, (3, 2))
    """
    sign = sign_of(sense)
    function("evaluate", evaluate)
    if not isinstance(grid, Mapping):
        raise DtypeError(f"`grid` must be a mapping from names to values, got {type(grid).__name__}")
    names = list(grid)
    grid = {name: items(f"grid[{name!r}]", grid[name]) for name in names}
    shape = tuple(len(grid[name]) for name in names)
    if not names or 0 in shape:
        raise ShapeError(f"`grid` must have a value for each of its arguments, got lengths {shape}")
    values = np.empty(shape)
    for place in itertools.product(*(range(length) for length in shape)):
        arguments = {name: grid[name][at] for name, at in zip(names, place, strict=True)}
        values[place] = _value(evaluate(**arguments), arguments)
    best = np.unravel_index(int((sign * values).argmax()), shape)
    arguments = {name: grid[name][int(at)] for name, at in zip(names, best, strict=True)}
    return GridResult(arguments, float(values[best]), values)


@declared("vllm-tuning", grade="D")
def successive_halving(
    evaluate: Callable[[Any, float], float],
    configurations: Sequence[Any],
    *,
    effort: float = 1,
    factor: int = 2,
    sense: Sense = "max",
) -> HalvingResult:
    """Evaluate many configurations with little effort, and ever fewer of the best with more (derived).

    Parameters
    ----------
    evaluate : callable
        Called with a configuration and an effort, for example requests or seconds; returns a number that is not NaN.
    configurations : sequence
        At least one.
    effort : float, default 1
        Of each evaluation in the first round, above 0.
    factor : int, default 2
        2 or more: each round looks at one in so many configurations, rounded up, with so many times the effort.
    sense : {"min", "max"}, default "max"
        Which values are better.

    Returns
    -------
    result : HalvingResult

    Raises
    ------
    ValueError
        If a number is out of range, `evaluate` returns NaN, or `sense` is neither.
    ShapeError
        If there is no configuration.

    Notes
    -----
    Of equal values the earlier configuration goes on. Finds the best only if little effort ranks as much does.

    References
    ----------
    Jamieson and Talwalkar, arXiv 1502.07943.

    Examples
    --------
    >>> batches = [1, 2, 4, 8, 16, 32, 64, 128]
    >>> found = successive_halving(lambda batch, effort: batch / (batch + 10) - batch / 500, batches)
    >>> batches[found.best], [len(each) for each in found.rounds], found.spent
    (64, [8, 4, 2, 1], 32.0)
    """
    sign = sign_of(sense)
    function("evaluate", evaluate)
    configurations = items("configurations", configurations)
    if not configurations:
        raise ShapeError("`configurations` must have at least one, got none")
    each = number("effort", effort, 0, open_low=True)
    by = integer("factor", factor, 2)
    left = np.arange(len(configurations))
    rounds, spent = [], 0.0
    while True:
        values = np.array([_value(evaluate(configurations[at], each), configurations[at]) for at in left.tolist()])
        rounds.append(left)
        spent += each * len(left)
        order = np.argsort(-sign * values, kind="stable")
        if len(left) == 1:
            return HalvingResult(int(left[0]), float(values[0]), tuple(rounds), spent)
        left = left[order[: -(-len(left) // by)]]
        each *= by


@declared("vllm-tuning", grade="D", unit="1", sense="max")
def transfer_gain(tuned: ArrayLike, reused: ArrayLike) -> Any:
    """Return what tuning again for a changed system gains over its old settings (derived).

    Parameters
    ----------
    tuned : array_like
        Throughput with the best settings, 0 or more.
    reused : array_like
        Throughput with those that were best before, above 0.

    Returns
    -------
    gain : float or ndarray of float64
        ``(tuned - reused) / reused``: 0.1 is 10 % more; negative if the new settings are worse.

    Raises
    ------
    ValueError
        If a throughput is out of range or NaN.
    ShapeError
        If the arguments do not broadcast.

    References
    ----------
    arXiv 2408.01050.

    Examples
    --------
    >>> transfer_gain([110, 100], 100)
    array([0.1, 0. ])
    """
    after, before = broadcast(tuned=numbers("tuned", tuned, 0), reused=numbers("reused", reused, 0, open_low=True))
    return plain((after - before) / before)


def _value(value: float, arguments: Any) -> float:
    if math.isnan(value):
        raise ValueError(f"`evaluate` must return a number, got NaN for {arguments!r}")
    return float(value)
