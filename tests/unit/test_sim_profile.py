"""The built-in profile: same seed, same trace, everywhere; and its statistics are those of the trace it came from."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fit_profile
from _data import data
from paretoserve.errors import UnknownNameError
from paretoserve.sim import PROFILES, load_trace
from paretoserve.sim.profile import generate, load_profile, sample

DIGESTS = {
    0: "c8c282de3567664b9f15009a42e17b2294038522e12b0b714e69ba283a07e7dc",
    1: "bf9d44c0f07f70232bd989335111cdb135efeca3dea1f37ff93850a9d77d1efe",
}


@pytest.fixture(scope="module")
def real():
    return load_trace(data("traces/azure2023/AzureLLMInferenceTrace_conv.part1.csv.gz"))


@pytest.fixture(scope="module")
def drawn():
    return load_trace("azure-chat", limit=100_000, seed=3)


@pytest.mark.parametrize("seed", DIGESTS)
def test_a_seed_gives_the_same_trace_everywhere(seed):
    assert load_trace("azure-chat", seed=seed).digest() == DIGESTS[seed]


def test_threads_give_the_same_trace():
    with ThreadPoolExecutor(4) as pool:
        digests = list(pool.map(lambda _: load_trace("azure-chat", seed=0).digest(), range(8)))
    assert set(digests) == {DIGESTS[0]}


def test_default_is_ten_minutes():
    trace = load_trace("azure-chat")
    assert 590 < trace.duration_s < 600
    assert trace.name == "azure-chat"
    assert trace.arrival_ns[0] == 0


@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_limit_is_exact_and_lengths_do_not_depend_on_it(limit):
    trace = load_trace("azure-chat", limit=limit)
    assert trace.num_requests == limit
    assert trace.prompt_tokens.tolist() == load_trace("azure-chat").prompt_tokens[:limit].tolist()


def test_duration_and_limit_end_at_the_earlier():
    assert load_trace("azure-chat", limit=50, duration_s=600).num_requests == 50
    short = load_trace("azure-chat", limit=10**6, duration_s=20)
    assert short.duration_s < 20
    assert short.digest() == load_trace("azure-chat", duration_s=20).digest()
    assert load_trace("azure-chat", duration_s=1e-9).num_requests == 1


@pytest.mark.parametrize("duration_s", [60, 600, 2353, 10_000])
def test_every_length_has_the_mean_rate(duration_s):
    rate = np.mean([load_trace("azure-chat", seed=s, duration_s=duration_s).requests_per_s for s in range(8)])
    assert rate == pytest.approx(5.918, rel=0.05)


def test_a_prefix_is_representative():
    trace = load_trace("azure-chat", limit=20_000)
    for n in (2_000, 5_000, 10_000):
        assert trace.head(n).requests_per_s == pytest.approx(5.918, rel=0.16)


@pytest.mark.parametrize("field", ["prompt_tokens", "output_tokens"])
@pytest.mark.parametrize("percent", [10, 25, 50, 75, 90, 95, 99])
def test_length_quantiles_match_the_trace(real, drawn, field, percent):
    expected = np.percentile(getattr(real, field), percent)
    assert np.percentile(getattr(drawn, field), percent) == pytest.approx(expected, rel=0.03, abs=1)


def test_rate_burstiness_means_and_correlation_match_the_trace(real, drawn):
    expected, got = real.summary(), drawn.summary()
    assert got["requests_per_s"] == pytest.approx(expected["requests_per_s"], rel=0.02)
    assert got["interarrival_cv"] == pytest.approx(expected["interarrival_cv"], rel=0.03)
    assert got["prompt_tokens"]["mean"] == pytest.approx(expected["prompt_tokens"]["mean"], rel=0.01)
    assert got["output_tokens"]["mean"] == pytest.approx(expected["output_tokens"]["mean"], rel=0.01)
    assert got["length_correlation"] == pytest.approx(expected["length_correlation"], abs=0.02)


def test_outputs_depend_on_the_prompt_as_in_the_trace(real, drawn):
    edges = np.quantile(real.prompt_tokens, np.linspace(0, 1, 9))
    for low, high in itertools.pairwise(edges):
        expected, got = (
            np.median(t.output_tokens[(t.prompt_tokens > low) & (t.prompt_tokens <= high)]) for t in (real, drawn)
        )
        assert got == pytest.approx(expected, rel=0.05)


def test_profile_is_what_the_script_derives(real):
    fitted, shipped = fit_profile.fit(real, "azure-chat"), load_profile("azure-chat")
    assert fitted.segment_counts.tolist() == shipped.segment_counts.tolist()
    for field in ("prompt_quantiles", "output_quantiles"):
        assert np.abs(getattr(fitted, field) - getattr(shipped, field)).max() <= 1
    assert np.allclose(fitted.gap_quantiles, shipped.gap_quantiles, rtol=1e-5, atol=2)
    assert sample(fitted, limit=10).num_requests == 10


def test_profile_is_small_and_cites_its_source():
    about = load_profile("azure-chat").about
    assert "Splitwise" in about["citation"]
    assert about["license"] == "CC-BY 4.0"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "`seed`"),
        ({"limit": 0}, "`limit`"),
        ({"limit": 10**12}, "at most 100000000"),
        ({"duration_s": 0}, "`duration_s`"),
        ({"duration_s": float("nan")}, "`duration_s`"),
        ({"duration_s": 8e9}, "at most 100000000"),
        ({"format": "azure"}, "`format` is for files"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        load_trace("azure-chat", **options)


def test_unknown_profiles_are_refused_with_close_names():
    with pytest.raises(UnknownNameError, match="did you mean `azure-chat`"):
        load_trace("azure_chat")
    with pytest.raises(UnknownNameError, match="known: azure-chat"):
        load_trace("zzz")
    with pytest.raises(UnknownNameError, match="azure-chat"):
        generate("zzz")
    assert "azure-chat" in PROFILES
