"""Fronts of noisy points: how sure it is that each row is on the front.

The draws and their fronts are `paretoserve_core::pareto::noise`; here the arguments get their meaning.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve import _native
from paretoserve.pareto._arguments import group_codes
from paretoserve.pareto._draws import fraction, from_measurements, from_model, on_host

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import ArrayLike, NDArray

    from paretoserve.pareto._arguments import Sense
    from paretoserve.pareto._draws import Origin

__all__ = ["FrontProbability", "bootstrap", "front_probability"]


@dataclass(frozen=True, slots=True)
class FrontProbability:
    """How sure it is that each row is on the front.

    Arrays are torch tensors on the device of the points if these are on a CUDA device.

    Attributes
    ----------
    probability : ndarray of float64, shape (n,)
        Share of the draws on whose front the row is.
    standard_error : ndarray of float64, shape (n,)
        Of `probability` because of the finite number of draws, ``sqrt(p (1 - p) / num_samples)``. Where all draws agree
        it is 0; the true probability is then within ``3 / num_samples`` of it with 95 % confidence.
    level : float
        Probability from which a row counts as sure.
    num_samples : int
        Number of draws.
    """

    probability: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    level: float
    num_samples: int

    @property
    def surely_on(self) -> NDArray[np.bool_]:
        """Rows on the front with a probability of `level` or more, shape (n,)."""
        return self.probability >= self.level

    @property
    def surely_off(self) -> NDArray[np.bool_]:
        """Rows on the front with a probability of ``1 - level`` or less, shape (n,)."""
        return (self.probability <= 1 - self.level) & ~self.surely_on

    @property
    def open(self) -> NDArray[np.bool_]:
        """Rows that are neither, shape (n,)."""
        return ~(self.surely_on | self.surely_off)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, with a verdict per row."""
        pairs = zip(self.surely_on.tolist(), self.surely_off.tolist(), strict=True)
        return {
            "probability": self.probability.tolist(),
            "standard_error": self.standard_error.tolist(),
            "verdict": ["on" if on else "off" if off else "open" for on, off in pairs],
            "level": self.level,
            "num_samples": self.num_samples,
        }


def front_probability(
    samples: ArrayLike | None = None,
    *,
    mean: ArrayLike | None = None,
    cov: ArrayLike | None = None,
    std: ArrayLike | None = None,
    num_samples: int = 1000,
    seed: int = 0,
    sense: Sense | Sequence[Sense] = "min",
    level: float = 0.95,
    nan: Literal["raise", "drop", "worst"] = "raise",
    groups: ArrayLike | None = None,
    threads: int | None = None,
) -> FrontProbability:
    """Return how probable it is that each row is on the front.

    Parameters
    ----------
    samples : array_like, shape (B, n, d), optional
        B draws of all n rows: repeated runs, or draws of a model of your own. Not modified. A torch tensor on a CUDA
        device stays there, as does the result, which equals that of the CPU.
    mean : array_like, shape (n, d), optional
        Instead of `samples`: means of a normal model, rows independent of one another. With a torch tensor on a CUDA
        device, draws and fronts are made there, and other tensors must be there, too.
    cov : array_like, shape (n, d, d) or (d, d), optional
        Covariance of the objectives of each row or of all; may be singular.
    std : float or array_like, shape (d,) or (n, d), optional
        Instead of `cov`: standard deviations of independent objectives.
    num_samples : int, default 1000
        Draws of the normal model; ignored with `samples`.
    seed : int, default 0
        Key of the random numbers, 0 to 2^64 - 1.
    sense : {"min", "max"} or sequence of d of them, default "min"
        Direction per objective.
    level : float, default 0.95
        Probability from which a row is surely on the front; surely off is ``1 - level`` or less.
    nan : {"raise", "drop", "worst"}, default "raise"
        What a NaN among the samples does: it is an error; its row takes no part in that draw, which counts as a draw
        in which the row is not on the front; or it ranks after every number.
    groups : array_like, shape (n,), optional
        A label per row; every group has its own front.
    threads : int, optional
        Most threads to use; None decides by size. The result never depends on it.

    Returns
    -------
    result : FrontProbability
        `probability`, `standard_error`, and the rows that are `surely_on`, `surely_off` or `open`. Equal rows of a draw
        are all on its front or none.

    Raises
    ------
    ShapeError
        If a shape does not fit, or there is no draw or no objective.
    DtypeError
        If an array does not hold real numbers.
    DeviceError
        If tensors are on different devices.
    ValueError
        If a value is NaN (see `nan`) or out of range, `cov` is no covariance, or not exactly one model is given.

    Notes
    -----
    One call does all fronts, each at the cost of `mask`. Normal numbers are those of Box and Muller from Philox words
    keyed by seed, draw and element (Salmon et al. 2011), the same on every machine. Values are float64; an infinite
    mean stays infinite. From a CUDA device all but `samples` passes through the host, which checks it; the fronts there
    are O(B n^2 d), in 128 MiB at a time.

    Examples
    --------
    >>> result = front_probability([[[0, 1], [1, 0], [2, 2]], [[0, 1], [1, 2], [2, 0]]])
    >>> result.probability
    array([1. , 0.5, 0.5])
    >>> result.surely_on, result.open
    (array([ True, False, False]), array([False,  True,  True]))
    >>> mean = [[1.0, 1.0], [1.1, 1.2], [5.0, 5.0]]
    >>> front_probability(mean=mean, std=0.05).probability.round(1)
    array([1. , 0.1, 0. ])
    >>> front_probability(mean=mean, cov=[[0.01, 0], [0, 0.01]], num_samples=100, seed=1, level=0.9).surely_off
    array([False, False,  True])
    >>> front_probability(mean=mean, std=0.0, sense=["min", "max"]).probability
    array([1., 1., 1.])
    >>> front_probability(mean=mean, std=0.0, groups=["a", "a", "b"], threads=1).probability
    array([1., 0., 1.])
    >>> front_probability([[[0.0], [1.0]], [[float("nan")], [1.0]]], nan="drop").probability
    array([0.5, 0.5])
    """
    first = ("mean", mean) if samples is None else ("samples", samples)
    device, model = on_host(*first, mean=mean, cov=cov, std=std)
    origin = from_model(
        samples,
        **model,
        num_samples=num_samples,
        seed=seed,
        sense=sense,
        nan=nan,
        threads=threads,
        resident=device is not None,
    )
    return _probability(origin, level, groups, device)


def bootstrap(
    measurements: ArrayLike | Sequence[ArrayLike],
    *,
    offsets: ArrayLike | None = None,
    statistic: Literal["mean", "median"] | float = "mean",
    num_samples: int = 1000,
    seed: int = 0,
    sense: Sense | Sequence[Sense] = "min",
    level: float = 0.95,
    nan: Literal["raise", "drop"] = "raise",
    groups: ArrayLike | None = None,
    threads: int | None = None,
) -> FrontProbability:
    """Return how probable it is that each row is on the front, from repeated measurements of each.

    Parameters
    ----------
    measurements : sequence of n array_like of shapes (m_i, d), or array_like of shape (N, d) with `offsets`
        One measurement or more per row; their number may differ. The objectives of a measurement stay together. A row
        measured once does not vary, so its doubt is not seen. Not modified. With torch tensors on a CUDA device, draws
        and fronts are made there, equal to those of the CPU, and the result stays there.
    offsets : array_like of int, shape (n + 1,), optional
        Row i has measurements ``offsets[i]`` to ``offsets[i + 1]``.
    statistic : {"mean", "median"} or float, default "mean"
        What the value of a row is; a number is a quantile, 0.99 for p99, interpolated as by `numpy.quantile`.
    num_samples : int, default 1000
        How often the measurements are resampled.
    seed, sense, level, groups, threads
        As for `front_probability`.
    nan : {"raise", "drop"}, default "raise"
        Whether a measurement with NaN is an error or left out.

    Returns
    -------
    result : FrontProbability

    Raises
    ------
    ShapeError, DtypeError, DeviceError
        If `measurements` or `offsets` do not fit, or are on different devices.
    ValueError
        If a row has no measurement, a value is NaN, or an argument is out of range.

    Notes
    -----
    The bootstrap of Efron (1979): each draw takes as many measurements of a row, with replacement, as there are. All
    draws and fronts are one call. From a CUDA device the measurements pass through the host, which checks them: one
    tensor with `offsets` is faster than many.

    Examples
    --------
    >>> runs = [[[1.0, 5.0], [1.2, 5.1], [0.9, 4.8]], [[1.1, 4.9], [1.0, 5.2]], [[3.0, 9.0]]]
    >>> result = bootstrap(runs)
    >>> result.surely_off
    array([False, False,  True])
    >>> again = bootstrap([row for run in runs for row in run], offsets=[0, 3, 5, 6], threads=2)
    >>> bool((again.probability == result.probability).all())
    True
    >>> bootstrap(runs, statistic="median", num_samples=10, seed=3).num_samples
    10
    >>> bootstrap(runs, statistic=0.9, sense="max", level=0.9).surely_on
    array([False, False,  True])
    >>> bootstrap(runs, groups=[0, 0, 1]).surely_on[2].item()
    True
    >>> bootstrap([[[1.0], [float("nan")]], [[2.0]]], nan="drop").probability
    array([1., 0.])
    """
    device, arrays = on_host("measurements", measurements, measurements=measurements, offsets=offsets)
    origin = from_measurements(
        **arrays,
        statistic=statistic,
        num_samples=num_samples,
        seed=seed,
        sense=sense,
        nan=nan,
        threads=threads,
    )
    return _probability(origin, level, groups, device)


def _probability(
    origin: Origin, level: float, groups: ArrayLike | None, device: torch.device | None
) -> FrontProbability:
    sure = fraction("level", level)
    if sure <= 0.5:
        raise ValueError(f"`level` must be above 0.5, got {level}\nhint: 0.95 calls a row sure at 95 %")
    if device is not None:
        cuda = importlib.import_module("paretoserve.pareto._cuda")
        on_device, its_error = cuda.shares(origin, device, groups)
        return FrontProbability(on_device, its_error, sure, origin.num_draws)
    codes, num_groups = (None, 0) if groups is None else group_codes(groups, origin.num_rows)
    counts = np.zeros(origin.num_rows, dtype=np.int64)
    _native.pareto_membership(counts, origin, codes, num_groups)
    share = counts / origin.num_draws
    return FrontProbability(share, np.sqrt(share * (1 - share) / origin.num_draws), sure, origin.num_draws)
