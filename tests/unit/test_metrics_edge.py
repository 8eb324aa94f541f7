"""Latency and energy of reasoning on edge devices."""

import json

import numpy as np
import pytest

from _data import data
from paretoserve.errors import ShapeError
from paretoserve.metrics.edge import (
    ORIN_MODELS,
    EdgeModel,
    fit_edge_model,
    prefill_token_energy,
    ramp_energy,
    short_output_power,
)


@pytest.mark.parametrize(
    ("model", "request_tokens", "prefill", "decode", "total"),
    [
        ("r1-distill-llama-8b", (512, 512), 0.426670, 51.668696, 52.095366),
        ("r1-distill-llama-8b", (600, 1024), 0.561823, 103.581162, 104.142985),
        ("r1-distill-qwen-1.5b", (512, 512), 0.088151, 12.159358, 12.247509),
        ("r1-distill-qwen-14b", (512, 512), 0.783398, 95.959600, 96.742998),
    ],
)
def test_published_fits(model, request_tokens, prefill, decode, total):
    orin = ORIN_MODELS[model]
    assert orin.prefill(request_tokens[0]) == pytest.approx(prefill, abs=5e-7)
    assert orin.decode(*request_tokens) == pytest.approx(decode, abs=5e-7)
    assert orin.total(*request_tokens) == pytest.approx(total, abs=1.1e-6)
    assert decode / total > 0.99


def test_prompts_are_padded_to_whole_tiles():
    orin = ORIN_MODELS["r1-distill-llama-8b"]
    np.testing.assert_array_equal(orin.prefill([1, 127, 128]), [orin.prefill(128)] * 3)
    assert orin.prefill(129) == orin.prefill(256) > orin.prefill(128)
    assert EdgeModel(0, 1, 0, 0, 0, tile=1).prefill(77) == 77


def test_decode_is_the_sum_over_steps():
    orin = ORIN_MODELS["r1-distill-qwen-14b"]
    steps = sum(orin.m * (300 + step) + orin.n for step in range(40))
    assert orin.decode(300, 40) == pytest.approx(steps)
    assert orin.decode(300, 0) == 0
    assert orin.decode([[1], [2]], [3, 4, 5]).shape == (2, 3)


def test_a_fit_recovers_the_model_it_was_made_from():
    rng = np.random.default_rng(0)
    inputs, outputs = rng.integers(1, 4096, 40), rng.integers(1, 2048, 40)
    for orin in ORIN_MODELS.values():
        fitted = fit_edge_model(inputs, outputs, orin.prefill(inputs), orin.decode(inputs, outputs))
        np.testing.assert_allclose(fitted.total(inputs, outputs), orin.total(inputs, outputs), rtol=1e-9)
        assert (fitted.m, fitted.n) == (pytest.approx(orin.m, rel=1e-6), pytest.approx(orin.n, rel=1e-9))


def test_fits_that_rows_do_not_determine_are_refused():
    with pytest.raises(ValueError, match="`input_tokens` must take 3 different values"):
        fit_edge_model([100, 120, 300], [1, 2, 3], [1, 1, 1], [1, 1, 1])
    with pytest.raises(ValueError, match="`output_tokens` must take 2 different values"):
        fit_edge_model([100, 99, 98], [1, 3, 5], [1, 1, 1], [1, 1, 1], tile=1)
    with pytest.raises(ShapeError, match="`decode_s` must have 2 rows as `input_tokens`, got 1"):
        fit_edge_model([1, 2], [1, 2], [1, 1], [1])
    with pytest.raises(ValueError, match=r"`decode_s` .* got -1.0 in row 1"):
        fit_edge_model([1, 2], [1, 2], [1, 1], [1, -1])
    with pytest.raises(ValueError, match="`input_tokens` must be whole numbers"):
        ORIN_MODELS["r1-distill-qwen-14b"].prefill(1.5)


def test_energy_of_rising_power():
    assert ramp_energy(30, 8, 2, 10) == pytest.approx(284.1078, abs=5e-5)
    assert ramp_energy(30, 8, 2, 10) / 10 == pytest.approx(28.4108, abs=5e-5)
    assert ramp_energy(30, 8, 2, 0) == 0
    assert ramp_energy(30, 0, 2, 10) == 300
    time = np.linspace(0, 10, 100_001)
    assert ramp_energy(30, 8, 2, 10) == pytest.approx(np.trapezoid(30 - 8 * np.exp(-time / 2), time))
    assert ramp_energy(7, 8, 2, 0.1) == 0
    assert ramp_energy(7, 8, 2, 1) == pytest.approx(7 - 16 * (1 - np.exp(-0.5)))
    with pytest.raises(ValueError, match=r"`rise_s` .* above 0, got 0.0"):
        ramp_energy(7, 1, 0, 10)


def test_energy_of_the_measured_runs():
    runs = json.loads(data("perf/energy/edgereasoning_orin_decode_parameters.json").read_text())
    rows = [row for model, of_model in runs.items() if model != "_metadata" for row in of_model]
    # The authors use the ramp from 65 tokens on; shorter runs lack a fit, or one of few readings starts below 0 W.
    rows = [row for row in rows if row["output_tokens"] >= 65]
    assert len(rows) > 300
    got = ramp_energy(*np.array([[row[key] for row in rows] for key in ("P_inf", "delta_P", "tau", "decode_time")]))
    np.testing.assert_allclose(got, [row["decode_energy"] for row in rows], rtol=3e-3)


def test_power_of_short_outputs_and_energy_of_prompts():
    np.testing.assert_allclose(short_output_power([1, 64], 4, 6), [6, 6 + 4 * np.log(64)])
    assert short_output_power(1, 4, -6) == 0
    with pytest.raises(ValueError, match=r"`output_tokens` .* at most 64, got 65.0"):
        short_output_power(65, 4, 6)
    expected = 0.0731 * np.exp(-0.0319 * np.array([128, 128, 256])) + 0.0009
    np.testing.assert_allclose(prefill_token_energy([1, 128, 129], 0.0731, 0.0319, 0.0009), expected)
    assert prefill_token_energy(3, 1.0, 1.0, 0.0, tile=1) == pytest.approx(np.exp(-3))
    with pytest.raises(ValueError, match=r"`rate` .* got -1.0"):
        prefill_token_energy(3, 1, -1, 0)
