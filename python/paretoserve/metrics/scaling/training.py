"""Efficiency of training runs: utilization of the devices, weak and strong scaling, compute, pipeline bubbles.

After Dash et al., "Optimizing Distributed Training on Frontier for Large Language Models" (arXiv 2312.12705). Its
abstract names the quantities; their formulas are the usual ones, derived here from the definitions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, number, numbers, plain, whole

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = [
    "flops_utilization",
    "pipeline_bubble",
    "strong_scaling_efficiency",
    "training_flops",
    "weak_scaling_efficiency",
]


@declared("frontier-training", grade="T", unit="1", sense="max")
def flops_utilization(achieved: ArrayLike, peak: ArrayLike) -> Any:
    """Return the share of a device's peak that a training uses (MFU), ``achieved / peak``.

    Parameters
    ----------
    achieved : array_like
        FLOP/s of the model per device, 0 or more.
    peak : array_like
        FLOP/s of the device, above 0.

    Returns
    -------
    utilization : float or ndarray of float64
        Above 1 if more than the peak was claimed.

    Raises
    ------
    ValueError
        If an argument is out of range or NaN.
    ShapeError
        If the arguments do not broadcast.

    References
    ----------
    arXiv 2312.12705.

    Examples
    --------
    >>> flops_utilization([50e12, 60e12], 200e12)
    array([0.25, 0.3 ])
    """
    reached, possible = broadcast(
        achieved=numbers("achieved", achieved, 0), peak=numbers("peak", peak, 0, open_low=True)
    )
    return plain(reached / possible)


@declared("frontier-training", grade="T", unit="FLOP", sense="min")
def training_flops(parameters: ArrayLike, tokens: ArrayLike, *, flops_per_weight: float = 6) -> Any:
    """Return the compute of training a dense model, ``6 N D``.

    Parameters
    ----------
    parameters, tokens : array_like
        N and D, 0 or more.
    flops_per_weight : float, default 6
        Per weight and token: 2 forward and 4 backward; 8 if activations are computed again.

    Returns
    -------
    flops : float or ndarray of float64

    Raises
    ------
    ValueError
        If an argument is out of range or NaN.
    ShapeError
        If the arguments do not broadcast.

    References
    ----------
    arXiv 2312.12705; Kaplan et al., arXiv 2001.08361.

    Examples
    --------
    >>> training_flops(1e12, 20e12)
    1.2e+26
    """
    model, data = broadcast(parameters=numbers("parameters", parameters, 0), tokens=numbers("tokens", tokens, 0))
    each = number("flops_per_weight", flops_per_weight, 0, open_low=True)
    return plain(each * model * data)


@declared("frontier-training", grade="D", unit="1", sense="max")
def weak_scaling_efficiency(seconds: ArrayLike, reference_s: ArrayLike) -> Any:
    """Return how well work that grows with the devices scales, ``reference_s / seconds`` (derived).

    Parameters
    ----------
    seconds : array_like
        Time on n devices, above 0.
    reference_s : array_like
        Time of ``n0 / n`` of that work on n0 devices, above 0.

    Returns
    -------
    efficiency : float or ndarray of float64
        1 if perfect.

    Raises
    ------
    ValueError
        If a time is not above 0.
    ShapeError
        If the arguments do not broadcast.

    References
    ----------
    arXiv 2312.12705.

    Examples
    --------
    >>> weak_scaling_efficiency([10.0, 12.5], 10.0)
    array([1. , 0.8])
    """
    taken, reference = _times(seconds, reference_s)
    return plain(reference / taken)


@declared("frontier-training", grade="D", unit="1", sense="max")
def strong_scaling_efficiency(
    seconds: ArrayLike, devices: ArrayLike, reference_s: ArrayLike, reference_devices: ArrayLike
) -> Any:
    """Return how well fixed work scales, ``reference_s / seconds * reference_devices / devices`` (derived).

    Parameters
    ----------
    seconds, devices : array_like
        Time of the work and the devices it ran on, above 0.
    reference_s, reference_devices : array_like
        The same of the run compared with.

    Returns
    -------
    efficiency : float or ndarray of float64
        1 if perfect.

    Raises
    ------
    ValueError
        If a time or number is not above 0, or a number not whole.
    ShapeError
        If the arguments do not broadcast.

    References
    ----------
    arXiv 2312.12705.

    Examples
    --------
    Eight times the devices, 6.96 times as fast.

    >>> round(strong_scaling_efficiency(100 / 6.96, 1024, 100, 128), 4)
    0.87
    """
    taken, reference = _times(seconds, reference_s)
    taken, reference, many, few = broadcast(
        seconds=taken,
        reference_s=reference,
        devices=whole("devices", devices, 1),
        reference_devices=whole("reference_devices", reference_devices, 1),
    )
    return plain(reference / taken * (few / many))


@declared("frontier-training", grade="D", unit="1", sense="min")
def pipeline_bubble(stages: ArrayLike, microbatches: ArrayLike) -> Any:
    """Return the share of time that stages of a pipeline wait, ``(p - 1) / (m + p - 1)`` (derived).

    Parameters
    ----------
    stages, microbatches : array_like
        p stages of equal times, and m microbatches per step, 1 or more.

    Returns
    -------
    bubble : float or ndarray of float64

    Raises
    ------
    ValueError
        If a number is below 1 or not whole.
    ShapeError
        If the arguments do not broadcast.

    References
    ----------
    arXiv 2312.12705; Narayanan et al., arXiv 2104.04473.

    Examples
    --------
    >>> pipeline_bubble(4, [1, 9])
    array([0.75, 0.25])
    """
    depth, batches = broadcast(stages=whole("stages", stages, 1), microbatches=whole("microbatches", microbatches, 1))
    return plain((depth - 1) / (batches + depth - 1))


def _times(seconds: ArrayLike, reference_s: ArrayLike) -> list[Any]:
    return broadcast(
        seconds=numbers("seconds", seconds, 0, open_low=True),
        reference_s=numbers("reference_s", reference_s, 0, open_low=True),
    )
