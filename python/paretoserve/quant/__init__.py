"""Numbers in few bits: codes and scales of a tensor, and the bytes in which engines read them."""

from paretoserve.quant._formats import BlockFormat, ScalarFormat
from paretoserve.quant._qtensor import QMeta, QTensor
from paretoserve.quant.pack import pack_bits, unpack_bits

__all__ = ["BlockFormat", "QMeta", "QTensor", "ScalarFormat", "pack_bits", "unpack_bits"]
