"""Bit planes: against their definition, with padded chunks, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paretoserve import quant
from paretoserve.errors import DtypeError, ShapeError


def codes(bits, rows, cols, seed=0):
    return np.random.default_rng(seed).integers(0, 2**bits, (rows, cols)).astype(np.uint8)


def abq(x, bits):
    """Return [bits][rows][cols / 32], the first code at the most significant bit."""
    planes = np.stack([x >> plane & 1 for plane in range(bits)])
    return np.packbits(planes, axis=-1).view(">i4").astype(np.int32)


def flexq(x, bits, chunk):
    padded = np.pad(x, ((0, -len(x) % chunk), (0, 0)))
    words = abq(padded, bits).reshape(bits, -1, chunk, x.shape[1] // 128, 4)
    return np.ascontiguousarray(words.transpose(3, 1, 0, 2, 4))


@given(
    st.integers(1, 8),
    st.integers(1, 20),
    st.integers(1, 3),
    st.sampled_from(["flexq", "abq"]),
    st.integers(1, 9),
    st.integers(1, 4),
)
def test_planes_follow_their_definition_and_come_back(bits, rows, blocks, layout, chunk, threads):
    x = codes(bits, rows, blocks * (128 if layout == "flexq" else 32))
    kept = x.copy()
    planes = quant.pack_planes(x, bits, layout=layout, chunk=chunk, threads=threads)
    expected = flexq(x, bits, chunk) if layout == "flexq" else abq(x, bits)
    np.testing.assert_array_equal(planes, expected, strict=True)
    back = quant.unpack_planes(planes, rows, layout=layout, threads=threads)
    np.testing.assert_array_equal(back, x, strict=True)
    np.testing.assert_array_equal(x, kept)


def test_padding_is_zero_and_all_rows_are_the_default():
    planes = quant.pack_planes(codes(6, 5, 128), 6)
    back = quant.unpack_planes(planes)
    assert back.shape == (8, 128)
    assert not back[5:].any()


def test_torch_gets_torch_and_out_is_filled():
    torch = pytest.importorskip("torch")
    x = torch.from_numpy(codes(3, 4, 64))
    out = torch.empty((3, 4, 2), dtype=torch.int32)
    assert quant.pack_planes(x, 3, layout="abq", out=out) is out
    assert torch.equal(quant.unpack_planes(out, layout="abq"), x)


def test_no_rows_are_fine():
    planes = quant.pack_planes(np.empty((0, 128), np.uint8), 6)
    assert planes.shape == (1, 0, 6, 8, 4)
    assert quant.unpack_planes(planes).shape == (0, 128)


X = codes(4, 8, 128)


@pytest.mark.parametrize(
    ("error", "said", "call"),
    [
        (ValueError, "`x` must be from 0 to 7 for 3 bits, got", lambda: quant.pack_planes(X, 3)),
        (ValueError, "`bits` must be an integer from 1 to 8", lambda: quant.pack_planes(X, 0)),
        (ValueError, "`chunk` must be an integer from 1", lambda: quant.pack_planes(X, 4, chunk=0)),
        (ValueError, "`layout` must be one of", lambda: quant.pack_planes(X, 4, layout="bmma")),
        (DtypeError, "`x` must be uint8 or bool, got int8", lambda: quant.pack_planes(X.view(np.int8), 4)),
        (ShapeError, "`x` must have shape .* for flexq", lambda: quant.pack_planes(X[:, :96], 4)),
        (ShapeError, "`x` must have shape .* for abq", lambda: quant.pack_planes(X[:, :33], 4, layout="abq")),
        (DtypeError, "`planes` must be int32", lambda: quant.unpack_planes(X)),
        (ShapeError, "`planes` must have shape", lambda: quant.unpack_planes(np.zeros((2, 2), np.int32))),
        (
            ShapeError,
            "`rows` must be from 1 to 8",
            lambda: quant.unpack_planes(np.zeros((1, 1, 4, 8, 4), np.int32), 9),
        ),
    ],
)
def test_wrong_arguments_are_refused(error, said, call):
    with pytest.raises(error, match=said):
        call()
