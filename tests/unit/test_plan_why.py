"""Reasons and picks: every sentence can be checked against the points."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paretoserve import pareto
from paretoserve.plan.picks import best, knee_row
from paretoserve.plan.why import reasons

NAMES = ("ttft_p99_s", "tokens_per_s_per_gpu", "joule_per_token")


def test_extremes_and_compromises():
    points = np.array([[1.0, 10.0, 5.0], [2.0, 30.0, 6.0], [3.0, 20.0, 1.0], [1.5, 25.0, 7.0]])
    said = reasons(points, NAMES)
    assert said[:3] == ["best ttft_p99_s", "best tokens_per_s_per_gpu", "best joule_per_token"]
    assert said[3] == "best ttft_p99_s of the 2 with tokens_per_s_per_gpu >= 25"


def test_one_point_is_best_in_everything():
    assert reasons(np.array([[1.0, 2.0, 3.0]]), NAMES) == ["best ttft_p99_s, tokens_per_s_per_gpu, joule_per_token"]


def test_equal_points_get_the_same_reason():
    points = np.array([[1.0, 5.0, 1.0], [1.0, 5.0, 1.0], [0.5, 4.0, 2.0]])
    said = reasons(points, NAMES)
    assert said[0] == said[1] == "best tokens_per_s_per_gpu, joule_per_token"


@given(st.lists(st.tuples(*[st.integers(1, 6)] * 3), min_size=1, max_size=12))
def test_every_point_of_a_front_has_a_true_reason(values):
    points = np.array(values, dtype=float)
    points = points[pareto.mask(points, ["min", "max", "min"])]
    signed = points * [1, -1, 1]
    for row, sentence in enumerate(reasons(points, NAMES)):
        head, _, conditions = sentence.partition(" of the ")
        named = [NAMES.index(name) for name in re.findall(r"\w+", conditions) if name in NAMES]
        rivals = (signed[:, named] <= signed[row, named]).all(axis=1)
        for target in head.removeprefix("best ").split(", "):
            column = NAMES.index(target)
            assert signed[row, column] <= signed[rivals, column].min()


def test_the_knee_compares_ratios():
    points = np.array([[0.1, 1.0], [0.2, 10.0], [100.0, 11.0]])
    assert knee_row(points, ["min", "max"]) == 1


def test_the_knee_of_equal_points_is_the_first():
    assert knee_row(np.array([[2.0, 3.0], [2.0, 3.0]]), ["min", "max"]) == 0


def test_the_knee_takes_zero():
    assert knee_row(np.array([[0.0, 9.0], [1.0, 1.0], [9.0, 0.0]]), ["min", "min"]) == 1


@pytest.mark.parametrize(("sense", "row"), [("min", 4), ("max", 2)])
def test_best_is_the_first_of_equal_ones(sense, row):
    assert best(np.array([9.0, 9.0, 3.0, 3.0, 1.0]), sense, np.array([2, 3, 4])) == row
