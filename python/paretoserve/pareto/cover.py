"""A few points that stand for all: a front thinned by a grid of boxes, with the bound that it really keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve import _native
from paretoserve._names import one_of
from paretoserve.pareto._arguments import boxes, directions, thread_count
from paretoserve.pareto._points import as_points
from paretoserve.pareto._values import refuse_missing
from paretoserve.pareto.mask import best_first, marked_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from paretoserve.pareto._arguments import Bounds, Sense
    from paretoserve.pareto._points import PointsLike

__all__ = ["Cover", "cover"]


@dataclass(frozen=True, slots=True)
class Cover:
    """Points that stand for all others within a bound.

    Attributes
    ----------
    indices : ndarray of int64, shape (m,)
        The points that were kept, sorted by the first objective, best first.
    bound : ndarray of float64, shape (d,)
        What was reached: for every row that takes part, some kept point is worse by at most this much per objective
        (``kind="add"``), or at most by the factor ``1 + bound`` (``kind="mult"``). The smallest multiple of `eps` of
        which that is true, so never above `eps` but for rounding.
    eps : ndarray of float64, shape (d,)
        What was asked for.
    kind : {"add", "mult"}
        How boxes grow.
    num_front : int
        Distinct points on the front, of which the kept ones are a part.
    num_missing, num_outside : int
        Rows that took no part: because of a NaN under ``nan="drop"``, because of `where`.
    """

    indices: NDArray[np.int64]
    bound: NDArray[np.float64]
    eps: NDArray[np.float64]
    kind: str
    num_front: int
    num_missing: int
    num_outside: int


def cover(
    points: PointsLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    eps: float | Sequence[float],
    eps_kind: Literal["add", "mult"] = "add",
    nan: Literal["raise", "drop"] = "raise",
    where: Mapping[int, Bounds] | Sequence[Bounds | None] | None = None,
    threads: int | None = None,
) -> Cover:
    """Thin a front to a few points, none of the others being better by more than a bound.

    Parameters
    ----------
    points, sense, where, threads
        As for `mask`.
    eps : float or sequence of d floats
        Sizes of boxes, see `mask`. 0 leaves an objective as it is.
    eps_kind : {"add", "mult"}, default "add"
        Whether boxes begin at the multiples of `eps` or at the powers of ``1 + eps``, see `mask`.
    nan : {"raise", "drop"}, default "raise"
        What a row with NaN does: it is an error, or it takes no part and is counted.

    Returns
    -------
    cover : Cover
        The indices that were kept and the bound that they keep. Of equal points the first is kept.

    Raises
    ------
    ShapeError, DtypeError, ValueError
        As for `mask`; a tolerance between pairs of points, which is not transitive, is refused.

    Notes
    -----
    The epsilon-Pareto set of Laumanns, Thiele, Deb and Zitzler (2002): of each box that no other box dominates, the
    lexicographically best point. The bound is computed in float64, at worst in (front times kept times d) steps; one
    kept point per row is usually enough to see that no other does better.

    Examples
    --------
    >>> import numpy as np
    >>> points = np.array([[0.0, 9.0], [0.2, 8.5], [0.9, 8.1], [5.0, 0.0]])
    >>> thin = cover(points, eps=1)
    >>> thin.indices, thin.bound
    (array([1, 3]), array([0.4, 0.4]))
    >>> cover(points[1:], eps=0.5, eps_kind="mult").indices
    Traceback (most recent call last):
    ...
    ValueError: `points` must be positive for eps_kind="mult", got 0 in row 2, column 1
    hint: eps_kind="add" takes any value, and a size of 0 leaves an objective as it is
    >>> cover([[1.0, np.nan], [2.0, 3.0]], eps=1, nan="drop").num_missing
    1
    >>> cover(points, eps=1, where={0: (0.1, None)}).num_outside
    1
    >>> cover(points, "max", eps=[0, 1], threads=1).indices
    array([3, 2, 0])
    """
    one_of("nan", nan, ("raise", "drop"))
    table = as_points("points", points)
    maximize = directions(sense, table.d)
    sizes, multiply = boxes(eps, eps_kind, table.d) or ([0.0] * table.d, False)
    options: dict[str, Any] = {"keep": "first", "nan": "drop", "where": where, "threads": threads}
    kept, missing, outside = marked_rows(table, sense, eps=sizes, eps_kind=eps_kind, **options)
    if nan == "raise":
        # Also in a row that the bounds cut.
        refuse_missing("points", table)
    front = np.flatnonzero(marked_rows(table, sense, **options)[0])
    indices = np.flatnonzero(kept)
    indices = indices[best_first(table.column(0)[indices], maximize[0])].astype(np.int64, copy=False)
    share = _native.pareto_cover_share(
        table.rows(front), table.rows(indices), maximize, sizes, multiply, thread_count(threads)
    )
    asked = np.array(sizes)
    return Cover(indices, share * asked, asked, eps_kind, len(front), missing, outside)
