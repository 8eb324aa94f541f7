"""The layer that callers hold: checks its inputs, agrees with the other ranks, and runs one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paretoserve._integers import check_integer
from paretoserve.errors import DeviceError
from paretoserve.moe.executor import routing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import torch
    import torch.distributed as dist
    from numpy.typing import ArrayLike, NDArray

    from paretoserve.moe.executor.agreement import Terms

__all__ = ["ExpertParallel"]

_MOST_EXPERTS = 2**16
_MOST_SECONDS = 7 * 86400.0


class ExpertParallel:
    """A mixture-of-experts layer over the ranks of a process group, following a plan that may move experts.

    All ranks construct it together and call it together, each with its own tokens and its own experts. Tokens go to the
    ranks that the plan chose, weights of foreign experts travel meanwhile, results come back, and the backward pass
    returns the gradients of foreign copies to their home. Without a plan it is standard expert parallelism.

    Parameters
    ----------
    num_experts : int
        Experts of the layer over all ranks.
    group : ProcessGroup, optional
        A gloo group for tensors on the CPU, an NCCL group for GPUs; the default group if not given.
    home : array_like of int, shape (num_experts,), optional
        Rank that owns each expert; contiguous blocks by default, the remainder on the first ranks.
    expert : callable, optional
        ``expert(rows, *weights)`` of one expert, which returns a tensor like `rows`; ``(silu(gate) * up) @ down`` by
        default. Whatever needs gradients must come through its arguments.
    gemm : {"auto", "grouped", "loop"}, default "auto"
        How the default expert runs: one grouped GEMM where it fits (bfloat16 on a GPU), or one expert after another.
    timeout_s : float, default 60
        Most that this rank waits for another in one exchange.

    Raises
    ------
    RankMismatchError
        If ranks disagree on the experts or their homes.
    RankLostError
        If a rank does not answer within `timeout_s`.

    Notes
    -----
    The layer makes groups of its own, so that others' collectives do not mix with its messages. A call exchanges one
    small message with every rank (counts, and what must agree: shapes, dtypes, the plan's digest), then rows and
    weights, then results. Nothing depends on timing: a token adds up its experts in the order of its router ids, a home
    rank adds gradients in the order of the plan.

    If one rank runs the backward pass, all must, also those without tokens; the others would wait for it in vain.
    Under activation checkpointing the plan must be the same again: one from `counts`, or a planner that depends on
    nothing else. Only ``use_reentrant=True`` frees what the layer keeps for its backward pass.

    Examples
    --------
    One process is a group, too:

    >>> import torch, torch.distributed as dist
    >>> from paretoserve import moe
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> layer = moe.ExpertParallel(4, timeout_s=10)
    >>> gate_up, down = torch.ones(4, 8, 12), torch.ones(4, 6, 8)
    >>> topk_ids, topk_weights = torch.tensor([[0, 3], [1, -1]]), torch.tensor([[0.5, 0.5], [1.0, 0.0]])
    >>> layer.counts(topk_ids)
    array([[1, 1, 0, 1]])
    >>> layer(torch.ones(2, 8), topk_ids, topk_weights, (gate_up, down)).shape
    torch.Size([2, 8])
    >>> layer.close()
    >>> dist.destroy_process_group()
    """

    def __init__(
        self,
        num_experts: int,
        *,
        group: dist.ProcessGroup | None = None,
        home: ArrayLike | None = None,
        expert: Callable[..., torch.Tensor] | None = None,
        gemm: str = "auto",
        timeout_s: float = 60.0,
    ):
        from torch import distributed

        from paretoserve.moe.executor import agreement, experts, inputs
        from paretoserve.moe.executor.mail import Mail

        self.num_experts = check_integer("num_experts", num_experts, 1, _MOST_EXPERTS)
        if gemm not in experts.GEMMS:
            raise ValueError(f"`gemm` must be one of {', '.join(experts.GEMMS)}, got {gemm!r}")
        number = isinstance(timeout_s, int | float) and not isinstance(timeout_s, bool)
        if not number or not 0 < timeout_s <= _MOST_SECONDS:
            raise ValueError(f"`timeout_s` must be above 0 and at most {_MOST_SECONDS:g}, got {timeout_s!r}")
        if not distributed.is_initialized():
            raise DeviceError("there is no process group\nhint: call torch.distributed.init_process_group first")
        members = group if group is not None else distributed.group.WORLD
        self.timeout_s = float(timeout_s)
        self._expert, self._gemm = expert, gemm
        self._steps = 0
        assert members is not None
        self._mail = Mail(members, self.timeout_s)
        problem: Exception | None = None
        self.home = routing.home_of(self.num_experts, self._mail.num_ranks, None)
        try:
            self.home = routing.home_of(self.num_experts, self._mail.num_ranks, home)
        except (ValueError, TypeError) as error:
            problem = error
        terms = agreement.Terms(num_experts=self.num_experts, home=inputs.digest(self.home.tobytes()))
        agreement.agree(self._mail, terms, problem)
        self.home.setflags(write=False)

    @property
    def rank(self) -> int:
        """Rank of this process in the group."""
        return self._mail.rank

    @property
    def num_ranks(self) -> int:
        """Ranks of the group."""
        return self._mail.num_ranks

    def counts(self, topk_ids: torch.Tensor) -> NDArray[np.int64]:
        """Return how many tokens each rank has for each expert; all ranks call it together.

        Parameters
        ----------
        topk_ids : Tensor of int, shape (num_tokens, experts_per_token)
            Experts of this rank's tokens, -1 for padding.

        Returns
        -------
        counts : ndarray of int64, shape (num_ranks, num_experts)
            What `plan_spill` takes; the same on all ranks.
        """
        from paretoserve.moe.executor import agreement, inputs

        problem, mine = inputs.counted(topk_ids, self.num_experts)
        self._steps += 1
        terms = agreement.Terms(step=self._steps, num_experts=self.num_experts)
        return agreement.agree(self._mail, terms, problem, mine)

    def __call__(
        self,
        hidden: torch.Tensor,
        topk_ids: torch.Tensor,
        topk_weights: torch.Tensor,
        weights: Sequence[torch.Tensor],
        *,
        plan: routing.Plan | Callable[[NDArray[np.int64]], routing.Plan | None] | None = None,
    ) -> torch.Tensor:
        """Return the layer's result for this rank's tokens; all ranks call it together.

        Parameters
        ----------
        hidden : Tensor of float, shape (num_tokens, hidden_size)
            Hidden states; a rank may have no tokens.
        topk_ids : Tensor of int, shape (num_tokens, experts_per_token)
            Experts of each token, -1 for padding.
        topk_weights : Tensor of float, shape (num_tokens, experts_per_token)
            The router's weights; those of padding are ignored.
        weights : sequence of Tensor, shape (num_native, ...)
            This rank's experts, ascending: gate and up side by side (num_native, hidden_size, 2 * inner), and down
            (num_native, inner, hidden_size); or what `expert` takes, of the dtype of `hidden`.
        plan : SpillPlan or callable, optional
            Who computes what, the same on all ranks: `quota` and `transfers`. A callable gets the counts of all ranks
            and returns a plan, or None. Standard expert parallelism without.

        Returns
        -------
        result : Tensor, shape (num_tokens, hidden_size), dtype of `hidden`

        Raises
        ------
        ShapeError, DtypeError, DeviceError, ValueError
            If this rank's input is wrong, or the plan does not compute each token once.
        RankMismatchError
            If another rank's input is wrong or does not fit this one's.
        RankLostError
            If a rank is gone or does not answer within `timeout_s`; the layer cannot be used any more then.
        """
        from paretoserve.moe.executor import agreement, inputs
        from paretoserve.moe.executor.passes import ExpertPass, Job

        problem, mine = inputs.counted(topk_ids, self.num_experts)
        self._steps += 1
        terms, needs = agreement.Terms(step=self._steps, num_experts=self.num_experts), [False, False]
        try:
            num_native = int((self.home == self.rank).sum())
            device_type, swiglu = self._mail.device_type, self._expert is None
            inputs.check(hidden, topk_ids, topk_weights, weights, num_native, device_type, swiglu=swiglu)
            needs = inputs.needs(hidden, topk_weights, *weights)
            digest = -1 if callable(plan) else routing.plan_digest(plan)
            terms = inputs.terms(self._steps, self.num_experts, hidden, topk_ids, weights, needs, digest)
        except Exception as error:  # whatever it is, the other ranks hear of it, and it is raised here
            problem = problem or error
        counts = agreement.agree(self._mail, terms, problem, mine)
        chosen = self._planned(plan, counts, terms) if callable(plan) else plan
        quota, copies = routing.checked_plan(chosen, counts.sum(axis=0), self.home, self.num_ranks)
        route = routing.route(self.rank, counts, self.home, quota, copies)
        job = Job(self._mail, route, self._expert, self._gemm, topk_ids, needs[0], needs[1], needs[2:])
        with self._mail.together():
            return ExpertPass.apply(job, hidden, topk_weights, *weights)  # type: ignore[no-any-return]

    def close(self) -> None:
        """Give the layer's process groups back; all ranks should, before they destroy the group it was made of."""
        self._mail.close()

    def _planned(
        self, planner: Callable[[NDArray[np.int64]], routing.Plan | None], counts: NDArray[np.int64], terms: Terms
    ) -> routing.Plan | None:
        """Return the plan that this rank's planner makes, after all ranks have made the same."""
        from paretoserve.moe.executor import agreement

        plan, problem = None, None
        try:
            plan = planner(counts)
            terms = terms._replace(plan=routing.plan_digest(plan))
        except Exception as error:  # whatever it is, the other ranks hear of it, and it is raised here
            problem = error
        agreement.agree(self._mail, terms, problem)
        return plan
