"""Quality per watt and per joule, energy of agents and of the data centers they ask for, and readings of counters.

After "Intelligence per Watt" (arXiv 2511.07885) and "The Cost of Dynamic Reasoning" (arXiv 2506.04301).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, numbers, plain
from paretoserve.metrics._options import flag, one_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "CounterEnergy",
    "counter_energy",
    "datacenter_power",
    "energy_amplification",
    "intelligence_per_joule",
    "intelligence_per_watt",
    "phase_energy",
]


@declared("intelligence-per-watt", grade="R", unit="1/W", sense="max")
def intelligence_per_watt(accuracy: ArrayLike, joules: ArrayLike, seconds: ArrayLike, *, pooled: bool = False) -> Any:
    """Return accuracy over mean power, ``accuracy / mean(joules / seconds)`` per watt.

    Parameters
    ----------
    accuracy : array_like, shape (...)
        Share of correct answers, 0 to 1.
    joules, seconds : array_like, shape (..., queries)
        Energy and time of each query, above 0.
    pooled : bool, default False
        Whether the power is all energy over all time instead of the mean of the queries' powers. The paper leaves open
        which it is; its words "for each query we measure power" suggest the mean.

    Returns
    -------
    intelligence_per_watt : float or ndarray of float64, shape (...)

    Raises
    ------
    ValueError
        If a number is out of range; an energy of 0 is a reading that failed, not a free query.
    ShapeError
        If shapes do not fit or there is no query.

    References
    ----------
    arXiv 2511.07885; the authors' harness.

    Examples
    --------
    >>> joules, seconds = [120, 80, 200, 100], [10, 8, 16, 10]
    >>> round(intelligence_per_watt(0.75, joules, seconds), 7)
    0.0674157
    >>> round(intelligence_per_watt(0.75, joules, seconds, pooled=True), 7)
    0.066
    """
    energy, time = broadcast(joules=_queries("joules", joules), seconds=_queries("seconds", seconds))
    power = energy.sum(axis=-1) / time.sum(axis=-1) if flag("pooled", pooled) else (energy / time).mean(axis=-1)
    share, watts = broadcast(accuracy=numbers("accuracy", accuracy, 0, 1), power=np.asarray(power))
    return plain(np.asarray(share / watts))


@declared("intelligence-per-watt", grade="R", unit="1/J", sense="max")
def intelligence_per_joule(accuracy: ArrayLike, joules: ArrayLike) -> Any:
    """Return accuracy over mean energy per query, ``accuracy / mean(joules)`` per joule.

    Parameters
    ----------
    accuracy : array_like, shape (...)
        Share of correct answers, 0 to 1.
    joules : array_like, shape (..., queries)
        Energy of each query, above 0.

    Returns
    -------
    intelligence_per_joule : float or ndarray of float64, shape (...)

    Raises
    ------
    ValueError
        If a number is out of range.
    ShapeError
        If shapes do not fit or there is no query.

    References
    ----------
    arXiv 2511.07885.

    Examples
    --------
    >>> intelligence_per_joule(0.75, [120, 80, 200, 100])
    0.006
    """
    share, energy = broadcast(
        accuracy=numbers("accuracy", accuracy, 0, 1), joules=np.asarray(_queries("joules", joules).mean(axis=-1))
    )
    return plain(np.asarray(share / energy))


@dataclass(frozen=True)
class CounterEnergy:
    """Energy of queries from a counter that only rises.

    Attributes
    ----------
    joules : ndarray of float64, shape (queries,)
        NaN where the counter fell, which a reset does; formulas refuse NaN, so decide about those queries.
    num_missing : int
        Queries where it fell.
    num_zero : int
        Queries where it stood still: the counter is coarser than the query is long.
    """

    joules: NDArray[np.float64]
    num_missing: int
    num_zero: int


@declared("intelligence-per-watt", grade="R")
def counter_energy(
    start_joules: ArrayLike, end_joules: ArrayLike, *, idle: Literal["next", "none"] = "next"
) -> CounterEnergy:
    """Return the energy of each query from readings of a cumulative counter.

    Parameters
    ----------
    start_joules, end_joules : array_like, shape (queries,)
        Readings at the start and the end of each query, in order.
    idle : {"next", "none"}, default "next"
        Who pays for the time between queries: the next one, as in the authors' harness, or nobody.

    Returns
    -------
    energy : CounterEnergy

    Warns
    -----
    UserWarning
        If the counter stood still during a query; such an energy of 0 is not free.

    Raises
    ------
    ValueError
        If a reading is negative, infinite or NaN, or `idle` is neither.
    ShapeError
        If shapes differ or are empty.

    References
    ----------
    arXiv 2511.07885; the authors' harness.

    Examples
    --------
    >>> counter_energy([0, 150, 260], [120, 230, 460]).joules
    array([120., 110., 230.])
    >>> counter_energy([0, 150, 260], [120, 230, 460], idle="none").joules
    array([120.,  80., 200.])
    """
    one_of("idle", idle, ("next", "none"))
    start, end = numbers("start_joules", start_joules, 0, ndim=1), numbers("end_joules", end_joules, 0, ndim=1)
    if start.shape != end.shape:
        raise ShapeError(f"`end_joules` must have shape {start.shape} as `start_joules`, got {end.shape}")
    since = np.concatenate([start[:1], end[:-1]]) if idle == "next" else start
    used = end - since
    num_zero = int((used == 0).sum())
    if num_zero:
        warnings.warn(f"the counter stood still during {num_zero} queries of {len(used)}", stacklevel=2)
    return CounterEnergy(np.where(used < 0, np.nan, used), int((used < 0).sum()), num_zero)


@declared("dynamic-reasoning", grade="S", unit="J", sense="min")
def phase_energy(watts: ArrayLike, seconds: ArrayLike) -> Any:
    """Return the energy of a query over its phases, ``sum(power * time)``; formula from a secondary source.

    Parameters
    ----------
    watts : array_like, shape (..., phases)
        Power in each phase, 0 or more; waiting for a tool is a phase, with the power of an idle device.
    seconds : array_like, shape (..., phases)
        Time of each phase, 0 or more; broadcasts.

    Returns
    -------
    joules : float or ndarray of float64, shape (...)

    Raises
    ------
    ValueError
        If a number is negative, infinite or NaN.
    ShapeError
        If shapes do not fit.

    References
    ----------
    arXiv 2506.04301.

    Examples
    --------
    >>> phase_energy([700, 90, 700], [3, 10, 2])
    4400.0
    """
    power, time = broadcast(watts=numbers("watts", watts, 0), seconds=numbers("seconds", seconds, 0))
    return plain(np.asarray(np.atleast_1d(power * time).sum(axis=-1)))


@declared("dynamic-reasoning", grade="S", unit="1", sense="min")
def energy_amplification(energy: ArrayLike, baseline: ArrayLike) -> Any:
    """Return how many times the energy of one plain answer an agent takes; from a secondary source.

    ``energy / baseline``

    Parameters
    ----------
    energy : array_like
        Of the agent, 0 or more.
    baseline : array_like
        Of a single turn, above 0, in the same unit; broadcasts.

    Returns
    -------
    amplification : float or ndarray of float64

    Raises
    ------
    ValueError
        If a number is out of range, infinite or NaN.

    References
    ----------
    arXiv 2506.04301.

    Examples
    --------
    >>> energy_amplification([348.41, 158.48], 2.552).round(1)
    array([136.5,  62.1])
    """
    agent, single = broadcast(
        energy=numbers("energy", energy, 0), baseline=numbers("baseline", baseline, 0, open_low=True)
    )
    return plain(np.asarray(agent / single))


@declared("dynamic-reasoning", grade="S", unit="W", sense="min")
def datacenter_power(wh_per_query: ArrayLike, queries_per_day: ArrayLike, *, pue: ArrayLike = 1.0) -> Any:
    """Return the mean power that a stream of queries draws, ``energy * queries / 24 h * pue``, from a secondary source.

    Parameters
    ----------
    wh_per_query : array_like
        Watt hours per query, 0 or more.
    queries_per_day : array_like
        0 or more; broadcasts.
    pue : array_like, default 1
        Power usage effectiveness, power of the site over that of its devices, 1 or more; the paper's numbers have 1.

    Returns
    -------
    power : float or ndarray of float64
        Watts.

    Raises
    ------
    ValueError
        If a number is out of range, infinite or NaN.

    References
    ----------
    arXiv 2506.04301.

    Examples
    --------
    >>> datacenter_power(348.41, 13.7e9) / 1e9
    198.88404...
    """
    energy, count, overhead = broadcast(
        wh_per_query=numbers("wh_per_query", wh_per_query, 0),
        queries_per_day=numbers("queries_per_day", queries_per_day, 0),
        pue=numbers("pue", pue, 1),
    )
    return plain(np.asarray(energy * count / 24 * overhead))


def _queries(argument: str, values: ArrayLike) -> NDArray[np.float64]:
    array = numbers(argument, values, 0, open_low=True)
    if array.ndim == 0 or array.shape[-1] == 0:
        raise ShapeError(f"`{argument}` must have shape (..., queries) with a query or more, got {array.shape}")
    return array
