"""Fronts of tensors on a device, by the fake driver, which runs the shipped kernels: the marks of the CPU."""

import textwrap

import pytest

pytest.importorskip("torch")

BEGIN = """
import numpy as np
import torch
from _pretend import STREAM, array, launches, may_wait, record
from paretoserve import errors, pareto
may_wait()
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
          torch.int8, torch.uint8, torch.bool, torch.uint16, torch.uint32, torch.uint64]

def numpy_of(tensor):
    return tensor.float().numpy() if tensor.dtype == torch.bfloat16 else tensor.numpy()

def check(tensor, sense="min", **options):
    before = tensor.clone()
    got = pareto.mask(tensor, sense, **options)
    assert isinstance(got, torch.Tensor) and got.dtype == torch.bool
    plain = {name: value.numpy() if isinstance(value, torch.Tensor) else value for name, value in options.items()}
    expected = pareto.mask(numpy_of(tensor), sense, **plain)
    np.testing.assert_array_equal(array(got), expected)
    indices = pareto.front(tensor, sense, **options)
    np.testing.assert_array_equal(array(indices), pareto.front(numpy_of(tensor), sense, **plain))
    assert numpy_of(before).tobytes() == numpy_of(tensor).tobytes()
"""


@pytest.fixture
def run(programs):
    return lambda program, **environment: programs.run(BEGIN + textwrap.dedent(program), **environment)


def test_masks_equal_those_of_the_cpu_for_every_dtype(run):
    run("""
    generator = np.random.default_rng(0)
    for dtype in DTYPES:
        for d in (1, 2, 3, 4, 8, 9, 33):
            values = torch.from_numpy(generator.integers(0, 2 if dtype == torch.bool else 5, (150, d)))
            senses = generator.choice(["min", "max"], d).tolist()
            for keep in ("all", "first", "last"):
                check(values.to(dtype), senses, keep=keep)
    """)


def test_nan_policies_bounds_and_groups_equal_those_of_the_cpu(run):
    run("""
    generator = np.random.default_rng(1)
    values = generator.integers(-3, 4, (300, 3)).astype(np.float32)
    values[generator.random((300, 3)) < 0.05] = np.nan
    values[generator.random((300, 3)) < 0.05] = np.inf
    t, groups = torch.from_numpy(values), torch.from_numpy(generator.integers(0, 7, 300))
    for nan in ("drop", "worst"):
        for sense in ("min", "max", ["min", "max", "min"]):
            check(t, sense, nan=nan)
            check(t, sense, nan=nan, groups=groups, keep="last")
            check(t, sense, nan=nan, where={0: (-1, None), 2: (None, 1.5)})
    check(torch.from_numpy(generator.integers(-5, 5, (200, 2))), where=[(-2.5, 1e30), None])
    try:
        pareto.mask(t)
    except ValueError as error:
        row = int(np.isnan(values).any(axis=1).argmax())
        assert f"NaN in row {row}" in str(error), error
    else:
        raise AssertionError("no error")
    """)


def test_large_tables_go_through_the_sample_and_all_rounds(run):
    run("""
    generator = np.random.default_rng(2)
    for d in (2, 4):
        check(torch.from_numpy(generator.random((6000, d))))
    sphere = np.abs(generator.standard_normal((1500, 3)))
    check(torch.from_numpy(sphere / np.linalg.norm(sphere, axis=1, keepdims=True)), "max", keep="first")
    """)


def test_strided_tensors_and_columns_need_no_copy(run):
    run("""
    wide = torch.from_numpy(np.random.default_rng(3).random((500, 6)))
    expected = pareto.mask(wide[:, ::2].contiguous())
    record()
    assert torch.equal(pareto.mask(wide[:, ::2]), expected)
    first = launches(record())[0]
    assert first.entry == "paretoserve_pareto_keys_wide" and first.stream == STREAM
    assert first.arguments[2:5] == (str(wide.data_ptr()), "500", "6"), first
    assert torch.equal(pareto.mask([wide[:, 0], wide[:, 2].float().double(), wide[:, 4]]),
                       pareto.mask(torch.stack([wide[:, 0], wide[:, 2].float().double(), wide[:, 4]], 1)))
    """)


def test_what_the_device_cannot_do_is_refused(run):
    run("""
    t = torch.zeros((4, 2))
    for points, options, error, text in (
        (t, {"eps": 1.0}, errors.DeviceError, "`eps` must be None on a CUDA device"),
        (t[:, 0], {}, errors.ShapeError, "`points` must have shape"),
        (t[:, :0], {}, errors.ShapeError, "`points` must have shape"),
        (t.to(torch.complex64), {}, errors.DtypeError, "`points` must be integers"),
        ([t[:, 0], t[:2, 1]], {}, errors.ShapeError, "must be a column of shape (4,)"),
        ([t[:, 0], t[:, 1].to("meta")], {}, errors.DeviceError, "`points` is on cpu but `points[1]` is on meta"),
        ({"a": t[:, 0], "b": [1.0] * 4}, {}, errors.DeviceError, "`points['b']` is on cpu"),
        (t, {"groups": torch.zeros(3)}, errors.ShapeError, "`groups` must have shape (4,)"),
    ):
        for function in (pareto.mask, pareto.ranks):
            if function is pareto.ranks and "eps" in options:
                continue
            try:
                function(points, **options)
            except error as raised:
                assert text in str(raised), raised
            else:
                raise AssertionError(text)
    """)


def test_few_and_repeated_values(run):
    run("""
    t = torch.tensor([[2.0, 1.0], [1.0, 2.0], [2.0, 2.0]], requires_grad=True)
    for few in (t[:0], t[:1], t[:1].expand(5, 2), t.T[:2]):
        check(few.detach(), keep="first")
        for options in ({}, {"stop_after": 1}, {"num_fronts": 1}):
            expected = pareto.ranks(few.detach().numpy(), **options)
            np.testing.assert_array_equal(array(pareto.ranks(few, **options)), expected)
    """)


PEEL = """
from paretoserve.pareto import _cuda

def peeled(points, sense, rows):
    found = np.full(len(points), -1, np.int32)
    for rank in range(len(rows)):
        if len(rows) == 0:
            break
        on_front = pareto.mask(points[rows], sense, nan="worst")
        found[rows[on_front]] = rank
        rows = rows[~on_front]
    return found
"""


def test_ranks_equal_peeling(run):
    run(
        PEEL
        + """
generator = np.random.default_rng(4)
options = {"nan": "drop", "groups": None, "where": None, "stop_after": None, "num_fronts": None}
for dtype in (torch.float64, torch.float32, torch.int16):
    for d in (1, 2, 4, 9):
        values = torch.from_numpy(generator.integers(0, 9, (300, d))).to(dtype)
        sense = generator.choice(["min", "max"], d).tolist()
        expected = peeled(values.numpy(), sense, np.arange(300))
        np.testing.assert_array_equal(array(_cuda.ranks(values, sense, **options)), expected)
        few = array(_cuda.ranks(values, sense, **options | {"num_fronts": 2}))
        np.testing.assert_array_equal(few, np.where(expected < 2, expected, -1))
chain = torch.arange(300.0).repeat(2, 1).T
np.testing.assert_array_equal(array(_cuda.ranks(chain, "max", **options)), np.arange(300)[::-1])
groups = generator.integers(0, 3, 300)
values = generator.random((300, 3)).astype(np.float32)
values[5] = np.nan
expected = np.full(300, -1, np.int32)
for code in range(3):
    rows = np.flatnonzero(groups == code)
    rows = rows[rows != 5]
    expected = np.maximum(expected, peeled(values, "min", rows))
got = array(_cuda.ranks(torch.from_numpy(values), "min", **options | {"groups": torch.from_numpy(groups)}))
np.testing.assert_array_equal(got, expected)
stopped = array(_cuda.ranks(torch.from_numpy(values), "min",
                            **options | {"groups": torch.from_numpy(groups), "stop_after": 40}))
for code in range(3):
    of_group = expected[groups == code]
    last = next(rank for rank in range(99) if ((of_group >= 0) & (of_group <= rank)).sum() >= 40)
    np.testing.assert_array_equal(stopped[groups == code], np.where(of_group <= last, of_group, -1))
"""
    )
