"""Types of the native module; checked against it by the meta tests."""

from collections.abc import Callable, Sequence
from typing import Any, Self, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import disjoint_base

__all__ = [
    "ExpertSpread",
    "MixedTable",
    "Model",
    "MoeSpiller",
    "MoeSplitter",
    "Operators",
    "ParetoArchive",
    "Scheduler",
    "StepTime",
    "cuda_clear_cache",
    "cuda_compile",
    "cuda_devices",
    "cuda_is_available",
    "cuda_kernels",
    "cuda_moe_remap",
    "cuda_moe_remap_scratch",
    "cuda_moe_spill",
    "cuda_moe_spill_scratch",
    "cuda_moe_split",
    "cuda_moe_split_scratch",
    "cuda_pareto_beaten",
    "cuda_pareto_draws",
    "cuda_pareto_keys",
    "cuda_pareto_members",
    "cuda_pareto_powers",
    "cuda_pareto_ranks",
    "cuda_quant_amax",
    "cuda_quant_decode",
    "cuda_quant_dequantize",
    "cuda_quant_encode",
    "cuda_quant_fp8",
    "cuda_quant_fp8_dequantize",
    "cuda_quant_group",
    "cuda_quant_group_dequantize",
    "cuda_quant_hadamard",
    "cuda_quant_mx",
    "cuda_quant_nv",
    "cuda_quant_pack",
    "cuda_quant_swizzle",
    "fit_grid",
    "moe_llep",
    "moe_placement",
    "moe_placement_maps",
    "moe_remap32",
    "moe_remap64",
    "operator_features",
    "pareto_attainment",
    "pareto_check_draws",
    "pareto_compose",
    "pareto_counts",
    "pareto_cover_share",
    "pareto_dominance",
    "pareto_dominators",
    "pareto_epsilon",
    "pareto_hull",
    "pareto_hv_contributions",
    "pareto_hv_improvement",
    "pareto_hv_sampled",
    "pareto_hv_subset",
    "pareto_hypervolume",
    "pareto_informative",
    "pareto_mask",
    "pareto_membership",
    "pareto_nearest",
    "pareto_nearest_other",
    "pareto_normal_dominance",
    "pareto_ranks",
    "pareto_supported",
    "partition_front",
    "quant_allocate",
    "quant_convert",
    "quant_crest",
    "quant_decode",
    "quant_encode",
    "quant_energy",
    "quant_gguf_decode",
    "quant_gguf_encode",
    "quant_gguf_join",
    "quant_gguf_split",
    "quant_group_dequantize",
    "quant_group_quantize",
    "quant_hadamard",
    "quant_minifloat_dequantize",
    "quant_minifloat_quantize",
    "quant_mx_dequantize",
    "quant_mx_quantize",
    "quant_mx_quest",
    "quant_nv_dequantize",
    "quant_nv_quantize",
    "quant_pack_bits",
    "quant_pack_planes",
    "quant_scaled_dequantize",
    "quant_scaled_quantize",
    "quant_swap_nibbles",
    "quant_swizzle_scales",
    "quant_tiles_dequantize",
    "quant_tiles_quantize",
    "quant_transpose_nibbles",
    "quant_transpose_words",
    "quant_unpack_bits",
    "quant_unpack_planes",
    "quant_unswizzle_scales",
    "sched_compare",
    "sched_replay",
    "sim_jobs",
    "sim_worst_case",
    "simulate",
]

@final
class ExpertSpread:
    def __new__(
        cls,
        load: tuple[ArrayLike, ArrayLike, ArrayLike],
        shape: tuple[int, int, int],
        balancer: str,
        group: tuple[int, int, int, float, float],
    ) -> Self: ...
    def fetched(self) -> float: ...

@final
class MixedTable:
    def __new__(cls, rows: NDArray[np.float64], ns: NDArray[np.float64]) -> MixedTable: ...
    def estimate(self, ns: NDArray[np.float64], provenance: NDArray[np.uint8], rows: NDArray[np.float64]) -> None: ...

@final
class Model:
    def __new__(cls, hidden: int, vocab: int, tied_embeddings: bool, layers: Sequence[object]) -> Model: ...
    def kv_bytes(self, kv_format: str, num_tokens: int) -> int: ...
    def rank_memory(
        self,
        layout: tuple[int, int, int, bool, int],
        weight_format: str,
        kv_format: str,
        memory_bytes: int,
        utilization: float,
        reserved_bytes: int,
        max_num_seqs: int,
        max_num_batched_tokens: int,
        block_size: int,
        context_tokens: int | None,
    ) -> list[tuple[int, int, int, int, int, int, float, int]]: ...
    def sizes(self) -> tuple[int, int, int]: ...
    def rank_sizes(
        self, layout: tuple[int, int, int, bool, int], weight_format: str, kv_format: str
    ) -> list[tuple[int, int, int, int, int]]: ...

@final
class MoeSpiller:
    def __new__(
        cls,
        home: ArrayLike,
        speed: ArrayLike,
        node_size: int,
        tolerance: int | None,
        min_tokens: int,
        max_foreign: ArrayLike,
        max_in: int,
        max_out: int,
        relay: bool,
        model: tuple[int, int, int, int, int, int] | None,
    ) -> Self: ...
    def plan(
        self, transfers: ArrayLike, loads: ArrayLike, counts: ArrayLike
    ) -> tuple[int, str, int, int, int, float]: ...
    def most_tokens(self) -> int: ...

@final
class MoeSplitter:
    def __new__(
        cls,
        physical_to_logical: ArrayLike,
        slot_start: ArrayLike,
        num_experts: int,
        speed: ArrayLike,
        node_size: int,
    ) -> Self: ...
    def most(self) -> int: ...
    def most_tokens(self) -> int: ...
    def tables(self) -> list[int]: ...
    def times(self, model: tuple[int, int, int, int, int, int]) -> tuple[int, int, int, int, int]: ...
    def slots(self, out: ArrayLike) -> None: ...
    def split(
        self,
        quota: ArrayLike,
        loads: ArrayLike,
        counts: ArrayLike,
        objective: str,
        model: tuple[int, int, int, int, int, int] | None,
    ) -> float: ...

@final
class Operators:
    def __new__(
        cls,
        rates: tuple[float, float, float, float, float, float, int, int],
        launch_ns: float,
        fraction: float,
        tables: list[tuple[str, list[NDArray[np.float64]], NDArray[np.float32], NDArray[np.uint8]]],
    ) -> Operators: ...
    def estimate(
        self, ns: NDArray[np.float64], provenance: NDArray[np.uint8], table: str, rows: NDArray[np.float64], cold: bool
    ) -> None: ...
    def lend(self, rates: tuple[float, float, float, float, float, float, int, int]) -> Operators: ...
    def memory_ns(self, bytes: float) -> float: ...

@disjoint_base
class ParetoArchive:
    def __new__(
        cls,
        maximize: list[bool],
        keep_all: bool,
        eps: list[float] | None,
        capacity: int | None,
        reference: list[float] | None,
    ) -> Self: ...
    def __len__(self) -> int: ...
    def add(self, point: ArrayLike, id: int | None = None) -> bool: ...
    def counted(self) -> tuple[int, int, int]: ...
    def hypervolume(self) -> float: ...
    def mark_dominated(self, out: NDArray[np.uint8], points: NDArray[np.float64]) -> None: ...
    def members(self, points: NDArray[np.float64], ids: NDArray[np.int64], serials: NDArray[np.int64]) -> bool: ...
    def offer(
        self,
        kept: NDArray[np.uint8],
        points: NDArray[np.float64],
        ids: NDArray[np.int64] | None,
        threads: int | None,
    ) -> None: ...
    def set_counted(self, offered: int, kept: int, removed: int) -> None: ...

@final
class Scheduler:
    def __new__(
        cls,
        policy: str,
        fifo_share: float,
        preempt: str,
        preempt_gain: float,
        max_preemptions: int,
        prefill_weight: float,
        unknown_output_tokens: int,
        max_wait_ns: int | None,
        eps: float,
        tenant_fairness: bool,
        samples: Sequence[Sequence[int]],
        block_size: int,
        record: bool,
    ) -> Scheduler: ...
    def set_tenant_weight(self, tenant: int, weight: int) -> None: ...
    def submit(
        self,
        request_id: int,
        now_ns: int,
        prompt_tokens: int,
        expected_output_tokens: int | None,
        cached_tokens: int,
        priority: int,
        terms: tuple[tuple[int, int] | None, int, int, int, int | None, int | None, int, int] | None,
    ) -> None: ...
    def reveal(self, request_id: int, prompt_tokens: int, expected_output_tokens: int) -> None: ...
    def end_program(self, program: int) -> None: ...
    def pause(self, program: int, now_ns: int, keep_ns: int) -> int: ...
    def resume(self, program: int, now_ns: int) -> bool: ...
    def submit_many(
        self,
        request_ids: NDArray[Any],
        now_ns: int,
        columns: object,
    ) -> None: ...
    def update(
        self,
        request_id: int,
        expected_output_tokens: int | None,
        cached_tokens: int | None,
        priority: int | None,
    ) -> None: ...
    def advance(self, request_id: int, num_computed: int, num_sampled: int) -> None: ...
    def advance_many(
        self, request_ids: NDArray[Any], num_computed: NDArray[Any], num_sampled: NDArray[Any]
    ) -> None: ...
    def finish(self, request_id: int) -> None: ...
    def cancel(self, request_id: int) -> None: ...
    def next_batch(
        self,
        now_ns: int,
        slots: int,
        token_budget: int,
        kv_free: int | None,
        chunked_prefill: bool,
        reserve_full_prompt: bool,
    ) -> list[bytes]: ...
    def set_rank(self, request_id: int, rank: int) -> None: ...
    def snapshot(self) -> bytes: ...
    @staticmethod
    def restore(snapshot: bytes) -> tuple[Scheduler, str]: ...
    def victims(self, num_blocks: int) -> list[int]: ...
    def job(self, request_id: int) -> dict[str, Any]: ...
    def stats(self) -> dict[str, int]: ...
    def steady_steps(self) -> int: ...
    def log(self) -> bytes: ...

@final
class StepTime:
    @staticmethod
    def linear(
        base_ns: float, per_prefill_token_ns: float, per_decode_ns: float, per_context_token_ns: float
    ) -> StepTime: ...
    @staticmethod
    def fit(
        model: Model,
        layout: tuple[int, int, int, bool, int],
        formats: tuple[str, str],
        operators: Operators,
        link: tuple[float, float] | None,
        host_ns: tuple[float, float, float, float],
        spread: ExpertSpread | None,
    ) -> StepTime: ...
    @staticmethod
    def from_tables(tables: object) -> StepTime: ...
    def step_ns(self, step: tuple[int, ...]) -> float: ...
    def lockstep_ns(self, steps: Sequence[tuple[int, ...]]) -> float: ...
    def decode_run_ns(self, num_decodes: int, decode_context: int, num_steps: int) -> float: ...
    def explain(self, step: tuple[int, ...]) -> list[tuple[str, float, str]]: ...
    def imbalance(self, tokens: float) -> float: ...
    def work(self, step: tuple[int, ...]) -> tuple[float, float]: ...

def cuda_clear_cache() -> int: ...
def cuda_compile(file: str, arch: str) -> tuple[str | None, bool, int, str]: ...
def cuda_devices() -> list[tuple[int, str, tuple[int, int], int, str]]: ...
def cuda_is_available() -> bool: ...
def cuda_kernels() -> list[tuple[str, str, str]]: ...
def cuda_moe_remap(
    at: tuple[int, int],
    addresses: tuple[int, int, int, int, int, int],
    sizes: tuple[int, int, int],
    wide: bool,
) -> None: ...
def cuda_moe_remap_scratch(sizes: tuple[int, int, int]) -> int: ...
def cuda_moe_spill(
    at: tuple[int, int],
    addresses: tuple[int, int, int, int, int, int, int],
    sizes: tuple[int, int, int, int],
    wide: bool,
    tolerance: int | None,
    limits: tuple[int, int, int, int],
    relay: bool,
    model: tuple[int, int, int, int, int, int] | None,
) -> None: ...
def cuda_moe_spill_scratch(num_experts: int, num_ranks: int) -> int: ...
def cuda_moe_split(
    at: tuple[int, int],
    addresses: tuple[int, int, int, int, int, int],
    sizes: tuple[int, int],
    wide: bool,
    active: bool,
    times: tuple[int, int, int, int, int] | None,
    most_tokens: int,
) -> None: ...
def cuda_moe_split_scratch(sizes: tuple[int, int, int]) -> int: ...
def cuda_pareto_beaten(
    at: tuple[int, int],
    addresses: tuple[int, int, int],
    sizes: tuple[int, int, int],
    d: int,
    order: str,
    wide: bool,
) -> None: ...
def cuda_pareto_draws(
    at: tuple[int, int],
    addresses: tuple[int, int, int, int, int],
    sizes: tuple[int, int, int, int],
    kind: str,
    quantile: float,
    seed: int,
) -> None: ...
def cuda_pareto_keys(
    at: tuple[int, int],
    addresses: tuple[int, int, int],
    dtype: str,
    shape: tuple[int, int],
    maximize: bool,
    wide: bool,
) -> None: ...
def cuda_pareto_members(
    at: tuple[int, int], addresses: tuple[int, int, int], sizes: tuple[int, int], d: int, wide: bool
) -> None: ...
def cuda_pareto_powers(
    at: tuple[int, int],
    addresses: tuple[int, int, int, int, int, int],
    sizes: tuple[int, int, int],
    rays: tuple[int, int],
) -> None: ...
def cuda_pareto_ranks(at: tuple[int, int], addresses: tuple[int, int], n: int, d: int, wide: bool) -> None: ...
def cuda_quant_amax(
    at: tuple[int, int],
    addresses: tuple[int, int],
    dtype: str,
    count: int,
    rotation: tuple[int, int] | None,
    nan_is_zero: bool,
) -> None: ...
def cuda_quant_decode(
    at: tuple[int, int],
    addresses: tuple[int, int],
    dtype: str,
    count: int,
    format: tuple[str, int, int, int, int, bool, str],
) -> None: ...
def cuda_quant_dequantize(
    at: tuple[int, int],
    addresses: tuple[int, int, int],
    global_scale: int | None,
    dtype: str,
    format: str,
    shape: tuple[int, int],
) -> None: ...
def cuda_quant_encode(
    at: tuple[int, int],
    addresses: tuple[int, int, int],
    dtype: str,
    count: int,
    format: tuple[str, int, int, int, int, bool, str],
    saturate: bool,
    rule: str,
    random: tuple[str, int],
) -> None: ...
def cuda_quant_fp8(
    at: tuple[int, int],
    addresses: tuple[int, int, int],
    dtype: str,
    shape: tuple[int, int, int],
    block: tuple[int, int],
    powers: bool,
    random: tuple[str, int],
    nan_is_zero: bool,
) -> None: ...
def cuda_quant_fp8_dequantize(
    at: tuple[int, int],
    addresses: tuple[int, int, int],
    dtype: str,
    shape: tuple[int, int, int],
    block: tuple[int, int],
) -> None: ...
def cuda_quant_group(
    at: tuple[int, int],
    addresses: tuple[int, int, int, int],
    dtype: str,
    shape: tuple[int, int, int],
    kind: tuple[int, int, int],
    random: tuple[str, int],
    nan_is_zero: bool,
) -> None: ...
def cuda_quant_group_dequantize(
    at: tuple[int, int],
    addresses: tuple[int, int, int, int],
    dtype: str,
    shape: tuple[int, int, int],
    kind: tuple[int, int, int],
) -> None: ...
def cuda_quant_hadamard(
    at: tuple[int, int], addresses: tuple[int, int, int], dtype: str, count: int, n: int, inverse: bool
) -> None: ...
def cuda_quant_mx(
    at: tuple[int, int],
    addresses: tuple[int, int, int],
    dtype: str,
    format: str,
    shape: tuple[int, int, bool],
    rotation: tuple[int, int] | None,
    rule: str,
    random: tuple[str, int],
    nan_is_zero: bool,
) -> None: ...
def cuda_quant_nv(
    at: tuple[int, int],
    addresses: tuple[int, int, int, int, int],
    dtype: str,
    format: str,
    shape: tuple[int, int, bool],
    rotation: tuple[int, int] | None,
    given: tuple[bool, int],
    random: tuple[str, int],
    nan_is_zero: bool,
) -> None: ...
def cuda_quant_pack(
    at: tuple[int, int],
    addresses: tuple[int, int],
    shape: tuple[int, int],
    how: tuple[int, bool, int, int],
    inverse: bool,
) -> None: ...
def cuda_quant_swizzle(
    at: tuple[int, int], addresses: tuple[int, int], shape: tuple[int, int], inverse: bool
) -> None: ...
def fit_grid(
    values: NDArray[np.float32],
    supported: NDArray[np.uint8],
    axes_: list[NDArray[np.float64]],
    points: NDArray[np.float64],
    targets: NDArray[np.float64],
    bend: list[float],
    slope: float,
    rounds: int,
) -> None: ...
def moe_llep(
    loads: ArrayLike,
    counts: ArrayLike,
    num_local: int,
    capacity: int,
    minimum: int,
    merge: bool,
    keep_home: bool,
    min_piece: bool,
) -> tuple[list[tuple[int, int, int, int]], tuple[int, int, int]]: ...
def moe_placement(
    physical_to_logical: NDArray[np.int64],
    replica_count: NDArray[np.int64],
    ratio: NDArray[np.float64],
    loads: NDArray[np.uint64],
    slot_start: Sequence[int] | NDArray[np.int64],
    speed: NDArray[np.uint32],
    ranks_per_node: int,
    previous: NDArray[np.int64] | None,
    target: int,
    max_moves: int | None,
    groups: int | None,
    sizes: NDArray[np.uint64] | None,
    memory: Sequence[int] | NDArray[np.int64],
    threads: int | None,
) -> int: ...
def moe_placement_maps(
    logical_to_physical: NDArray[np.int64],
    physical_to_logical: NDArray[np.int64],
    previous: NDArray[np.int64] | None,
    num_layers: int,
    width: int,
    slot_start: Sequence[int] | NDArray[np.int64],
    speed: NDArray[np.uint32],
    ranks_per_node: int,
) -> list[int]: ...
def moe_remap32(
    out: ArrayLike,
    ids: ArrayLike,
    quota: ArrayLike,
    targets: ArrayLike | None,
    start: ArrayLike | None,
    num_experts: int,
) -> None: ...
def moe_remap64(
    out: ArrayLike,
    ids: ArrayLike,
    quota: ArrayLike,
    targets: ArrayLike | None,
    start: ArrayLike | None,
    num_experts: int,
) -> None: ...
def operator_features(
    analytic_ns: NDArray[np.float64],
    points: NDArray[np.float64],
    rates: tuple[float, float, float, float, float, float, int, int],
    table: str,
    rows: NDArray[np.float64],
) -> None: ...
def pareto_attainment(
    rows: NDArray[np.float64], runs: NDArray[np.uint32], d: int, num_runs: int, levels: list[int]
) -> list[bytes]: ...
def pareto_check_draws(origin: Any) -> None: ...
def pareto_compose(
    stages: list[NDArray[np.float64]],
    operators: list[str],
    maximize: list[bool],
    eps: list[float] | None,
    relative: bool,
    limit: list[float] | None,
    max_rows: int | None,
    threads: int | None,
) -> tuple[bytearray, bytearray, list[float]]: ...
def pareto_counts(
    dominated_by: NDArray[np.int64],
    dominates: NDArray[np.int64],
    points: list[tuple[NDArray[Any], str]],
    maximize: list[bool],
    nan: str,
    groups: NDArray[np.uint32] | None,
    num_groups: int,
    allowed: NDArray[np.uint8] | None,
    threads: int | None,
) -> None: ...
def pareto_cover_share(
    front: NDArray[np.float64],
    kept: NDArray[np.float64],
    maximize: list[bool],
    sizes: list[float],
    multiply: bool,
    threads: int | None,
) -> float: ...
def pareto_dominance(
    counts: NDArray[np.int64], origin: Any, rows: NDArray[np.uint32], others: NDArray[np.uint32]
) -> None: ...
def pareto_dominators(
    out: NDArray[np.uint8],
    points: list[tuple[NDArray[Any], str]],
    maximize: list[bool],
    index: int,
    nan: str,
    groups: NDArray[np.uint32] | None,
    num_groups: int,
    allowed: NDArray[np.uint8] | None,
) -> bool: ...
def pareto_epsilon(
    points: NDArray[np.float64],
    references: NDArray[np.float64],
    maximize: list[bool],
    multiplicative: bool,
    threads: int | None,
) -> float: ...
def pareto_hull(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[int]: ...
def pareto_hv_contributions(
    out: NDArray[np.float64],
    points: NDArray[np.float64],
    settings: tuple[list[float], list[bool], str, int | None],
) -> int: ...
def pareto_hv_improvement(
    out: NDArray[np.float64],
    points: NDArray[np.float64],
    candidates: NDArray[np.float64],
    settings: tuple[list[float], list[bool], str, int | None],
) -> tuple[int, int]: ...
def pareto_hv_sampled(
    points: NDArray[np.float64],
    rel_err: float,
    seed: int,
    settings: tuple[list[float], list[bool], str, int | None],
    prepare: Callable[[list[bytes]], Callable[[int, int], list[float]]],
) -> tuple[float, int, bool, float]: ...
def pareto_hv_subset(
    points: NDArray[np.float64],
    k: int,
    settings: tuple[list[float], list[bool], str, int | None],
) -> tuple[list[int], float, bool, int]: ...
def pareto_hypervolume(
    points: NDArray[np.float64],
    method: str,
    rel_err: float,
    seed: int,
    settings: tuple[list[float], list[bool], str, int | None],
) -> tuple[float, int, bool, float]: ...
def pareto_informative(
    gain: NDArray[np.float64], counts: NDArray[np.int64], origin: Any, measured: NDArray[np.float64]
) -> None: ...
def pareto_mask(
    out: NDArray[np.uint8],
    points: list[tuple[NDArray[Any], str]],
    maximize: list[bool],
    keep: str,
    nan: str,
    eps: tuple[list[float], bool] | None,
    groups: NDArray[np.uint32] | None,
    num_groups: int,
    allowed: NDArray[np.uint8] | None,
    threads: int | None,
) -> tuple[int, int]: ...
def pareto_membership(
    counts: NDArray[np.int64], origin: Any, groups: NDArray[np.uint32] | None, num_groups: int
) -> None: ...
def pareto_nearest(
    out: NDArray[np.float64],
    points: NDArray[np.float64],
    references: NDArray[np.float64],
    maximize: list[bool],
    distance: str,
    threads: int | None,
) -> None: ...
def pareto_nearest_other(
    out: NDArray[np.float64], points: NDArray[np.float64], d: int, threads: int | None
) -> None: ...
def pareto_normal_dominance(
    out: NDArray[np.float64],
    mean: NDArray[np.float64],
    std: NDArray[np.float64],
    maximize: list[bool],
    rows: NDArray[np.uint32],
    others: NDArray[np.uint32],
) -> None: ...
def pareto_ranks(
    out: NDArray[np.int32],
    points: list[tuple[NDArray[Any], str]],
    maximize: list[bool],
    nan: str,
    groups: NDArray[np.uint32] | None,
    num_groups: int,
    allowed: NDArray[np.uint8] | None,
    stop_after: int | None,
    num_fronts: int | None,
    threads: int | None,
) -> None: ...
def pareto_supported(
    out: NDArray[np.uint8],
    rows: NDArray[np.float64],
    low: list[float],
    high: list[float],
    alone: bool,
    threads: int | None,
) -> None: ...
def partition_front(
    time: NDArray[np.uint64],
    energy: NDArray[np.uint64],
    memory: NDArray[np.uint64],
    transfer: NDArray[np.uint64],
    hold: NDArray[np.uint64],
    send: NDArray[np.uint64],
    count: Sequence[int],
    capacity: NDArray[np.uint64],
    max_replicas: int,
    choices: tuple[bool, bool, bool],
    objectives: tuple[bool, bool, bool],
    epsilon: float,
    max_labels: int,
) -> tuple[list[int], list[int], list[int], int]: ...
def quant_allocate(
    choice: NDArray[np.int64],
    costs: NDArray[np.float64],
    scores: NDArray[np.float64],
    formats: int,
    budget: float,
    method: str,
) -> tuple[float, float, float, float]: ...
def quant_convert(out: NDArray[Any], x: NDArray[Any], dtype: str, to: str, threads: int | None) -> None: ...
def quant_crest(
    out: NDArray[np.float64], x: NDArray[Any], dtype: str, columns: int, block: int, threads: int | None
) -> None: ...
def quant_decode(
    out: NDArray[Any],
    codes: NDArray[np.uint8],
    dtype: str,
    format: tuple[str, int, int, int, int, bool, str],
    threads: int | None,
) -> None: ...
def quant_encode(
    out: NDArray[np.uint8],
    x: NDArray[Any],
    dtype: str,
    format: tuple[str, int, int, int, int, bool, str],
    saturate: bool,
    rounding: str,
    seed: int,
    nan: str,
    rule: str,
    threads: int | None,
) -> None: ...
def quant_energy(x: NDArray[Any], decoded: NDArray[Any], dtype: str, threads: int | None) -> tuple[float, float]: ...
def quant_gguf_decode(
    out: NDArray[Any], dtype: str, data: NDArray[np.uint8], kind: str, threads: int | None
) -> None: ...
def quant_gguf_encode(
    out: NDArray[np.uint8], x: NDArray[Any], dtype: str, columns: int, kind: str, threads: int | None
) -> None: ...
def quant_gguf_join(
    data: NDArray[np.uint8],
    scales: NDArray[np.uint8],
    codes: NDArray[np.uint8],
    kind: str,
    threads: int | None,
) -> None: ...
def quant_gguf_split(
    scales: NDArray[np.uint8],
    codes: NDArray[np.uint8],
    data: NDArray[np.uint8],
    kind: str,
    threads: int | None,
) -> None: ...
def quant_group_dequantize(
    out: NDArray[Any],
    codes: NDArray[np.uint8],
    scales: NDArray[Any],
    zeros: NDArray[np.uint8] | None,
    dtype: str,
    scale_dtype: str,
    kind: tuple[int, bool, str, float],
    group: int,
    columns: int,
    threads: int | None,
) -> None: ...
def quant_group_quantize(
    codes: NDArray[np.uint8],
    scales: NDArray[Any],
    zeros: NDArray[np.uint8] | None,
    x: NDArray[Any],
    dtype: str,
    scale_dtype: str,
    kind: tuple[int, bool, str, float],
    group: int,
    columns: tuple[int, int],
    rounding: tuple[str, int, str],
    threads: int | None,
) -> None: ...
def quant_hadamard(
    out: NDArray[Any],
    x: NDArray[Any],
    dtype: str,
    size: int,
    signs: Sequence[float] | None,
    inverse: bool,
    threads: int | None,
) -> None: ...
def quant_minifloat_dequantize(
    out: NDArray[Any],
    codes: NDArray[np.uint8],
    scales: NDArray[Any],
    dtypes: tuple[str, str],
    element: str,
    run: int,
    columns: int,
    threads: int | None,
) -> None: ...
def quant_minifloat_quantize(
    codes: NDArray[np.uint8],
    scales: NDArray[Any],
    x: NDArray[Any],
    dtypes: tuple[str, str],
    element: str,
    run: int,
    columns: tuple[int, int],
    rounding: tuple[str, int, str],
    threads: int | None,
) -> None: ...
def quant_mx_dequantize(
    out: NDArray[Any],
    dtype: str,
    codes: NDArray[np.uint8],
    scales: NDArray[np.uint8],
    element: str,
    columns: int,
    threads: int | None,
) -> None: ...
def quant_mx_quantize(
    codes: NDArray[np.uint8],
    scales: NDArray[np.uint8],
    x: NDArray[Any],
    dtype: str,
    element: str,
    rule: str,
    peer: str | None,
    columns: tuple[int, int],
    rounding: tuple[str, int, str],
    threads: int | None,
) -> None: ...
def quant_mx_quest(
    codes: NDArray[np.uint8],
    scales: NDArray[np.uint8],
    x: NDArray[Any],
    dtype: str,
    element: str,
    rule: tuple[str, float],
    columns: tuple[int, int],
    rounding: tuple[str, int, str],
    threads: int | None,
) -> None: ...
def quant_nv_dequantize(
    out: NDArray[Any],
    dtype: str,
    codes: NDArray[np.uint8],
    scales: NDArray[np.uint8],
    global_scale: float,
    format: str,
    columns: int,
    threads: int | None,
) -> None: ...
def quant_nv_quantize(
    codes: NDArray[np.uint8],
    scales: NDArray[np.uint8],
    x: NDArray[Any],
    dtype: str,
    format: str,
    amax: float | None,
    global_scale: float | None,
    four_over_six: str | None,
    tiles: int | None,
    columns: tuple[int, int],
    rounding: tuple[str, int, str],
    threads: int | None,
) -> float: ...
def quant_pack_bits(
    out: NDArray[np.uint8],
    x: NDArray[np.uint8],
    cols: int,
    bits: int,
    order: str,
    word: int,
    coding: str,
    threads: int | None,
) -> None: ...
def quant_pack_planes(
    out: NDArray[np.uint8], codes: NDArray[np.uint8], rows: int, bits: int, chunk: int | None, threads: int | None
) -> None: ...
def quant_scaled_dequantize(
    out: NDArray[Any],
    dtype: str,
    codes: NDArray[np.uint8],
    scales: NDArray[np.float32],
    powers: bool | None,
    run: int,
    columns: int,
    threads: int | None,
) -> None: ...
def quant_scaled_quantize(
    codes: NDArray[np.uint8],
    scales: NDArray[np.float32],
    x: NDArray[Any],
    dtype: str,
    powers: bool | None,
    run: int,
    columns: tuple[int, int],
    rounding: tuple[str, int, str],
    threads: int | None,
) -> None: ...
def quant_swap_nibbles(out: NDArray[np.uint8], codes: NDArray[np.uint8], threads: int | None) -> None: ...
def quant_swizzle_scales(out: NDArray[np.uint8], scales: NDArray[np.uint8], cols: int, threads: int | None) -> None: ...
def quant_tiles_dequantize(
    out: NDArray[Any],
    dtype: str,
    codes: NDArray[np.uint8],
    scales: NDArray[np.float32],
    block: tuple[int, int],
    rows: int,
    columns: int,
    threads: int | None,
) -> None: ...
def quant_tiles_quantize(
    codes: NDArray[np.uint8],
    scales: NDArray[np.float32],
    x: NDArray[Any],
    dtype: str,
    powers: bool,
    block: tuple[int, int],
    rows: int,
    columns: int,
    rounding: tuple[str, int, str],
    threads: int | None,
) -> None: ...
def quant_transpose_nibbles(
    out: NDArray[np.uint8], source: NDArray[np.uint8], cols: int, from_awq: bool, threads: int | None
) -> None: ...
def quant_transpose_words(
    out: NDArray[np.uint8], source: NDArray[np.uint8], cols: int, threads: int | None
) -> None: ...
def quant_unpack_bits(
    out: NDArray[np.uint8],
    packed: NDArray[np.uint8],
    cols: int,
    bits: int,
    order: str,
    word: int,
    coding: str,
    threads: int | None,
) -> None: ...
def quant_unpack_planes(
    out: NDArray[np.uint8], planes: NDArray[np.uint8], rows: int, bits: int, chunk: int | None, threads: int | None
) -> None: ...
def quant_unswizzle_scales(
    out: NDArray[np.uint8], tiled: NDArray[np.uint8], cols: int, threads: int | None
) -> None: ...
def sched_compare(rows: NDArray[Any]) -> tuple[dict[str, int], tuple[int, list[int] | None] | None]: ...
def sched_replay(rows: NDArray[Any]) -> dict[str, int]: ...
def sim_jobs(
    completion: NDArray[Any],
    release: NDArray[Any],
    size: NDArray[Any],
    num_operations: NDArray[Any] | None,
    estimate: NDArray[Any] | None,
    weight: NDArray[Any] | None,
    deadline: NDArray[Any] | None,
    tenant: NDArray[Any] | None,
    distribution: NDArray[Any] | None,
    policy: str,
    fifo_share: float,
    preempt: str,
    eps: float,
    tenant_fairness: bool,
    samples: Sequence[Sequence[int]],
) -> int: ...
def sim_worst_case(
    policy: str,
    eps: float,
    num_jobs: int,
    num_operations: int,
    first_size: int,
    max_size: int,
    iterations: int,
    seed: int,
) -> tuple[list[int], list[int], list[int], int, int]: ...
def simulate(
    arrays: object,
    trace: object,
    expected_output_tokens: NDArray[np.int32] | None,
    told: object,
    step_time: StepTime,
    config: object,
    extras: object,
) -> tuple[
    list[tuple[int, int, int, int, float, float, int, int, int, int, int]], list[tuple[int, int, int, bytes]]
]: ...
