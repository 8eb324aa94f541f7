"""What became of each tensor."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from paretoserve.quant.allocate import Allocation

__all__ = ["KEPT", "CheckpointReport", "TensorReport"]

# The format of a tensor that stays as it is.
KEPT = "kept"


@dataclass(frozen=True, slots=True)
class TensorReport:
    """One tensor of the input.

    Attributes
    ----------
    name, file : str
    dtype : str
        As safetensors writes it.
    shape : tuple of int
    format : str
        Block format, or ``kept``.
    reason : str
        Why it was kept; else empty.
    bytes_before, bytes_after : int
        With scales.
    bits_per_weight : float
        Of what is stored, with scales.
    qsnr_db : float or None
        Signal to error of the stored weight; infinite if exact; None if kept.
    """

    name: str
    file: str
    dtype: str
    shape: tuple[int, ...]
    format: str
    reason: str
    bytes_before: int
    bytes_after: int
    bits_per_weight: float
    qsnr_db: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as JSON has them: shape as text, an infinite QSNR as None."""
        infinite = self.qsnr_db is not None and not math.isfinite(self.qsnr_db)
        shape = "x".join(map(str, self.shape))
        return asdict(self) | {"shape": shape, "qsnr_db": None if infinite else self.qsnr_db}


@dataclass(frozen=True, slots=True)
class CheckpointReport:
    """What became of a checkpoint.

    Attributes
    ----------
    out : Path
    tensors : tuple of TensorReport
        In the order of files and of bytes.
    allocation : Allocation or None
        With a budget: how formats were chosen. None without, and where an interrupted run had chosen them.
    """

    out: Path
    tensors: tuple[TensorReport, ...]
    allocation: Allocation | None

    @property
    def quantized(self) -> tuple[TensorReport, ...]:
        """The tensors that were quantized."""
        return tuple(each for each in self.tensors if each.format != KEPT)

    @property
    def bits_per_weight(self) -> float:
        """Bits per weight over the quantized tensors, scales included; NaN if there are none."""
        elements = sum(math.prod(each.shape) for each in self.quantized)
        return 8 * sum(each.bytes_after for each in self.quantized) / elements if elements else math.nan

    def to_rows(self) -> list[Mapping[str, Any]]:
        """Return a row per tensor, as the report file has them."""
        return [each.to_dict() for each in self.tensors]
