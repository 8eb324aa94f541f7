"""vLLM's V1 scheduler with our order: ``--scheduler-cls paretoserve.integrations.vllm.ParetoScheduler``.

vLLM keeps slots, token budgets and KV blocks. Both of its waiting queues are replaced: `WaitingQueue` asks our
scheduler who is next, `HoldingQueue` keeps what holds KV blocks already. What runs is sorted best first before each
step, since vLLM makes the last one give way. Options come from ``--additional-config '{"paretoserve": {...}}'``.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from paretoserve.integrations._queue import EngineQueue
from paretoserve.integrations._versions import require
from paretoserve.sched import Scheduler

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["TESTED", "HoldingQueue", "WaitingQueue", "scheduler_class"]

TESTED = ("0.33", "0.34")
"""Least tested version of vLLM, and the first that was not tested."""

PROGRESS_STEPS = 16
"""How often our scheduler is told what runs when nobody has to give way."""

_log = logging.getLogger(__name__)


def scheduler_class() -> type:
    """Return the class for vLLM's ``scheduler_cls``; the same as the attribute ``ParetoScheduler`` of this module.

    Returns
    -------
    type
        A subclass of vLLM's ``AsyncScheduler``, so that asynchronous scheduling stays on. Its instances have our
        scheduler as ``decisions``.

    Raises
    ------
    ImportError
        If vLLM is missing or is a version this was not tested with.

    Examples
    --------
    >>> from vllm.config import SchedulerConfig  # doctest: +SKIP
    >>> config = SchedulerConfig(scheduler_cls=scheduler_class())  # doctest: +SKIP
    """
    if "ParetoScheduler" not in globals():
        require("vllm", *TESTED)
        from vllm.v1.core.sched.async_scheduler import AsyncScheduler

        body = {"__module__": __name__, "__doc__": _Ordered.__doc__}
        globals()["ParetoScheduler"] = type("ParetoScheduler", (_Ordered, AsyncScheduler), body)
    made: type = globals()["ParetoScheduler"]
    return made


def __getattr__(name: str) -> type:
    """Make the class when vLLM asks for it by name."""
    if name == "ParetoScheduler":
        return scheduler_class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class WaitingQueue:
    """vLLM's queue of waiting requests in the order of our scheduler; the methods are those of its ``RequestQueue``.

    Parameters
    ----------
    queue : EngineQueue
        Where requests that run are known as well.
    max_model_len : int
        An output limit that reaches it says nothing about the size.
    """

    def __init__(self, queue: EngineQueue, max_model_len: int) -> None:
        self._queue = queue
        self._max_model_len = max_model_len
        self._requests: dict[str, Any] = {}

    def add_request(self, request: Any) -> None:
        """Queue a request that is new, or one of a session that goes on."""
        name = request.request_id
        self._requests[name] = request
        if self._queue.is_taken(name):
            self._queue.progress({name: request.num_output_tokens})
            self._queue.give_back(name)
        elif name not in self._queue:
            self._add(name, request)

    def prepend_request(self, request: Any) -> None:
        """Queue a request that lost its place."""
        self.add_request(request)

    def prepend_requests(self, requests: Iterable[Any]) -> None:
        """Take back requests that could not start in this step; the last goes to the front."""
        for request in requests:
            name = request.request_id
            self._requests[name] = request
            if name in self._queue:
                self._queue.hold(name)
            else:
                self._add(name, request)

    def peek_request(self) -> Any:
        """Return who is next, the same until it is popped or removed."""
        name = self._queue.first(time.monotonic_ns())
        if name is None:
            raise IndexError("peek from an empty queue")
        return self._requests[name]

    def pop_request(self) -> Any:
        """Return who is next and let it run."""
        request = self.peek_request()
        self._queue.take(request.request_id)
        return self._requests.pop(request.request_id)

    def remove_request(self, request: Any) -> None:
        """Forget a request; nothing happens if it does not wait here."""
        if self._requests.pop(request.request_id, None) is not None:
            self._queue.remove(request.request_id, finished=False)

    def remove_requests(self, requests: Iterable[Any]) -> None:
        """Forget requests, each in O(log n)."""
        for request in list(requests):
            self.remove_request(request)

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._requests)

    def __iter__(self) -> Iterator[Any]:
        """Iterate over those that wait, the next ones first where they are chosen, then by arrival."""
        return iter([self._requests[name] for name in self._queue])

    def _add(self, name: str, request: Any) -> None:
        """Submit with the request's own terms, or without them if they make no sense: an engine must not fall over."""
        now, sizes = time.monotonic_ns(), _sizes(request, self._max_model_len)
        given = _given_terms(request)
        try:
            self._queue.add(name, now, **{**sizes, **given})
        except (TypeError, ValueError) as refusal:
            _log.warning("request %s: %s; its terms are ignored", name, refusal)
            self._queue.add(name, now, **sizes)


class HoldingQueue:
    """vLLM's queue of requests that wait and hold KV blocks: its own order, with removal in O(1)."""

    def __init__(self) -> None:
        self._requests: dict[str, Any] = {}

    def add_request(self, request: Any) -> None:
        """Append a request."""
        self._requests[request.request_id] = request

    def prepend_request(self, request: Any) -> None:
        """Put a request before all others."""
        self.prepend_requests([request])

    def prepend_requests(self, requests: Iterable[Any]) -> None:
        """Put requests before all others; the last goes to the front."""
        front = {request.request_id: request for request in reversed(list(requests))}
        self._requests = front | {name: request for name, request in self._requests.items() if name not in front}

    def peek_request(self) -> Any:
        """Return the first."""
        if not self._requests:
            raise IndexError("peek from an empty queue")
        return next(iter(self._requests.values()))

    def pop_request(self) -> Any:
        """Return the first and forget it."""
        return self._requests.pop(self.peek_request().request_id)

    def remove_request(self, request: Any) -> None:
        """Forget a request; nothing happens if it does not wait here."""
        self._requests.pop(request.request_id, None)

    def remove_requests(self, requests: Iterable[Any]) -> None:
        """Forget requests."""
        for request in list(requests):
            self.remove_request(request)

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._requests)

    def __iter__(self) -> Iterator[Any]:
        """Iterate over requests in order."""
        return iter(list(self._requests.values()))


class _Ordered:
    """vLLM's asynchronous scheduler; our scheduler chooses who enters and who gives way."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        engine: Any = super()
        engine.__init__(*arguments, **options)
        state: Any = self
        config = state.vllm_config.additional_config
        given = config.get("paretoserve", {}) if isinstance(config, dict) else {}
        chosen = {"policy": "srpt", **given}
        self._takes_slots = chosen.get("preempt", "none") == "slots"
        self.decisions = Scheduler(**chosen)
        self.queue = EngineQueue(self.decisions)
        state.waiting = WaitingQueue(self.queue, state.max_model_len)
        state.kv_holding_waiting = HoldingQueue()

    def schedule(self, *arguments: Any, **options: Any) -> Any:
        """Form a step of vLLM after sorting what runs, where somebody may have to give way."""
        state: Any = self
        slots = state.max_num_active_reqs - state.num_waiting_for_streaming_input
        for_slot, for_block = self._slot_may_be_taken(state, slots), _blocks_may_run_out(state)
        # Who waits in which order does not depend on it, so in the other steps progress can wait.
        if for_slot or for_block or state.current_step % PROGRESS_STEPS == 0:
            self.queue.progress({request.request_id: request.num_output_tokens for request in state.running})
        if for_slot:
            self._take_slots(state, slots)
        if for_block:
            places = {name: place for place, name in enumerate(self.queue.best_first())}
            # What our scheduler did not admit holds KV that came from elsewhere: it gives way last.
            state.running.sort(key=lambda request: places.get(request.request_id, -1))
        engine: Any = super()
        return engine.schedule(*arguments, **options)

    def _slot_may_be_taken(self, state: Any, slots: int) -> bool:
        """Return whether only a slot is missing, and only requests that vLLM can preempt at once hold them."""
        if not self._takes_slots or state.connector is not None:
            return False
        full = len(state.running) >= slots and len(state.waiting) > 0
        return full and self.queue.num_taken == len(state.running)

    def _take_slots(self, state: Any, slots: int) -> None:
        """Preempt for shorter requests where that pays."""
        for name in self.queue.admit(time.monotonic_ns(), slots):
            victim = state.requests[name]
            state.running.remove(victim)
            state._preempt_request(victim, time.monotonic())

    def _free_request(self, request: Any, *arguments: Any, **options: Any) -> Any:
        """Forget a request that is over."""
        self.queue.progress({request.request_id: request.num_output_tokens})
        self.queue.remove(request.request_id, finished="ABORTED" not in request.status.name)
        engine: Any = super()
        return engine._free_request(request, *arguments, **options)


def _blocks_may_run_out(state: Any) -> bool:
    """Return whether what runs could ask for more KV blocks in this step than are free, with a margin of two."""
    tokens = state.max_num_scheduled_tokens // state.block_size + len(state.running)
    wanted = 2 * tokens * len(state.kv_cache_config.kv_cache_groups)
    free = state.kv_cache_manager.block_pool.get_num_free_blocks()
    return bool(free < wanted)


def _sizes(request: Any, max_model_len: int) -> dict[str, int]:
    """Return the prompt and, where the request limits it, the output still to come."""
    known, parameters = request.num_output_tokens, request.sampling_params
    sizes = {"prompt_tokens": max(1, request.num_tokens)}
    limit = parameters.max_tokens if parameters is not None else 1
    # vLLM fills in what the context leaves if the user set no limit.
    if limit is not None and limit < max_model_len - request.num_prompt_tokens:
        sizes["expected_output_tokens"] = max(1, limit - known)
    return sizes


def _given_terms(request: Any) -> dict[str, Any]:
    """Return what the user wrote into ``extra_args={"paretoserve": {...}}``."""
    extra = getattr(request.sampling_params, "extra_args", None) or {}
    given = extra.get("paretoserve", {})
    given = dict(given) if isinstance(given, dict) else {"extra_args": given}
    given.pop("prompt_tokens", None)
    return {"priority": request.priority, **given}
