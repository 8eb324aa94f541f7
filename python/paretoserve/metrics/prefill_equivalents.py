"""Prefill token equivalents (PTE): what a tool-using trajectory costs, in tokens of prefill on given hardware.

After arXiv 2604.05404. A decoded token reads the whole cache, which `pte_gamma` turns into the prefill tokens that the
hardware could compute in that time. The paper's hardware intensity of the H100 uses the vendor's figure for sparse
matrices, which is twice the dense one. Its table rounds gamma to two digits before it scales by the shared heads
(`digits=2` does the same), prints 1/2 for the head ratio of Qwen2.5-32B where 1/5 gives its number, and its gamma of
DeepSeek-V3.1, 0.00068, does not follow from its formula, which gives 0.00144.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import at_most, broadcast, integer, number, numbers, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

__all__ = ["HARDWARE_INTENSITY", "hardware_intensity", "prefill_equivalents", "pte_gamma", "turn_contexts"]

HARDWARE_INTENSITY: Mapping[str, float] = {
    "h100_pcie": 756.5,
    "h200": 348.1,
    "a100": 322.5,
    "rtx_4090": 327.4,
    "v100": 138.9,
}
"""FLOP per byte of the paper's devices; that of the H100 is the sparse one (arXiv 2604.05404)."""


@declared("pte", grade="T", unit="FLOP/byte")
def hardware_intensity(flops_per_s: ArrayLike, bytes_per_s: ArrayLike) -> Any:
    """Return peak operations per byte of memory traffic, ``flops_per_s / bytes_per_s``.

    Parameters
    ----------
    flops_per_s : array_like
        Peak FLOP/s in the format used, above 0.
    bytes_per_s : array_like
        Peak memory bandwidth, above 0; broadcasts.

    Returns
    -------
    intensity : float or ndarray of float64

    Raises
    ------
    ValueError
        If a number is 0 or less, infinite or NaN.

    References
    ----------
    arXiv 2604.05404.

    Examples
    --------
    >>> hardware_intensity(1513e12, 2e12)
    756.5
    """
    peak, bandwidth = broadcast(
        flops_per_s=numbers("flops_per_s", flops_per_s, 0, open_low=True),
        bytes_per_s=numbers("bytes_per_s", bytes_per_s, 0, open_low=True),
    )
    return plain(np.asarray(peak / bandwidth))


@declared("pte", grade="T", unit="1", sense="min")
def pte_gamma(
    num_layers: ArrayLike,
    hidden_size: ArrayLike,
    active_parameters: ArrayLike,
    intensity: ArrayLike,
    *,
    kv_ratio: ArrayLike = 1.0,
    kv_bytes: ArrayLike = 2.0,
    digits: int | None = None,
) -> Any:
    """Return the prefill tokens that one cached token costs when a token is decoded.

    ``2 * num_layers * hidden_size * intensity / active_parameters * kv_ratio * kv_bytes / 2``: bytes of a cached token
    times FLOP per byte, over the ``2 * active_parameters`` FLOP of a token of prefill.

    Parameters
    ----------
    num_layers, hidden_size : array_like
        Of the model, above 0. With latent attention `hidden_size` is the latent plus the rotary width.
    active_parameters : array_like
        Parameters that a token uses, above 0.
    intensity : array_like
        Of the hardware in FLOP/byte, see `hardware_intensity`; no default, because the paper's is a sparse peak.
    kv_ratio : array_like, default 1
        Key-value heads over query heads.
    kv_bytes : array_like, default 2
        Bytes per cached number, a generalization of ours; the paper has 2.
    digits : int, optional
        Round to so many significant digits before `kv_ratio` applies; the paper's table does, with 2.

    Returns
    -------
    gamma : float or ndarray of float64

    Raises
    ------
    ValueError
        If a number is 0 or less, infinite or NaN, `kv_ratio` is above 1, or `digits` below 1.

    References
    ----------
    arXiv 2604.05404 and its table of gammas.

    Examples
    --------
    >>> round(pte_gamma(28, 3584, 6.53e9, 756.5, kv_ratio=1 / 7), 6)
    0.003322
    >>> round(pte_gamma(28, 3584, 6.53e9, 756.5, kv_ratio=1 / 7, digits=2), 5)
    0.00329
    """
    given = {"num_layers": num_layers, "hidden_size": hidden_size, "intensity": intensity, "kv_bytes": kv_bytes}
    given["active_parameters"] = active_parameters
    positive = {name: numbers(name, values, 0, open_low=True) for name, values in given.items()}
    shared = numbers("kv_ratio", kv_ratio, 0, 1, open_low=True)
    layers, width, density, byte_count, parameters, ratio = broadcast(**positive, kv_ratio=shared)
    gamma = layers * width * density * byte_count / parameters
    if digits is not None:
        scale = 10.0 ** (integer("digits", digits, 1, 17) - 1 - np.floor(np.log10(gamma)))
        gamma = np.round(gamma * scale) / scale
    return plain(np.asarray(gamma * ratio))


@declared("pte", grade="T", unit="tokens", sense="min")
def prefill_equivalents(
    context_tokens: ArrayLike,
    decode_tokens: ArrayLike,
    gamma: ArrayLike,
    *,
    reuse: ArrayLike = 0.0,
    cached_tokens: ArrayLike | None = None,
) -> Any:
    """Return the cost of a trajectory in tokens of prefill: ``sum(prefill + gamma * context * decode)`` over turns.

    Parameters
    ----------
    context_tokens : array_like, shape (..., turns)
        Tokens before the model decodes in each turn, see `turn_contexts`.
    decode_tokens : array_like, shape (..., turns)
        Tokens decoded in each turn.
    gamma : array_like
        See `pte_gamma`; broadcasts with the turns.
    reuse : array_like, default 0
        Share of the cache of earlier turns that is still there, 0 to 1; broadcasts with the turns. The paper's 0: a
        tool call evicts it all. Anything else is a generalization of ours.
    cached_tokens : array_like, shape (..., turns), optional
        Tokens of each context that earlier turns had cached. Default: context and decoded tokens of the turn before,
        as far as the context is that long.

    Returns
    -------
    tokens : float or ndarray of float64, shape (...)

    Raises
    ------
    ValueError
        If a number is negative, infinite or NaN, `reuse` above 1, or more is cached than the context has.
    ShapeError
        If shapes do not fit, or there is no dimension of turns.

    References
    ----------
    arXiv 2604.05404.

    Examples
    --------
    >>> round(prefill_equivalents([1000, 4200], [200, 150], 0.00175), 6)
    6652.5
    >>> round(prefill_equivalents([1000, 4200], [200, 150], 0.00175, reuse=1), 6)
    5452.5
    """
    context, decoded = numbers("context_tokens", context_tokens, 0), numbers("decode_tokens", decode_tokens, 0)
    if context.ndim == 0 or context.shape[-1] == 0:
        raise ShapeError(f"`context_tokens` must have shape (..., turns) with a turn or more, got {context.shape}")
    context, decoded = broadcast(context_tokens=context, decode_tokens=decoded)
    if cached_tokens is None:
        before = np.zeros_like(context)
        before[..., 1:] = context[..., :-1] + decoded[..., :-1]
        cached = np.minimum(before, context)
    else:
        cached = numbers("cached_tokens", cached_tokens, 0)
    context, decoded, weight, kept, cached = broadcast(
        context_tokens=context,
        decode_tokens=decoded,
        gamma=numbers("gamma", gamma, 0),
        reuse=numbers("reuse", reuse, 0, 1),
        cached_tokens=cached,
    )
    at_most("cached_tokens", cached, "context_tokens", context)
    return plain(np.asarray((context - kept * cached + weight * context * decoded).sum(axis=-1)))


@declared("pte", grade="T")
def turn_contexts(prompt_tokens: float, decode_tokens: ArrayLike, tool_tokens: ArrayLike) -> NDArray[np.float64]:
    """Return the context before each turn: what was said, decoded and returned by tools so far.

    Parameters
    ----------
    prompt_tokens : float
        Before the first turn.
    decode_tokens : array_like, shape (turns,)
        Decoded in each turn.
    tool_tokens : array_like, shape (turns - 1,)
        Returned by the tools after each turn but the last.

    Returns
    -------
    context_tokens : ndarray of float64, shape (turns,)

    Raises
    ------
    ValueError
        If a number is negative, infinite or NaN.
    ShapeError
        If there is not one number of `tool_tokens` less than turns.

    References
    ----------
    arXiv 2604.05404.

    Examples
    --------
    >>> turn_contexts(1000, [200, 150], [3000])
    array([1000., 4200.])
    """
    start = number("prompt_tokens", prompt_tokens, 0)
    decoded, returned = numbers("decode_tokens", decode_tokens, 0, ndim=1), numbers("tool_tokens", tool_tokens, 0)
    if returned.shape != (len(decoded) - 1,):
        raise ShapeError(
            f"`tool_tokens` must have shape ({len(decoded) - 1},), one less than turns, got {returned.shape}"
        )
    return np.asarray(start + np.concatenate([[0.0], np.cumsum(decoded[:-1] + returned)]))
