"""The calls of a scheduler that are about programs: what is revealed, and pauses between calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paretoserve.sched._arguments import checked

if TYPE_CHECKING:
    from paretoserve import _native

__all__ = ["Calls"]


class Calls:
    """Methods of `Scheduler` for chains of requests of which only the next is known."""

    _native: _native.Scheduler

    def reveal(self, request_id: int, *, prompt_tokens: int = 0, expected_output_tokens: int) -> None:
        """Let a request whose operation is complete go on with another one; it keeps its age.

        For engines that keep the KV of a session between its calls. A running request waits for a slot again, with
        what it computed as cached tokens; one whose KV is gone is finished and submitted anew.

        Parameters
        ----------
        request_id : int
            A request that waits or runs.
        prompt_tokens : int, default 0
            New input, such as the answer of a tool.
        expected_output_tokens : int
            Output of the new operation, at least 1.

        Examples
        --------
        >>> from paretoserve.sched import Scheduler
        >>> scheduler = Scheduler("chunk_balance")
        >>> scheduler.submit(1, 0, prompt_tokens=10, expected_output_tokens=2)
        >>> batch = scheduler.next_batch(0, 1, 100, None)
        >>> scheduler.advance(1, 11, 2)
        >>> scheduler.reveal(1, prompt_tokens=5, expected_output_tokens=30)
        >>> scheduler.explain(1)["state"], scheduler.explain(1)["estimated_remaining_tokens"]
        ('waiting', 30)
        """
        checked(
            self._native.reveal,
            request_id=request_id,
            reveal_tokens=prompt_tokens,
            expected_output_tokens=expected_output_tokens,
        )

    def pause(self, program: int, now_ns: int, *, keep_ns: int) -> int:
        """Note that a program waits for a tool or a person; return until when to keep its KV, in nanoseconds.

        Parameters
        ----------
        program : int
            A program without live calls.
        now_ns : int
            Time in nanoseconds.
        keep_ns : int
            How long its KV is worth its blocks; see `sched.keep_for`.
        """
        return checked(self._native.pause, program=program, now_ns=now_ns, keep_ns=keep_ns)

    def resume(self, program: int, now_ns: int) -> bool:
        """Note that a paused program is back; return whether its KV was to be kept until now."""
        return checked(self._native.resume, program=program, now_ns=now_ns)

    def end_program(self, program: int) -> None:
        """Forget a program, whose calls have finished or were cancelled. ValueError if one of them lives."""
        checked(self._native.end_program, program=program)
