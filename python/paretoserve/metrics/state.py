"""Memory that a model holds of what it has read: states of sequence mixers, and caches of recursive models.

Arora et al., "Simple Linear Attention Language Models Balance the Recall-Throughput Tradeoff" (Based, arXiv
2402.18668): recall grows with the size of the state. Bae et al., "Mixture-of-Recursions: Learning Dynamic Recursive
Depths for Adaptive Token-Level Computation" (arXiv 2507.10524): tokens pass a shared stack of layers as often as each
needs.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve.errors import ShapeError, UnknownNameError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import at_most, broadcast, numbers, plain, whole
from paretoserve.metrics._options import one_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

__all__ = ["assign_depth", "recurrent_state_bytes", "recursion_attention_ratio", "recursion_kv_ratio"]


# Scalars that one layer holds, by architecture; the names of the arguments are the sizes that it needs.
_SCALARS: dict[str, Callable[..., Any]] = {
    "attention": lambda width, tokens: 2 * width * tokens,
    "sliding_window": lambda width, window: 2 * width * window,
    "based": lambda heads, head_size, feature_size: heads * (head_size + 1) * (1 + feature_size + feature_size**2),
    "mamba": lambda width, state_size: 2 * width * state_size,
    "h3": lambda width, state_size: width * state_size,
    "delta": lambda heads, key_size, value_size: heads * key_size * value_size,
    "rwkv7": lambda heads, head_size: heads * head_size**2,
    "short_convolution": lambda width, kernel: width * kernel,
}


@declared("based", grade="R", unit="B", sense="min")
def recurrent_state_bytes(
    architecture: str, *, layers: ArrayLike = 1, bytes_per_number: ArrayLike = 2, **sizes: ArrayLike
) -> Any:
    """Return the bytes that layers hold of a sequence while they generate.

    Parameters
    ----------
    architecture : str
        One of those below.
    layers : array_like, default 1
        Layers of that kind.
    bytes_per_number : array_like, default 2
        With 1 the result counts numbers.
    **sizes : array_like
        What the architecture needs, whole numbers of 1 or more (`tokens` of 0 or more).

    Returns
    -------
    state_bytes : float or ndarray of float64
        Of one sequence. A hybrid holds the sum of its parts.

    Raises
    ------
    UnknownNameError
        If there is no such architecture.
    TypeError
        If a size is missing or is not one of the architecture's.
    ValueError
        If a number is out of range or not whole.
    ShapeError
        If the sizes do not broadcast.

    Notes
    -----
    Numbers per layer:

    - ``attention``: ``2 width tokens``, `width` that of keys (for grouped queries, KV heads times their size).
    - ``sliding_window``: ``2 width window``.
    - ``based``: ``heads (head_size + 1) D`` with the Taylor map's ``D = 1 + f + f^2`` of `feature_size` f.
    - ``mamba``, of either version: ``2 width state_size``. ``h3``: ``width state_size``.
    - ``delta``, gated or not: ``heads key_size value_size``. ``rwkv7``: ``heads head_size^2``.
    - ``short_convolution``: ``width kernel``.

    References
    ----------
    arXiv 2402.18668 and its repository.

    Examples
    --------
    >>> recurrent_state_bytes("attention", width=1024, tokens=[2048, 4096], bytes_per_number=1)
    array([4194304., 8388608.])
    >>> recurrent_state_bytes("based", heads=16, head_size=64, feature_size=16, bytes_per_number=1)
    283920.0
    """
    if not isinstance(architecture, str) or architecture not in _SCALARS:
        raise UnknownNameError(f"`architecture` must be one of {', '.join(_SCALARS)}, got {architecture!r:.60}")
    formula = _SCALARS[architecture]
    needed = tuple(inspect.signature(formula).parameters)
    if set(sizes) != set(needed):
        came = ", ".join(f"`{name}`" for name in sorted(sizes)) or "none"
        wanted = ", ".join(f"`{name}`" for name in needed)
        raise TypeError(f"{architecture} needs the sizes {wanted}, got {came}")
    real = {
        name: np.asarray(whole(name, sizes[name], 0 if name == "tokens" else 1), dtype=np.float64) for name in needed
    }
    deep = np.asarray(whole("layers", layers), dtype=np.float64)
    wide = numbers("bytes_per_number", bytes_per_number, 0, open_low=True)
    many, each, *rest = broadcast(layers=deep, bytes_per_number=wide, **real)
    return plain(np.asarray(many * each * formula(*rest)))


@declared("mixture-of-recursions", grade="S", unit="1", sense="min")
def recursion_kv_ratio(recursions: ArrayLike, *, cache: Literal["recursion-wise", "shared"] = "recursion-wise") -> Any:
    """Return the cache of a recursive model over that of a model with as many layers of its own.

    Parameters
    ----------
    recursions : array_like
        N_r, passes of the shared stack, 1 or more.
    cache : {"recursion-wise", "shared"}, default "recursion-wise"
        Each recursion caches the tokens that reach it, of which one N_r-th leaves after each; or all use that of the
        first.

    Returns
    -------
    ratio : float or ndarray of float64
        ``(N_r + 1) / (2 N_r)`` or ``1 / N_r``.

    Raises
    ------
    ValueError
        If `recursions` is below 1 or not whole, or `cache` is neither.

    Notes
    -----
    From a secondary source.

    References
    ----------
    arXiv 2507.10524.

    Examples
    --------
    >>> recursion_kv_ratio([2, 4]), recursion_kv_ratio([2, 4], cache="shared")
    (array([0.75 , 0.625]), array([0.5 , 0.25]))
    """
    one_of("cache", cache, ("recursion-wise", "shared"))
    passes = whole("recursions", recursions, 1)
    return plain((passes + 1) / (2 * passes) if cache == "recursion-wise" else 1 / passes)


@declared("mixture-of-recursions", grade="S", unit="1", sense="min")
def recursion_attention_ratio(kept: ArrayLike, context: ArrayLike) -> Any:
    """Return the attention FLOPs of a recursion that k of N tokens reach over those of all, ``(k / N)^2``.

    Parameters
    ----------
    kept, context : array_like
        k and N; at most `context`, which is 1 or more.

    Returns
    -------
    ratio : float or ndarray of float64

    Raises
    ------
    ValueError
        If a number is out of range or `kept` is more than `context`.
    ShapeError
        If the arguments do not broadcast.

    Notes
    -----
    From a secondary source; for recursion-wise caching.

    References
    ----------
    arXiv 2507.10524.

    Examples
    --------
    >>> recursion_attention_ratio([2048, 1024], 2048)
    array([1.  , 0.25])
    """
    some, every = broadcast(kept=numbers("kept", kept, 0), context=numbers("context", context, 1))
    at_most("kept", some, "context", every)
    return plain((some / every) ** 2)


@declared("mixture-of-recursions", grade="S")
def assign_depth(
    scores: ArrayLike,
    *,
    routing: Literal["expert-choice", "token-choice"] = "expert-choice",
    capacity: ArrayLike | None = None,
) -> NDArray[np.int64]:
    """Return how many recursions each token gets.

    Parameters
    ----------
    scores : array_like, shape (num_recursions, num_tokens)
        Of the router, finite.
    routing : {"expert-choice", "token-choice"}, default "expert-choice"
        Each recursion takes its best tokens among those of the one before; or each token goes to the depth of its
        highest score at once.
    capacity : array_like, shape (num_recursions,), optional
        For "expert-choice", the share of all tokens that each recursion takes, 0 to 1 and never rising; by default
        ``(N_r - r) / N_r`` for recursion r from 0, by which the caches have the size of `recursion_kv_ratio`.

    Returns
    -------
    depth : ndarray of int64, shape (num_tokens,)
        0 to num_recursions; 1 or more if the first recursion takes all. Of equal scores the earlier token goes on,
        and the smaller depth is chosen. Shares are rounded down to whole tokens.

    Raises
    ------
    TypeError
        If `capacity` is given with "token-choice".
    ValueError
        If a number is out of range, `capacity` rises, or `routing` is neither.
    ShapeError
        If `scores` is not two-dimensional or is empty, or `capacity` does not have one share per recursion.

    Notes
    -----
    From a secondary source. O(num_recursions * num_tokens log num_tokens).

    References
    ----------
    arXiv 2507.10524.

    Examples
    --------
    >>> scores = [[0.1, 0.9, 0.5, 0.2], [0.3, 0.1, 0.8, 0.9]]
    >>> assign_depth(scores), assign_depth(scores, routing="token-choice")
    (array([1, 1, 2, 2]), array([2, 1, 2, 2]))
    """
    one_of("routing", routing, ("expert-choice", "token-choice"))
    table = numbers("scores", scores, ndim=2)
    recursions, tokens = table.shape
    if routing == "token-choice":
        if capacity is not None:
            raise TypeError("`capacity` is for expert-choice routing, got it with token-choice")
        return np.asarray(table.argmax(axis=0) + 1, dtype=np.int64)
    if capacity is None:
        counts = tokens * (recursions - np.arange(recursions)) // recursions
    else:
        shares = numbers("capacity", capacity, 0, 1, ndim=1)
        if len(shares) != recursions:
            raise ShapeError(f"`capacity` must have one share per recursion, {recursions}, got {len(shares)}")
        if (np.diff(shares) > 0).any():
            raise ValueError(f"`capacity` must not rise, got {shares.tolist()}")
        # A share that stands for a whole number of tokens must not lose one to rounding.
        counts = np.floor(shares * tokens * (1 + 1e-12)).astype(np.int64)
    depth = np.zeros(tokens, dtype=np.int64)
    active = np.arange(tokens)
    for row, count in zip(table, counts.tolist(), strict=True):
        best = np.argsort(-row[active], kind="stable")[:count]
        active = np.sort(active[best])
        depth[active] += 1
    return depth
