"""Messages between the ranks of a group, every wait with an end: a peer that is gone or too slow is a typed error.

All traffic is point to point, so that a failure names the peer. On gloo one group carries everything, kept apart by
tags; NCCL knows no tags, so there tokens and weights have a group each and what the host reads goes over gloo.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import torch
import torch.distributed as dist

from paretoserve.errors import RankLostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Mail", "Message", "Pending"]

_MOMENT_S = 0.05
_TAGS = {"agreement": 1, "tokens": 2, "weights": 3, "results": 4, "gradients": 5, "probe": 6}


class Message(NamedTuple):
    """A contiguous tensor to send to a peer, or to receive from it."""

    peer: int
    tensor: torch.Tensor


class Pending:
    """Messages under way; `wait` returns when all have arrived and left."""

    def __init__(self, mail: Mail, kind: str, works: list[tuple[int, dist.Work]], kept: Sequence[Message]):
        self._mail, self._kind, self._works, self._kept = mail, kind, works, kept
        self._deadline = time.monotonic() + mail.timeout_s

    def wait(self) -> None:
        """Wait for all messages until the time-out, counted from when they were posted."""
        for peer, work in self._works:
            # A peer that is on time but for this rank's own computation still gets a moment.
            left = max(self._deadline - time.monotonic(), 0.1)
            try:
                work.wait(timedelta(seconds=left))
            except RuntimeError as error:
                self._mail.fail(self._kind, peer, error)
        self._works, self._kept = [], ()


class Mail:
    """The groups of one executor.

    Parameters
    ----------
    group : ProcessGroup
        Its ranks; all of them construct this together.
    timeout_s : float
        Most that one wait takes.
    """

    def __init__(self, group: dist.ProcessGroup, timeout_s: float):
        self.timeout_s = timeout_s
        self.rank, self.num_ranks = dist.get_rank(group), dist.get_world_size(group)
        self.failure: str | None = None
        members = dist.get_process_group_ranks(group)

        def new_group(kind: str) -> dist.ProcessGroup:
            wait = timedelta(seconds=timeout_s)
            try:
                made = dist.new_group(members, wait, kind, use_local_synchronization=True, group_desc="expert_parallel")
            except RuntimeError as error:
                text = f"not all of the {len(members)} ranks came to make the layer within {timeout_s:g} s"
                raise RankLostError(f"{text} (seen by rank {self.rank})") from error
            assert isinstance(made, dist.ProcessGroup), "this rank is one of the members"
            return made

        self.device_type = "cuda" if "nccl" in dist.get_backend(group) else "cpu"
        self._host = new_group("gloo")
        self._tokens = self._host if self.device_type == "cpu" else new_group("nccl")
        self._weights = self._host if self.device_type == "cpu" else new_group("nccl")

    @property
    def peers(self) -> list[int]:
        """The other ranks, the next one first, so that not all send to rank 0 at once."""
        return [(self.rank + step) % self.num_ranks for step in range(1, self.num_ranks)]

    def post(self, kind: str, sends: Sequence[Message], receives: Sequence[Message]) -> Pending:
        """Start messages; both ends of a pair must name theirs in the same order. Empty ones are left out."""
        self.check_alive()
        group = {"agreement": self._host, "weights": self._weights, "gradients": self._weights}.get(kind, self._tokens)
        todo: list[tuple[Callable[..., dist.Work | None], Message]] = [
            *((dist.irecv, message) for message in receives if message.tensor.numel()),
            *((dist.isend, message) for message in sends if message.tensor.numel()),
        ]
        kept = [message for _, message in todo]
        if not todo:
            return Pending(self, kind, [], kept)
        operations = [
            dist.P2POp(start, message.tensor, group=group, tag=_TAGS[kind], group_peer=message.peer)
            for start, message in todo
        ]
        try:
            works = dist.batch_isend_irecv(operations)
        except RuntimeError as error:
            self.fail(kind, kept[0].peer if len({message.peer for message in kept}) == 1 else None, error)
        if len(works) == len(todo):
            return Pending(
                self, kind, [(message.peer, work) for (_, message), work in zip(todo, works, strict=True)], kept
            )
        return Pending(self, kind, [(-1, work) for work in works], kept)  # NCCL: one for the batch

    def everywhere(self, kind: str, mine: torch.Tensor) -> torch.Tensor:
        """Return the tensors of all ranks, which all have the shape of `mine`, stacked by rank."""
        found = mine.new_empty((self.num_ranks, *mine.shape))
        found[self.rank] = mine
        self.post(
            kind, [Message(peer, mine) for peer in self.peers], [Message(peer, found[peer]) for peer in self.peers]
        ).wait()
        return found

    @contextmanager
    def together(self) -> Iterator[None]:
        """Mark the mail as failed if this rank leaves in the middle of a pass: the others are elsewhere then."""
        try:
            yield
        except Exception as error:
            self.failure = self.failure or f"rank {self.rank} left a pass with {type(error).__name__}: {error}"
            raise

    def check_alive(self) -> None:
        """Refuse to go on after a failure: ranks may be at different places now."""
        if self.failure is not None:
            raise RankLostError(f"this executor failed before and cannot go on: {self.failure}\nhint: make a new one")

    def fail(self, kind: str, peer: int | None, error: Exception) -> NoReturn:
        """Raise what happened, naming the rank that was waited for, or all ranks whose connection is closed.

        This rank then closes its own connections (gloo has done so after a time-out), so that the others do not wait
        for it: those that find out late see more than one closed.
        """
        late = "Timed out" in str(error)
        if not late:
            time.sleep(_MOMENT_S)  # Connections of a process that ends close one after the other.
        closed = [] if late else [str(other) for other in self.peers if other == peer or self._is_closed(other)]
        if closed:
            text = f"connections closed during the exchange of {kind}, to rank: {', '.join(closed)}"
        else:
            who = "a rank" if peer is None or peer < 0 else f"rank {peer}"
            text = f"{who} did not answer within {self.timeout_s:g} s during the exchange of {kind}"
        self.failure = text
        self._hang_up()
        raise RankLostError(f"{text} (seen by rank {self.rank})") from error

    def _is_closed(self, peer: int) -> bool:
        """Tell whether the connection to a peer is gone: gloo refuses to wait for a message then.

        It must not be waited for: a time-out would close the connections to all others.
        """
        return self._probe(peer) is None

    def _probe(self, peer: int) -> dist.Work | None:
        """Start to wait for a message that no rank sends; None if the connection is gone."""
        with suppress(RuntimeError):
            return dist.irecv(torch.empty(1), group=self._host, group_src=peer, tag=_TAGS["probe"])
        return None

    def _hang_up(self) -> None:
        """Close all connections, which gloo does when a wait times out."""
        for peer in self.peers:
            work = self._probe(peer)
            if work is not None:
                with suppress(RuntimeError):
                    work.wait(timedelta(milliseconds=1))
                return

    def close(self) -> None:
        """Give the groups back."""
        self.failure = self.failure or "it was closed"
        for group in {self._host, self._tokens, self._weights}:
            with suppress(RuntimeError, ValueError):
                dist.destroy_process_group(group)
