"""What the functions around the hypervolume share: their arguments as the native module takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from paretoserve._names import one_of
from paretoserve.errors import ShapeError
from paretoserve.pareto._arguments import directions, real_numbers, thread_count
from paretoserve.pareto._points import as_points, is_matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from paretoserve.pareto._arguments import Sense
    from paretoserve.pareto._points import PointsLike

__all__ = ["NanPolicy", "matrix", "settings"]

NanPolicy: TypeAlias = Literal["raise", "drop"]


def matrix(argument: str, points: PointsLike, d: int | None = None) -> NDArray[np.float64]:
    """Return `points` as a C-order float64 matrix, not copied if it is one, of `d` objectives if given."""
    if is_matrix(points) and d in (None, points.shape[1]):
        return points
    table = as_points(argument, points)
    if d is not None and table.d != d:
        raise ShapeError(f"`{argument}` must have shape (n, {d}), one column per objective, got {(table.n, table.d)}")
    return table.table()


def reference_point(ref: ArrayLike, d: int) -> list[float]:
    """Return one value per objective; NaN is left to the native module."""
    values = real_numbers("ref", ref, f"a number or {d} of them")
    if values.shape not in ((), (d,)):
        raise ShapeError(f"`ref` must be one number or {d}, one per objective, got shape {values.shape}")
    reference: float | list[float] = values.tolist()
    return reference if isinstance(reference, list) else [reference] * d


def settings(
    d: int, ref: ArrayLike, sense: Sense | Sequence[Sense], nan: str, threads: int | None
) -> tuple[list[float], list[bool], str, int | None]:
    """Return the arguments that all functions have: reference, directions, NaN policy, threads."""
    policy = one_of("nan", nan, ("raise", "drop"))
    return reference_point(ref, d), directions(sense, d), policy, thread_count(threads)
