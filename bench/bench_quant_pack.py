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


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("bits", TARGETS)
def test_pack(show, peers, bits, threads):
    helpers, kernels, _ = peers
    x = codes(bits)
    packed, back = quant.pack_bits(x, bits), np.empty_like(x)
    others = {}
    if threads == 1:
        signed = torch.from_numpy((x - np.uint8(2 ** (bits - 1))).view(np.int8))
        words = torch.from_numpy(quant.pack_bits(x, bits, word=32))
        pack, unpack = helpers.pack_to_int32, helpers.unpack_from_int32
        others["compressed-tensors"] = (lambda: pack(signed, bits), lambda: unpack(words, bits, signed.shape))
    if bits == 4:
        whole, halves = torch.from_numpy(x), torch.from_numpy(packed)
        others["torchao"] = (lambda: kernels.pack_uint4(whole), lambda: kernels.unpack_uint4(halves))
    if bits == 1:
        others["numpy"] = (lambda: np.packbits(x, axis=-1), lambda: np.unpackbits(packed, axis=-1))
    run = (
        lambda: quant.pack_bits(x, bits, out=packed, threads=threads),
        lambda: quant.unpack_bits(packed, bits, CODES[1], out=back, threads=threads),
    )
    for side, word in enumerate(("pack", "unpack")):
        compare(
            show,
            f"{word} {bits} bits",
            x.nbytes + packed.nbytes,
            run[side],
            {name: calls[side] for name, calls in others.items()},
            target=TARGETS[bits][side],
            threads=threads,
        )


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("cols", [128, 512])
def test_swizzle(show, peers, cols, threads):
    utils = peers[2]
    scales = np.random.default_rng(0).integers(0, 255, (1 << 26) // cols * cols, dtype=np.uint8).reshape(-1, cols)
    tiled, back = np.empty_like(scales), np.empty_like(scales)
    tensor = torch.from_numpy(scales)
    compare(
        show,
        f"swizzle, {cols} columns",
        2 * scales.nbytes,
        lambda: quant.swizzle_scales(scales, out=tiled, threads=threads),
        {"torchao": lambda: utils.to_blocked(tensor)} if threads == 1 else {},
        target=0.30,
        threads=threads,
    )
    compare(
        show,
        f"unswizzle, {cols} columns",
        2 * scales.nbytes,
        lambda: quant.unswizzle_scales(tiled, *scales.shape, out=back, threads=threads),
        {},
        target=0.30,
        threads=threads,
    )


@pytest.mark.parametrize("threads", [1, 2])
def test_transposes(show, threads):
    """The work of GPTQ and AWQ to compressed-tensors and back, for a weight of 8192 inputs and 16384 outputs."""
    words = np.random.default_rng(0).integers(-(2**31), 2**31, (1024, 16384), dtype=np.int32)
    out = np.empty((16384, 1024), np.int32)
    source, target = words.view(np.uint8), out.view(np.uint8)
    back = np.empty_like(source)
    peer = {"numpy .T": lambda: np.copyto(out, words.T)}
    for title, run, goal, peers in (
        ("GPTQ to CT", lambda: _native.quant_transpose_words(target, source, 16384, threads), 0.22, peer),
        ("CT to GPTQ", lambda: _native.quant_transpose_words(back, target, 1024, threads), 0.22, {}),
        ("AWQ to CT", lambda: _native.quant_transpose_nibbles(target, source, 2048, True, threads), 0.12, {}),
        ("CT to AWQ", lambda: _native.quant_transpose_nibbles(target, source, 1024, False, threads), 0.12, {}),
    ):
        compare(show, title, 2 * words.nbytes, run, peers, target=goal, threads=threads)
