"""Block formats at the ends of float32, where scales or results leave it."""

import numpy as np
import pytest

from paretoserve import quant

TOP = 2.0**127


@pytest.mark.parametrize("scale", ["rceil", "ceil", "even"])
@pytest.mark.parametrize(
    ("fmt", "least"),
    [("mxfp4", 1.75), ("mxfp8", 1.9375), ("mxfp8_e5m2", 1.875), ("mxfp6", 1.9375), ("mxfp6_e2m3", 1.9375)],
)
def test_what_rounds_to_2_to_the_128_decodes_to_infinity(fmt, least, scale):
    x = np.full((2, 32), least * TOP, np.float32)
    x[0] = np.nextafter(x[1], np.float32(0))
    decoded = quant.dequantize(quant.quantize(x, fmt, scale=scale))
    assert np.isfinite(decoded[0]).all()
    assert np.isinf(decoded[1]).all()


@pytest.mark.parametrize("fmt", ["mxfp4", "mxfp8", "mxfp8_e5m2", "mxfp6", "mxfp6_e2m3", "mxint8", "mxint6", "mxint4"])
def test_scales_by_floor_and_integers_saturate_instead(fmt):
    x = np.full((1, 32), np.finfo(np.float32).max, np.float32)
    scales = ["floor"] if fmt.startswith("mxfp") else ["rceil", "floor", "ceil", "even"]
    for scale in scales:
        decoded = quant.dequantize(quant.quantize(x, fmt, scale=scale))
        assert np.isfinite(decoded).all()
        assert (decoded >= 1.5 * TOP).all()


def test_nvfp4_keeps_its_precision_down_to_1e_37():
    x = np.random.default_rng(0).standard_normal((16, 256))
    x /= np.abs(x).max()

    def qsnr(amax):
        small = (x * amax).astype(np.float32)
        return quant.qsnr(x, quant.dequantize(quant.quantize(small, "nvfp4")).astype(np.float64) / amax)

    usual = qsnr(1.0)
    assert qsnr(1e-37) == pytest.approx(usual, abs=0.2)
    assert qsnr(2e-38) < usual - 5
    assert quant.quantize(np.full((1, 16), 1e-40, np.float32), "nvfp4").global_scale == np.finfo(np.float32).tiny
