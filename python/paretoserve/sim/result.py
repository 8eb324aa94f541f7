"""What a simulation tells: times per request, totals, and the sentences that explain them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paretoserve.sim.configuration import Configuration
from paretoserve.sim.trace import Trace

__all__ = ["DecisionLog", "Simulation"]

# Per-request arrays that the native call fills.
_ROWS = ("replica", "scheduled_ns", "first_token_ns", "finish_ns", "preemptions", "cached_tokens", "refusal")
PERCENTILES = (50, 90, 95, 99)
# Order of the native totals of a replica.
_TOTALS = (
    "makespan_ns",
    "steps",
    "batches",
    "busy_ns",
    "flops",
    "bytes",
    "prefill_tokens",
    "decode_tokens",
    "recomputed_tokens",
    "preemptions",
    "peak_blocks",
)


# Replica, rank, lane, rows; outside of the class, where `bytes` is a field.
_LogRow = tuple[int, int, int, bytes]


@dataclass(frozen=True, eq=False)
class DecisionLog:
    """What one scheduler was asked and answered.

    Attributes
    ----------
    replica, lane, rank : int
        Whose scheduler: replica, batch in flight of its pipeline, data-parallel rank.
    rows : ndarray of int64, shape (n, 6)
        Read-only; `paretoserve.sched.KINDS` says what they mean and `paretoserve.sched.replay` repeats them.
    """

    replica: int
    rank: int
    lane: int
    rows: NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class Simulation:
    """The outcome of `simulate`. Arrays have one element per request of the trace, in its order, and are read-only.

    Attributes
    ----------
    trace : Trace
        What was served.
    config : Configuration
        By what.
    num_blocks : int
        KV blocks of each data-parallel rank.
    replica : ndarray of int32, shape (n,)
        Replica that served the request; -1 if it was rejected.
    scheduled_ns, first_token_ns, finish_ns : ndarray of int64, shape (n,)
        Start of its first step, end of the step with its first and its last token, in the time of the trace; -1 if it
        was rejected.
    preemptions : ndarray of int32, shape (n,)
        How often it was sent back to wait and computed again.
    cached_tokens : ndarray of int32, shape (n,)
        Prompt tokens found in the cache when it was first admitted.
    refusal : ndarray of uint8, shape (n,)
        0 if it was served; 1 if it needs more KV blocks than there are; 2 if it exceeds the token budget of an engine
        without chunked prefill.
    steps, batches : int
        Engine steps, and batches that schedulers formed for them; the difference was skipped.
    busy_ns : ndarray of int64, shape (replicas,)
        Time each replica computed.
    flops, bytes : float
        Floating-point operations, and bytes moved to and from GPU memory, on all GPUs; 0.0 if the step time has no
        model of them.
    prefill_tokens, decode_tokens, recomputed_tokens : int
        Tokens computed in prompt chunks and one by one, and how many of the former had been computed before a
        preemption.
    peak_blocks : ndarray of int64, shape (replicas,)
        The most KV blocks that requests of one data-parallel rank held at a time.
    makespan_ns : int
        End of the last step, from time 0 of the trace.
    decisions : tuple of DecisionLog
        What each scheduler decided, if it was recorded.
    """

    trace: Trace
    config: Configuration
    num_blocks: int
    replica: NDArray[np.int32]
    scheduled_ns: NDArray[np.int64]
    first_token_ns: NDArray[np.int64]
    finish_ns: NDArray[np.int64]
    preemptions: NDArray[np.int32]
    cached_tokens: NDArray[np.int32]
    refusal: NDArray[np.uint8]
    steps: int
    batches: int
    busy_ns: NDArray[np.int64]
    flops: float
    bytes: float
    prefill_tokens: int
    decode_tokens: int
    recomputed_tokens: int
    peak_blocks: NDArray[np.int64]
    makespan_ns: int
    decisions: tuple[DecisionLog, ...]

    @classmethod
    def from_native(
        cls,
        trace: Trace,
        config: Configuration,
        num_blocks: int,
        arrays: Any,
        replicas: Sequence[tuple[float, ...]],
        logs: Sequence[_LogRow],
    ) -> Simulation:
        """Put together what the native call returned."""
        columns: dict[str, list[Any]] = {
            name: list(values) for name, values in zip(_TOTALS, zip(*replicas, strict=True), strict=True)
        }
        rows: dict[str, Any] = {name: _frozen(getattr(arrays, name)) for name in _ROWS}
        sums = ("steps", "batches", "flops", "bytes", "prefill_tokens", "decode_tokens", "recomputed_tokens")
        return cls(
            trace=trace,
            config=config,
            num_blocks=num_blocks,
            **rows,
            **{name: sum(columns[name]) for name in sums},
            busy_ns=_frozen(np.array(columns["busy_ns"], dtype=np.int64)),
            peak_blocks=_frozen(np.array(columns["peak_blocks"], dtype=np.int64)),
            makespan_ns=max(columns["makespan_ns"]),
            decisions=tuple(
                DecisionLog(replica, rank, lane, np.frombuffer(rows, dtype=np.int64).reshape(-1, 6))
                for replica, rank, lane, rows in logs
            ),
        )

    @cached_property
    def rejected(self) -> NDArray[np.bool_]:
        """Requests that no engine of this configuration could ever finish."""
        return _frozen(self.refusal != 0)

    @cached_property
    def ttft_s(self) -> NDArray[np.float64]:
        """Seconds from arrival to first token; NaN for a rejected request."""
        return self._seconds(self.first_token_ns - self.trace.arrival_ns)

    @cached_property
    def e2e_s(self) -> NDArray[np.float64]:
        """Seconds from arrival to last token; NaN for a rejected request."""
        return self._seconds(self.finish_ns - self.trace.arrival_ns)

    @cached_property
    def tpot_s(self) -> NDArray[np.float64]:
        """Mean seconds per token after the first; NaN for a rejected request and for an output of one token."""
        later = np.where(self.trace.output_tokens > 1, self.trace.output_tokens - 1.0, np.nan)
        return _frozen(self._seconds(self.finish_ns - self.first_token_ns) / later)

    @cached_property
    def queue_s(self) -> NDArray[np.float64]:
        """Seconds from arrival to the first step; NaN for a rejected request."""
        return self._seconds(self.scheduled_ns - self.trace.arrival_ns)

    @property
    def makespan_s(self) -> float:
        """Seconds from time 0 of the trace to the end of the last step."""
        return self.makespan_ns / 1e9

    @property
    def output_tokens(self) -> int:
        """Output tokens of all served requests."""
        return int(self.trace.output_tokens[~self.rejected].sum(dtype=np.int64))

    def _seconds(self, nanoseconds: NDArray[np.int64]) -> NDArray[np.float64]:
        return _frozen(np.where(self.rejected, np.nan, nanoseconds / 1e9))

    def __repr__(self) -> str:
        return (
            f"Simulation({self.config.label()!r}, num_requests={self.trace.num_requests}, "
            f"rejected={int(self.rejected.sum())}, makespan_s={self.makespan_s:.3f})"
        )

    def summary(self) -> dict[str, Any]:
        """Return what describes the run as plain numbers; percentiles are None where no request has a value."""
        served = ~self.rejected
        prompt_tokens = int(self.trace.prompt_tokens[served].sum(dtype=np.int64))
        cached = int(self.cached_tokens[served].sum(dtype=np.int64))
        values = {"ttft": self.ttft_s, "tpot": self.tpot_s, "e2e": self.e2e_s, "queue": self.queue_s}
        seconds = self.makespan_s
        return {
            "num_requests": self.trace.num_requests,
            "num_rejected": int(self.rejected.sum()),
            "makespan_s": seconds,
            "output_tokens": self.output_tokens,
            "output_tokens_per_s": self.output_tokens / seconds if seconds else None,
            **{key: value for name, column in values.items() for key, value in _describe(name, column)},
            "steps": self.steps,
            "batches": self.batches,
            "utilization": float(self.busy_ns.sum() / (self.makespan_ns * self.busy_ns.size)) if seconds else None,
            "prefill_tokens": self.prefill_tokens,
            "decode_tokens": self.decode_tokens,
            "recomputed_tokens": self.recomputed_tokens,
            "preemptions": int(self.preemptions.sum(dtype=np.int64)),
            "prefix_hit_rate": cached / prompt_tokens if prompt_tokens else None,
            "peak_kv_share": int(self.peak_blocks.max()) / self.num_blocks,
            "flops": self.flops,
            "bytes": self.bytes,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return configuration, summary and per-request lists as plain values that JSON can hold."""
        rows = {name: getattr(self, name).tolist() for name in _ROWS}
        return {"config": self.config.to_dict(), "summary": self.summary(), "requests": rows}

    def to_table(self) -> Any:
        """Return a pyarrow Table with one row per request: the trace's lengths, the times and the latencies."""
        import pyarrow

        trace = {name: getattr(self.trace, name) for name in ("arrival_ns", "prompt_tokens", "output_tokens")}
        rows = {name: getattr(self, name) for name in _ROWS}
        latencies = {name: getattr(self, name) for name in ("queue_s", "ttft_s", "tpot_s", "e2e_s")}
        return pyarrow.table({**trace, **rows, **latencies})

    def explain(self, request: int | None = None) -> str:
        """Say in sentences what happened, to one request or to all of them.

        Parameters
        ----------
        request : int, optional
            Row of the trace; without it the whole run is explained.
        """
        return self._explain_run() if request is None else self._explain_request(request)

    def _explain_run(self) -> str:
        summary = self.summary()
        served = summary["num_requests"] - summary["num_rejected"]
        skipped = f", {self.steps - self.batches} of them skipped as equal decode steps"
        lines = [
            f"{served} of {summary['num_requests']} requests were served in {self.makespan_s:.3f} s by "
            f"{self.config.label()}, busy {100 * (summary['utilization'] or 0):.1f} % of the time",
            f"{self.steps} steps" + skipped * (self.steps > self.batches),
            f"{100 * summary['peak_kv_share']:.1f} % of {self.num_blocks} KV blocks were held at the peak, "
            f"{summary['preemptions']} preemptions made {self.recomputed_tokens} tokens be computed again",
        ]
        if summary["prefix_hit_rate"]:
            lines.append(f"{100 * summary['prefix_hit_rate']:.1f} % of the prompt tokens were found in the cache")
        counts = np.bincount(self.refusal, minlength=3)
        lines += [f"{counts[code]} requests were rejected: {self._reason(code)}" for code in (1, 2) if counts[code]]
        return "\n".join(lines)

    def _explain_request(self, request: int) -> str:
        n = self.trace.num_requests
        if not -n <= request < n:
            raise IndexError(f"`request` must be from 0 to {n - 1}, got {request}")
        prompt, output = int(self.trace.prompt_tokens[request]), int(self.trace.output_tokens[request])
        start = f"request {request % n} with {prompt} prompt and {output} output tokens"
        if self.rejected[request]:
            return f"{start} was rejected: {self._reason(int(self.refusal[request]))}"
        return (
            f"{start} went to replica {self.replica[request]}, waited {self.queue_s[request]:.6f} s, found "
            f"{self.cached_tokens[request]} tokens in the cache, had its first token after "
            f"{self.ttft_s[request]:.6f} s and its last after {self.e2e_s[request]:.6f} s, with "
            f"{self.preemptions[request]} preemptions"
        )

    def _reason(self, code: int) -> str:
        if code == 1:
            tokens = self.num_blocks * self.config.block_size
            return f"prompt and output need more than the {self.num_blocks} KV blocks ({tokens} tokens) of a rank"
        return (
            f"prompt and output exceed `max_num_batched_tokens` = {self.config.max_num_batched_tokens}, "
            "and chunked prefill is off"
        )


def _frozen(values: NDArray[Any]) -> NDArray[Any]:
    values.setflags(write=False)
    return values


def _describe(name: str, values: NDArray[np.float64]) -> Iterable[tuple[str, float | None]]:
    known = values[~np.isnan(values)]
    yield f"{name}_mean_s", float(known.mean()) if known.size else None
    for percent in PERCENTILES:
        yield f"{name}_p{percent}_s", float(np.percentile(known, percent)) if known.size else None
