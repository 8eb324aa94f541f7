"""Ranks of 20,000 random small tables against brute force; `make exhaustive` runs it."""

import os

import pytest

from _layers import obvious_ranks, random_case
from paretoserve import pareto

POWER = int(os.environ.get("PARETOSERVE_EXHAUSTIVE", "0"))

pytestmark = [
    pytest.mark.skipif(POWER < 1, reason="takes minutes; set PARETOSERVE_EXHAUSTIVE=24"),
    pytest.mark.timeout(0),
]


def test_ranks():
    for seed in range(20_000):
        points, senses, nan = random_case(seed)
        assert (pareto.ranks(points, senses, nan=nan) == obvious_ranks(points, senses, nan)).all(), seed
