"""`compose` against every combination, and against a fold with a peer."""

import itertools

import numpy as np
import pytest

from paretoserve import pareto
from paretoserve.errors import DtypeError, ShapeError
from paretoserve.pareto import compose, minkowski

FOLDS = {"sum": np.add, "max": np.maximum, "min": np.minimum, "product": np.multiply}


def combinations(stages, ops):
    """All choices and their values, folded from left to right."""
    choices = np.array(list(itertools.product(*(range(len(stage)) for stage in stages))))
    values = stages[0][choices[:, 0]].copy()
    for number, stage in enumerate(stages[1:], 1):
        for k, name in enumerate(ops):
            values[:, k] = FOLDS[name](values[:, k], stage[choices[:, number], k])
    return choices, values


def random_stages(generator, d, kind):
    sizes = generator.integers(1, 6, generator.integers(1, 6))
    if kind == "ties":
        return [generator.integers(0, 4, (n, d)).astype(float) for n in sizes]
    return [generator.random((n, d)) for n in sizes]


@pytest.mark.parametrize("d", [1, 2, 3, 5])
@pytest.mark.parametrize("kind", ["ties", "floats"])
def test_rows_are_the_front_of_all_combinations(d, kind):
    for seed in range(60):
        generator = np.random.default_rng(seed)
        stages = random_stages(generator, d, kind)
        ops = generator.choice(list(FOLDS), d).tolist()
        senses = generator.choice(["min", "max"], d).tolist()
        copies = [stage.copy() for stage in stages]
        result = compose(stages, ops, sense=senses)
        choices, values = combinations(stages, ops)
        expected = np.unique(values[pareto.mask(values, senses)], axis=0)
        assert np.array_equal(np.unique(result.values, axis=0), expected)
        assert len(result) == len(expected)
        position = {tuple(choice): row for row, choice in enumerate(choices.tolist())}
        taken = [position[tuple(choice)] for choice in result.choices.tolist()]
        assert np.array_equal(values[taken], result.values)
        signs = np.where(np.array(senses) == "max", -1.0, 1.0)
        assert np.array_equal(np.lexsort((result.values * signs).T[::-1]), np.arange(len(result)))
        assert (result.bound == 0).all()
        assert all(np.array_equal(a, b) for a, b in zip(stages, copies, strict=True))
        limit = [None if generator.random() < 0.3 else float(generator.choice(values[:, k])) for k in range(d)]
        open_end = np.where(np.array(senses) == "max", -np.inf, np.inf)
        worst = np.array([end if each is None else each for each, end in zip(limit, open_end, strict=True)])
        within = expected[((expected * signs) <= worst * signs).all(axis=1)]
        assert np.array_equal(np.unique(compose(stages, ops, sense=senses, limit=limit).values, axis=0), within)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("eps_kind", ["add", "mult"])
def test_losses_stay_within_their_bound(d, eps_kind):
    for seed in range(40):
        generator = np.random.default_rng(seed)
        stages = random_stages(generator, d, "floats")
        names = ["sum", "max", "min"] + (["product"] if eps_kind == "mult" else [])
        ops = generator.choice(names, d).tolist()
        senses = generator.choice(["min", "max"], d).tolist()
        values = combinations(stages, ops)[1]
        signs = np.where(np.array(senses) == "max", -1.0, 1.0)
        for options in ({"eps": 0.2}, {"max_rows": 3}, {"eps": [0.0, 0.3, 0.1][:d], "max_rows": 4}):
            result = compose(stages, ops, sense=senses, eps_kind=eps_kind, **options)
            if eps_kind == "add":
                loss = (result.values[None] - values[:, None]) * signs - result.bound
            else:
                loss = (result.values[None] / values[:, None]) ** signs - 1 - result.bound
            assert loss.max(axis=2).min(axis=1).max() <= 1e-9
            assert pareto.mask(result.values, senses).all()
            if "max_rows" in options:
                assert len(result) <= options["max_rows"]
            else:
                assert (result.bound <= np.array(options["eps"]) + 1e-12).all()


def test_thinning_a_long_fold_keeps_it_short():
    generator = np.random.default_rng(0)
    stages = [generator.integers(1, 10**6, (8, 2)) for _ in range(40)]
    exact = compose(stages)
    thinned = compose(stages, eps=0.2, eps_kind="mult")
    assert len(thinned) < len(exact) / 3
    assert (thinned.bound <= 0.2 + 1e-12).all()
    few = compose(stages, max_rows=50)
    assert len(few) <= 50
    assert (few.bound > 0).all()
    covered = (few.values[None] <= exact.values[:, None] + few.bound + 1e-6).all(axis=2).any(axis=1)
    assert covered.all()


def test_pools_with_mixed_operators():
    prefill = [[10.0, 1, 0.3], [18.0, 2, 0.2]]
    decode = [[12.0, 1, 0.5], [25.0, 2, 0.4]]
    result = compose([prefill, decode], ["min", "sum", "sum"], sense=["max", "min", "min"])
    assert result.values[0].tolist() == pytest.approx([18.0, 4.0, 0.6])
    assert result.choices[0].tolist() == [1, 1]
    assert result.to_dict()["choices"] == result.choices.tolist()


def test_peer_fold_agrees():
    moocore = pytest.importorskip("moocore")
    generator = np.random.default_rng(1)
    for d in (2, 3):
        stages = [generator.integers(1, 1000, (5, d)).astype(float) for _ in range(8)]
        theirs = stages[0]
        for stage in stages[1:]:
            sums = (theirs[:, None] + stage[None]).reshape(-1, d)
            theirs = np.unique(sums[moocore.is_nondominated(sums, keep_weakly=True)], axis=0)
        theirs = theirs[moocore.is_nondominated(theirs)]
        assert np.array_equal(compose(stages).values, theirs)


@pytest.mark.parametrize("d", [2, 3])
def test_any_layout_and_any_number_of_threads(d):
    generator = np.random.default_rng(0)
    stages = [generator.random((60, d)).astype(np.float32) for _ in range(4)]
    expected = compose(stages)
    for threads in (1, 2, 4):
        again = compose([list(np.asfortranarray(stage).T) for stage in stages], threads=threads)
        assert np.array_equal(again.values, expected.values)
        assert np.array_equal(again.choices, expected.choices)


def test_pareto_sums_are_symmetric():
    generator = np.random.default_rng(3)
    for d in (1, 2, 4):
        a, b = generator.random((30, d)), generator.random((40, d))
        one, two = minkowski(a, b, sense="max"), minkowski(b, a, sense="max")
        assert np.array_equal(one.values, two.values)
        assert np.array_equal(a[one.choices[:, 0]] + b[one.choices[:, 1]], one.values)


def test_extremes():
    assert compose([[[1e300, -0.0]], [[1e300, 0.0]], [[1e300, 1e-320]]]).values.tolist() == [[3e300, 1e-320]]
    assert compose([[[1e308]], [[1e308]]]).values.tolist() == [[np.inf]]
    assert compose([[[np.inf, 1.0], [2.0, 5.0]], [[1.0, 1.0]]]).values.tolist() == [[3.0, 6.0], [np.inf, 2.0]]
    assert compose([[[-np.inf, 2]], [[np.inf, 3]]], "max").values.tolist() == [[np.inf, 3.0]]
    assert len(compose([[[1, 2]], [[3, 4]]], limit=[3, None])) == 0
    assert compose([[[1, 2]], [[3, 4]]], limit=[3, None]).choices.shape == (0, 2)
    assert compose([np.ones((2, 33))] * 2).values.shape == (1, 33)
    assert compose([[[0.0, 1.0], [1.0, 0.0]]], eps=2).values.shape == (1, 2)


def test_negated_zeros_are_zeros():
    result = compose([[[-0.0, 5.0, 1.0], [0.0, 3.0, 2.0]]])
    assert result.values.tolist() == [[0.0, 3.0, 2.0], [0.0, 5.0, 1.0]]
    assert not np.signbit(compose([[[0.0, -0.0]], [[3.0, 2.0]]], "product", sense="max").values).any()
    # No factor makes up for a zero, whatever its sign.
    rows = [[-0.0, 3.0], [1.0, 2.0]]
    assert len(compose([rows], eps=0.5, eps_kind="mult")) == 2
    assert len(compose([rows], sense="max", eps=2.0, eps_kind="mult")) == 1
    assert len(compose([[[1.0, 3.0], [20.0, -0.0]]], sense="max", eps=9.0, eps_kind="mult")) == 2


def test_no_loss_is_allowed_where_differences_are_rounded_away():
    rows = [[1e299, 1.0, 9.0], [3.0, 5.0, 2.0], [2.5, 5.0, 1.0], [2.0, 4.0, 1.0]]
    assert compose([rows], sense=["max", "min", "min"], eps=0.0).values.tolist() == rows


@pytest.mark.parametrize("d", [2, 3])
def test_a_single_option_shifts_the_front(d):
    generator = np.random.default_rng(0)
    stages = [generator.random((50, d)), generator.random((1, d)), generator.random((1, d))]
    expected = compose(stages[:1])
    result = compose(stages)
    assert np.array_equal(result.choices, np.pad(expected.choices, ((0, 0), (0, 2))))
    assert np.array_equal(result.values, expected.values + stages[1] + stages[2])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int8, np.uint64, bool])
def test_stages_of_any_dtype(dtype):
    stages = [np.random.default_rng(seed).integers(0, 9, (6, 2)).astype(dtype) for seed in range(3)]
    result, expected = compose(stages), compose([stage.astype(float) for stage in stages])
    assert np.array_equal(result.values, expected.values)
    assert np.array_equal(result.choices, expected.choices)
    assert result.values.flags.writeable
    assert result.choices.flags.writeable
    assert result.choices.dtype == np.int64


def test_stages_that_are_not_aligned():
    stage = np.random.default_rng(0).random((6, 2))
    shifted = np.frombuffer(b" " + stage.tobytes(), dtype=np.uint8)[1:].view(np.float64).reshape(6, 2)
    assert not shifted.flags.aligned
    assert np.array_equal(compose([shifted, shifted]).values, compose([stage, stage]).values)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: compose([]), ShapeError, "`stages` must have 1 stage or more"),
        (lambda: compose([[[1, 2]], np.empty((0, 2))]), ShapeError, r"`stages\[1\]` must have 1 option or more"),
        (lambda: compose([[[1, 2]], [[1, 2, 3]]]), ShapeError, r"`stages\[1\]`"),
        (lambda: compose([[[1, "a"]]]), DtypeError, r"`stages\[0\]`"),
        (lambda: compose([[[1, np.nan]]]), ValueError, "`stages` must be free of NaN"),
        (lambda: compose([[[1, -1]]], "product"), ValueError, 'not negative where `ops` is "product"'),
        (lambda: compose([[[1, 2]]], "mean"), ValueError, "`ops` must be one of"),
        (lambda: compose([[[1, 2]]], ["sum"]), ShapeError, "`ops` must have 2 entries"),
        (lambda: compose([[[np.inf]], [[-np.inf]]]), ValueError, "infinity"),
        (lambda: compose([[[np.inf]], [[0]]], "product"), ValueError, "infinity"),
        (lambda: compose([[[1, 2]]], eps=-1), ValueError, "`eps`"),
        (lambda: compose([[[1, 2]]], "product", eps=0.1), ValueError, "`eps_kind`"),
        (lambda: compose([[[1, -2]]], eps=0.1, eps_kind="mult"), ValueError, "losses are relative"),
        (lambda: compose([[[1, 2]]], limit=[1]), ShapeError, "`limit`"),
        (lambda: compose([[[1, 2]]], limit=[1, np.nan]), ValueError, "`limit`"),
        (lambda: compose([[[1, 2]]], limit=["a", 1]), DtypeError, "`limit`"),
        (lambda: compose([[[1, 2]]], max_rows=0), ValueError, "`max_rows`"),
        (lambda: compose([[[1, 2]]], threads=0), ValueError, "`threads`"),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
