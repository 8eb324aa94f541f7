"""Built-in workload profiles: traces drawn from the statistics of a public trace, so that no file is needed.

A profile holds the request rate over time, the distribution of gaps around that rate, the distribution of prompt
lengths, and the distribution of output lengths given the prompt length, each as quantile tables. Arrivals are a renewal
process whose clock runs at the changing rate. A trace of any length runs through the whole rate curve, faster if it is
shorter, so that the mean and the peak rate do not depend on the length.

All draws are 30 bits of the raw stream of PCG64, which numpy keeps for good (NEP 19), and everything after that is
integer arithmetic. The same seed therefore gives the same trace on every platform and with every version of numpy.
`tools/fit_profile.py` derives a profile from a trace.
"""

import functools
import json
import operator
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paretoserve.errors import UnknownNameError
from paretoserve.sim.trace import Trace

__all__ = ["MEAN_GAP", "PROFILES", "Profile", "generate", "sample", "table_mean"]

PROFILES = ("azure-chat",)
# Unit of the gap table: a gap of MEAN_GAP is the mean gap at the rate of the moment.
MEAN_GAP = 1_000_000
_DRAW_BITS = 30
_GRID_BITS = 16
_DEFAULT_DURATION_S = 600.0
_MAX_REQUESTS = 100_000_000

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Profile:
    """Statistics of a trace, as `tools/fit_profile.py` writes them.

    Parameters
    ----------
    name : str
    about : dict
        Source, citation, license and the summary of the source.
    duration_ns : int
        Length of the source trace.
    segment_counts : ndarray of int64, shape (s,)
        Requests in each of `s` equal parts of that length, at least 1 each.
    gap_grid, gap_quantiles : ndarray of int64, shape (g,)
        Distribution of the gap between requests, in units of `MEAN_GAP`; the grid goes from 0 to 65536.
    prompt_grid, prompt_quantiles : ndarray of int64, shape (p,)
        Distribution of prompt tokens.
    output_grid : ndarray of int64, shape (q,)
    output_quantiles : ndarray of int64, shape (b, q)
        Distribution of output tokens in each of `b` equally likely ranges of the prompt length.
    """

    name: str
    about: dict[str, Any]
    duration_ns: int
    segment_counts: Integers
    gap_grid: Integers
    gap_quantiles: Integers
    prompt_grid: Integers
    prompt_quantiles: Integers
    output_grid: Integers
    output_quantiles: Integers


@functools.cache
def load_profile(name: str) -> Profile:
    """Return the built-in profile of that name."""
    if name not in PROFILES:
        raise UnknownNameError(f"profile `{name}` is not known\nhint: profiles are {', '.join(PROFILES)}")
    text = resources.files("paretoserve.sim").joinpath(f"data/{name}.json").read_text(encoding="utf-8")
    fields: dict[str, Any] = json.loads(text)
    for key, value in fields.items():
        if isinstance(value, list):
            fields[key] = np.array(value, dtype=np.int64)
    return Profile(**fields)


def generate(name: str, *, seed: int = 0, limit: int | None = None, duration_s: float | None = None) -> Trace:
    """Return a trace of the built-in profile `name`; see `sample`."""
    return sample(load_profile(name), seed=seed, limit=limit, duration_s=duration_s)


def sample(profile: Profile, *, seed: int = 0, limit: int | None = None, duration_s: float | None = None) -> Trace:
    """Draw a trace from a profile.

    Parameters
    ----------
    profile : Profile
    seed : int, default 0
        Not negative. Request `i` has the same lengths for every `limit` and `duration_s`.
    limit : int, optional
        Exactly this many requests, unless `duration_s` ends first.
    duration_s : float, optional
        Requests that arrive before this time; 600 s if neither this nor `limit` is given.

    Returns
    -------
    trace : Trace
        The first request arrives at 0 ns.

    Notes
    -----
    O(n), about 0.4 s of CPU for a million requests.
    """
    seed = operator.index(seed)
    if seed < 0:
        raise ValueError(f"`seed` must not be negative, got {seed}")
    total = int(profile.segment_counts.sum())
    if duration_s is None and limit is not None:
        span_ns, end_ns = limit * profile.duration_ns // total, None
    else:
        span_ns = end_ns = round((_DEFAULT_DURATION_S if duration_s is None else duration_s) * 1e9)
    expected = span_ns * total // profile.duration_ns
    if max(expected, limit or 0) > _MAX_REQUESTS:
        raise ValueError(f"a profile gives at most {_MAX_REQUESTS} requests, asked for {max(expected, limit or 0)}")
    arrival = _arrivals(profile, seed, max(span_ns, 1), end_ns, limit, expected)
    prompt, output = (lengths.astype(np.int32) for lengths in _lengths(profile, seed, arrival.size))
    return Trace(arrival_ns=arrival, prompt_tokens=prompt, output_tokens=output, name=profile.name)


def table_mean(grid: Integers, quantiles: Integers) -> float:
    """Return the mean of the distribution that a quantile table describes, linear between its points."""
    middles = (quantiles[..., 1:] + quantiles[..., :-1]) / 2
    return float((middles * np.diff(grid)).sum(axis=-1).mean() / grid[-1])


def _arrivals(
    profile: Profile, seed: int, span_ns: int, end_ns: int | None, limit: int | None, expected: int
) -> Integers:
    """Arrival times: the first at 0, then one per gap, up to `limit` of them and before `end_ns`."""
    count = limit if limit is not None else expected + 10 * int(expected**0.5) + 100
    while True:
        gaps = _interpolate(_draws(seed, 0, count - 1), profile.gap_grid, profile.gap_quantiles)
        clock = np.concatenate([[0], np.cumsum(gaps)]).astype(np.int64)
        arrival = _to_time(profile, clock, span_ns)
        if end_ns is None:
            return arrival
        if arrival[-1] >= end_ns or count == limit:
            return arrival[: max(1, int(np.searchsorted(arrival, end_ns)))]
        count *= 2


def _to_time(profile: Profile, clock: Integers, span_ns: int) -> Integers:
    """Map the clock that counts mean gaps to nanoseconds: it runs through the rate curve whole times in `span_ns`."""
    num_cycles = max(1, round(span_ns / profile.duration_ns))
    cycle_ns = max(1, span_ns // num_cycles)
    counts = [int(count) for count in profile.segment_counts]
    start_ns = np.array([cycle_ns * i // len(counts) for i in range(len(counts) + 1)], dtype=np.int64)
    ticks = np.array([max(1, count * MEAN_GAP * cycle_ns // profile.duration_ns) for count in counts], dtype=np.int64)
    start_tick = np.concatenate([[0], np.cumsum(ticks)])
    cycle, within = np.divmod(clock, start_tick[-1])
    segment = np.searchsorted(start_tick, within, side="right") - 1
    passed = within - start_tick[segment]
    # passed * length / ticks in two parts, because the product would not fit 64 bits.
    whole, rest = np.divmod(np.diff(start_ns)[segment], ticks[segment])
    time: Integers = cycle * cycle_ns + start_ns[segment] + passed * whole + passed * rest // ticks[segment]
    return time


def _lengths(profile: Profile, seed: int, count: int) -> tuple[Integers, Integers]:
    draws = _draws(seed, 1, 2 * count)
    prompt = _interpolate(draws[::2], profile.prompt_grid, profile.prompt_quantiles)
    ranges = draws[::2] * len(profile.output_quantiles) >> _DRAW_BITS
    output = _interpolate(draws[1::2], profile.output_grid, profile.output_quantiles, ranges)
    return prompt, output


def _draws(seed: int, stream: int, count: int) -> Integers:
    raw = np.random.PCG64(np.random.SeedSequence((seed, stream))).random_raw(count)
    draws: Integers = (raw >> np.uint64(64 - _DRAW_BITS)).astype(np.int64)
    return draws


def _interpolate(draws: Integers, grid: Integers, quantiles: Integers, rows: Integers | None = None) -> Integers:
    """Read a quantile table at the draws, linear between its points and rounded to the nearest integer."""
    edges = grid << (_DRAW_BITS - _GRID_BITS)
    index = np.searchsorted(edges, draws, side="right") - 1
    low, high = (quantiles[index + k] if rows is None else quantiles[rows, index + k] for k in (0, 1))
    passed, width = draws - edges[index], edges[index + 1] - edges[index]
    values: Integers = low + (2 * (high - low) * passed + width) // (2 * width)
    return values
