"""The calls of a scheduler that are about programs: what is revealed, and pauses between calls."""

from __future__ import annotations

from paretoserve.sched._arguments import checked, refuse
from paretoserve.sched._submission import Submission
from paretoserve.sched.keep import keep_for

__all__ = ["Calls"]


class Calls(Submission):
    """Methods of `Scheduler` for chains of requests of which only the next is known."""

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
        revealed = {"reveal_tokens": prompt_tokens, "expected_output_tokens": expected_output_tokens}
        rank = None
        if self._function is not None:
            refuse(**revealed)
            entries = checked(self._native.job, request_id=request_id)
            rank = self._rank_after(
                request_id,
                prompt_tokens=min(entries["prompt_tokens"] + prompt_tokens, 2**32 - 1),
                expected_output_tokens=min(entries["num_output_tokens"] + expected_output_tokens, 2**32 - 1),
            )
        checked(self._native.reveal, request_id=request_id, **revealed)
        if rank is not None:
            self._native.set_rank(request_id, rank)

    def pause(
        self,
        program: int,
        now_ns: int,
        *,
        keep_ns: int | None = None,
        kv_blocks: int | None = None,
        reload_cost_s: float | None = None,
        block_price: float | None = None,
    ) -> int:
        """Note that a program waits for a tool or a person; return until when to keep its KV, in nanoseconds.

        Parameters
        ----------
        program : int
            A program without live calls.
        now_ns : int
            Time in nanoseconds.
        keep_ns : int, optional
            How long its KV is worth its blocks.
        kv_blocks, reload_cost_s, block_price : int, float and float, optional
            In place of `keep_ns`: what its KV holds and costs, from which `sched.keep_for` finds the time at which
            dropping it costs at most twice what somebody pays who knows the return.

        Raises
        ------
        ValueError
            If the program is not known, has a live call or is paused already. Nothing has changed then.

        Examples
        --------
        >>> from paretoserve.sched import Scheduler
        >>> scheduler = Scheduler()
        >>> scheduler.submit(1, 0, prompt_tokens=100, program=77)
        >>> batch = scheduler.next_batch(0, 1, 100, None)
        >>> scheduler.advance(1, 100, 1)
        >>> scheduler.finish(1)
        >>> scheduler.pause(77, 10, kv_blocks=20, reload_cost_s=0.4, block_price=0.5)
        40000010
        >>> scheduler.resume(77, 50_000_000)
        False
        """
        costs = {"kv_blocks": kv_blocks, "reload_cost_s": reload_cost_s, "block_price": block_price}
        given = [name for name, value in costs.items() if value is not None]
        if len(given) != (3 if keep_ns is None else 0):
            named = ", ".join(f"`{name}`" for name in [*given, *(["keep_ns"] if keep_ns is not None else [])])
            raise ValueError(
                f"`keep_ns` must be given, or `kv_blocks`, `reload_cost_s` and `block_price`, got {named or 'none'}"
            )
        if kv_blocks is not None and reload_cost_s is not None and block_price is not None:
            keep_ns = keep_for(kv_blocks, reload_cost_s, block_price)
        return checked(self._native.pause, program=program, now_ns=now_ns, keep_ns=keep_ns)

    def resume(self, program: int, now_ns: int) -> bool:
        """Note that a paused program is back; return whether its KV was to be kept until now."""
        return checked(self._native.resume, program=program, now_ns=now_ns)

    def end_program(self, program: int) -> None:
        """Forget a program, whose calls have finished or were cancelled. ValueError if one of them lives."""
        checked(self._native.end_program, program=program)
