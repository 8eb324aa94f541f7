"""The points that no other point dominates.

A point dominates another when it is nowhere worse and somewhere better. The work is done by `paretoserve_core::pareto`;
here the arguments get their meaning and their messages.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve import _native
from paretoserve.errors import DeviceError
from paretoserve.pareto._arguments import allowed_rows, box_sizes, directions, group_codes, one_of, thread_count
from paretoserve.pareto._points import as_points, on_cuda

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from paretoserve.pareto._arguments import Bounds, Sense

__all__ = ["front", "mask"]


def mask(
    points: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    keep: Literal["all", "first", "last"] = "all",
    nan: Literal["raise", "drop", "worst"] = "raise",
    eps: float | Sequence[float] | None = None,
    groups: ArrayLike | None = None,
    where: Mapping[int, Bounds] | Sequence[Bounds | None] | None = None,
    threads: int | None = None,
) -> NDArray[np.bool_]:
    """Mark the points that no other point dominates.

    Parameters
    ----------
    points : array_like, shape (n, d), any integer, float16/32/64, bfloat16 or bool dtype
        One row per point, one column per objective (1 or more); a list of arrays or a mapping to them holds columns,
        which may differ in dtype. A torch tensor on a CUDA device stays there, and so does the result. Compared in its
        own dtype, so that large integers stay exact. -0.0 equals 0.0; an infinity is a value like any other, beyond all
        finite ones. Not modified.
    sense : {"min", "max"} or sequence of d of them, default "min"
        Direction per objective.
    keep : {"all", "first", "last"}, default "all"
        Which of several equal rows is marked.
    nan : {"raise", "drop", "worst"}, default "raise"
        What a row with NaN does: it is an error; it takes no part (not marked, dominates nothing); or its NaN ranks
        after every number, in either direction, and equals other NaN.
    eps : float or sequence of d floats, optional
        Thin the front: space is cut into boxes of this size per objective (at multiples of `eps`), and of each box that
        no other box dominates one row of the front stays, the lexicographically best one (and its equals, see `keep`).
        No row beats the marked ones by more than `eps`: for each row some marked row is at most `eps` worse in every
        objective (up to the rounding of ``value / eps``). 0 leaves an objective as it is.
    groups : array_like, shape (n,), optional
        A label per row (numbers or strings, not missing); every group has its own front.
    where : mapping from objective index to (low, high), or sequence of d of (low, high) or None, optional
        Bounds, both inclusive, None for an open end. A row outside takes no part; a NaN is outside any bound. For
        floats a bound is rounded to the dtype of `points` first, so that 0.1 admits a float32 0.1.
    threads : int, optional
        Most threads to use; None decides by size. The result never depends on it.

    Returns
    -------
    mask : ndarray of bool, shape (n,)

    Raises
    ------
    ShapeError
        If `points` is not a matrix or an argument has not one entry per row or objective.
    DtypeError
        If `points` holds anything but real numbers of at most 64 bits.
    ValueError
        If there is a NaN under ``nan="raise"`` (row and column are named), or an option is out of range.

    Notes
    -----
    O(n log n) for d <= 3 by sweeps (Kung, Luccio and Preparata 1975); above, rows sorted by their sum of ranks are
    tested against the front so far: O(n d (log n + front)). A prefilter makes small fronts cheaper than that. Memory: 4
    bytes per row, and about 16 bytes per value and 16 per row of the rows that the prefilter leaves.

    Examples
    --------
    >>> import numpy as np
    >>> points = np.array([[0, 1], [1, 0], [1, 1], [0, 1]])
    >>> mask(points)
    array([ True,  True, False,  True])
    >>> mask(points, ["max", "min"])
    array([False,  True, False, False])
    >>> mask(points, keep="first")
    array([ True,  True, False, False])
    >>> mask([[0.0, np.nan], [1.0, 1.0], [2.0, 2.0]], nan="drop")
    array([False,  True, False])
    >>> mask([[0.0, 9.0], [0.2, 8.9], [5.0, 0.0]], eps=1)
    array([False,  True,  True])
    >>> mask(points, groups=["a", "a", "b", "b"])
    array([ True,  True, False,  True])
    >>> mask(points, where={0: (1, None)})
    array([False,  True, False, False])
    >>> mask(points, threads=1)
    array([ True,  True, False,  True])
    """
    if on_cuda(points):
        marks: NDArray[np.bool_] = _on_device("mask", points, sense, keep, nan, eps, groups, where)
        return marks
    table = as_points("points", points)
    n, d = table.n, table.d
    codes, num_groups = (None, 0) if groups is None else group_codes(groups, n)
    out = np.zeros(n, dtype=np.bool_)
    _native.pareto_mask(
        out.view(np.uint8),
        table.native,
        directions(sense, d),
        one_of("keep", keep, ("all", "first", "last")),
        one_of("nan", nan, ("raise", "drop", "worst")),
        None if eps is None else (box_sizes(eps, d), False),
        codes,
        num_groups,
        None if where is None else allowed_rows(where, table),
        thread_count(threads),
    )
    return out


def front(
    points: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    keep: Literal["all", "first", "last"] = "all",
    nan: Literal["raise", "drop", "worst"] = "raise",
    eps: float | Sequence[float] | None = None,
    groups: ArrayLike | None = None,
    where: Mapping[int, Bounds] | Sequence[Bounds | None] | None = None,
    threads: int | None = None,
) -> NDArray[np.int64]:
    """Return the indices of the points that no other point dominates, best first objective first.

    Parameters
    ----------
    points, sense, keep, nan, eps, groups, where, threads
        As for `mask`, which says what is raised, too.

    Returns
    -------
    indices : ndarray of int64, shape (m,)
        Sorted by the first objective, best first, then by index; a NaN there comes last.

    Notes
    -----
    The cost of `mask` plus sorting the front.

    Examples
    --------
    >>> front([[3, 0], [1, 1], [2, 2], [0, 3]])
    array([3, 1, 0])
    >>> front([[3, 0], [1, 1], [2, 2], [0, 3]], ["max", "min"])
    array([0])
    """
    if on_cuda(points):
        found: NDArray[np.int64] = _on_device("front", points, sense, keep, nan, eps, groups, where)
        return found
    marked = mask(points, sense, keep=keep, nan=nan, eps=eps, groups=groups, where=where, threads=threads)
    indices = np.flatnonzero(marked)
    values: NDArray[Any] = np.asarray(points)[indices, 0]
    # Dense ranks can be negated; the smallest integer and unsigned ones cannot.
    ranks = np.unique(values, return_inverse=True)[1]
    missing = np.isnan(values)
    order = -ranks if directions(sense, np.shape(points)[1])[0] else ranks
    return indices[np.lexsort((order, missing))].astype(np.int64, copy=False)


def _on_device(name: str, points: Any, sense: Any, keep: str, nan: str, eps: Any, groups: Any, where: Any) -> Any:
    """Call the function of this name for tensors on a CUDA device."""
    cuda = importlib.import_module("paretoserve.pareto._cuda")
    if eps is not None:
        raise DeviceError("`eps` must be None on a CUDA device\nhint: thin the front on the CPU, after points.cpu()")
    options = {
        "keep": one_of("keep", keep, ("all", "first", "last")),
        "nan": one_of("nan", nan, ("raise", "drop", "worst")),
        "groups": groups,
        "where": where,
    }
    return getattr(cuda, name)(points, sense, **options)
