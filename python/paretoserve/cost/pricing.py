"""What a run costs: US dollars per million tokens from GPUs, price per hour and throughput."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from paretoserve.cost.checks import not_negative, positive, positive_count
from paretoserve.cost.gpu import Hardware
from paretoserve.cost.systems import hardware as find_hardware

__all__ = ["Price", "price"]


@dataclass(frozen=True)
class Price:
    """Price of tokens.

    Parameters
    ----------
    usd_per_mtok : float
        US dollars per million tokens.
    usd_per_hour : float
        US dollars per hour of all GPUs.
    source : str
        Where the price of a GPU hour comes from.
    """

    usd_per_mtok: float
    usd_per_hour: float
    source: str

    def explain(self) -> str:
        """Return the price and where it comes from as one sentence."""
        return f"${self.usd_per_mtok:.4g} per million tokens at ${self.usd_per_hour:.2f} per hour ({self.source})"

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain data."""
        return asdict(self)


def price(
    *,
    hardware: str | Path | Hardware,
    num_gpus: int,
    tokens_per_s: float,
    price_usd_per_gpu_hour: float | None = None,
) -> Price:
    """Compute what a million tokens cost.

    Parameters
    ----------
    hardware : str, Path or Hardware
        Anything that `hardware` takes.
    num_gpus : int
        GPUs paid for, busy or not.
    tokens_per_s : float
        Tokens that are charged for, per second of all GPUs; output tokens by convention.
    price_usd_per_gpu_hour : float, optional
        Replaces the price of the system.

    Returns
    -------
    price : Price

    Raises
    ------
    ValueError
        If an argument is out of range, or no price is known for the system and none is given.
    UnknownNameError, DataError
        As `hardware`.

    Examples
    --------
    >>> from paretoserve.cost import price
    >>> round(price(hardware="h100_sxm", num_gpus=8, tokens_per_s=10_000, price_usd_per_gpu_hour=2.0).usd_per_mtok, 4)
    0.4444
    """
    gpu = find_hardware(hardware)
    per_hour, source = gpu.price_usd_per_gpu_hour, gpu.price_source or "given by the user"
    if price_usd_per_gpu_hour is not None:
        per_hour, source = not_negative("price_usd_per_gpu_hour", price_usd_per_gpu_hour), "given by the user"
    if per_hour is None:
        raise ValueError(
            f"no price is published for `{gpu.name}`, so `usd_per_mtok` cannot be computed\n"
            "hint: give price_usd_per_gpu_hour, or leave this objective out"
        )
    usd_per_hour = per_hour * positive_count("num_gpus", num_gpus)
    return Price(usd_per_hour / (3600 * positive("tokens_per_s", tokens_per_s)) * 1e6, usd_per_hour, source)
