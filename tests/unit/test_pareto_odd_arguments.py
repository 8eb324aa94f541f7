"""An argument of a wrong kind is refused under its own name; one of a kind that merely looks odd is taken."""

import decimal

import numpy as np
import pytest

from paretoserve import pareto
from paretoserve.errors import DtypeError, ShapeError

POINTS = np.array([[1.0, 4.0], [2.0, 2.0], [4.0, 1.0], [5.0, 5.0]])
HUGE = 10**400


@pytest.mark.parametrize("name", ["keep", "nan", "eps_kind", "sense"])
def test_an_array_in_place_of_a_word_is_refused(name):
    with pytest.raises(ValueError, match=rf"`{name}` must be one of .*, got"):
        pareto.mask(POINTS, **{name: np.zeros((2, 2))})


def test_directions_and_bounds_may_be_arrays():
    assert pareto.mask(POINTS, np.array("min")).tolist() == [True, True, True, False]
    assert pareto.mask(POINTS, np.array(["min", "max"])).tolist() == [True, False, False, True]
    assert pareto.mask(POINTS, where=np.array([[1, 2], [2, 4]])).tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    ("points", "got"),
    [
        ([[1.0, None]], "None\nhint: use NaN"),
        ([[1.0, np.nan], [np.inf, None]], "None\nhint: use NaN"),
        ([[decimal.Decimal(1), 2.0]], r"Decimal\('1'\)\nhint: convert first"),
        ([[2**70, 1]], "1180591620717411303424\nhint: convert first"),
        (np.array([[1, 2.5]], dtype=object), "object with 1\nhint: convert first"),
    ],
)
def test_of_objects_the_odd_one_is_named(points, got):
    with pytest.raises(DtypeError, match=got):
        pareto.mask(points)


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: pareto.mask(POINTS, groups=[[1, 2], [3]]), "groups"),
        (lambda: pareto.crowding(POINTS, ranks=[[1], [1, 2]]), "ranks"),
        (lambda: pareto.dominance_probability([POINTS], rows=[[1], [1, 2]]), "rows"),
        (lambda: pareto.bootstrap(POINTS, offsets=[[1], [1, 2]]), "offsets"),
        (lambda: pareto.minkowski(POINTS, [[1.0]]), "b"),
    ],
)
def test_shapes_that_do_not_fit_are_refused_by_name(call, argument):
    with pytest.raises(ShapeError, match=f"^`{argument}` must"):
        call()


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: pareto.bootstrap(3), "measurements"),
        (lambda: pareto.compose(3), "stages"),
        (lambda: pareto.compose([POINTS], limit=3), "limit"),
        (lambda: pareto.minkowski(None, POINTS), "a"),
        (lambda: pareto.attainment(None), "sets"),
        (lambda: pareto.attained("runs", POINTS), "sets"),
        (lambda: pareto.attainment([POINTS], [[1, 2], [3]]), "levels"),
        (lambda: pareto.from_frame({"x": [1, 2]}, {"x": "min"}, by=[["x"]]), "by"),
    ],
)
def test_what_is_no_sequence_or_no_number_is_refused_by_name(call, argument):
    with pytest.raises(DtypeError, match=f"^`{argument}` must"):
        call()


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: pareto.hypervolume(POINTS, 6, method="approx", rel_err=HUGE), "rel_err"),
        (lambda: pareto.asf(POINTS, rho=HUGE), "rho"),
        (lambda: pareto.area(POINTS, HUGE), "lo"),
        (lambda: pareto.minkowski([[1.0, np.nan]], POINTS), "a"),
    ],
)
def test_numbers_out_of_range_are_refused_by_name(call, argument):
    with pytest.raises(ValueError, match=f"^`{argument}` must"):
        call()


def test_a_huge_limit_of_rows_is_no_limit():
    stages = [POINTS, POINTS]
    assert len(pareto.compose(stages, max_rows=2**70)) == len(pareto.compose(stages))


def test_runs_of_equal_length_may_be_one_array():
    runs = np.stack([POINTS, POINTS + 1])
    assert pareto.attainment(runs, 2)[0].tolist() == pareto.attainment(list(runs), 2)[0].tolist()
    assert pareto.attained(runs, POINTS).tolist() == [0.5, 0.5, 0.5, 1.0]


def test_tensors_that_track_gradients_are_plain_numbers():
    torch = pytest.importorskip("torch")
    ref = torch.tensor([6.0, 6.0], requires_grad=True)
    assert float(pareto.hypervolume(torch.from_numpy(POINTS).requires_grad_(), ref)) == 20.0
