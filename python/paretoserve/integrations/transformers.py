"""Continuous batching of Hugging Face transformers with our scheduler.

`register` adds an entry to the engine's own table of schedulers; ``ContinuousBatchingConfig(scheduler_type=...)``
selects it. Our scheduler chooses who is admitted, within the engine's limits of requests and tokens, and orders what
runs, best first, so that the engine moves out the worst when its cache is full. Everything else stays the engine's.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from paretoserve.integrations._queue import EngineQueue
from paretoserve.integrations._versions import require
from paretoserve.sched import Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TESTED", "register"]

TESTED = ("5.20", "5.24")
"""Least tested version of transformers, and the first that was not tested."""


def register(
    name: str = "paretoserve",
    *,
    policy: str = "srpt",
    expected_output_tokens: Callable[[Any], int | None] | None = None,
    **options: Any,
) -> type:
    """Add a scheduler to the continuous batching of transformers.

    Parameters
    ----------
    name : str, default "paretoserve"
        What to write into ``ContinuousBatchingConfig(scheduler_type=...)``; an entry of that name is replaced, but
        not the engine's own.
    policy : str, default "srpt"
        As in `sched.Scheduler`.
    expected_output_tokens : callable, optional
        Gets the engine's request state, returns the expected output in tokens or None if it is unknown. By default
        the request's ``max_new_tokens``.
    **options
        Further arguments of `sched.Scheduler`; ``preempt`` is the engine's business.

    Returns
    -------
    type
        The class that was added. Its instances have the scheduler as ``decisions``.

    Raises
    ------
    ImportError
        If transformers is missing or is a version this was not tested with.
    ValueError
        If the name is taken by the engine or an option is wrong.

    Notes
    -----
    Adds O(running + admitted log n) per step; the engine's own work per step stays O(running + admitted), where its
    ``fifo`` walks through all that wait.

    Examples
    --------
    >>> from transformers import ContinuousBatchingConfig  # doctest: +SKIP
    >>> register("srpt", fifo_share=0.5)  # doctest: +SKIP
    >>> config = ContinuousBatchingConfig(scheduler_type="srpt")  # doctest: +SKIP
    """
    require("transformers", *TESTED)
    from transformers.generation.continuous_batching.scheduler import SCHEDULER_MAPPING, FIFOScheduler

    known: Any = SCHEDULER_MAPPING
    if "preempt" in options:
        raise ValueError("`preempt` is decided by transformers, which frees KV blocks in its own way; leave it out")
    if name in known and not issubclass(known[name], _Ordered):
        raise ValueError(f"`name` must not be a scheduler of transformers, got {name!r}")

    def make() -> EngineQueue:
        return EngineQueue(Scheduler(policy, **options))  # type: ignore[arg-type]

    make()  # wrong options are refused now, not in the engine's thread
    body = {"make_queue": staticmethod(make), "expect": staticmethod(expected_output_tokens or _declared)}
    made = type("ParetoScheduler", (_Ordered, FIFOScheduler), body | {"__doc__": _Ordered.__doc__})
    known[name] = made
    return made


def _declared(state: Any) -> int | None:
    tokens: int | None = state.max_new_tokens
    return tokens


class _Ordered:
    """What differs from the engine's FIFO scheduler."""

    make_queue: Callable[[], EngineQueue]
    expect: Callable[[Any], int | None]
    active_requests: dict[str, Any]
    waiting_requests: dict[str, Any]
    waiting_requests_order: Any
    block_new_requests: bool
    max_requests_per_batch: int
    queue: EngineQueue

    @property
    def decisions(self) -> Scheduler:
        """The scheduler that decides, with its log if it records."""
        return self.queue.scheduler

    def reset(self) -> None:
        """Forget everything."""
        engine: Any = super()
        engine.reset()
        self.queue = self.make_queue()
        self._last: list[Any] = []

    def add_waiting_request(self, state: Any) -> None:
        """Queue a new request, or one that the engine moved out of its cache."""
        self.waiting_requests[state.request_id] = state
        self.queue.remove(state.request_id, finished=False)
        # What is in flight or in the CPU cache need not be computed again.
        prompt = max(1, len(state.initial_tokens) + len(state.generated_tokens))
        expected = self.expect(state)
        remaining = None if expected is None else max(1, expected - len(state.generated_tokens))
        self.queue.add(state.request_id, time.monotonic_ns(), prompt_tokens=prompt, expected_output_tokens=remaining)

    def finish_request(self, request_id: str) -> None:
        """Free what a request holds."""
        engine: Any = super()
        engine.finish_request(request_id)
        self.queue.remove(request_id, finished=True)

    def clear_cancelled_requests(self) -> list[Any]:
        """Forget requests that nobody wants."""
        engine: Any = super()
        cancelled: list[Any] = engine.clear_cancelled_requests()
        for state in cancelled:
            self.queue.remove(state.request_id, finished=False)
        return cancelled

    def schedule_batch(self, token_budget: int, cache_budget: int) -> tuple[list[Any] | None, bool, int, int]:
        """Form a step: what runs, best first, decodes before prefills; then those whom our scheduler admits."""
        engine: Any = self
        self._note_progress()
        if not self.block_new_requests:
            # Children of parallel sampling run without having been queued.
            foreign = sum(name not in self.queue for name in self.active_requests)
            slots = max(0, self.max_requests_per_batch - foreign)
            self.queue.admit(time.monotonic_ns(), slots, max(0, token_budget - foreign))
        scheduled, failed, fast, num_queries, num_read = engine._process_candidates(
            self._candidates(), token_budget, cache_budget, set()
        )
        for name in [name for name in self.queue.ready if name in self.active_requests]:
            self.queue.take(name)
        self._last = [(future.state, future.query_length, future.has_new_token) for future in scheduled]
        if not scheduled and failed:
            return None, fast, 0, 0
        return scheduled, fast, num_queries, num_read

    def _candidates(self) -> list[Any]:
        active = self.active_requests
        names = [name for name in self.queue.best_first() if name in active]
        foreign = [name for name in active if name not in self.queue]
        running = [active[name] for name in foreign + names]
        decodes = [state for state in running if not state.remaining_prefill_tokens]
        prefills = [state for state in running if state.remaining_prefill_tokens]
        if self.block_new_requests:
            return decodes + prefills
        for name in [name for name in self.queue.ready if name not in self.waiting_requests]:
            self.queue.remove(name, finished=False)  # the engine failed it
        return decodes + prefills + [self.waiting_requests[name] for name in self.queue.ready]

    def _note_progress(self) -> None:
        """Tell what the last step computed and sampled."""
        sampled = {}
        for state, num_tokens, has_new_token in self._last:
            name = state.request_id
            if not self.queue.is_taken(name):
                continue
            if has_new_token:
                sampled[name] = self.queue.sampled(name) + 1
            else:
                self.queue.computed(name, num_tokens)
        self.queue.progress(sampled)
        self._last = []
