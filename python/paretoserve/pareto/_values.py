"""Points as float64 rows, for what computes with them instead of only comparing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np

from paretoserve._names import one_of
from paretoserve.errors import ShapeError
from paretoserve.pareto._arguments import real_numbers, refuse_nan
from paretoserve.pareto._points import as_points
from paretoserve.pareto.mask import marked_rows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from paretoserve.pareto._arguments import Sense
    from paretoserve.pareto._points import Points

__all__ = ["DROP", "NanOfRows", "Rows", "float_rows", "front_rows", "like_rows", "mean", "refuse_missing"]

NanOfRows: TypeAlias = Literal["raise", "drop"]

# What to do about a NaN where no function ranks it.
DROP = 'nan="drop" leaves such rows out'


class Rows(NamedTuple):
    """Finite rows: their values, shape (m, d), C order, not to be written; their indices; the number of all rows."""

    values: NDArray[np.float64]
    indices: NDArray[np.int64]
    n: int


def float_rows(
    argument: str,
    points: ArrayLike,
    *,
    nan: NanOfRows = "raise",
    d: int | None = None,
) -> Rows:
    """Return finite rows and where they stood.

    Parameters
    ----------
    argument : str
        Name of the argument for messages.
    points : array_like of shape (n, d), or what else `as_points` takes
        Integers above 2^53 are rounded.
    nan : {"raise", "drop"}, default "raise"
        Whether a row with NaN is an error or left out.
    d : int, optional
        Number of objectives that it must have.

    Returns
    -------
    rows : Rows
        The values are perhaps the input itself.

    Raises
    ------
    ShapeError, DtypeError
        As `as_points`, or if the number of objectives is another.
    ValueError
        If there is an infinity, or NaN under ``nan="raise"``.
    """
    one_of("nan", nan, ("raise", "drop"))
    table = as_points(argument, points)
    if d is not None and table.d != d:
        raise ShapeError(f"`{argument}` must have {d} objectives, one per column, got {table.d}")
    rows = table.table()
    indices = np.arange(table.n, dtype=np.int64)
    if np.isfinite(rows).all():
        return Rows(rows, indices, table.n)
    missing = np.isnan(rows)
    if missing.any():
        if nan == "raise":
            refuse_nan(argument, rows, ("row", "column"), DROP)
        indices = np.flatnonzero(~missing.any(axis=1)).astype(np.int64, copy=False)
        rows = rows[indices]
    infinite = np.argwhere(np.isinf(rows))
    if len(infinite):
        row, column = infinite[0]
        raise ValueError(
            f"`{argument}` must be finite, got {rows[row, column]} in row {indices[row]}, column {column}\n"
            "hint: there is no distance to an infinity; leave such rows out"
        )
    return Rows(rows, indices, table.n)


def front_rows(
    argument: str, points: ArrayLike, maximize: list[bool], *, nan: NanOfRows = "raise", hint: str = DROP
) -> Rows:
    """Return the rows of the front, of equal ones the first; only these must be finite.

    `maximize` tells per objective whether larger is better, `hint` what to do about a NaN; errors are those of
    `float_rows`.
    """
    one_of("nan", nan, ("raise", "drop"))
    table = as_points(argument, points)
    sense: list[Sense] = ["max" if each else "min" for each in maximize]
    marked, missing, _ = marked_rows(table, sense, keep="first", nan="drop")
    if missing and nan == "raise":
        refuse_missing(argument, table, hint)
    indices = np.flatnonzero(marked).astype(np.int64, copy=False)
    values = table.rows(indices)
    infinite = np.argwhere(np.isinf(values))
    if len(infinite):
        row, column = infinite[0]
        raise ValueError(
            f"`{argument}` must be finite on the front, got {values[row, column]} in row {indices[row]}, "
            f"column {column}\nhint: leave such rows out"
        )
    return Rows(np.ascontiguousarray(values), indices, table.n)


def refuse_missing(argument: str, table: Points, hint: str = DROP) -> None:
    """Raise for the first row with a NaN, if there is one."""
    missing = [column != column for column in map(table.column, range(table.d))]
    firsts = [(int(flags.argmax()), k) for k, flags in enumerate(missing) if flags.any()]
    if firsts:
        row, column = min(firsts)
        raise ValueError(f"`{argument}` must be free of NaN, got NaN in row {row}, column {column}\nhint: {hint}")


def like_rows(argument: str, values: ArrayLike, d: int) -> NDArray[np.float64]:
    """Return one finite number per objective; a single number stands for all."""
    numbers = real_numbers(argument, values, f"a number or {d} of them")
    if numbers.ndim > 1 or (numbers.ndim == 1 and len(numbers) != d):
        raise ShapeError(f"`{argument}` must be one number or {d}, one per objective, got shape {numbers.shape}")
    if not np.isfinite(numbers).all():
        raise ValueError(f"`{argument}` must be finite, got {numbers}")
    return np.ascontiguousarray(np.broadcast_to(numbers, (d,)))


def mean(values: NDArray[np.float64]) -> float:
    """Return the mean of non-negative numbers, also where their sum would overflow."""
    largest = float(values.max())
    if not 0 < largest < np.inf:
        return largest
    return float((values / largest).sum() / len(values) * largest) if largest > 1e290 else float(values.mean())
