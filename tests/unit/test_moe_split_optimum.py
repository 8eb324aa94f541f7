"""Split beside linear programs: 1,000 random placements, few tokens and many, equal and unequal ranks."""

import numpy as np
import pytest

from _expert_splits import optima, repaired, zipf
from paretoserve import moe

SIZES = [(16, 24, 4), (32, 40, 8), (64, 80, 8), (64, 128, 16), (256, 288, 32)]
"""Experts, slots, ranks."""


def case(generator, size, tokens, *, equal):
    experts, slots, ranks = size
    count = zipf(generator, experts, tokens * ranks, generator.uniform(0, 2))
    speed = np.ones(ranks) if equal else generator.integers(1, 4, ranks) / 2
    return count, repaired(generator, experts, ranks, slots), speed


@pytest.mark.parametrize("size", SIZES)
def test_a_thousand_splits_are_within_a_thousandth_of_linear_programs(size):
    generator = np.random.default_rng(size)
    cases = [case(generator, size, 8192, equal=number % 2 == 0) for number in range(1000 // len(SIZES))]
    for (count, slots, speed), best in zip(cases, optima(cases), strict=True):
        split = moe.split_tokens(count, slots, moe.Topology(len(speed), speed=speed))
        assert split.quota.sum(axis=1).tolist() == count.tolist()
        assert best * (1 - 1e-9) <= (split.loads / speed).max() <= best * 1.001


@pytest.mark.parametrize("tokens", [1, 40, 600])
@pytest.mark.parametrize("size", SIZES[:4])
def test_of_whole_tokens_the_largest_load_is_the_least_that_there_is(size, tokens):
    generator = np.random.default_rng((*size, tokens))
    cases = [case(generator, size, tokens, equal=number % 2 == 0) for number in range(40)]
    for (count, slots, speed), best in zip(cases, optima(cases), strict=True):
        split = moe.split_tokens(count, slots, moe.Topology(len(speed), speed=speed))
        if (speed == 1).all():
            assert split.loads.max() == np.ceil(best - 1e-6)
        else:
            assert (split.loads / speed).max() <= best + 1 / speed.min() + 1e-6
