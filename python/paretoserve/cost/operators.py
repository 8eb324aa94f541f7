"""Time of single operators on one GPU, from the fitted grids that the package ships.

A time is an analytic roofline (operations over peak rate, bytes over bandwidth, a launch latency) times a ratio
interpolated between measured rows. Outside the measured range the ratio of the edge is kept, and the estimate says
``fitted`` instead of ``interpolated``; formats without a table on a GPU borrow the ratio of the nearest format that
has one and say ``transferred``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paretoserve import _native
from paretoserve.cost.bundled import unknown_name
from paretoserve.cost.checks import not_negative
from paretoserve.errors import DataError

__all__ = ["OperatorEstimate", "Operators", "estimate_rows"]

PROVENANCE = np.array(["measured", "interpolated", "fitted", "transferred"])
"""How an estimate was obtained, by the number that the native module gives it."""

# numpy reads array headers with `ast`, which fails in two threads at once on Python 3.11 (cpython issue 106905).
_LOADING = Lock()


@dataclass(frozen=True)
class OperatorEstimate:
    """Operator times and how each was obtained.

    Attributes
    ----------
    seconds : ndarray of float64
        One per row of the broadcast arguments.
    provenance : ndarray of str, same shape
        ``interpolated`` between measured rows, ``fitted`` outside them, ``transferred`` from another format.
    """

    seconds: NDArray[np.float64]
    provenance: NDArray[np.str_]


def _grids(
    tables: dict[str, dict[str, Any]], changes: NDArray[np.uint8], supported: NDArray[np.uint8]
) -> dict[str, tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Return codes and support of each table; stored are differences of codes along some axes, modulo 256."""
    shapes = [[len(axis) for axis in table["axes"]] for table in tables.values()]
    ends = np.cumsum([np.prod(shape) for shape in shapes])
    flags = np.split(np.unpackbits(supported, count=ends[-1]), ends[:-1])
    grids = {}
    for (name, table), shape, codes, flag in zip(
        tables.items(), shapes, np.split(changes, ends[:-1]), flags, strict=True
    ):
        codes = codes.reshape(shape)
        for axis in table["summed"]:
            codes = np.cumsum(codes, axis=axis, dtype=np.uint8)
        grids[name] = codes.ravel(), flag
    return grids


def estimate_rows(
    fill: Callable[[NDArray[np.float64], NDArray[np.uint8], NDArray[np.float64]], None],
    arguments: Sequence[ArrayLike],
) -> OperatorEstimate:
    """Broadcast `arguments` to rows of numbers and let a native `fill` write nanoseconds and provenance of each."""
    columns = np.broadcast_arrays(*(np.asarray(argument, dtype=np.float64) for argument in arguments))
    rows = np.ascontiguousarray(np.stack([column.ravel() for column in columns], axis=1))
    nanoseconds, provenance = np.empty(len(rows)), np.empty(len(rows), dtype=np.uint8)
    fill(nanoseconds, provenance, rows)
    shape = columns[0].shape
    return OperatorEstimate(nanoseconds.reshape(shape) * 1e-9, PROVENANCE[provenance].reshape(shape))


class Operators:
    """Operator times of one system.

    Every method broadcasts its numeric arguments, takes zero work as zero time, and raises `ValueError` for negative
    or non-finite ones. Methods return seconds; `estimate` returns provenance as well. About 0.2 microseconds per
    value.

    Examples
    --------
    >>> from paretoserve import cost
    >>> operators = cost.Operators.load("h100_sxm")
    >>> t = operators.gemm_s("bf16", [1, 256], 4096, 4096)
    >>> bool(5e-6 < t[0] < t[1] < 50e-6)
    True
    """

    def __init__(self, meta: dict[str, Any], grids: dict[str, tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> None:
        self._meta = meta
        tables = []
        for name, table in meta["tables"].items():
            codes, supported = grids[name]
            values = (table["offset"] + table["step"] * codes.astype(np.float64)).astype(np.float32)
            axes = [np.array(axis, dtype=np.float64) for axis in table["axes"]]
            tables.append((name, axes, values, supported))
        rates = tuple(meta["peak"])
        self._native = _native.Operators(rates, float(meta["launch_ns"]), float(meta["memory_fraction"]), tables)

    @classmethod
    def load(cls, system: str) -> Operators:
        """Load the fitted operators of a system.

        Parameters
        ----------
        system : str
            One of `systems`, such as ``"h100_sxm"``.

        Returns
        -------
        operators : Operators

        Raises
        ------
        UnknownNameError
            If no operators were fitted for that system.
        """
        known = cls.systems()
        if system not in known:
            raise unknown_name("system with fitted operators", system, known, "or let StepTime.fit lend them")
        path = files("paretoserve.cost") / "data" / "operators" / f"{system}.npz"
        try:
            with _LOADING, path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
                meta = json.loads(arrays["meta"].tobytes())
                grids = _grids(meta["tables"], arrays["changes"], arrays["supported"])
        except (OSError, KeyError, ValueError) as error:
            raise DataError(f"`{path}` is broken: {error}\nhint: reinstall paretoserve") from error
        return cls(meta, grids)

    @staticmethod
    def systems() -> list[str]:
        """Return the names of systems with fitted operators."""
        folder = files("paretoserve.cost") / "data" / "operators"
        return sorted(path.name.removesuffix(".npz") for path in folder.iterdir() if path.name.endswith(".npz"))

    @property
    def native(self) -> _native.Operators:
        """The native object, for the step-time model."""
        return self._native

    def errors(self) -> dict[str, dict[str, Any]]:
        """Return the fit's own error per table.

        Returns
        -------
        errors : dict
            Table name, such as ``"gemm/bf16"``, to ``rows`` (how many were fitted) and ``held_out`` (rows, mean,
            median and 95th percentile of the absolute error and bias, in percent, on rows that were not fitted);
            matrix products also have ``held_out_shapes``, rows of shapes of which no row was fitted.
        """
        return {name: dict(table["errors"]) for name, table in self._meta["tables"].items()}

    def describe(self) -> dict[str, Any]:
        """Return peak rates, memory stream and the measured tables behind the fit."""
        rates = ["bf16_flops", "fp8_flops", "fp4_flops", "memory_bandwidth", "link_bandwidth", "network_bandwidth"]
        peak = dict(zip([*rates, "gpus_per_node", "multiprocessors"], self._meta["peak"], strict=True))
        return {key: self._meta[key] for key in ("system", "launch_ns", "memory_fraction", "sources")} | {"peak": peak}

    def estimate(self, table: str, *arguments: ArrayLike, cold: bool = False) -> OperatorEstimate:
        """Estimate rows of any operator.

        Parameters
        ----------
        table : str
            Operator and formats: ``gemm/<format>``, ``prefill/<kv>``, ``decode/<kv>``, ``moe/<format>``,
            ``mla_prefill/<format>/<kv>``, ``mla_decode/<format>/<kv>``, ``all_reduce``, ``all_to_all``,
            ``all_gather``, ``reduce_scatter``, ``dispatch``, ``combine``, ``mixed`` or ``mixed_elsewhere``.
        *arguments : array_like of numbers
            Its sizes in this order, all of them: m, n, k for gemm; num_heads, num_kv_heads, head_dim, window, batch,
            chunk, past for prefill, the same with context in place of the last two for decode; tokens, hidden, width,
            top_k, num_experts, tensor_parallel, expert_parallel for moe; num_heads, batch, chunk, past for
            mla_prefill; num_heads, batch, context for mla_decode; num_gpus, num_bytes for collectives; tokens,
            hidden, top_k, num_gpus for dispatch and combine.
        cold : bool, default False
            Decode attention only: the cache is read from memory, as between the layers of a model. The tables repeat
            one call, so they find caches that are smaller than the L2 there.

        Returns
        -------
        estimate : OperatorEstimate
            Seconds and provenance, of the broadcast shape.

        Raises
        ------
        ValueError
            If the table is unknown, or an argument is negative or not finite.
        """
        return estimate_rows(
            lambda ns, provenance, rows: self._native.estimate(ns, provenance, table, rows, cold), arguments
        )

    def gemm_s(self, weight_format: str, m: ArrayLike, n: ArrayLike, k: ArrayLike) -> NDArray[np.float64]:
        """Return seconds of an ``(m, k) x (k, n)`` product with weights in `weight_format`.

        Parameters
        ----------
        weight_format : {"bf16", "fp8", "fp8_block", "int4", "mxfp4", "nvfp4"}
            How the ``(k, n)`` weight is stored. 4-bit formats without units of their own are weight-only: 16-bit
            operations, the bytes of the format.
        m, n, k : array_like
            Tokens, output width, input width.
        """
        return self.estimate(f"gemm/{weight_format}", m, n, k).seconds

    def prefill_attention_s(
        self,
        chunk: ArrayLike,
        *,
        num_heads: ArrayLike,
        num_kv_heads: ArrayLike,
        head_dim: ArrayLike,
        past: ArrayLike = 0,
        batch: ArrayLike = 1,
        window: ArrayLike = np.inf,
        kv_format: str = "bf16",
    ) -> NDArray[np.float64]:
        """Return seconds of one layer's attention of `batch` prompt chunks.

        Parameters
        ----------
        chunk : array_like
            New tokens of each request.
        num_heads, num_kv_heads, head_dim : array_like
            Query heads, key-value heads and head width of one rank.
        past : array_like, default 0
            Tokens of each request that are in the cache already. The tables have none; such chunks are looked up as a
            prompt of equal work and depth.
        batch : array_like, default 1
            Requests.
        window : array_like, default inf
            Sliding window in tokens.
        kv_format : {"bf16", "fp8"}
            Format of the cache.
        """
        arguments = (num_heads, num_kv_heads, head_dim, window, batch, chunk, past)
        return self.estimate(f"prefill/{kv_format}", *arguments).seconds

    def decode_attention_s(
        self,
        batch: ArrayLike,
        context: ArrayLike,
        *,
        num_heads: ArrayLike,
        num_kv_heads: ArrayLike,
        head_dim: ArrayLike,
        window: ArrayLike = np.inf,
        kv_format: str = "bf16",
        cold: bool = False,
    ) -> NDArray[np.float64]:
        """Return seconds of one layer's attention of one new token for each of `batch` requests.

        Parameters
        ----------
        batch : array_like
            Requests.
        context : array_like
            Tokens that each attends to, the new one included (the mean where they differ).
        num_heads, num_kv_heads, head_dim, window, kv_format
            As in `prefill_attention_s`.
        cold : bool, default False
            As in `estimate`; False reproduces the measured tables.
        """
        arguments = (num_heads, num_kv_heads, head_dim, window, batch, context)
        return self.estimate(f"decode/{kv_format}", *arguments, cold=cold).seconds

    def mixed_attention_s(
        self,
        prefill_s: ArrayLike,
        decode_s: ArrayLike,
        *,
        prefill_tokens: ArrayLike,
        num_decodes: ArrayLike,
        context: ArrayLike,
        group: ArrayLike,
    ) -> NDArray[np.float64]:
        """Return seconds of prefill and decode attention in one call, which is not their sum.

        Measured on RTX PRO 6000 and RTX 4090 with groups of 4 and 8; transferred to other GPUs.

        Parameters
        ----------
        prefill_s, decode_s : array_like
            Seconds of both calls apart.
        prefill_tokens, num_decodes, context : array_like
            New prompt tokens, decoding requests, and the tokens each of those attends to.
        group : array_like
            Query heads per key-value head.
        """
        name = "mixed" if "mixed" in self._meta["tables"] else "mixed_elsewhere"
        nanoseconds = (np.asarray(prefill_s, dtype=np.float64) * 1e9, np.asarray(decode_s, dtype=np.float64) * 1e9)
        return self.estimate(name, *nanoseconds, prefill_tokens, num_decodes, context, group).seconds

    def moe_s(
        self,
        weight_format: str,
        tokens: ArrayLike,
        *,
        hidden: ArrayLike,
        width: ArrayLike,
        top_k: ArrayLike,
        num_experts: ArrayLike,
        tensor_parallel: ArrayLike = 1,
        expert_parallel: ArrayLike = 1,
    ) -> NDArray[np.float64]:
        """Return seconds of one layer's routed experts on one rank, balanced routing.

        Parameters
        ----------
        weight_format : str
            Weight format, as in `gemm_s`.
        tokens : array_like
            Tokens of all ranks that share the experts.
        hidden, width : array_like
            Width of the residual stream and of one whole expert.
        top_k, num_experts : array_like
            Experts per token and in the layer.
        tensor_parallel, expert_parallel : array_like, default 1
            Ranks that cut each expert's columns, and ranks over which whole experts are spread.
        """
        arguments = (tokens, hidden, width, top_k, num_experts, tensor_parallel, expert_parallel)
        return self.estimate(f"moe/{weight_format}", *arguments).seconds

    def mla_prefill_s(
        self,
        chunk: ArrayLike,
        *,
        num_heads: ArrayLike,
        past: ArrayLike = 0,
        batch: ArrayLike = 1,
        weight_format: str = "bf16",
        kv_format: str = "bf16",
    ) -> NDArray[np.float64]:
        """Return seconds of one latent attention module (projections included, sizes of DeepSeek-V3) on prompt chunks.

        Parameters
        ----------
        chunk, past, batch : array_like
            As in `prefill_attention_s`.
        num_heads : array_like
            Query heads of one rank.
        weight_format, kv_format : str
            Format of the projection weights, and of the cache.
        """
        return self.estimate(f"mla_prefill/{weight_format}/{kv_format}", num_heads, batch, chunk, past).seconds

    def mla_decode_s(
        self,
        batch: ArrayLike,
        context: ArrayLike,
        *,
        num_heads: ArrayLike,
        weight_format: str = "bf16",
        kv_format: str = "bf16",
    ) -> NDArray[np.float64]:
        """Return seconds of one latent attention module on one new token per request; see `mla_prefill_s`."""
        return self.estimate(f"mla_decode/{weight_format}/{kv_format}", num_heads, batch, context).seconds

    def all_reduce_s(self, num_gpus: ArrayLike, num_bytes: ArrayLike) -> NDArray[np.float64]:
        """Return seconds of an all-reduce of `num_bytes` per GPU: the faster of vLLM's kernel and NCCL."""
        return self.estimate("all_reduce", num_gpus, num_bytes).seconds

    def all_to_all_s(self, num_gpus: ArrayLike, num_bytes: ArrayLike) -> NDArray[np.float64]:
        """Return seconds of an NCCL all-to-all; `num_bytes` is the whole send buffer of one GPU."""
        return self.estimate("all_to_all", num_gpus, num_bytes).seconds

    def all_gather_s(self, num_gpus: ArrayLike, num_bytes: ArrayLike) -> NDArray[np.float64]:
        """Return seconds of an NCCL all-gather; `num_bytes` is the whole gathered buffer."""
        return self.estimate("all_gather", num_gpus, num_bytes).seconds

    def reduce_scatter_s(self, num_gpus: ArrayLike, num_bytes: ArrayLike) -> NDArray[np.float64]:
        """Return seconds of an NCCL reduce-scatter; `num_bytes` is the whole buffer before it is scattered."""
        return self.estimate("reduce_scatter", num_gpus, num_bytes).seconds

    def exchange_s(
        self, tokens: ArrayLike, *, hidden: ArrayLike, top_k: ArrayLike, num_gpus: ArrayLike
    ) -> NDArray[np.float64]:
        """Return seconds of dispatch and combine between expert ranks (DeepEP within a node).

        Parameters
        ----------
        tokens : array_like
            Tokens of one rank.
        hidden, top_k, num_gpus : array_like
            Width of the residual stream, experts per token, ranks.
        """
        arguments = (tokens, hidden, top_k, num_gpus)
        return self.estimate("dispatch", *arguments).seconds + self.estimate("combine", *arguments).seconds

    def memory_s(self, num_bytes: float) -> float:
        """Return seconds of an elementwise operator that moves `num_bytes`: a launch and a stream; analytic."""
        return self._native.memory_ns(not_negative("num_bytes", num_bytes)) * 1e-9
