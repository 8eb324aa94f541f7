"""Training with one precision forward and another backward: loss, speed, and the error of grids on Gaussian values.

Castro et al., "Quartet: Native FP4 Training Can Be Optimal for Large Language Models" (arXiv 2505.14669): a precision
acts as if the model had fewer parameters and the data fewer tokens.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, number, numbers, plain
from paretoserve.metrics._options import instance

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["GridFit", "QuartetLaw", "gaussian_grid_error", "quartet_loss", "training_speedup"]


@dataclass(frozen=True)
class QuartetLaw:
    """Constants of the law. There are no defaults: no text that could be read has the fitted ones.

    Attributes
    ----------
    a, alpha : float
        Of the parameters.
    b, beta : float
        Of the tokens.
    gamma : float
        Power of the sum.
    floor : float
        E, the loss that remains.
    """

    a: float
    alpha: float
    b: float
    beta: float
    gamma: float
    floor: float

    def __post_init__(self) -> None:
        number("floor", self.floor)
        for name in ("a", "b"):
            number(name, getattr(self, name), 0, open_low=True)
        for name in ("alpha", "beta", "gamma"):
            number(name, getattr(self, name), 0, 10, open_low=True)


@dataclass(frozen=True)
class GridFit:
    """How well a grid holds normal values.

    Attributes
    ----------
    error : float
        Mean squared error of standard normal values rounded to the scaled grid.
    scale : float
        The factor on the grid.
    """

    error: float
    scale: float


@declared("quartet", grade="S", unit="nats/token", sense="min")
def quartet_loss(
    parameters: ArrayLike,
    tokens: ArrayLike,
    *,
    law: QuartetLaw,
    parameter_efficiency: ArrayLike = 1,
    data_efficiency: ArrayLike = 1,
) -> Any:
    """Return the loss, in nats per token, of a model whose precision makes parameters and tokens count less.

    Parameters
    ----------
    parameters, tokens : array_like
        N and D, 1 or more.
    law : QuartetLaw
        Constants, fitted to your own runs.
    parameter_efficiency, data_efficiency : array_like, default 1
        effN of the forward and effD of the backward precision, above 0 and at most 1. The paper reports 0.42 and 0.88
        for stochastic rounding, 0.59 and 0.93 for rounding to nearest by the largest value, 0.64 and 0.83 for QuEST.

    Returns
    -------
    loss : float or ndarray of float64
        ``(A / (N effN)^alpha + B / (D effD)^beta)^gamma + E``: what N effN parameters and D effD tokens reach in full
        precision.

    Raises
    ------
    ValueError
        If an argument is out of range or NaN.
    ShapeError
        If the arguments do not broadcast.

    Notes
    -----
    The form is from a secondary source.

    References
    ----------
    arXiv 2505.14669.

    Examples
    --------
    >>> law = QuartetLaw(a=400, alpha=0.34, b=400, beta=0.28, gamma=1, floor=1.7)
    >>> quartet_loss(1e9, 1e10, law=law, parameter_efficiency=[1, 0.64]).round(3)
    array([2.682, 2.739])
    """
    instance("law", law, QuartetLaw)
    model, data, eff_n, eff_d = broadcast(
        parameters=numbers("parameters", parameters, 1),
        tokens=numbers("tokens", tokens, 1),
        parameter_efficiency=numbers("parameter_efficiency", parameter_efficiency, 0, 1, open_low=True),
        data_efficiency=numbers("data_efficiency", data_efficiency, 0, 1, open_low=True),
    )
    total = law.a / (model * eff_n) ** law.alpha + law.b / (data * eff_d) ** law.beta
    return plain(total**law.gamma + law.floor)


@declared("quartet", grade="S", unit="1", sense="max")
def training_speedup(forward: ArrayLike, backward: ArrayLike) -> Any:
    """Return the speed-up of training from those of its passes, ``1 / (1 / (3 forward) + 2 / (3 backward))``.

    Parameters
    ----------
    forward, backward : array_like
        Speed-ups of the passes, above 0. The backward pass is two of the three multiplications.

    Returns
    -------
    speedup : float or ndarray of float64

    Raises
    ------
    ValueError
        If a speed-up is not above 0.
    ShapeError
        If the arguments do not broadcast.

    Notes
    -----
    The weights are from a secondary source.

    References
    ----------
    arXiv 2505.14669.

    Examples
    --------
    FP4 forward, FP4 backward, both; each is twice as fast as FP8.

    >>> training_speedup([2, 1, 2], [1, 2, 2])
    array([1.2, 1.5, 2. ])
    """
    first, second = broadcast(
        forward=numbers("forward", forward, 0, open_low=True),
        backward=numbers("backward", backward, 0, open_low=True),
    )
    return plain(3 * first * second / (second + 2 * first))


@declared("quartet", grade="R")
def gaussian_grid_error(grid: ArrayLike, *, scale: float | None = None) -> GridFit:
    """Return the least error with which a grid rounds standard normal values, and the scale of the grid for it.

    Parameters
    ----------
    grid : array_like, shape (num_levels,)
        The values of a format in any order, not all 0.
    scale : float, optional
        Factor on the grid, above 0; by default the one with the least error.

    Returns
    -------
    fit : GridFit

    Raises
    ------
    ValueError
        If a level is not finite, all are 0, or `scale` is not above 0.
    ShapeError
        If `grid` is not one-dimensional or is empty.

    Notes
    -----
    Exact integrals between the midpoints of the levels; the scale is found by a scan and golden sections to 1e-9.
    O(num_levels) for each of about 150 scales. The authors' half-ranges for uniform grids of 6 to 8 bits stop a little
    short of the minimum: at 8 bits theirs is 3.885 with an error of 8.782e-5, where 3.922 has 8.769e-5.

    References
    ----------
    arXiv 2505.14669, its notebook on Gaussian errors; Max, "Quantizing for minimum distortion", 1960.

    Examples
    --------
    Ternary values, and the E2M1 values of FP4.

    >>> fit = gaussian_grid_error([-1, 0, 1])
    >>> round(fit.error, 6), round(fit.scale, 4)
    (0.190174, 1.224)
    >>> half = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
    >>> fit = gaussian_grid_error([-value for value in half] + half)
    >>> round(fit.error, 6), round(fit.scale, 4)
    (0.012685, 0.4871)
    """
    levels = np.unique(numbers("grid", grid, ndim=1))
    if not levels.any():
        raise ValueError("`grid` must have a level that is not 0")
    if scale is not None:
        fixed = number("scale", scale, 0, open_low=True)
        return GridFit(_gaussian_error(levels, fixed), fixed)
    largest = float(np.abs(levels).max())
    levels = levels / largest
    # The error may have several minima: find the lowest valley on a grid of scales before the fine search.
    scales = np.geomspace(0.05, 12, 90)
    errors = [_gaussian_error(levels, float(scale)) for scale in scales]
    at = int(np.argmin(errors))
    best = _least(levels, float(scales[max(at - 1, 0)]), float(scales[min(at + 1, len(scales) - 1)]))
    return GridFit(_gaussian_error(levels, best), best / largest)


def _gaussian_error(levels: NDArray[np.float64], scale: float) -> float:
    """Return the mean squared error of normal values at a scale: per cell, the moments of the normal distribution."""
    values = levels * scale
    edges = np.concatenate([[-np.inf], (values[1:] + values[:-1]) / 2, [np.inf]])
    below = np.array([0.5 * math.erfc(-edge / math.sqrt(2)) for edge in edges.tolist()])
    density = np.exp(-(edges**2) / 2) / math.sqrt(2 * math.pi)
    mass, first = np.diff(below), -np.diff(density)
    # Sum of E[x^2] - 2 v E[x] + v^2 over the cells; E[x^2] of all cells is 1.
    return float(1 + (values**2 * mass - 2 * values * first).sum())


def _least(levels: NDArray[np.float64], low: float, high: float) -> float:
    golden = (math.sqrt(5) - 1) / 2
    left, right = high - golden * (high - low), low + golden * (high - low)
    at_left, at_right = _gaussian_error(levels, left), _gaussian_error(levels, right)
    while high - low > 1e-9 * high:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - golden * (high - low)
            at_left = _gaussian_error(levels, left)
        else:
            low, left, at_left = left, right, at_right
            right = low + golden * (high - low)
            at_right = _gaussian_error(levels, right)
    return (low + high) / 2
