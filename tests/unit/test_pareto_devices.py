"""Tensors that are neither on the CPU nor on a CUDA device, or on another one than the points, are refused by name."""

import numpy as np
import pytest

from paretoserve import pareto
from paretoserve.errors import DeviceError

torch = pytest.importorskip("torch")

POINTS = np.array([[1.0, 2.0], [2.0, 1.0], [3.0, 3.0]])
ELSEWHERE = torch.zeros((3, 2), device="meta")


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("points", lambda: pareto.mask(ELSEWHERE)),
        ("points", lambda: pareto.counts(ELSEWHERE)),
        ("points", lambda: pareto.hypervolume(ELSEWHERE, 4.0)),
        ("points[1]", lambda: pareto.ranks([torch.ones(3), ELSEWHERE[:, 0]])),
        ("groups", lambda: pareto.mask(POINTS, groups=ELSEWHERE[:, 0])),
        ("samples", lambda: pareto.front_probability(ELSEWHERE[None])),
        ("std", lambda: pareto.front_probability(mean=POINTS, std=ELSEWHERE)),
        ("measurements", lambda: pareto.bootstrap(ELSEWHERE, offsets=[0, 1, 3])),
        ("measurements[2]", lambda: pareto.bootstrap([POINTS, POINTS, ELSEWHERE])),
    ],
)
def test_the_argument_is_named(argument, call):
    with pytest.raises(DeviceError) as raised:
        call()
    assert str(raised.value) == f"`{argument}` must be in the memory of the CPU, got a tensor on meta"


def test_labels_may_be_a_tensor():
    labels = torch.tensor([0.5, 0.5, 1.0], dtype=torch.float16)
    assert pareto.mask(POINTS, groups=labels).tolist() == [True, True, True]
    with pytest.raises(ValueError, match="`groups` must have a label for every row, got nan in row 1"):
        pareto.mask(POINTS, groups=torch.tensor([1.0, float("nan"), 2.0], dtype=torch.bfloat16))
