"""`allocate_bits` against trying everything, and what it refuses."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paretoserve.errors import DtypeError, ShapeError
from paretoserve.quant.allocate import allocate_bits

METHODS = ["lagrangian", "dp", "greedy"]


def brute_force(costs, scores, budget):
    """Return (score, cost, choice) of the best choice: ties to less cost, then to the first in lexicographic order."""
    choices = itertools.product(range(costs.shape[1]), repeat=len(costs))
    sums = ((scores[range(len(costs)), c].sum(), costs[range(len(costs)), c].sum(), c) for c in choices)
    return min(found for found in sums if found[1] <= budget and np.isfinite(found[0]))


@st.composite
def problems(draw):
    layers, formats = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    whole = st.lists(st.integers(0, 9), min_size=layers * formats, max_size=layers * formats)
    costs = np.array(draw(whole), dtype=np.float64).reshape(layers, formats)
    scores = np.array(draw(whole), dtype=np.float64).reshape(layers, formats)
    scores[scores == 9] = np.inf
    scores[np.arange(layers), draw(st.integers(0, formats - 1))] = 3
    least = np.where(np.isfinite(scores), costs, np.inf).min(axis=1).sum()
    return costs, scores, least + draw(st.integers(0, 20))


@settings(max_examples=300)
@given(problems())
def test_every_method_stays_in_the_budget_and_the_exact_one_is_best(problem):
    costs, scores, budget = problem
    best_score, best_cost, best_choice = brute_force(costs, scores, budget)
    layers = np.arange(len(costs))
    for method in METHODS:
        found = allocate_bits(costs, scores, budget, method=method)
        assert found.cost == costs[layers, found.choice].sum() <= budget
        assert found.score == scores[layers, found.choice].sum() >= best_score
        assert found.bound <= best_score + 1e-9
        assert found.gap >= 0
    exact = allocate_bits(costs, scores, budget, method="dp")
    assert (exact.score, exact.cost, tuple(exact.choice), exact.gap) == (best_score, best_cost, best_choice, 0)


def test_ten_random_groups_equal_brute_force():
    random = np.random.default_rng(1)
    costs = np.cumsum(random.uniform(1, 5, (10, 3)), axis=1)
    scores = np.sort(random.exponential(size=(10, 3)), axis=1)[:, ::-1]
    for budget in (costs[:, 0].sum(), 70.0, 90.0, costs[:, 2].sum()):
        best = brute_force(costs, scores, budget)
        exact = allocate_bits(costs, scores, budget, method="dp")
        assert tuple(exact.choice) == best[2]
        quick = allocate_bits(costs, scores, budget)
        assert quick.bound <= exact.score * (1 + 1e-12) <= quick.score * (1 + 1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_hundreds_of_groups_are_close_to_the_optimum(method):
    random = np.random.default_rng(0)
    elements = random.integers(1, 50, 300) * 2**16
    costs = elements[:, None] * np.array([4.25, 4.5, 6.25, 8.25, 16])
    scores = random.lognormal(0, 2, 300)[:, None] * np.array([1.5e-2, 1e-2, 1e-3, 7e-4, 0])
    found = allocate_bits(costs, scores, 6 * elements.sum(), method=method)
    assert found.cost <= 6 * elements.sum()
    assert found.gap <= (0.0 if method == "dp" else 0.01 if method == "lagrangian" else 0.2) * found.score
    again = allocate_bits(costs, scores, 6 * elements.sum(), method=method)
    assert np.array_equal(found.choice, again.choice)


def test_groups_share_a_format_and_sum_up():
    costs = np.array([[4, 8], [4, 8], [4, 8.0]])
    scores = np.array([[1, 0], [5, 0], [3, 0.0]])
    apart = allocate_bits(costs, scores, 16)
    assert apart.choice.tolist() == [0, 1, 0]
    assert apart.multiplier == 0.75
    assert allocate_bits(costs, scores, 20, groups=[7, 7, 1]).choice.tolist() == [1, 1, 0]
    assert allocate_bits(costs, scores, 16, groups=[7, 7, 1], method="dp").choice.tolist() == [0, 0, 1]


@pytest.mark.parametrize("method", ["lagrangian", "greedy"])
def test_a_second_cost_is_kept_too(method):
    for seed in range(20):
        random = np.random.default_rng(seed)
        costs, latencies = random.uniform(1, 5, (2, 5, 3))
        scores = random.exponential(size=(5, 3))
        choices = list(itertools.product(range(3), repeat=5))
        rows = np.arange(5)
        limit = float(np.median([latencies[rows, c].sum() for c in choices]))
        allowed = [c for c in choices if costs[rows, c].sum() <= 15 and latencies[rows, c].sum() <= limit]
        best = min(scores[rows, c].sum() for c in allowed)
        found = allocate_bits(costs, scores, 15, method=method, latencies=latencies, latency_budget=limit)
        assert found.cost <= 15
        assert latencies[rows, found.choice].sum() <= limit
        assert found.bound - 1e-9 <= best <= found.score + 1e-12
        free = allocate_bits(costs, scores, 15, method=method, latencies=latencies, latency_budget=100)
        assert np.array_equal(free.choice, allocate_bits(costs, scores, 15, method=method).choice)


def test_a_second_cost_that_cannot_be_kept_is_refused():
    arguments = {"costs": [[1, 2]], "scores": [[1, 0]], "budget": 5}
    with pytest.raises(ValueError, match="the fastest choice found takes 3, got 2"):
        allocate_bits(**arguments, latencies=[[4, 3]], latency_budget=2)
    with pytest.raises(ValueError, match="must be given together"):
        allocate_bits(**arguments, latency_budget=2)
    with pytest.raises(ValueError, match='with `latencies`, got "dp"'):
        allocate_bits(**arguments, latencies=[[4, 3]], latency_budget=2, method="dp")
    with pytest.raises(ShapeError, match="shape of `costs`"):
        allocate_bits(**arguments, latencies=[[4]], latency_budget=2)
    for latencies, limit in (([[-1, 1]], 2), ([[1, np.nan]], 2), ([[1, 1]], np.nan)):
        with pytest.raises(ValueError, match="must be finite and not negative"):
            allocate_bits(**arguments, latencies=latencies, latency_budget=limit)


def test_ties_go_to_the_earlier_group_and_less_cost():
    costs, scores = [[4, 8], [4, 8]], [[1, 0], [1, 0]]
    assert allocate_bits(costs, scores, 12).choice.tolist() == [1, 0]
    assert allocate_bits(costs, scores, 12, method="dp").choice.tolist() == [0, 1]
    assert allocate_bits([[4, 2, 2]], [[1, 1, 1]], 100, method="dp").choice.tolist() == [1]


def test_inputs_stay_as_they_are():
    costs, scores = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0]])
    costs.flags.writeable = scores.flags.writeable = False
    assert allocate_bits(costs, scores, np.int64(2)).choice.tolist() == [1]


@pytest.mark.parametrize("method", METHODS)
def test_a_budget_that_nothing_meets_is_refused_with_the_least_cost(method):
    with pytest.raises(ValueError, match=r"must be at least 9, the cost of the cheapest choice, got 8\.5"):
        allocate_bits([[4, 8], [5, 9]], [[1, 0], [1, 0]], 8.5, method=method)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"costs": [[1, -1]]}, ValueError, "`costs` must be finite and not negative"),
        ({"costs": [[1, np.inf]]}, ValueError, "`costs` must be finite"),
        ({"costs": [1, 2]}, ShapeError, r"shape \(num_layers, num_formats\), got \(2,\)"),
        ({"costs": [[1, 2], [3]]}, ShapeError, "rows of the same length"),
        ({"costs": [["1", "2"]]}, DtypeError, "`costs` must be numbers"),
        ({"costs": np.zeros((0, 2)), "scores": np.zeros((0, 2))}, ShapeError, "at least one element"),
        ({"scores": [[1, 2, 3]]}, ShapeError, "same shape"),
        ({"scores": [[np.nan, 0]]}, ValueError, "`scores` must be numbers"),
        ({"scores": [[-np.inf, 0]]}, ValueError, "`scores` must be numbers"),
        ({"scores": [[np.inf, np.inf]]}, ValueError, "one format of each group, got none in group 0"),
        ({"budget": np.nan}, ValueError, "`budget` must be a number"),
        ({"budget": "5"}, DtypeError, "`budget` must be a number, got '5'"),
        ({"method": "magic"}, ValueError, "`method` must be one of"),
        ({"groups": [1, 2]}, ShapeError, r"`groups` must have shape \(1,\)"),
        ({"groups": [1.5]}, DtypeError, "`groups` must be whole numbers or strings"),
    ],
)
def test_bad_input_is_refused(change, error, words):
    arguments = {"costs": [[1, 2]], "scores": [[1, 0]], "budget": 5, "groups": None, "method": "lagrangian"} | change
    costs, scores, budget = (arguments.pop(name) for name in ("costs", "scores", "budget"))
    with pytest.raises(error, match=words):
        allocate_bits(costs, scores, budget, **arguments)


def test_a_case_too_hard_for_dp_is_refused():
    random = np.random.default_rng(3)
    costs = random.integers(1, 2**40, (60, 8)).astype(float)
    scores = -costs
    with pytest.raises(ValueError, match='`method` must be "lagrangian" or "greedy" for a case as hard as this'):
        allocate_bits(costs, scores, costs.sum() / 8, method="dp")
