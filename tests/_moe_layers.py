"""A mixture-of-experts layer on one process, obvious and slow; batches of routed tokens; and a plan to execute."""

from dataclasses import dataclass

import numpy as np
import torch


@dataclass
class Batch:
    """Tokens of all ranks, split by `rows`, and the weights of all experts."""

    hidden: torch.Tensor
    ids: torch.Tensor
    router: torch.Tensor
    gate_up: torch.Tensor
    down: torch.Tensor
    rows: list[int]

    def of(self, rank):
        return tuple(part.split(self.rows)[rank] for part in (self.hidden, self.ids, self.router))

    def counts(self):
        experts = len(self.gate_up)
        parts = [ids[ids >= 0] for ids in self.ids.split(self.rows)]
        return np.stack([np.bincount(part, minlength=experts) for part in parts]).astype(np.int64)


@dataclass
class TestPlan:
    """Quotas and transfers by a rule simple enough to trust: from the fullest rank to the emptiest."""

    __test__ = False

    quota: np.ndarray
    transfers: np.ndarray


def batch(num_ranks, *, experts=8, tokens=24, top=2, width=16, inner=12, skew=0.0, padding=0.0, dtype=torch.float64):
    """Return a seeded batch; with `skew` near 1 nearly all tokens choose the first experts."""
    generator = torch.Generator().manual_seed(7)
    rows = [0 if rank == 1 and padding else tokens + rank for rank in range(num_ranks)]
    total = sum(rows)
    scores = torch.rand(total, experts, generator=generator)
    scores[:, :top] += skew
    router, ids = scores.topk(top, dim=1)
    ids = torch.where(torch.rand(ids.shape, generator=generator) < padding, -1, ids)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype) / 4

    weights = draw(experts, width, 2 * inner), draw(experts, inner, width)
    return Batch(draw(total, width), ids, router.to(dtype), *weights, rows)


def single(work):
    """Return the layer's result for all tokens, one expert and one choice at a time."""
    parts = []
    for choice in range(work.ids.shape[1]):
        part = torch.zeros_like(work.hidden)
        for expert in range(len(work.gate_up)):
            chosen = torch.nonzero(work.ids[:, choice] == expert).flatten()
            gate, up = (work.hidden[chosen] @ work.gate_up[expert]).chunk(2, dim=-1)
            result = (torch.nn.functional.silu(gate) * up) @ work.down[expert]
            part = part.index_add(0, chosen, result * work.router[chosen, choice, None])
        parts.append(part)
    return torch.stack(parts).sum(0)


def spill(counts, *, home=None, relay=False):
    """Return a plan that cuts every load above the mean; with `relay`, copies come from the last rank that got one."""
    num_ranks, experts = counts.shape
    if home is None:
        home = np.repeat(np.arange(num_ranks), [len(part) for part in np.array_split(np.arange(experts), num_ranks)])
    total = counts.sum(axis=0)
    quota = np.zeros((experts, num_ranks), dtype=np.int64)
    quota[np.arange(experts), home] = total
    cap = -(-int(total.sum()) // num_ranks)
    for expert in np.argsort(-total, kind="stable"):
        for rank in range(num_ranks):
            loads = quota.sum(axis=0)
            rest = min(loads[home[expert]] - cap, cap - loads[rank], quota[expert, home[expert]])
            if rest > 0:
                quota[expert, home[expert]] -= rest
                quota[expert, rank] += rest
    transfers, slots = [], np.zeros(num_ranks, dtype=np.int64)
    for expert in range(experts):
        source = home[expert]
        for rank in np.flatnonzero(quota[expert]):
            if rank != home[expert]:
                transfers.append((expert, source, rank, slots[rank]))
                slots[rank] += 1
                source = rank if relay else source
    return TestPlan(quota, np.array(transfers, dtype=np.int64).reshape(-1, 4))
