"""NV formats: the golden bytes, a model with exact rounding, torchao, four over six, and tensors without scale."""

import warnings
from fractions import Fraction

import numpy as np
import pytest

from _blocks import E2M1, GOLDEN, nearest, nibbles
from paretoserve.errors import ShapeError
from paretoserve.quant import dequantize, quantize

FORMATS = ("nvfp4", "nvfp4_ue5m3", "nvint4")
E4M3 = [m * 2.0**-9 for m in range(8)] + [(8 + m) * 2.0 ** (e - 10) for e in range(1, 16) for m in range(8)][:-1]
UE5M3 = [m * 2.0**-17 for m in range(8)] + [(8 + m) * 2.0 ** (e - 18) for e in range(1, 32) for m in range(8)][:-1]
F = np.float32
ONE = F(1)


def tie_rich(blocks, seed=0):
    """Return blocks in which elements lie at ties of the codes, under scales at ties of e4m3."""
    rng = np.random.default_rng(seed)
    steps = rng.integers(-24, 25, (blocks, 16)) / 4
    steps[:, 0] = 6
    return (steps * (16 + rng.integers(0, 32, (blocks, 1))) / 16 * 2.0 ** rng.integers(-6, 3, (blocks, 1))).astype(F)


def model(x, fmt, amax):
    """Return scales and codes by float32 arithmetic in the order of the rules, rounded by fractions."""
    table = UE5M3 if fmt == "nvfp4_ue5m3" else E4M3
    largest = F(7 if fmt == "nvint4" else 6)
    encode = F(table[-1]) * largest / F(amax)
    scales, codes = [], []
    for block in x:
        target = np.abs(block).max() * (encode * (ONE / largest))
        scale = nearest(min(Fraction(float(target)), Fraction(table[-1])), table)
        by = min(ONE / (F(table[scale]) * (ONE / encode)), np.finfo(F).max) if scale else F(0)
        for value in np.clip(block * by, -largest, largest):
            if fmt == "nvint4":
                codes.append(round(Fraction(float(value))) & 15)
            else:
                codes.append(nearest(Fraction(float(abs(value))), E2M1) | 8 * bool(np.signbit(value)))
        scales.append(scale)
    return np.array(scales), np.array(codes).reshape(-1, 16)


def test_golden_bytes():
    q = quantize(GOLDEN, "nvfp4")
    assert q.codes.tobytes().hex() == "00103254768798badcfe0f183253d5a1"
    assert q.scales.tobytes().hex() == "7e7e"
    assert np.asarray(q.global_scale).view(np.uint32) == 0x3B2AAAAB


@pytest.mark.parametrize("fmt", FORMATS)
def test_bytes_equal_the_model(fmt):
    x = tie_rich(120)
    q = quantize(x, fmt)
    scales, codes = model(x, fmt, np.abs(x).max())
    np.testing.assert_array_equal(q.scales[:, 0], scales)
    np.testing.assert_array_equal(nibbles(q.codes), codes)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_bytes_equal_torchao(dtype):
    """torchao keeps scales at 2^-6 or more, so no block is tiny here."""
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torchao.prototype.mx_formats import nvfp4_tensor
    x = np.concatenate([tie_rich(4000), np.random.default_rng(1).standard_normal((4000, 16)).astype(F)]).reshape(-1, 32)
    source = torch.from_numpy(x).to(getattr(torch, dtype))
    amax = source.abs().max().float()
    scale = amax / (448 * 6)
    theirs = nvfp4_tensor.nvfp4_quantize(source, 16, scale)
    ours = quantize(source, "nvfp4")
    np.testing.assert_array_equal(ours.global_scale, scale)
    np.testing.assert_array_equal(ours.scales, theirs[0].view(torch.uint8).reshape(ours.scales.shape))
    np.testing.assert_array_equal(ours.codes, theirs[1].view(torch.uint8).reshape(ours.codes.shape))


@pytest.mark.parametrize("measure", ["mse", "mae", "absmax"])
def test_four_over_six_takes_the_better_of_two(measure):
    x = np.random.default_rng(2).standard_normal((150, 16)).astype(F)
    q = quantize(x, "nvfp4", four_over_six=measure)
    encode = F(1536) / np.abs(x).max()
    g = np.abs(x).max() / F(1536)
    error = {
        "mse": lambda d: np.add.accumulate(d * d)[-1],
        "mae": lambda d: np.add.accumulate(np.abs(d))[-1],
        "absmax": lambda d: np.abs(d).max(),
    }[measure]
    fours = 0
    for block, scale, codes in zip(x, q.scales[:, 0], nibbles(q.codes), strict=True):
        candidates = []
        for stretch in (ONE, F(1.5)):
            target = np.abs(block).max() * (encode * (ONE / F(6))) * stretch
            code = nearest(Fraction(float(target)), E4M3)
            by = ONE / (F(E4M3[code]) * (ONE / encode))
            magnitude = [nearest(Fraction(float(abs(v))), E2M1) for v in np.clip(block * by, -6, 6)]
            value = np.copysign(np.array(E2M1, F)[magnitude], block) * F(E4M3[code]) * g
            candidates.append((error(value - block), code, magnitude))
        best = candidates[1] if candidates[1][0] < candidates[0][0] else candidates[0]
        fours += best is candidates[1]
        assert (scale, (codes & 7).tolist()) == best[1:]
    assert 20 < fours < 130


def test_four_over_six_gains_what_the_paper_says():
    x = np.random.default_rng(3).standard_normal((20000, 16)).astype(F)
    loss = [np.mean((dequantize(quantize(x, "nvfp4", four_over_six=each)) - x) ** 2) for each in (None, "mse")]
    assert loss[1] / loss[0] == pytest.approx(0.84, abs=0.01)


@pytest.mark.parametrize("fmt", FORMATS)
def test_zero_tensor_and_zero_blocks(fmt):
    x = np.zeros((4, 32), F)
    q = quantize(x, fmt)
    assert (float(q.global_scale), q.scales.any(), q.codes.any()) == (1, False, False)
    x[1, 3] = 1
    q = quantize(x, fmt)
    assert np.count_nonzero(q.scales) == 1
    np.testing.assert_array_equal(dequantize(q), x)
    assert np.isfinite(q.global_scale)


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("size", [1e-45, 1e-40, 1e-36, 1e-30, 1e30, 3e38])
def test_tiny_and_huge_tensors(fmt, size):
    """The rules clip the encoding scale to float32, so that tensors below about 1e-33 lose their resolution."""
    x = (np.linspace(-1, 1, 64) * size).astype(F).reshape(2, 32)
    q = quantize(x, fmt)
    assert np.isfinite(q.global_scale)
    assert q.global_scale > 0
    back = dequantize(q)
    assert np.isfinite(back).all()
    if size > 1e-33:
        assert np.abs(back - x).max() < 0.2 * size


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_policies_for_what_is_not_finite(fmt, bad):
    x = np.ones((2, 32), F)
    x[0, 5], x[1, 0] = bad, 3
    q = quantize(x, fmt)
    assert (q.scales == {"nvfp4_ue5m3": 0xFF}.get(fmt, 0x7F)).tolist() == [[True, False], [False, False]]
    back = dequantize(q)
    assert np.isnan(back[0, :16]).all()
    assert back[1, 0] == pytest.approx(3)
    with pytest.raises(ValueError, match="row 0, column 5"):
        quantize(x, fmt, nan="raise")
    same = quantize(np.where(np.isfinite(x), x, F(0 if np.isnan(bad) else np.finfo(F).max)), fmt)
    zero = quantize(x, fmt, nan="zero")
    np.testing.assert_array_equal(zero.codes, same.codes)
    assert zero.global_scale == same.global_scale


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("amax", [2e-33, 1e-35, 1e-36, 3e-38])
def test_tiny_tensors_keep_a_scale_that_has_a_reciprocal(fmt, amax):
    """The encoding scale of such a tensor is beyond float32: codes must fit the decoding scale that is stored."""
    x = np.repeat(F([amax, -amax / 2]), 8)[None]
    q = quantize(x, fmt)
    assert q.global_scale >= np.finfo(F).tiny
    np.testing.assert_allclose(dequantize(q), x, rtol=0.2)
    same = quantize(x, fmt, global_scale=q.global_scale)
    np.testing.assert_array_equal(same.codes, q.codes)
    np.testing.assert_array_equal(same.scales, q.scales)


def test_given_amax_and_global_scale():
    x = tie_rich(50)
    q = quantize(x, "nvfp4")
    known = quantize(x, "nvfp4", amax=np.abs(x).max())
    given = quantize(x, "nvfp4", global_scale=np.float32(0.01))
    assert known.global_scale == q.global_scale
    np.testing.assert_array_equal(known.codes, q.codes)
    assert given.global_scale == F(0.01)
    # Larger numbers than the amax saturate.
    assert dequantize(quantize(x, "nvfp4", amax=1.0)).max() == pytest.approx(1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"global_scale": 0.0}, "`global_scale` must be a normal float32 above 0, got 0.0"),
        ({"global_scale": -1.0}, "above 0"),
        ({"global_scale": 1e-40}, "normal"),
        ({"global_scale": np.nan}, "normal"),
        ({"amax": -1.0}, "`amax` must be 0 or more and finite"),
        ({"amax": np.inf}, "finite"),
        ({"amax": "a"}, "`amax` must be a number"),
        ({"amax": np.ones(3)}, r"`amax` must be a number or have shape \(\), got \(3,\)"),
        ({"amax": 1.0, "global_scale": 1.0}, "give one of them"),
        ({"four_over_six": "max"}, "`four_over_six` must be"),
        ({"scale": "floor"}, "`scale` must be"),
        ({"rule": "ggml"}, "`rule` does not apply to nvfp4"),
    ],
)
def test_bad_options_are_named(arguments, message):
    error = ShapeError if "shape" in message else ValueError
    with pytest.raises(error, match=message):
        quantize(GOLDEN, "nvfp4", **arguments)


def test_four_over_six_is_of_nvfp4_only():
    with pytest.raises(ValueError, match="applies to nvfp4 only"):
        quantize(GOLDEN, "nvint4", four_over_six="mse")


@pytest.mark.parametrize("fmt", FORMATS)
def test_threads_do_not_matter(fmt):
    x = np.random.default_rng(1).standard_normal((129, 48)).astype(F)
    one = quantize(x, fmt, threads=1)
    for threads in (2, 7):
        many = quantize(x, fmt, threads=threads)
        assert many.global_scale == one.global_scale
        np.testing.assert_array_equal(many.codes, one.codes)
        np.testing.assert_array_equal(many.scales, one.scales)
        np.testing.assert_array_equal(dequantize(many, threads=threads), dequantize(one, threads=1))
