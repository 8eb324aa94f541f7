"""Pairs of noisy points, and which measurement would tell most about the front."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve import _native
from paretoserve.errors import DtypeError, ShapeError
from paretoserve.pareto._arguments import plain_array
from paretoserve.pareto._draws import from_model, real_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from paretoserve.pareto._arguments import Sense

__all__ = ["Informative", "dominance_probability", "most_informative"]

# A larger block of pairs is asked for in parts.
MOST_PAIRS = 1 << 26


def dominance_probability(
    samples: ArrayLike | None = None,
    *,
    mean: ArrayLike | None = None,
    cov: ArrayLike | None = None,
    std: ArrayLike | None = None,
    rows: ArrayLike | None = None,
    others: ArrayLike | None = None,
    num_samples: int = 1000,
    seed: int = 0,
    sense: Sense | Sequence[Sense] = "min",
    nan: Literal["raise", "drop", "worst"] = "raise",
    threads: int | None = None,
) -> NDArray[np.float64]:
    """Return how probable it is that one row dominates another.

    Parameters
    ----------
    samples, mean, cov, std, num_samples, seed, sense, nan, threads
        As for `front_probability`. With `mean` and `std` nothing is drawn: the result is exact.
    rows, others : int or array_like of int, optional
        Indices of the rows that may dominate and of those that may be dominated; None for all. Take large tables in
        blocks of `rows`: at most 2^26 pairs at once.

    Returns
    -------
    probability : ndarray of float64, shape (len(rows), len(others))
        ``probability[i, j]``: that ``rows[i]`` dominates ``others[j]``; a whole number as index drops its axis. A row
        never dominates itself, nor an equal one.

    Raises
    ------
    ShapeError, DtypeError, ValueError
        As for `front_probability`; also if an index is out of range or there are too many pairs.

    Notes
    -----
    From draws O(B n_rows n_others d). For independent normal values the product over the objectives of
    ``Phi((mean_j - mean_i) / sqrt(std_i^2 + std_j^2))``, where equal values have probability 0 unless nothing varies
    there.

    Examples
    --------
    >>> mean = [[1.0, 1.0], [2.0, 2.0], [0.0, 9.0]]
    >>> dominance_probability(mean=mean, std=1.0).round(3)
    array([[0.   , 0.578, 0.24 ],
           [0.057, 0.   , 0.079],
           [0.   , 0.   , 0.   ]])
    >>> dominance_probability(mean=mean, std=0.0, rows=0, others=1).item()
    1.0
    >>> dominance_probability([[[0, 1], [1, 1]], [[2, 1], [1, 1]]], rows=0)
    array([0. , 0.5])
    """
    origin = from_model(
        samples, mean, cov, std, num_samples=num_samples, seed=seed, sense=sense, nan=nan, threads=threads
    )
    first, second = _indices("rows", rows, origin.num_rows), _indices("others", others, origin.num_rows)
    shape = (first.size, second.size)
    if shape[0] * shape[1] > MOST_PAIRS:
        raise ValueError(
            f"`rows` and `others` must be at most {MOST_PAIRS} pairs, got {shape[0]} x {shape[1]}\n"
            "hint: ask for blocks, for example rows=range(0, 1000)"
        )
    flat = np.ascontiguousarray(first).reshape(-1), np.ascontiguousarray(second).reshape(-1)
    out = np.zeros(shape)
    if origin.kind == "normal":
        assert origin.spread is not None
        _native.pareto_normal_dominance(out, origin.values, origin.spread, origin.maximize, *flat)
    else:
        counts = np.zeros(shape, dtype=np.int64)
        _native.pareto_dominance(counts, origin, *flat)
        out = counts / origin.num_draws
    result: NDArray[np.float64] = out.reshape(first.shape + second.shape)[()]
    return result


@dataclass(frozen=True, slots=True)
class Informative:
    """Which row's next measurement would tell most, as `most_informative` returns it.

    Attributes
    ----------
    rows : ndarray of int64, shape (n,)
        All rows, the most informative first, equal ones by index.
    gain : ndarray of float64, shape (n,)
        Per row (in the order of the table): how much of `doubt` one more measurement is expected to take away.
    doubt : float
        Sum over the rows of ``p (1 - p)``, p the probability to be on the front.
    probability : ndarray of float64, shape (n,)
        That probability.
    """

    rows: NDArray[np.int64]
    gain: NDArray[np.float64]
    doubt: float
    probability: NDArray[np.float64]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        arrays = {"rows": self.rows, "gain": self.gain, "probability": self.probability}
        return {name: array.tolist() for name, array in arrays.items()} | {"doubt": self.doubt}


def most_informative(
    samples: ArrayLike | None = None,
    *,
    mean: ArrayLike | None = None,
    cov: ArrayLike | None = None,
    std: ArrayLike | None = None,
    measured: ArrayLike = 1,
    num_samples: int = 1000,
    seed: int = 0,
    sense: Sense | Sequence[Sense] = "min",
    nan: Literal["raise", "drop", "worst"] = "raise",
    threads: int | None = None,
) -> Informative:
    """Say which row's next measurement would resolve most of the doubt about the front.

    Parameters
    ----------
    samples, mean, cov, std, num_samples, seed, sense, nan, threads
        As for `front_probability`; the draws are of what is not known about the rows' true values (for a mean of
        measurements: its standard error, not the spread of the measurements). ``nan="drop"`` and "worst" are refused
        where there are NaN: a value that is missing has no spread.
    measured : float or array_like, shape (n,), default 1
        How many measurements the draws of each row rest on: one more of the same kind then takes the share
        ``1 / (measured + 1)`` from the row's variance.

    Returns
    -------
    informative : Informative
        `rows` in order, `gain`, `doubt`.

    Raises
    ------
    ShapeError, DtypeError, ValueError
        As for `front_probability`; also if there are fewer than d + 3 draws.

    Notes
    -----
    The doubt is the sum of the variances of the memberships. What a row's value explains of it is estimated by linear
    regression of every membership on the row's objectives over the draws, less what regression explains by chance: the
    adjusted variance of Bayes linear statistics (Goldstein and Wooff, 2007), a lower estimate of the expected value of
    the measurement (Oakley and O'Hagan 2004). Rows that are on no front gain nothing. O(B n_front n d) for fronts of
    n_front rows.

    Examples
    --------
    >>> mean = [[1.0, 2.0], [2.0, 1.0], [2.02, 1.01], [9.0, 9.0]]
    >>> result = most_informative(mean=mean, std=[[0.1, 0.1], [0.01, 0.01], [0.1, 0.1], [0.1, 0.1]])
    >>> int(result.rows[0]), float(result.gain[3])
    (2, 0.0)
    >>> most_informative(mean=mean, std=0.1, measured=[1, 50, 1, 1], num_samples=500, seed=2).rows.tolist()[0]
    2
    """
    origin = from_model(
        samples, mean, cov, std, num_samples=num_samples, seed=seed, sense=sense, nan=nan, threads=threads
    )
    if origin.nan != "raise" and np.isnan(origin.values).any():
        raise ValueError(f"`samples` must be free of NaN here, got some with nan={nan!r}\nhint: leave such rows out")
    counted = real_array("measured", measured, (0, 1))
    if counted.shape not in ((), (origin.num_rows,)):
        raise ShapeError(f"`measured` must be one number or {origin.num_rows}, got shape {counted.shape}")
    gain = np.zeros(origin.num_rows)
    counts = np.zeros(origin.num_rows, dtype=np.int64)
    _native.pareto_informative(gain, counts, origin, np.ascontiguousarray(np.broadcast_to(counted, (origin.num_rows,))))
    share = counts / origin.num_draws
    return Informative(np.argsort(-gain, kind="stable"), gain, float((share * (1 - share)).sum()), share)


def _indices(argument: str, indices: ArrayLike | None, n: int) -> NDArray[np.uint32]:
    if indices is None:
        return np.arange(n, dtype=np.uint32)
    array = plain_array(argument, indices, "a whole number or a list of them")
    if array.ndim > 1:
        raise ShapeError(f"`{argument}` must be a whole number or a list of them, got shape {array.shape}")
    if array.size and array.dtype.kind not in "iu":
        raise DtypeError(f"`{argument}` must be whole numbers, got {array.dtype}")
    if array.size and not (array.min() >= 0 and array.max() < n):
        raise ValueError(f"`{argument}` must be from 0 to {n - 1}, got {array.min()} to {array.max()}")
    return array.astype(np.uint32)
