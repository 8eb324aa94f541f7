"""The search space as a user writes it: one value or a list per configuration field, checked on the way in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from paretoserve._names import close_names
from paretoserve.errors import DataError, DtypeError
from paretoserve.sim.configuration import Balancer, KvFormat, Router, WeightFormat

__all__ = ["Space", "load_space", "read_yaml"]


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


_OPTIONS = (BeforeValidator(_listed), Field(min_length=1))
Sizes = Annotated[tuple[Annotated[int, Field(strict=True, ge=1, le=65_536)], ...], *_OPTIONS]
Tokens = Annotated[tuple[Annotated[int, Field(strict=True, ge=1, le=16_777_216)], ...], *_OPTIONS]
Fractions = Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], *_OPTIONS]
Shares = Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], *_OPTIONS]
Flags = Annotated[tuple[Annotated[bool, Field(strict=True)], ...], *_OPTIONS]
WeightFormats = Annotated[tuple[WeightFormat, ...], *_OPTIONS]
KvFormats = Annotated[tuple[KvFormat, ...], *_OPTIONS]
Policies = Annotated[tuple[Literal["fcfs", "srpt"], ...], *_OPTIONS]
Balancers = Annotated[tuple[Balancer, ...], *_OPTIONS]
Redundant = Annotated[tuple[Annotated[int, Field(strict=True, ge=0, le=16_777_216)], ...], *_OPTIONS]
Routers = Annotated[tuple[Router, ...], *_OPTIONS]
Engines = Annotated[tuple[Literal["vllm"], ...], *_OPTIONS]


class Space(BaseModel):
    """Options per field of `sim.Configuration`; every field takes one value or a list.

    Parameters
    ----------
    tensor_parallel, pipeline_parallel, data_parallel, expert_parallel, replicas : int or bool, or lists of them
        How GPUs are used; None derives them from the number of GPUs, the model and the system (`enumerate_space`).
    expert_balancer, redundant_experts : str or int, or lists of them
        What evens out the experts of expert-parallel ranks, and how many copies beyond one each the balancers that
        place them have. None tries, where a load of the experts is given, "none", "eplb" and "placement" with one
        redundant expert per rank; else only "none", because uniform routing needs no balancer.
    weight_format, kv_format : str or list of str
        None tries what the checkpoint has and, of a bfloat16 one, FP8 where the GPU computes in it.
    max_num_seqs, max_num_batched_tokens, block_size : int or list of int
        Limits of one step and tokens per cache block.
    chunked_prefill, prefix_caching : bool or list of bool
        Features of the engine.
    policy, fifo_share, router : str or float, or lists of them
        Order of the waiting requests, the share of SRPT that goes to the oldest one, and which replica gets a request.
    gpu_memory_utilization : float or list of float
        Share of the memory that the engine may use.
    engine : {"vllm"}
        Whose arguments are emitted.

    Raises
    ------
    pydantic.ValidationError
        If a field is unknown, mistyped or out of range; `load_space` turns it into a `DataError`.

    Examples
    --------
    >>> Space(tensor_parallel=[1, 2], policy="fcfs").tensor_parallel
    (1, 2)
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    engine: Engines = ("vllm",)
    tensor_parallel: Sizes | None = None
    pipeline_parallel: Sizes | None = None
    data_parallel: Sizes | None = None
    expert_parallel: Flags | None = None
    expert_balancer: Balancers | None = None
    redundant_experts: Redundant | None = None
    replicas: Sizes | None = None
    weight_format: WeightFormats | None = None
    kv_format: KvFormats | None = None
    max_num_seqs: Sizes = (256,)
    max_num_batched_tokens: Tokens = (2048, 8192)
    chunked_prefill: Flags = (True,)
    prefix_caching: Flags = (True,)
    block_size: Sizes = (16,)
    policy: Policies = ("fcfs", "srpt")
    fifo_share: Shares = (0.5,)
    router: Routers = ("least_loaded",)
    gpu_memory_utilization: Fractions = (0.9,)


def _complain(error: ValidationError, source: str) -> DataError:
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"] if isinstance(part, str)) or "space"
    if first["type"] == "extra_forbidden":
        hint = close_names(field, Space.model_fields)
        return DataError(f"{source}: `{field}` is not a field of the search space\nhint: {hint}")
    return DataError(
        f"{source}: `{field}` is wrong: {first['msg'][0].lower()}{first['msg'][1:]}, got `{first['input']!r:.80}`"
    )


def load_space(source: str | Path | dict[str, Any] | Space | None) -> Space:
    """Return a checked search space.

    Parameters
    ----------
    source : path, mapping, Space or None
        A YAML file, its content as a mapping, or None for the defaults.

    Returns
    -------
    space : Space

    Raises
    ------
    DataError
        If the file is missing or is not YAML, or a field is unknown (close names are suggested), mistyped or out of
        range.

    Examples
    --------
    >>> load_space({"policy": "srpt"}).policy
    ('srpt',)
    """
    if source is None or isinstance(source, Space):
        return source or Space()
    if isinstance(source, dict):
        content, where = source, "`space`"
    elif not isinstance(source, str | Path):
        raise DtypeError(f"`space` must be a file, a mapping or a Space, got {type(source).__name__}")
    else:
        content, where = read_yaml(Path(source), "search space"), str(source)
    try:
        return Space.model_validate(content)
    except ValidationError as error:
        raise _complain(error, where) from None


def read_yaml(path: Path, what: str) -> dict[str, Any]:
    """Return the mapping that a YAML file holds; `what` names it in messages. An empty file is an empty mapping.

    Raises
    ------
    DataError
        If the file is missing, is not YAML (with the line) or holds something else than a mapping.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{what} {path} cannot be read: {(error.strerror or 'unknown error').lower()}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise DataError(f"{what} {path}{line} is not YAML: {getattr(error, 'problem', None) or error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise DataError(f"{what} {path} must be a mapping of field to value, got {type(content).__name__}")
    return {str(key): value for key, value in content.items()}
