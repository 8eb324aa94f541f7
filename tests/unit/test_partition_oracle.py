"""The front equals that of all splits tried one by one: 2,000 problems with memory, energy, replicas and graphs."""

import random

import pytest

from _splits import all_points, draw, front_of
from paretoserve.errors import CapacityError
from paretoserve.partition import split_front

PARTS = 20


def found(front):
    columns = {"latency": "latency_s", "throughput": "throughput_rps", "energy": "energy_j"}

    def whole(split, name):
        value = getattr(split, columns[name])
        return round(1e9 / value if name == "throughput" else value * 1e9)

    return [tuple(whole(split, name) for name in front.objectives) for split in front.splits]


@pytest.mark.parametrize("part", range(PARTS))
def test_front_equals_brute_force(part):
    solved = 0
    for seed in range(part, 2000, PARTS):
        case = draw(random.Random(seed))
        points, possible = all_points(case)
        arguments, options = case.arguments()
        if not possible:
            with pytest.raises(ValueError, match="`devices` must be at most as many"):
                split_front(*arguments, **options)
        elif not points:
            with pytest.raises(CapacityError, match=r"lacks [1-9]"):
                split_front(*arguments, **options)
        else:
            front = split_front(*arguments, **options)
            assert sorted(found(front)) == front_of(points, case.objectives), seed
            solved += 1
    assert solved > 40


@pytest.mark.parametrize("epsilon", [0.05, 0.5])
def test_nothing_is_better_than_epsilon_says(epsilon):
    fewer = 0
    for seed in range(200):
        case = draw(random.Random(seed))
        points, possible = all_points(case)
        if not points or not possible:
            continue
        arguments, options = case.arguments()
        exact, kept = front_of(points, case.objectives), found(split_front(*arguments, **options, epsilon=epsilon))
        fewer += len(kept) < len(exact)
        assert set(kept) <= {tuple(p[i] for i in range(3) if options_has(case, i)) for p in points}
        for point in exact:
            assert any(all(a <= (1 + epsilon) * b for a, b in zip(k, point, strict=True)) for k in kept)
    assert fewer > 10


def options_has(case, index):
    return ("latency", "throughput", "energy")[index] in case.objectives
