"""A quantized tensor: codes, scales, and all that is needed to read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paretoserve._arrays import Array

__all__ = ["QMeta", "QTensor"]


@dataclass(frozen=True, slots=True)
class QMeta:
    """How the codes of a `QTensor` came about and how they are read.

    Attributes
    ----------
    fmt : str
        Name of the block format.
    shape : tuple of int
        Shape of the tensor that was quantized.
    axis : int
        Axis along which blocks lie, not negative. Codes and scales hold it last.
    block : tuple of int
        Rows and columns that share a scale; columns never -1.
    scale_rule : str
        ``floor``, ``rceil``, ``ceil``, ``even`` for power-of-two scales; ``amax`` for the others; or a peer's rule.
    rounding : str
        ``rne``, ``half_away`` or ``stochastic``.
    hadamard : int
        Size of the rotation that was applied along `axis` first, 0 for none.
    signs : tuple of int or None
        Its signs, each 1 or -1; None for all 1.
    four_over_six : str or None
        Error measure by which blocks chose their largest code, for four-over-six.
    scale_dtype : str or None
        Dtype of the scales where it was chosen: ``float32``, ``float16`` or ``bfloat16``; None for the format's own.
    """

    fmt: str
    shape: tuple[int, ...]
    axis: int
    block: tuple[int, int]
    scale_rule: str
    rounding: str = "rne"
    hadamard: int = 0
    signs: tuple[int, ...] | None = None
    four_over_six: str | None = None
    scale_dtype: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class QTensor:
    """Codes and scales of a tensor.

    Attributes
    ----------
    codes : ndarray or torch.Tensor of uint8, shape (..., row_bytes)
        Packed along the last axis, which is the quantized axis: element 0 in the lowest bits of byte 0 (4-bit codes:
        even element in the low nibble). Rows end at a byte. Integer groups: int8 in two's complement, symmetric codes
        of fewer bits plus 2^(bits-1) (what engines call ``uint4b8``), asymmetric codes unsigned.
    scales : ndarray or torch.Tensor, shape (..., num_blocks)
        uint8 codes of e8m0, ue4m3 or ue5m3; else float32 or float16. With 128x128 blocks, rows of blocks.
    zeros : ndarray or torch.Tensor of uint8, shape (..., num_blocks), or None
        Zero points of asymmetric formats, one code each, not packed.
    global_scale : ndarray or torch.Tensor of float32, shape (), or None
        The tensor's scale in the decoding direction: a value is code * scale * global_scale.
    meta : QMeta
        What the codes mean.
    extras : mapping of str to ndarray or torch.Tensor, or None
        What a checkpoint stores beside: ``encode_scale`` (the global scale in the encoding direction, with the bits of
        the file), ``input_scale`` and ``input_encode_scale`` of the activations, ``bias``. `convert` carries them over;
        nothing else looks at them.
    """

    codes: Array
    scales: Array
    zeros: Array | None
    global_scale: Array | None
    meta: QMeta
    extras: Mapping[str, Array] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor that was quantized."""
        return self.meta.shape

    @property
    def nbytes(self) -> int:
        """Bytes of codes, scales, zero points and global scale."""
        parts: list[Any] = [self.codes, self.scales, self.zeros, self.global_scale]
        return sum(part.nbytes for part in parts if part is not None)

    def dequantize(self, dtype: str = "float32", *, out: Array | None = None, threads: int | None = None) -> Array:
        """Return the tensor that codes and scales stand for; as `paretoserve.quant.dequantize`."""
        from paretoserve.quant.quantize import dequantize

        return dequantize(self, dtype, out=out, threads=threads)

    def numpy(self) -> QTensor:
        """Return this with numpy arrays that share its memory; DeviceError for tensors on a GPU."""
        from paretoserve.quant._interop import as_numpy_tensors

        return as_numpy_tensors(self)

    def torch(self) -> QTensor:
        """Return this with torch tensors that share its memory (read-only arrays are copied)."""
        from paretoserve.quant._interop import as_torch_tensors

        return as_torch_tensors(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the arrays by name and, under ``meta``, what they mean in plain JSON values."""
        from paretoserve.quant._interop import to_dict

        return to_dict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> QTensor:
        """Return what `to_dict` took apart; ValueError, ShapeError or DtypeError if its parts do not fit."""
        from paretoserve.quant._interop import from_dict

        return from_dict(content)

    def codes_as_dtype(self) -> Array:
        """Return the codes in the dtype that the library has for them, such as ``float8_e4m3fn``.

        A view: torch's ``float4_e2m1fn_x2`` holds two codes. ml_dtypes has one code in a byte, so that for numpy codes
        of fewer than 8 bits are unpacked. DtypeError where there is no such dtype.
        """
        from paretoserve.quant._interop import typed_codes

        return typed_codes(self)

    def scales_as_dtype(self) -> Array:
        """Return the scales as a view in the dtype that the library has for them, such as ``float8_e8m0fnu``."""
        from paretoserve.quant._interop import typed_scales

        return typed_scales(self)
