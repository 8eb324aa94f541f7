"""A request trace: when each request arrives, how long its prompt and answer are, and which prefix blocks it shares.

A trace is plain data and never changes: arrays are checked once, copied and made read-only, so that simulations on many
threads may share one. Times are integer nanoseconds. Its digest names the content, whatever file it came from.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paretoserve.errors import DtypeError, ShapeError
from paretoserve.sim.terms import Terms

__all__ = ["Trace"]

MAX_TOKENS = 2**31 - 1
_DIGEST_HEADER = b"paretoserve.trace.1"


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """Requests in order of arrival.

    Parameters
    ----------
    arrival_ns : array_like of int, shape (n,), n >= 1
        Arrival times in nanoseconds, not negative, not decreasing. Readers shift them so that the first is 0.
    prompt_tokens, output_tokens : array_like of int, shape (n,)
        Lengths from 1 to 2147483647. Kept as int32.
    hash_offsets : array_like of int, shape (n + 1,), optional
        Request `i` has the block hashes ``hash_ids[hash_offsets[i]:hash_offsets[i + 1]]``. Starts at 0, does not
        decrease.
    hash_ids : array_like of int, shape (hash_offsets[-1],), optional
        One id per block of `hash_block_tokens` prompt tokens, from the start of the prompt; equal ids mean an equal
        prefix. The last block may be partly filled; a prompt may have fewer ids than blocks, never more.
    hash_block_tokens : int, default 512
        Prompt tokens per id.
    name : str
        Shown in tables. Not part of the digest.
    terms : Terms, optional
        What schedulers are told beyond lengths: priorities, weights, tenants, deadlines and more.

    Raises
    ------
    ShapeError
        If arrays are not one-dimensional or do not have the same length.
    DtypeError
        If an array does not hold integers.
    ValueError
        If a value is out of range, arrivals decrease, or there is no request.

    Notes
    -----
    O(n); arrays are copied, so the caller's stay writable and later writes to them change nothing here.

    Examples
    --------
    >>> trace = Trace(arrival_ns=[0, 500_000_000], prompt_tokens=[100, 20], output_tokens=[7, 9])
    >>> trace.num_requests, trace.duration_s
    (2, 0.5)
    """

    arrival_ns: NDArray[np.int64]
    prompt_tokens: NDArray[np.int32]
    output_tokens: NDArray[np.int32]
    hash_offsets: NDArray[np.int64] | None = None
    hash_ids: NDArray[np.int64] | None = None
    hash_block_tokens: int = 512
    name: str = ""
    terms: Terms | None = None

    def __post_init__(self) -> None:
        arrival = _integers("arrival_ns", self.arrival_ns, np.int64, 0)
        if arrival.size == 0:
            raise ValueError("a trace must have at least one request, got 0")
        _refuse_decrease("arrival_ns", arrival)
        self._set("arrival_ns", arrival)
        for field in ("prompt_tokens", "output_tokens"):
            values = _integers(field, getattr(self, field), np.int32, 1)
            if values.size != arrival.size:
                raise ShapeError(f"`{field}` must have shape ({arrival.size},) as `arrival_ns`, got ({values.size},)")
            self._set(field, values)
        if isinstance(self.hash_block_tokens, bool) or not isinstance(self.hash_block_tokens, int | np.integer):
            kind = type(self.hash_block_tokens).__name__
            raise DtypeError(f"`hash_block_tokens` must be an integer, got {kind}")
        if not 1 <= self.hash_block_tokens <= MAX_TOKENS:
            raise ValueError(f"`hash_block_tokens` must be from 1 to {MAX_TOKENS}, got {self.hash_block_tokens}")
        self._set("hash_block_tokens", int(self.hash_block_tokens))
        self._check_hashes()
        if self.terms is not None:
            if not isinstance(self.terms, Terms):
                raise DtypeError(f"`terms` must be sim.Terms, got {type(self.terms).__name__}")
            self.terms.check_length(arrival.size)

    def _set(self, field: str, value: object) -> None:
        object.__setattr__(self, field, value)

    def _check_hashes(self) -> None:
        if self.hash_offsets is None and self.hash_ids is None:
            return
        if self.hash_offsets is None or self.hash_ids is None:
            raise ValueError("`hash_offsets` and `hash_ids` must be given together, got one of them")
        offsets = _integers("hash_offsets", self.hash_offsets, np.int64, 0)
        ids = _integers("hash_ids", self.hash_ids, np.int64, None)
        if offsets.size != self.num_requests + 1:
            raise ShapeError(f"`hash_offsets` must have shape ({self.num_requests + 1},), got ({offsets.size},)")
        _refuse_decrease("hash_offsets", offsets)
        if offsets[0] != 0 or offsets[-1] != ids.size:
            raise ValueError(
                f"`hash_offsets` must go from 0 to the length of `hash_ids`, {ids.size}, "
                f"got {offsets[0]} to {offsets[-1]}"
            )
        num_blocks = -(-self.prompt_tokens.astype(np.int64) // self.hash_block_tokens)
        excess = np.flatnonzero(np.diff(offsets) > num_blocks)
        if excess.size:
            row = int(excess[0])
            raise ValueError(
                f"`hash_ids` must have at most one id per {self.hash_block_tokens} prompt tokens, "
                f"got {offsets[row + 1] - offsets[row]} for {self.prompt_tokens[row]} tokens in request {row}"
            )
        self._set("hash_offsets", offsets)
        self._set("hash_ids", ids)

    def __repr__(self) -> str:
        return f"Trace(name={self.name!r}, num_requests={self.num_requests}, duration_s={self.duration_s:.3f})"

    @property
    def num_requests(self) -> int:
        """Number of requests, at least 1."""
        return int(self.arrival_ns.size)

    @property
    def duration_s(self) -> float:
        """Seconds from the first to the last arrival; 0.0 if all arrive at once."""
        return float(int(self.arrival_ns[-1]) - int(self.arrival_ns[0])) / 1e9

    @property
    def requests_per_s(self) -> float:
        """Mean arrival rate: gaps per second; NaN if all requests arrive at once, where no rate exists."""
        return (self.num_requests - 1) / self.duration_s if self.duration_s > 0 else float("nan")

    def head(self, n: int) -> "Trace":
        """Return the first `n` requests, or all if there are fewer; `n` must be at least 1."""
        if n < 1:
            raise ValueError(f"`n` must be at least 1, got {n}")
        n = min(n, self.num_requests)
        offsets, ids = self.hash_offsets, self.hash_ids
        if offsets is not None and ids is not None:
            offsets, ids = offsets[: n + 1], ids[: offsets[n]]
        return replace(
            self,
            arrival_ns=self.arrival_ns[:n],
            prompt_tokens=self.prompt_tokens[:n],
            output_tokens=self.output_tokens[:n],
            hash_offsets=offsets,
            hash_ids=ids,
            terms=None if self.terms is None else self.terms.take(slice(n)),
        )

    def scaled(self, rate: float) -> "Trace":
        """Return the same requests with all gaps stretched alike, so that `rate` of them arrive per second.

        The first arrival becomes 0; the shape of the arrivals (their CV) stays, and so does the time from an arrival to
        its deadline. Times are rounded to a nanosecond.

        Examples
        --------
        >>> trace = Trace(arrival_ns=[0, 10**9, 4 * 10**9], prompt_tokens=[1, 1, 1], output_tokens=[1, 1, 1])
        >>> trace.scaled(1.0).duration_s
        2.0
        """
        if not (np.isfinite(rate) and rate > 0):
            raise ValueError(f"`rate` must be finite and above 0 requests per second, got {rate}")
        if self.duration_s == 0:
            raise ValueError("`rate` cannot be set for a trace whose requests all arrive at once")
        passed, factor = self.arrival_ns - self.arrival_ns[0], self.requests_per_s / rate
        if not float(passed[-1]) * factor < 2.0**63:
            raise ValueError(f"`rate` is so low that arrival times do not fit 64-bit nanoseconds, got {rate}")
        arrival = np.rint(passed * factor).astype(np.int64)
        terms = None if self.terms is None else self.terms.moved(self.arrival_ns, arrival)
        return replace(self, arrival_ns=arrival, terms=terms)

    def digest(self) -> str:
        """Return the SHA-256 of the content as hex digits: times, lengths, hashes, terms, not the name or the file."""
        content = hashlib.sha256(_DIGEST_HEADER)
        for values in (self.arrival_ns, self.prompt_tokens, self.output_tokens):
            content.update(values.size.to_bytes(8, "little") + values.astype(values.dtype.newbyteorder("<")).tobytes())
        if self.hash_offsets is not None and self.hash_ids is not None:
            content.update(self.hash_block_tokens.to_bytes(8, "little"))
            for values in (self.hash_offsets, self.hash_ids):
                content.update(values.size.to_bytes(8, "little") + values.astype("<i8").tobytes())
        for name, values in () if self.terms is None else self.terms.columns():
            content.update(name.encode() + values.astype(values.dtype.newbyteorder("<")).tobytes())
        return content.hexdigest()

    def summary(self) -> dict[str, Any]:
        """Return what describes the load: rate, inter-arrival CV, length statistics in tokens and their correlation.

        A value that does not exist (the rate of a single request, the correlation of constant lengths) is None.
        """
        gaps = np.diff(self.arrival_ns).astype(np.float64)
        prompt, output = self.prompt_tokens.astype(np.float64), self.output_tokens.astype(np.float64)
        varied = prompt.min() < prompt.max() and output.min() < output.max()
        return {
            "name": self.name,
            "num_requests": self.num_requests,
            "duration_s": self.duration_s,
            "requests_per_s": self.requests_per_s if self.duration_s > 0 else None,
            "interarrival_cv": float(gaps.std() / gaps.mean()) if self.duration_s > 0 else None,
            "prompt_tokens": _describe(prompt),
            "output_tokens": _describe(output),
            "length_correlation": float(np.corrcoef(prompt, output)[0, 1]) if varied else None,
            "num_hash_ids": 0 if self.hash_ids is None else int(self.hash_ids.size),
        }


def _describe(values: NDArray[np.float64]) -> dict[str, float]:
    quantiles = {f"p{percent}": float(np.percentile(values, percent)) for percent in (50, 90, 99)}
    return {"mean": float(values.mean()), **quantiles, "max": float(values.max())}


def _integers(argument: str, values: ArrayLike, dtype: type[np.signedinteger[Any]], least: int | None) -> NDArray[Any]:
    """Copy `values` into a read-only array of `dtype` after checking that each one is an integer that fits."""
    given = np.asarray(values)
    if given.ndim != 1:
        raise ShapeError(f"`{argument}` must have shape (n,), got {given.shape}")
    if given.dtype.kind not in "iu" and given.size:
        hint = "\nhint: lengths are counts and times are nanoseconds; round them first"
        raise DtypeError(f"`{argument}` must hold integers that fit 64 bits, got {given.dtype}{hint}")
    limits = np.iinfo(dtype)
    low, high = int(limits.min) if least is None else least, int(limits.max)
    outside = np.flatnonzero((given < low) | (given > high))
    if outside.size:
        row = int(outside[0])
        raise ValueError(f"`{argument}` must be from {low} to {high}, got {given[row]} in request {row}")
    copy = np.array(given, dtype=dtype)
    copy.setflags(write=False)
    return copy


def _refuse_decrease(argument: str, values: NDArray[np.int64]) -> None:
    later = np.flatnonzero(values[1:] < values[:-1])
    if later.size:
        row = int(later[0]) + 1
        raise ValueError(f"`{argument}` must not decrease, got {values[row]} after {values[row - 1]} in request {row}")
