"""Noisy fronts and estimated volumes on a device, by the fake driver: the numbers of the CPU, to the last bit."""

import textwrap

import pytest

pytest.importorskip("torch")

BEGIN = """
import numpy as np
import torch
from _pretend import STREAM, array, launches, may_wait, record
from paretoserve import errors, pareto
from paretoserve.pareto._cuda import hypervolume as volumes, noise
may_wait()
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
          torch.int8, torch.uint8, torch.bool, torch.uint16, torch.uint32, torch.uint64]

def plain(value):
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, torch.Tensor):
        return value.double().numpy() if value.dtype == torch.bfloat16 else value.numpy()
    return value

def same(function, *arrays, **options):
    got = function(*arrays, **options)
    expected = function(*[plain(each) for each in arrays], **{name: plain(value) for name, value in options.items()})
    for name in ("probability", "surely_on", "surely_off", "open"):
        on_device, on_host = getattr(got, name), getattr(expected, name)
        assert isinstance(on_device, torch.Tensor), name
        np.testing.assert_array_equal(array(on_device), on_host)
    assert got.to_dict()["verdict"] == expected.to_dict()["verdict"]
    # Torch's square root on the CPU may be off in the last bit.
    np.testing.assert_allclose(array(got.standard_error), expected.standard_error, rtol=3e-16)
    return expected

def raises(error, text, function, *arrays, **options):
    try:
        function(*arrays, **options)
    except error as raised:
        assert text in str(raised), raised
    else:
        raise AssertionError(text)
"""


@pytest.fixture
def run(programs):
    return lambda program, **environment: programs.run(BEGIN + textwrap.dedent(program), **environment)


def test_samples_of_every_dtype_and_number_of_objectives(run):
    run("""
    generator = np.random.default_rng(5)
    for dtype in DTYPES:
        for d in (1, 2, 3, 9):
            samples = torch.from_numpy(generator.integers(0, 2 if dtype == torch.bool else 9, (5, 150, d))).to(dtype)
            same(pareto.front_probability, samples, sense=generator.choice(["min", "max"], d).tolist())
    large = torch.tensor([[[2**53 + 1], [2**53]]])
    assert same(pareto.front_probability, large).probability.tolist() == [1.0, 1.0]
    """)


def test_nan_groups_chunks_and_strides(run):
    run("""
    generator = np.random.default_rng(6)
    samples = np.round(generator.normal(0, 1, (7, 150, 3)), 1).astype(np.float32)
    samples[2, 3, 0], samples[4, 9] = np.nan, np.inf
    t = torch.from_numpy(samples)
    raises(ValueError, "NaN at flat index 909", pareto.front_probability, t)
    for noise.MOST_KEYS in (1, 1000, 1 << 24):
        for nan in ("drop", "worst"):
            same(pareto.front_probability, t, sense="max", nan=nan)
            same(pareto.front_probability, t, nan=nan, groups=torch.arange(150) // 9)
    noise.MOST_KEYS = 1000
    same(pareto.front_probability, t.transpose(0, 1)[:, ::2], nan="drop")
    same(pareto.front_probability, t[:, :, 1:].requires_grad_().detach(), nan="drop", groups=["a", "b"] * 75)
    same(pareto.front_probability, t[:, :0])
    record()
    pareto.front_probability(t, nan="drop")
    seen = launches(record())
    assert {each.entry for each in seen} == {"paretoserve_pareto_keys_narrow", "paretoserve_pareto_members_narrow"}
    assert {each.stream for each in seen} == {STREAM}
    """)


def test_normal_models(run):
    run("""
    generator = np.random.default_rng(7)
    for n, d in ((1, 1), (7, 2), (40, 3), (5, 9)):
        mean = torch.from_numpy(generator.random((n, d)))
        std = torch.from_numpy(generator.random((n, d)) / 3)
        mean[0, 0] = np.inf
        sense = generator.choice(["min", "max"], d).tolist()
        same(pareto.front_probability, mean=mean, std=std, sense=sense, num_samples=40, seed=2**64 - 1)
        same(pareto.front_probability, mean=mean.float(), std=0.1, num_samples=33, groups=torch.arange(n) % 2)
        root = generator.normal(0, 0.3, (n, d, d))
        cov = torch.from_numpy(root @ root.transpose(0, 2, 1))
        for noise.MOST_KEYS in (100, 1 << 24):
            same(pareto.front_probability, mean=mean, cov=cov, num_samples=20, seed=3)
    entries = {each.entry for each in launches(record())}
    assert entries == {"paretoserve_pareto_draws", "paretoserve_pareto_members_wide"}, entries
    same(pareto.front_probability, mean=torch.zeros(0, 2), std=1.0)
    """)


@pytest.mark.parametrize("statistic", ["mean", "median", 0.0, 0.3, 0.99, 1.0])
def test_bootstraps(run, statistic):
    run(f"""
    generator = np.random.default_rng(8)
    for d in (1, 2, 5):
        counts = generator.integers(1, 8, 20)
        runs = [torch.from_numpy(np.round(generator.normal(0, 1, (count, d)), 1)) for count in counts]
        runs[1] = torch.tensor([[1.7e308, -0.0, 0.0, np.inf, 1.0][:d], [1.6e308, 0.0, -0.0, 2.0, -np.inf][:d]]).double()
        options = dict(statistic={statistic!r}, num_samples=9, seed=d)
        same(pareto.bootstrap, runs, sense="max", **options)
        ends = torch.from_numpy(np.cumsum([0, *counts[:1], 2, *counts[2:]]))
        flat = torch.cat(runs)
        same(pareto.bootstrap, flat, offsets=ends, groups=torch.arange(20) % 3, **options)
        flat[3] = np.nan
        raises(ValueError, "`measurements` must be free of NaN", pareto.bootstrap, flat, offsets=ends)
        flat[3] = 0.0
        again = torch.cat([flat[: ends[5]], torch.full((1, d), np.nan), flat[ends[5] :]])
        ends[6:] += 1
        same(pareto.bootstrap, again.float(), offsets=ends.tolist(), nan="drop", **options)
    """)


def test_models_that_do_not_fit_are_refused(run):
    run("""
    t = torch.zeros((3, 4, 2))
    for error, text, arrays in (
        (errors.ShapeError, "`samples` must have 3 dimensions, got shape (4, 2)", {"samples": t[0]}),
        (errors.ShapeError, "with B and d of 1 or more, got (3, 4, 0)", {"samples": t[:, :, :0]}),
        (errors.ShapeError, "with B and d of 1 or more, got (0, 4, 2)", {"samples": t[:0]}),
        (errors.DtypeError, "`samples` must be real numbers of at most", {"samples": t.to(torch.complex64)}),
        (errors.DtypeError, "`mean` must be real numbers of at most", {"mean": t[0] + 0j, "std": 1.0}),
        (ValueError, "`cov` and `std` go with `mean`", {"samples": t, "std": 1.0}),
        (ValueError, "got both", {"samples": t, "mean": t[0]}),
        (ValueError, "`mean` must be free of NaN", {"mean": t[0] + np.nan, "std": 1.0}),
        (ValueError, "`std` must be finite and not negative", {"mean": t[0], "std": -t[0] - 1}),
        (errors.ShapeError, "`groups` must have shape (4,)", {"samples": t, "groups": t[:, 0, 0]}),
        (ValueError, "`level` must be above 0.5", {"samples": t, "level": 0.5}),
        (errors.DeviceError, "`mean` is on cpu but `std` is on meta", {"mean": t[0], "std": t[0].to("meta")}),
    ):
        raises(error, text, pareto.front_probability, **arrays)
    raises(errors.DeviceError, "`measurements` is on cpu but `measurements[1]` is on meta",
           pareto.bootstrap, [t[0], t[0].to("meta")])
    """)


VOLUMES = """
def same_volume(points, ref, sense="min", **options):
    got = pareto.hypervolume(points, ref, sense, method="approx", **options)
    on_host = [each.double().numpy() for each in (points if isinstance(points, list) else [points])]
    on_host = on_host if isinstance(points, list) else on_host[0]
    expected = pareto.hypervolume(on_host, ref, sense, method="approx", **options)
    assert repr(got) == repr(expected), (got, expected)
    return got
"""


def test_estimated_volumes(run):
    run(
        VOLUMES
        + """
generator = np.random.default_rng(9)
for d, n, error in ((1, 5, 0.1), (2, 40, 0.02), (4, 150, 0.1), (7, 30, 0.2), (12, 9, 0.3), (20, 5, 0.5), (33, 3, 0.9)):
    points = torch.from_numpy(1 - generator.random((n, d)) / d)
    same_volume(points, 0.01, "max", rel_err=error, seed=d)
    same_volume(-points * 1e-300, [0.0] * d, rel_err=error, seed=2**64 - 1)
lines = record()
assert not [line for line in lines if line.startswith("forbidden")]
assert {each.stream for each in launches(lines)} == {STREAM}
entries = {each.entry for each in launches(lines)}
assert {"paretoserve_pareto_rays", "paretoserve_pareto_powers", "paretoserve_pareto_beaten_wide"} < entries, entries
volumes.RAYS = 32
assert same_volume(points[:, :3], 0.01, "max", rel_err=0.05).num_outside == 0
volumes.RAYS = 1 << 16
for dtype in DTYPES:
    values = torch.from_numpy(generator.integers(0, 2 if dtype == torch.bool else 9, (60, 3))).to(dtype)
    assert same_volume(values, [8, 7, 6], ["min", "max", "min"], rel_err=0.1).num_outside > 0 or dtype == torch.bool
"""
    )


def test_awkward_points_of_an_estimate(run):
    run(
        VOLUMES
        + """
points = torch.tensor([[1.0, 2.0, 1.0], [2.0, 1.0, 1.0], [np.nan, 0.0, 0.0], [9.0, 0.0, 0.0], [2.0, 1.0, 1.0]])
assert same_volume(points, 3, nan="drop", rel_err=0.01).num_outside == 1
raises(ValueError, "NaN in row 2, column 0", pareto.hypervolume, points, 3, method="approx")
same_volume(points[:2].T.contiguous().T, 3, rel_err=0.01)
same_volume([points[:2, 0], points[:2, 1].double(), points[:2, 2].half()], 3, rel_err=0.01)
assert same_volume(points[:0], 3) == 0
assert same_volume(points[3:4], 3).num_outside == 1
assert same_volume(torch.tensor([[1.0, -np.inf], [0.0, 0.0]]), 3) == np.inf
for error, text, options in (
    (errors.DeviceError, '`method` must be "approx" on a CUDA device', {"method": "auto"}),
    (errors.DeviceError, "points.cpu()", {"method": "exact"}),
    (ValueError, "`ref` must be free of NaN", {"ref": np.nan}),
    (errors.ShapeError, "`ref` must be one number or 3", {"ref": [1, 2]}),
    (errors.DtypeError, "`points` must be integers", {"points": points.to(torch.complex64)}),
    (errors.DeviceError, "is on cpu but `points[1]` is on meta", {"points": [points[:, 0], points[:, 1].to("meta")]}),
    (ValueError, "`rel_err` must be from", {"rel_err": 1e-9}),
    (ValueError, '`nan` must be one of "raise", "drop"', {"nan": "worst"}),
):
    raises(error, text, pareto.hypervolume, **{"points": points[:2], "ref": 3, "method": "approx"} | options)
"""
    )


def test_an_error_of_the_driver_ends_an_estimate(run):
    run(
        """
raises(errors.DeviceError, "CUDA_ERROR", pareto.hypervolume, torch.rand(5, 3), 2.0, method="approx")
""",
        FAKE_DRIVER_FAIL="cuLaunchKernel=700",
    )
