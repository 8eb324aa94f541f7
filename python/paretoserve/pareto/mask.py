"""The points that no other point dominates.

A point dominates another when it is nowhere worse and somewhere better. The work is done by `paretoserve_core::pareto`;
here the arguments get their meaning and their messages.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve import _native
from paretoserve._names import one_of
from paretoserve.errors import DeviceError
from paretoserve.pareto._arguments import boxes, directions, taking_part, thread_count
from paretoserve.pareto._points import as_points, on_cuda

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from paretoserve.pareto._arguments import Bounds, Sense
    from paretoserve.pareto._metrics import MetricLike
    from paretoserve.pareto._points import Points, PointsLike

__all__ = ["best_first", "front", "marked_rows", "mask"]

# Rows that are looked at together where all of them together would take much memory.
_PART = 1 << 16


def mask(
    points: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    keep: Literal["all", "first", "last"] = "all",
    nan: Literal["raise", "drop", "worst"] = "raise",
    eps: float | Sequence[float] | None = None,
    eps_kind: Literal["add", "mult"] = "add",
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
        Thin the front: space is cut into boxes of this size per objective, and of each box that no other box dominates
        one row of the front stays, the lexicographically best one (and its equals, see `keep`). 0 leaves an objective
        as it is. See `cover` for the bound that was reached.
    eps_kind : {"add", "mult"}, default "add"
        "add" cuts at the multiples of `eps`: for each row some marked row is at most `eps` worse in every objective (up
        to the rounding of ``value / eps``). "mult" cuts at the powers of ``1 + eps``: at most by the factor
        ``1 + eps`` (up to a relative 1e-13); values must be positive, `eps` 0 or at least 1e-12. A tolerance between
        pairs of points is not offered: it is not transitive, so its result would depend on the order of the rows.
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
    Rows that a few strong rows dominate are dropped first, which leaves little where the front is small. Up to 2,048
    rows are compared with each other, 64 at a time, where coarse cells tell them apart. More take O(n log n) for d <= 3
    by sweeps (Kung, Luccio and Preparata 1975); above, rows in Z-order (Lee, Zheng, Li and Lee 2007) are tested against
    the front so far, 512 rows at a time, by sets of bits: at worst rows times front, 512 pairs at once. Memory: at
    most 12 bytes per value, next to nothing where the front is small; `groups`, `where` and rows with a NaN that is
    dropped take up to 8 bytes per row more, `groups` up to 32 MiB beside.

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
    >>> mask([[10.0, 90.0], [10.4, 80.0], [50.0, 1.0]], eps=0.25, eps_kind="mult")
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
    return marked_rows(
        as_points("points", points),
        sense,
        keep=keep,
        nan=nan,
        eps=eps,
        eps_kind=eps_kind,
        groups=groups,
        where=where,
        threads=threads,
    )[0]


def marked_rows(
    table: Points,
    sense: Any,
    *,
    keep: str,
    nan: str,
    eps: Any = None,
    eps_kind: str = "add",
    groups: Any = None,
    where: Any = None,
    threads: int | None = None,
) -> tuple[NDArray[np.bool_], int, int]:
    """Return the marks of `mask`, and how many rows took no part: because of a NaN, because of bounds."""
    out = np.zeros(table.n, dtype=np.bool_)
    missing, outside = _native.pareto_mask(
        out.view(np.uint8),
        table.native,
        directions(sense, table.d),
        one_of("keep", keep, ("all", "first", "last")),
        one_of("nan", nan, ("raise", "drop", "worst")),
        boxes(eps, eps_kind, table.d),
        *taking_part(table, groups, where),
        thread_count(threads),
    )
    return out, missing, outside


def front(
    points: PointsLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    metrics: MetricLike | Sequence[MetricLike] | None = None,
    keep: Literal["all", "first", "last"] = "all",
    nan: Literal["raise", "drop", "worst"] = "raise",
    eps: float | Sequence[float] | None = None,
    eps_kind: Literal["add", "mult"] = "add",
    groups: ArrayLike | None = None,
    where: Mapping[int, Bounds] | Sequence[Bounds | None] | None = None,
    threads: int | None = None,
) -> NDArray[np.int64]:
    """Return the indices of the points that no other point dominates, best first objective first.

    Parameters
    ----------
    points, sense, keep, nan, eps, eps_kind, groups, where, threads
        As for `mask`, which says what is raised, too.
    metrics : function, str, object with `name` and `sense`, or sequence of such, optional
        Columns of a table `points`, which know their better direction, as for `from_frame`; then `sense`, `groups` and
        `where` stay out, and `from_frame` has ``by=`` and ``where=`` by name.

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
    >>> from paretoserve.metrics.cost import cost_of_pass
    >>> front({"cost_of_pass": [0.4, 0.02, 0.05], "goodput_rps": [9, 5, 7]}, metrics=[cost_of_pass, "goodput_rps"])
    array([1, 2, 0])
    """
    if metrics is not None:
        if not (isinstance(sense, str) and sense == "min") or groups is not None or where is not None:
            hint = "from_frame(table, metrics=..., by=..., where=...) takes columns by name"
            raise ValueError(f"`sense`, `groups` and `where` must stay out beside `metrics`\nhint: {hint}")
        return _of_columns(points, metrics=metrics, keep=keep, nan=nan, eps=eps, eps_kind=eps_kind, threads=threads)
    if on_cuda(points):
        found: NDArray[np.int64] = _on_device("front", points, sense, keep, nan, eps, groups, where)
        return found
    table = as_points("points", points)
    marked, _, _ = marked_rows(
        table, sense, keep=keep, nan=nan, eps=eps, eps_kind=eps_kind, groups=groups, where=where, threads=threads
    )
    order = best_first(table.column(0)[marked], directions(sense, table.d)[0])
    indices = np.flatnonzero(marked)
    # Part by part in its own place: a front may be as long as the table.
    for start in range(0, len(order), _PART):
        order[start : start + _PART] = indices[order[start : start + _PART]]
    return order.astype(np.int64, copy=False)


def best_first(values: NDArray[Any], maximize: bool) -> NDArray[np.intp]:
    """Return the order of `values` from the best to the worst, stable; NaN comes last."""
    if maximize:
        # Inverted bits turn the order of integers round; the smallest one has no negative, and neither have unsigned.
        values = ~values if values.dtype.kind in "iub" else -values
    # Much faster than a stable sort, and as good without ties.
    order = np.argsort(values)
    return np.argsort(values, kind="stable") if _any_ties(values, order) else order


def _any_ties(values: NDArray[Any], order: NDArray[np.intp]) -> bool:
    """Tell whether two of the values are equal, or NaN."""
    for start in range(0, len(order) - 1, _PART):
        part = values[order[start : start + _PART + 1]]
        if ((part[1:] == part[:-1]) | (part[1:] != part[1:])).any():
            return True
    return False


def _of_columns(table: Any, **options: Any) -> NDArray[np.int64]:
    """Return the rows on the front of a table; `from_frame` is a module above this one."""
    rows: NDArray[np.int64] = (
        importlib.import_module("paretoserve.pareto.from_frame").from_frame(table, **options).indices
    )
    return rows


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
