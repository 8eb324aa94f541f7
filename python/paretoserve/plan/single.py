"""One configuration, simulated as a plan does it: from a YAML file and overrides to times per request."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paretoserve._names import close_names
from paretoserve.errors import CapacityError, DataError, DtypeError, UnknownNameError
from paretoserve.plan.evaluate import measure, rank_memory, simulate
from paretoserve.plan.problem import Problem
from paretoserve.plan.space import read_yaml
from paretoserve.sim import Configuration, Simulation

__all__ = ["load_configuration", "simulate_one"]


def load_configuration(
    path: str | Path | None, overrides: Mapping[str, Any], *, defaults: Mapping[str, Any] | None = None
) -> Configuration:
    """Return the configuration that a YAML file states, with some fields replaced.

    Parameters
    ----------
    path : path or None
        YAML mapping of `sim.Configuration` fields to values; None starts from the defaults.
    overrides : mapping of str to value
        Fields to replace; None leaves a field as it is.
    defaults : mapping of str to value or None
        Fields to set where the file says nothing, for example the weight format of the checkpoint; None for one that
        must be given.

    Returns
    -------
    configuration : sim.Configuration

    Raises
    ------
    DataError
        If the file is missing, is not YAML, or a field is unknown (close names are suggested) or has a wrong value.
    ValueError, DtypeError, UnknownNameError
        If an override has a wrong value, or a field that must be given is not.

    Examples
    --------
    >>> load_configuration(None, {"tensor_parallel": 2, "policy": None}).tensor_parallel
    2
    """
    given = {} if path is None else read_yaml(Path(path), "configuration")
    known = [field.name for field in dataclasses.fields(Configuration)]
    for name in given:
        if name not in known:
            hint = close_names(name, known)
            raise DataError(f"{path}: `{name}` is not a field of a configuration\nhint: {hint}")
    start = dict(defaults or {})
    for name in [name for name, value in start.items() if value is None]:
        del start[name]
        if name not in given and overrides.get(name) is None:
            raise ValueError(f"`{name}` must be given, got none: this model has no known one of its own")
    try:
        stated = Configuration(**(start | given))
    except (ValueError, DtypeError, UnknownNameError) as error:
        raise DataError(f"{path}: {error}") from None
    return dataclasses.replace(stated, **{name: value for name, value in overrides.items() if value is not None})


def simulate_one(problem: Problem, configuration: Configuration) -> tuple[Simulation, dict[str, float]]:
    """Simulate one configuration and compute its columns.

    Parameters
    ----------
    problem : Problem
        Model, system and trace.
    configuration : sim.Configuration
        What to run.

    Returns
    -------
    simulation : sim.Simulation
        Times per request. Requests that are too long are rejected here, not the configuration.
    columns : dict of str to float
        Objective columns and further figures over the served requests; NaN where a number does not exist.

    Raises
    ------
    CapacityError
        If the model does not fit; the message says what is missing and what would fit.
    ValueError
        If the layout cannot cut the model.
    """
    memory = rank_memory(problem, configuration, min_tokens=0)
    simulation = simulate(problem, configuration, memory)
    if simulation.rejected.all():
        raise CapacityError(
            f"all {simulation.trace.num_requests} requests are too long: "
            f"one rank has {memory.kv_capacity_tokens:,} tokens of cache"
        )
    return simulation, measure(problem, simulation, memory)
