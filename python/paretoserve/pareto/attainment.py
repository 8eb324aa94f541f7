"""Repeated runs: which outcomes at least so many of them reach, and how many reach a given outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve import _native
from paretoserve.errors import DtypeError, ShapeError
from paretoserve.pareto._arguments import directions, listed
from paretoserve.pareto._points import as_points
from paretoserve.pareto._values import float_rows
from paretoserve.pareto.quality import covered

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from paretoserve.pareto._arguments import Sense
    from paretoserve.pareto._values import NanOfRows

__all__ = ["attained", "attainment"]


def attainment(
    sets: Sequence[ArrayLike],
    levels: int | float | Sequence[int] | Sequence[float] = 0.5,
    sense: Sense | Sequence[Sense] = "min",
    *,
    nan: NanOfRows = "raise",
) -> list[NDArray[np.float64]]:
    """Return the empirical attainment surfaces of repeated runs: what at least so many of them reach.

    Parameters
    ----------
    sets : sequence of array_like, shape (n_i, d) each
        The points of each run, d of 1 to 3; a run without points reaches nothing. Integers above 2^53 are rounded. Not
        modified.
    levels : int, float, or sequence of them, default 0.5
        Whole numbers count runs, from 1 (what the best run reaches) to their number (what all do). Fractions, above 0
        up to 1.0, are rounded up to a number of runs: 0.5 is the median.
    sense : {"min", "max"} or sequence of d of them, default "min"
        Direction per objective.
    nan : {"raise", "drop"}, default "raise"
        Whether a row with NaN is an error or left out.

    Returns
    -------
    surfaces : list of ndarray of float64, shape (m, d) each
        One per level: the points that as many runs reach together, none of which another one dominates; sorted by the
        first objective, then the second, best first. Empty if fewer runs have points.

    Raises
    ------
    ShapeError, DtypeError
        As for `mask` of each set; or if the sets differ in objectives, or there are none.
    ValueError
        If there are more than 3 objectives, a level is out of range, there is an infinity, or NaN under
        ``nan="raise"``.

    Notes
    -----
    Grunert da Fonseca, Fonseca and Hall (2001); as `eaf` of moocore, whose percentile p is our level p / 100. n points
    of r runs in two objectives take O(n log n + n (r + levels)); in three that much again for each point that is new to
    its run, over the points on the runs' staircases. Beyond three objectives surfaces have too many points to be of
    use: `attained` tells how many runs reach a given outcome in any number of them.

    Examples
    --------
    >>> runs = [[[0, 2], [2, 0]], [[1, 1]]]
    >>> attainment(runs, 1)[0]
    array([[0., 2.],
           [1., 1.],
           [2., 0.]])
    >>> attainment(runs, [0.5, 1.0], ["min", "max"])[1]
    array([[1., 1.]])
    >>> attainment([[[1, 2]], [[3, np.nan]]], 2, nan="drop")[0].shape
    (0, 2)
    """
    sets = _runs(sets)
    d = as_points("sets[0]", sets[0]).d
    if d > 3:
        raise ValueError(
            f"`sets` must have at most 3 objectives, got {d}\n"
            "hint: `attained` tells how many runs reach given outcomes in any number of objectives"
        )
    signs = np.where(directions(sense, d), -1.0, 1.0)
    rows = [float_rows(f"sets[{index}]", each, nan=nan, d=d).values * signs + 0.0 for index, each in enumerate(sets)]
    runs = np.repeat(np.arange(len(rows), dtype=np.uint32), [len(each) for each in rows])
    wanted: Any = [levels] if np.isscalar(levels) else listed("levels", levels, "numbers of runs or fractions")
    counts = [_count(level, len(rows)) for level in wanted]
    found = _native.pareto_attainment(np.ascontiguousarray(np.vstack(rows)), runs, d, len(rows), counts)
    surfaces = [np.frombuffer(each, dtype=np.float64).reshape(-1, d) for each in found]
    return [each[np.lexsort(each.T[::-1])] * signs + 0.0 for each in surfaces]


def _runs(sets: Sequence[ArrayLike]) -> list[ArrayLike]:
    runs = listed("sets", sets, "a sequence of runs, each of shape (n, d)")
    if not runs:
        raise ShapeError("`sets` must have 1 run or more, got none")
    return runs


def _count(level: int | float, num_runs: int) -> int:
    """Return a level as a number of runs."""
    if isinstance(level, bool) or not isinstance(level, (int, float, np.integer, np.floating)):
        raise DtypeError(f"`levels` must be numbers of runs or fractions, got {level!r}")
    if isinstance(level, (int, np.integer)):
        if not 1 <= level <= num_runs:
            raise ValueError(f"`levels` must be from 1 to {num_runs}, the number of runs, got {level}")
        return int(level)
    if not 0 < level <= 1:
        raise ValueError(f"`levels` must be above 0 and at most 1.0 as fractions, got {level}")
    # A product like 0.07 * 100 is a hair too large.
    return max(1, int(np.ceil(float(level) * num_runs * (1 - 1e-12))))


def attained(
    sets: Sequence[ArrayLike],
    at: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    nan: NanOfRows = "raise",
    threads: int | None = None,
) -> NDArray[np.float64]:
    """Return the share of runs that reach given outcomes: the empirical attainment function.

    The difference of two algorithms is ``attained(a, at) - attained(b, at)``; the points of both their surfaces are
    good places to ask.

    Parameters
    ----------
    sets : sequence of array_like, shape (n_i, d) each
        The points of each run, any d of 1 or more.
    at : array_like, shape (k, d)
        Outcomes. A run reaches one if some point of it is nowhere worse; compared exactly, whatever the dtypes.
    sense : {"min", "max"} or sequence of d of them, default "min"
        Direction per objective.
    nan : {"raise", "drop"}, default "raise"
        Whether a row with NaN in a run is an error or left out; in `at` it is an error.
    threads : int, optional
        Most threads to use; None decides by size. The result never depends on it.

    Returns
    -------
    shares : ndarray of float64, shape (k,)
        From 0 to 1.

    Raises
    ------
    ShapeError, DtypeError
        As for `mask` of each set; or if the sets differ in objectives, or there are none.
    ValueError
        If there is NaN under ``nan="raise"``.

    Notes
    -----
    The cost of `coverage` for each run.

    Examples
    --------
    >>> runs = [[[0, 2], [2, 0]], [[1, 1]]]
    >>> attained(runs, [[1, 1], [1, 2], [0, 0]])
    array([0.5, 1. , 0. ])
    >>> attained(runs, [[1, 2]]) - attained([[[1, 3]]], [[1, 2]], threads=1)
    array([1.])
    >>> attained([[[1, 1], [np.nan, 2]]], [[0, 0]], "max", nan="drop")
    array([1.])
    """
    sets = _runs(sets)
    places = as_points("at", at)
    maximize = directions(sense, places.d)
    counts = np.zeros(places.n, dtype=np.int64)
    for index, each in enumerate(sets):
        run = as_points(f"sets[{index}]", each)
        counts += covered((f"sets[{index}]", run, nan), ("at", places, "raise"), maximize, threads)
    return counts / len(sets)
