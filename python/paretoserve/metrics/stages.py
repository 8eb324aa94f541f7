"""Stages of a server: shares of time, what a faster stage gains, and what overheads cost.

For "Beyond Inference" on the overheads of DNN servers (arXiv 2403.12981), which publishes numbers and no formulas: the
generic ones are here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, numbers, plain, whole

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "StageBreakdown",
    "amdahl_speedup",
    "stage_breakdown",
    "throughput_loss",
]


@dataclass(frozen=True)
class StageBreakdown:
    """Where the time of a request goes.

    Attributes
    ----------
    shares : ndarray of float64, shape (..., stages)
        Of each stage in the time of a request; they sum to 1.
    bottleneck : int or ndarray of int64, shape (...)
        The stage that limits a pipeline, the first of equals.
    serial_throughput : float or ndarray of float64, shape (...)
        Requests per second one after the other.
    pipelined_throughput : float or ndarray of float64, shape (...)
        Requests per second when stages overlap, each with its replicas.
    """

    shares: NDArray[np.float64]
    bottleneck: Any
    serial_throughput: Any
    pipelined_throughput: Any


@declared("beyond-inference", grade="D")
def stage_breakdown(seconds: ArrayLike, *, replicas: ArrayLike = 1) -> StageBreakdown:
    """Return shares and throughput of stages from their service times; derived, the paper states no formula.

    Parameters
    ----------
    seconds : array_like, shape (..., stages)
        Time that a request spends in each stage, 0 or more, not all 0.
    replicas : array_like of whole numbers, default 1
        Workers of each stage; broadcasts.

    Returns
    -------
    breakdown : StageBreakdown

    Raises
    ------
    ValueError
        If a number is out of range, infinite or NaN, or a request takes no time.
    ShapeError
        If shapes do not fit or there is no stage.

    References
    ----------
    arXiv 2403.12981.

    Examples
    --------
    >>> breakdown = stage_breakdown([3.0, 1.5, 1.0, 4.5])
    >>> breakdown.shares, breakdown.bottleneck
    (array([0.3 , 0.15, 0.1 , 0.45]), 3)
    >>> breakdown.serial_throughput, round(breakdown.pipelined_throughput, 4)
    (0.1, 0.2222)
    """
    time, workers = broadcast(seconds=numbers("seconds", seconds, 0), replicas=whole("replicas", replicas, 1))
    if time.ndim == 0 or time.shape[-1] == 0:
        raise ShapeError(f"`seconds` must have shape (..., stages) with a stage or more, got {time.shape}")
    total, load = time.sum(axis=-1), time / workers
    if (total == 0).any():
        raise ValueError("`seconds` must not be 0 in all stages of a request")
    return StageBreakdown(
        time / total[..., None],
        plain(np.asarray(load.argmax(axis=-1))),
        plain(np.asarray(1 / total)),
        plain(np.asarray(1 / load.max(axis=-1))),
    )


@declared("beyond-inference", grade="D", unit="1", sense="max")
def amdahl_speedup(share: ArrayLike, factor: ArrayLike) -> Any:
    """Return the gain of a whole when a part gets faster, ``1 / (1 - share + share / factor)``; derived (Amdahl).

    Parameters
    ----------
    share : array_like
        Of the part in the time, 0 to 1.
    factor : array_like
        By which the part gets faster, above 0; infinity gives the limit. Broadcasts.

    Returns
    -------
    speedup : float or ndarray of float64
        Infinite if all of the time goes.

    Raises
    ------
    ValueError
        If a number is out of range or NaN.

    References
    ----------
    arXiv 2403.12981.

    Examples
    --------
    >>> amdahl_speedup(0.45, [10, np.inf]).round(4)
    array([1.6807, 1.8182])
    """
    part, gain = broadcast(
        share=numbers("share", share, 0, 1), factor=numbers("factor", factor, 0, open_low=True, infinite=True)
    )
    rest = 1 - part + part / gain
    return plain(np.divide(1.0, rest, out=np.full(rest.shape, np.inf), where=rest > 0))


@declared("beyond-inference", grade="D", unit="1", sense="min")
def throughput_loss(throughput: ArrayLike, without_overhead: ArrayLike) -> Any:
    """Return the share of throughput that overheads cost, ``1 - throughput / without_overhead``; derived.

    Parameters
    ----------
    throughput : array_like
        As served, 0 or more.
    without_overhead : array_like
        Of inference alone, above 0; broadcasts.

    Returns
    -------
    loss : float or ndarray of float64
        Negative if overheads help.

    Raises
    ------
    ValueError
        If a number is out of range, infinite or NaN.

    References
    ----------
    arXiv 2403.12981.

    Examples
    --------
    >>> throughput_loss(44, 100)
    0.56
    """
    served, ideal = broadcast(
        throughput=numbers("throughput", throughput, 0),
        without_overhead=numbers("without_overhead", without_overhead, 0, open_low=True),
    )
    return plain(np.asarray(1 - served / ideal))
