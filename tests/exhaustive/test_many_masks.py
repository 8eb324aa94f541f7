"""20,000 random small tables against the obvious version; `make exhaustive` runs it."""

import os

import pytest

from _pareto_cases import check_random_case

pytestmark = [
    pytest.mark.skipif(
        "PARETOSERVE_EXHAUSTIVE" not in os.environ, reason="takes minutes; set PARETOSERVE_EXHAUSTIVE=24"
    ),
    pytest.mark.timeout(0),
]


@pytest.mark.parametrize("block", range(20))
def test_random_tables_equal_the_obvious_version(block):
    for seed in range(100_000 + block * 1000, 100_000 + (block + 1) * 1000):
        check_random_case(seed)
