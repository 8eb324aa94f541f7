"""Why a request stands where it does, in words."""

from __future__ import annotations

from typing import Any

__all__ = ["reason"]


def reason(policy: str, entries: dict[str, Any]) -> str:
    """Return one sentence about a request from what the native module knows about it.

    Examples
    --------
    >>> reason("fcfs", {"state": "running", "key": (0, 3), "priority": 0})
    'runs as arrival number 3; the first enters first'
    """
    rank, order = entries["key"]
    verb = "waits" if entries["state"] == "waiting" else "runs"
    work = f"at {rank / 1e6:g} output tokens of"
    where, first = {
        "fcfs": (f"as arrival number {order}", "the first"),
        "vtc": (f"as arrival number {order}", "the first of the tenant that was served least"),
        "hrrn": (f"as arrival number {order}", "the one with the largest (wait + size) / size"),
        "priority": (f"at priority {entries['priority']}", "the smallest"),
        "wsrpt": (
            f"at {rank % 2**58 / 1e6:g} output tokens of expected remaining work",
            "the smallest of the weights that weigh most together",
        ),
        "slf": (f"{work} work that is certainly left", "the smallest"),
        "gittins": (f"{work} expected work per completion", "the smallest"),
        "mc_sf": (f"{work} expected output", "the smallest that is foreseen to fit"),
        "a_min": (f"{work} least output", "the smallest that is foreseen to fit"),
    }.get(policy, (f"{work} expected remaining work", "the smallest"))
    turns = "" if policy == "fcfs" else ", the oldest on its FIFO turns"
    return f"{verb} {where}; {first} enters first{turns}"
