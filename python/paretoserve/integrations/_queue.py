"""The order in which an engine takes its requests, kept by a `sched.Scheduler`.

Engines keep their own slots, token budgets and KV blocks and ask one thing: who is next? An admission of our scheduler
is the answer. A request it admitted stands in `ready` until the engine takes it or gives it back.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paretoserve.sched import Scheduler

__all__ = ["UNLIMITED", "EngineQueue"]

UNLIMITED = 2**32 - 1


@dataclass(slots=True)
class _Entry:
    """A live request: its number, tokens to compute before it samples again, tokens sampled, who took it."""

    number: int
    missing: int
    sampled: int = 0
    taken: bool = False


class EngineQueue:
    """Requests of one engine by the engine's own names.

    Parameters
    ----------
    scheduler : Scheduler
        An empty one. It is told everything; its decision log replays.

    Attributes
    ----------
    ready : deque of str
        Requests that were admitted and that the engine has not taken, in order.
    num_taken : int
        How many requests the engine runs.

    Notes
    -----
    `take` and `give_back` are O(log n) and O(running) for the admission behind them. Not safe for several threads.

    Examples
    --------
    >>> from paretoserve.sched import Scheduler
    >>> queue = EngineQueue(Scheduler("srpt", fifo_share=0.0))
    >>> queue.add("long", 0, prompt_tokens=10, expected_output_tokens=500)
    >>> queue.add("short", 0, prompt_tokens=10, expected_output_tokens=5)
    >>> queue.first(0), len(queue)
    ('short', 2)
    >>> queue.take("short")
    >>> queue.first(0), len(queue)
    ('long', 1)
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.ready: deque[str] = deque()
        self._entries: dict[str, _Entry] = {}
        self._names: dict[int, str] = {}
        self._numbers = count()
        self.num_taken = 0

    def __len__(self) -> int:
        """Return how many requests the engine has not taken."""
        return len(self._entries) - self.num_taken

    def __contains__(self, name: object) -> bool:
        """Return whether a request waits or runs."""
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        """Iterate over those not taken: first those ready, then by arrival."""
        yield from self.ready
        ready = set(self.ready)
        yield from [name for name, entry in self._entries.items() if not entry.taken and name not in ready]

    def is_taken(self, name: str) -> bool:
        """Return whether the engine runs a request."""
        entry = self._entries.get(name)
        return entry is not None and entry.taken

    def sampled(self, name: str) -> int:
        """Return how many output tokens of a request are known."""
        return self._entries[name].sampled

    def add(self, name: str, now_ns: int, *, prompt_tokens: int, **terms: Any) -> None:
        """Put a new request into the queue; further arguments as in `Scheduler.submit`."""
        number = next(self._numbers)
        self.scheduler.submit(number, now_ns, prompt_tokens=prompt_tokens, **terms)
        self._entries[name] = _Entry(number, prompt_tokens - terms.get("cached_tokens", 0))
        self._names[number] = name

    def admit(self, now_ns: int, slots: int, token_budget: int = UNLIMITED) -> list[str]:
        """Let the scheduler fill `slots`, counting what runs; return who is to give way (with ``preempt="slots"``)."""
        batch = self.scheduler.next_batch(now_ns, slots, token_budget, None)
        self.ready.extend(self._names[number] for number in batch.admitted.tolist())
        preempted = [self._names[number] for number in batch.preempted.tolist()]
        for name in preempted:
            self._wait(self._entries[name])
        # One that was ready and not taken gives way silently.
        held = [name for name in preempted if name in self.ready]
        for name in held:
            self.ready.remove(name)
        return [name for name in preempted if name not in held]

    def first(self, now_ns: int) -> str | None:
        """Return who is next, always the same until it is taken or removed; None if nobody waits."""
        if not self.ready and len(self):
            self.admit(now_ns, self.num_taken + 1)
        return self.ready[0] if self.ready else None

    def take(self, name: str) -> None:
        """Note that the engine runs a request that was ready."""
        self.ready.remove(name)
        self._entries[name].taken = True
        self.num_taken += 1

    def hold(self, name: str) -> None:
        """Note that the engine took a request and could not run it: it is ready again, before all others."""
        self._untake(self._entries[name])
        self.ready.appendleft(name)

    def give_back(self, name: str, *, cached_tokens: int = 0) -> None:
        """Note that a running request lost its place: it waits again, with its age."""
        entry = self._entries[name]
        if not entry.taken:
            return
        remaining = max(1, self.scheduler.explain(entry.number)["estimated_remaining_tokens"])
        self.scheduler.reveal(entry.number, expected_output_tokens=remaining)
        self.scheduler.update(entry.number, cached_tokens=cached_tokens)
        self._wait(entry)
        entry.missing -= cached_tokens

    def remove(self, name: str, *, finished: bool) -> None:
        """Forget a request wherever it is; nothing happens if it is unknown."""
        entry = self._entries.pop(name, None)
        if entry is None:
            return
        del self._names[entry.number]
        self.num_taken -= entry.taken
        if name in self.ready:
            self.ready.remove(name)
        (self.scheduler.finish if finished else self.scheduler.cancel)(entry.number)

    def progress(self, sampled: dict[str, int]) -> None:
        """Tell how many output tokens running requests have in all; their prompts are computed by then."""
        rows = []
        for name, total in sampled.items():
            entry = self._entries.get(name)
            if entry is None or not entry.taken or total <= entry.sampled:
                continue
            new = total - entry.sampled
            rows.append((entry.number, entry.missing + new - 1, new))
            entry.missing, entry.sampled = 1, total
        if rows:
            self.scheduler.advance_many(*zip(*rows, strict=True))

    def computed(self, name: str, num_tokens: int) -> None:
        """Tell that a part of a prompt of a running request was computed."""
        entry = self._entries[name]
        num_tokens = min(num_tokens, entry.missing - 1)
        if num_tokens > 0:
            self.scheduler.advance(entry.number, num_tokens, 0)
            entry.missing -= num_tokens

    def best_first(self) -> list[str]:
        """Return what the engine runs, last to give way first."""
        names = [self._names[number] for number in self.scheduler.victim(UNLIMITED)]
        return [name for name in reversed(names) if self._entries[name].taken]

    def _wait(self, entry: _Entry) -> None:
        """Count the tokens a request misses once all it computed is lost."""
        known = self.scheduler.explain(entry.number)
        entry.missing = known["prompt_tokens"] + entry.sampled
        self._untake(entry)

    def _untake(self, entry: _Entry) -> None:
        self.num_taken -= entry.taken
        entry.taken = False
