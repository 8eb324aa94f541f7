"""Packing, scale tiles and transposes of 64 MiB against a streaming copy, compressed-tensors, torchao and numpy."""

import warnings

import numpy as np
import pytest

from _copy import compare
from paretoserve import _native, quant

torch = pytest.importorskip("torch")

CODES = (4096, 16384)
# Packing and unpacking, as fractions of the copy.
TARGETS = {1: (0.50, 0.70), 3: (0.36, 0.26), 4: (0.60, 0.80), 5: (0.36, 0.26), 6: (0.40, 0.40), 7: (0.36, 0.26)}
TRANSPOSES = {"GPTQ to CT": 0.22, "CT to GPTQ": 0.22, "AWQ to CT": 0.12, "CT to AWQ": 0.12}

pytestmark = pytest.mark.parametrize("threads", [1, 2])


@pytest.fixture
def measure(benchmark, show, threads):
    def run(title, num_bytes, ours, peers, target):
        alone = peers if threads == 1 else {}
        options = {"ours": ours, "peers": alone, "target": target, "threads": threads}
        benchmark.pedantic(compare, args=(show, title, num_bytes), kwargs=options, rounds=1)

    return run


@pytest.fixture(scope="module")
def peers():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        helpers = pytest.importorskip("compressed_tensors.compressors.pack_quantized.helpers")
        kernels = pytest.importorskip("torchao.prototype.mx_formats.kernels")
        utils = pytest.importorskip("torchao.prototype.mx_formats.utils")
    torch.set_num_threads(1)
    return helpers, kernels, utils


def codes(bits):
    return np.random.default_rng(0).integers(0, 2**bits, CODES, dtype=np.uint8)


@pytest.mark.parametrize("bits", TARGETS)
def test_pack(measure, peers, bits, threads):
    helpers, kernels, _ = peers
    x = codes(bits)
    packed, tensor = quant.pack_bits(x, bits), torch.from_numpy(x)
    signed = torch.from_numpy((x - np.uint8(2 ** (bits - 1))).view(np.int8))
    others = {"compressed-tensors": lambda: helpers.pack_to_int32(signed, bits)}
    others |= {"torchao": lambda: kernels.pack_uint4(tensor)} if bits == 4 else {}
    others |= {"numpy": lambda: np.packbits(x, axis=-1)} if bits == 1 else {}
    ours = lambda: quant.pack_bits(x, bits, out=packed, threads=threads)  # noqa: E731
    measure(f"pack {bits} bits", x.nbytes + packed.nbytes, ours, others, TARGETS[bits][0])


@pytest.mark.parametrize("bits", TARGETS)
def test_unpack(measure, peers, bits, threads):
    helpers, kernels, _ = peers
    x = codes(bits)
    packed, words = quant.pack_bits(x, bits), torch.from_numpy(quant.pack_bits(x, bits, word=32))
    halves = torch.from_numpy(packed)
    others = {"compressed-tensors": lambda: helpers.unpack_from_int32(words, bits, torch.Size(CODES))}
    others |= {"torchao": lambda: kernels.unpack_uint4(halves)} if bits == 4 else {}
    others |= {"numpy": lambda: np.unpackbits(packed, axis=-1)} if bits == 1 else {}
    ours = lambda: quant.unpack_bits(packed, bits, CODES[1], out=x, threads=threads)  # noqa: E731
    measure(f"unpack {bits} bits", x.nbytes + packed.nbytes, ours, others, TARGETS[bits][1])


@pytest.mark.parametrize("cols", [128, 512])
@pytest.mark.parametrize("back", [False, True])
def test_swizzle(measure, peers, cols, back, threads):
    utils = peers[2]
    scales = np.random.default_rng(0).integers(0, 255, (2**26 // cols, cols), dtype=np.uint8)
    tiled, tensor = quant.swizzle_scales(scales), torch.from_numpy(scales)
    if back:
        ours = lambda: quant.unswizzle_scales(tiled, *scales.shape, out=scales, threads=threads)  # noqa: E731
        others = {"torchao": lambda: utils.from_blocked(torch.from_numpy(tiled), *scales.shape)}
    else:
        ours = lambda: quant.swizzle_scales(scales, out=tiled, threads=threads)  # noqa: E731
        others = {"torchao": lambda: utils.to_blocked(tensor)}
    title = f"{'unswizzle' if back else 'swizzle'}, {cols} columns"
    measure(title, 2 * scales.nbytes, ours, others, 0.30)


@pytest.mark.parametrize("title", TRANSPOSES)
def test_transposes(measure, title, threads):
    """What `convert` does between GPTQ or AWQ and compressed-tensors, for 8192 inputs and 16384 outputs."""
    words = np.random.default_rng(0).integers(-(2**31), 2**31, (1024, 16384), dtype=np.int32)
    out = np.zeros((16384, 1024), np.int32)
    source, target = words.view(np.uint8), out.view(np.uint8)
    runs = {
        "GPTQ to CT": lambda: _native.quant_transpose_words(target, source, 16384, threads),
        "CT to GPTQ": lambda: _native.quant_transpose_words(target, source, 1024, threads),
        "AWQ to CT": lambda: _native.quant_transpose_nibbles(target, source, 2048, True, threads),
        "CT to AWQ": lambda: _native.quant_transpose_nibbles(target, source, 1024, False, threads),
    }
    others = {"numpy .T": lambda: np.copyto(out, words.T)} if title == "GPTQ to CT" else {}
    measure(title, 2 * words.nbytes, runs[title], others, TRANSPOSES[title])
