"""Weights on their way to where they are needed, and their gradients on the way home.

Copies go in stages, so that a rank that has just received an expert can pass it on. Gradients walk the same edges
backwards; every rank adds those of its own copies in the order of the plan, so that the sum never depends on timing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paretoserve.moe.executor.mail import Mail, Message, Pending

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from paretoserve.moe.executor.routing import Copy, Route

    # One list per tensor of an expert, one entry per slot.
    Slots = list[list[torch.Tensor]]

__all__ = ["Arrivals", "Returns"]


class _Edges:
    """Copies of one rank by stage, and the slots of its experts."""

    def __init__(self, mail: Mail, route: Route):
        self.mail = mail
        self.copies = route.copies
        self.last = max((copy.stage for copy in route.copies), default=0)
        self.slot = {expert: slot for slot, expert in enumerate(route.slots.tolist())}

    def outgoing(self, stage: int) -> list[Copy]:
        return [copy for copy in self.copies if copy.stage == stage and copy.source == self.mail.rank]

    def incoming(self, stage: int) -> list[Copy]:
        return [copy for copy in self.copies if copy.stage == stage and copy.destination == self.mail.rank]


class Arrivals(_Edges):
    """Copies of foreign experts: posted when made, passed on by `relay`, complete after `wait`.

    Parameters
    ----------
    mail : Mail
    route : Route
    weights : sequence of Tensor, shape (num_native, ...)
        The rank's own experts. Not modified.
    """

    def __init__(self, mail: Mail, route: Route, weights: Sequence[torch.Tensor]):
        super().__init__(mail, route)
        self.foreign = [weight.new_empty((len(route.foreign), *weight.shape[1:])) for weight in weights]
        native = [weight.detach().contiguous() for weight in weights]
        self._slots: Slots = [[*own, *copied] for own, copied in zip(native, self.foreign, strict=True)]
        self._pending = self._post(1)

    def _post(self, stage: int) -> Pending:
        def messages(copies: list[Copy], *, to: bool) -> list[Message]:
            return [
                Message(copy.destination if to else copy.source, tensors[self.slot[copy.expert]])
                for copy in copies
                for tensors in self._slots
            ]

        sends, receives = messages(self.outgoing(stage), to=True), messages(self.incoming(stage), to=False)
        return self.mail.post("weights", sends, receives)

    def relay(self) -> None:
        """Pass on what has arrived, stage by stage; the last stage stays under way."""
        for stage in range(2, self.last + 1):
            self._pending.wait()
            self._pending = self._post(stage)

    def wait(self) -> list[torch.Tensor]:
        """Return the foreign weights, stacked by slot."""
        self._pending.wait()
        return self.foreign


class Returns(_Edges):
    """Gradients of foreign copies: the last stage is posted when made, the rest goes home in `wait`.

    Parameters
    ----------
    mail : Mail
    route : Route
    foreign : sequence of Tensor, shape (num_foreign, ...)
        Gradients of this rank's copies; sums of further copies are added to them.
    """

    def __init__(self, mail: Mail, route: Route, foreign: Sequence[torch.Tensor]):
        super().__init__(mail, route)
        self._num_native = route.num_native
        self._foreign = list(foreign)
        self._stage = self.last
        self._pending, self._parts = self._post()

    def _post(self) -> tuple[Pending, list[tuple[Copy, list[torch.Tensor]]]]:
        parts = [
            (copy, [gradients.new_empty(gradients.shape[1:]) for gradients in self._foreign])
            for copy in self.outgoing(self._stage)
        ]
        sends = [
            Message(copy.source, gradients[self.slot[copy.expert] - self._num_native])
            for copy in self.incoming(self._stage)
            for gradients in self._foreign
        ]
        receives = [Message(copy.destination, part) for copy, tensors in parts for part in tensors]
        return self.mail.post("gradients", sends, receives), parts

    def wait(self, native: Sequence[torch.Tensor]) -> None:
        """Add what comes home to the gradients of the rank's own experts, in place."""
        while self._stage:
            self._pending.wait()
            for copy, tensors in self._parts:
                slot = self.slot[copy.expert]
                own = slot < self._num_native
                for sums, part in zip(native if own else self._foreign, tensors, strict=True):
                    sums[slot if own else slot - self._num_native].add_(part)
            self._stage -= 1
            if self._stage:
                self._pending, self._parts = self._post()
