"""Repeat what an engine's scheduler decided: the log of its calls through the scheduler of the simulator."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve import _native
from paretoserve.errors import DataError
from paretoserve.sched.log import KINDS, rows_of
from paretoserve.sched.log_files import read_log
from paretoserve.sched.scheduler import Scheduler
from paretoserve.sim.result import DecisionLog

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["Difference", "Replay", "replay"]

ANSWERS = ("cache_reserve", "cache_holds", "cache_release", "cache_capacity", "scheduled", "admitted", "preempted")
"""Kinds of rows that are not calls: what the scheduler asks of the cache while it decides, and what it decides."""


@dataclass(frozen=True)
class Difference:
    """The first row in which a log and its replay differ.

    Attributes
    ----------
    row : int
        Its place in the log, from 0.
    recorded, decided : tuple of int or None
        What the log holds there, and what the replay decides; None where one has nothing more to say.
    request_id : int or None
        The id of the request that the row is about, if the log names it.
    now_ns : int or None
        The time of the step that the row belongs to.
    """

    row: int
    recorded: tuple[int, ...] | None
    decided: tuple[int, ...] | None
    request_id: int | None
    now_ns: int | None

    def explain(self) -> str:
        """Return one sentence."""
        when = "" if self.now_ns is None else f", in the step at {self.now_ns} ns"
        whom = "" if self.request_id is None else f", about request {self.request_id}"
        return f"row {self.row}{when}{whom}: the log holds {_words(self.recorded)}, the replay {_words(self.decided)}"


@dataclass(frozen=True)
class Replay:
    """What `replay` found.

    Attributes
    ----------
    num_rows, num_calls, num_steps, num_decisions : int
        Rows of the log; calls of the engine among them; steps that it asked for; rows that the scheduler answered with
        or asked the cache, each of which was compared.
    counters : dict of str to int
        The counters of `sched.Scheduler.stats` at the end, or before the first difference.
    difference : Difference or None
        The first row that differs; None if none does.
    """

    num_rows: int
    num_calls: int
    num_steps: int
    num_decisions: int
    counters: dict[str, int]
    difference: Difference | None

    @property
    def identical(self) -> bool:
        """Whether every decision was the same, bit for bit."""
        return self.difference is None

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as plain values."""
        difference = None if self.difference is None else vars(self.difference)
        return {**vars(self), "counters": dict(self.counters), "difference": difference}

    def explain(self) -> str:
        """Return one sentence."""
        if self.difference is not None:
            return self.difference.explain()
        return (
            f"all {self.num_decisions} decisions in {self.num_steps} steps were the same, after {self.num_calls} calls"
        )


def replay(log: ArrayLike | DecisionLog | Scheduler | str | os.PathLike[str]) -> Replay:
    """Repeat every call of a decision log on a fresh scheduler, the one that `simulate` uses, and compare each answer.

    Parameters
    ----------
    log : array_like of int64, shape (n, 6), DecisionLog, Scheduler or path
        The rows of `sched.Scheduler.log`, recorded from the start of a scheduler; a log of `simulate`; a scheduler that
        records, such as the ``decisions`` of an adapter of `integrations`; or a file of `sched.write_log`.

    Returns
    -------
    Replay

    Raises
    ------
    ShapeError, DtypeError
        If it is no log.
    DataError
        If the file is broken, a call makes no sense, or rules of another version found the answers.

    Notes
    -----
    What an engine's cache answered is part of the log, so nothing of the engine is needed. Costs what the calls cost,
    about a microsecond each. Where `sched.replay` raises at a difference, this one describes it.

    Examples
    --------
    >>> from paretoserve.sched import Scheduler
    >>> scheduler = Scheduler("srpt", record=True)
    >>> scheduler.submit_many([7, 8], 0, prompt_tokens=[5, 5], expected_output_tokens=[30, 3])
    >>> batch = scheduler.next_batch(0, 1, 100, None)
    >>> print(replay(scheduler).explain())
    all 4 decisions in 1 steps were the same, after 5 calls
    >>> rows = scheduler.log().copy()
    >>> rows[-1, 1] = 0  # as if 7 had been admitted, the first handle
    >>> found = replay(rows)
    >>> found.identical, found.difference.row, found.difference.request_id
    (False, 11, 7)
    >>> print(found.explain())
    row 11, in the step at 0 ns, about request 7: the log holds admitted 0 0 0 0 0, the replay admitted 1 0 0 0 0
    """
    rows = _rows(log)
    try:
        counters, difference = _native.sched_compare(rows.reshape(-1))
    except ValueError as error:
        raise DataError(str(error)) from None
    compared = rows if difference is None else rows[: difference[0]]
    is_answer = np.isin(compared[:, 0], [KINDS.index(name) for name in ANSWERS])
    is_head = np.isin(compared[:, 0], [KINDS.index(name) for name in ("options", "weights", "version", "samples")])
    num_answers = int(is_answer.sum())
    return Replay(
        num_rows=len(rows),
        num_calls=len(compared) - num_answers - int(is_head.sum()),
        num_steps=int((compared[:, 0] == KINDS.index("next_batch")).sum()),
        num_decisions=num_answers,
        counters=counters,
        difference=None if difference is None else _difference(rows, *difference),
    )


def _rows(log: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    if isinstance(log, str | os.PathLike):
        return read_log(log)
    if isinstance(log, Scheduler):
        return log.log()
    return rows_of(log.rows if isinstance(log, DecisionLog) else log)


def _difference(rows: Any, row: int, decided: list[int] | None) -> Difference:
    recorded = tuple(rows[row].tolist()) if row < len(rows) else None
    steps = np.flatnonzero(rows[:row, 0] == KINDS.index("next_batch"))
    shown = recorded or decided
    about = None
    if shown is not None and shown[0] in range(len(KINDS)) and KINDS[shown[0]] in ANSWERS:
        named = rows[:row]
        named = named[(named[:, 0] == KINDS.index("name")) & (named[:, 1] == shown[1])]
        about = int(named[-1, 2]) if len(named) and KINDS[shown[0]] != "cache_capacity" else None
    return Difference(
        row=row,
        recorded=recorded,
        decided=None if decided is None else tuple(decided),
        request_id=about,
        now_ns=int(rows[steps[-1], 1]) if len(steps) else None,
    )


def _words(row: tuple[int, ...] | None) -> str:
    if row is None:
        return "nothing more"
    name = KINDS[row[0]] if 0 <= row[0] < len(KINDS) else f"kind {row[0]}"
    return " ".join([name, *map(str, row[1:])])
