"""Which replica gets the next request: the one of its program, else the one with the least remaining work."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from paretoserve._integers import BITS_63, check_integer

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["Affinity"]


class Affinity:
    """Homes of programs and outstanding work of replicas, in tokens.

    Parameters
    ----------
    spill_tokens : int, optional
        A program moves to the replica with the least work when its home has this much more; None: never, it waits.
    max_programs : int, default 100_000
        How many programs are remembered; the one not seen for longest is forgotten first.

    Notes
    -----
    A choice is O(replicas); ties go to the replica given first.

    Examples
    --------
    >>> affinity = Affinity()
    >>> affinity.choose("chat-1", ["a", "b"]), affinity.choose("chat-1", ["b", "a"])
    ('a', 'a')
    >>> affinity.start("request-1", "a", 500)
    >>> affinity.choose("chat-2", ["a", "b"])
    'b'
    """

    def __init__(self, *, spill_tokens: int | None = None, max_programs: int = 100_000) -> None:
        if spill_tokens is not None:
            check_integer("spill_tokens", spill_tokens, 0, BITS_63)
        check_integer("max_programs", max_programs, 1, BITS_63)
        self._spill_tokens = spill_tokens
        self._max_programs = max_programs
        self._homes: OrderedDict[str, str] = OrderedDict()
        self._outstanding: dict[str, tuple[str, int]] = {}
        self._work: dict[str, int] = {}

    def choose(self, program: str | None, replicas: Collection[str], reported: Mapping[str, int] | None = None) -> str:
        """Return a replica and make it the home of the program.

        Parameters
        ----------
        program : str or None
            Whose request it is; None if it is nobody's.
        replicas : collection of str
            Who may get it, at least one.
        reported : mapping of str to int, optional
            Remaining tokens as replicas tell them, which covers other routers but is old; the larger counts.
        """
        reported = reported or {}
        load = {replica: max(self._work.get(replica, 0), reported.get(replica, 0)) for replica in replicas}
        least = min(load, key=lambda replica: load[replica])
        if program is None:
            return least
        home = self._homes.get(program)
        crowded = self._spill_tokens is not None and load.get(home or "", 0) > load[least] + self._spill_tokens
        if home not in load or crowded:
            home = least
        self._homes[program] = home
        self._homes.move_to_end(program)
        if len(self._homes) > self._max_programs:
            self._homes.popitem(last=False)
        return home

    def home(self, program: str | None) -> str | None:
        """Return where a program lives, None if that is not known."""
        return None if program is None else self._homes.get(program)

    def start(self, request: str, replica: str, tokens: int) -> None:
        """Count a request as work of a replica; a second call moves it."""
        self.end(request)
        self._outstanding[request] = (replica, tokens)
        self._work[replica] = self._work.get(replica, 0) + tokens

    def end(self, request: str) -> None:
        """Forget the work of a request; nothing happens if it is unknown."""
        replica, tokens = self._outstanding.pop(request, (None, 0))
        if replica is None:
            return
        self._work[replica] -= tokens
        if self._work[replica] == 0:
            del self._work[replica]

    def remaining(self, replica: str) -> int:
        """Return the tokens of requests that were started and did not end."""
        return self._work.get(replica, 0)
