"""What every metric has in common: it says its unit, direction and source, takes arrays, and names what is wrong."""

import importlib
import inspect

import numpy as np
import pytest

from paretoserve import metrics
from paretoserve.errors import DtypeError, ShapeError, UnknownNameError
from paretoserve.metrics._numbers import integer, number, numbers, whole
from paretoserve.metrics._other_names import OTHER_NAMES
from paretoserve.metrics.saturation import SaturationCurve
from paretoserve.metrics.scaling.experts import efficiency_leverage
from paretoserve.metrics.scaling.precision import FloatLaw, critical_tokens
from paretoserve.pareto import front


def modules(package, prefix=""):
    """Return the modules below, those of subpackages as `package.module`."""
    for name in package.__all__:
        module = getattr(package, name)
        if inspect.ismodule(module):
            yield prefix + name
            yield from modules(module, f"{prefix}{name}.")


MODULES = list(modules(metrics))


@pytest.mark.parametrize("name", MODULES)
def test_every_function_is_declared_and_documented(name):
    module = importlib.import_module(f"paretoserve.metrics.{name}")
    for word in module.__all__:
        function = getattr(module, word)
        assert inspect.getdoc(function), f"{name}.{word} has no docstring"
        if inspect.isfunction(function):
            assert metrics.find(word).name == word
            for section in ("Parameters", "Returns", "Raises", "Examples"):
                assert f"{section}\n---" in inspect.getdoc(function), f"{name}.{word} lacks {section}"


def test_what_is_not_from_a_paper_itself_says_so():
    for metric in metrics.known().values():
        function = getattr(importlib.import_module(f"paretoserve.metrics.{metric.module}"), metric.name)
        text = " ".join(inspect.getdoc(function).split())
        if metric.grade == "D":
            assert "derived" in text.lower(), f"{metric.name} must say `derived`"
        if metric.grade == "S":
            assert "secondary source" in text.lower(), f"{metric.name} must say `secondary source`"


def test_an_unknown_metric_gets_close_names():
    with pytest.raises(UnknownNameError, match="cost_of_pass"):
        metrics.find("cost_of_pas")


def test_names_of_papers_lead_to_ours():
    for other, ours in OTHER_NAMES.items():
        assert other not in metrics.known()
        for name in ours:
            part, _, word = name.rpartition(".")
            assert hasattr(importlib.import_module(f"paretoserve.{part}"), word) if part else name in metrics.known()
        with pytest.raises(UnknownNameError, match=f"hint: here it is {' and '.join(ours)}$"):
            metrics.find(other.upper())
    with pytest.raises(UnknownNameError, match="close names are benchmark_noise"):
        metrics.find("noise")


def test_numbers_name_the_argument_and_the_row():
    with pytest.raises(ValueError, match=r"`cost` must be finite numbers of at least 0, got -1.0 in row 2"):
        numbers("cost", [0, 1, -1], 0)
    with pytest.raises(ValueError, match=r"`x` .* got nan at \(1, 0\)"):
        numbers("x", [[0.0, 1.0], [np.nan, 1.0]])
    with pytest.raises(ValueError, match=r"`x` .* got inf$"):
        numbers("x", np.inf)
    assert numbers("x", np.inf, infinite=True) == np.inf
    with pytest.raises(DtypeError, match="`x` must be real numbers, got <U1"):
        numbers("x", ["a"])
    with pytest.raises(ShapeError, match="`x` must be numbers in rows of one length"):
        numbers("x", [[1, 2], [3]])
    with pytest.raises(ShapeError, match=r"`x` must have 1 dimensions and not be empty, got shape \(0,\)"):
        numbers("x", [], ndim=1)
    with pytest.raises(ValueError, match=r"`k` must be whole numbers, got 1.5 in row 1"):
        whole("k", [1, 1.5])


def test_numbers_are_refused_whose_products_leave_float64():
    with pytest.raises(ValueError, match=r"`x` must be of a size from 1e-100 to 1e100, got 1e\+308 in row 1"):
        numbers("x", [0, 1e308])
    with pytest.raises(ValueError, match=r"`x` must be of a size from 1e-100 to 1e100, got 5e-324"):
        numbers("x", 5e-324, 0, open_low=True)
    assert numbers("x", [0, 5e-324, 1e100, np.inf], 0, infinite=True)[-1] == np.inf


def test_long_integers_are_numbers():
    assert (
        efficiency_leverage(0.031, 12, [10**18, 10**22]).tolist()
        == efficiency_leverage(0.031, 12, [1e18, 1e22]).tolist()
    )
    with pytest.raises(
        ValueError, match="`compute` must be of a size from 1e-100 to 1e100, got an integer beyond 1e308"
    ):
        efficiency_leverage(0.031, 12, [1, 10**400])
    with pytest.raises(DtypeError, match="`compute` must be real numbers, got object"):
        efficiency_leverage(0.031, 12, [10**22, None])


def test_masked_entries_are_refused_and_not_read():
    with pytest.raises(DtypeError, match="`x` must be an array without masked entries"):
        numbers("x", np.ma.array([1.0, 2.0], mask=[False, True]))
    assert numbers("x", np.ma.array([1.0, 2.0])).tolist() == [1, 2]


def test_one_number_is_no_list():
    assert (number("x", np.float32(0.5)), integer("k", 3.0)) == (0.5, 3)
    with pytest.raises(ShapeError, match=r"`x` must be one number, got shape \(1,\)"):
        number("x", [0.5])
    with pytest.raises(ShapeError, match=r"`k` must be one number, got shape \(0,\)"):
        integer("k", [])


def test_constants_of_laws_are_checked():
    with pytest.raises(ValueError, match="`nu` must be finite numbers above 0 and at most 10, got nan"):
        critical_tokens(1e9, 4, 3, block=128, law=FloatLaw(nu=np.nan))
    with pytest.raises(DtypeError, match="`law` must be a FloatLaw, got dict"):
        critical_tokens(1e9, 4, 3, block=128, law={})


def test_a_curve_that_is_flat_starts_at_0():
    assert SaturationCurve(10.0, 0.0).predict([0, 1]).tolist() == [0, 10]


def test_only_what_is_better_one_way_has_a_direction():
    for name in ("prompt_share", "vote_weights", "half_life", "optimal_granularity"):
        with pytest.raises(ValueError, match=f"metric `{name}` has no better direction"):
            front({name: [1.0, 2.0]}, metrics=[name])
    objectives = [metric for metric in metrics.known().values() if metric.sense is not None]
    assert len(objectives) > 80
    for metric in objectives:
        assert front({metric.name: [1.0, 2.0]}, metrics=[metric]).tolist() == [0 if metric.sense == "min" else 1]
