"""How many tokens of cache fit beside the weights of a layout, and what would fit if none do.

The numbers come from `rust/core/src/cost/memory.rs`: per GPU, memory * utilization - weights - activations of the
largest step - what engine, CUDA graphs and NCCL hold. The pipeline stage with the least room decides.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from paretoserve.cost.bundled import load_model
from paretoserve.cost.checks import number, positive_count, switch, text
from paretoserve.cost.gpu import Hardware
from paretoserve.cost.model import Model
from paretoserve.cost.systems import hardware as find_hardware
from paretoserve.errors import CapacityError

__all__ = ["RankMemory", "rank_memory"]

GIB = 2**30


@dataclass(frozen=True)
class RankMemory:
    """Memory of the GPU that decides: the fullest one of the pipeline stage with the least room.

    Parameters
    ----------
    model, hardware : str
        Names.
    num_gpus : int
        GPUs of the engine.
    stage : int
        Pipeline stage that decides, from 0.
    memory_bytes, usable_bytes : int
        Memory of one GPU, and the share of it that the engine may use.
    parameters : int
        Weights on that GPU.
    weights_bytes : int
        Their bytes with block scales.
    activation_bytes : int
        Largest intermediate tensors of one step.
    other_bytes : int
        Engine, CUDA graphs, fragmentation and communication buffers.
    headroom_bytes : int
        What is left for the KV cache; negative is what is missing.
    kv_bytes_per_token : float
        Bytes of cache per token on that GPU; with `context_tokens`, the mean over a sequence of that length.
    num_blocks : int
        Cache blocks of each data-parallel rank.
    block_size : int
        Tokens per block.
    """

    model: str
    hardware: str
    num_gpus: int
    stage: int
    memory_bytes: int
    usable_bytes: int
    parameters: int
    weights_bytes: int
    activation_bytes: int
    other_bytes: int
    headroom_bytes: int
    kv_bytes_per_token: float
    num_blocks: int
    block_size: int

    @property
    def kv_capacity_tokens(self) -> int:
        """Tokens that the cache of each data-parallel rank holds."""
        return self.num_blocks * self.block_size

    def explain(self) -> str:
        """Return the account of the memory as one sentence."""
        return (
            f"{self.model} on {self.hardware}, stage {self.stage}: {self.usable_bytes / GIB:.1f} of "
            f"{self.memory_bytes / GIB:.1f} GiB usable - {self.weights_bytes / GIB:.1f} weights - "
            f"{self.activation_bytes / GIB:.1f} activations - {self.other_bytes / GIB:.1f} engine and buffers = "
            f"{self.headroom_bytes / GIB:.1f} GiB for {self.kv_capacity_tokens:,} tokens of cache"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain data."""
        return asdict(self) | {"kv_capacity_tokens": self.kv_capacity_tokens}


@dataclass(frozen=True)
class _Question:
    """All arguments of `rank_memory`, so that the search for what fits can change one at a time."""

    tensor_parallel: int
    pipeline_parallel: int
    data_parallel: int
    expert_parallel: bool
    weight_format: str
    kv_format: str
    max_num_seqs: int
    max_num_batched_tokens: int
    gpu_memory_utilization: float
    block_size: int
    context_tokens: int | None
    redundant_experts: int


def rank_memory(
    model: str | Path | Model,
    *,
    hardware: str | Path | Hardware,
    tensor_parallel: int = 1,
    pipeline_parallel: int = 1,
    data_parallel: int = 1,
    expert_parallel: bool = False,
    weight_format: str = "bf16",
    kv_format: str = "bf16",
    max_num_seqs: int = 256,
    max_num_batched_tokens: int = 8192,
    gpu_memory_utilization: float = 0.9,
    block_size: int = 16,
    context_tokens: int | None = None,
    redundant_experts: int = 0,
    min_tokens: int = 0,
) -> RankMemory:
    """Account for the memory of one GPU and compute how much KV cache fits.

    Parameters
    ----------
    model : str, Path or Model
        Anything that `load_model` takes.
    hardware : str, Path or Hardware
        Anything that `hardware` takes.
    tensor_parallel, pipeline_parallel, data_parallel : int, default 1
        Layout of one engine, as in vLLM.
    expert_parallel : bool, default False
        Spread whole experts over the tensor * data ranks instead of cutting their columns.
    weight_format : {"bf16", "fp8", "fp8_block", "int4", "mxfp4", "nvfp4"}, default "bf16"
        Format of the weights.
    kv_format : {"bf16", "fp8"}, default "bf16"
        Format of the cache.
    max_num_seqs, max_num_batched_tokens : int
        Limits of one step; they size the activations.
    gpu_memory_utilization : float, default 0.9
        Share of the memory that the engine may use.
    block_size : int, default 16
        Tokens per cache block.
    context_tokens : int, optional
        Charge sliding-window layers as in a sequence of this length. By default they are charged for every token,
        which is a lower bound of the capacity.
    redundant_experts : int, default 0
        Copies of experts beyond one each, in every layer and over all ranks, as vLLM's ``num_redundant_experts``.
    min_tokens : int, default 0
        Longest sequence that must fit.

    Returns
    -------
    memory : RankMemory

    Raises
    ------
    CapacityError
        If less than one block or less than `min_tokens` fit; says how many GiB are missing on which GPU and what
        would fit.
    ValueError
        If the layout cannot cut the model, or an argument is out of range.
    TypeError
        If an argument is of another type than stated.
    UnknownNameError, DataError
        As `load_model` and `hardware`.

    Notes
    -----
    Microseconds; the search for what would fit, only on failure, tries a few dozen layouts.

    Examples
    --------
    >>> from paretoserve.cost import rank_memory
    >>> memory = rank_memory("qwen3-32b", hardware="h100_sxm", tensor_parallel=2)
    >>> memory.weights_bytes, memory.kv_capacity_tokens > 200_000
    (32761446400, True)
    """
    question = _Question(
        positive_count("tensor_parallel", tensor_parallel),
        positive_count("pipeline_parallel", pipeline_parallel),
        positive_count("data_parallel", data_parallel),
        switch("expert_parallel", expert_parallel),
        text("weight_format", weight_format),
        text("kv_format", kv_format),
        positive_count("max_num_seqs", max_num_seqs),
        positive_count("max_num_batched_tokens", max_num_batched_tokens),
        number("gpu_memory_utilization", gpu_memory_utilization),
        positive_count("block_size", block_size),
        None if context_tokens is None else positive_count("context_tokens", context_tokens),
        positive_count("redundant_experts", redundant_experts, least=0),
    )
    min_tokens = positive_count("min_tokens", min_tokens, least=0)
    loaded, gpu = load_model(model), find_hardware(hardware)
    memory = _account(loaded, gpu, question)
    if memory.num_blocks > 0 and memory.kv_capacity_tokens >= min_tokens:
        return memory
    raise CapacityError(_refusal(loaded, gpu, question, memory, min_tokens))


def _account(model: Model, gpu: Hardware, question: _Question) -> RankMemory:
    num_gpus = question.tensor_parallel * question.pipeline_parallel * question.data_parallel
    other_bytes = gpu.reserved_bytes + gpu.nccl_bytes(num_gpus)
    stages = model.native.rank_memory(
        (
            question.tensor_parallel,
            question.pipeline_parallel,
            question.data_parallel,
            question.expert_parallel,
            question.redundant_experts,
        ),
        question.weight_format,
        question.kv_format,
        gpu.memory_bytes,
        question.gpu_memory_utilization,
        other_bytes,
        question.max_num_seqs,
        question.max_num_batched_tokens,
        question.block_size,
        question.context_tokens,
    )
    # Fewest blocks; where several stages have none, the one that misses most.
    stage = min(range(len(stages)), key=lambda index: (stages[index][7], stages[index][5], index))
    _, parameters, weights_bytes, _, activation_bytes, headroom_bytes, bytes_per_token, num_blocks = stages[stage]
    return RankMemory(
        model=model.name,
        hardware=gpu.name,
        num_gpus=num_gpus,
        stage=stage,
        memory_bytes=gpu.memory_bytes,
        usable_bytes=headroom_bytes + weights_bytes + activation_bytes + other_bytes,
        parameters=parameters,
        weights_bytes=weights_bytes,
        activation_bytes=activation_bytes,
        other_bytes=other_bytes,
        headroom_bytes=headroom_bytes,
        kv_bytes_per_token=bytes_per_token,
        num_blocks=num_blocks,
        block_size=question.block_size,
    )


def _refusal(model: Model, gpu: Hardware, question: _Question, memory: RankMemory, min_tokens: int) -> str:
    wanted = max(min_tokens, question.block_size)
    missing = wanted * memory.kv_bytes_per_token - memory.headroom_bytes
    layout = f"tp{question.tensor_parallel} pp{question.pipeline_parallel} dp{question.data_parallel}"
    return (
        f"{model.name} in {question.weight_format} does not fit {gpu.name} with {layout}: {missing / GIB:.1f} GiB "
        f"missing on each GPU of pipeline stage {memory.stage} for {wanted:,} tokens of cache "
        f"({memory.usable_bytes / GIB:.1f} GiB usable - {memory.weights_bytes / GIB:.1f} weights - "
        f"{memory.activation_bytes / GIB:.1f} activations - {memory.other_bytes / GIB:.1f} engine and buffers)\n"
        f"hint: {_what_fits(model, gpu, question, wanted)}"
    )


@lru_cache(maxsize=1024)
def _what_fits(model: Model, gpu: Hardware, question: _Question, wanted: int) -> str:
    """Name the fewest GPUs for this format and the first smaller format for this layout that fit."""
    offers = []
    for ranks in (2**power for power in range(1, 10)):
        for tensor in (2**power for power in reversed(range(ranks.bit_length()))):
            pipeline = ranks // tensor
            larger = tensor >= question.tensor_parallel and pipeline >= question.pipeline_parallel
            if tensor > gpu.gpus_per_domain or not larger:
                continue
            if _fits(model, gpu, question, wanted, tensor_parallel=tensor, pipeline_parallel=pipeline):
                offers.append(f"tensor_parallel={tensor} pipeline_parallel={pipeline}")
                break
        if offers:
            break
    for weight_format in ("fp8", "nvfp4" if gpu.fp4_flops else "int4"):
        if _fits(model, gpu, question, wanted, weight_format=weight_format):
            offers.append(f"weight_format={weight_format}")
            break
    if question.kv_format == "bf16" and _fits(model, gpu, question, wanted, kv_format="fp8"):
        offers.append("kv_format=fp8")
    return f"{', or '.join(offers)} would fit" if offers else "no layout of up to 512 of these GPUs fits it"


def _fits(model: Model, gpu: Hardware, question: _Question, wanted: int, **changes: Any) -> bool:
    try:
        memory = _account(model, gpu, _Question(**(vars(question) | changes)))
    except ValueError:  # the layout cannot cut the model
        return False
    return memory.num_blocks > 0 and memory.kv_capacity_tokens >= wanted
