"""The front of all ways to choose one option per stage, with the choices.

A pipeline, a stack of layers or a pool of prefill and decode servers is a list of stages with a few options each. The
work is done by `paretoserve_core::pareto::compose`; here the arguments get their meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from paretoserve import _native
from paretoserve._names import one_of
from paretoserve.errors import DtypeError, ShapeError
from paretoserve.pareto._arguments import box_sizes, directions, listed, refuse_nan, thread_count
from paretoserve.pareto._points import as_points, is_matrix

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from paretoserve.pareto._arguments import Sense
    from paretoserve.pareto._points import PointsLike

    Operator: TypeAlias = Literal["sum", "max", "min", "product"]

__all__ = ["Composition", "compose", "minkowski"]


@dataclass(frozen=True, slots=True)
class Composition:
    """The front of the compositions, as `compose` returns it.

    Attributes
    ----------
    values : ndarray of float64, shape (m, d)
        Objectives of each composition, lexicographically best first.
    choices : ndarray of int64, shape (m, num_stages)
        The option that each takes of every stage.
    bound : ndarray of float64, shape (d,)
        Every composition is matched by a row that is at most this much worse, objective by objective; 0 if nothing was
        left out.
    eps_kind : {"add", "mult"}
        Whether `bound` is a difference or a factor less one.
    """

    values: NDArray[np.float64]
    choices: NDArray[np.int64]
    bound: NDArray[np.float64]
    eps_kind: str

    def __len__(self) -> int:
        """Return the number of compositions on the front."""
        return len(self.values)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "values": self.values.tolist(),
            "choices": self.choices.tolist(),
            "bound": self.bound.tolist(),
            "eps_kind": self.eps_kind,
        }


def compose(
    stages: Sequence[PointsLike],
    ops: Operator | Sequence[Operator] = "sum",
    *,
    sense: Sense | Sequence[Sense] = "min",
    eps: float | Sequence[float] | None = None,
    eps_kind: Literal["add", "mult"] = "add",
    limit: Sequence[float | None] | None = None,
    max_rows: int | None = None,
    threads: int | None = None,
) -> Composition:
    """Return the front of all ways to choose one option per stage.

    Parameters
    ----------
    stages : sequence of array_like, shapes (n_i, d)
        Options of each stage with their objectives, one row or more each. Not modified.
    ops : {"sum", "max", "min", "product"} or sequence of d of them, default "sum"
        How the values of the stages come together in each objective: costs and times in a row add up, a pipeline's
        throughput is the minimum, probabilities of success multiply.
    sense : {"min", "max"} or sequence of d of them, default "min"
        Direction per objective.
    eps : float or sequence of d floats, optional
        Loss allowed in all: every composition is matched by a returned one that is at most so much worse per objective.
        It is shared out evenly over the stages; the fewer rows are carried on, the faster it is.
    eps_kind : {"add", "mult"}, default "add"
        Whether a loss is a difference, or a factor less one (0.01: at most 1 % worse), which needs values that are not
        negative. A product takes relative losses only.
    limit : sequence of d floats or None, optional
        Worst value allowed per objective, that value included. Prefixes that no choice of the later stages brings back
        within the limit are dropped early. Together with a loss: a composition closer to the limit than the loss may
        go unmatched.
    max_rows : int, optional
        Carry on at most so many rows: after each stage the front is thinned with the least loss that suffices. `bound`
        says what that may have cost. No loss makes up for an infinity, and no factor for a 0: rows with these stay,
        however many they are.
    threads : int, optional
        Most threads to use; None decides by size. The result never depends on it.

    Returns
    -------
    composition : Composition
        `values`, `choices` and `bound`. Of compositions with equal values one stays. No row if none is within `limit`.

    Raises
    ------
    ShapeError
        If there is no stage, a stage has no row, or the number of objectives differs.
    DtypeError
        If a stage holds anything but real numbers.
    ValueError
        If a value is NaN, a product has a negative factor (it would turn the order round), infinities of both signs
        would be added or one multiplied by 0, or an argument is out of range.

    Notes
    -----
    Values are float64 and folded from left to right. Rounded sums, products, minima and maxima are monotone, so the
    rows are exactly the front of these folded values; another order of additions may differ in the last digit, and
    compositions whose exact sums are equal may both stay, a digit apart. Integers above 2^53 are rounded.

    Two objectives: lists merged by a heap, O((m + front) log n) per stage for a front of m rows and n options (Funke et
    al., arXiv 2409.10232). Others: the n m pairs are filtered in chunks. Thinning: Papadimitriou and Yannakakis, FOCS
    2000.

    Examples
    --------
    >>> prefill, decode = [[1, 9], [2, 5]], [[10, 1], [11, 0.5], [12, 2]]
    >>> result = compose([prefill, decode])
    >>> result.values
    array([[11. , 10. ],
           [12. ,  6. ],
           [13. ,  5.5]])
    >>> result.choices
    array([[0, 0],
           [1, 0],
           [1, 1]])
    >>> compose([prefill, decode], ["sum", "max"]).values
    array([[11.,  9.],
           [12.,  5.]])
    >>> compose([[[0.5], [0.9]], [[0.8]]], "product", sense="max").values
    array([[0.72]])
    >>> thinned = compose([prefill, decode], eps=1)
    >>> len(thinned), thinned.bound
    (1, array([1., 1.]))
    >>> len(compose([prefill, decode], eps=0.1, eps_kind="mult"))
    1
    >>> compose([prefill, decode], limit=[None, 6], threads=1).values
    array([[12. ,  6. ],
           [13. ,  5.5]])
    >>> len(compose([prefill, decode], max_rows=1))
    1
    """
    options = listed("stages", stages, "a sequence of tables")
    if not options:
        raise ShapeError("`stages` must have 1 stage or more, got none")
    tables = _tables("stages[{}]".format, options)
    d = tables[0].shape[1]
    maximize = directions(sense, d)
    one_of("eps_kind", eps_kind, ("add", "mult"))
    values, choices, bound = _native.pareto_compose(
        tables,
        _operators(ops, d),
        maximize,
        None if eps is None else box_sizes(eps, d),
        eps_kind == "mult",
        None if limit is None else _limits(limit, maximize),
        None if max_rows is None else _most(max_rows),
        thread_count(threads),
    )
    return Composition(
        np.frombuffer(values, dtype=np.float64).reshape(-1, d),
        np.frombuffer(choices, dtype=np.int64).reshape(-1, len(tables)),
        np.array(bound),
        eps_kind,
    )


def minkowski(
    a: PointsLike, b: PointsLike, *, sense: Sense | Sequence[Sense] = "min", threads: int | None = None
) -> Composition:
    """Return the Pareto sum of two sets: the front of all sums of a row of each.

    Parameters
    ----------
    a, b : array_like, shapes (n, d) and (m, d)
        Not modified.
    sense : {"min", "max"} or sequence of d of them, default "min"
        Direction per objective.
    threads : int, optional
        Most threads to use; the result never depends on it.

    Returns
    -------
    composition : Composition
        `values` and `choices`, the rows of `a` and of `b` that are added.

    Raises
    ------
    ShapeError, DtypeError, ValueError
        As for `compose`.

    Examples
    --------
    >>> minkowski([[0, 2], [1, 0]], [[0, 1], [5, 0]]).values
    array([[0., 3.],
           [1., 1.],
           [6., 0.]])
    """
    tables = _tables("ab".__getitem__, (a, b))
    for name, table in zip("ab", tables, strict=True):
        refuse_nan(name, table, ("row", "column"), "an option needs a value in every objective")
    return compose(tables, sense=sense, threads=threads)


def _tables(name: Callable[[int], str], stages: Sequence[PointsLike]) -> list[NDArray[np.float64]]:
    """Return the options of stages, all of the same objectives and none empty; `name` gives an argument its name."""
    tables = [
        # What `as_points` would find out about it takes longer than to fold in a few options.
        stage if is_matrix(stage) else as_points(name(place), stage).table()
        for place, stage in enumerate(stages)
    ]
    d = tables[0].shape[1]
    for place, table in enumerate(tables):
        if table.shape[1] != d or not len(table):
            raise ShapeError(f"`{name(place)}` must have 1 option or more of {d} objectives, got {table.shape}")
    return tables


def _operators(ops: Operator | Sequence[Operator], d: int) -> list[str]:
    if not isinstance(ops, str | Sequence):
        raise DtypeError(f"`ops` must be one operator or {d} of them, got {ops!r:.40}")
    names: list[str] = [ops] * d if isinstance(ops, str) else list(ops)
    if len(names) != d:
        raise ShapeError(f"`ops` must have {d} entries, one per objective, got {len(names)}")
    return [one_of("ops", name, ("sum", "max", "min", "product")) for name in names]


def _limits(limit: Sequence[float | None], maximize: list[bool]) -> list[float]:
    bounds = listed("limit", limit, "a sequence of numbers or None")
    if len(bounds) != len(maximize):
        raise ShapeError(f"`limit` must have {len(maximize)} entries, one per objective, got {len(bounds)}")
    open_ends = [-np.inf if each else np.inf for each in maximize]
    try:
        values = [end if bound is None else float(bound) for bound, end in zip(bounds, open_ends, strict=True)]
    except (TypeError, ValueError) as error:
        raise DtypeError(f"`limit` must be numbers or None, got {limit!r:.60}") from error
    if any(value != value for value in values):
        raise ValueError("`limit` must be free of NaN, got NaN\nhint: None leaves an objective unbounded")
    return values


def _most(max_rows: int) -> int:
    if isinstance(max_rows, bool) or not isinstance(max_rows, (int, np.integer)):
        raise TypeError(f"`max_rows` must be a whole number or None, got {max_rows!r:.40}")
    if max_rows < 1:
        raise ValueError(f"`max_rows` must be 1 or more, got {max_rows}")
    return min(int(max_rows), 1 << 62)
