"""How long one engine step takes, with the provenance of each part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from numbers import Real
from pathlib import Path

from paretoserve import _native
from paretoserve.cost.bundled import load_model
from paretoserve.cost.checks import positive_count, switch, text
from paretoserve.cost.gpu import Hardware
from paretoserve.cost.lenders import operators_for
from paretoserve.cost.model import Model
from paretoserve.cost.step_parts import Link, OperatorTime, Utilization
from paretoserve.cost.step_shape import StepShape
from paretoserve.cost.systems import hardware as find_hardware
from paretoserve.cost.tables import read_tables

__all__ = ["StepTime"]

# Host time that CUDA graphs and asynchronous scheduling leave visible, see bench/bench_silicon.py.
HOST_S = 0.0005
HOST_PER_SEQUENCE_S = 0.0


class StepTime:
    """Step time of one model on one layout and system.

    Made by `StepTime.fit` (bundled operator fits), `StepTime.from_tables` (operators measured on the machine itself) or
    `StepTime.linear`. Compiled once: a step then costs a fraction of a microsecond, and a stretch of pure decode has
    a closed form. Immutable; may be shared by threads.

    Notes
    -----
    Prefill attention is an analytic time (a launch and a cost per query-key pair) times a ratio of measured
    to analytic; decode attention is bilinear in the number of decodes and their mean context; both in one batch are not
    additive and get a ratio of their own. Everything else depends on the tokens or the sampled sequences of the step.

    Examples
    --------
    >>> step_time = StepTime.linear(0.01, per_decode_s=0.001)
    >>> step_time.step_s(StepShape.of(contexts=[100, 100]))
    0.012
    """

    def __init__(self, native: _native.StepTime, *, peak: tuple[float, float] | None = None) -> None:
        self._native = native
        self._peak = peak

    @property
    def native(self) -> _native.StepTime:
        """The compiled model, for the simulator."""
        return self._native

    @classmethod
    def linear(
        cls,
        base_s: float,
        *,
        per_prefill_token_s: float = 0.0,
        per_decode_s: float = 0.0,
        per_context_token_s: float = 0.0,
    ) -> StepTime:
        """Make a step time that is linear in the counts of the step: for theory, tests and black-box endpoints.

        Parameters
        ----------
        base_s : float
            Seconds of every step.
        per_prefill_token_s, per_decode_s, per_context_token_s : float, default 0
            Seconds more per prompt token, per decoding request, and per token of context in the cache.

        Raises
        ------
        ValueError
            If a number is negative or not finite.
        """
        numbers = {
            "base_s": base_s,
            "per_prefill_token_s": per_prefill_token_s,
            "per_decode_s": per_decode_s,
            "per_context_token_s": per_context_token_s,
        }
        return cls(_native.StepTime.linear(*(_seconds(name, value) * 1e9 for name, value in numbers.items())))

    @classmethod
    def fit(
        cls,
        model: str | Path | Model,
        hardware: str | Path | Hardware,
        *,
        tensor_parallel: int = 1,
        pipeline_parallel: int = 1,
        data_parallel: int = 1,
        expert_parallel: bool = False,
        weight_format: str = "bf16",
        kv_format: str = "bf16",
        redundant_experts: int = 0,
        link: Link | None = None,
        spread: _native.ExpertSpread | None = None,
        host_s: float = HOST_S,
        host_per_sequence_s: float = HOST_PER_SEQUENCE_S,
    ) -> StepTime:
        """Compile the fitted operators of a system that the package ships.

        Parameters
        ----------
        model : str, Path or Model
            As for `load_model`.
        hardware : str, Path or Hardware
            As for `hardware`. A system without fitted operators borrows those of the most similar GPU at its own peak
            rates, and every estimate says so.
        tensor_parallel, pipeline_parallel, data_parallel, expert_parallel
            The layout of one engine, as in `rank_memory`.
        weight_format, kv_format : str, default "bf16"
            How weights and cache are stored.
        redundant_experts : int, default 0
            Copies of experts beyond one each, as in `rank_memory`; what they change, `spread` knows.
        link : Link, optional
            Link between the GPUs, if it is not that of the system: collectives then come from it.
        spread : optional
            How the tokens of experts spread over ranks, as `sim.ExpertLoad.spread` plans it for the same layout. By
            default routing is uniform and balancers have nothing to do.
        host_s, host_per_sequence_s : float
            Host time that is not hidden behind the GPU, of every step and of each decoding request in it.

        Returns
        -------
        step_time : StepTime

        Raises
        ------
        UnknownNameError
            If model or system are not known.
        ValueError
            If the layout does not fit the model.

        Notes
        -----
        With pipeline stages a step is the pass of one batch through all stages; the simulator keeps one batch per stage
        in flight. Under expert parallelism the rank that is done last sets the time: with uniform routing by the
        expected largest of nearly normal counts; with `spread` by the counts of each layer under its balancer, where a
        rank takes the sum over its experts of the time of their tokens, and transfers are added. Takes milliseconds,
        with `spread` tens of them.

        Examples
        --------
        >>> step_time = StepTime.fit("qwen3-32b", "h100_sxm", tensor_parallel=2)
        >>> 0.01 < step_time.step_s(StepShape.of(contexts=[1000])) < 0.03
        True
        """
        system = find_hardware(hardware)
        layout = (
            positive_count("tensor_parallel", tensor_parallel),
            positive_count("pipeline_parallel", pipeline_parallel),
            positive_count("data_parallel", data_parallel),
            switch("expert_parallel", expert_parallel),
            positive_count("redundant_experts", redundant_experts, least=0),
        )
        native = _native.StepTime.fit(
            load_model(model).native,
            layout,
            (text("weight_format", weight_format), text("kv_format", kv_format)),
            operators_for(system),
            _link(link),
            (_seconds("host_s", host_s) * 1e9, 0.0, _seconds("host_per_sequence_s", host_per_sequence_s) * 1e9, 0.0),
            spread,
        )
        num_gpus = layout[0] * layout[1] * layout[2]
        return cls(native, peak=(num_gpus * system.peak_flops(weight_format), num_gpus * system.memory_bandwidth))

    @classmethod
    def from_tables(
        cls,
        folder: str | Path,
        model: str | Path | Model,
        *,
        tensor_parallel: int = 1,
        data_parallel: int = 1,
        expert_parallel: bool = False,
        weight_format: str = "bf16",
        kv_format: str = "bf16",
        link: Link | None = None,
        host_s: float = 0.001,
        host_per_sequence_s: float = 0.0,
        repeats: Mapping[str, int] | None = None,
    ) -> StepTime:
        """Compile operator tables measured on the serving machine itself.

        Parameters
        ----------
        folder : str or Path
            `dense.parquet`, `per_sequence.parquet`, `attention.parquet` and, for mixtures of experts, `moe.parquet`, as
            LLMServingSim's profiler writes them for one rank of this layout. See `paretoserve.cost.tables`.
        model : str, Path or Model
            As for `load_model`; gives the number of layers, the width and the experts.
        tensor_parallel, data_parallel : int, default 1
            Ranks that share matrices; attention replicas that step together.
        expert_parallel : bool, default False
            Whether whole experts are spread over the ranks.
        weight_format, kv_format : str, default "bf16"
            For the bytes that a step moves; the tables already have the formats in their times.
        link : Link, optional
            Between the ranks; needed when there are several.
        host_s, host_per_sequence_s : float, default 0.001 and 0
            Host time of every step and of each decoding request in it. A millisecond per step moved the time to first
            token of a real vLLM run from 8.5 % too fast to 1.1 %.
        repeats : mapping of str to int, optional
            Runs per step of operators with names of their own.

        Returns
        -------
        step_time : StepTime

        Raises
        ------
        DataError
            If a table is missing or broken; names file, row and column.
        ValueError
            If several ranks have no link, or a number is out of range.

        Notes
        -----
        The time of a mixed batch comes from the table's rows with both a chunk and decodes. Rows outside the largest
        grid that the rows fill are not used.
        """
        tables = read_tables(
            Path(folder),
            load_model(model),
            ranks=(positive_count("tensor_parallel", tensor_parallel), positive_count("data_parallel", data_parallel)),
            expert_parallel=expert_parallel,
            formats=(weight_format, kv_format),
            link=_link(link),
            host_ns=(_seconds("host_s", host_s) * 1e9, _seconds("host_per_sequence_s", host_per_sequence_s) * 1e9),
            repeats=repeats or {},
        )
        return cls(_native.StepTime.from_tables(tables))

    def step_s(self, shape: StepShape) -> float:
        """Seconds of one step of one engine; of one data-parallel rank while the others are idle."""
        return self._native.step_ns(shape.counts) * 1e-9

    def lockstep_s(self, shapes: Sequence[StepShape]) -> float:
        """Seconds of one step of data-parallel ranks, one shape per rank: the slowest one sets the time."""
        return self._native.lockstep_ns([shape.counts for shape in shapes]) * 1e-9

    def decode_run_s(self, num_decodes: int, decode_context: int, num_steps: int) -> float:
        """Seconds of pure decode steps in a row, in closed form.

        Parameters
        ----------
        num_decodes : int
            Decoding requests; each gets one token of context with each step.
        decode_context : int
            Sum of their contexts in the first step.
        num_steps : int
            How many steps.
        """
        shape = StepShape(num_decodes=num_decodes, decode_context=decode_context, num_sampled=num_decodes)
        steps = positive_count("num_steps", num_steps, least=0)
        return self._native.decode_run_ns(shape.num_decodes, shape.decode_context, steps) * 1e-9

    def work(self, shape: StepShape) -> tuple[float, float]:
        """Count the operations and the bytes of device memory of a step on all GPUs; zero if the model is not known."""
        return self._native.work(shape.counts)

    def utilization(self, shape: StepShape) -> Utilization:
        """Return the shares of the peak arithmetic rate and of the memory bandwidth that a step uses.

        Raises
        ------
        ValueError
            If the peak rates are not known: only `StepTime.fit` knows them.
        """
        if self._peak is None:
            raise ValueError("`utilization` needs peak rates, which only a step time made by StepTime.fit knows")
        flops, num_bytes = self.work(shape)
        seconds = max(self.step_s(shape), 1e-12)
        return Utilization(flops / seconds / self._peak[0], num_bytes / seconds / self._peak[1])

    def expert_imbalance(self, num_tokens: int) -> float:
        """Return the expert work of the fullest rank over the mean of all, in token copies.

        Parameters
        ----------
        num_tokens : int
            Tokens of a step on all data-parallel ranks.

        Returns
        -------
        ratio : float
            1 without expert parallelism, and for step times from tables, which do not say it.
        """
        return self._native.imbalance(float(positive_count("num_tokens", num_tokens, least=0)))

    def explain(self, shape: StepShape) -> list[OperatorTime]:
        """Split the time of a step by operator; the parts add up to `step_s`.

        Parameters
        ----------
        shape : StepShape
            The step.

        Returns
        -------
        operators : list of OperatorTime
            In the order in which they were compiled; operators that take no time are left out.
        """
        return [OperatorTime(name, ns * 1e-9, how) for name, ns, how in self._native.explain(shape.counts)]

    def provenance(self, shape: StepShape) -> str:
        """Worst provenance of the operators that take at least 5 % of the step's time."""
        parts = self.explain(shape)
        least = 0.05 * sum(part.seconds for part in parts)
        order = ("measured", "interpolated", "fitted", "transferred")
        return max((part.provenance for part in parts if abs(part.seconds) >= least), key=order.index, default="fitted")


def _link(link: Link | None) -> tuple[float, float] | None:
    if link is None:
        return None
    bandwidth = link.bandwidth
    if isinstance(bandwidth, bool) or not isinstance(bandwidth, Real) or not 0 < bandwidth <= 1e18:
        raise ValueError(f"`bandwidth` must be positive and at most 1e18 bytes per second, got {str(bandwidth)[:40]}")
    return _seconds("latency_s", link.latency_s) * 1e9, bandwidth / 1e9


def _seconds(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value <= 1e9 or not isfinite(value):
        raise ValueError(f"`{name}` must be finite, not negative and at most 1e9 seconds, got {str(value)[:40]}")
    return float(value)
