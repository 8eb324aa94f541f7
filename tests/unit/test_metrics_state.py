"""States of sequence mixers and recursive models, at the numbers of the papers."""

import numpy as np
import pytest

from paretoserve.errors import ShapeError, UnknownNameError
from paretoserve.metrics.state import (
    assign_depth,
    recurrent_state_bytes,
    recursion_attention_ratio,
    recursion_kv_ratio,
)


@pytest.mark.parametrize(
    ("architecture", "sizes", "numbers"),
    [
        ("attention", {"width": 1024, "tokens": 2048}, 4_194_304),
        ("sliding_window", {"width": 1024, "window": 64}, 131_072),
        ("based", {"heads": 16, "head_size": 64, "feature_size": 16}, 283_920),
        ("mamba", {"width": 1024, "state_size": 16}, 32_768),
        ("h3", {"width": 1024, "state_size": 16}, 16_384),
        ("delta", {"heads": 4, "key_size": 128, "value_size": 256}, 131_072),
        ("rwkv7", {"heads": 16, "head_size": 64}, 65_536),
        ("short_convolution", {"width": 1024, "kernel": 3}, 3_072),
    ],
)
def test_sizes_of_states(architecture, sizes, numbers):
    assert recurrent_state_bytes(architecture, **sizes, bytes_per_number=1) == numbers
    assert recurrent_state_bytes(architecture, **sizes, layers=[0, 24]).tolist() == [0, 48 * numbers]


def test_states_grow_with_window_and_features():
    windows = recurrent_state_bytes("sliding_window", width=1024, window=np.arange(1, 100))
    features = recurrent_state_bytes("based", heads=16, head_size=64, feature_size=np.arange(1, 100))
    assert (np.diff(windows) > 0).all()
    assert (np.diff(features) > 0).all()
    assert recurrent_state_bytes("attention", width=64, tokens=0) == 0


@pytest.mark.parametrize(
    ("architecture", "sizes", "error", "words"),
    [
        ("lstm", {}, UnknownNameError, "`architecture` must be one of attention, .*, got 'lstm'"),
        ("mamba", {"width": 8}, TypeError, "mamba needs the sizes `width`, `state_size`, got `width`"),
        ("h3", {}, TypeError, "got none"),
        ("rwkv7", {"heads": 1, "head_size": 1, "window": 2}, TypeError, "`window`"),
        ("h3", {"width": 8, "state_size": 0}, ValueError, "`state_size`"),
        ("h3", {"width": 8, "state_size": [1, 1.5]}, ValueError, "`state_size` must be whole .* row 1"),
        ("h3", {"width": 8, "state_size": 1, "bytes_per_number": 0}, ValueError, "`bytes_per_number`"),
        ("h3", {"width": [8, 8], "state_size": [1, 1, 1]}, ShapeError, "must broadcast"),
    ],
)
def test_bad_input_of_states(architecture, sizes, error, words):
    with pytest.raises(error, match=words):
        recurrent_state_bytes(architecture, **sizes)


def test_ratios_of_recursions():
    assert recursion_kv_ratio([1, 2, 3, 4]) == pytest.approx([1, 0.75, 2 / 3, 0.625])
    assert recursion_kv_ratio([1, 2, 3, 4], cache="shared") == pytest.approx([1, 0.5, 1 / 3, 0.25])
    assert recursion_attention_ratio([0, 512, 2048], 2048).tolist() == [0, 0.0625, 1]


def test_experts_choose_among_the_tokens_of_the_recursion_before():
    random = np.random.default_rng(0)
    for recursions in (1, 2, 3, 4):
        scores = random.normal(size=(recursions, 60))
        depth = assign_depth(scores)
        assert depth.sum() / (60 * recursions) == pytest.approx(recursion_kv_ratio(recursions))
        for step in range(recursions):
            here, gone = scores[step, depth > step], scores[step, depth == step]
            assert len(here) == 60 * (recursions - step) // recursions
            assert len(gone) == 0 or gone.max() <= here.min()


def test_ties_and_capacities_of_depths():
    assert assign_depth([[1, 1, 1, 1], [0, 0, 0, 0]]).tolist() == [2, 2, 1, 1]
    assert assign_depth([[1, 2, 3], [9, 9, 9]], capacity=[2 / 3, 1 / 3]).tolist() == [0, 2, 1]
    assert assign_depth([[1.0, 2]], capacity=[0]).tolist() == [0, 0]
    scores = np.random.default_rng(1).normal(size=(3, 50))
    assert assign_depth(scores, routing="token-choice").tolist() == (scores.argmax(axis=0) + 1).tolist()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: recursion_kv_ratio(0), ValueError, "`recursions`"),
        (lambda: recursion_kv_ratio(2, cache="none"), ValueError, "`cache` must be one of"),
        (
            lambda: recursion_attention_ratio([1, 5], 4),
            ValueError,
            r"`kept` must be at most `context`, 4.0, got 5.0 in row 1",
        ),
        (lambda: assign_depth([1.0, 2]), ShapeError, "`scores`"),
        (lambda: assign_depth([[1.0, np.nan]]), ValueError, "`scores`"),
        (lambda: assign_depth([[1.0]], routing="all"), ValueError, "`routing` must be one of"),
        (lambda: assign_depth([[1.0]], routing="token-choice", capacity=[1]), TypeError, "`capacity` is for expert"),
        (lambda: assign_depth([[1.0]], capacity=[1, 1]), ShapeError, "one share per recursion, 1, got 2"),
        (lambda: assign_depth([[1.0], [1.0]], capacity=[0.5, 1]), ValueError, "must not rise"),
    ],
)
def test_bad_input_of_recursions(call, error, words):
    with pytest.raises(error, match=words):
        call()
