"""The knee of a front: the point where giving up a little of one objective stops buying much of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from paretoserve._names import one_of
from paretoserve.errors import ShapeError
from paretoserve.pareto._arguments import directions
from paretoserve.pareto._points import as_points
from paretoserve.pareto._values import front_rows
from paretoserve.pareto.normalise import unit_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from paretoserve.pareto._arguments import Sense

__all__ = ["knee"]

# Numbers of a table of trade-offs that exists at one time.
_TRADES = 1 << 20


def knee(
    points: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    method: Literal["chord", "angle", "tradeoff"] = "chord",
    nan: Literal["raise", "drop"] = "raise",
) -> int | None:
    """Return the index of the front's knee.

    Every objective is scaled to 0 for its best and 1 for its worst value on the front, as by `normalise`; one that is
    constant there is left out.

    Parameters
    ----------
    points : array_like, shape (n, d), any integer, float16/32/64 or bool dtype
        One row per point, one column per objective. Not modified.
    sense : {"min", "max"} or sequence of d of them, default "min"
        Direction per objective.
    method : {"chord", "angle", "tradeoff"}, default "chord"
        - "chord": the point furthest from the plane through the d corners that are worst in one objective and best in
          all others (for two objectives: the chord between the ends of the front), on the side of the ideal. So it has
          the least sum of scaled objectives.
        - "angle": the point where the polygon of the front bends most, seen from its two neighbors. The ends do not
          bend; without a bend it is the "chord". Two objectives only.
        - "tradeoff": the point that must be left least gladly: the largest over points of the least, over all others,
          of what one loses in sum over what one gains in sum by moving there. Any number of objectives; an end of the
          front can be the knee.
    nan : {"raise", "drop"}, default "raise"
        Whether a row with NaN is an error or takes no part.

    Returns
    -------
    index : int or None
        The first of equally good points; None when there is no point at all.

    Raises
    ------
    ShapeError, DtypeError
        As for `mask`; or if there are not two objectives under ``method="angle"``.
    ValueError
        If there is a NaN under ``nan="raise"``, or the front holds an infinity, which no scale can hold.

    Notes
    -----
    The cost of `mask` plus O(m d) for m points of the front, O(m log m) for "angle" and O(m^2 d) for "tradeoff"; all in
    float64. "chord" is of Das (1999), "On characterizing the knee of the Pareto curve based on normal-boundary
    intersection", "angle" of Branke, Deb, Dierolf and Osswald (2004), "tradeoff" of Rachmawati and Srinivasan (2009).

    Examples
    --------
    >>> knee([[0, 10], [1, 2], [5, 1], [10, 0], [9, 9]])
    1
    >>> knee([[0, 0], [2, 4], [5, 5]], ["min", "max"])
    1
    >>> knee([[0, 10], [1, 8], [2, 2], [10, 0]], method="angle")
    2
    >>> knee([[0, 10], [1, 2], [5, 1], [10, 0]], method="tradeoff")
    1
    >>> knee([[0, 10], [np.nan, 2], [5, 1], [10, 0]], nan="drop")
    2
    """
    one_of("method", method, ("chord", "angle", "tradeoff"))
    one_of("nan", nan, ("raise", "drop"))
    d = as_points("points", points).d
    if method == "angle" and d != 2:
        raise ShapeError(
            f'`points` must have 2 objectives under method="angle", got {d}\nhint: "chord" and "tradeoff" take any'
        )
    maximize = directions(sense, d)
    front = front_rows("points", points, maximize, nan=nan)
    if len(front.indices) == 0:
        return None
    scaled = unit_rows(front.values, maximize)
    chord = 1.0 - scaled.sum(axis=1)
    if method == "tradeoff" and len(scaled) > 1:
        worth = _least_trade(scaled)
    else:
        worth = _bend(scaled) if method == "angle" and len(scaled) > 2 else chord
    return int(front.indices[(worth if worth.max() > 0 else chord).argmax()])


def _bend(scaled: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much the polygon turns towards the ideal at each point, in radians; 0 at its ends."""
    order = np.argsort(scaled[:, 0], kind="stable")
    steps = np.diff(scaled[order], axis=0)
    slopes = np.arctan2(-steps[:, 1], steps[:, 0])
    bend = np.zeros(len(scaled))
    bend[order[1:-1]] = slopes[:-1] - slopes[1:]
    return bend


def _least_trade(scaled: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each point the least loss over gain of a move to another point of the front."""
    least = np.empty(len(scaled))
    step = max(1, _TRADES // scaled.size)
    for start in range(0, len(scaled), step):
        moves = scaled[None, :, :] - scaled[start : start + step, None, :]
        lost, gained = np.maximum(moves, 0).sum(axis=2), np.maximum(-moves, 0).sum(axis=2)
        # A move that gains nothing: to the point itself, or from one end of rounding to the other.
        with np.errstate(divide="ignore", invalid="ignore"):
            trades = np.where(gained > 0, lost / gained, np.inf)
        least[start : start + step] = trades.min(axis=1)
    return least
