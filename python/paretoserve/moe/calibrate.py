"""A cost model from timings of a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from paretoserve._integers import integer_array, shown
from paretoserve.errors import ShapeError
from paretoserve.moe.cost import CostModel

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["calibrate"]

_MOST_TOKENS = 2**40
# Sizes of blocks at which reading weights may become the smaller part, as powers of this.
_STEP = 2**0.25


def calibrate(
    tokens: ArrayLike,
    active_experts: ArrayLike,
    time_ns: ArrayLike,
    *,
    transfer_ns: ArrayLike | None = None,
    transfer_inter_ns: ArrayLike | None = None,
    overlap: float = 0.0,
) -> CostModel:
    """Fit a cost model to timings of the expert blocks of one rank, and of moving weights.

    Parameters
    ----------
    tokens : array_like of int, shape (n,)
        Tokens that the rank computed, each counted once per expert it went to (tokens times top-k).
    active_experts : array_like of int, shape (n,)
        Experts that had tokens, taken to have equally many.
    time_ns : array_like of float, shape (n,)
        Time of all blocks together, nanoseconds.
    transfer_ns, transfer_inter_ns : array_like of float, optional
        Times of moving one expert within a node and between nodes, nanoseconds; their medians are used. None: free
        within a node, and between nodes as within one.
    overlap : float, default 0
        As of `CostModel`.

    Returns
    -------
    CostModel
        Its `source` says how many rows it was fitted to and how far off it is.

    Raises
    ------
    ShapeError
        If the columns differ in length or there are fewer than three rows.
    DtypeError
        If counts are no integers.
    ValueError
        If a number is out of range, or no experts are active in a row with tokens.

    Notes
    -----
    Least squares of relative errors, with times that are not negative: for each size at which a block may stop to be
    bound by its weights, the best launch and token times; the size with the least error. O(n) for each of about 100
    sizes.

    Examples
    --------
    >>> tokens, active, time_ns = [8, 80, 8000, 80_000], [8, 8, 8, 8], [104e3, 104e3, 800e3, 8e6]
    >>> cost = calibrate(tokens, active, time_ns, transfer_ns=[118e3, 120e3, 119e3])
    >>> round(cost.block_ns(1), -2), round(cost.block_ns(1000), -2), cost.transfer_ns
    (13000.0, 100000.0, 119000.0)
    >>> cost.source
    'fitted to 4 rows, median error 0.0 %, largest 0.0 %'
    """
    measured = _times("time_ns", time_ns)
    count = integer_array("tokens", tokens, np.int64, 1, _MOST_TOKENS, len(measured)).astype(np.float64)
    active = integer_array("active_experts", active_experts, np.int64, 1, _MOST_TOKENS, len(measured)).astype(float)
    if len(measured) < 3:
        raise ShapeError(f"`time_ns` must have at least 3 rows to fit three numbers, got {len(measured)}")
    if (active > count).any():
        row = int(np.argmax(active > count))
        raise ValueError(
            f"`active_experts` must be at most the tokens, got {active[row]:.0f} of {count[row]:.0f} in row {row}"
        )
    largest = (count / active).max()
    sizes = np.concatenate([[0.0], _STEP ** np.arange(np.ceil(np.log(max(largest, 2)) / np.log(_STEP)) + 1)])
    fits = [_fit(size, count, active, measured) for size in sizes]
    best = min(range(len(sizes)), key=lambda place: fits[place][0])
    # Once more, finer, around the best size.
    near = sizes[best] * np.linspace(1 / _STEP, _STEP, 33)
    _, launch, token, size = min((*_fit(size, count, active, measured), size) for size in [*near, sizes[best]])
    fitted = active * (launch + token * np.maximum(size, count / active))
    errors = np.abs(fitted / measured - 1) * 100
    source = f"fitted to {len(measured)} rows, median error {np.median(errors):.1f} %, largest {errors.max():.1f} %"
    transfer = 0.0 if transfer_ns is None else float(np.median(_times("transfer_ns", transfer_ns)))
    inter = None if transfer_inter_ns is None else float(np.median(_times("transfer_inter_ns", transfer_inter_ns)))
    return CostModel(token, float(token * size), transfer, inter, overlap, launch, source)


def _fit(
    size: float, count: NDArray[np.float64], active: NDArray[np.float64], measured: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Return the error and the best launch and token times if blocks below `size` tokens are bound by their weights."""
    launches = active / measured
    tokens = active * np.maximum(size, count / active) / measured
    found: list[tuple[float, float, float]] = []
    matrix = np.stack([launches, tokens], axis=1)
    both = np.linalg.lstsq(matrix, np.ones(len(measured)), rcond=None)[0]
    for launch, token in (both, (0.0, tokens.sum() / (tokens @ tokens)), (launches.sum() / (launches @ launches), 0.0)):
        if launch >= 0 and token >= 0:
            found.append((float(((matrix @ (launch, token) - 1) ** 2).sum()), float(launch), float(token)))
    return min(found)


def _times(argument: str, values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values)
    if array.ndim > 1 or array.size == 0:
        raise ShapeError(f"`{argument}` must have shape (n,), got {array.shape}")
    if array.dtype.kind not in "iuf" or not ((array > 0) & (array <= 1e12)).all():
        raise ValueError(f"`{argument}` must hold numbers above 0 and at most 1e12, got {shown(array.tolist())}")
    return np.atleast_1d(array.astype(np.float64))
