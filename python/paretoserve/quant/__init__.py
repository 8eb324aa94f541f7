"""Numbers in few bits: codes and scales of a tensor, and the bytes in which engines read them."""

from paretoserve.quant._formats import BlockFormat, ScalarFormat
from paretoserve.quant._qtensor import QMeta, QTensor
from paretoserve.quant.allocate import Allocation, allocate_bits
from paretoserve.quant.analysis import CrestFactor, crest_factor, qsnr
from paretoserve.quant.cast import cast, format_info, formats
from paretoserve.quant.convert import ConvertReport, convert, layouts
from paretoserve.quant.hadamard import TRANSFORMER_ENGINE_SIGNS, hadamard
from paretoserve.quant.kv import calibrate_kv_scales
from paretoserve.quant.pack import pack_bits, unpack_bits
from paretoserve.quant.quantize import dequantize, quantize
from paretoserve.quant.quest import quest_scale
from paretoserve.quant.theory import Crossover, crossover, theory_qsnr

__all__ = [
    "TRANSFORMER_ENGINE_SIGNS",
    "Allocation",
    "BlockFormat",
    "ConvertReport",
    "CrestFactor",
    "Crossover",
    "QMeta",
    "QTensor",
    "ScalarFormat",
    "allocate_bits",
    "calibrate_kv_scales",
    "cast",
    "convert",
    "crest_factor",
    "crossover",
    "dequantize",
    "format_info",
    "formats",
    "hadamard",
    "layouts",
    "pack_bits",
    "qsnr",
    "quantize",
    "quest_scale",
    "theory_qsnr",
    "unpack_bits",
]
