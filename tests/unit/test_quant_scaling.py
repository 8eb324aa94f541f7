"""Figures of "Scaling Laws for Floating Point Quantization Training" (arXiv:2501.02423)."""

import pytest

from paretoserve.quant import capybara_loss, optimal_em

SPLITS = ["00", "10", "11", "21", "22", "32", "33", "43", "44", "54", "55", "65", "66", "76", "77", "87"]


def test_best_splits_are_those_of_the_paper():
    assert [optimal_em(bits) for bits in range(1, 17)] == [(int(split[0]), int(split[1])) for split in SPLITS]


@pytest.mark.parametrize(("split", "critical"), [((8, 7), 1729.5e12), ((4, 3), 27.3e12), ((2, 1), 0.393e12)])
def test_more_data_than_the_critical_size_do_harm(split, critical):
    fewer, best, more = (capybara_loss(1e9, critical * by, *split, 128) for by in (0.9, 1, 1.1))
    assert best < min(fewer, more)
    # The minimum is flat: the two sides are equally high if it lies where the paper says, to about 1 %.
    middle = [capybara_loss(1e9, critical * by, *split, 128) for by in (0.98, 1.02)]
    assert max(middle) < min(fewer, more)


@pytest.mark.parametrize("bits", [0, 17, 4.0, True])
def test_bits_out_of_range_are_refused(bits):
    with pytest.raises(ValueError, match="`bits` must be an integer from 1 to 16"):
        optimal_em(bits)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((0, 1e9, 2, 1, 32), "`parameters` must be 1 or more"),
        ((1e9, float("nan"), 2, 1, 32), "`tokens` must be 1 or more"),
        ((1e9, 1e9, -1, 1, 32), "`exponent_bits` must be an integer from 0"),
        ((1e9, 1e9, 2, 1.5, 32), "`mantissa_bits` must be an integer from 0"),
        ((1e9, 1e9, 2, 1, 0.5), "`block` must be 1 or more"),
    ],
)
def test_arguments_of_the_loss_are_checked(arguments, said):
    with pytest.raises(ValueError, match=said):
        capybara_loss(*arguments)
