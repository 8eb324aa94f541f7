"""Cost of generating text with its memory traffic, in FLOPs, and the coverage that a budget buys.

Sadhukhan et al., "Kinetics: Rethinking Test-Time Scaling Laws" (arXiv 2506.05333): a byte read counts as the FLOPs that
the device could have done meanwhile. The cost of prefill is left out; weights are read once for a large batch, which is
why their traffic is left out too; the cache of the prompt is read once for all trials of a request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve.errors import ShapeError
from paretoserve.metrics._declare import declared
from paretoserve.metrics._numbers import broadcast, integer, number, numbers, plain, whole
from paretoserve.metrics._options import instance, one_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Rule = Literal["corrected", "official", "exact"]

__all__ = ["Generation", "KineticsModel", "coverage_at_cost", "kinetics_cost", "sparse_kv_reads"]

_RULES = ("corrected", "official", "exact")


@dataclass(frozen=True)
class KineticsModel:
    """The sizes of a model that its cost depends on.

    Attributes
    ----------
    parameters : float
        Those that a token uses.
    num_layers, num_heads, num_kv_heads, head_dim : int
    """

    parameters: float
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int


@dataclass(frozen=True)
class Generation:
    """Cost of a generation.

    Attributes
    ----------
    compute : float or ndarray of float64
        FLOPs.
    memory : float or ndarray of float64
        FLOPs that the device could do while it reads the caches.
    """

    compute: Any
    memory: Any

    @property
    def total(self) -> Any:
        """The sum, in equivalent FLOPs."""
        return self.compute + self.memory

    def seconds(self, flops_per_second: float = 4500e12) -> Any:
        """Return the time on a device, by default a B200."""
        return self.total / number("flops_per_second", flops_per_second, 0, open_low=True)


@declared("kinetics", grade="R", unit="tokens", sense="min")
def sparse_kv_reads(
    prompt_tokens: ArrayLike, output_tokens: ArrayLike, budget: ArrayLike, *, rule: Rule = "corrected"
) -> Any:
    """Return the cached tokens that a generation reads when each step reads at most `budget`.

    Parameters
    ----------
    prompt_tokens, output_tokens : array_like
        L_in and G; 0 or more.
    budget : array_like
        B, cached tokens that a step may read, 0 or more.
    rule : {"corrected", "official", "exact"}, default "corrected"
        ``B G - max(0, B - L_in)^2 / 2``; with a plus as the authors' code for top-k has it, which counts more reads
        than there are (its code for blocks has the minus); or the sum of ``min(B, L_in + t)`` over t from 0 to G - 1,
        which needs whole numbers. Except with "official", a budget beyond ``L_in + G`` counts as that.

    Returns
    -------
    tokens : float or ndarray of float64

    Raises
    ------
    ValueError
        If a number is negative, not whole where it must be, or `rule` is none of these.
    ShapeError
        If the arguments do not broadcast.

    References
    ----------
    arXiv 2506.05333 and its repository.

    Examples
    --------
    >>> [sparse_kv_reads(512, 8192, 1024, rule=rule) for rule in ("corrected", "official", "exact")]
    [8257536.0, 8519680.0, 8257280.0]
    """
    one_of("rule", rule, _RULES)
    check = whole if rule == "exact" else numbers
    before, after, most = broadcast(
        prompt_tokens=np.asarray(check("prompt_tokens", prompt_tokens, 0), dtype=np.float64),
        output_tokens=np.asarray(check("output_tokens", output_tokens, 0), dtype=np.float64),
        budget=np.asarray(check("budget", budget, 0), dtype=np.float64),
    )
    return plain(_reads(before, after, most, rule))


def _reads(
    prompt: NDArray[np.float64], generated: NDArray[np.float64], budget: NDArray[np.float64], rule: str
) -> NDArray[Any]:
    missing = np.maximum(0.0, budget - prompt)
    if rule == "official":
        return np.asarray(budget * generated + missing**2 / 2)
    most = np.minimum(budget, prompt + generated)
    missing = np.maximum(0.0, most - prompt)
    short = missing * (missing + 1) if rule == "exact" else missing**2
    return np.asarray(most * generated - short / 2)


@declared("kinetics", grade="R")
def kinetics_cost(
    model: KineticsModel,
    prompt_tokens: ArrayLike,
    output_tokens: ArrayLike,
    *,
    trials: ArrayLike = 1,
    intensity: float = 562.5,
    kv_bytes: float = 2,
    budget: ArrayLike | None = None,
    block: float | None = None,
    rule: Rule = "corrected",
) -> Generation:
    """Return what it costs to generate, in FLOPs of compute and of memory traffic.

    Parameters
    ----------
    model : KineticsModel
    prompt_tokens, output_tokens : array_like
        L_in and G, 0 or more.
    trials : array_like, default 1
        n, generations of the same prompt, 1 or more.
    intensity : float, default 562.5
        I, FLOPs that the device does while it reads a byte; the default is a B200, 4500 TFLOP/s and 8 TB/s.
    kv_bytes : float, default 2
        Of a number in the cache; the paper has 2, other sizes scale the traffic.
    budget : array_like, optional
        Cached tokens that a step reads at most (sparse attention); the trials then share no reads of the prompt. By
        default all are read.
    block : float, optional
        Tokens per block, if sparse attention looks for blocks by one key each, which costs extra; with `budget` only.
    rule : {"corrected", "official", "exact"}, default "corrected"
        How sparse reads are counted, see `sparse_kv_reads`.

    Returns
    -------
    cost : Generation
        With d = head_dim * num_layers: compute ``n (2 N G + 2 (2 L_in + G) G n_q d)`` and memory
        ``2 (2 L_in + n G) G n_kv d I``; sparse with R reads, ``n (2 N G + 4 R n_q d)`` and ``n 4 R n_kv d I``; blocks
        add ``n (2 L_in + G) G / block * n_q d`` and ``(2 L_in + n G) G / block * n_kv d I``.

    Raises
    ------
    TypeError
        If `block` is given without `budget`.
    ValueError
        If a number is out of range or NaN.
    ShapeError
        If the arguments do not broadcast.

    Notes
    -----
    The authors' code rounds ``(2 L_in + G) / block`` down; here it is not rounded.

    References
    ----------
    arXiv 2506.05333 and its repository.

    Examples
    --------
    >>> qwen3_8b = KineticsModel(8.19e9, num_layers=36, num_heads=32, num_kv_heads=8, head_dim=128)
    >>> cost = kinetics_cost(qwen3_8b, 512, 8192, trials=[1, 8])
    >>> (cost.compute / 1e12).round(2), (cost.memory / 1e12).round(2)
    (array([ 156.45, 1251.6 ]), array([ 3131.03, 22613.  ]))
    >>> round(kinetics_cost(qwen3_8b, 512, 8192, budget=1024).seconds(), 3)
    0.183
    """
    if block is not None and budget is None:
        raise TypeError("`block` must come with `budget`, got no `budget`")
    instance("model", model, KineticsModel)
    one_of("rule", rule, _RULES)
    before, after, n = broadcast(
        prompt_tokens=numbers("prompt_tokens", prompt_tokens, 0),
        output_tokens=numbers("output_tokens", output_tokens, 0),
        trials=np.asarray(whole("trials", trials, 1), dtype=np.float64),
    )
    weights = number("parameters", model.parameters, 0, open_low=True)
    layers, queries, heads, size = (
        integer(name, getattr(model, name), 1) for name in ("num_layers", "num_heads", "num_kv_heads", "head_dim")
    )
    query, cached = queries * size * layers, heads * size * layers
    per_number = number("intensity", intensity, 0) * number("kv_bytes", kv_bytes, 0, open_low=True) / 2
    if budget is None:
        compute = n * (2 * weights * after + 2 * (2 * before + after) * after * query)
        return Generation(plain(compute), plain(2 * (2 * before + n * after) * after * cached * per_number))
    allowed = np.asarray(sparse_kv_reads(before, after, budget, rule=rule))
    before, after, n, reads = broadcast(prompt_tokens=before, output_tokens=after, trials=n, budget=allowed)
    compute = n * (2 * weights * after + 4 * reads * query)
    memory = n * 4 * reads * cached
    if block is not None:
        per_block = after / number("block", block, 1)
        compute = compute + n * (2 * before + after) * per_block * query
        memory = memory + (2 * before + n * after) * per_block * cached
    return Generation(plain(compute), plain(memory * per_number))


@declared("kinetics", grade="R", unit="1", sense="max")
def coverage_at_cost(cost: ArrayLike, coverage: ArrayLike, budgets: ArrayLike) -> NDArray[np.float64]:
    """Return the mean over questions of the best coverage that a budget per question buys.

    Parameters
    ----------
    cost : array_like, shape (num_questions, num_configurations) or (num_configurations,)
        Of each configuration on each question, 0 or more; infinite if it does not exist.
    coverage : array_like, shape (num_questions, num_configurations)
        Probability of an answer that is right, 0 to 1, for example an unbiased pass@n.
    budgets : array_like, shape (num_budgets,)
        0 or more.

    Returns
    -------
    coverage : ndarray of float64, shape (num_budgets,)
        A question without a configuration within the budget counts 0. Never falls as the budget grows.

    Raises
    ------
    ValueError
        If a number is out of range or NaN.
    ShapeError
        If `coverage` or `budgets` has another number of dimensions or is empty, or `cost` another shape.

    References
    ----------
    arXiv 2506.05333 and its repository.

    Examples
    --------
    >>> coverage_at_cost([1, 4], [[0.2, 0.9], [0.5, 0.4]], [0, 1, 4])
    array([0.  , 0.35, 0.7 ])
    """
    found = numbers("coverage", coverage, 0, 1, ndim=2)
    price = numbers("cost", cost, 0, infinite=True)
    limits = numbers("budgets", budgets, 0, ndim=1, infinite=True)
    if price.shape not in (found.shape, found.shape[1:]):
        raise ShapeError(f"`cost` must have shape {found.shape} or {found.shape[1:]}, got {price.shape}")
    price = np.broadcast_to(price, found.shape)
    # An infinite budget buys everything but what does not exist.
    affordable = (price <= limits[:, None, None]) & np.isfinite(price)
    best: NDArray[np.float64] = np.where(affordable, found, 0.0).max(axis=2).mean(axis=1)
    return best
