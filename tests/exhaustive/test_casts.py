"""Every cast on 2^24 random float32 patterns and more against peers; `make exhaustive` runs it.

``PARETOSERVE_EXHAUSTIVE`` is the power of two of patterns per format, 24 at least; 32 takes every float32 in turn.
"""

import os

import numpy as np
import pytest

from _casts import DTYPES, IN_TORCH, by_ml_dtypes, by_torch, random_patterns
from paretoserve.quant import cast

POWER = int(os.environ.get("PARETOSERVE_EXHAUSTIVE", "0"))
PIECE = 1 << 22

pytestmark = [
    pytest.mark.skipif(POWER < 1, reason="takes minutes; set PARETOSERVE_EXHAUSTIVE=24"),
    pytest.mark.timeout(0),
]


def pieces():
    for index in range(max(1, (1 << POWER) // PIECE)):
        if POWER >= 32:
            yield np.arange(index * PIECE, (index + 1) * PIECE, dtype=np.int64).astype(np.uint32).view(np.float32)
        else:
            yield random_patterns(PIECE, seed=100 + index)


@pytest.mark.parametrize("name", DTYPES)
def test_ml_dtypes(name):
    for x in pieces():
        assert (cast(x, name, rule="ml_dtypes") == by_ml_dtypes(x, name)).all()


@pytest.mark.parametrize("name", IN_TORCH)
def test_torch(name):
    for x in pieces():
        assert (cast(x, name, rule="torch") == by_torch(x, name)).all()
