"""Information of binned activations: the vector, and the obvious count of codes."""

import math
from collections import Counter

import numpy as np
import pytest

from paretoserve.errors import ShapeError
from paretoserve.metrics.information import binned_information, conditional_binned_information

Z = [0, 0.1, 0.9, 1, 0.5, 0.5]


def obvious(values, bins, low, high):
    width = (high - low) / bins
    codes = Counter(tuple(math.floor((x - low) / width) for x in row) for row in values)
    total = sum(codes.values())
    return -sum(count / total * math.log(count / total) for count in codes.values())


def test_published_vector():
    assert binned_information(Z, 2) == pytest.approx(1.011404, abs=5e-7)


@pytest.mark.parametrize("seed", range(5))
def test_entropies_equal_the_obvious_count(seed):
    random = np.random.default_rng(seed)
    layer, labels = random.normal(size=(60, 3)), random.integers(0, 4, 60)
    low, high = layer.min(), layer.max()
    for bins in (1, 2, 5, 30):
        assert binned_information(layer, bins) == pytest.approx(obvious(layer, bins, low, high))
        beyond = conditional_binned_information(layer, labels, bins)
        for place, name in enumerate(np.unique(labels)):
            expected = obvious(layer[labels == name], bins, low, high)
            assert beyond.per_class[place] == pytest.approx(expected, abs=1e-12)
            assert beyond.share[place] == np.mean(labels == name)
        assert beyond.value == pytest.approx((beyond.per_class * beyond.share).sum())


def test_information_is_that_of_the_label_and_the_rest():
    random = np.random.default_rng(9)
    layer, labels = random.normal(size=(200, 1)), random.integers(0, 2, 200)
    whole, rest = binned_information(layer, 6), conditional_binned_information(layer, labels, 6).value
    # I(X;Z) = I(Z;Y) + I(X;Z|Y), and I(Z;Y) is at most the entropy of the label.
    assert 0 <= whole - rest <= math.log(2)


def test_more_bins_of_a_multiple_number_never_lose_information():
    layer = np.random.default_rng(1).random((100, 2))
    values = [binned_information(layer, bins) for bins in (1, 2, 4, 8, 16, 32)]
    assert np.all(np.diff(values) >= 0)
    assert values[-1] <= math.log(100)


def test_a_constant_layer_knows_nothing():
    assert binned_information([3.0, 3.0, 3.0], 10) == 0
    assert conditional_binned_information([3.0, 3.0], [0, 1], 10).value == 0


def test_the_maximum_has_a_bin_of_its_own():
    assert binned_information([0, 1], 1) == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: binned_information([], 2), ShapeError, "`activations`"),
        (lambda: binned_information(np.zeros((2, 2, 2)), 2), ShapeError, "`activations`"),
        (lambda: binned_information([0, np.nan], 2), ValueError, "`activations` .* got nan in row 1"),
        (lambda: binned_information([0, 1], 0), ValueError, "`num_bins`"),
        (lambda: conditional_binned_information([0, 1], [0], 2), ShapeError, "`labels` must have one entry per sample"),
        (lambda: conditional_binned_information([0, 1], [0, 0.5], 2), ValueError, "`labels` must be whole numbers"),
    ],
)
def test_bad_input_is_named(call, error, text):
    with pytest.raises(error, match=text):
        call()
