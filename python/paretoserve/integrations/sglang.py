"""SGLang's waiting queue in our order, as a plug-in of SGLang's own framework.

Our package names `plugin` in the entry-point group ``sglang.srt.plugins``; SGLang calls it early in each process. It
does nothing unless ``PARETOSERVE_SGLANG`` holds arguments of `sched.Scheduler` as JSON: an installed package must not
change an engine silently. Then the queue is sorted after SGLang's own ``calc_priority``, before every prefill.
"""

from __future__ import annotations

import json
import os
from itertools import count
from typing import TYPE_CHECKING, Any

from paretoserve._integers import BITS_32
from paretoserve.integrations._versions import require
from paretoserve.sched import Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TESTED", "QueueOrder", "plugin"]

TESTED = ("0.5.23", "0.5.24")
"""Least tested version of SGLang, and the first that was not tested."""

TARGET = "sglang.srt.managers.schedule_policy.SchedulePolicy.calc_priority"

POLICIES = ("fcfs", "priority", "srpt")
"""Policies whose order follows from the queue alone, which is all that SGLang shows."""

LARGEST_PERIOD = 64


def plugin() -> None:
    """Register the hook, if ``PARETOSERVE_SGLANG`` is set.

    Returns
    -------
    None
        The hook acts from SGLang's next ``apply_hooks`` on, which follows by itself.

    Raises
    ------
    ImportError
        If SGLang is missing or is a version this was not tested with.
    ValueError
        If the variable is no JSON object of options or an option is wrong.

    Examples
    --------
    >>> plugin()  # nothing happens without the variable
    """
    text = os.environ.get("PARETOSERVE_SGLANG")
    if text is None:
        return
    require("sglang", *TESTED)
    try:
        options = json.loads(text)
    except json.JSONDecodeError:
        options = None
    if not isinstance(options, dict):
        raise ValueError(f'`PARETOSERVE_SGLANG` must be a JSON object such as {{"policy": "srpt"}}, got {text!r}')
    from sglang.srt.plugins.hook_registry import HookRegistry, HookType

    HookRegistry.register(TARGET, QueueOrder(**options).around, HookType.AROUND)


class QueueOrder:
    """Sorts a waiting queue in place, the same way on every rank.

    Parameters
    ----------
    policy : {"fcfs", "priority", "srpt"}, default "srpt"
        As in `sched.Scheduler`. The size of a request is its prompt without what the cache matched, and what is left of
        its ``max_new_tokens``.
    fifo_share : float, default 0.5
        As in `sched.Scheduler`: 0, or one over an integer up to 64. Requests that left the queue count as admitted.
    prefill_weight : float, default 0.02
        As in `sched.Scheduler`.

    Notes
    -----
    O(n log n) for n that wait. No clock is read, so ranks that see the same queue decide the same.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> def request(size):
    ...     sizes = {"sampling_params": SimpleNamespace(max_new_tokens=size), "num_matched_prefix_tokens": 0}
    ...     return SimpleNamespace(origin_input_ids=[1, 2, 3], output_ids=[], priority=None, **sizes)
    >>> queue = [request(500), request(100), request(5)]
    >>> QueueOrder().sort(queue)
    >>> [waiting.sampling_params.max_new_tokens for waiting in queue]
    [5, 500, 100]
    """

    def __init__(self, policy: str = "srpt", *, fifo_share: float = 0.5, prefill_weight: float = 0.02) -> None:
        if policy not in POLICIES:
            raise ValueError(f"`policy` must be one of {', '.join(POLICIES)} in SGLang, got {policy!r}")
        self._options: dict[str, Any] = {"fifo_share": fifo_share, "prefill_weight": prefill_weight}
        self._policy: Any = policy
        self._scheduler()
        self._period = round(1 / fifo_share) if fifo_share > 0 else 1
        if self._period > LARGEST_PERIOD or (fifo_share > 0 and abs(fifo_share * self._period - 1) > 1e-5):
            raise ValueError(f"`fifo_share` must be 0 or one over an integer up to 64 in SGLang, got {fifo_share}")
        self._numbers = count()
        self._num_left = 0
        self._last: set[int] = set()

    def around(
        self,
        original: Callable[..., None],
        policy: Any,
        waiting_queue: list[Any],
        *arguments: Any,
        **options: Any,
    ) -> None:
        """Sort after SGLang: the hook around ``SchedulePolicy.calc_priority``."""
        original(policy, waiting_queue, *arguments, **options)
        self.sort(waiting_queue, policy.priority_sign)

    def sort(self, waiting_queue: list[Any], priority_sign: int = 1) -> None:
        """Put the queue into the order in which requests should be admitted."""
        by_number = {self._number(request): request for request in waiting_queue}
        numbers = sorted(by_number)
        self._num_left += len(self._last.difference(numbers))
        self._last = set(numbers)
        if len(numbers) < 2:
            return
        requests = [by_number[number] for number in numbers]
        # The turns of the oldest go on where the last pass stopped: so many requests were admitted before.
        done = [-1 - turn for turn in range(self._num_left % self._period)]
        scheduler = self._scheduler()
        scheduler.submit_many(
            done + numbers,
            0,
            prompt_tokens=[1] * len(done) + [_prompt(request) for request in requests],
            expected_output_tokens=[1] * len(done) + [_output(request) for request in requests],
            cached_tokens=[0] * len(done) + [_cached(request) for request in requests],
            priority=[-(2**31)] * len(done) + [(request.priority or 0) * priority_sign for request in requests],
        )
        scheduler.next_batch(0, len(done), BITS_32, None)
        batch = scheduler.next_batch(0, len(done) + len(numbers), BITS_32, None)
        waiting_queue[:] = [by_number[number] for number in batch.admitted.tolist()]

    def _scheduler(self) -> Scheduler:
        return Scheduler(self._policy, **self._options)

    def _number(self, request: Any) -> int:
        """Return the place of a request among all that ever waited; it keeps it when it comes back."""
        if getattr(request, "paretoserve_number", None) is None:
            request.paretoserve_number = next(self._numbers)
        return int(request.paretoserve_number)


def _prompt(request: Any) -> int:
    return max(1, len(request.origin_input_ids) + len(request.output_ids))


def _cached(request: Any) -> int:
    matched: int = request.num_matched_prefix_tokens
    return max(0, min(matched, _prompt(request) - 1))


def _output(request: Any) -> int:
    limit: int | None = request.sampling_params.max_new_tokens
    return BITS_32 if limit is None else min(BITS_32, max(1, limit - len(request.output_ids)))
