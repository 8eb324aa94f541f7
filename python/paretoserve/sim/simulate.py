"""Run a trace through the simulator."""

import os
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paretoserve import _native
from paretoserve._integers import integer_array
from paretoserve.errors import DtypeError
from paretoserve.sim.configuration import Configuration, check_count
from paretoserve.sim.expert_load import load_experts
from paretoserve.sim.result import Simulation
from paretoserve.sim.scheduling import SchedulerOptions, Told
from paretoserve.sim.trace import MAX_TOKENS, Trace

__all__ = ["simulate"]


@dataclass(frozen=True, slots=True)
class _Extras:
    """What the native call needs beside the configuration."""

    num_blocks: int
    host_ns: int
    overlap_host: bool
    preempt: str
    record: bool
    threads: int


@dataclass(frozen=True, slots=True)
class _Arrays:
    """Per-request results that the native call fills."""

    replica: NDArray[np.int32]
    scheduled_ns: NDArray[np.int64]
    first_token_ns: NDArray[np.int64]
    finish_ns: NDArray[np.int64]
    preemptions: NDArray[np.int32]
    cached_tokens: NDArray[np.int32]
    refusal: NDArray[np.uint8]

    @classmethod
    def empty(cls, n: int) -> "_Arrays":
        return cls(
            replica=np.empty(n, np.int32),
            scheduled_ns=np.empty(n, np.int64),
            first_token_ns=np.empty(n, np.int64),
            finish_ns=np.empty(n, np.int64),
            preemptions=np.empty(n, np.int32),
            cached_tokens=np.empty(n, np.int32),
            refusal=np.empty(n, np.uint8),
        )


def simulate(
    trace: Trace,
    config: Configuration,
    *,
    step_time: Any = None,
    num_blocks: int | None = None,
    model: Any = None,
    system: Any = None,
    expert_load: Any = None,
    expected_output_tokens: ArrayLike | None = None,
    host_time_s: float = 0.0,
    overlap_host: bool = False,
    preempt: Literal["none", "slots"] = "none",
    scheduler: SchedulerOptions | None = None,
    record: bool = False,
    threads: int | None = None,
) -> Simulation:
    """Serve a trace with a configuration, event by event.

    Each engine batches continuously, with chunked prefill under a token budget, over KV blocks with prefix hits and
    preemption by recomputation; `paretoserve.sched` takes every decision about who runs.

    Parameters
    ----------
    trace : Trace
        Requests in order of arrival.
    config : Configuration
        The service.
    step_time : cost.StepTime, optional
        How long a step of one engine takes; must be made for the layout of `config`. Needed without `model` and
        `system`.
    num_blocks : int, optional
        KV blocks of ``config.block_size`` tokens that one data-parallel rank has, from 1 to 2147483647. Needed without
        `model` and `system`.
    model, system : optional
        As for `cost.load_model` and `cost.hardware`; what is not given above is then fitted for them.
    expert_load : optional
        How popular the experts of `model` are, as for `load_experts`: the ranks of an engine with expert parallelism
        then have the work that its `expert_balancer` leaves them. By default routing is uniform, where no balancer has
        anything to do. A `step_time` that is given has its own.
    expected_output_tokens : array_like of int, shape (n,), optional
        Output lengths that the scheduler is told, at least 1; without them it is told the true ones. Policies without
        sizes do not use them. ``slf`` is told when a share `eps` of the output is left, all others on arrival.
    host_time_s : float, default 0.0
        Seconds of host work per step that `step_time` does not contain.
    overlap_host : bool, default False
        Whether the host works while the device computes: a step then takes the longer of the two, not their sum.
    preempt : {"none", "slots"}, default "none"
        Whether a running request also gives way to a better waiting one, as in `sched.Scheduler`.
    scheduler : dict, optional
        Further arguments of `sched.Scheduler` by name: preempt_gain, max_preemptions, prefill_weight,
        unknown_output_tokens, max_wait_ns, eps, tenant_fairness, tenant_weights (by the tenants of the trace), samples
        (without them ``gittins`` knows the outputs of the trace as one distribution); and rank, for ``external``: the
        function that `sched.Scheduler` takes as its policy, asked once for each request. What schedulers know of single
        requests, such as a deadline, is in ``trace.terms``.
    record : bool, default False
        Whether to keep the decision log of every scheduler in ``Simulation.decisions``.
    threads : int, optional
        Most threads used; by default as many as there are processors. Only replicas behind ``"round_robin"`` can run on
        several. The result does not depend on it.

    Returns
    -------
    simulation : Simulation
        Times per request and totals.

    Raises
    ------
    DtypeError, ShapeError, ValueError
        If an argument has the wrong type, shape or range, if the trace lacks what the policy needs (``priority`` a
        priority, ``edf`` a deadline, ``wsrpt`` a weight, ``vtc`` a tenant), or if `step_time` gives times that are
        negative or not finite.
    PolicyError
        If the function `rank` raises or returns no finite number.
    UnknownNameError, CapacityError
        If `model` or `system` are not known, or the model does not fit.
    KeyboardInterrupt
        On Ctrl-C in the main thread, within milliseconds.

    Notes
    -----
    A request whose prompt and output need more than `num_blocks` blocks (or, without chunked prefill, more tokens than
    the budget) is rejected on arrival. A step gives one token to each request that decodes and to each whose last
    prompt chunk it computes; a request leaves with its last token. Prompts are hit in whole KV blocks, from the hashes
    of the trace; at least one prompt token is always computed, and generated tokens are never shared.

    Data-parallel ranks have a scheduler and a cache each and step together. A pipeline of p stages keeps p batches in
    flight over one cache, with an even share of `max_num_seqs` each; `step_time` is the pass of one batch through all
    stages, of which each takes an even part, and batches do not overtake each other.

    The interpreter lock is released. Stretches of equal decode steps are one event (of engines with several ranks or
    stages, one event each, without the scheduler); the cost is O(requests x (replicas + log n) + events x running
    requests).

    Examples
    --------
    >>> from paretoserve.cost import StepTime
    >>> trace = Trace(arrival_ns=[0, 0], prompt_tokens=[100, 100], output_tokens=[1, 3])
    >>> step_time = StepTime.linear(0.001, per_prefill_token_s=1e-5)
    >>> simulation = simulate(trace, Configuration(), step_time=step_time, num_blocks=100)
    >>> simulation.e2e_s
    array([0.003, 0.005])

    Deadlines are terms of the requests:

    >>> from paretoserve.sim import Terms
    >>> due = Trace(arrival_ns=[0, 0], prompt_tokens=[100, 100], output_tokens=[3, 3],
    ...             terms=Terms(deadline_ns=[10**9, 5 * 10**6]))
    >>> config = Configuration(policy="edf", fifo_share=0.0, max_num_seqs=1)
    >>> simulate(due, config, step_time=step_time, num_blocks=100).e2e_s
    array([0.008, 0.004])
    """
    if not isinstance(trace, Trace):
        raise DtypeError(f"`trace` must be a Trace, got {type(trace).__name__}\nhint: read files with sim.load_trace")
    if not isinstance(config, Configuration):
        raise DtypeError(f"`config` must be a Configuration, got {type(config).__name__}")
    if step_time is None or num_blocks is None:
        if model is None or system is None:
            raise ValueError("`step_time` and `num_blocks` must be given, or `model` and `system`")
        from paretoserve.sim.derive import derive

        load = None if expert_load is None else load_experts(expert_load, model)
        fitted, blocks = derive(model, system, trace, config, load)
        step_time = fitted if step_time is None else step_time
        num_blocks = blocks if num_blocks is None else num_blocks
    elif expert_load is not None:
        raise ValueError("`expert_load` needs `model` and `system` instead of `step_time` and `num_blocks`")
    native = getattr(step_time, "native", step_time)
    if not isinstance(native, _native.StepTime):
        raise DtypeError(f"`step_time` must be a cost.StepTime, got {type(step_time).__name__}")
    extras = _Extras(
        num_blocks=check_count("num_blocks", num_blocks, MAX_TOKENS),
        host_ns=_nanoseconds(host_time_s),
        overlap_host=_switch("overlap_host", overlap_host),
        preempt=preempt,
        record=_switch("record", record),
        threads=check_count("threads", os.cpu_count() or 1 if threads is None else threads, 2**16),
    )
    arrays = _Arrays.empty(trace.num_requests)
    expected = expected_output_tokens
    if expected is not None:
        expected = integer_array("expected_output_tokens", expected, np.int32, 1, MAX_TOKENS, trace.num_requests)
    told = Told.checked(config.policy, trace, expected, scheduler)
    replicas, logs = _native.simulate(arrays, trace, expected, told, native, config, extras)
    return Simulation.from_native(trace, config, extras.num_blocks, arrays, replicas, logs)


def _nanoseconds(host_time_s: float) -> int:
    if isinstance(host_time_s, bool) or not isinstance(host_time_s, int | float | np.integer | np.floating):
        raise DtypeError(f"`host_time_s` must be a number, got {type(host_time_s).__name__}")
    seconds = float(host_time_s)
    if not 0 <= seconds <= 3600:
        raise ValueError(f"`host_time_s` must be from 0 to 3600 seconds, got {seconds}")
    return round(seconds * 1e9)


def _switch(name: str, value: object) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise DtypeError(f"`{name}` must be True or False, got {type(value).__name__}")
    return bool(value)
