"""The few points of a set that dominate most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve import _native
from paretoserve.pareto._volumes import matrix, settings
from paretoserve.pareto.hypervolume import Hypervolume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from paretoserve.pareto._arguments import Sense
    from paretoserve.pareto._points import PointsLike
    from paretoserve.pareto._volumes import NanPolicy

__all__ = ["HvSubset", "hv_subset"]


@dataclass(frozen=True, slots=True, eq=False)
class HvSubset:
    """Rows that together dominate much.

    Attributes
    ----------
    indices : ndarray of int64, shape (m,)
        The rows, rising; m is `k` or less, as rows that add nothing are left out.
    volume : Hypervolume
        What they dominate.
    guarantee : {"optimal", "1 - 1/e"}
        No other choice of as many rows dominates more; or the volume is at least that share (63 %) of the best one.

    Examples
    --------
    >>> hv_subset([[1, 3], [2, 2], [3, 1]], 1, ref=[4, 4]).to_dict()
    {'indices': [1], 'volume': 4.0, 'guarantee': 'optimal'}
    """

    indices: NDArray[np.int64]
    volume: Hypervolume
    guarantee: Literal["optimal", "1 - 1/e"]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {"indices": self.indices.tolist(), "volume": float(self.volume), "guarantee": self.guarantee}


def hv_subset(
    points: PointsLike,
    k: int,
    ref: ArrayLike,
    sense: Sense | Sequence[Sense] = "min",
    *,
    nan: NanPolicy = "raise",
    threads: int | None = None,
) -> HvSubset:
    """Choose at most `k` points that together dominate the largest hypervolume.

    Parameters
    ----------
    points, ref, sense, nan, threads
        As for `hypervolume`; the volume must be finite.
    k : int
        The most points to choose, 0 or more.

    Returns
    -------
    subset : HvSubset
        `indices`, their `volume`, and the `guarantee` that the choice has.

    Raises
    ------
    ShapeError, DtypeError
        As for `hypervolume`.
    TypeError
        If `k` is not a whole number.
    ValueError
        As for `hypervolume`, if `ref` or a point inside it is infinite, and if `k` is negative.

    Notes
    -----
    Optimal for d <= 2 by dynamic programming (Bringmann, Friedrich and Klitzke 2014) in O(k n log n) time and
    O(n sqrt(k)) memory, and whenever `k` is 1 or reaches the size of the front. Otherwise greedy: always the point that
    adds most, ties by index, which cannot fall below 1 - 1/e of the optimum as the hypervolume is submodular; mostly it
    is within a few percent. What a point added earlier bounds what it adds now, so few are looked at again (Minoux
    1978).

    Examples
    --------
    >>> hv_subset([[0, 9], [1, 3], [2, 2], [3, 1], [9, 0]], 2, ref=[10, 10]).indices
    array([1, 3])
    >>> hv_subset([[3, 1, 1], [1, 3, 1], [1, 1, 3], [2, 2, 2]], 2, ref=0, sense="max").guarantee
    '1 - 1/e'
    """
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)):
        raise TypeError(f"`k` must be a whole number, got {k!r}")
    if k < 0:
        raise ValueError(f"`k` must be 0 or more, got {k}")
    rows = matrix("points", points)
    given = settings(rows.shape[1], ref, sense, nan, threads)
    indices, volume, optimal, num_outside = _native.pareto_hv_subset(rows, min(int(k), len(rows)), given)
    chosen = np.array(indices, dtype=np.int64)
    return HvSubset(chosen, Hypervolume(volume, num_outside), "optimal" if optimal else "1 - 1/e")
