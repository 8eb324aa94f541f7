"""What a GPU and its node can do: rates, memory, links, power and price.

Plain data with checked fields; `systems.py` finds the bundled systems and reads files.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from paretoserve.cost.checks import not_negative, positive, positive_count

__all__ = ["Hardware", "Power"]

MOST_BYTES = 2**60
INTEGERS = ("memory_bytes", "gpus_per_node", "reserved_bytes", "sm_version", "gpus_per_rack")


@dataclass(frozen=True)
class Power:
    """Power draw of one GPU: idle + memory * (bytes/s) / bandwidth + compute * (FLOP/s) / peak.

    Parameters
    ----------
    idle_w, memory_w, compute_w : float
        Watts: engine loaded but not computing; more at full memory bandwidth; more at full arithmetic rate.
    provenance : {"fitted", "transferred", "given"}
        From runs on this GPU, from another GPU in proportion to the power limits, or from the user.
    error : float or None
        Mean absolute relative error of the fit on its own runs.
    source : str
        Which runs or which GPU.
    """

    idle_w: float
    memory_w: float
    compute_w: float
    provenance: str = "given"
    error: float | None = None
    source: str = "given by the user"

    def __post_init__(self) -> None:
        """Check that the watts are finite and not negative."""
        for key in ("idle_w", "memory_w", "compute_w"):
            object.__setattr__(self, key, not_negative(f"power.{key}", getattr(self, key)))


@dataclass(frozen=True)
class Hardware:
    """One GPU model and the node around it.

    Parameters
    ----------
    name, title, source : str
        Short name, full name, and where the numbers come from.
    memory_bytes : int
        Memory of one GPU.
    memory_bandwidth : float
        Bytes per second.
    bf16_flops, fp8_flops, fp4_flops, int8_flops : float or None
        Dense peak operations per second; None without such arithmetic.
    intra_node_bandwidth, inter_node_bandwidth, pcie_bandwidth : float
        Bytes per second and GPU in one direction.
    link_latency_s : float
        Seconds of one message between GPUs.
    gpus_per_node : int
        GPUs that share the intra-node links.
    tdp_w : float
        Power limit in watts; never used as power draw.
    reserved_bytes : int
        Memory that engine, CUDA graphs and fragmentation take from each GPU.
    nccl_buffers : tuple of (int, int)
        Bytes of communication buffers by number of GPUs.
    sm_version : int or None
        CUDA compute capability times 10.
    gpus_per_rack : int or None
        GPUs whose inter-node links are NVLink.
    inter_rack_bandwidth : float or None
        Bytes per second and GPU between racks.
    prices : tuple of (str, float)
        US dollars per GPU hour by kind of offer.
    price_usd_per_gpu_hour : float or None
        The price used; None if none is published.
    price_source : str or None
        Where it comes from.
    power : Power or None
        Power draw.
    """

    name: str
    title: str
    memory_bytes: int
    memory_bandwidth: float
    bf16_flops: float
    intra_node_bandwidth: float
    inter_node_bandwidth: float
    pcie_bandwidth: float
    tdp_w: float
    source: str
    fp8_flops: float | None = None
    fp4_flops: float | None = None
    int8_flops: float | None = None
    link_latency_s: float = 1e-5
    gpus_per_node: int = 8
    reserved_bytes: int = 3_758_096_384
    nccl_buffers: tuple[tuple[int, int], ...] = ((1, 0),)
    sm_version: int | None = None
    gpus_per_rack: int | None = None
    inter_rack_bandwidth: float | None = None
    prices: tuple[tuple[str, float], ...] = ()
    price_usd_per_gpu_hour: float | None = None
    price_source: str | None = None
    power: Power | None = None

    def __post_init__(self) -> None:
        """Check that every number is positive and finite and that counts are integers."""
        optional = {"fp8_flops", "fp4_flops", "int8_flops", "inter_rack_bandwidth", "price_usd_per_gpu_hour"}
        required = {"memory_bandwidth", "bf16_flops", "intra_node_bandwidth", "inter_node_bandwidth"}
        required |= {"pcie_bandwidth", "tdp_w", "link_latency_s"}
        for key in sorted(optional | required):
            value = getattr(self, key)
            if value is not None or key in required:
                check = not_negative if key == "price_usd_per_gpu_hour" else positive
                object.__setattr__(self, key, check(key, value))
        for key in INTEGERS:
            value = getattr(self, key)
            if value is not None or key in ("memory_bytes", "gpus_per_node", "reserved_bytes"):
                positive_count(key, value, least=0 if key == "reserved_bytes" else 1, most=MOST_BYTES)
        if not self.nccl_buffers:
            raise ValueError("`nccl_buffers` must hold at least one pair of GPUs and bytes, got none")
        for count, held in self.nccl_buffers:
            positive_count("nccl_bytes", count)
            positive_count("nccl_bytes", held, least=0, most=MOST_BYTES)
        for kind, price in self.prices:
            not_negative(f"prices.{kind}", price)

    def peak_flops(self, weight_format: str) -> float:
        """Peak rate of matrix products with weights of that format.

        Formats without arithmetic of their own compute in bfloat16: int4 everywhere (16-bit activations), FP8 before
        sm_89, FP4 before sm_100. There they only save memory.
        """
        rates = {
            "bf16": None,
            "int4": None,
            "fp8": self.fp8_flops,
            "fp8_block": self.fp8_flops,
            "mxfp4": self.fp4_flops,
            "nvfp4": self.fp4_flops,
        }
        if weight_format not in rates:
            raise ValueError(f"`weight_format` must be one of {', '.join(rates)}, got `{weight_format}`")
        return rates[weight_format] or self.bf16_flops

    @property
    def gpus_per_domain(self) -> int:
        """GPUs that reach each other at the speed of the intra-node links: a rack where it has NVLink, else a node."""
        return self.gpus_per_rack or self.gpus_per_node

    def nccl_bytes(self, num_gpus: int) -> int:
        """Communication buffers on each of `num_gpus` GPUs: of the next larger measured number."""
        larger = [pair for pair in self.nccl_buffers if pair[0] >= num_gpus]
        return min(larger)[1] if larger else max(self.nccl_buffers)[1]

    def explain(self) -> str:
        """Return the main numbers and their sources as text."""
        price = power = "not known"
        if self.price_usd_per_gpu_hour is not None:
            price = f"${self.price_usd_per_gpu_hour:.2f} per GPU hour ({self.price_source})"
        if self.power is not None:
            power = (
                f"{self.power.idle_w:.0f} W idle, up to +{self.power.memory_w:.0f} W for memory and "
                f"+{self.power.compute_w:.0f} W for arithmetic ({self.power.provenance}: {self.power.source})"
            )
        return (
            f"{self.title}: {self.memory_bytes / 2**30:.1f} GiB at {self.memory_bandwidth / 1e12:.2f} TB/s, "
            f"{self.bf16_flops / 1e12:.0f} bf16 TFLOP/s ({self.source}); price {price}; power {power}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as plain data."""
        return asdict(self)
