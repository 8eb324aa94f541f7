"""The cheapest way to a correct answer over all models and people: the frontier cost of pass, and who moves it.

After Erol, El, Suzgun, Yuksekgonul and Zou, "Cost-of-Pass" (arXiv 2504.13359).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import numbers
from paretoserve.metrics._options import hashable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["essentialness", "frontier_cost", "frontier_history", "technique_gain"]


@declared("cost-of-pass", grade="R", unit="USD", sense="min")
def frontier_cost(values: ArrayLike, *, baseline: ArrayLike | None = None) -> float:
    """Return the mean over problems of the cheapest cost of pass, which is never the cheapest mean.

    ``mean over problems of min(baseline, min over models of cost / success)``, in dollars.

    Parameters
    ----------
    values : array_like, shape (models, problems)
        Cost of pass in dollars, infinite where a model never succeeds. No models are allowed with a baseline.
    baseline : array_like, shape () or (problems,), optional
        Price of a human expert, see `cost.HUMAN_PRICES`: nobody pays more than that.

    Returns
    -------
    frontier : float
        Dollars. Where models solve little it is dominated by the share unsolved times the human price.

    Raises
    ------
    ValueError
        If a cost is negative or NaN, or without a baseline nobody solves a problem; it is named, not dropped.
    ShapeError
        If `values` has no problems, or `baseline` does not fit.

    References
    ----------
    arXiv 2504.13359.

    Examples
    --------
    >>> values = [[0.02, 0.5, np.inf], [0.05, 0.1, np.inf], [1.0, 0.08, 30]]
    >>> frontier_cost(values, baseline=20)
    6.7
    >>> frontier_cost(values[:2])
    Traceback (most recent call last):
    ValueError: `values` must have a finite cost for each problem, got none for problem 2
    hint: `baseline=` is the price of a human expert, who solves all
    """
    return _mean(_with_baseline(values, baseline).min(axis=0, initial=np.inf), "values")


@declared("cost-of-pass", grade="R", unit="USD", sense="min")
def frontier_history(values: ArrayLike, *, baseline: ArrayLike) -> NDArray[np.float64]:
    """Return the frontier cost as models come one by one; differences are what each release gained.

    Parameters
    ----------
    values : array_like, shape (models, problems)
        Cost of pass in dollars, models in the order of their release.
    baseline : array_like, shape () or (problems,)
        Price of a human expert.

    Returns
    -------
    frontier : ndarray of float64, shape (models + 1,)
        The first is the baseline alone. It never rises; ``-np.diff(frontier)`` are the gains in dollars, and
        ``-np.diff(frontier) / frontier[:-1]`` the relative ones.

    Raises
    ------
    ValueError
        If a cost is negative or NaN, or a baseline infinite.
    ShapeError
        If `values` has no problems, or `baseline` does not fit.

    References
    ----------
    arXiv 2504.13359.

    Examples
    --------
    >>> values = [[0.02, 0.5, np.inf], [0.05, 0.1, np.inf], [1.0, 0.08, 30]]
    >>> frontier_history(values, baseline=20).round(4)
    array([20.    ,  6.84  ,  6.7067,  6.7   ])
    """
    rows = _with_baseline(values, numbers("baseline", baseline, 0))
    return np.asarray(np.minimum.accumulate(np.roll(rows, 1, axis=0), axis=0).mean(axis=1))


@declared("cost-of-pass", grade="R")
def essentialness(values: ArrayLike, families: Sequence[str], *, baseline: ArrayLike | None = None) -> dict[str, float]:
    """Return how much the frontier would cost more without each family, relative to that.

    ``(V(without) - V(all)) / V(without)``: 0 if nobody would notice, towards 1 if others cost far more.

    Parameters
    ----------
    values : array_like, shape (models, problems)
        Cost of pass in dollars.
    families : sequence of str, length models
        To which family each model belongs; name every model differently for the counterfactual of single models.
    baseline : array_like, shape () or (problems,), optional
        Price of a human expert.

    Returns
    -------
    essentialness : dict from str to float
        In the order in which families first come. 0 where everything is free without the family.

    Raises
    ------
    ValueError
        If a cost is negative or NaN, or without the family (and a baseline) a problem remains unsolved; both are named.
    ShapeError
        If shapes do not fit.

    References
    ----------
    arXiv 2504.13359.

    Examples
    --------
    >>> values = [[0.02, 0.5, np.inf], [0.05, 0.1, np.inf], [1.0, 0.08, 30]]
    >>> shares = essentialness(values, ["light", "light", "reasoning"], baseline=20)
    >>> {family: round(share, 6) for family, share in shares.items()}
    {'light': 0.04649, 'reasoning': 0.000994}
    """
    rows = _with_baseline(values, baseline)
    names = hashable("families", [families] if isinstance(families, str) else families)
    num_models = len(rows) - (baseline is not None)
    if len(names) != num_models:
        raise ShapeError(f"`families` must name one family per model, {num_models}, got {len(names)}")
    full = _mean(rows.min(axis=0), "values")
    shares = {}
    for family in dict.fromkeys(names):
        kept = [row for row in range(len(rows)) if row >= num_models or names[row] != family]
        without = _mean(rows[kept].min(axis=0, initial=np.inf), f"values` without `{family}")
        shares[family] = (without - full) / without if without > 0 else 0.0
    return shares


@declared("cost-of-pass", grade="R", unit="1", sense="max")
def technique_gain(values: ArrayLike, augmented: ArrayLike, *, baseline: ArrayLike | None = None) -> float:
    """Return by which share a technique makes the frontier cheaper when it stands beside the plain models.

    ``(V(models) - V(models and augmented)) / V(models)``, as in the authors' code, so it is never negative.

    Parameters
    ----------
    values : array_like, shape (models, problems)
        Cost of pass in dollars of the plain models.
    augmented : array_like, shape (any, problems)
        Of models with the technique, such as majority voting.
    baseline : array_like, shape () or (problems,), optional
        Price of a human expert.

    Returns
    -------
    gain : float
        0 to 1; 0 if plain models are free already.

    Raises
    ------
    ValueError
        If a cost is negative or NaN, or without a baseline the plain models leave a problem unsolved.
    ShapeError
        If shapes do not fit.

    References
    ----------
    arXiv 2504.13359.

    Examples
    --------
    >>> technique_gain([[1.0, 20.0]], [[3.0, 11.0]], baseline=20)
    0.42857142857142855
    """
    rows, more = _with_baseline(values, baseline), _with_baseline(augmented, None, "augmented")
    if more.shape[1] != rows.shape[1]:
        raise ShapeError(f"`augmented` must have {rows.shape[1]} problems as `values` has, got {more.shape[1]}")
    best = rows.min(axis=0, initial=np.inf)
    plain_cost = _mean(best, "values")
    cost = float(np.minimum(best, more.min(axis=0, initial=np.inf)).mean())
    return (plain_cost - cost) / plain_cost if plain_cost > 0 else 0.0


def _with_baseline(values: ArrayLike, baseline: ArrayLike | None, argument: str = "values") -> NDArray[np.float64]:
    """Return costs with those of the human expert as the last row."""
    rows = numbers(argument, values, 0, infinite=True)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise ShapeError(f"`{argument}` must have shape (models, problems) with a problem or more, got {rows.shape}")
    if baseline is None:
        return rows
    price = numbers("baseline", baseline, 0)
    if price.shape not in ((), rows.shape[1:]):
        raise ShapeError(f"`baseline` must be one number or {rows.shape[1]}, one per problem, got shape {price.shape}")
    return np.vstack([rows, np.broadcast_to(price, rows.shape[1:])])


def _mean(cheapest: NDArray[np.float64], what: str) -> float:
    unsolved = np.flatnonzero(np.isinf(cheapest))
    if len(unsolved):
        hint = "\nhint: `baseline=` is the price of a human expert, who solves all"
        raise ValueError(f"`{what}` must have a finite cost for each problem, got none for problem {unsolved[0]}{hint}")
    return float(cheapest.mean())
