"""Votes and searches: against enumeration, simulation and the papers' numbers."""

import itertools
import math

import numpy as np
import pytest

from paretoserve.errors import ShapeError
from paretoserve.metrics.test_time.search import fit_power_law, split_width_depth
from paretoserve.metrics.test_time.voting import (
    majority_vote_accuracy,
    plurality_vote_accuracy,
    vote_weights,
    weighted_vote,
)


def test_majorities():
    votes = [1, 3, 5, 9]
    assert majority_vote_accuracy(0.6, votes) == pytest.approx([0.6, 0.648, 0.68256, 0.73343], abs=5e-6)
    assert majority_vote_accuracy(0.4, votes) == pytest.approx([0.4, 0.352, 0.31744, 0.26657], abs=5e-6)
    assert majority_vote_accuracy([0, 0.5, 1], 10_000) == pytest.approx([0, 0.5, 1])
    assert majority_vote_accuracy(0.5, 2, ties="fail") == pytest.approx(0.25)


def test_more_votes_help_above_a_half_only():
    odd = np.arange(1, 200, 2)
    assert (np.diff(majority_vote_accuracy(0.55, odd)) > 0).all()
    assert (np.diff(majority_vote_accuracy(0.45, odd)) < 0).all()
    # A vote more never pays for itself while accuracy grows less than the number of votes.
    assert (majority_vote_accuracy(0.7, odd[1:]) / odd[1:] < 0.7).all()


def by_enumeration(probabilities, votes, ties):
    total = 0.0
    for ballot in itertools.product(range(len(probabilities)), repeat=votes):
        chance = math.prod(probabilities[answer] for answer in ballot)
        counts = [ballot.count(answer) for answer in range(len(probabilities))]
        best = [answer for answer, count in enumerate(counts) if count == max(counts)]
        if ties == "first":
            total += chance * (next(answer for answer in ballot if answer in best) == 0)
        elif ties == "random":
            total += chance * (0 in best) / len(best)
        else:
            total += chance * (best == [0])
    return total


@pytest.mark.parametrize("ties", ["random", "first", "fail"])
@pytest.mark.parametrize(
    "probabilities", [[0.4, 0.6], [0.5, 0.3, 0.2], [0.1, 0.0, 0.2, 0.7], [0.25] * 4, [1.0, 0], [0, 1]]
)
def test_pluralities_are_those_of_all_ballots(probabilities, ties):
    for votes in range(1, 7):
        found = plurality_vote_accuracy(probabilities, votes, ties=ties)
        assert found == pytest.approx(by_enumeration(probabilities, votes, ties), abs=1e-12)


def test_two_answers_are_a_majority_and_many_votes_find_the_mode():
    for votes in (1, 2, 9, 50):
        for ties in ("random", "fail"):
            pair = plurality_vote_accuracy([0.55, 0.45], votes, ties=ties)
            assert pair == pytest.approx(majority_vote_accuracy(0.55, votes, ties=ties), abs=1e-12)
    assert plurality_vote_accuracy([0.3, 0.1, *[0.06] * 10], 200) > 0.999
    assert plurality_vote_accuracy([1 / 3] * 3, 200) == pytest.approx(1 / 3)


def test_weights_prefer_short_and_sure_answers():
    weights = vote_weights([100, 400, 100, 50], [0, 0, 1, 0])
    assert weights.tolist() == [0.5, 0.125, 0.25, 1]
    assert vote_weights([1, 2], [0, 3], length_power=0, hedge_power=0).tolist() == [1, 1]


def test_weighted_votes():
    answers = ["a", "b", "b", "c"]
    assert weighted_vote(answers) == "b"
    assert weighted_vote(answers, [3, 1, 1, 2.5]) == "a"
    assert weighted_vote(["a", "b"]) == "a"
    assert weighted_vote(["a", "b"], ties="fail") is None
    # Sums that differ in the last digit only are equal.
    assert weighted_vote(["a", "b", "b", "b"], [0.3, 0.1, 0.1, 0.1], ties="fail") is None
    lots = {weighted_vote(["a", "b"], ties="random", seed=seed) for seed in range(20)}
    assert lots == {"a", "b"}
    assert len({weighted_vote(["a", "b"], ties="random", seed=3) for _ in range(5)}) == 1


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: majority_vote_accuracy(1.1, 3), ValueError, "`success`"),
        (lambda: majority_vote_accuracy(0.5, [3, 0]), ValueError, "`votes` .* row 1"),
        (lambda: majority_vote_accuracy(0.5, 2, ties="wrong"), ValueError, "`ties` must be one of random, first, fail"),
        (lambda: plurality_vote_accuracy([0.5, 0.6], 3), ValueError, "`probabilities` must sum to 1, got 1.1"),
        (lambda: plurality_vote_accuracy([], 3), ShapeError, "`probabilities`"),
        (lambda: plurality_vote_accuracy([1.0], 201), ValueError, "`votes`"),
        (lambda: vote_weights([0, 1]), ValueError, "`tokens` must be finite numbers above 0"),
        (lambda: vote_weights([1, 1], [0, 1, 2]), ShapeError, "must broadcast"),
        (lambda: weighted_vote([]), ShapeError, "`answers`"),
        (lambda: weighted_vote(["a"], [0]), ValueError, "`weights` must not all be 0"),
        (lambda: weighted_vote(["a"], [1, 2]), ShapeError, "`weights` must have one weight per answer, 1, got 2"),
    ],
)
def test_bad_input_of_votes(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_power_laws_are_found_again():
    x = np.arange(1, 200)
    law = fit_power_law(x, 7 / x)
    assert (law.exponent, law.coefficient, law.r_squared) == pytest.approx((-1, 7, 1), abs=1e-12)
    noisy = 3 * x**-0.7 * np.exp(np.random.default_rng(0).normal(0, 0.1, len(x)))
    law = fit_power_law(x, noisy)
    line = np.polyfit(np.log(x), np.log(noisy), 1)
    assert (law.exponent, math.log(law.coefficient)) == pytest.approx(tuple(line))
    assert law.r_squared == pytest.approx(np.corrcoef(np.log(x), np.log(noisy))[0, 1] ** 2)
    assert fit_power_law([1, 2], [5, 5]).exponent == 0


def test_splits_are_those_of_a_simulation():
    splits = split_width_depth(
        24, widths=[1, 3, 5], frequency=1.5, frequency_power=0.8, magnitude=2, magnitude_power=0.5
    )
    assert splits.depth.tolist() == [24, 8, 4]
    random = np.random.default_rng(0)
    gains = np.concatenate([[0], np.cumsum(2 / np.arange(1, 25) ** 0.5)])
    for width, depth, gain in zip(splits.width, splits.depth, splits.gain, strict=True):
        chance = np.minimum(1, 1.5 / np.arange(1, depth + 1) ** 0.8)
        counts = (random.random((20_000, width, depth)) < chance).sum(axis=2)
        assert gains[counts.max(axis=1)].mean() == pytest.approx(gain, abs=0.03)


def test_extremes_of_splits():
    splits = split_width_depth(12)
    assert splits.width.tolist() == [1, 2, 3, 4, 6, 12]
    assert splits.gain[-1] == pytest.approx(1)
    sure = split_width_depth(12, frequency_power=0)
    assert sure.gain == pytest.approx([sum(1 / j for j in range(1, depth + 1)) for depth in sure.depth])
    assert sure.best == 0
    assert split_width_depth(5, frequency=0).gain.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: fit_power_law([1, 0], [1, 1]), ValueError, "`x` .* row 1"),
        (lambda: fit_power_law([1, 2], [1, -1]), ValueError, "`y`"),
        (lambda: fit_power_law([2, 2], [1, 1]), ValueError, "`x` must have two different values"),
        (lambda: fit_power_law([1, 2], [1, 2, 3]), ShapeError, "one length"),
        (lambda: split_width_depth(0), ValueError, "`budget`"),
        (lambda: split_width_depth(4, widths=[5]), ValueError, "`widths`"),
        (lambda: split_width_depth(4, frequency=-1), ValueError, "`frequency`"),
    ],
)
def test_bad_input_of_searches(call, error, words):
    with pytest.raises(error, match=words):
        call()
