"""The decision log of a scheduler: what its rows mean, and their replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from paretoserve import _native
from paretoserve._integers import BITS_63, integer_array
from paretoserve.errors import DataError, ShapeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["KINDS", "replay", "rows_of"]

KINDS = (
    "options",
    "weights",
    "submit",
    "cached_at_submit",
    "update",
    "advance",
    "finish",
    "cancel",
    "next_batch",
    "cache_holds",
    "cache_reserve",
    "cache_release",
    "scheduled",
    "admitted",
    "preempted",
    "name",
    "range",
    "terms",
    "call",
    "add_program",
    "end_program",
    "pause",
    "resume",
    "reveal",
    "tenant_weight",
    "samples",
    "cache_capacity",
    "rank",
    "version",
)
"""Meaning of the first column of a decision log, by number.

The other five columns of each kind (a handle is the scheduler's own number of a request, reused after its end):

==================  ======================================================================================
options             policy (its place in `POLICIES`), FIFO share, preempt (0 none, 1 slots), gain; in millionths;
                    longest wait in ns or -1
weights             most preemptions, prefill weight in millionths, output tokens of unknown requests, eps in
                    millionths, tenant fairness (0 or 1)
submit              handle, arrival in ns, prompt tokens, expected output tokens or -1, priority
cached_at_submit    handle, cached tokens
update              handle, expected output tokens or -1, cached tokens or -1, whether a priority follows, priority
advance             handle, tokens computed, tokens sampled
finish, cancel      handle
next_batch          time in ns, slots, token budget, chunked prefill (0 or 1), full reservation (0 or 1)
cache_holds         handle, cached tokens
cache_reserve       handle, tokens, 1 if there was room
cache_release       handle
scheduled           handle, tokens, tokens computed before
admitted, preempted handle
name                handle, request id
range               handle, least and most output tokens or -1, distribution
terms               handle, weight in millionths, tenant, deadline in ns or -1, rank
call                handle, program or -1, calls left
add_, end_program   program
pause               program, time in ns, how long to keep its KV in ns
resume              program, time in ns
reveal              handle, prompt tokens, expected output tokens
tenant_weight       tenant, weight in millionths
samples             number of a distribution, up to four output lengths, else -1
cache_capacity      KV blocks in all or -1, tokens per block
rank                handle, rank
version             of the rules by which answers are found; follows the options
==================  ======================================================================================
"""


def replay(log: ArrayLike) -> dict[str, int]:
    """Repeat a decision log on a fresh scheduler and compare every answer.

    Parameters
    ----------
    log : array_like of int64, shape (n, 6)
        From `Scheduler.log`. Not modified.

    Returns
    -------
    dict of str to int
        The counters of `Scheduler.stats` at the end of the log.

    Raises
    ------
    ShapeError
        If it does not have six columns.
    DtypeError
        If it does not hold integers.
    DataError
        If a row makes no sense or an answer differs; the row is named.

    Notes
    -----
    Costs what the calls cost.

    Examples
    --------
    >>> from paretoserve.sched import Scheduler, replay
    >>> scheduler = Scheduler("fcfs", record=True)
    >>> scheduler.submit(7, 0, prompt_tokens=5)
    >>> batch = scheduler.next_batch(0, 4, 100, None)
    >>> replay(scheduler.log())["num_running"]
    1
    """
    flat = rows_of(log).reshape(-1)
    try:
        return _native.sched_replay(flat)
    except ValueError as error:
        raise DataError(str(error)) from None


def rows_of(log: ArrayLike) -> NDArray[np.int64]:
    """Return a log as rows of six 64-bit integers; ShapeError or DtypeError if it is none."""
    rows = np.asarray(log)
    if rows.ndim != 2 or rows.shape[1] != 6:
        raise ShapeError(f"`log` must have shape (n, 6), got {rows.shape}")
    flat = integer_array("log", rows.reshape(-1), np.int64, -BITS_63 - 1, BITS_63)
    return flat.reshape(-1, 6)
