"""The scheduler of a serving engine.

A file long because every option and method says what it means.
"""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from paretoserve import _native
from paretoserve._integers import integer_array
from paretoserve.errors import DataError, DtypeError
from paretoserve.sched._arguments import RANGES, checked, refuse, refuse_types
from paretoserve.sched._calls import Calls
from paretoserve.sched._rank import RankFunction
from paretoserve.sched._terms import native_samples
from paretoserve.sched.batch import Batch
from paretoserve.sched.reason import reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Policy", "Scheduler"]

Policy = Literal[
    "fcfs",
    "priority",
    "srpt",
    "op_srpt",
    "balance",
    "chunk_balance",
    "edf",
    "plas",
    "slf",
    "wsrpt",
    "hrrn",
    "vtc",
    "gittins",
    "mc_sf",
    "a_min",
]


class Scheduler(Calls):
    """Decides which requests of one engine run in the next step.

    Running requests come first, each with the tokens it misses; then waiting requests enter while slots, tokens and KV
    blocks last, and the first that does not fit stops the others. A running request that gets no block makes another
    give way, which is computed again later. This is the order of vLLM's V1 scheduler; the policy says who enters first
    and who gives way.

    Parameters
    ----------
    policy : str or callable, default "op_srpt"
        Who enters first; the last of that order gives way. Sizes are in output tokens plus `prefill_weight` per prompt
        token that is not cached.

        ``fcfs``: by arrival; the calls of a program are as old as its first.
        ``priority``: smaller priority first, then arrival.
        ``srpt``: shortest expected remaining work first (Schrage 1968), with `calls_left` calls as large as this one.
        ``op_srpt``: the same for the current call alone, which is all that is certain where calls are revealed one by
        one (Lindermayr and others 2026).
        ``balance``: by powers of two of sizes that may be wrong, by any factor (Gupta and others 2026).
        ``chunk_balance``: our reconstruction of the same for programs whose calls are revealed one by one.
        ``edf``: earliest deadline first.
        ``plas``: the program that has received the least work first (Autellix, 2025).
        ``slf``: the least work that is certainly left first, where `update` or `reveal` tell an output that was not
        given at `submit` once a share `eps` of it is left (Gupta and others 2025).
        ``wsrpt``: weights as powers of two; the class whose live requests weigh most together, in it as ``srpt``
        (Bansal and Dhamdhere 2007).
        ``hrrn``: the largest (wait + size) / size first.
        ``vtc``: the tenant that was served least, in it as ``fcfs``; the same as ``fcfs`` with `tenant_fairness`.
        ``gittins``: the best chance of completion per unit of work, knowing `samples` alone (Gittins 1979).
        ``mc_sf``: the shortest expected output first, while the KV of all that run is foreseen to fit until they
        complete (Jaillet and others 2025). Needs `kv_free` to look ahead.
        ``a_min``: the same with the least output of `output_range`, which rises as tokens come; the smallest gives way
        first (Chen, Ye and Zhou 2025).

        A function of your own is asked at `submit`, `update` and `reveal` for the rank of a request: a finite number,
        smaller runs earlier, compared as a float. It gets a dict with the arguments of `submit` and
        ``num_output_tokens``. Every request costs a call of Python then, and `log` holds the ranks, so that it replays
        without the function.
    fifo_share : float, default 0.5
        Guaranteed share of admissions that go to the oldest waiting request, 0 to 1 in steps of a millionth. A request
        that arrives as number r in the queue sees fewer than ``r * ceil(1 / fifo_share)`` others admitted for the
        first time before it. Without it ``srpt`` starves long requests under overload. ``fcfs`` has no use for it.
    preempt : {"none", "slots"}, default "none"
        Whether a running request also gives way to a better waiting one when no slot is free: a much shorter one, one
        of smaller priority, one of an earlier deadline, one of a smaller class.
    preempt_gain : float, default 2.0
        Give way only if victim's remaining > (newcomer's remaining + victim's recomputation * live requests) * gain;
        1 to 1000. What is computed again delays all that wait or run.
    max_preemptions : int, default 2
        How often one request gives way to better ones. When blocks run out and ranks are sizes, those below this
        number go first.
    prefill_weight : float, default 0.02
        Work of one prompt token in output tokens, 0 to 1000.
    unknown_output_tokens : int, default 256
        Expected output of requests without an estimate until a request has finished; then the mean output of those
        finished.
    max_wait_ns : int, optional
        A request that has waited so long goes before all that have not, oldest first.
    eps : float, default 0.5
        For ``slf``: the share of the output that is left when it becomes known, above 0 to 1.
    tenant_fairness : bool, default False
        Whether the tenant that was served least enters first and `policy` decides inside it (VTC: Sheng and others
        2024). Served is `prefill_weight` per prompt token and 1 per output token, over the weight of the tenant. The
        FIFO share then is one of every tenant for itself.
    tenant_weights : dict of int to float, optional
        Weights of tenants, 0.000001 to 1000, if not 1; more by `set_tenant_weight`.
    samples : sequence of array_like of int, optional
        For ``gittins``: distributions as output lengths that were seen, of which `distribution` chooses.
    block_size : int, default 16
        Tokens per KV block.
    record : bool, default False
        Whether to keep the decision log.

    Notes
    -----
    Deterministic: ties go to the request submitted first. Time is an argument and must not run backwards. Submit,
    cancel and finish are O(log n), a step is O(running + admitted log n). Calls from several threads take turns.

    An estimate that was outlived is doubled until it is larger than the output so far.

    Request ids are any 64-bit integers; an id may be used again after its request has finished or was cancelled.

    Examples
    --------
    >>> from paretoserve.sched import Scheduler
    >>> scheduler = Scheduler("srpt")
    >>> scheduler.submit(1, 0, prompt_tokens=100, expected_output_tokens=500)
    >>> scheduler.submit(2, 0, prompt_tokens=100, expected_output_tokens=20)
    >>> batch = scheduler.next_batch(0, slots=1, token_budget=2048, kv_free=1000)
    >>> batch.request_ids, batch.num_tokens
    (array([2]), array([100]))
    >>> scheduler.advance(2, num_computed=100, num_sampled=1)
    """

    def __init__(
        self,
        policy: Policy | RankFunction = "op_srpt",
        *,
        fifo_share: float = 0.5,
        preempt: Literal["none", "slots"] = "none",
        preempt_gain: float = 2.0,
        max_preemptions: int = 2,
        prefill_weight: float = 0.02,
        unknown_output_tokens: int = 256,
        max_wait_ns: int | None = None,
        eps: float = 0.5,
        tenant_fairness: bool = False,
        tenant_weights: Mapping[int, float] | None = None,
        samples: Sequence[ArrayLike] | None = None,
        block_size: int = 16,
        record: bool = False,
    ) -> None:
        distributions = native_samples(samples)
        self._function = policy if callable(policy) else None
        name: str = "external" if callable(policy) else policy
        if self._function is None and name == "external":
            raise ValueError('`policy` must be a function if its ranks come from outside, got "external"')
        self._policy = name
        try:
            self._native = _native.Scheduler(
                name,
                fifo_share,
                preempt,
                preempt_gain,
                max_preemptions,
                prefill_weight,
                unknown_output_tokens,
                max_wait_ns,
                eps,
                tenant_fairness,
                distributions,
                block_size,
                record,
            )
        except (OverflowError, TypeError):
            refuse(max_preemptions=max_preemptions, unknown_output_tokens=unknown_output_tokens)
            refuse(max_wait_ns=max_wait_ns, block_size=block_size)
            refuse_types(str, "a name or a function", policy=policy)
            refuse_types(str, "text", preempt=preempt)
            refuse_types(Real, "a number", fifo_share=fifo_share, preempt_gain=preempt_gain)
            refuse_types(Real, "a number", prefill_weight=prefill_weight, eps=eps)
            refuse_types(bool, "True or False", tenant_fairness=tenant_fairness, record=record)
            raise
        for tenant, weight in (tenant_weights or {}).items():
            self.set_tenant_weight(tenant, weight)

    def advance(self, request_id: int, num_computed: int, num_sampled: int) -> None:
        """Tell that a running request made progress, in one step or in a stretch of decode steps.

        Parameters
        ----------
        request_id : int
            A running request.
        num_computed : int
            Tokens computed since the last call, at most those it misses.
        num_sampled : int
            Output tokens sampled since the last call: 1 when a chunk reached the end of the known tokens, 0 before,
            and the number of steps, like `num_computed`, for a stretch of decodes.

        Raises
        ------
        ValueError
            If the request does not run or a number is out of range. Nothing has changed then.
        """
        try:
            self._native.advance(request_id, num_computed, num_sampled)
        except (OverflowError, TypeError):
            refuse(request_id=request_id, num_computed=num_computed, num_sampled=num_sampled)
            raise

    def advance_many(self, request_ids: ArrayLike, num_computed: ArrayLike, num_sampled: ArrayLike) -> None:
        """Tell the progress of many running requests; see `advance`. All rows count or none.

        Parameters
        ----------
        request_ids, num_computed, num_sampled : array_like of int, shape (n,)
            Not modified; ids must differ.

        Raises
        ------
        ShapeError, DtypeError, ValueError
            If a row is wrong.

        Examples
        --------
        >>> scheduler = Scheduler("fcfs")
        >>> scheduler.submit_many([1, 2], 0, prompt_tokens=[10, 20])
        >>> batch = scheduler.next_batch(0, 2, 100, None)
        >>> scheduler.advance_many(batch.request_ids, batch.num_tokens, [1, 1])
        >>> scheduler.next_batch(1, 2, 100, None).num_tokens
        array([1, 1])
        """
        ids = integer_array("request_ids", request_ids, np.int64, *RANGES["request_id"])
        computed = integer_array("num_computed", num_computed, np.uint32, *RANGES["num_computed"], len(ids))
        sampled = integer_array("num_sampled", num_sampled, np.uint32, *RANGES["num_computed"], len(ids))
        self._native.advance_many(ids, computed, sampled)

    def finish(self, request_id: int) -> None:
        """Forget a request that has all its output; the engine frees its blocks. ValueError if the id is unknown."""
        checked(self._native.finish, request_id=request_id)

    def cancel(self, request_id: int) -> None:
        """Forget a request that nobody wants, waiting or running. ValueError if the id is unknown."""
        checked(self._native.cancel, request_id=request_id)

    def next_batch(
        self,
        now_ns: int,
        slots: int,
        token_budget: int,
        kv_free: int | None,
        *,
        chunked_prefill: bool = True,
        reserve_full_prompt: bool = True,
    ) -> Batch:
        """Form the next step.

        Parameters
        ----------
        now_ns : int
            Time in nanoseconds, not before that of the last call.
        slots : int
            Most requests that run at once.
        token_budget : int
            Most tokens in the step.
        kv_free : int or None
            KV blocks that are free now, not counting what running requests hold; None if the cache is no limit.
        chunked_prefill : bool, default True
            Whether a prompt may be cut to fit the budget. Without it a prompt longer than the budget is never admitted.
        reserve_full_prompt : bool, default True
            Whether admission needs blocks for the whole prompt, not only for its first chunk. The scheduler then counts
            them as held from admission on: allocate them at once, or `kv_free` will promise the same blocks twice.

        Returns
        -------
        Batch

        Raises
        ------
        ValueError
            If time runs backwards or a number is out of range. Nothing has changed then.
        """
        try:
            columns = self._native.next_batch(
                now_ns, slots, token_budget, kv_free, chunked_prefill, reserve_full_prompt
            )
        except (OverflowError, TypeError):
            refuse(now_ns=now_ns, slots=slots, token_budget=token_budget, kv_free=kv_free)
            raise
        return Batch(*(np.frombuffer(column, dtype=np.int64) for column in columns))

    def victim(self, num_blocks: int = 1) -> list[int]:
        """Return the running requests that give way first when `num_blocks` KV blocks are needed; nothing is changed.

        All that run, if that is not enough.

        Examples
        --------
        >>> scheduler = Scheduler("fcfs")
        >>> scheduler.submit_many([1, 2], 0, prompt_tokens=[100, 100])
        >>> batch = scheduler.next_batch(0, 2, 1000, kv_free=100)
        >>> scheduler.victim(), scheduler.victim(8)
        ([2], [2, 1])
        """
        return checked(self._native.victims, num_blocks=num_blocks)

    def steady_steps(self) -> int:
        """Return how many more steps would repeat the last batch, each request decoding one token.

        Holds while nothing finishes, is cancelled or updated and the cache has room; 0 if the last batch was none of
        that kind or an arrival may change the next; 2**32 - 1 without an end.
        """
        return self._native.steady_steps()

    def explain(self, request_id: int) -> dict[str, Any]:
        """Return what is known about a request and why it stands where it does.

        Examples
        --------
        >>> scheduler = Scheduler("srpt")
        >>> scheduler.submit(7, 0, prompt_tokens=100, expected_output_tokens=20)
        >>> scheduler.explain(7)["reason"]
        'waits at 22 output tokens of expected remaining work; the smallest enters first, the oldest on its FIFO turns'
        """
        entries = checked(self._native.job, request_id=request_id)
        return {"request_id": request_id, **entries, "reason": reason(self._policy, entries)}

    def snapshot(self) -> bytes:
        """Return everything that further decisions depend on, and the log so far if there is one.

        Costs O(requests + log). Equal schedulers give equal bytes.

        Examples
        --------
        >>> scheduler = Scheduler("srpt")
        >>> scheduler.submit(7, 0, prompt_tokens=5)
        >>> Scheduler.restore(scheduler.snapshot()).next_batch(0, 4, 100, None).request_ids
        array([7])
        """
        return self._native.snapshot()

    @classmethod
    def restore(cls, snapshot: bytes, *, policy: RankFunction | None = None) -> Scheduler:
        """Return a scheduler that goes on where `snapshot` was taken: every further answer is the same.

        Parameters
        ----------
        snapshot : bytes
            From `snapshot` of this version of the format. A scheduler that recorded goes on recording.
        policy : callable, optional
            The function that gave the ranks, if one did; functions are not part of a snapshot.

        Raises
        ------
        DataError
            If it is cut, changed, of another version or something else.
        """
        if not isinstance(snapshot, bytes | bytearray | memoryview):
            raise DtypeError(f"`snapshot` must be bytes, got {type(snapshot).__name__}")
        try:
            native, name = _native.Scheduler.restore(bytes(snapshot))
        except ValueError as error:
            raise DataError(str(error)) from None
        if (name == "external") != callable(policy):
            needs = "the function that gave the ranks" if name == "external" else f"None for a snapshot of {name!r}"
            raise ValueError(f"`policy` must be {needs}, got {policy!r}")
        scheduler = cls.__new__(cls)
        scheduler._native, scheduler._policy, scheduler._function = native, name, policy
        return scheduler

    def stats(self) -> dict[str, int]:
        """Return counters since the start: what waits, runs, finished, was admitted, preempted and wasted.

        Examples
        --------
        >>> Scheduler().stats()["num_waiting"]
        0
        """
        return self._native.stats()

    def log(self) -> NDArray[np.int64]:
        """Return the decision log, one row per call or answer; empty without ``record=True``. See `sched.KINDS`.

        Returns
        -------
        ndarray of int64, shape (n, 6)
            Plain numbers: save them as you like, repeat them with `sched.replay`.
        """
        return np.frombuffer(self._native.log(), dtype=np.int64).reshape(-1, 6)
