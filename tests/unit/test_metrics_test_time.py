"""What test-time compute costs and brings: Kinetics, saturation and imperfect verifiers, at the papers' numbers."""

import numpy as np
import pytest

from paretoserve.errors import ShapeError
from paretoserve.metrics.test_time.kinetics import (
    KineticsModel,
    coverage_at_cost,
    kinetics_cost,
    sparse_kv_reads,
)
from paretoserve.metrics.test_time.saturation import sampling_gain, sampling_success, saturation_samples
from paretoserve.metrics.test_time.verifier import accuracy_ceiling, imperfect_verifier

QWEN3 = {
    "0.6b": KineticsModel(0.752e9, 28, 16, 8, 128),
    "8b": KineticsModel(8.19e9, 36, 32, 8, 128),
    "32b": KineticsModel(32.76e9, 64, 64, 8, 128),
}


def test_dense_costs():
    one = kinetics_cost(QWEN3["8b"], 512, 8192)
    assert one.compute / 1e12 == pytest.approx(156.45007, abs=6e-6)
    assert one.memory / 1e12 == pytest.approx(3131.03116, abs=6e-6)
    assert one.total / 1e12 == pytest.approx(3287.48123, abs=6e-6)
    assert one.seconds() == pytest.approx(0.73055, abs=6e-6)
    attention = one.total - 2 * 8.19e9 * 8192
    assert attention / one.total == pytest.approx(0.959, abs=5e-4)
    eight = kinetics_cost(QWEN3["8b"], 512, 8192, trials=8)
    assert (eight.compute / 1e12, eight.memory / 1e12) == pytest.approx((1251.60056, 22613.00281), abs=6e-6)
    for name, expected in (("32b", (615.90468, 5566.27762)), ("0.6b", (20.97942, 2435.24646))):
        found = kinetics_cost(QWEN3[name], 512, 8192)
        assert (found.compute / 1e12, found.memory / 1e12) == pytest.approx(expected, abs=6e-6)


def test_sparse_reads_of_each_rule():
    assert sparse_kv_reads(512, 8192, 1024, rule="exact") == 8_257_280
    assert sparse_kv_reads(512, 8192, 1024) == 8_257_536
    assert sparse_kv_reads(512, 8192, 1024, rule="official") == 8_519_680


@pytest.mark.parametrize("seed", range(20))
def test_sparse_reads_are_the_sum_over_steps(seed):
    prompt, generated, budget = np.random.default_rng(seed).integers(0, 60, 3).tolist()
    steps = sum(min(budget, prompt + t) for t in range(generated))
    assert sparse_kv_reads(prompt, generated, budget, rule="exact") == steps
    # Half a token per step that is not yet at the budget is what the closed form adds.
    assert 0 <= sparse_kv_reads(prompt, generated, budget) - steps <= generated / 2


def test_a_budget_for_everything_is_dense():
    dense = kinetics_cost(QWEN3["8b"], 512, [100, 8192])
    for budget in (10**4, 10**6):
        sparse = kinetics_cost(QWEN3["8b"], 512, [100, 8192], budget=budget)
        assert sparse.compute == pytest.approx(dense.compute)
        assert sparse.memory == pytest.approx(dense.memory)


def test_sparse_and_block_costs():
    sparse = kinetics_cost(QWEN3["8b"], 512, 8192, budget=1024, trials=3)
    assert sparse.memory == pytest.approx(3 * 4 * 8_257_536 * 8 * 128 * 36 * 562.5)
    assert sparse.compute == pytest.approx(3 * (2 * 8.19e9 * 8192 + 4 * 8_257_536 * 32 * 128 * 36))
    block = kinetics_cost(QWEN3["8b"], 512, 8192, budget=1024, trials=3, block=16)
    assert block.compute - sparse.compute == pytest.approx(3 * 9216 * 8192 / 16 * 32 * 128 * 36)
    assert block.memory - sparse.memory == pytest.approx((1024 + 3 * 8192) * 8192 / 16 * 8 * 128 * 36 * 562.5)
    narrow = kinetics_cost(QWEN3["8b"], 512, 8192, budget=1024, trials=3, kv_bytes=1)
    assert narrow.memory == pytest.approx(sparse.memory / 2)
    official = kinetics_cost(QWEN3["8b"], 512, 8192, budget=1024, rule="official")
    assert official.memory * 3 / sparse.memory == pytest.approx(8_519_680 / 8_257_536)


def test_coverage_of_budgets():
    cost, coverage = [[1, 2, 4], [2, 3, 9]], [[0.1, 0.5, 0.4], [0.3, 0.2, 1.0]]
    budgets = np.array([9, 0.5, 1, 2, 8, np.inf])
    expected = [
        np.mean(
            [max([0.0, *(c for p, c in zip(*row, strict=True) if p <= b)]) for row in zip(cost, coverage, strict=True)]
        )
        for b in budgets
    ]
    assert coverage_at_cost(cost, coverage, budgets) == pytest.approx(expected)
    assert (np.diff(coverage_at_cost(cost, coverage, np.sort(budgets))) >= 0).all()
    assert coverage_at_cost([1, np.inf], [[0.2, 0.9]], [1, np.inf]).tolist() == [0.2, 0.2]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: kinetics_cost(QWEN3["8b"], -1, 1), ValueError, "`prompt_tokens`"),
        (lambda: kinetics_cost(QWEN3["8b"], 1, 1, trials=0), ValueError, "`trials`"),
        (lambda: kinetics_cost(QWEN3["8b"], 1, 1, trials=1.5), ValueError, "`trials` must be whole"),
        (lambda: kinetics_cost(QWEN3["8b"], 1, 1, block=16), TypeError, "`block` must come with `budget`"),
        (lambda: kinetics_cost(QWEN3["8b"], 1, 1, budget=1, block=0), ValueError, "`block`"),
        (lambda: kinetics_cost(KineticsModel(1e9, 0, 1, 1, 1), 1, 1), ValueError, "`num_layers`"),
        (lambda: sparse_kv_reads(1, 1, 1, rule="plus"), ValueError, "`rule` must be one of"),
        (lambda: sparse_kv_reads(1.5, 1, 1, rule="exact"), ValueError, "`prompt_tokens` must be whole"),
        (lambda: coverage_at_cost([1, 2, 3], [[0.5, 0.5]], [1]), ShapeError, "`cost` must have shape"),
        (lambda: coverage_at_cost([1, -2], [[0.5, 0.5]], [1]), ValueError, "`cost` .* got -2.0 in row 1"),
        (lambda: coverage_at_cost([1], [[1.5]], [1]), ValueError, "`coverage`"),
        (lambda: coverage_at_cost([1], [[0.5]], []), ShapeError, "`budgets`"),
    ],
)
def test_bad_input_of_kinetics(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_saturation():
    assert saturation_samples([0.3, 0.05, 0.005, 0, 1], 0.01).tolist() == [10, 32, 0, 0, 1]
    assert saturation_samples(0.3, 0.01, ceiling=0.8) == 9
    assert sampling_gain(0.3, [9, 10]) == pytest.approx([0.012106, 0.008474], abs=5e-7)
    assert sampling_success([0.3, 0.05], [10, 32]) == pytest.approx([0.97175, 0.80629], abs=5e-6)
    assert sampling_success([0, 1, 1], [5, 0, 3]).tolist() == [0, 0, 1]


def test_saturation_is_the_first_sample_that_adds_no_more_than_the_tolerance():
    random = np.random.default_rng(0)
    p, ceiling = random.uniform(1e-4, 1, 2000), random.uniform(0.1, 1, 2000)
    tolerance = 10.0 ** random.uniform(-12, 0, 2000)
    samples = saturation_samples(p, tolerance, ceiling=ceiling)
    assert (sampling_gain(p, samples, ceiling=ceiling) <= tolerance * (1 + 1e-12)).all()
    before = np.maximum(samples - 1, 0)
    assert ((sampling_gain(p, before, ceiling=ceiling) > tolerance) | (samples == 0)).all()


def test_saturation_at_powers_is_exact():
    # The gain after N samples is 2^-(N + 1) without rounding.
    n = np.arange(1, 60)
    assert saturation_samples(0.5, 0.5 ** (n + 1)).tolist() == n.tolist()
    assert saturation_samples(1e-300, 1e-308) == pytest.approx(np.log(1e8) * 1e300)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: saturation_samples(0.5, 0), "`tolerance` must be finite numbers above 0"),
        (lambda: saturation_samples([0.5, 1.5], 0.1), "`success` .* got 1.5 in row 1"),
        (lambda: sampling_success(0.5, -1), "`samples`"),
        (lambda: sampling_gain(0.5, 1, ceiling=2), "`ceiling`"),
    ],
)
def test_bad_input_of_saturation(call, words):
    with pytest.raises(ValueError, match=words):
        call()


EASY_AND_HARD = ([0.87, 0.13], [0.58, 0.42])


@pytest.mark.parametrize(
    ("loss", "attempts", "exact", "notebook"),
    [(-0.7, 3, 0.524567, 0.554134), (-1, 2, 0.472381, 0.488433), (-2, 1, 0.3388, 0.3388)],
)
def test_value_of_attempts(loss, attempts, exact, notebook):
    found = imperfect_verifier(*EASY_AND_HARD, soundness=0.75, loss=loss)
    assert found.best_attempts == attempts
    assert found.best_value == found.value.max() == pytest.approx(exact, abs=6e-7)
    assert found.reject == pytest.approx([0.0975, 0.6525])
    assert found.false_accept == pytest.approx([0.0325, 0.2175])
    authors = imperfect_verifier(*EASY_AND_HARD, soundness=0.75, loss=loss, variant="notebook")
    assert authors.best_attempts == attempts
    assert authors.best_value == pytest.approx(notebook, abs=6e-7)


def test_value_of_attempts_is_that_of_a_simulation():
    random = np.random.default_rng(0)
    found = imperfect_verifier(
        *EASY_AND_HARD, soundness=0.7, completeness=0.9, loss=-0.5, gain=2, cost=0.05, attempts=4
    )
    total, n = 0.0, 200_000
    r = np.where(random.random(n) < 0.58, 0.87, 0.13)
    waiting = np.ones(n, dtype=bool)
    for k in range(4):
        right = random.random(n) < r
        accepted = np.where(right, random.random(n) < 0.9, random.random(n) >= 0.7)
        total += (waiting * (np.where(accepted, np.where(right, 2, -0.5), 0) - 0.05)).sum()
        waiting &= ~accepted
        assert total / n == pytest.approx(found.value[k + 1], abs=0.012)


def test_beliefs_move_to_the_hard_type():
    found = imperfect_verifier(*EASY_AND_HARD, soundness=0.75, loss=-1, attempts=3)
    assert found.belief[0] == pytest.approx([0.58, 0.42])
    assert found.belief[1] == pytest.approx(np.array([0.05655, 0.27405]) / 0.3306)
    sure = imperfect_verifier([1, 1], [0.5, 0.5], soundness=1, loss=-1, attempts=2)
    assert sure.value.tolist() == [0, 1, 1]
    assert sure.belief[1].tolist() == [0.5, 0.5]
    assert imperfect_verifier([0.1], [1], soundness=0, loss=-1).best_attempts == 0


def test_ceilings():
    ceiling = accuracy_ceiling([0.87, 0.13], soundness=0.75)
    assert ceiling == pytest.approx([0.963989, 0.374101], abs=6e-7)
    assert ceiling @ [0.58, 0.42] == pytest.approx(0.716236, abs=6e-7)
    # Many attempts at one type end there.
    many = imperfect_verifier([0.13], [1], soundness=0.75, completeness=0.6, loss=0, attempts=2000)
    assert many.value[-1] == pytest.approx(accuracy_ceiling(0.13, soundness=0.75, completeness=0.6))
    assert accuracy_ceiling(0.01, soundness=1) == 1


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: imperfect_verifier([0.5], [0.5], soundness=1, loss=0), ValueError, "`prior` must sum to 1, got 0.5"),
        (lambda: imperfect_verifier([1.5], [1], soundness=1, loss=0), ValueError, "`accuracy`"),
        (lambda: imperfect_verifier([], [], soundness=1, loss=0), ShapeError, "`accuracy`"),
        (lambda: imperfect_verifier([0.5] * 2, [0.2] * 5, soundness=1, loss=0), ShapeError, "must broadcast"),
        (lambda: imperfect_verifier([0.5], [1], soundness=[1, 2], loss=0), ValueError, "`soundness`"),
        (lambda: imperfect_verifier([0.5], [1], soundness=1, loss=0, cost=-1), ValueError, "`cost`"),
        (lambda: imperfect_verifier([0.5], [1], soundness=1, loss=0, attempts=0), ValueError, "`attempts`"),
        (lambda: imperfect_verifier([0.5], [1], soundness=1, loss=0, variant="both"), ValueError, "`variant`"),
        (lambda: accuracy_ceiling([0.5, 0], soundness=1), ValueError, r"nothing that is in row 1"),
    ],
)
def test_bad_input_of_verifiers(call, error, words):
    with pytest.raises(error, match=words):
        call()
