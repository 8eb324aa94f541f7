"""The main job: enumerate configurations, refuse what cannot run, simulate the rest and keep what nobody beats."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

from paretoserve.errors import CapacityError, DtypeError
from paretoserve.pareto import Archive
from paretoserve.plan.assemble import assemble
from paretoserve.plan.enumerate import enumerate_space
from paretoserve.plan.evaluate import evaluate_many
from paretoserve.plan.front import Front
from paretoserve.plan.measure import refuse_unknown
from paretoserve.plan.objectives import parse_objectives
from paretoserve.plan.problem import Problem
from paretoserve.plan.screen import merge, prefix_length, survivors
from paretoserve.plan.slo import parse_slo
from paretoserve.plan.space import Space, load_space
from paretoserve.plan.store import Progress, digest
from paretoserve.sim import Configuration, Trace
from paretoserve.sim.configuration import check_count

__all__ = ["plan"]

Outcome = dict[str, Any]


def plan(
    model: Any,
    system: Any,
    trace: str | os.PathLike[str] | Trace,
    *,
    gpus: int,
    objectives: str | Sequence[str] | None = None,
    slo: str | Mapping[str, float | str] | None = None,
    space: str | Path | dict[str, Any] | Space | None = None,
    executor: Executor | None = None,
    seed: int = 0,
    threads: int | None = None,
    out: str | Path | None = None,
    limit: int | None = None,
    expert_load: Any = None,
    exhaustive: bool = False,
    progress: Callable[[int, int], None] | None = None,
    running: Archive | None = None,
) -> Front:
    """Find the serving configurations that nobody beats for a workload.

    Parameters
    ----------
    model : str, path or cost.Model
        Bundled name, folder or ``config.json``.
    system : str, path or cost.Hardware
        Bundled GPU system or a YAML file.
    trace : str, path or sim.Trace
        Trace file or built-in profile.
    gpus : int
        GPUs that a configuration may use, 1 to 65,536. Fewer may be used: throughput is per GPU.
    objectives : str or sequence of str or None
        Columns that span the front; None takes `DEFAULT_OBJECTIVES`.
    slo : str or mapping or None
        Limits, for example ``"ttft_p99=1s,tpot_p95=40ms"``. The front is taken among configurations that meet them.
    space : path, mapping, Space or None
        Options per field; None takes the defaults.
    executor : concurrent.futures.Executor or None
        Where simulations run. None uses `threads` threads here; an executor of processes or machines gets chunks.
    seed : int, default 0
        Seed of the built-in profile.
    threads : int or None
        Threads when `executor` is None; None means one per CPU. The result does not depend on it.
    out : path or None
        Folder for the files; also keeps what an interrupted run finished. None writes nothing.
    limit : int or None
        Use the first so many requests of the trace.
    expert_load : optional
        How popular the experts of the model are, as for `sim.load_experts`: a built-in name, a file, a load or an array
        of shares. Balancers of experts are then tried, and the column `expert_imbalance` says what they leave.
    exhaustive : bool, default False
        Simulate the whole trace for every configuration, however many. By default a space of more than two million
        simulated requests is screened on a prefix of the trace first (`screen`).
    progress : callable(done, total) or None
        Called as configurations finish, in the calling thread.
    running : pareto.Archive or None
        Takes the objectives of every configuration as it finishes on the whole trace, whether it meets the SLO or not,
        with its place in the space as id: the front so far, to be read at any time, from `progress` or another thread.

    Returns
    -------
    front : Front
        All configurations, the front, picks and refusals. If nobody meets the SLO, `Front.miss` says who is nearest.

    Raises
    ------
    ValueError
        If an argument is out of range or the space is empty.
    UnknownNameError
        If a model, system, profile or objective is not known; close names are suggested.
    DataError
        If a file is missing or broken.
    CapacityError
        If no configuration fits the memory; the message says why and what would fit.
    OSError
        If the disk is full; what was finished is kept and the same call goes on from there.

    Notes
    -----
    One simulation per distinct configuration, one step-time model per layout and format; large spaces are screened.

    Examples
    --------
    >>> front = plan("qwen3-32b", "h100_sxm", "azure-chat", gpus=2, limit=50,
    ...              space={"tensor_parallel": 2, "weight_format": "fp8", "policy": "fcfs"})
    >>> len(front) >= 1
    True
    """
    names, limits, options = parse_objectives(objectives), parse_slo(slo), load_space(space)
    check_count("gpus", gpus, 65_536)
    if threads is not None:
        check_count("threads", threads, 4_096)
    if executor is not None and not isinstance(executor, Executor) and not callable(getattr(executor, "submit", None)):
        raise DtypeError(f"`executor` must have the method submit of concurrent.futures, got {type(executor).__name__}")
    problem = Problem.load(
        model, system, trace, gpus=gpus, limits=limits, seed=seed, limit=limit, expert_load=expert_load
    )
    refuse_unknown(problem.hardware, (*names, *(bound.name for bound in limits)))
    configurations = enumerate_space(options, problem.bounds())
    inputs = problem.describe() | {"seed": seed, "gpus": gpus, "space": _space_data(options, configurations)}
    folder = Path(out) if out is not None else None
    if folder is not None and folder.exists() and not folder.is_dir():
        raise ValueError(f"`out` must be a folder, got `{folder}`, which is a file")
    prefix = None if exhaustive else prefix_length(len(configurations), problem.trace.num_requests)
    inputs["screened_on_requests"] = prefix
    with Progress(folder, digest(inputs)) as store:
        sweep = partial(_sweep, store=store, executor=executor, threads=threads, progress=progress)
        if prefix is None:
            outcomes = sweep(problem, configurations, finished=partial(_offer, running, names))
        else:
            outcomes = sweep(problem.head(prefix), configurations)
            chosen = survivors(outcomes, list(dict.fromkeys((*names, *(bound.name for bound in limits)))))
            finished = partial(_offer, running, names)
            finals = sweep(
                problem,
                [configurations[row] for row in chosen],
                finished=lambda position, outcome: finished(chosen[position], outcome),
            )
            outcomes = merge(outcomes, dict(zip(chosen, finals, strict=True)), prefix)
        front = assemble(configurations, outcomes, names, limits, inputs)
        if folder is not None:
            from paretoserve.plan.outputs import write_outputs

            write_outputs(front, problem, folder)
        store.discard()
    if not front.configurations:
        raise CapacityError(problem.nothing_fits(front.refused))
    return front


def _space_data(space: Space, configurations: Sequence[Configuration]) -> dict[str, Any]:
    """Return the space as given and as it was resolved: every value that some configuration uses."""
    resolved: dict[str, list[Any]] = {}
    for configuration in configurations:
        for name, value in dataclasses.asdict(configuration).items():
            values = resolved.setdefault(name, [])
            if value not in values:
                values.append(value)
    given = space.model_dump(mode="json", exclude_unset=True)
    return {"given": given, "resolved": resolved, "num_configurations": len(configurations)}


def _offer(running: Archive | None, names: Sequence[str], place: int, outcome: Outcome) -> None:
    """Put the objectives of a finished configuration into the running front, if there is one and it has them all."""
    columns = outcome.get("columns") or {}
    point = [float(columns[name]) for name in names if columns.get(name) is not None]
    if running is not None and outcome.get("refused") is None and len(point) == len(names):
        running.add(point, id=place)


def _key(problem: Problem, configuration: Configuration) -> str:
    return digest([dataclasses.asdict(configuration), problem.trace.num_requests])[:32]


def _sweep(
    problem: Problem,
    configurations: Sequence[Configuration],
    *,
    finished: Callable[[int, Outcome], None] = lambda position, outcome: None,
    store: Progress,
    executor: Executor | None,
    threads: int | None,
    progress: Callable[[int, int], None] | None,
) -> list[Outcome]:
    """Return the outcome of every configuration; put those that the store does not have yet there as they finish.

    `finished` gets each with the place of its configuration.
    """
    keys = {configuration: _key(problem, configuration) for configuration in configurations}
    places = {configuration: place for place, configuration in enumerate(configurations)}
    for configuration, key in keys.items():
        if key in store.finished:
            finished(places[configuration], store.finished[key])
    todo = [configuration for configuration in configurations if keys[configuration] not in store.finished]
    done, total = len(configurations) - len(todo), len(configurations)
    if progress:
        progress(done, total)
    own = None if executor else ThreadPoolExecutor(threads or os.cpu_count() or 1)
    pool = executor or own
    assert pool is not None
    # Chunks are for executors that send their work elsewhere; here a chunk of one keeps threads busy to the end.
    size = 1 if own else 8
    chunks = [todo[start : start + size] for start in range(0, len(todo), size)]
    pending: dict[Future[list[Outcome]], list[Configuration]] = {}
    try:
        pending = {pool.submit(evaluate_many, problem, chunk): chunk for chunk in chunks}
        for future in as_completed(pending):
            for configuration, outcome in zip(pending[future], future.result(), strict=True):
                store.add(keys[configuration], outcome)
                finished(places[configuration], outcome)
                done += 1
                if progress:
                    progress(done, total)
    finally:
        for future in pending:
            future.cancel()
        if own:
            own.shutdown(wait=True, cancel_futures=True)
    return [store.finished[key] for key in keys.values()]
