"""Forward and backward of one expert-parallel layer as a single autograd node.

One node instead of several, so that every rank enters every exchange in one fixed order, with or without tokens, with
or without foreign experts: what deadlocks chains of autograd functions cannot happen. Communication overlaps with
computing: weights travel while tokens do and while the rank's own experts compute; gradients of foreign copies travel
home while the own experts' gradients are computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.graph import saved_tensors_hooks

from paretoserve.moe.executor import experts
from paretoserve.moe.executor.copies import Arrivals, Returns
from paretoserve.moe.executor.mail import Mail, Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from paretoserve.moe.executor.routing import Route

    Rows = list[int]

__all__ = ["ExpertPass", "Job"]


@dataclass
class Job:
    """One call: how to reach the others, what goes where, how experts compute, which inputs need gradients."""

    mail: Mail
    route: Route
    expert: Any
    gemm: str
    ids: torch.Tensor
    needs_hidden: bool
    needs_router: bool
    needs_weights: list[bool]


@dataclass
class _Half:
    """Rows of the own or of the foreign experts: inputs, weights, and the results with their graph."""

    rows: torch.Tensor
    weights: list[torch.Tensor]
    results: torch.Tensor


@dataclass
class _Kept:
    """What the backward pass needs of the forward pass."""

    job: Job
    own: _Half
    foreign: _Half
    order: torch.Tensor
    grouping: torch.Tensor
    send: Rows
    receive: Rows
    router: torch.Tensor
    spread: torch.Tensor | None
    """Results by token and choice, if the router's weights need gradients."""


class ExpertPass(torch.autograd.Function):
    """``apply(job, hidden, router, *weights)`` returns what the experts make of the hidden states."""

    @staticmethod
    def forward(ctx: Any, job: Job, hidden: torch.Tensor, router: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        """Send rows and weights, compute, bring results back, add them up by the router's weights."""
        route, sizes = job.route, job.route.rows.tolist()
        send, receive = route.send.sum(axis=0).tolist(), route.receive.sum(axis=1).tolist()
        order, grouping = _sending_order(job.ids, route.send), _grouping(route, hidden.device)
        arrivals = Arrivals(job.mail, route, weights)
        rows = hidden.detach().index_select(0, order // max(job.ids.shape[1], 1))
        grouped = _exchange(job.mail, "tokens", rows, send, receive).index_select(0, grouping)
        del rows
        arrivals.relay()
        native_rows = sum(sizes[: route.num_native])
        own = _computed(job, grouped[:native_rows], sizes[: route.num_native], weights)
        foreign = _computed(job, grouped[native_rows:], sizes[route.num_native :], arrivals.wait())
        results = torch.empty_like(grouped)
        results[grouping] = torch.cat([own.results.detach(), foreign.results.detach()])
        spread = _spread(job, order, _exchange(job.mail, "results", results, receive, send))
        router = torch.where(job.ids < 0, 0, router.detach())
        if any((job.needs_hidden, job.needs_router, *job.needs_weights)):
            shown = spread if job.needs_router else None
            ctx.kept = _Kept(job, own, foreign, order, grouping, send, receive, router, shown)
        return _weighted(spread, router)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Send gradients of results to the experts, gradients of rows and of foreign copies home."""
        kept, ctx.kept = ctx.kept, None
        if kept is None:
            raise RuntimeError("the backward pass of an expert-parallel layer ran before, and its buffers are freed")
        job: Job = kept.job
        with job.mail.together():
            grad_router = _router_gradients(kept, grad) if job.needs_router else None
            if not job.needs_hidden and not any(job.needs_weights):
                return None, None, grad_router, *(None for _ in job.needs_weights)
            grad_hidden, grad_weights = _gradients(kept, grad)
        ready = iter(grad_weights)
        return None, grad_hidden, grad_router, *(next(ready) if needs else None for needs in job.needs_weights)


def _router_gradients(kept: _Kept, grad: torch.Tensor) -> torch.Tensor:
    assert kept.spread is not None
    products = [(grad * part).sum(-1, dtype=_wide(grad.dtype)) for part in kept.spread.unbind(1)]
    return torch.where(kept.job.ids < 0, 0, torch.stack(products, 1)).to(kept.router.dtype)


def _gradients(kept: _Kept, grad: torch.Tensor) -> tuple[torch.Tensor | None, list[torch.Tensor]]:
    """Return the gradients of the hidden states and of those of the own experts' weights that need one."""
    job, order, grouping = kept.job, kept.order, kept.grouping
    scaled = grad.index_select(0, order // max(job.ids.shape[1], 1)) * kept.router.flatten()[order, None]
    grouped = _exchange(job.mail, "tokens", scaled.to(grad.dtype), kept.send, kept.receive).index_select(0, grouping)
    del scaled
    split = len(kept.own.rows)
    foreign_rows, foreign_weights = _differentiated(job, kept.foreign, grouped[split:])
    returns = Returns(job.mail, job.route, foreign_weights)
    own_rows, own_weights = _differentiated(job, kept.own, grouped[:split])
    grad_hidden = None
    if job.needs_hidden:
        sources = torch.empty_like(grouped)
        sources[grouping] = torch.cat([own_rows, foreign_rows])
        back = _exchange(job.mail, "results", sources, kept.receive, kept.send)
        grad_hidden = _weighted(_spread(job, order, back), None)
    returns.wait(own_weights)
    return grad_hidden, own_weights


def _sending_order(ids: torch.Tensor, send: NDArray[Any]) -> torch.Tensor:
    """Return which entry of `ids` each row to send belongs to: by destination, then expert, then token."""
    num_experts, num_ranks = send.shape
    flat = ids.flatten()
    by_expert = torch.argsort(flat, stable=True)[flat.numel() - int(send.sum()) :]
    to = torch.arange(num_ranks, device=ids.device).repeat(num_experts)
    to = torch.repeat_interleave(to, _on(send.reshape(-1), ids.device), output_size=len(by_expert))
    return by_expert[torch.argsort(to, stable=True)]


def _grouping(route: Route, device: torch.device) -> torch.Tensor:
    """Return the received row that comes first, second, ... when rows are sorted by slot."""
    num_ranks, num_experts = route.receive.shape
    slot = torch.zeros(num_experts, dtype=torch.int64)
    slot[torch.from_numpy(route.slots)] = torch.arange(len(route.slots))
    slots = slot.to(device).repeat(num_ranks)
    lengths = _on(route.receive.reshape(-1), device)
    slots = torch.repeat_interleave(slots, lengths, output_size=int(route.receive.sum()))
    return torch.argsort(slots, stable=True)


def _on(values: NDArray[Any], device: torch.device) -> torch.Tensor:
    return torch.from_numpy(values).to(device)


def _exchange(mail: Mail, kind: str, rows: torch.Tensor, send: Rows, receive: Rows) -> torch.Tensor:
    """Send rows, sorted by destination, and return what arrives, sorted by source."""
    rows = rows.contiguous()
    found = rows.new_empty((sum(receive), rows.shape[1]))
    outgoing, incoming = torch.split(rows, send), torch.split(found, receive)
    incoming[mail.rank].copy_(outgoing[mail.rank])
    sends = [Message(peer, outgoing[peer]) for peer in mail.peers]
    mail.post(kind, sends, [Message(peer, incoming[peer]) for peer in mail.peers]).wait()
    return found


def _spread(job: Job, order: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Return rows in the order they were sent by token and choice; zeros for padding."""
    spread = rows.new_zeros((job.ids.numel(), rows.shape[1]))
    spread[order] = rows
    return spread.view(*job.ids.shape, rows.shape[1])


def _computed(job: Job, rows: torch.Tensor, sizes: list[int], weights: Sequence[torch.Tensor]) -> _Half:
    """Return the results of some slots, with a graph of their own if gradients are needed."""
    rows = rows.detach().requires_grad_(job.needs_hidden)
    leaves = [weight.detach().requires_grad_(needs) for weight, needs in zip(weights, job.needs_weights, strict=True)]
    # Checkpointing counts what a graph saves and stops a recomputation in the middle of it, on each rank elsewhere.
    with torch.set_grad_enabled(job.needs_hidden or any(job.needs_weights)), saved_tensors_hooks(_same, _same):
        results = experts.apply(job.expert, job.gemm, rows, sizes, leaves)
    if results.shape != rows.shape or results.dtype != rows.dtype:
        raise ValueError(
            f"`expert` must return {tuple(rows.shape)} {rows.dtype}, got {tuple(results.shape)} {results.dtype}"
        )
    return _Half(rows, leaves, results)


def _same(tensor: torch.Tensor) -> torch.Tensor:
    return tensor


def _differentiated(job: Job, half: _Half, grad: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Return the gradients of the rows and of those weights that need one; zeros where nothing depends on them."""
    wanted = [half.rows] if job.needs_hidden else []
    wanted += [leaf for leaf in half.weights if leaf.requires_grad]
    found: Sequence[torch.Tensor | None] = (None,) * len(wanted)
    if half.results.requires_grad:
        found = torch.autograd.grad(half.results, wanted, grad, allow_unused=True)
    filled = [
        torch.zeros_like(leaf) if one is None else one.contiguous() for one, leaf in zip(found, wanted, strict=True)
    ]
    return (filled[0], filled[1:]) if job.needs_hidden else (half.rows, filled)


def _weighted(parts: torch.Tensor, router: torch.Tensor | None) -> torch.Tensor:
    """Return the sum over a token's experts, in their order, in at least float32."""
    total = parts.new_zeros((parts.shape[0], parts.shape[2]), dtype=_wide(parts.dtype))
    for index, part in enumerate(parts.unbind(1)):
        if router is None:
            total += part
        else:
            total.addcmul_(part.to(total.dtype), router[:, index, None].to(total.dtype))
    return total.to(parts.dtype)


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype == torch.float64 else torch.float32
