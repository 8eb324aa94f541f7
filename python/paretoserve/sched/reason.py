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
    if policy == "fcfs":
        return f"{verb} as arrival number {order}; the first enters first"
    if policy == "priority":
        where = f"at priority {entries['priority']}"
    else:
        where = f"at {rank / 1e6:g} output tokens of expected remaining work"
    return f"{verb} {where}; the smallest enters first, the oldest on its FIFO turns"
