"""2,000 random tables against the obvious version, and large ones against moocore and against themselves."""

import importlib
import warnings

import numpy as np
import pytest

from _pareto_cases import check_random_case, laid_out
from paretoserve import pareto


@pytest.mark.parametrize("block", range(8))
def test_random_tables_equal_the_obvious_version(block):
    for seed in range(block * 250, (block + 1) * 250):
        check_random_case(seed)


@pytest.fixture(scope="module")
def moocore():
    pytest.importorskip("moocore")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("moocore")


def shaped(shape, n, d):
    generator = np.random.default_rng(n + d)
    if shape == "grid":
        return generator.integers(0, 8, (n, d)).astype(np.float64)
    if shape == "corr":
        return generator.random((n, 1)) + generator.normal(0, 0.05, (n, d))
    if shape == "sphere":
        table = np.abs(generator.standard_normal((n, d)))
        return table / np.linalg.norm(table, axis=1, keepdims=True)
    if shape == "pairs":
        # An antichain in every other objective: cells rule out little.
        half = generator.random((n, 1))
        return np.concatenate([half, 1 - half] * ((d + 1) // 2), axis=1)[:, :d]
    return generator.random((n, d))


@pytest.mark.parametrize("shape", ["uniform", "corr", "grid", "sphere", "pairs"])
@pytest.mark.parametrize(
    ("n", "d"), [(300, 2), (300, 5), (40_000, 2), (40_000, 3), (20_000, 4), (8_000, 6), (4_000, 12)]
)
def test_large_tables_equal_moocore(moocore, shape, n, d):
    points = shaped(shape, n, d)
    expected = np.asarray(moocore.is_nondominated(points, keep_weakly=True))
    for threads in (1, 2, 4):
        assert (pareto.mask(points, threads=threads) == expected).all()
    for layout in ("fortran", "columns", "wide"):
        assert (pareto.mask(laid_out(points, layout)) == expected).all()
    assert (pareto.mask(-points, "max") == expected).all()


def test_torch_and_arrow_columns_are_the_same_table():
    torch, pyarrow = pytest.importorskip("torch"), pytest.importorskip("pyarrow")
    points = np.random.default_rng(0).random((5_000, 3)).astype(np.float32)
    expected = pareto.mask(points)
    assert (pareto.mask(torch.from_numpy(points)) == expected).all()
    assert (pareto.mask([torch.from_numpy(points[:, k]) for k in range(3)]) == expected).all()
    assert (pareto.mask([pyarrow.array(points[:, k]) for k in range(3)]) == expected).all()
    half = torch.from_numpy(points).to(torch.bfloat16)
    assert (pareto.mask(half) == pareto.mask(half.float().numpy())).all()


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_integers_that_float64_would_merge(dtype):
    generator = np.random.default_rng(1)
    points = (2**62 + generator.integers(0, 4, (3_000, 3))).astype(dtype)
    assert (pareto.mask(points) == pareto.mask(points - points.min())).all()
    assert (pareto.mask(points, "max") == pareto.mask(points.max() - points)).all()


def test_a_table_that_is_not_aligned():
    points = np.random.default_rng(0).random((50, 2))
    shifted = np.frombuffer(b" " + points.tobytes(), dtype=np.uint8)[1:].view(np.float64).reshape(50, 2)
    assert not shifted.flags.aligned
    assert np.array_equal(pareto.mask(shifted), pareto.mask(points))


def test_nan_is_found_wherever_it_lies():
    for n in (3, 300, 70_000):
        for row in (0, n // 2, n - 1):
            points = np.random.default_rng(row).random((n, 3))
            expected = np.zeros(n, dtype=bool)
            others = np.arange(n) != row
            expected[others] = pareto.mask(points[others])
            points[row, 2] = np.nan
            with pytest.raises(ValueError, match=f"NaN in row {row}, column 2"):
                pareto.mask(points)
            assert (pareto.mask(points, nan="drop") == expected).all()


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "uint64", "bool", "str", "object", "float64"])
def test_groups_of_any_dtype(dtype):
    points = np.random.default_rng(0).integers(0, 30, (4_000, 3)).astype(np.float64)
    codes = np.random.default_rng(1).integers(0, 2 if dtype == "bool" else 7, 4_000)
    labels = codes.astype(dtype)
    if dtype == "int8":
        labels = np.where(codes == 0, -128, np.where(codes == 1, 127, codes)).astype(np.int8)
    if dtype == "uint64":
        labels = np.uint64(2**64 - 10) + codes.astype(np.uint64)
    expected = np.zeros(4_000, dtype=bool)
    for code in range(7):
        expected[codes == code] = pareto.mask(points[codes == code])
    assert (pareto.mask(points, groups=labels) == expected).all()
    assert (pareto.mask(points, groups=labels.tolist()) == expected).all()


@pytest.mark.parametrize("num_groups", [1, 3, 200])
@pytest.mark.parametrize("n", [500, 20_000, 150_000])
def test_groups_of_large_tables_with_nan(n, num_groups):
    points = np.random.default_rng(n).random((n, 4)).astype(np.float32)
    codes = np.random.default_rng(num_groups).integers(0, num_groups, n)
    points[n // 2, 1] = np.nan
    points[n // 3] = np.nan
    with pytest.raises(ValueError, match=f"NaN in row {n // 3}, column 0"):
        pareto.mask(points, groups=codes)
    whole = ~np.isnan(points).any(axis=1)
    expected = np.zeros(n, dtype=bool)
    for code in range(num_groups):
        part = whole & (codes == code)
        expected[part] = pareto.mask(points[part], keep="first")
    for threads in (1, 2):
        assert (pareto.mask(points, groups=codes, nan="drop", keep="first", threads=threads) == expected).all()
    inside = points[:, 0] > 0.5
    expected = pareto.mask(np.where(inside[:, None], points, np.nan), groups=codes, nan="drop")
    assert (
        pareto.mask(points, groups=codes, nan="drop", where={0: (np.nextafter(np.float32(0.5), 1), None)}) == expected
    ).all()
