"""Predicted lengths: what is learned, coverage under drift, fallback to coarser keys, errors as they are reported."""

import math

import numpy as np
import pytest

from paretoserve import sched
from paretoserve.errors import PolicyError
from paretoserve.sched._lengths import EDGES, Lengths


def request(tenant=0, prompt=100, model="m"):
    return {"model": model, "tenant": tenant, "prompt_tokens": prompt}


def learned(outputs, **options):
    estimator = sched.LengthEstimator(**options)
    for output in outputs:
        estimator.observe(request(), int(output))
    return estimator


def test_quantiles_of_the_histogram_are_near_those_of_the_samples():
    generator = np.random.default_rng(0)
    for samples in (generator.integers(1, 9, 500), np.ceil(generator.lognormal(5, 1.5, 5000)), np.full(9, 2**32 - 1)):
        lengths = Lengths()
        for sample in samples.astype(np.int64).tolist():
            lengths.add(sample)
        for level in (0.0, 0.05, 0.5, 0.9, 0.99, 1.0):
            exact = np.quantile(samples, level, method="inverted_cdf")
            assert exact / 1.07 - 1 <= lengths.quantile(level) <= exact * 1.07 + 1
    assert np.diff(EDGES).min() == 1
    assert (EDGES[1:] / EDGES[:-1])[40:].max() < 1.07


def test_the_finest_key_that_has_seen_enough_is_used():
    estimator = sched.LengthEstimator(min_samples=5)
    assert estimator.predict(request()).terms() == {}
    estimator.observe(request(tenant=1, prompt=100), 50)
    assert estimator.predict(request(tenant=9, model="other")).expected_output_tokens == pytest.approx(50, abs=2)
    for _ in range(5):
        estimator.observe(request(tenant=1, prompt=100), 50)
        estimator.observe(request(tenant=2, prompt=3000), 900)
    keys = {
        (1, 127): ("m", 1, 6),
        (1, 128): ("m", 1),
        (2, 3000): ("m", 2, 11),
        (3, 3000): ("m",),
    }
    for (tenant, prompt), key in keys.items():
        assert estimator.predict(request(tenant, prompt)).key == key
    assert estimator.predict(request(model="other")).key == ()
    assert estimator.predict({"model": "m"}).key == ("m",)
    assert estimator.predict({"tenant": 1}).key == ()


def test_old_outputs_are_forgotten():
    estimator = learned([1000] * 500 + [10] * 150, half_life=50)
    assert estimator.predict(request()).expected_output_tokens == pytest.approx(10, abs=1)


def test_coverage_holds_when_the_traffic_changes():
    generator = np.random.default_rng(2)
    outputs = np.concatenate([np.ceil(generator.lognormal(mean, 1, 2000)) for mean in (4, 6, 5)])
    report = learned(outputs, quantiles=(0.1, 0.5, 0.9, 0.95)).report()
    for level, coverage in report["coverage"].items():
        assert coverage == pytest.approx(level, abs=0.03)


def test_the_report_measures_error_against_always_the_median():
    generator = np.random.default_rng(3)
    estimator = sched.LengthEstimator()
    for _ in range(3000):
        tenant = int(generator.integers(0, 2))
        estimator.observe(request(tenant), int(np.ceil(generator.lognormal((3, 6)[tenant], 0.3))))
    report = estimator.report()
    assert report["num_observed"] + report["num_unknown"] == 3000
    assert report["num_unknown"] == 1
    assert report["mean_abs_error_tokens"] < 0.6 * report["mean_abs_error_of_median_tokens"]
    assert 1.15 < report["median_ratio"] < 1.35
    assert report["ordered_right"] > 0.7
    assert abs(report["mean_log2_ratio"]) < 0.05
    assert report["num_keys"] == 6


def test_an_output_is_judged_by_what_was_predicted_before_it():
    estimator = learned([100] * 30)
    early = estimator.predict(request())
    for _ in range(200):
        estimator.observe(request(), 800, prediction=sched.LengthPrediction(None))
    before = estimator.report()
    estimator.observe(request(), 800, prediction=early)
    after = estimator.report()
    worse = (
        after["mean_abs_error_tokens"] * after["num_observed"]
        - before["mean_abs_error_tokens"] * before["num_observed"]
    )
    assert worse == pytest.approx(800 - early.expected_output_tokens)


def test_keys_are_bounded():
    estimator = sched.LengthEstimator(max_keys=10)
    for tenant in range(1000):
        estimator.observe(request(tenant), 10)
    assert estimator.report()["num_keys"] == 10
    assert estimator.predict(request(999, 5)).key == ("m",)


def test_the_same_calls_give_the_same_predictions():
    outputs = np.random.default_rng(5).integers(1, 500, 300)
    assert learned(outputs).predict(request()) == learned(outputs).predict(request())
    assert learned(outputs).report() == learned(outputs).report()


@pytest.mark.parametrize(
    ("answer", "expected", "terms_range"),
    [
        (7, 7, None),
        (0.2, 1, None),
        (np.float32(9.6), 10, None),
        ((10, 1000), 100, (10, 1000)),
        ([5, 6, 7, 8, 100], 7, (5, 100)),
        (np.arange(1, 101), 50, (10, 90)),
        (sched.LengthPrediction(5), 5, None),
    ],
)
def test_answers_of_a_users_predictor(answer, expected, terms_range):
    prediction = sched.UserPredictor(lambda request: answer).predict(request())
    terms = {"expected_output_tokens": expected}
    assert prediction.terms() == (terms if terms_range is None else {**terms, "output_range": terms_range})
    sched.Scheduler("srpt").submit(1, 0, prompt_tokens=100, **prediction.terms())


@pytest.mark.parametrize(
    "answer", [math.nan, -1, math.inf, 2**33, "7", True, (5, 3), (1, math.nan), [], [math.nan], [[1, 2]], object()]
)
def test_nonsense_of_a_users_predictor_is_refused(answer):
    with pytest.raises(PolicyError, match="a predictor must return"):
        sched.UserPredictor(lambda request: answer).predict(request())


def test_a_users_predictor_that_raises_is_named():
    predictor = sched.UserPredictor(lambda request: request["no such key"])
    with pytest.raises(PolicyError, match="the predictor raised KeyError"):
        predictor.predict(request())
    with pytest.raises(TypeError, match="`function` must be callable"):
        sched.UserPredictor(5)


def test_unknown_answers_are_counted():
    predictor = sched.UserPredictor(lambda request: None)
    predictor.observe(request(), 5)
    report = predictor.report()
    assert (report["num_observed"], report["num_unknown"], report["median_ratio"]) == (0, 1, None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quantiles": (0.1, 0.9)}, "`quantiles` must rise"),
        ({"quantiles": (0.5, 0.1)}, "`quantiles` must rise"),
        ({"quantiles": (0.5, 1.0)}, "`quantiles` must rise"),
        ({"quantiles": (0.5, math.nan)}, "`quantiles` must rise"),
        ({"quantiles": ("a", 0.5)}, "`quantiles` must rise"),
        ({"half_life": 0}, "`half_life` must be an integer"),
        ({"min_samples": 0}, "`min_samples` must be an integer"),
        ({"max_keys": 0.5}, "`max_keys` must be an integer"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        sched.LengthEstimator(**options)


def test_bad_observations_are_refused():
    estimator = sched.LengthEstimator()
    for output in (0, -3, 1.5, math.nan, 2**32):
        with pytest.raises(ValueError, match="`output_tokens` must be an integer"):
            estimator.observe(request(), output)
    with pytest.raises(ValueError, match="`prompt_tokens` must be an integer"):
        estimator.observe(request(prompt=0), 5)
    with pytest.raises(TypeError, match="`request` must be a mapping"):
        estimator.predict("text")
    with pytest.raises(TypeError, match="`model` must be a name or a number"):
        estimator.predict({"model": ["m"], "prompt_tokens": 5})
    assert estimator.report()["num_observed"] == 0
