"""Torch tensors on a CUDA device: the same functions, as kernels on the caller's current stream.

Callers check arguments and allocate outputs with torch. Nothing here waits for the device, so an option that must look
at the numbers before it returns is refused. Imported when the first CUDA tensor comes.
"""

from paretoserve.quant._cuda.bits import pack, swizzle, unpack
from paretoserve.quant._cuda.block import dequantize, quantize
from paretoserve.quant._cuda.cast import convert, decode, encode
from paretoserve.quant._cuda.rotate import hadamard

__all__ = ["convert", "decode", "dequantize", "encode", "hadamard", "pack", "quantize", "swizzle", "unpack"]
