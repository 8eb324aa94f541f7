"""The calls of a scheduler that tell it about requests: one, many, and what became known later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from paretoserve._integers import check_integer, integer_array
from paretoserve.sched._arguments import RANGES, checked, refuse
from paretoserve.sched._columns import Columns
from paretoserve.sched._rank import RankFunction, rank_of
from paretoserve.sched._terms import Terms, native_terms, native_weight

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from paretoserve import _native

__all__ = ["Submission"]


class Submission:
    """Methods of `Scheduler` for requests that arrive and for what is learned about them."""

    _native: _native.Scheduler
    _function: RankFunction | None

    def submit(
        self,
        request_id: int,
        now_ns: int,
        *,
        prompt_tokens: int,
        expected_output_tokens: int | None = None,
        cached_tokens: int = 0,
        priority: int = 0,
        **terms: Unpack[Terms],
    ) -> None:
        """Put a request into the queue.

        Parameters
        ----------
        request_id : int
            Any 64-bit integer that is not waiting or running.
        now_ns : int
            Time of arrival in nanoseconds, not before that of the last submission.
        prompt_tokens : int
            Tokens of the prompt, 1 to 2**32 - 1.
        expected_output_tokens : int, optional
            Declared or predicted output, at least 1.
        cached_tokens : int, default 0
            Prompt tokens whose KV the engine holds already, at most the prompt. Whole blocks of them are not reserved
            again.
        priority : int, default 0
            Smaller runs earlier under the policy ``priority``; a 32-bit integer.
        output_range : (int, int), optional
            The least and the most output tokens it can have.
        weight : float, default 1.0
            Its importance, 0.000001 to 1000 in steps of a millionth.
        tenant : int, default 0
            Who pays; any 64-bit integer.
        deadline_ns : int, optional
            When it should be done, for ``edf``.
        program : int, optional
            The program, any 64-bit integer, whose next call it is. The first call begins it, `end_program` ends it.
        calls_left : int, default 0
            Calls that the program will make after it, for ``srpt``.
        distribution : int, default 0
            Which of the scheduler's `samples` its output follows, for ``gittins``.

        Raises
        ------
        ValueError
            If the id is in use, time runs backwards or a number is out of range. Nothing has changed then.
        """
        numbers = {
            "request_id": request_id,
            "now_ns": now_ns,
            "prompt_tokens": prompt_tokens,
            "expected_output_tokens": expected_output_tokens,
            "cached_tokens": cached_tokens,
            "priority": priority,
        }
        given = native_terms(terms) if terms else None
        if self._function is not None:
            refuse(**numbers)
            known: dict[str, Any] = {**numbers, "arrival_ns": now_ns, **terms}
            del known["now_ns"]
            given = native_terms(terms, rank_of(self._function, known))
        submit: Callable[..., None] = self._native.submit
        try:
            submit(*numbers.values(), given)
        except (OverflowError, TypeError):
            refuse(**numbers)
            raise

    def submit_many(
        self,
        request_ids: ArrayLike,
        now_ns: int,
        *,
        prompt_tokens: ArrayLike,
        expected_output_tokens: ArrayLike | None = None,
        cached_tokens: ArrayLike | None = None,
        priority: ArrayLike | None = None,
        output_range: ArrayLike | None = None,
        weight: ArrayLike | None = None,
        tenant: ArrayLike | None = None,
        deadline_ns: ArrayLike | None = None,
        program: ArrayLike | None = None,
        calls_left: ArrayLike | None = None,
        distribution: ArrayLike | None = None,
    ) -> None:
        """Put many requests into the queue that arrive at once, in the order of the arrays.

        Parameters
        ----------
        request_ids : array_like of int, shape (n,)
            Different ids that are not in use.
        now_ns : int
            Time of arrival of all, in nanoseconds.
        prompt_tokens, expected_output_tokens, cached_tokens, priority : array_like of int, shape (n,)
            As in `submit`. Not modified.
        output_range : array_like of int, shape (n, 2), optional
            As in `submit`, of all requests, as everything below.
        weight : array_like of float, shape (n,), optional
        tenant, deadline_ns, program, calls_left, distribution : array_like of int, shape (n,), optional

        Raises
        ------
        ShapeError, DtypeError, ValueError
            If a row is wrong; no request was submitted then.

        Examples
        --------
        >>> from paretoserve.sched import Scheduler
        >>> scheduler = Scheduler("srpt", fifo_share=0.0)
        >>> scheduler.submit_many([1, 2, 3], 0, prompt_tokens=[10, 20, 30], expected_output_tokens=[9, 8, 7])
        >>> scheduler.next_batch(0, 2, 100, None).request_ids
        array([3, 2])
        """
        check_integer("now_ns", now_ns, *RANGES["now_ns"])
        ids = integer_array("request_ids", request_ids, np.int64, *RANGES["request_id"])
        columns = Columns.checked(
            len(ids),
            prompt_tokens=prompt_tokens,
            expected_output_tokens=expected_output_tokens,
            cached_tokens=cached_tokens,
            priority=priority,
            output_range=output_range,
            weight=weight,
            tenant=tenant,
            deadline_ns=deadline_ns,
            program=program,
            calls_left=calls_left,
            distribution=distribution,
        )
        if self._function is not None:
            known = zip(ids.tolist(), columns.rows(), strict=True)
            ranks = [rank_of(self._function, {"request_id": i, "arrival_ns": now_ns, **row}) for i, row in known]
            columns.rank = np.array(ranks, dtype=np.uint64)
        self._native.submit_many(ids, now_ns, columns)

    def update(
        self,
        request_id: int,
        *,
        expected_output_tokens: int | None = None,
        cached_tokens: int | None = None,
        priority: int | None = None,
    ) -> None:
        """Change what is known about a request; None keeps a value. Arguments and errors as in `submit`.

        An output below what was sampled so far is refused, too; one that turns out too small later is doubled.

        Examples
        --------
        >>> from paretoserve.sched import Scheduler
        >>> scheduler = Scheduler("srpt")
        >>> scheduler.submit_many([1, 2], 0, prompt_tokens=[10, 10], expected_output_tokens=[50, 60])
        >>> scheduler.update(2, expected_output_tokens=40)
        >>> scheduler.next_batch(0, 1, 100, None).request_ids
        array([2])
        """
        changes = {
            "expected_output_tokens": expected_output_tokens,
            "cached_tokens": cached_tokens,
            "priority": priority,
        }
        rank = self._rank_after(request_id, **changes)
        try:
            self._native.update(request_id, *changes.values())
        except (OverflowError, TypeError):
            refuse(request_id=request_id, **{name: value for name, value in changes.items() if value is not None})
            raise
        if rank is not None:
            self._native.set_rank(request_id, rank)

    def _rank_after(self, request_id: int, **changes: int | None) -> int | None:
        """Return the rank that a request will have with these changes, if a function of Python gives ranks."""
        if self._function is None:
            return None
        entries = checked(self._native.job, request_id=request_id)
        for name, value in changes.items():
            if value is not None:
                refuse(**{name: value})
        known = {**entries, "cached_tokens": entries["num_cached_tokens"], "request_id": request_id}
        return rank_of(self._function, known | {name: value for name, value in changes.items() if value is not None})

    def set_tenant_weight(self, tenant: int, weight: float) -> None:
        """Give a tenant a share: one of weight 2 is served twice as much as one of weight 1. From now on.

        Parameters
        ----------
        tenant : int
            Any 64-bit integer.
        weight : float
            0.000001 to 1000. A tenant of another weight than 1 is remembered as long as the scheduler lives.

        Raises
        ------
        ValueError
            If the weight is out of range, or if tenants do not share: see `tenant_fairness`.

        Examples
        --------
        >>> from paretoserve.sched import Scheduler
        >>> scheduler = Scheduler("vtc", tenant_weights={1: 2.0})
        >>> for request_id in range(6):
        ...     scheduler.submit(request_id, 0, prompt_tokens=100, tenant=request_id % 2)
        >>> batch = scheduler.next_batch(0, 3, 1000, None)
        >>> (batch.request_ids % 2).tolist()
        [0, 1, 1]
        """
        check_integer("tenant", tenant, *RANGES["request_id"])
        self._native.set_tenant_weight(tenant, native_weight("tenant_weight", weight))
