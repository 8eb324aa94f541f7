"""How well a set of points stands for a reference set: IGD and its relatives, epsilon, averaged Hausdorff.

All compute in float64, refuse infinities, and give the same for any number of threads. Objectives count as they are:
give both sets to `normalise` first where the units differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from paretoserve import _native
from paretoserve._names import one_of
from paretoserve.errors import ShapeError
from paretoserve.pareto._arguments import directions, thread_count
from paretoserve.pareto._values import float_rows, mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from paretoserve.pareto._arguments import Sense
    from paretoserve.pareto._values import NanOfRows

__all__ = ["epsilon", "gd", "gd_plus", "hausdorff", "igd", "igd_plus"]


def _mean_distance(
    sets: tuple[ArrayLike, ArrayLike],
    start: Literal["points", "reference"],
    distance: str,
    sense: Sense | Sequence[Sense],
    nan: NanOfRows,
    threads: int | None,
) -> float:
    """Return the mean distance of each row of one of two sets, points and reference, from the nearest of the other."""
    rows, reference = _both(*sets, nan)
    near, far = (reference, rows) if start == "points" else (rows, reference)
    maximize, threads = directions(sense, rows.shape[1]), thread_count(threads)
    if len(far) == 0:
        raise ShapeError(f"`{start}` must have 1 row or more, got none: a mean of no distances has no value")
    out = np.empty(len(far))
    _native.pareto_nearest(out, near, far, maximize, distance, threads)
    return mean(out)


def _both(points: ArrayLike, reference: ArrayLike, nan: NanOfRows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both sets as rows."""
    rows = float_rows("points", points, nan=nan).values
    return rows, float_rows("reference", reference, nan=nan, d=rows.shape[1]).values


def igd(
    points: ArrayLike,
    reference: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    nan: NanOfRows = "raise",
    threads: int | None = None,
) -> float:
    """Return the inverted generational distance: the mean distance from a reference to the nearest point.

    Parameters
    ----------
    points : array_like, shape (n, d), any integer, float16/32/64 or bool dtype
        The set to judge; dominated rows count, too. Integers above 2^53 are rounded. Not modified.
    reference : array_like, shape (m, d)
        What it should stand for, 1 row or more.
    sense : {"min", "max"} or sequence of d of them, default "min"
        Direction per objective. Checked only: a distance does not depend on it.
    nan : {"raise", "drop"}, default "raise"
        Whether a row with NaN, in either set, is an error or left out.
    threads : int, optional
        Most threads to use; None decides by size. The result never depends on it.

    Returns
    -------
    value : float
        0 or more, less is better; infinity when there is no point.

    Raises
    ------
    ShapeError, DtypeError
        As for `mask`; or if the sets differ in objectives or the reference set is empty.
    ValueError
        If there is an infinity, or NaN under ``nan="raise"``.

    Notes
    -----
    The plain mean of Euclidean distances (power 1), as in moocore and pymoo, not the root of a mean of squares of Van
    Veldhuizen (1999). O(n log n + n m d) at worst; among leaves of a k-d tree, so much less for few objectives.
    IGD is not compliant with dominance: a set may get better by a dominated point; `igd_plus` is weakly so.

    Examples
    --------
    >>> igd([[1, 3], [3, 1]], [[0, 3], [3, 1]])
    0.5
    >>> igd([[1, 3], [3, 1]], [[0, 3], [3, 1]], "max")
    0.5
    >>> igd([[1, 3], [3, np.nan]], [[0, 3], [1, 3]], nan="drop")
    0.5
    >>> igd([[1, 3]], [[1, 3]], threads=1)
    0.0
    """
    return _mean_distance((points, reference), "reference", "euclidean", sense, nan, threads)


def igd_plus(
    points: ArrayLike,
    reference: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    nan: NanOfRows = "raise",
    threads: int | None = None,
) -> float:
    """Return IGD+: as `igd`, but a point that is better than a reference in an objective is not distant in it.

    Parameters
    ----------
    points, reference, sense, nan, threads
        As for `igd`; here the directions count.

    Returns
    -------
    value : float
        0 or more, less is better; 0 if every reference has a point that is nowhere worse; infinity without points.

    Raises
    ------
    ShapeError, DtypeError, ValueError
        As for `igd`.

    Notes
    -----
    Ishibuchi, Masuda, Tanigaki and Nojima (2015); weakly compliant with dominance. Cost as for `igd`.

    Examples
    --------
    >>> igd_plus([[1, 3], [3, 1]], [[0, 4], [3, 1]])
    0.5
    >>> igd_plus([[1, 3]], [[0, 4]], ["min", "max"]) == 2 ** 0.5
    True
    >>> igd_plus([[1, np.nan], [3, 1]], [[3, 0]], nan="drop")
    1.0
    >>> igd_plus([[1, 3]], [[2, 3]], threads=2)
    0.0
    """
    return _mean_distance((points, reference), "reference", "worse", sense, nan, threads)


def gd(
    points: ArrayLike,
    reference: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    nan: NanOfRows = "raise",
    threads: int | None = None,
) -> float:
    """Return the generational distance: the mean distance from a point to the nearest reference.

    Parameters
    ----------
    points, reference, sense, nan, threads
        As for `igd`. Here `points` must have a row; without references every distance is infinite.

    Returns
    -------
    value : float
        0 or more, less is better.

    Raises
    ------
    ShapeError, DtypeError, ValueError
        As for `igd`.

    Notes
    -----
    The plain mean (power 1), as in pymoo. Says nothing of how much of the reference set is missed. Cost as for `igd`.

    Examples
    --------
    >>> gd([[1, 3], [3, 1]], [[0, 3], [3, 1]])
    0.5
    >>> gd([[1, 3]], [[1, 1]], "max", threads=1)
    2.0
    >>> gd([[1, 3], [np.nan, 1]], [[0, 3]], nan="drop")
    1.0
    """
    return _mean_distance((points, reference), "points", "euclidean", sense, nan, threads)


def gd_plus(
    points: ArrayLike,
    reference: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    nan: NanOfRows = "raise",
    threads: int | None = None,
) -> float:
    """Return GD+: as `gd`, but a point that is better than a reference in an objective is not distant in it.

    Parameters
    ----------
    points, reference, sense, nan, threads
        As for `gd`; here the directions count.

    Returns
    -------
    value : float
        0 or more, less is better; 0 if every point is nowhere worse than some reference.

    Raises
    ------
    ShapeError, DtypeError, ValueError
        As for `gd`.

    Notes
    -----
    Ishibuchi, Masuda, Tanigaki and Nojima (2015). Cost as for `igd`.

    Examples
    --------
    >>> gd_plus([[1, 3], [3, 1]], [[0, 4], [3, 1]])
    0.5
    >>> gd_plus([[1, 3]], [[2, 3]], "max", threads=1)
    1.0
    >>> gd_plus([[1, 3], [np.nan, 1]], [[0, 3]], nan="drop")
    1.0
    """
    return _mean_distance((points, reference), "points", "better", sense, nan, threads)


def hausdorff(
    points: ArrayLike,
    reference: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    nan: NanOfRows = "raise",
    threads: int | None = None,
) -> float:
    """Return the averaged Hausdorff distance: the larger of `gd` and `igd`.

    Parameters
    ----------
    points, reference, sense, nan, threads
        As for `igd`; both sets must have a row.

    Returns
    -------
    value : float
        0 or more, less is better.

    Raises
    ------
    ShapeError, DtypeError, ValueError
        As for `igd`.

    Notes
    -----
    Schütze, Esquivel, Lara and Coello (2012) with power 1, as `avg_hausdorff_dist` of moocore. Cost: twice `igd`.

    Examples
    --------
    >>> hausdorff([[1, 3], [3, 1]], [[0, 3], [3, 1]])
    0.5
    >>> hausdorff([[1, 3]], [[1, 1], [1, 3]], "max", nan="drop", threads=1)
    1.0
    """
    return max(
        gd(points, reference, sense, nan=nan, threads=threads), igd(points, reference, sense, nan=nan, threads=threads)
    )


def epsilon(
    points: ArrayLike,
    reference: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    kind: Literal["add", "mult"] = "add",
    nan: NanOfRows = "raise",
    threads: int | None = None,
) -> float:
    """Return the epsilon indicator: how much better all points must become so that no reference is beaten by nothing.

    Parameters
    ----------
    points, reference, sense, nan, threads
        As for `igd`; here the directions count.
    kind : {"add", "mult"}, default "add"
        Whether every objective of the points is shifted by epsilon, or divided (multiplied where larger is better) by
        it. With "mult" all numbers must be positive.

    Returns
    -------
    value : float
        Less is better. At most 0 ("add") or 1 ("mult") if every reference has a point that is nowhere worse; infinity
        without points.

    Raises
    ------
    ShapeError, DtypeError, ValueError
        As for `igd`; ValueError also for a number that is not positive under ``kind="mult"``.

    Notes
    -----
    Zitzler, Thiele, Laumanns, Fonseca and Grunert da Fonseca (2003): the largest over references of the least over
    points of the largest difference (ratio) over objectives. O(n m d) at worst; a search ends once its outcome cannot
    matter.

    Examples
    --------
    >>> epsilon([[1, 3], [3, 1]], [[0, 3], [3, 1]])
    1.0
    >>> epsilon([[2, 3]], [[1, 6]], ["min", "max"], kind="mult")
    2.0
    >>> epsilon([[1, 3], [np.nan, 0]], [[0, 3]], nan="drop", threads=1)
    1.0
    """
    multiplicative = one_of("kind", kind, ("add", "mult")) == "mult"
    rows, references = _both(points, reference, nan)
    maximize = directions(sense, rows.shape[1])
    if len(references) == 0:
        raise ShapeError("`reference` must have 1 row or more, got none")
    if multiplicative:
        for name, values in (("points", rows), ("reference", references)):
            if not (values > 0).all():
                row, column = np.argwhere(values <= 0)[0]
                raise ValueError(
                    f'`{name}` must be positive under kind="mult", got {values[row, column]} in row {row}, '
                    f"column {column} of its rows without NaN"
                )
    return _native.pareto_epsilon(rows, references, maximize, multiplicative, thread_count(threads))
