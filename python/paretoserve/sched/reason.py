"""Why a request stands where it does, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from paretoserve.sched._rank import value_of

__all__ = ["reason"]


def reason(policy: str, entries: dict[str, Any]) -> str:
    """Return one sentence about a request from what the native module knows about it.

    Examples
    --------
    >>> reason("fcfs", {"state": "running", "key": (0, 3), "priority": 0})
    'runs as arrival number 3; the first enters first'
    >>> reason("edf", {"state": "waiting", "key": (5, 3), "deadline_ns": 2_500_000_000})
    'waits with its deadline at 2.5 s; the earliest enters first, the oldest on its FIFO turns'
    """
    verb = "waits" if entries["state"] == "waiting" else "runs"
    if policy == "fcfs":
        return f"{verb} as arrival number {entries['key'][1]}; the first enters first"
    where, first = WORDS.get(policy, _remaining)(entries)
    return f"{verb} {where}; {first} enters first, the oldest on its FIFO turns"


def _remaining(entries: dict[str, Any]) -> tuple[str, str]:
    return f"at {entries['key'][0] / 1e6:g} output tokens of expected remaining work", "the smallest"


def _remaining_call(entries: dict[str, Any]) -> tuple[str, str]:
    where = f"at {entries['key'][0] / 1e6:g} output tokens of expected remaining work"
    return where if entries["program"] is None else f"{where} of its current call", "the smallest"


def _arrival(entries: dict[str, Any]) -> str:
    return f"as arrival number {entries['key'][1]}"


def _priority(entries: dict[str, Any]) -> tuple[str, str]:
    return f"at priority {entries['priority']}", "the smallest"


def _class(entries: dict[str, Any]) -> tuple[str, str]:
    sizes = f"class {entries['key'][0]}, sizes from {2 ** entries['key'][0]} output tokens"
    if entries["has_started"]:
        return f"on the stack in {sizes}", "the last that started"
    return f"among those that never ran in {sizes}", "the smallest class"


def _deadline(entries: dict[str, Any]) -> tuple[str, str]:
    deadline_ns = entries["deadline_ns"]
    where = "without a deadline" if deadline_ns is None else f"with its deadline at {deadline_ns / 1e9:g} s"
    return where, "the earliest"


def _attained(entries: dict[str, Any]) -> tuple[str, str]:
    whose = "it" if entries["program"] is None else f"program {entries['program']}"
    return f"after {entries['key'][0] / 1e6:g} output tokens of work that {whose} received", "who received least"


def _weighed(entries: dict[str, Any]) -> tuple[str, str]:
    where = f"at {entries['key'][0] % 2**58 / 1e6:g} output tokens of expected remaining work"
    return where, "the smallest of the weights that weigh most together"


def _work(what: str, first: str) -> Callable[[dict[str, Any]], tuple[str, str]]:
    return lambda entries: (f"at {entries['key'][0] / 1e6:g} output tokens of {what}", first)


def _given(entries: dict[str, Any]) -> tuple[str, str]:
    return f"at rank {value_of(entries['key'][0]):g} of the given function", "the smallest"


WORDS: dict[str, Callable[[dict[str, Any]], tuple[str, str]]] = {
    "priority": _priority,
    "op_srpt": _remaining_call,
    "balance": _class,
    "chunk_balance": _class,
    "edf": _deadline,
    "plas": _attained,
    "slf": _work("work that is certainly left", "the smallest"),
    "wsrpt": _weighed,
    "hrrn": lambda entries: (_arrival(entries), "the one with the largest (wait + size) / size"),
    "vtc": lambda entries: (_arrival(entries), "the first of the tenant that was served least"),
    "gittins": _work("expected work per completion", "the smallest"),
    "mc_sf": _work("expected output", "the smallest that is foreseen to fit"),
    "a_min": _work("least output", "the smallest that is foreseen to fit"),
    "external": _given,
}
"""Where a request stands, and who enters first; the remaining work for policies that are not named."""
