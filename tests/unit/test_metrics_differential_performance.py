"""Differential performance score: clusters by cost, the reference vector, tasks that count."""

import itertools

import numpy as np
import pytest

from paretoserve.errors import ShapeError
from paretoserve.metrics.differential_performance import (
    common_task_scores,
    differential_performance_score,
    evalperf_score,
    exercises_performance,
    reference_clusters,
)

REFERENCES = [1e6, 9.5e5, 5e5, 4.9e5, 1e5, 2e4]
INF = np.inf


def obvious_clusters(costs, threshold, noise):
    costs = sorted(costs, reverse=True)
    groups = [[costs[0]]]
    for above, cost in itertools.pairwise(costs):
        if (above - cost) / above > threshold + (noise / above) ** 0.5:
            groups.append([])
        groups[-1].append(cost)
    return groups


def obvious_score(cost, groups, total):
    done = [sum(map(len, groups[: j + 1])) for j in range(len(groups))]
    for j in reversed(range(len(groups))):
        if cost <= groups[j][0]:
            return 100 * done[j] / total, 100 * (j + 1) / len(groups)
    return 0.0, 0.0


def test_published_vector():
    clusters = reference_clusters(REFERENCES)
    assert clusters.cost.tolist() == [1e6, 5e5, 1e5, 2e4]
    assert clusters.size.tolist() == [2, 2, 1, 1]
    assert clusters.score == pytest.approx([33.33, 66.67, 83.33, 100], abs=0.005)
    costs = [1e4, 1.5e5, 5e5, 6e5, 2e6]
    assert differential_performance_score(costs, clusters) == pytest.approx([100, 66.67, 66.67, 33.33, 0], abs=0.005)
    assert differential_performance_score(costs, clusters, normalized=True).tolist() == [100, 50, 50, 25, 0]


@pytest.mark.parametrize("seed", range(20))
def test_clusters_and_scores_equal_the_obvious_loop(seed):
    random = np.random.default_rng(seed)
    costs = np.round(np.exp(random.uniform(9, 14, random.integers(1, 40))))
    threshold, noise = random.choice([0.0, 0.1, 0.2]), random.choice([0.0, 1e4])
    groups = obvious_clusters(costs.tolist(), threshold, noise)
    clusters = reference_clusters(costs, threshold=threshold, noise=noise)
    assert clusters.cost.tolist() == [group[0] for group in groups]
    assert clusters.size.tolist() == [len(group) for group in groups]
    probes = np.concatenate([costs, costs - 1, costs + 1, [INF]])
    expected = [obvious_score(probe, groups, len(costs)) for probe in probes[:-1]] + [(0.0, 0.0)]
    assert differential_performance_score(probes, clusters) == pytest.approx([score for score, _ in expected])
    even = differential_performance_score(probes, clusters, normalized=True)
    assert even == pytest.approx([score for _, score in expected])


def test_a_faster_program_never_scores_less():
    clusters = reference_clusters(REFERENCES)
    scores = differential_performance_score(np.linspace(1e3, 2e6, 500), clusters)
    assert np.all(np.diff(scores) <= 0)


def test_a_program_that_failed_scores_zero():
    assert differential_performance_score(INF, reference_clusters(REFERENCES)) == 0


def test_tasks_with_few_correct_samples_do_not_count():
    assert evalperf_score([[100] * 10, [50] * 10, [0] * 9]) == 75
    assert evalperf_score([[100] * 10, [50] * 10, [0] * 9], min_correct=9) == 50


def test_models_are_compared_on_tasks_that_both_solve():
    assert common_task_scores([[100], [40], []], [[60], [], [20]], min_correct=1) == (100, 60)


def test_a_task_must_tell_programs_apart():
    costs = np.repeat([8e6, 4e6, 2e6, 1e6], 3)
    counts = np.stack([costs, costs], axis=1)
    assert exercises_performance(counts)
    assert not exercises_performance(counts[:9])
    assert not exercises_performance(counts / 1000)
    assert not exercises_performance(counts[:8], min_programs=8)
    assert not exercises_performance(counts * [1.0, 1.2])


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: reference_clusters([1e5, 0]), ValueError, "`cost` .* above 0.* got 0.0 in row 1"),
        (lambda: reference_clusters([]), ShapeError, "`cost`"),
        (lambda: reference_clusters([1e5], threshold=-1), ValueError, "`threshold`"),
        (lambda: differential_performance_score(np.nan, reference_clusters([1e5])), ValueError, "`cost` .* got nan"),
        (lambda: evalperf_score([[100], [101]], min_correct=1), ValueError, r"`scores\[1\]` .* got 101.0 in row 0"),
        (lambda: evalperf_score([[100]]), ValueError, "`scores` must have a task with at least 10 samples"),
        (lambda: common_task_scores([[1]], [], min_correct=1), ShapeError, "`second` must have as many tasks"),
        (lambda: common_task_scores([[1], []], [[], [1]], min_correct=1), ValueError, "must share a task"),
        (lambda: exercises_performance([1e6, 1e6]), ShapeError, "`instructions` must have 2 dimensions"),
    ],
)
def test_bad_input_is_named(call, error, text):
    with pytest.raises(error, match=text):
        call()
