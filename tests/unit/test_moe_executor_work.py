"""With a plan the busiest rank of an imbalanced step works less and holds less than without, in the same run."""

import pytest

torch = pytest.importorskip("torch")

import _moe_work  # noqa: E402

SIZES = {"experts": 16, "tokens": 512, "top": 2, "width": 256, "inner": 256, "dtype": torch.float32}


def test_busiest_rank_works_less_and_holds_less():
    seconds, memory = _moe_work.ratios(4, 5.0, SIZES, 3)
    assert seconds < 0.9
    assert memory < 0.7
