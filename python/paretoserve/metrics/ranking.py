"""Ranks models by refined performance, refinement and inference cost.

After Shashidhar, Chinta, Sahai, Wang and Ji, "Democratizing LLMs: An Exploration of Cost-Performance Trade-offs in
Self-Refined Open-Source Models" (PeRFICS, arXiv 2310.07611). Its formula was not reachable, so the score here is
derived from what it weighs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import numbers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["perfics"]


@declared("perfics", grade="D", unit="1", sense="max")
def perfics(
    baseline: ArrayLike,
    refined: ArrayLike,
    cost: ArrayLike,
    *,
    variant: Literal["derived"],
    weights: ArrayLike = (1.0, 1.0, 1.0),
    task_weights: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Return a composite of performance, refinement and inference cost of models, derived.

    ``w_p R + w_r (R - B) - w_c C``, with the refined score R, the baseline score B and the cost C each scaled to 0 to
    1 over the models, and averaged over tasks. The paper's own formula was not found, hence the name of the variant.

    Parameters
    ----------
    baseline, refined : array_like, shape (num_models,) or (num_models, num_tasks)
        Scores before and after refinement, higher is better.
    cost : array_like, shape (num_models,) or (num_models, num_tasks)
        For example gigabytes of memory or dollars per thousand tokens.
    variant : {"derived"}
        Must be named.
    weights : array_like, shape (3,), default (1, 1, 1)
        Of performance, refinement and cost, 0 or more.
    task_weights : array_like, shape (num_tasks,), optional
        0 or more; default equal.

    Returns
    -------
    score : ndarray of float64, shape (num_models,)
        A model with no lower refined score, no higher baseline and no higher cost on any task than another is never
        below it. A column that is equal for all models counts 0.

    Raises
    ------
    ValueError
        If `variant` is another, a weight is negative, all task weights are 0 or a value is infinite or NaN.
    ShapeError
        If shapes do not match.

    References
    ----------
    arXiv 2310.07611, abstract.

    Examples
    --------
    >>> perfics([0.5, 0.6, 0.7], [0.6, 0.8, 0.8], [10, 20, 40], variant="derived").round(4)
    array([0.    , 1.1667, 0.    ])
    """
    if not isinstance(variant, str) or variant != "derived":
        raise ValueError(f'`variant` must be "derived", got `{variant}`: the paper\'s own formula was not found')
    columns = [numbers(name, value) for name, value in (("baseline", baseline), ("refined", refined), ("cost", cost))]
    shape = columns[1].shape
    if len(shape) not in (1, 2) or 0 in shape or columns[0].shape != shape:
        shapes = f"{columns[0].shape} and {shape}"
        raise ShapeError(f"`baseline` and `refined` must have one shape (models,) or (models, tasks), got {shapes}")
    tables = [column[:, None] if column.ndim == 1 else column for column in columns]
    if tables[2].ndim != 2 or tables[2].shape not in {tables[1].shape, (shape[0], 1)}:
        raise ShapeError(f"`cost` must have one row per model, {shape[0]}, got shape {columns[2].shape}")
    parts = numbers("weights", weights, 0, ndim=1)
    if parts.shape != (3,):
        raise ShapeError(f"`weights` must be three, of performance, refinement and cost, got {parts.size}")
    tasks = np.ones(tables[1].shape[1]) if task_weights is None else numbers("task_weights", task_weights, 0, ndim=1)
    if len(tasks) != tables[1].shape[1] or not tasks.any():
        raise ValueError(f"`task_weights` must be {tables[1].shape[1]} numbers, not all 0, got {tasks.tolist()}")
    before, after, price = (_scaled(table) for table in tables)
    score = parts[0] * after + parts[1] * (after - before) - parts[2] * price
    return np.asarray((score * tasks).sum(axis=1) / tasks.sum())


def _scaled(table: NDArray[np.float64]) -> NDArray[np.float64]:
    low = table.min(axis=0)
    extent = table.max(axis=0) - low
    return np.asarray(np.divide(table - low, extent, out=np.zeros(table.shape), where=extent > 0))
