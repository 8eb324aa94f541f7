"""Numbers in few bits: codes and scales of a tensor, and the bytes in which engines read them."""

from paretoserve.quant import gguf
from paretoserve.quant._formats import BlockFormat, ScalarFormat
from paretoserve.quant._qtensor import QMeta, QTensor
from paretoserve.quant._report import ConvertReport
from paretoserve.quant.allocate import Allocation, allocate_bits
from paretoserve.quant.analysis import CrestFactor, crest_factor, qsnr
from paretoserve.quant.cast import cast, format_info, formats
from paretoserve.quant.checkpoint import CheckpointReport, TensorReport, quantize_checkpoint
from paretoserve.quant.convert import convert, layouts
from paretoserve.quant.hadamard import TRANSFORMER_ENGINE_SIGNS, hadamard
from paretoserve.quant.kv import calibrate_kv_scales
from paretoserve.quant.pack import pack_bits, unpack_bits
from paretoserve.quant.planes import pack_planes, unpack_planes
from paretoserve.quant.quantize import dequantize, quantize
from paretoserve.quant.quest import quest_scale
from paretoserve.quant.scaling import capybara_loss, optimal_em
from paretoserve.quant.swizzle import swizzle_scales, unswizzle_scales
from paretoserve.quant.theory import Crossover, crossover, theory_qsnr
from paretoserve.quant.transcode import mxfp4_to_nvfp4, requant_global_scale, requantize

__all__ = [
    "TRANSFORMER_ENGINE_SIGNS",
    "Allocation",
    "BlockFormat",
    "CheckpointReport",
    "ConvertReport",
    "CrestFactor",
    "Crossover",
    "QMeta",
    "QTensor",
    "ScalarFormat",
    "TensorReport",
    "allocate_bits",
    "calibrate_kv_scales",
    "capybara_loss",
    "cast",
    "convert",
    "crest_factor",
    "crossover",
    "dequantize",
    "format_info",
    "formats",
    "gguf",
    "hadamard",
    "layouts",
    "mxfp4_to_nvfp4",
    "optimal_em",
    "pack_bits",
    "pack_planes",
    "qsnr",
    "quantize",
    "quantize_checkpoint",
    "quest_scale",
    "requant_global_scale",
    "requantize",
    "swizzle_scales",
    "theory_qsnr",
    "unpack_bits",
    "unpack_planes",
    "unswizzle_scales",
]
