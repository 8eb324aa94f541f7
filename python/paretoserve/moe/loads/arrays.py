"""Arrays that engines hold or return, as loads: vLLM's load window and its routed experts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve._integers import BITS_63, check_integer
from paretoserve.errors import DtypeError, ShapeError
from paretoserve.moe.loads.trace import Loads

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["MOST_EXPERTS", "from_routed", "from_window", "nonempty"]

MOST_EXPERTS = 2**16
_MOST_TOKENS = 2**53


def from_window(window: ArrayLike, physical_to_logical: ArrayLike, *, name: str = "vLLM") -> Loads:
    """Turn vLLM's load window, counts per physical expert, into loads of logical experts.

    Parameters
    ----------
    window : array_like of int, shape (num_steps, num_layers, num_physical)
        `expert_load_window` of vLLM's EPLB state, added up over ranks.
    physical_to_logical : array_like of int, shape (num_layers, num_physical)
        `physical_to_logical_map` of the same state; -1 is an empty slot.
    name : str, default "vLLM"
        Name of the result.

    Returns
    -------
    Loads
        Steps without any token, which the window has until it is full, are left out.

    Raises
    ------
    ShapeError
        If the shapes do not fit, or no step has tokens.
    DtypeError
        If an array does not hold integers.
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> from paretoserve.moe import loads
    >>> loads.from_window([[[4, 3, 2]], [[0, 0, 0]]], [[0, 1, 0]]).counts.tolist()
    [[[6, 3]]]
    """
    counts, experts = _array("window", window), _array("physical_to_logical", physical_to_logical)
    if counts.ndim != 3 or experts.shape != counts.shape[1:]:
        raise ShapeError(
            "`window` must have shape (steps, layers, physical) and `physical_to_logical` (layers, physical), "
            f"got {counts.shape} and {experts.shape}"
        )
    if not counts.size:
        raise ShapeError(f"`window` must not be empty, got {counts.shape}")
    if counts.min() < 0 or counts.max() > _MOST_TOKENS:
        raise ValueError(f"`window` must be from 0 to {_MOST_TOKENS}, got {counts.min()} to {counts.max()}")
    if experts.min() < -1 or not 0 <= experts.max() < MOST_EXPERTS:
        raise ValueError(
            f"`physical_to_logical` must hold experts from 0 to {MOST_EXPERTS - 1}, or -1 for empty slots, "
            f"got {experts.min()} to {experts.max()}"
        )
    counts, experts = counts.astype(np.int64), experts.astype(np.int64)
    found = np.zeros((*counts.shape[:2], int(experts.max()) + 2), dtype=np.int64)
    steps, layers = np.ogrid[: counts.shape[0], : counts.shape[1]]
    np.add.at(found, (steps[..., None], layers[..., None], experts[None]), counts)
    return nonempty(found[..., :-1], name=name)


def from_routed(routed: ArrayLike, *, num_experts: int | None = None, tokens_per_step: int | None = None) -> Loads:
    """Count routed experts, as vLLM returns them per request (`enable_return_routed_experts`).

    Parameters
    ----------
    routed : array_like of int, shape (num_tokens, num_layers, top_k)
        Experts of each token in each layer; -1 is ignored. A token has different experts, so a layer in which all
        `top_k` are 0 for all tokens has none: vLLM returns dense layers so.
    num_experts : int, optional
        Experts of a layer; one more than the largest id by default.
    tokens_per_step : int, optional
        Tokens that make a step; all of them by default.

    Returns
    -------
    Loads
        One step per `tokens_per_step` tokens, in order.

    Raises
    ------
    ShapeError
        If `routed` has another shape.
    DtypeError
        If it does not hold integers.
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> from paretoserve.moe import loads
    >>> loads.from_routed([[[0, 2]], [[0, 1]], [[2, 1]]], tokens_per_step=2).counts.tolist()
    [[[2, 1, 1]], [[0, 1, 1]]]
    """
    ids = _array("routed", routed)
    if ids.ndim != 3 or not ids.size:
        raise ShapeError(f"`routed` must have shape (tokens, layers, top_k), got {ids.shape}")
    ids = ids.astype(np.int64)
    if ids.shape[2] > 1:
        ids[:, ~ids.any(axis=(0, 2))] = -1
    most = MOST_EXPERTS if num_experts is None else check_integer("num_experts", num_experts, 1, MOST_EXPERTS)
    if ids.min() < -1 or not 0 <= ids.max() < most:
        raise ValueError(f"`routed` must hold experts from 0 to {most - 1}, or -1, got {ids.min()} to {ids.max()}")
    experts = int(ids.max()) + 1 if num_experts is None else most
    size = len(ids) if tokens_per_step is None else check_integer("tokens_per_step", tokens_per_step, 1, BITS_63)
    steps = [ids[first : first + size] for first in range(0, len(ids), size)]
    counts = [
        [np.bincount(step[:, layer].ravel() + 1, minlength=experts + 1)[1:] for layer in range(ids.shape[1])]
        for step in steps
    ]
    whole = (ids >= 0).all(axis=2) | (ids < 0).all(axis=2)
    return Loads(np.array(counts), ids.shape[2] if whole.all() else None, "routed experts")


def nonempty(counts: NDArray[Any], *, name: str) -> Loads:
    """Return loads without the steps of a ring buffer that were never written."""
    if counts.dtype.kind not in "iu" or counts.ndim != 3:
        raise ShapeError(
            f"counts must be integers of shape (steps, layers, experts), got {counts.dtype} {counts.shape}"
        )
    kept = counts[counts.any(axis=(1, 2))]
    if not len(kept):
        raise ShapeError("no step has any tokens")
    return Loads(kept, None, name)


def _array(argument: str, values: ArrayLike) -> NDArray[Any]:
    """Return integers of any shape as an array."""
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ShapeError(f"`{argument}` must have rows of the same length") from error
    if array.dtype.kind not in "iu":
        raise DtypeError(f"`{argument}` must hold integers, got {array.dtype}")
    return array
