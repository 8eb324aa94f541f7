"""Scales in tiles of 128x4: against the formula and torchao, with padding, leading axes and every dtype of a byte."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paretoserve import quant
from paretoserve.errors import DtypeError, ShapeError


def scales(*shape, seed=0):
    return np.random.default_rng(seed).integers(1, 256, shape).astype(np.uint8)


def by_formula(s):
    rows, cols = s.shape
    height, width = -(-rows // 128) * 128, -(-cols // 4) * 4
    out = np.zeros(height * width, np.uint8)
    r, c = np.indices(s.shape)
    out[(r // 128 * (width // 4) + c // 4) * 512 + r % 32 * 16 + r % 128 // 32 * 4 + c % 4] = s
    return out.reshape(height, width)


@given(st.integers(1, 300), st.integers(1, 150), st.integers(1, 3))
def test_tiles_follow_the_formula_and_come_back(rows, cols, threads):
    s = scales(rows, cols)
    kept = s.copy()
    tiled = quant.swizzle_scales(s, threads=threads)
    np.testing.assert_array_equal(tiled, by_formula(s), strict=True)
    np.testing.assert_array_equal(quant.unswizzle_scales(tiled, rows, cols, threads=threads), s, strict=True)
    np.testing.assert_array_equal(quant.unswizzle_scales(tiled.reshape(-1), rows, cols), s)
    np.testing.assert_array_equal(s, kept)


@pytest.mark.parametrize(("rows", "cols"), [(1, 1), (128, 4), (300, 70), (512, 128)])
def test_tiles_are_those_of_torchao(rows, cols):
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        utils = pytest.importorskip("torchao.prototype.mx_formats.utils")
    s = torch.from_numpy(scales(rows, cols))
    expected = utils.to_blocked(s)
    assert torch.equal(quant.swizzle_scales(s).reshape(-1), expected.reshape(-1))
    assert torch.equal(quant.unswizzle_scales(expected, rows, cols), s)


def test_each_matrix_of_a_stack_is_tiled_apart():
    s = scales(2, 3, 130, 6)
    tiled = quant.swizzle_scales(s)
    assert tiled.shape == (2, 3, 256, 8)
    np.testing.assert_array_equal(tiled[1, 2], quant.swizzle_scales(s[1, 2]))
    np.testing.assert_array_equal(quant.unswizzle_scales(tiled, 130, 6), s)
    np.testing.assert_array_equal(quant.swizzle_scales(s[..., ::2]), quant.swizzle_scales(s[..., ::2].copy()))


def test_dtypes_of_one_byte_are_kept():
    torch = pytest.importorskip("torch")
    ml_dtypes = pytest.importorskip("ml_dtypes")
    s = scales(4, 4) & 127
    for typed in (torch.from_numpy(s).view(torch.float8_e4m3fn), s.view(ml_dtypes.float8_e8m0fnu)):
        tiled = quant.swizzle_scales(typed)
        assert tiled.dtype == typed.dtype
        assert quant.unswizzle_scales(tiled, 4, 4).dtype == typed.dtype
        out = np.empty((128, 4), np.uint8)
        out = out if isinstance(typed, np.ndarray) else torch.from_numpy(out)
        assert quant.swizzle_scales(typed, out=out) is out


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (0, 0), (0, 4, 4)])
def test_nothing_stays_nothing(shape):
    tiled = quant.swizzle_scales(np.empty(shape, np.uint8))
    assert tiled.size == 0
    assert quant.unswizzle_scales(tiled, *shape[-2:]).size == 0


@pytest.mark.parametrize(
    ("error", "said", "call"),
    [
        (ValueError, "`layout` must be one of", lambda: quant.swizzle_scales(scales(2, 2), "8x4")),
        (
            DtypeError,
            "`s` must be uint8 or a float of 8 bits, got float32",
            lambda: quant.swizzle_scales(np.ones((2, 2), "f4")),
        ),
        (ShapeError, r"`s` must have shape \(..., rows, cols\)", lambda: quant.swizzle_scales(scales(4))),
        (ShapeError, "`out` must have shape", lambda: quant.swizzle_scales(scales(2, 2), out=scales(2, 2))),
        (ShapeError, "`s` must hold 128 x 4 scales", lambda: quant.unswizzle_scales(scales(256, 4), 3, 4)),
        (ValueError, "`rows` must be an integer from 0", lambda: quant.unswizzle_scales(scales(128, 4), -3, 4)),
        (ShapeError, "`s` must hold", lambda: quant.unswizzle_scales(scales(128, 4), 10**18, 4)),
        (ValueError, "`threads` must be", lambda: quant.swizzle_scales(scales(2, 2), threads=0)),
    ],
)
def test_wrong_arguments_are_refused(error, said, call):
    with pytest.raises(error, match=said):
        call()
