"""`qsnr` and `crest_factor` against one line of numpy; `theory_qsnr` and `crossover` against the published numbers."""

import math

import ml_dtypes
import numpy as np
import pytest

from paretoserve import quant
from paretoserve.errors import DtypeError, ShapeError, UnknownNameError

FORMATS = ["mxint8", "mxfp8", "mxint6", "mxfp6", "mxint4", "mxfp4", "nvint4", "nvfp4"]
# Recomputed from the formulas of arXiv:2510.25602, as its authors plot them.
THEORY = {
    1: [49.42, 31.86, 37.38, 31.82, 25.34, 19.73, 28.71, 20.07],
    2: [43.40, 31.86, 31.36, 31.52, 19.32, 19.18, 22.69, 20.76],
    3: [39.88, 31.86, 27.84, 30.81, 15.80, 18.01, 19.17, 21.88],
    4: [37.38, 31.86, 25.34, 29.76, 13.30, 16.47, 16.67, 22.79],
    6: [33.86, 31.86, 21.82, 27.22, 9.78, 13.39, 13.15, 17.91],
    8: [31.36, 31.86, 19.32, 24.85, 7.28, 10.90, 10.65, 14.68],
    12: [27.83, 31.86, 15.79, 21.28, 3.75, 7.45, 7.13, 10.59],
}
CROSSOVERS = [
    ("mxint8", "mxfp8", 7.55, 31.86),
    ("mxint6", "mxfp6_e2m3", 1.96, 31.54),
    ("mxint6", "mxfp6_e3m2", 3.77, 25.84),
    ("mxint4", "mxfp4", 2.04, 19.14),
    ("nvint4", "nvfp4", 2.39, 21.14),
]
DTYPES = [np.float64, np.float32, np.float16, ml_dtypes.bfloat16]


def gaussian(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def plain_qsnr(x, xq):
    x, xq = np.float64(x), np.float64(xq)
    return 10 * np.log10((x**2).sum() / ((x - xq) ** 2).sum())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("decoded", DTYPES)
def test_qsnr_is_that_of_numpy_for_every_pair_of_dtypes(dtype, decoded):
    x = gaussian(37, 411).astype(dtype)
    xq = (np.float32(x).round(1) + 1e-3).astype(decoded)
    assert quant.qsnr(x, xq) == pytest.approx(plain_qsnr(x, xq), rel=1e-12)


def test_qsnr_has_the_same_bits_on_any_threads_and_for_strided_input():
    x = gaussian(300, 4001)
    xq = x.round(1)
    results = {quant.qsnr(x, xq, threads=threads) for threads in (None, 1, 2, 3, 8)}
    results.add(quant.qsnr(np.asfortranarray(x), np.repeat(xq, 2, axis=1)[:, ::2]))
    assert len(results) == 1


def test_qsnr_takes_torch_tensors():
    torch = pytest.importorskip("torch")
    x = torch.from_numpy(gaussian(8, 64))
    half = x.to(torch.bfloat16)
    expected = plain_qsnr(x.numpy(), half.float().numpy())
    assert quant.qsnr(x, half) == pytest.approx(expected, rel=1e-12)
    assert quant.qsnr(x.double(), half.double()) == pytest.approx(expected, rel=1e-12)


def test_qsnr_of_equal_and_of_zero_tensors_is_infinite():
    x = np.array([1, 2], dtype=np.float32)
    assert quant.qsnr(x, x.copy()) == math.inf
    assert quant.qsnr(x * 0, x) == -math.inf
    assert quant.qsnr(x * 0, x * 0) == math.inf


@pytest.mark.parametrize(
    ("x", "xq", "error", "words"),
    [
        (np.zeros(3, "f4"), np.zeros(4, "f4"), ShapeError, r"shape of `x`, \(3,\), got \(4,\)"),
        (np.zeros((0, 3), "f4"), np.zeros((0, 3), "f4"), ShapeError, "at least one element"),
        (np.array([1, np.nan], "f4"), np.zeros(2, "f4"), ValueError, "`x` must be finite, got nan at flat index 1"),
        (np.ones(2, "f4"), np.array([np.inf, 0], "f2"), ValueError, "`xq` must be finite, got inf at flat index 0"),
        (np.array([1e200]), np.array([1.0]), ValueError, "do not fit float64"),
        (np.ones(2, "i4"), np.ones(2, "i4"), DtypeError, "got int32"),
        (np.ma.masked_array(np.ones(2), [0, 1]), np.ones(2), DtypeError, "behind a mask"),
    ],
)
def test_qsnr_refuses_bad_input(x, xq, error, words):
    with pytest.raises(error, match=words):
        quant.qsnr(x, xq)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("block", [1, 16, 32, 100, -1])
def test_crest_factor_is_that_of_numpy(dtype, block):
    x = gaussian(20, 200).astype(dtype)
    found = quant.crest_factor(x, block)
    rows = np.float64(x)
    size = 200 if block == -1 else block
    blocks = [row[at : at + size] for row in rows for at in range(0, 200, size)]
    kappa = [np.abs(each).max() / np.sqrt((each**2).mean()) for each in blocks]
    expected = [np.mean(kappa), *np.quantile(kappa, [0.25, 0.5, 0.75]), np.max(kappa)]
    assert [found.mean, found.q1, found.median, found.q3, found.largest] == pytest.approx(expected, rel=1e-12)
    assert (found.num_blocks, found.num_zero_blocks) == (len(blocks), 0)
    assert quant.crest_factor(x, block, threads=3) == found


def test_crest_factor_of_gaussians_is_that_of_the_paper():
    x = gaussian(1000, 3200)
    assert quant.crest_factor(x, 32).mean == pytest.approx(2.368, abs=0.005)
    assert quant.crest_factor(x, 16).mean == pytest.approx(2.111, abs=0.005)


def test_crest_factor_leaves_zero_blocks_out():
    x = np.zeros((2, 64), dtype=np.float32)
    x[0, :32] = 1
    found = quant.crest_factor(x)
    assert (found.mean, found.largest, found.num_blocks, found.num_zero_blocks) == (1, 1, 4, 3)


@pytest.mark.parametrize(
    ("x", "block", "error", "words"),
    [
        (np.zeros(32, "f4"), 32, ValueError, "zeros have no crest factor"),
        (np.array([1, np.inf], "f4"), 32, ValueError, "`x` must be finite, got inf at flat index 1"),
        (np.ones((3, 0), "f4"), 32, ShapeError, "at least one element"),
        (np.ones(4, "f4"), 0, ValueError, "`block` must be 1 or more, or -1"),
        (np.ones(4, "f4"), 2.0, DtypeError, "`block` must be a whole number"),
        (np.ones(4, "f4"), True, DtypeError, "`block` must be a whole number"),
        (np.ones(4, "c8"), 2, DtypeError, "got complex64"),
    ],
)
def test_crest_factor_refuses_bad_input(x, block, error, words):
    with pytest.raises(error, match=words):
        quant.crest_factor(x, block)


@pytest.mark.parametrize("kappa", THEORY)
def test_theory_gives_the_published_table(kappa):
    assert [quant.theory_qsnr(fmt, kappa) for fmt in FORMATS] == pytest.approx(THEORY[kappa], abs=0.01)


@pytest.mark.parametrize(("int_fmt", "fp_fmt", "kappa", "level"), CROSSOVERS)
def test_crossovers_are_those_of_the_paper(int_fmt, fp_fmt, kappa, level):
    found = quant.crossover(int_fmt, fp_fmt)
    assert found.kappa == pytest.approx(kappa, abs=0.01)
    assert found.qsnr == pytest.approx(level, abs=0.01)
    assert quant.theory_qsnr(fp_fmt, found.kappa) == pytest.approx(found.qsnr, abs=1e-9)


def test_the_overhead_of_the_scale_matters():
    kappa = 2.463
    both = [quant.theory_qsnr(fmt, kappa, rho=1.0) for fmt in ("nvint4", "nvfp4")]
    assert both == pytest.approx([21.31, 21.31], abs=0.02)
    assert quant.theory_qsnr("mxint8", 2, rho=1) - quant.theory_qsnr("mxint8", 2) == pytest.approx(3.52, abs=0.01)
    # 6.02 b + 10 log10(3) - 20 log10(kappa); the theorem rounds the second term up.
    by_bits = [quant.theory_qsnr(f"mxint{bits}", 3, rho=1.0) for bits in (4, 6, 8)]
    assert by_bits == pytest.approx([19.31, 31.35, 43.39], abs=0.01)
    assert quant.theory_qsnr("nvint4", 2, g=8) > quant.theory_qsnr("nvint4", 2)


def test_theory_refuses_what_it_does_not_cover():
    with pytest.raises(UnknownNameError, match="must be an MX format, nvfp4 or nvint4, got 'int4'"):
        quant.theory_qsnr("int4", 2)
    with pytest.raises(UnknownNameError, match="did you mean"):
        quant.crossover("mxint9", "mxfp8")
    for arguments in ({"kappa": 0.5}, {"kappa": math.nan}, {"kappa": 1e300}, {"kappa": 2, "rho": 0.9}):
        with pytest.raises(ValueError, match="must be between 1 and 1e6"):
            quant.theory_qsnr("mxfp4", **arguments)
    with pytest.raises(ValueError, match="`g` must be between 2"):
        quant.theory_qsnr("nvfp4", 2, g=1)
    with pytest.raises(ValueError, match="do not cross"):
        quant.crossover("mxint4", "mxfp8")
