"""Numbers in few bits: codes and scales of a tensor, and the bytes in which engines read them."""

from paretoserve.quant._formats import BlockFormat, ScalarFormat
from paretoserve.quant._qtensor import QMeta, QTensor
from paretoserve.quant.convert import ConvertReport, convert, layouts

__all__ = ["BlockFormat", "ConvertReport", "QMeta", "QTensor", "ScalarFormat", "convert", "layouts"]
