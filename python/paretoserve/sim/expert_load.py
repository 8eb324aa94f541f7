"""How popular the experts of a model are, and what a balancer makes of it.

A load is given as shares per window of time, layer and expert. Balancers see one window and serve the next, so that a
load that drifts costs what it costs in production. The planning itself, for placements and for single steps, is done by
the planners of `paretoserve.moe`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from paretoserve import _native, cost, moe
from paretoserve._integers import check_integer
from paretoserve.errors import DtypeError, ShapeError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from paretoserve.sim.configuration import Configuration

__all__ = ["EXPERT_LOADS", "ExpertLoad", "load_experts"]

STEPS_BETWEEN = 3000.0
"""Steps from one placement to the next, as vLLM's ``step_interval``."""

LEAST_LAYERS, MOST_LAYERS, MOST_WINDOWS = 8, 16, 4
SUFFIXES = (".csv", ".json", ".pt", ".npz", ".npy")


@dataclass(frozen=True, eq=False)
class ExpertLoad:
    """Shares of the experts of a model.

    Parameters
    ----------
    shares : array_like of float, shape (windows, layers, experts), (layers, experts) or (experts,)
        How often each expert is chosen, in any unit; not negative, not all zero in a layer. Layers of the model stand
        for these in even shares. Windows are stretches of time in which a balancer observes: it places experts by one
        and serves the next; a single one is served by what was placed for itself. Not modified.
    name : str, default "given"
        What the load is.
    provenance : str, default "given by the caller"
        Where it comes from.
    seed : int, default 0
        Seed of the steps that are drawn from it: with few tokens counts scatter around their shares.

    Raises
    ------
    ShapeError, DtypeError
        If the shares have another shape or are no numbers.
    ValueError
        If a share is negative or not finite, or a layer has none.

    Examples
    --------
    >>> load = ExpertLoad([8.0, 4.0, 2.0, 1.0, 1.0])
    >>> load.num_windows, load.num_layers, load.num_experts
    (1, 1, 5)
    >>> print(load.explain())
    given: 5 experts, 1 layers, 1 windows, fullest expert 2.50 times the mean (given by the caller)
    """

    shares: NDArray[np.float64]
    name: str = "given"
    provenance: str = "given by the caller"
    seed: int = 0

    def __post_init__(self) -> None:
        given = np.asarray(self.shares)
        if given.dtype.kind not in "iuf":
            raise DtypeError(f"`shares` must hold numbers, got {given.dtype}")
        if given.ndim not in (1, 2, 3) or not given.size:
            raise ShapeError(
                "`shares` must have shape (windows, layers, experts), (layers, experts) or (experts,), "
                f"got {given.shape}"
            )
        shares = np.array(given, dtype=np.float64, ndmin=3)
        if not np.isfinite(shares).all() or shares.min() < 0 or shares.max() > 1e18:
            raise ValueError("`shares` must be finite, not negative and at most 1e18")
        sums = shares.sum(axis=2, keepdims=True)
        if not (sums > 0).all():
            window, layer, _ = np.argwhere(sums <= 0)[0]
            raise ValueError(f"`shares` must be above zero for some expert, got none in window {window}, layer {layer}")
        shares = shares / sums
        shares.setflags(write=False)
        object.__setattr__(self, "shares", shares)
        check_integer("seed", self.seed, 0, 2**63 - 1)

    @classmethod
    def from_loads(cls, loads: moe.loads.Loads, *, windows: int | None = None, seed: int = 0) -> ExpertLoad:
        """Return the shares of a load trace.

        Parameters
        ----------
        loads : moe.loads.Loads
            Counts step by step, drawn or read from a file. Layers without any tokens do not count.
        windows : int, optional
            Into how many windows of equally many steps the trace is cut; four, or as many as it has steps, by default.
        seed : int, default 0
            As for the class.

        Raises
        ------
        ValueError
            If there are more windows than steps.

        Examples
        --------
        >>> from paretoserve import moe
        >>> ExpertLoad.from_loads(moe.loads.power_law(64, 4096, 8, layers=2, steps=8)).shares.shape
        (4, 2, 64)
        """
        if not isinstance(loads, moe.loads.Loads):
            raise DtypeError(f"`loads` must be a moe.loads.Loads, got {type(loads).__name__}")
        default = min(MOST_WINDOWS, loads.num_steps)
        count = check_integer("windows", default if windows is None else windows, 1, loads.num_steps)
        parts = np.array_split(loads.drop_idle_layers().totals, count)
        shares = np.stack([part.sum(axis=0, dtype=np.float64) for part in parts])
        # A layer that no token reached in a window was reached in the whole trace, or is equal everywhere.
        whole = shares.sum(axis=0)
        whole = np.where(whole.sum(axis=1, keepdims=True) > 0, whole, 1.0)
        shares = np.where(shares.sum(axis=2, keepdims=True) > 0, shares, whole)
        return cls(shares, loads.name or "loads", "counts of a load trace", seed)

    @property
    def num_windows(self) -> int:
        """Windows of time."""
        return len(self.shares)

    @property
    def num_layers(self) -> int:
        """Layers that have shares of their own."""
        return int(self.shares.shape[1])

    @property
    def num_experts(self) -> int:
        """Experts of each layer."""
        return int(self.shares.shape[2])

    def spread(
        self, configuration: Configuration, *, top_k: int, ranks_per_node: int = 8, inter: float = 1.0
    ) -> _native.ExpertSpread:
        """Plan the load for the ranks and the balancer of a configuration.

        Parameters
        ----------
        configuration : Configuration
            With expert parallelism.
        top_k : int
            Experts that each token chooses.
        ranks_per_node : int, default 8
            Ranks with fast links between them.
        inter : float, default 1.0
            How much longer the weights of an expert take to another node than to a rank of the same.

        Returns
        -------
        spread : object
            For `cost.StepTime.fit` of the same layout.

        Raises
        ------
        ValueError
            If the redundant experts do not fit the ranks.

        Notes
        -----
        Of more than 16 layers 16 stand for all. Placements are planned here, once per window; steps when the step time
        is compiled. A rank has room for two foreign experts in a step. Transfers of single steps are not hidden behind
        anything; those of a placement are spread over the 3,000 steps until the next one.
        """
        # Layers that stand in several times have other luck each time.
        count = min(max(self.num_layers, LEAST_LAYERS), MOST_LAYERS)
        layers = np.linspace(0, self.num_layers - 1, count).round().astype(int)
        shares = np.ascontiguousarray(self.shares[:, layers])
        uniform = np.clip(np.random.default_rng(self.seed).random(shares.shape), 1e-12, 1 - 1e-12)
        normal = np.array([NormalDist().inv_cdf(value) for value in uniform.ravel().tolist()])
        ranks = configuration.tensor_parallel * configuration.data_parallel
        slots = self.num_experts + configuration.redundant_experts
        return _native.ExpertSpread(
            (shares, uniform, normal),
            (self.num_windows, len(layers), top_k),
            configuration.expert_balancer,
            (ranks, ranks_per_node, slots, STEPS_BETWEEN, max(inter, 1.0)),
        )

    def explain(self) -> str:
        """Return size, skew and source in one line."""
        skew = float(self.shares.max(axis=2).mean()) * self.num_experts
        return (
            f"{self.name}: {self.num_experts} experts, {self.num_layers} layers, {self.num_windows} windows, "
            f"fullest expert {skew:.2f} times the mean ({self.provenance})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return name, source, size and a digest of the shares as plain data."""
        return {
            "name": self.name,
            "provenance": self.provenance,
            "seed": self.seed,
            "shape": list(self.shares.shape),
            "digest": hashlib.sha256(np.ascontiguousarray(self.shares).tobytes()).hexdigest(),
        }


def load_experts(
    source: str | Path | ExpertLoad | moe.loads.Loads | ArrayLike, model: str | Path | cost.Model, *, seed: int = 0
) -> ExpertLoad:
    """Find the load of a model's experts.

    Parameters
    ----------
    source : str, Path, ExpertLoad, Loads or array_like
        A name of `EXPERT_LOADS`: ``"uniform"``, ``"power_law"`` (the bounded power law of aiconfigurator with exponent
        1.01, every window the same) or ``"mixture"`` (six kinds of text of which each has its own popular experts, with
        the skew of OLMoE's measured counts, in proportions that change from window to window); a file that
        `moe.loads.read` reads; or what `ExpertLoad` takes.
    model : str, Path or cost.Model
        As for `cost.load_model`; gives the number of experts.
    seed : int, default 0
        Seed of everything random.

    Returns
    -------
    load : ExpertLoad

    Raises
    ------
    UnknownNameError
        If a name is neither known nor a file.
    DataError
        If a file is broken.
    ValueError
        If the model has no experts, layers with different numbers of them, or another number than the load.

    Examples
    --------
    >>> print(load_experts("uniform", "qwen3-30b-a3b").explain())
    uniform: 128 experts, 1 layers, 1 windows, fullest expert 1.00 times the mean (equal shares)
    """
    loaded = cost.load_model(model)
    kinds = {(run.ffn.num_experts, run.ffn.top_k) for run in loaded.layers if isinstance(run.ffn, cost.Moe)}
    if len(kinds) != 1:
        got = f"{len(kinds)} kinds of them" if kinds else "none"
        raise ValueError(f"`expert_load` needs a model whose layers have equally many experts, {loaded.name} has {got}")
    ((experts, top_k),) = kinds
    load = _find(source, experts, top_k, seed)
    if load.num_experts != experts:
        raise ValueError(f"`expert_load` must be for {experts} experts, as {loaded.name} has, got {load.num_experts}")
    return load


def _find(source: Any, experts: int, top_k: int, seed: int) -> ExpertLoad:
    if isinstance(source, ExpertLoad):
        return source
    if isinstance(source, moe.loads.Loads):
        return ExpertLoad.from_loads(source, seed=seed)
    if not isinstance(source, str | Path):
        return ExpertLoad(source, seed=seed)
    if str(source) in EXPERT_LOADS:
        return EXPERT_LOADS[str(source)](experts, top_k, seed)
    if Path(source).suffix.lower() not in SUFFIXES:
        known = ", ".join(EXPERT_LOADS)
        raise UnknownNameError(f'`expert_load` must be {known} or a file of loads, got "{source}"')
    # Only routed ids do not tell how many experts there are: the last ones may not have been chosen.
    width = experts if Path(source).suffix.lower() == ".npy" else None
    return ExpertLoad.from_loads(moe.loads.read(source, num_experts=width), seed=seed)


def _uniform(experts: int, top_k: int, seed: int) -> ExpertLoad:
    return ExpertLoad(np.ones(experts), "uniform", "equal shares", seed)


def _power_law(experts: int, top_k: int, seed: int) -> ExpertLoad:
    loads = moe.loads.power_law(experts, 65_536, top_k, exponent=1.01, layers=MOST_LAYERS, seed=seed)
    return ExpertLoad(loads.totals[0].astype(np.float64), "power_law", "bounded power law, exponent 1.01", seed)


def _mixture(experts: int, top_k: int, seed: int) -> ExpertLoad:
    """Mix kinds of text with lognormal popularities, wider in later layers, differently in each window."""
    law = json.loads(resources.files("paretoserve.sim").joinpath("data/expert-load.json").read_text("utf-8"))
    random = np.random.default_rng(seed)
    depth = np.linspace(0.0, 1.0, MOST_LAYERS)
    deviation = np.interp(depth, law["relative_depth"], law["log_deviation"])
    common = np.sqrt(law["log_correlation"])
    size = (law["num_domains"], MOST_LAYERS, experts)
    own, shared = random.standard_normal(size), random.standard_normal(size[1:])
    logs = deviation[:, None] * (common * shared + np.sqrt(1.0 - common**2) * own)
    domains = np.exp(logs - logs.max(axis=2, keepdims=True))
    domains /= domains.sum(axis=2, keepdims=True)
    parts = random.dirichlet(np.ones(law["num_domains"]), MOST_WINDOWS)
    shares = np.einsum("wd,dle->wle", parts, domains)
    return ExpertLoad(shares, "mixture", f"law fitted to {law['source']}", seed)


EXPERT_LOADS: dict[str, Callable[[int, int, int], ExpertLoad]] = {
    "uniform": _uniform,
    "power_law": _power_law,
    "mixture": _mixture,
}
"""Built-in loads: number of experts, experts per token and a seed to an `ExpertLoad`."""
