"""Loads that a top-k router can produce, drawn from a seed: power law, rotating hot spot, burst, hot rank, profiles.

Every draw is multinomial over a profile, with no expert above one copy per token; what is above goes to other experts
in proportion to the profile. Steps, layers and source ranks are drawn one after another from one generator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from paretoserve._integers import BITS_63, check_integer, integer_array
from paretoserve.errors import DtypeError, ShapeError
from paretoserve.moe._arguments import as_topology
from paretoserve.moe.loads.trace import Loads

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from paretoserve.moe.topology import Topology

    Profile = NDArray[np.float64]

__all__ = ["batches", "burst", "hot_rank", "hot_spot", "power_law"]

_MOST_EXPERTS, _MOST_STEPS, _MOST_TOKENS = 2**16, 2**20, 2**40


def batches(
    profile: ArrayLike, num_tokens: ArrayLike, top_k: int, *, steps: int = 1, seed: int = 0, name: str = "batches"
) -> Loads:
    """Draw steps from profiles, for example counts of a real model.

    Parameters
    ----------
    profile : array_like, shape (num_experts,), (num_layers, num_experts) or (num_windows, num_layers, num_experts)
        How often each expert is chosen, in any unit; not negative, not all zero. Windows of time follow each other in
        even shares of the steps; with fewer steps than windows each step stands for several. A layer without any in a
        window takes those of all windows.
    num_tokens : int or array_like of int, shape (num_ranks,)
        Tokens of a step; or of each source rank, and then the loads have a rank axis.
    top_k : int
        Experts that each token chooses.
    steps : int, default 1
        Steps to draw.
    seed : int, default 0
        Same seed, same loads.
    name : str, default "batches"
        Name of the result.

    Returns
    -------
    Loads
        Each expert has at most one copy per token.

    Raises
    ------
    ShapeError, DtypeError
        If an array does not have its shape or does not hold numbers.
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> from paretoserve.moe import loads
    >>> loads.batches([8, 4, 2, 1, 1], 100, 2, seed=1).counts[0, 0]
    array([100,  45,  26,  14,  15])
    """
    rates = np.asarray(profile)
    if rates.dtype.kind not in "iuf":
        raise DtypeError(f"`profile` must hold numbers, got {rates.dtype}")
    if rates.ndim not in (1, 2, 3) or not rates.size:
        shapes = "(experts,), (layers, experts) or (windows, layers, experts)"
        raise ShapeError(f"`profile` must have shape {shapes}, got {rates.shape}")
    rates = np.array(rates, dtype=np.float64, ndmin=3)
    if not np.isfinite(rates).all() or rates.min() < 0 or not rates.any(axis=(0, 2)).all():
        raise ValueError("`profile` must be finite and not negative, with an expert above zero in each layer")
    steps = check_integer("steps", steps, 1, _MOST_STEPS)
    if steps < len(rates):
        rates = np.stack([part.sum(axis=0) for part in np.array_split(rates, steps)])
    rates = np.where(rates.any(axis=2, keepdims=True), rates, rates.sum(axis=0))
    windows = np.arange(steps) * len(rates) // steps
    return _drawn(rates[windows], num_tokens, top_k, _generator(seed), name)


def power_law(
    num_experts: int,
    num_tokens: ArrayLike,
    top_k: int,
    *,
    exponent: float = 1.2,
    layers: int = 1,
    steps: int = 1,
    seed: int = 0,
) -> Loads:
    """Draw popularities from a bounded power law, for each layer its own, and steps from them.

    Parameters
    ----------
    num_experts : int
        Experts of each layer.
    num_tokens : int or array_like of int, shape (num_ranks,)
        As for `batches`.
    top_k : int
        Experts that each token chooses.
    exponent : float, default 1.2
        The density falls like ``x**-exponent`` from 1 to 0.8 of the tokens. 1.2 is usual for mixture-of-experts models,
        1.01 for those like DeepSeek-V3, 0.6 behind a balancer, 0 is uniform on that range.
    layers, steps : int, default 1
        Size of the trace.
    seed : int, default 0
        Same seed, same loads.

    Returns
    -------
    Loads
        As `batches` draws it.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> from paretoserve.moe import loads
    >>> drawn = loads.power_law(64, 4096, 8, layers=2, steps=3)
    >>> drawn.counts.shape, int(drawn.counts[0, 0].sum()), drawn.impossible
    ((3, 2, 64), 32768, '')
    """
    experts = check_integer("num_experts", num_experts, 1, _MOST_EXPERTS)
    if not 0 <= exponent <= 10:
        raise ValueError(f"`exponent` must be from 0 to 10, got {exponent}")
    layers, steps = check_integer("layers", layers, 1, _MOST_STEPS), check_integer("steps", steps, 1, _MOST_STEPS)
    generator = _generator(seed)
    high = max(0.8 * _tokens(num_tokens).sum(), 1.0 + 1e-9)
    uniform = generator.random((layers, experts))
    # The inverse of the distribution's cumulative function; at exponent 1 the integral is a logarithm.
    power = 1 - exponent
    between = 1 + uniform * (high**power - 1)
    popularity = high**uniform if abs(power) < 1e-9 else between ** (1 / power)
    profiles = np.broadcast_to(popularity, (steps, layers, experts))
    return _drawn(profiles, num_tokens, top_k, generator, f"power law {exponent:g}")


def hot_spot(
    num_experts: int,
    num_tokens: ArrayLike,
    top_k: int,
    *,
    share: float = 0.1,
    num_hot: int = 1,
    period: int = 8,
    steps: int = 64,
    layers: int = 1,
    seed: int = 0,
) -> Loads:
    """Draw a hot spot that moves on to the next experts every few steps, in each layer from another start.

    Parameters
    ----------
    num_experts : int
        Experts of each layer.
    num_tokens : int or array_like of int, shape (num_ranks,)
        As for `batches`.
    top_k : int
        Experts that each token chooses.
    share : float, default 0.1
        Share of all copies that the hot experts get; at most `num_hot` / `top_k`.
    num_hot : int, default 1
        Neighbors that are hot at the same time.
    period : int, default 8
        Steps until the hot spot moves on.
    steps, layers : int
        Size of the trace.
    seed : int, default 0
        Same seed, same loads.

    Returns
    -------
    Loads
        The other experts are equally popular.

    Raises
    ------
    ValueError
        If a number is out of range, or the share is impossible.

    Examples
    --------
    >>> from paretoserve.moe import loads
    >>> drawn = loads.hot_spot(8, 1000, 2, share=0.4, period=2, steps=6)
    >>> (np.diff(drawn.counts[:, 0].argmax(axis=1)) % 8).tolist()
    [0, 1, 0, 1, 0]
    """
    generator, profile, hot = _hot(num_experts, top_k, share, num_hot, steps, layers, seed)
    period = check_integer("period", period, 1, _MOST_STEPS)
    starts = generator.integers(0, num_experts, layers)
    for step in range(steps):
        for layer in range(layers):
            first = starts[layer] + step // period * num_hot
            profile[step, layer, (first + np.arange(num_hot)) % num_experts] = hot
    return _drawn(profile, num_tokens, top_k, generator, f"hot spot {share:.0%} in {num_hot}")


def burst(
    num_experts: int,
    num_tokens: ArrayLike,
    top_k: int,
    *,
    share: float = 0.1,
    num_hot: int = 1,
    start: int = 16,
    length: int = 8,
    steps: int = 64,
    layers: int = 1,
    seed: int = 0,
) -> Loads:
    """Draw equal popularity with a burst in the middle, in which a few experts of each layer get much more.

    Parameters
    ----------
    num_experts : int
        Experts of each layer.
    num_tokens : int or array_like of int, shape (num_ranks,)
        As for `batches`.
    top_k : int
        Experts that each token chooses.
    share : float, default 0.1
        Share of all copies that the hot experts get; at most `num_hot` / `top_k`.
    num_hot : int, default 1
        Neighbors that are hot.
    start, length : int
        First step of the burst, and its steps.
    steps, layers : int
        Size of the trace.
    seed : int, default 0
        Same seed, same loads.

    Returns
    -------
    Loads
        The other experts are equally popular.

    Raises
    ------
    ValueError
        If a number is out of range, or the share is impossible.

    Examples
    --------
    >>> from paretoserve.moe import loads
    >>> drawn = loads.burst(8, 1000, 2, share=0.5, start=1, length=1, steps=3)
    >>> np.flatnonzero(drawn.counts[:, 0].max(axis=1) > 800).tolist()
    [1]
    """
    generator, profile, hot = _hot(num_experts, top_k, share, num_hot, steps, layers, seed)
    start, length = check_integer("start", start, 0, steps - 1), check_integer("length", length, 1, _MOST_STEPS)
    firsts = generator.integers(0, num_experts, layers)
    for layer, first in enumerate(firsts):
        where = np.ix_(np.arange(start, min(start + length, steps)), (first + np.arange(num_hot)) % num_experts)
        profile[:, layer][where] = hot
    return _drawn(profile, num_tokens, top_k, generator, f"burst {share:.0%} in {num_hot}")


def hot_rank(
    num_experts: int,
    num_tokens: ArrayLike,
    top_k: int,
    *,
    num_ranks: int | Topology,
    rank: int = 0,
    share: float = 0.5,
    steps: int = 1,
    layers: int = 1,
    seed: int = 0,
) -> Loads:
    """Draw loads in which all experts of one rank are hot: the worst case that distinct experts per token allow.

    Parameters
    ----------
    num_experts : int
        Experts of each layer.
    num_tokens : int or array_like of int, shape (num_sources,)
        As for `batches`.
    top_k : int
        Experts that each token chooses.
    num_ranks : int or Topology
        Ranks, which own contiguous blocks of experts; the first have one more if they do not divide.
    rank : int, default 0
        The hot one.
    share : float, default 0.5
        Share of all copies that its experts get.
    steps, layers : int, default 1
        Size of the trace.
    seed : int, default 0
        Same seed, same loads.

    Returns
    -------
    Loads
        The other experts are equally popular.

    Raises
    ------
    ValueError
        If a number is out of range, or the share is impossible.

    Examples
    --------
    >>> from paretoserve.moe import loads
    >>> loads.hot_rank(64, 10_000, 4, num_ranks=8, share=0.5).ratio(8).round(1)
    array([[4.]])
    """
    number = check_integer("num_ranks", as_topology(num_ranks).num_ranks, 1, num_experts)
    block = np.array_split(np.arange(num_experts), number)[check_integer("rank", rank, 0, number - 1)]
    generator, profile, hot = _hot(num_experts, top_k, share, len(block), steps, layers, seed)
    profile[..., block] = hot
    return _drawn(profile, num_tokens, top_k, generator, f"hot rank {share:.0%}")


def _hot(
    num_experts: int, top_k: int, share: float, num_hot: int, steps: int, layers: int, seed: int
) -> tuple[np.random.Generator, Profile, float]:
    """Return a generator, equal profiles, and what a hot expert weighs against 1 for each other one."""
    experts = check_integer("num_experts", num_experts, 1, _MOST_EXPERTS)
    check_integer("num_hot", num_hot, 1, experts)
    most = min(1.0, num_hot / check_integer("top_k", top_k, 1, experts))
    if not 0 <= share <= most:
        raise ValueError(
            f"`share` must be from 0 to {most:g}, got {share}: a token chooses {top_k} different experts, "
            f"so {num_hot} of them can have at most {num_hot} / {top_k} of all copies"
        )
    shape = (check_integer("steps", steps, 1, _MOST_STEPS), check_integer("layers", layers, 1, _MOST_STEPS), experts)
    cold = experts - num_hot
    if cold == 0 or share == 1:
        return _generator(seed), np.full(shape, 1.0 if cold == 0 else 0.0), 1.0
    return _generator(seed), np.ones(shape), share / (1 - share) * cold / num_hot


def _generator(seed: int) -> np.random.Generator:
    return np.random.default_rng(check_integer("seed", seed, 0, BITS_63))


def _tokens(num_tokens: ArrayLike) -> NDArray[np.int64]:
    """Return the tokens of each source; a number is a single source."""
    if isinstance(num_tokens, int | np.integer):
        return np.array([check_integer("num_tokens", num_tokens, 0, _MOST_TOKENS)], dtype=np.int64)
    return integer_array("num_tokens", num_tokens, np.int64, 0, _MOST_TOKENS)


def _drawn(profiles: Profile, num_tokens: ArrayLike, top_k: int, generator: np.random.Generator, name: str) -> Loads:
    """Return loads drawn from a profile for each step and layer."""
    steps, layers, experts = profiles.shape
    top_k = check_integer("top_k", top_k, 1, experts)
    sources = _tokens(num_tokens)
    counts = np.zeros((steps, layers, len(sources), experts), dtype=np.int64)
    rates = profiles / profiles.sum(axis=2, keepdims=True)
    for step, layer, source in np.ndindex(steps, layers, len(sources)):
        tokens = int(sources[source])
        drawn = generator.multinomial(tokens * top_k, rates[step, layer])
        counts[step, layer, source] = _capped(drawn, tokens, rates[step, layer])
    return Loads(counts if np.ndim(num_tokens) else counts[:, :, 0], top_k, name)


def _capped(counts: NDArray[np.int64], cap: int, rates: Profile) -> NDArray[np.int64]:
    """Return counts of which none is above `cap`: what is above goes to the others in proportion to their rates."""
    counts = counts.copy()
    while (excess := int(np.maximum(counts - cap, 0).sum())) > 0:
        counts = np.minimum(counts, cap)
        weights = np.where(counts < cap, rates, 0.0)
        if not weights.any():
            weights = (counts < cap).astype(np.float64)
        exact = weights / weights.sum() * excess
        given = np.floor(exact).astype(np.int64)
        left = excess - int(given.sum())
        given[np.argsort(given - exact, kind="stable")[:left]] += 1
        counts += given
    return counts
