"""One serving configuration: what a planner varies and a simulator runs."""

import difflib
import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

import numpy as np

from paretoserve.errors import DtypeError, UnknownNameError
from paretoserve.sched.scheduler import Policy

__all__ = ["Configuration"]

PLACING = ("eplb", "placement", "split")
"""Balancers that place copies of experts in slots."""

WeightFormat = Literal["bf16", "fp8", "fp8_block", "int4", "mxfp4", "nvfp4"]
KvFormat = Literal["bf16", "fp8"]
Balancer = Literal["none", "eplb", "placement", "split", "spill"]
Router = Literal["round_robin", "least_loaded", "prefix_affinity"]

ENGINES = ("vllm", "sglang")
WEIGHT_FORMATS = get_args(WeightFormat)
POLICIES = (*get_args(Policy), "external")

_CHOICES = {
    "engine": ENGINES,
    "weight_format": WEIGHT_FORMATS,
    "kv_format": get_args(KvFormat),
    "policy": POLICIES,
    "router": get_args(Router),
    "expert_balancer": get_args(Balancer),
}
# No service is larger; catches a length given as a count.
_LIMITS = {
    "tensor_parallel": 2**16,
    "pipeline_parallel": 2**10,
    "data_parallel": 2**16,
    "replicas": 2**16,
    "max_num_seqs": 2**31 - 1,
    "max_num_batched_tokens": 2**31 - 1,
    "block_size": 2**20,
    "redundant_experts": 2**24,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Configuration:
    """How a model is served.

    Parameters
    ----------
    engine : {"vllm", "sglang"}, default "vllm"
        Whose defaults and arguments are meant.
    tensor_parallel, pipeline_parallel, data_parallel : int, default 1
        How one engine is cut: ranks that share each matrix, stages, and attention replicas that step together.
    expert_parallel : bool, default False
        Whether experts are spread whole over the ``tensor_parallel * data_parallel`` ranks.
    expert_balancer : {"none", "eplb", "placement", "split", "spill"}, default "none"
        What evens out the ranks' experts: nothing; a new placement of copies every 3,000 steps, or one that goes on
        from the placement before, both with tokens shared equally between copies; the latter with tokens split as well
        as possible; tokens and weights that move for one step. It has an effect where a load of the experts is given.
    redundant_experts : int, default 0
        Copies of experts beyond one each, in every layer and over all ranks, for the balancers that place copies.
    replicas : int, default 1
        Engines behind the router.
    weight_format : {"bf16", "fp8", "fp8_block", "int4", "mxfp4", "nvfp4"}, default "bf16"
        How weights are stored.
    kv_format : {"bf16", "fp8"}, default "bf16"
        How the KV cache is stored.
    max_num_seqs : int, default 256
        Most requests in a step of one data-parallel rank.
    max_num_batched_tokens : int, default 8192
        Most tokens in a step of one data-parallel rank.
    chunked_prefill : bool, default True
        Whether a prompt may be cut to fill a step.
    prefix_caching : bool, default True
        Whether equal prompt prefixes share their KV blocks.
    block_size : int, default 16
        Tokens in a KV block.
    policy : str, default "fcfs"
        Order of the waiting requests: any policy of `sched.Scheduler`, or ``"external"`` for ranks that a function of
        `simulate` gives. Some need terms of the requests; see `simulate`.
    fifo_share : float, default 0.5
        With all but ``"fcfs"``, the share of admissions that goes to the oldest request, 0 to 1.
    router : {"round_robin", "least_loaded", "prefix_affinity"}, default "least_loaded"
        Which replica gets a request: in turn; fewest unfinished requests, then fewest of their prompt tokens; or fewest
        prompt tokens to compute, where a resident prefix counts as computed. Ties go to the smaller index.
    gpu_memory_utilization : float, default 0.9
        Share of the GPU memory that the engine may use, above 0 and up to 1.

    Raises
    ------
    DtypeError
        If a value has the wrong type.
    UnknownNameError
        If a name is not known; the message suggests the closest one.
    ValueError
        If a number is out of range, a balancer has no expert parallelism, or redundant experts have no balancer that
        places them.

    Examples
    --------
    >>> Configuration(tensor_parallel=2, replicas=4).num_gpus
    8
    >>> Configuration(kv_format="fp16")
    Traceback (most recent call last):
    paretoserve.errors.UnknownNameError: `kv_format` must be "bf16" or "fp8", got "fp16"; did you mean "bf16"?
    """

    engine: str = "vllm"
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    data_parallel: int = 1
    expert_parallel: bool = False
    expert_balancer: str = "none"
    redundant_experts: int = 0
    replicas: int = 1
    weight_format: str = "bf16"
    kv_format: str = "bf16"
    max_num_seqs: int = 256
    max_num_batched_tokens: int = 8192
    chunked_prefill: bool = True
    prefix_caching: bool = True
    block_size: int = 16
    policy: str = "fcfs"
    fifo_share: float = 0.5
    router: str = "least_loaded"
    gpu_memory_utilization: float = 0.9

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in _CHOICES:
                _check_name(field.name, value, _CHOICES[field.name])
            elif field.type is bool:
                if not isinstance(value, bool | np.bool_):
                    raise DtypeError(f"`{field.name}` must be True or False, got {type(value).__name__}")
                object.__setattr__(self, field.name, bool(value))
            elif field.type is int:
                least = 0 if field.name == "redundant_experts" else 1
                object.__setattr__(self, field.name, check_count(field.name, value, _LIMITS[field.name], least=least))
            else:
                object.__setattr__(self, field.name, _check_share(field.name, value))
        if self.gpu_memory_utilization == 0:
            raise ValueError("`gpu_memory_utilization` must be above 0 and at most 1, got 0.0")
        if self.expert_balancer != "none" and not self.expert_parallel:
            raise ValueError(
                f'`expert_balancer` must be "none" without `expert_parallel`, got "{self.expert_balancer}"'
            )
        if self.redundant_experts and self.expert_balancer not in PLACING:
            raise ValueError(
                f'`redundant_experts` must be 0 with the expert_balancer "{self.expert_balancer}", '
                f"got {self.redundant_experts}\nhint: {', '.join(PLACING)} place copies of experts"
            )

    @property
    def gpus_per_replica(self) -> int:
        """GPUs of one engine."""
        return self.tensor_parallel * self.pipeline_parallel * self.data_parallel

    @property
    def num_gpus(self) -> int:
        """GPUs of all replicas."""
        return self.gpus_per_replica * self.replicas

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, in order."""
        return asdict(self)

    def balance(self) -> str:
        """Return the balancer and its redundant experts, such as ``"eplb+32"``."""
        return self.expert_balancer + (f"+{self.redundant_experts}" if self.redundant_experts else "")

    def label(self) -> str:
        """Return a short name of what differs from the defaults in layout and formats, such as ``"tp2 pp2 x4 fp8"``."""
        sizes = {"tp": self.tensor_parallel, "pp": self.pipeline_parallel, "dp": self.data_parallel}
        parts = [f"{name}{size}" for name, size in sizes.items() if size > 1 or name == "tp"]
        parts += ["ep"] if self.expert_parallel else []
        parts += [self.balance()] if self.expert_balancer != "none" else []
        parts += [f"x{self.replicas}", self.weight_format]
        parts += [f"kv-{self.kv_format}"] if self.kv_format != "bf16" else []
        return " ".join(parts)


def check_count(name: str, value: Any, largest: int, *, least: int = 1) -> int:
    """Return `value` as an int after checking that it is one from `least` to `largest`."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise DtypeError(f"`{name}` must be an integer, got {type(value).__name__}")
    if not least <= value <= largest:
        raise ValueError(f"`{name}` must be from {least} to {largest}, got {value}")
    return int(value)


def _check_share(name: str, value: Any) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise DtypeError(f"`{name}` must be a number, got {type(value).__name__}")
    share = float(value)
    if not (math.isfinite(share) and 0 <= share <= 1):
        raise ValueError(f"`{name}` must be from 0 to 1, got {share}")
    return share


def _check_name(name: str, value: Any, known: tuple[str, ...]) -> None:
    if not isinstance(value, str):
        raise DtypeError(f"`{name}` must be a string, got {type(value).__name__}")
    if value in known:
        return
    quoted = [f'"{choice}"' for choice in known]
    close = difflib.get_close_matches(value.lower(), known, n=1)
    suggestion = f'; did you mean "{close[0]}"?' if close else ""
    expected = " or ".join([", ".join(quoted[:-1]), quoted[-1]])
    raise UnknownNameError(f'`{name}` must be {expected}, got "{value}"{suggestion}')
