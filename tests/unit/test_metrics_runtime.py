"""Idealized and denoised runtime: the published rows, the rules between them, and the public logs where they are."""

import re

import numpy as np
import pytest

from _data import data
from paretoserve.errors import ShapeError
from paretoserve.metrics.runtime import (
    Runtime,
    accelerator_seconds,
    fit_denoised_runtime,
    fit_idealized_runtime,
    runtime_cost,
)

# 175 billion parameters on eight A100, a prompt of 512 tokens: output tokens and seconds.
OUTPUTS = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64]
SECONDS = [0.179, 0.261, 0.424, 0.749, 1.076, 1.403, 2.054, 2.703, 4.013, 5.326]
DAVINCI = Runtime(0.081, [1, 512, 1024], [0.087, 0.179, 0.324])

# Seconds per token and of prompts of 1, 512 and 1,024 tokens, by log.
PUBLISHED = {
    "openai_davinci": (0.08142, 0.087, 0.179, 0.324),
    "ai21_j1_large": (0.02374, 0.026, 0.047, 0.089),
    "gptj_6b": (0.02102, 0.023, 0.042, 0.077),
    "bloom": (0.06122, 0.068, 0.192, 0.347),
    "anthropic": (0.05366, 0.057, 0.107, 0.189),
    "ai21_j1_grande": (0.03820, 0.041, 0.098, 0.192),
    "ai21_j1_jumbo": (0.06435, 0.070, 0.165, 0.307),
    "yalm": (0.06848, 0.072, 0.284, 0.527),
}


@pytest.mark.parametrize("model", PUBLISHED)
def test_the_public_logs_give_the_published_numbers(model):
    text = data(f"runtime/a100/{model}.log").read_text()
    line = r"Runtime for \{'num_input_tokens': (\d+), 'num_output_tokens': (\d+)\}: (\S+) seconds"
    rows = np.array(re.findall(line, text), dtype=float)
    assert len(rows) == 270
    runtime = fit_idealized_runtime(*rows.T)
    slope, *prompts = PUBLISHED[model]
    assert runtime.seconds_per_token == pytest.approx(slope, abs=5e-6)
    np.testing.assert_allclose(runtime.prompt([1, 512, 1024]), prompts, atol=1e-3)


def test_the_slope_of_the_published_rows():
    runtime = fit_idealized_runtime([512] * 10, OUTPUTS, SECONDS)
    assert runtime.seconds_per_token == pytest.approx(np.polyfit(OUTPUTS, SECONDS, 1)[0])
    assert runtime.seconds_per_token == pytest.approx(0.0816, abs=5e-5)
    assert runtime.prompt(512) == 0.179
    np.testing.assert_allclose(runtime.predict(512, OUTPUTS), SECONDS, atol=0.012)


def test_predictions_of_the_published_fit():
    assert DAVINCI.predict(512, 64) == pytest.approx(5.282)
    assert accelerator_seconds(DAVINCI.predict(512, 64), 8) == pytest.approx(42.256)
    assert 100 * runtime_cost(5.282, 8, usd_per_hour=4.096) == pytest.approx(4.808, abs=5e-4)
    assert DAVINCI.predict(600, 32) == pytest.approx(2.7008, abs=5e-5)
    assert DAVINCI.predict(512, 0) == DAVINCI.predict(512, 1) == 0.179


def test_between_profiled_prompts():
    bucket, line = (
        DAVINCI.prompt([512, 513, 768, 1024, 2048]),
        DAVINCI.prompt([512, 513, 768, 1024, 2048], interpolation="linear"),
    )
    np.testing.assert_allclose(bucket, [0.179, 0.324 * 513 / 1024, 0.243, 0.324, 0.648])
    np.testing.assert_allclose(line, [0.179, 0.179 + 0.145 / 512, 0.2515, 0.324, 0.648])
    assert bucket[1] < bucket[0], "the rule of buckets jumps at profiled lengths"
    short = Runtime(0.1, [100], [1.0])
    assert short.prompt(50) == short.prompt(50, interpolation="linear") == 0.5


def test_repeated_rows_are_averaged_or_their_shortest_counts():
    prompts, outputs, seconds = [1, 1, 1, 1, 1], [1, 1, 11, 11, 11], [0.3, 0.5, 1.3, 1.9, 1.5]
    assert fit_idealized_runtime(prompts, outputs, seconds).prompt(1) == pytest.approx(0.4)
    assert fit_idealized_runtime(prompts, outputs, seconds).seconds_per_token == pytest.approx((4.7 / 3 - 0.4) / 10)
    denoised = fit_denoised_runtime(prompts, outputs, seconds)
    assert denoised.seconds_per_token == pytest.approx(0.1)
    assert denoised.prompt(1) == pytest.approx(denoised.seconds_per_token), "as in every published table"
    assert denoised.overhead == pytest.approx(0.2)
    assert denoised.predict(1, 11) == pytest.approx(1.3)


def test_the_overhead_may_be_given():
    rows = ([512, 512, 1024], [1, 11, 1], [0.5, 1.5, 0.7])
    with pytest.raises(ValueError, match="`overhead` must be given where no prompt has 1 token"):
        fit_denoised_runtime(*rows)
    runtime = fit_denoised_runtime(*rows, overhead=0.2)
    assert (runtime.predict(512, 1), runtime.prompt(2048)) == (pytest.approx(0.5), pytest.approx(1.0))
    with pytest.raises(
        ValueError, match=r"`overhead` must be at most the time of each prompt, got 0.6 and 0.5 s of 512"
    ):
        fit_denoised_runtime(*rows, overhead=0.6)
    with pytest.raises(ValueError, match="`overhead` must be finite numbers of at least 0"):
        fit_denoised_runtime(*rows, overhead=-1)


def test_a_prompt_without_one_output_token_uses_its_own_line():
    prompts, outputs, seconds = [1, 1, 512, 512, 1024, 1024], [1, 11, 3, 5, 2, 3], [0.2, 1.2, 0.7, 0.9, 0.1, 0.2]
    runtime = fit_idealized_runtime(prompts, outputs, seconds)
    assert runtime.prompt(512) == pytest.approx(0.5)
    assert runtime.prompt(1024) == pytest.approx(0.2), "not below the shortest prompt"
    with pytest.raises(ValueError, match=r"`output_tokens` must hold 1, or two numbers, .* got 3 for 512"):
        fit_idealized_runtime([1, 1, 512], [1, 2, 3], [0.1, 0.2, 0.3])


def test_rows_in_any_order():
    rng = np.random.default_rng(1)
    prompts, outputs = (grid.ravel() for grid in np.meshgrid([1, 64, 512], [1, 2, 8, 32]))
    seconds = 0.01 + prompts / 4000 + 0.03 * (outputs - 1)
    order = rng.permutation(len(prompts))
    runtime = fit_idealized_runtime(prompts[order], outputs[order], seconds[order])
    assert runtime.seconds_per_token == pytest.approx(0.03)
    np.testing.assert_allclose(runtime.predict(prompts, outputs), seconds)


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        (([1, 1], [1, 2], [0.5, 0.1]), ValueError, "`seconds` must not fall with `output_tokens`"),
        (([1, 1], [1, 1], [0.5, 0.1]), ValueError, "`output_tokens` must be above 1 in a row or more"),
        (([1, 1], [1, 2.5], [0.5, 0.1]), ValueError, "`output_tokens` must be whole numbers, got 2.5 in row 1"),
        (([1, 1], [0, 2], [0.5, 0.1]), ValueError, r"`output_tokens` .* got 0.0 in row 0"),
        (([1, 1], [1, 2], [0.5, np.nan]), ValueError, r"`seconds` .* got nan in row 1"),
        (([1, 1], [1, 2, 3], [0.5, 0.6]), ShapeError, "must have one length, got 2, 3 and 2"),
        (([], [], []), ShapeError, "`prompt_tokens` must have 1 dimensions and not be empty"),
    ],
)
def test_bad_logs_are_refused(rows, error, message):
    with pytest.raises(error, match=message):
        fit_idealized_runtime(*rows)


def test_bad_tables_are_refused():
    with pytest.raises(ValueError, match="`prompt_tokens` must rise"):
        Runtime(0.1, [2, 1], [0.1, 0.2])
    with pytest.raises(ShapeError, match=r"`prompt_seconds` must have shape \(2,\)"):
        Runtime(0.1, [1, 2], [0.1])
    with pytest.raises(ValueError, match="`seconds_per_token`"):
        Runtime(-0.1, [1], [0.1])
    with pytest.raises(ValueError, match="`interpolation` must be one of"):
        DAVINCI.prompt(5, interpolation="cubic")
    with pytest.raises(ValueError, match=r"`prompt_tokens` .* got 0.0"):
        DAVINCI.predict(0, 1)
