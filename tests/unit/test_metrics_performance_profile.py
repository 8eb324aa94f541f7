"""AlgoPerf: the eleven published scores of version 0.5, and each step of the rules that decides them."""

import numpy as np
import pytest

from paretoserve.errors import ShapeError
from paretoserve.metrics.performance_profile import (
    algoperf_score,
    geometric_mean_ratio,
    performance_profile,
    qualified_times,
    time_to_result,
)

INF = np.inf
# Whole seconds to the target of version 0.5, external tuning, from the public logs; and the published score.
# criteo, its variant, fastmri, v., resnet, v., vit, conformer, v., deepspeech, ogbg, v., wmt, v.
VARIANT_OF = [None, 0, None, 2, None, 4, None, None, 7, None, None, 10, None, 12]
RESULTS = {
    "shampoo": ("5043 246 1321 1949 inf 58546 33094 47445 41695 34624 3363 3601 38656 11814", 0.7784, 0.7785),
    "schedule_free_adamw": ("5164 366 1162 3604 inf inf 44005 56121 34536 43256 5275 11242 16013 5947", 0.7077, 0.7062),
    "generalized_adam": (
        "6403 384 1581 3428 61257 55657 64740 inf 50467 37496 5785 11786 30284 16003",
        0.6383,
        0.6370,
    ),
    "cyclic_lr": ("5163 606 2200 3866 inf inf 62445 57566 56129 38986 6948 9335 23562 16857", 0.6301, 0.6289),
    "nadamp": ("6162 502 1980 4300 inf 56674 68105 57675 51916 33171 7944 13706 38684 22725", 0.5909, 0.5899),
    "baseline": ("7208 611 2030 4509 inf 59225 70197 54769 50447 36024 7697 12498 41189 16832", 0.5707, 0.5693),
    "amos": ("inf inf 2941 4304 inf 34760 50496 43293 34653 31735 11071 16356 32833 17722", 0.4918, 0.4915),
    "caspr_adaptive": ("inf inf 1119 1360 inf inf 44673 inf 36124 41825 2192 2195 32045 inf", 0.4722, 0.4722),
    "lawa_queue": ("inf 1053 1971 4863 inf inf 51189 inf inf inf 4617 4464 27171 10521", 0.3699, 0.3704),
    "lawa_ema": ("5303 719 2556 5027 inf inf 61886 inf inf inf 10597 13558 43034 18908", 0.3384, 0.3378),
    "schedule_free_prodigy": ("inf inf 1881 5777 inf inf inf inf inf inf 11243 inf inf 19390", 0.0, 0.0),
}
TIMES = np.array([[float(word) for word in row.split()] for row, _, _ in RESULTS.values()])
BASES = [column for column, base in enumerate(VARIANT_OF) if base is None]
BUDGETS = [7703, 8859, 63008, 77520, 61068, 55506, 18477, 48151]


def test_the_eleven_published_scores_to_four_decimals():
    scores = algoperf_score(TIMES, VARIANT_OF)
    assert scores.round(4).tolist() == PUBLISHED


def test_the_exact_integral_differs_by_little():
    exact = algoperf_score(TIMES, VARIANT_OF, num_points=None)
    assert exact.round(4) == pytest.approx([value for _, _, value in RESULTS.values()], abs=5e-5)
    assert np.abs(exact - algoperf_score(TIMES, VARIANT_OF)).max() <= 0.0016
    fine = algoperf_score(TIMES, VARIANT_OF, num_points=100_001)
    assert fine == pytest.approx(exact, abs=1e-4)


def variants_fail_with_their_base(times):
    for column, base in enumerate(VARIANT_OF):
        if base is not None:
            times[np.isinf(times[:, base]), column] = INF


def slow_times_fail(times):
    times[times > 4 * times.min(axis=0)] = INF


def bases_fail_with_their_variant(times):
    for column, base in enumerate(VARIANT_OF):
        if base is not None:
            times[np.isinf(times[:, column]), base] = INF


def scores_after(steps):
    times = TIMES.copy()
    for step in steps:
        step(times)
    # Ratios to the best that survives, workloads that nobody solves in the denominator.
    return algoperf_score(times[:, BASES]).round(4).tolist()


STEPS = (variants_fail_with_their_base, slow_times_fail, bases_fail_with_their_variant)
PUBLISHED = [published for _, published, _ in RESULTS.values()]


def test_the_steps_in_order_give_the_published_scores():
    assert scores_after(STEPS) == PUBLISHED


@pytest.mark.parametrize("steps", [STEPS[:2], STEPS[::2], (STEPS[2], STEPS[0], STEPS[1]), ()])
def test_no_step_that_matters_on_these_times_may_be_left_out_or_moved(steps):
    assert scores_after(steps) != PUBLISHED


def test_the_order_of_submissions_has_no_part_in_the_scores():
    scores = algoperf_score(TIMES, VARIANT_OF)
    assert algoperf_score(TIMES[::-1], VARIANT_OF)[::-1].tolist() == scores.tolist()


def test_geometric_mean_runtime_of_the_winner():
    ratio = geometric_mean_ratio(TIMES[0, BASES], TIMES[5, BASES], BUDGETS)
    assert ratio == pytest.approx(0.7213, abs=5e-5)
    assert geometric_mean_ratio(TIMES[5, BASES], TIMES[0, BASES], BUDGETS) == pytest.approx(1 / ratio)


def test_a_variant_fails_with_its_base_and_then_sets_no_best_time():
    # The variant's 1 s came from a submission without the base, so it is no yardstick for the other.
    times = [[INF, 1], [10, 5]]
    assert qualified_times(times, [None, 0]).tolist() == [[INF], [10]]


def test_a_slow_variant_costs_its_base():
    assert qualified_times([[10, 9], [12, 36]], [None, 0]).tolist() == [[10], [12]]
    assert qualified_times([[10, 9], [12, 37]], [None, 0]).tolist() == [[10], [INF]]


def test_a_base_disqualified_is_no_yardstick_for_the_score():
    # Without its variant the 10 s do not count, so 12 s is the best time left.
    scores = algoperf_score([[10, INF], [12, 5]], [None, 0], num_points=None)
    assert scores.tolist() == [0, 1]


def test_workloads_that_nobody_solves_stay_in_the_denominator():
    assert algoperf_score([[10, INF], [20, INF]], num_points=None) == pytest.approx([1 / 2, 1 / 3])


def test_profile_counts_workloads_within_a_factor():
    profile = performance_profile([[10, 30, INF], [20, 15, INF]], [1, 1.5, 2, 100])
    assert profile == pytest.approx(np.array([[1, 1, 2, 2], [1, 1, 2, 2]]) / 3)
    random = np.random.default_rng(0).uniform(1, 9, (5, 8))
    curve = performance_profile(random, np.linspace(1, 9, 50))
    assert np.all(np.diff(curve, axis=1) >= 0)
    assert curve[:, 0].sum() == pytest.approx(1)
    assert curve[:, -1].tolist() == [1] * 5


def test_time_to_result_is_the_median_study_by_its_best_trial():
    times = [[[50, 40], [INF, 60], [INF, INF]], [[INF, INF], [1, 1], [INF, INF]]]
    assert time_to_result(times).tolist() == [60, INF]
    assert time_to_result([[1, 2], [3, 4], [5, 6], [INF, INF]]) == 4


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: algoperf_score([[10, np.nan]]), ValueError, r"`times_s` .* got nan at \(0, 1\)"),
        (lambda: algoperf_score([[10, 0]]), ValueError, r"`times_s` .* above 0.* got 0.0 at \(0, 1\)"),
        (lambda: algoperf_score([]), ShapeError, "`times_s` must have 2 dimensions"),
        (lambda: algoperf_score([[1, 2]], [None]), ShapeError, "`variant_of` must have one entry per column"),
        (lambda: algoperf_score([[1, 2]], [None, 1]), ValueError, "`variant_of` .* got 1 in row 1"),
        (lambda: algoperf_score([[1, 2, 3]], [None, 0, 1]), ValueError, "`variant_of` .* got 1 in row 2"),
        (lambda: algoperf_score([[1, 2]], [None, 2]), ValueError, "`variant_of` .* at most 1, got 2.0"),
        (lambda: algoperf_score([[1, 2]], max_factor=1), ValueError, "`max_factor`"),
        (lambda: algoperf_score([[1, 2]], num_points=1), ValueError, "`num_points`"),
        (lambda: performance_profile([[1, 2]], [0.5]), ValueError, "`factors` .* got 0.5 in row 0"),
        (lambda: time_to_result([1, 2]), ShapeError, "`times_s`"),
        (lambda: geometric_mean_ratio([], [], []), ShapeError, "`times_s` must have at least one workload"),
        (lambda: geometric_mean_ratio([1, 2], [1, -2], [5, 5]), ValueError, "`reference_s` .* got -2.0 in row 1"),
    ],
)
def test_bad_input_is_named(call, error, text):
    with pytest.raises(error, match=text):
        call()
