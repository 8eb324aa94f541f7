"""How much of space a set of points dominates."""

from __future__ import annotations

import importlib
import warnings
from typing import TYPE_CHECKING, Any, Literal

from paretoserve import _native
from paretoserve._names import one_of
from paretoserve.errors import DeviceError
from paretoserve.pareto._arguments import real_number, seed_number
from paretoserve.pareto._points import on_cuda
from paretoserve.pareto._volumes import matrix, settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from paretoserve.pareto._arguments import Sense
    from paretoserve.pareto._points import PointsLike
    from paretoserve.pareto._volumes import NanPolicy

__all__ = ["Hypervolume", "hypervolume"]


class Hypervolume(float):
    """A volume: a float in every respect, which also says how it came about.

    Attributes
    ----------
    num_outside : int
        Points that are not better than the reference in every objective; they add nothing.
    method : {"exact", "approx"}
        How it was computed.
    rel_err : float
        Half the width of its confidence interval, relative to it; 0 if it is exact up to rounding.

    Examples
    --------
    >>> volume = hypervolume([[1, 1], [9, 0]], ref=[3, 3])
    >>> volume / 2, volume.num_outside
    (2.0, 1)
    >>> volume
    Hypervolume(4.0, num_outside=1, method='exact', rel_err=0.0)
    """

    __slots__ = ("method", "num_outside", "rel_err")

    method: str
    num_outside: int
    rel_err: float

    def __new__(cls, value: float, num_outside: int = 0, method: str = "exact", rel_err: float = 0.0) -> Hypervolume:
        """Attach to `value` how it came about."""
        self = super().__new__(cls, value)
        self.num_outside = num_outside
        self.method = method
        self.rel_err = rel_err
        return self

    def __getnewargs__(self) -> tuple[Any, ...]:
        return float(self), self.num_outside, self.method, self.rel_err

    def __repr__(self) -> str:
        named = ", ".join(f"{name}={value!r}" for name, value in list(self.to_dict().items())[1:])
        return f"Hypervolume({float(self)!r}, {named})"

    __str__ = float.__repr__

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "value": float(self),
            "num_outside": self.num_outside,
            "method": self.method,
            "rel_err": self.rel_err,
        }


def hypervolume(
    points: PointsLike,
    ref: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    method: Literal["auto", "exact", "approx"] = "auto",
    rel_err: float | None = None,
    seed: int = 0,
    nan: NanPolicy = "raise",
    threads: int | None = None,
) -> Hypervolume:
    """Return the volume of the space between the points and a reference that some point dominates.

    Parameters
    ----------
    points : array_like, shape (n, d), any integer, float16/32/64 or bool dtype
        One row per point, one column per objective (1 or more). Computed in float64, to which integers above 2^53 are
        rounded. Dominated points and duplicates change nothing. Not modified. On a CUDA device there is
        ``method="approx"`` only, with the number that it has on the CPU; the call waits for the device.
    ref : float or array_like of shape (d,)
        The reference point, worse than what counts. A point that is not better than it in every objective, also one
        that is equal in one, adds nothing and is counted in `num_outside`. With an infinite objective the volume of any
        point inside is infinite.
    sense : {"min", "max"} or sequence of d of them, default "min"
        Direction per objective; it holds for `ref`, too.
    method : {"auto", "exact", "approx"}, default "auto"
        Exactly; by sampling; or exactly unless that may take more than about a second of a core, which is from 5
        objectives on (20,000 points on the front for 5, 4,000 for 6, 400 for 8, 120 for 10, 60 for 12, 20 beyond 20).
        The result says which it was.
    rel_err : float, optional
        Relative error at which sampling stops, 1e-3 by default: half the width of the 99.9 % confidence interval. Not
        for ``method="exact"``.
    seed : int, default 0
        Seed of the sampling, from 0 to 2^64 - 1; the same seed gives the same result.
    nan : {"raise", "drop"}, default "raise"
        What a row with NaN does: it is an error, or it takes no part and is not counted.
    threads : int, optional
        Most threads to use; None decides by size. The result never depends on it.

    Returns
    -------
    volume : Hypervolume
        A float with `num_outside`, `method` and `rel_err`. 0 without points.

    Raises
    ------
    ShapeError
        If `points` is not a matrix or `ref` or `sense` has not one entry per objective.
    DtypeError
        If `points` or `ref` holds anything but real numbers.
    DeviceError
        If `points` are on a CUDA device and `method` is not "approx".
    ValueError
        If there is a NaN in `ref`, or in `points` under ``nan="raise"`` (row and column are named), or an option is out
        of range.

    Warns
    -----
    RuntimeWarning
        If about 10^7 samples per objective do not reach `rel_err`; the result has the error that they do reach.

    Notes
    -----
    Objectives are first scaled by powers of two, exactly, so that values of any size neither overflow nor vanish unless
    the volume itself does. The points are sorted first, so their order does not matter, to the last bit.

    O(n log n) for d <= 3 by sweeps (Beume et al. 2009). Above, the points are sliced along one objective and what each
    adds to its slice is computed with one objective less (WFG: While, Bradstreet and Barone 2012; boxes bounded by
    single points as in Guerreiro and Fonseca 2018): about n^2 for d = 4, exponential in d. With all points on the
    front, 500 points take about 10 ms of two cores for d = 6 and a second for d = 8. It can be interrupted.

    Sampling integrates the d-th power of how far rays from `ref` stay inside, as Deng and Zhang (2019), here over the
    faces of the box that the points span, with 16 randomly shifted lattices per face. O(n d) per ray, in float32 with
    its error counted in. Rays rarely meet points that are each thin in some objective by many orders of magnitude;
    `rel_err` then stays large.

    Examples
    --------
    >>> float(hypervolume([[1, 2], [2, 1]], ref=[3, 3]))
    3.0
    >>> float(hypervolume([[1, 2], [2, 1]], ref=0, sense="max"))
    3.0
    >>> float(hypervolume([[1, 2], [2, 1]], ref=[0, 4], sense=["max", "min"]))
    6.0
    >>> hypervolume([[1, 2], [float("nan"), 1], [5, 1]], ref=[3, 3], nan="drop", threads=1)
    Hypervolume(2.0, num_outside=1, method='exact', rel_err=0.0)
    >>> volume = hypervolume([[1, 2, 1], [2, 1, 1]], ref=[3, 3, 3], method="approx", rel_err=1e-2, seed=1)
    >>> volume.method, abs(volume - 6) <= 6 * volume.rel_err, volume.rel_err <= 1e-2
    ('approx', True, True)
    """
    one_of("method", method, ("auto", "exact", "approx"))
    if rel_err is not None and method == "exact":
        raise ValueError(f'`rel_err` must be left out with method="exact", got {rel_err!r}')
    error = 1e-3 if rel_err is None else real_number("rel_err", rel_err)
    if on_cuda(points):
        if method != "approx":
            hint = "hint: for the exact volume pass points.cpu()"
            raise DeviceError(f'`method` must be "approx" on a CUDA device, got {method!r}\n{hint}')
        cuda = importlib.import_module("paretoserve.pareto._cuda")
        found = cuda.hypervolume(points, ref, sense, rel_err=error, seed=seed_number(seed), nan=nan)
    else:
        rows = matrix("points", points)
        given = settings(rows.shape[1], ref, sense, nan, threads)
        found = _native.pareto_hypervolume(rows, method, error, seed_number(seed), given)
    value, num_outside, is_exact, reached = found
    if reached > error:
        warnings.warn(f"`rel_err` of {error:g} was not reached, only {reached:.2g}", RuntimeWarning, stacklevel=2)
    return Hypervolume(value, num_outside, "exact" if is_exact else "approx", reached)
