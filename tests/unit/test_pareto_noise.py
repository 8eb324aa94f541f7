"""Front membership of noisy points against numpy with the same random numbers, and against closed forms."""

import math

import numpy as np
import pytest

from paretoserve import pareto
from paretoserve.errors import DtypeError, ShapeError
from paretoserve.pareto import bootstrap, front_probability


def philox(seed, counters):
    """Philox 4x32-10 by its definition; shape (len(counters), 4)."""
    low = np.uint64(0xFFFFFFFF)
    key = [np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32)]
    counters = np.asarray(counters, dtype=np.uint64)
    block = [counters & low, counters >> np.uint64(32), np.zeros_like(counters), np.zeros_like(counters)]
    for _ in range(10):
        first, second = block[0] * np.uint64(0xD2511F53), block[2] * np.uint64(0xCD9E8D57)
        block = [
            (second >> np.uint64(32)) ^ block[1] ^ key[0],
            second & low,
            (first >> np.uint64(32)) ^ block[3] ^ key[1],
            first & low,
        ]
        key = [(key[0] + np.uint64(0x9E3779B9)) & low, (key[1] + np.uint64(0xBB67AE85)) & low]
    return np.stack(block, axis=1)


def words(seed, draw, count):
    blocks = -(-count // 4)
    return philox(seed, draw * blocks + np.arange(blocks)).reshape(-1)[:count]


def normals(seed, draw, count):
    whole = words(seed, draw, -(-count // 4) * 4).astype(float)
    share = ((whole + 0.5) / 2**32).reshape(-1, 2)
    radius, angle = np.sqrt(-2 * np.log(share[:, 0])), 2 * np.pi * share[:, 1]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)[:count]


def counted(samples, sense="min", **options):
    return np.mean([pareto.mask(draw, sense, **options) for draw in samples], axis=0)


@pytest.mark.parametrize("d", [1, 2, 3, 5])
@pytest.mark.parametrize("n", [1, 7, 100, 300])
def test_samples_are_counted_as_mask_does(n, d):
    for seed in range(4):
        generator = np.random.default_rng(seed)
        mean = generator.random((n, d))
        samples = mean + generator.normal(0, 0.1, (30, n, d))
        if seed == 1:
            samples = np.round(samples * 4)
        senses = generator.choice(["min", "max"], d).tolist()
        groups = generator.integers(0, 3, n)
        copy = samples.copy()
        for options in ({}, {"groups": groups}):
            result = front_probability(samples, sense=senses, **options)
            expected = counted(samples, senses, **options)
            assert np.array_equal(result.probability, expected)
            assert np.allclose(result.standard_error, np.sqrt(expected * (1 - expected) / 30))
        assert np.array_equal(samples, copy)


def test_missing_values():
    generator = np.random.default_rng(0)
    samples = generator.random((20, 90, 3))
    samples[generator.random(samples.shape) < 0.05] = np.nan
    with pytest.raises(ValueError, match="`samples` must be free of NaN"):
        front_probability(samples)
    for policy in ("drop", "worst"):
        assert np.array_equal(front_probability(samples, nan=policy).probability, counted(samples, nan=policy))
    samples = np.array([[[np.inf, 0], [0, 1], [-np.inf, 2]]])
    assert np.array_equal(front_probability(samples).probability, counted(samples))


@pytest.mark.parametrize("d", [1, 2, 3])
def test_normal_draws_are_those_of_philox(d):
    generator = np.random.default_rng(d)
    n, seed = 37, 2**40 + 5
    mean, std = generator.random((n, d)), 0.2 * generator.random((n, d))
    z = np.stack([normals(seed, draw, n * d).reshape(n, d) for draw in range(50)])
    result = front_probability(mean=mean, std=std, num_samples=50, seed=seed)
    assert np.array_equal(result.probability, counted(mean + std * z))
    root = np.tril(generator.normal(0, 0.2, (n, d, d)))
    cov = root @ root.transpose(0, 2, 1)
    result = front_probability(mean=mean, cov=cov, num_samples=50, seed=seed)
    positive = np.linalg.cholesky(cov)
    assert np.array_equal(result.probability, counted(mean + np.einsum("nij,bnj->bni", positive, z)))


def test_two_normal_points_have_a_closed_form():
    mean, std = np.array([[0.0, 0.0], [0.1, 0.2]]), np.array([[0.3, 0.1], [0.2, 0.4]])
    result = front_probability(mean=mean, std=std, num_samples=200_000)
    spread = np.hypot(std[0], std[1])
    phi = [0.5 * math.erfc(-value / math.sqrt(2)) for value in (mean[1] - mean[0]) / spread]
    assert result.probability[1] == pytest.approx(1 - phi[0] * phi[1], abs=5 * result.standard_error[1])
    assert result.probability[0] == pytest.approx(1 - (1 - phi[0]) * (1 - phi[1]), abs=5 * result.standard_error[0])
    correlated = front_probability(mean=np.zeros((2, 2)), cov=[[1, 0.6], [0.6, 1]], num_samples=200_000)
    quadrant = 0.25 + math.asin(0.6) / (2 * math.pi)
    assert correlated.probability == pytest.approx([1 - quadrant] * 2, abs=5e-3)
    opposed = front_probability(mean=np.zeros((9, 2)), cov=[[1, -1], [-1, 1]], num_samples=50)
    assert (opposed.probability == 1).all()


@pytest.mark.parametrize("statistic", ["mean", "median", 0.9, 0.0, 1.0])
@pytest.mark.parametrize("d", [1, 2, 3, 6])
def test_bootstrap_resamples_measurements(statistic, d):
    generator = np.random.default_rng(d)
    runs = [generator.random((count, d)) + generator.random(d) for count in generator.integers(1, 7, 40)]
    offsets = np.concatenate([[0], np.cumsum([len(run) for run in runs])])
    seed, draws = 9, []
    for draw in range(25):
        word = words(seed, draw, offsets[-1])
        rows = []
        for run, start, end in zip(runs, offsets, offsets[1:], strict=False):
            chosen = run[(word[start:end] * np.uint64(len(run)) >> np.uint64(32)).astype(int)]
            if statistic == "mean":
                rows.append(np.add.reduce(chosen, axis=0) / len(run))
            elif statistic == "median":
                rows.append(np.median(chosen, axis=0))
            else:
                rows.append(np.quantile(chosen, statistic, axis=0))
        draws.append(rows)
    result = bootstrap(runs, statistic=statistic, num_samples=25, seed=seed, sense="max")
    assert np.array_equal(result.probability, counted(np.array(draws), "max"))
    flat = bootstrap(np.concatenate(runs), offsets=offsets, statistic=statistic, num_samples=25, seed=seed, sense="max")
    assert np.array_equal(flat.probability, result.probability)


def test_bootstrap_of_a_mean_agrees_with_the_normal_model():
    generator = np.random.default_rng(0)
    mean = generator.random((30, 2))
    runs = [center + generator.normal(0, 0.1, (60, 2)) for center in mean]
    own = bootstrap(runs, num_samples=4_000)
    means = np.array([run.mean(axis=0) for run in runs])
    std = np.array([run.std(axis=0) for run in runs]) / math.sqrt(60)
    model = front_probability(mean=means, std=std, num_samples=4_000)
    assert np.abs(own.probability - model.probability).max() < 0.05


def test_the_seed_decides_and_threads_do_not():
    generator = np.random.default_rng(0)
    mean = generator.random((400, 3))
    runs = mean.repeat(5, axis=0) + generator.normal(0, 0.1, (2000, 3))
    offsets = np.arange(0, 2001, 5)
    calls = [
        lambda **options: front_probability(mean=mean, std=0.1, num_samples=101, **options),
        lambda **options: front_probability(mean=mean, cov=np.eye(3) * 0.01, num_samples=101, **options),
        lambda **options: bootstrap(runs, offsets=offsets, num_samples=101, **options),
    ]
    for call in calls:
        expected = call().probability
        for threads in (1, 2, 4, 200):
            assert np.array_equal(call(threads=threads).probability, expected)
        assert not np.array_equal(call(seed=1).probability, expected)
        assert np.array_equal(call(seed=2**64 - 1).probability, call(seed=2**64 - 1).probability)


def test_verdicts():
    result = front_probability(np.array([[[0.0], [1], [0]]] * 19 + [[[0.0], [-1], [0]]]), level=0.9)
    assert result.probability.tolist() == [0.95, 0.05, 0.95]
    assert result.surely_on.tolist() == [True, False, True]
    assert result.surely_off.tolist() == [False, True, False]
    assert not result.open.any()
    strict = front_probability(np.array([[[0.0], [1], [0]]] * 19 + [[[0.0], [-1], [0]]]), level=0.99)
    assert strict.open.all()
    assert strict.to_dict()["verdict"] == ["open"] * 3
    empty = front_probability(np.empty((5, 0, 2)))
    assert empty.probability.shape == (0,)
    assert bootstrap([]).probability.shape == (0,)
    assert front_probability(np.ones((3, 2, 33), dtype=np.float16)).probability.tolist() == [1, 1]
    wide = np.array([[[1e-300, 1e300], [5e-324, 1e300]]])
    assert front_probability(wide).probability.tolist() == [0, 1]


@pytest.mark.parametrize(("d", "shape"), [(2, "cloud"), (3, "sphere"), (3, "ties"), (6, "cloud")])
def test_many_rows_are_as_filtered_one_draw_at_a_time(d, shape):
    # Enough rows and draws for strong rows and rivals; an objective without noise, both senses, and an infinity.
    generator = np.random.default_rng(d)
    mean = np.abs(generator.standard_normal((400, d)))
    if shape == "sphere":
        mean /= np.linalg.norm(mean, axis=1, keepdims=True)
    samples = mean + generator.normal(0, 0.1, (60, 400, d))
    samples[:, :, -1] = mean[:, -1] if shape != "sphere" else samples[:, :, -1]
    if shape == "ties":
        samples = samples.round(1)
    samples[3, 7, 0] = np.inf
    senses = ["max", *["min"] * (d - 1)] if shape == "cloud" else "min"
    expected = np.mean([pareto.mask(draw, senses) for draw in samples], axis=0)
    assert np.array_equal(front_probability(samples, sense=senses, threads=1).probability, expected)
    assert np.array_equal(front_probability(samples, sense=senses, threads=2).probability, expected)
    labels = np.arange(400) % 3
    grouped = np.mean([pareto.mask(draw, senses, groups=labels) for draw in samples], axis=0)
    assert np.array_equal(front_probability(samples, sense=senses, groups=labels).probability, grouped)


def test_layouts():
    samples = np.random.default_rng(0).random((10, 50, 3)).astype(np.float32)
    expected = front_probability(samples.astype(np.float64)).probability
    for layout in (samples, np.asfortranarray(samples), samples[:, ::-1][:, ::-1], samples.tolist()):
        assert np.array_equal(front_probability(layout).probability, expected)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: front_probability(), ValueError, "`samples` or `mean` must be given, got neither"),
        (lambda: front_probability([[[1]]], mean=[[1]]), ValueError, "got both"),
        (lambda: front_probability([[[1]]], std=1), ValueError, "`cov` and `std` go with `mean`"),
        (lambda: front_probability(mean=[[1]]), ValueError, "`cov` or `std` must be given"),
        (lambda: front_probability(mean=[[1]], std=1, cov=[[1]]), ValueError, "got both"),
        (lambda: front_probability(np.empty((0, 3, 2))), ShapeError, "`samples` must have shape"),
        (lambda: front_probability(np.empty((3, 3, 0))), ShapeError, "`samples` must have shape"),
        (lambda: front_probability([[1, 2]]), ShapeError, "`samples` must have 3 dimensions"),
        (lambda: front_probability([[["a"]]]), DtypeError, "`samples` must be real numbers"),
        (lambda: front_probability([[[1, 2], [1]]]), ShapeError, "`samples`"),
        (lambda: front_probability(mean=[[1, 2]], std=-1), ValueError, "`std` must be finite and not negative"),
        (lambda: front_probability(mean=[[1, 2]], std=[1, 2, 3]), ShapeError, "`std`"),
        (lambda: front_probability(mean=[[1, np.nan]], std=1), ValueError, "`mean` must be free of NaN"),
        (lambda: front_probability(mean=[[1, 2]], cov=np.eye(3)), ShapeError, "`cov` must have shape"),
        (lambda: front_probability(mean=[[1, 2]], cov=[[1, 2], [2, 1]]), ValueError, "positive semidefinite"),
        (lambda: front_probability(mean=[[1, 2]], cov=[[-1, 0], [0, 1]]), ValueError, "positive semidefinite"),
        (lambda: front_probability(mean=[[1, 2]], cov=[[1, 0.5], [0, 1]]), ValueError, "symmetric"),
        (lambda: front_probability(mean=[[1, 2]], cov=np.full((2, 2), np.inf)), ValueError, "`cov` must be finite"),
        (lambda: front_probability(mean=[[1]], std=1, num_samples=0), ValueError, "`num_samples` must be 1 or more"),
        (lambda: front_probability(mean=[[1]], std=1, num_samples=1.5), TypeError, "`num_samples`"),
        (lambda: front_probability(mean=[[1]], std=1, seed=-1), ValueError, "`seed`"),
        (lambda: front_probability(mean=[[1]], std=1, level=0.5), ValueError, "`level` must be above 0.5"),
        (lambda: front_probability(mean=[[1]], std=1, level=2), ValueError, "`level` must be a number from 0 to 1"),
        (lambda: front_probability(mean=[[1]], std=1, sense="up"), ValueError, "`sense`"),
        (lambda: front_probability(mean=[[1]], std=1, groups=[1, 2]), ShapeError, "`groups`"),
        (lambda: bootstrap([[[1, 2]], [[1]]]), ShapeError, "`measurements` must have matrices of one width"),
        (lambda: bootstrap([[[1]], np.empty((0, 1))]), ValueError, "1 or more per row, got 0 for row 1"),
        (lambda: bootstrap([[1]], offsets=[0, 2]), ValueError, "`offsets` must be rising"),
        (lambda: bootstrap([[1], [2]], offsets=[1, 2]), ValueError, "`offsets` must be rising"),
        (lambda: bootstrap([[1]], offsets=[0.0, 1.0]), ShapeError, "`offsets`"),
        (lambda: bootstrap([[[np.nan]]]), ValueError, "`measurements` must be free of NaN"),
        (lambda: bootstrap([[[np.nan]]], nan="drop"), ValueError, "1 or more per row"),
        (lambda: bootstrap([[[1]]], nan="worst"), ValueError, "`nan` must be one of"),
        (lambda: bootstrap([[[1]]], statistic="mode"), ValueError, "`statistic` must be one of"),
        (lambda: bootstrap([[[1]]], statistic=1.5), ValueError, "`statistic`"),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
