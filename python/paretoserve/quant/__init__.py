"""Numbers in few bits: codes and scales of a tensor, and the bytes in which engines read them."""

from paretoserve.quant._formats import BlockFormat, ScalarFormat
from paretoserve.quant._qtensor import QMeta, QTensor
from paretoserve.quant.cast import cast, format_info, formats
from paretoserve.quant.pack import pack_bits, unpack_bits
from paretoserve.quant.quantize import dequantize, quantize

__all__ = [
    "BlockFormat",
    "QMeta",
    "QTensor",
    "ScalarFormat",
    "cast",
    "dequantize",
    "format_info",
    "formats",
    "pack_bits",
    "quantize",
    "unpack_bits",
]
