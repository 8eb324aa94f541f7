"""Information capacity of a language model: how well it compresses text per doubling of its decode FLOPs.

After Yuan, Shao and Li, "Information Capacity: Evaluating the Efficiency of Large Language Models via Text Compression"
(arXiv 2511.08066).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, numbers, plain, whole
from paretoserve.metrics._options import flag

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["decode_flops_per_token", "information_capacity", "mean_loss_bits", "mean_text_bits"]


@declared("information-capacity", grade="R", unit="1", sense="max")
def information_capacity(
    text_bits: ArrayLike, loss_bits: ArrayLike, flops_per_token: ArrayLike, *, bias: ArrayLike = -24.0
) -> Any:
    """Return the information capacity: ``(text_bits - loss_bits + bias) / log2(flops_per_token)``.

    Parameters
    ----------
    text_bits : array_like
        Bits of text per token, see `mean_text_bits`.
    loss_bits : array_like
        Mean negative log2 probability per predicted token, see `mean_loss_bits`.
    flops_per_token : array_like
        Decode FLOPs per token, above 1, see `decode_flops_per_token`.
    bias : array_like, default -24
        Bits per token. The official code adds -24 for mixed text, -18.7 for Ch-FineWeb-Edu and -27 for the others;
        its README prints the formula without, which is `bias` 0. All four broadcast.

    Returns
    -------
    capacity : float or ndarray of float64

    Raises
    ------
    ValueError
        If bits are negative, FLOPs are not above 1 or something is NaN.

    References
    ----------
    arXiv 2511.08066

    Examples
    --------
    >>> round(information_capacity(32.0, 2.9, 1_031_919_616), 6)
    0.170325
    """
    text, loss, flops, shift = broadcast(
        text_bits=numbers("text_bits", text_bits, 0),
        loss_bits=numbers("loss_bits", loss_bits, 0),
        flops_per_token=numbers("flops_per_token", flops_per_token, 1, open_low=True),
        bias=numbers("bias", bias),
    )
    return plain(np.asarray((text - loss + shift) / np.log2(flops)))


@declared("information-capacity", grade="R", unit="bit", sense="max")
def mean_text_bits(num_bytes: ArrayLike, num_tokens: ArrayLike, *, pooled: bool = False) -> float:
    """Return the bits of text per token over samples: ``8 bytes / tokens``, without each sample's first token.

    The official code averages this over samples but the loss over tokens, so that samples of unequal length weigh
    differently in the two; `pooled` weighs both alike.

    Parameters
    ----------
    num_bytes : array_like, shape (num_samples,)
        UTF-8 bytes of each sample without its first token.
    num_tokens : array_like, shape (num_samples,)
        Tokens without the first, at least 1.
    pooled : bool, default False
        All bytes over all tokens.

    Returns
    -------
    bits : float
        Per token.

    Raises
    ------
    ValueError
        If bytes are negative or tokens fewer than 1.
    ShapeError
        If shapes do not match or there is no sample.

    References
    ----------
    arXiv 2511.08066; official code.

    Examples
    --------
    >>> mean_text_bits([40, 10], [10, 5]), mean_text_bits([40, 10], [10, 5], pooled=True)
    (24.0, 26.666666666666668)
    """
    size, tokens = broadcast(
        num_bytes=numbers("num_bytes", num_bytes, 0, ndim=1), num_tokens=whole("num_tokens", num_tokens, 1, ndim=1)
    )
    return float(8 * size.sum() / tokens.sum()) if flag("pooled", pooled) else float((8 * size / tokens).mean())


@declared("information-capacity", grade="R", unit="bit", sense="min")
def mean_loss_bits(loss_nats: ArrayLike, num_tokens: ArrayLike) -> float:
    """Return the negative log2 likelihood per token over all tokens of all samples.

    Parameters
    ----------
    loss_nats : array_like, shape (num_samples,)
        Summed negative log likelihood of each sample, natural logarithm as frameworks return it.
    num_tokens : array_like, shape (num_samples,)
        Predicted tokens, padding not counted, at least 1.

    Returns
    -------
    bits : float
        Per token.

    Raises
    ------
    ValueError
        If a loss is negative or tokens are fewer than 1.
    ShapeError
        If shapes do not match or there is no sample.

    References
    ----------
    arXiv 2511.08066; official code.

    Examples
    --------
    >>> round(mean_loss_bits([2 * np.log(2), 7 * np.log(2)], [1, 2]), 12)
    3.0
    """
    loss, tokens = broadcast(
        loss_nats=numbers("loss_nats", loss_nats, 0, ndim=1), num_tokens=whole("num_tokens", num_tokens, 1, ndim=1)
    )
    return float(loss.sum() / tokens.sum() / np.log(2))


@declared("information-capacity", grade="R", unit="FLOP", sense="min")
def decode_flops_per_token(
    d_model: ArrayLike,
    num_layers: ArrayLike,
    num_heads: ArrayLike,
    num_kv_heads: ArrayLike,
    d_ff: ArrayLike,
    vocabulary: ArrayLike,
    *,
    head_dim: ArrayLike | None = None,
    num_matrices: ArrayLike = 3,
    active_experts: ArrayLike = 1,
    num_tokens: ArrayLike = 1024,
    context: ArrayLike = 0,
) -> Any:
    """Return the mean FLOPs per token to generate tokens one by one with a transformer, two per multiply-add.

    Per layer the projections ``4 d h d_head + 4 d kv d_head``, the feed-forward part ``2 matrices d d_ff experts``
    and attention ``4 h d_head`` per token held in the cache; once ``2 d vocabulary`` for the output.

    Parameters
    ----------
    d_model, num_layers, num_heads, num_kv_heads, d_ff, vocabulary : array_like of int
        Sizes, 1 or more; `num_kv_heads` is `num_heads` without grouped queries, `d_ff` is that of one expert.
    head_dim : array_like of int, optional
        Default ``d_model / num_heads``.
    num_matrices : array_like of int, default 3
        Of a feed-forward layer: 3 if gated, else 2. The official code counts 2 for gpt-oss.
    active_experts : array_like of int, default 1
        Experts per token.
    num_tokens : array_like of int, default 1024
        Generated.
    context : array_like of int, default 0
        Tokens in the cache before. All broadcast.

    Returns
    -------
    flops : float or ndarray of float64

    Raises
    ------
    ValueError
        If a size is no whole number of at least 1, or `num_heads` does not divide `d_model` and `head_dim` is absent.

    References
    ----------
    arXiv 2511.08066; official code.

    Examples
    --------
    The shape of Qwen2.5-0.5B:

    >>> decode_flops_per_token(896, 24, 14, 2, 4864, 151_936)
    1031919616.0
    """
    sizes = {"d_model": d_model, "num_layers": num_layers, "num_heads": num_heads, "num_kv_heads": num_kv_heads}
    sizes |= {"d_ff": d_ff, "vocabulary": vocabulary, "num_matrices": num_matrices, "active_experts": active_experts}
    sizes |= {"num_tokens": num_tokens} | ({} if head_dim is None else {"head_dim": head_dim})
    arrays = {name: whole(name, value, 1) for name, value in sizes.items()} | {"context": whole("context", context)}
    # As float64: products of sizes leave 64-bit integers early.
    names, values = list(arrays), [array.astype(np.float64) for array in broadcast(**arrays)]
    size = dict(zip(names, values, strict=True))
    d, heads = size["d_model"], size["num_heads"]
    if head_dim is None and (d % heads).any():
        raise ValueError("`num_heads` must divide `d_model`\nhint: pass `head_dim`, which some models set apart")
    width = size.get("head_dim", d / heads)
    projections = 4 * d * width * (heads + size["num_kv_heads"])
    experts = 2 * size["num_matrices"] * d * size["d_ff"] * size["active_experts"]
    attention = 4 * heads * width * (size["context"] + (size["num_tokens"] - 1) / 2)
    return plain(np.asarray(size["num_layers"] * (projections + experts + attention) + 2 * d * size["vocabulary"]))
