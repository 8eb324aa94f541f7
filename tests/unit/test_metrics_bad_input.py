"""Bad input, by machine: every argument of every metric in turn is replaced by what it must not be.

The calls are those of the docstrings' examples. Nothing may come back but a documented result, or an error that names
the argument, and the row where one entry of an array is wrong: no warning, no NaN, no error of numpy's own.
"""

import copy
import dataclasses
import doctest
import importlib
import inspect
import pkgutil
import re
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from paretoserve import metrics
from paretoserve.metrics import (
    budgets,
    edge,
    performance_profile,
    projection,
    runtime,
    saturation,
    scaling,
    sensitivity,
    statistics,
    test_time,
    trends,
)

MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(metrics.__path__, "paretoserve.metrics.")
    if not name.rpartition(".")[2].startswith("_")
]
NAN_MEANS = {  # Results that hold NaN by their docstrings.
    "counter_energy": "a counter that fell",
    "sharpe_ratio_at_k": "k not above ddof",
    "top_policies": "k not above ddof, no safety",
    "token_rates": "a request of one token",
}
# What `evaluate` does with a configuration, and the ballots of a vote, are the caller's; sizes are keyword arguments.
FREE = {("successive_halving", "configurations"), ("weighted_vote", "answers"), ("recurrent_state_bytes", "sizes")}
NEVER = {  # No argument takes these.
    "NaN": np.nan,
    "text": "text",
    "bytes": b"12",
    "object": SimpleNamespace(),
    "complex": 1 + 2j,
    "dates": np.array(["2020-01-01"], dtype="datetime64[D]"),
    "masked": np.ma.array([0.5, 1.0], mask=[False, True]),
    "dictionary": {"a": 1},
    "set": {1.0, 2.0},
}
PERHAPS = {  # Some arguments take these.
    "infinity": np.inf,
    "minus infinity": -np.inf,
    "minus one": -1,
    "zero": 0,
    "huge": 1e308,
    "tiny": 5e-324,
    "huge integer": 10**400,
    "large integer": 2**63,
    "empty": [],
    "empty row": [[]],
    "ragged": [[1, 2], [3]],
    "texts": ["a", "b"],
    "nothing": [None, 1.0],
    "vector": [0.1, 0.2, 0.3, 0.4, 0.5],
    "matrix": [[1.0, 2.0], [3.0, 4.0]],
    "column": [[1.0], [2.0], [3.0]],
    "cube": np.ones((2, 2, 2)),
}


def examples(module):
    """Return the calls of a module's examples: function, and its arguments by name with defaults."""
    calls = {}
    inside = []

    def recorded(function):
        signature = inspect.signature(function)

        def call(*args, **options):
            if not inside:
                bound = signature.bind(*args, **options)
                bound.apply_defaults()
                calls.setdefault(function, copy.deepcopy(dict(bound.arguments)))
            inside.append(function)
            try:
                return function(*args, **options)
            finally:
                inside.pop()

        return call

    functions = {word: each for word in module.__all__ if inspect.isfunction(each := getattr(module, word))}
    names = {**vars(module), "np": np, **{word: recorded(each) for word, each in functions.items()}}
    for test in doctest.DocTestFinder().find(module):
        test.globs = dict(names)
        runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL)
        runner.run(test, out=lambda _: None)
    assert set(calls) == set(functions.values()), "a function has no example"
    return calls.items()


def entries(value):
    """Return copies of an array with one entry that is wrong."""
    try:
        array = np.asarray(value)
    except ValueError:  # Rows of several lengths.
        return
    if array.dtype.kind not in "iuf" or array.size < 2:
        return
    for wrong in (np.nan, -np.inf, 1e308):
        changed = array.astype(np.float64)
        changed.flat[1] = wrong
        yield f"an entry {wrong}", changed


def has_nan(result):
    if dataclasses.is_dataclass(result):
        return any(has_nan(getattr(result, field.name)) for field in dataclasses.fields(result))
    if isinstance(result, dict | list | tuple):
        return any(has_nan(each) for each in (result.values() if isinstance(result, dict) else result))
    array = np.asarray(result)
    return array.dtype.kind == "f" and bool(np.isnan(array).any())


def complaint(function, arguments, changed, kind):
    """Return what is wrong with the answer to a bad argument, None if nothing is."""
    parameters = inspect.signature(function).parameters.values()
    positional = [arguments[each.name] for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    options = {each.name: arguments[each.name] for each in parameters if each.kind is each.KEYWORD_ONLY}
    options |= next((arguments[each.name] for each in parameters if each.kind is each.VAR_KEYWORD), {})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            result = function(*positional, **options)
    except (ValueError, TypeError, LookupError) as error:
        if "`" not in str(error):
            return f"no argument is named: {error!r}"
        if kind in NEVER and f"`{changed}" not in str(error):
            return f"another argument is named: {error}"
        if kind.startswith("an entry") and not re.search(r"in row 1|at \(|\[1\]|problem 1", str(error)):
            return f"no row is named: {error}"
        return None
    except ImportError:  # An optional package; arguments are checked before it is looked for.
        return None
    except Exception as error:  # What else comes is what this looks for.
        return repr(error)
    if kind in NEVER or kind == "an entry nan":
        return f"accepted as {result!r:.60}"
    if has_nan(result) and function.__name__ not in NAN_MEANS:
        return f"NaN in {result!r:.60}"
    return None


@pytest.mark.parametrize("name", MODULES)
def test_bad_arguments_are_refused_by_name(name):
    wrong = []
    for function, arguments in examples(importlib.import_module(name)):
        for changed, value in arguments.items():
            if (function.__name__, changed) in FREE:
                continue
            for kind, bad in [*NEVER.items(), *PERHAPS.items(), *entries(value)]:
                said = complaint(function, {**arguments, changed: bad}, changed, kind)
                if said is not None:
                    wrong.append(f"{function.__name__}({changed}: {kind}): {said}")
    assert not wrong, "\n".join(wrong)


LAWS = [
    edge.ORIN_MODELS["r1-distill-llama-8b"],
    runtime.Runtime(0.1, [1, 512], [0.1, 0.2]),
    saturation.SaturationCurve(10.0, 2.0),
    scaling.experts.LeverageLaw(),
    scaling.precision.FloatLaw(),
    scaling.quartet.QuartetLaw(400, 0.34, 400, 0.28, 1, 1.7),
    sensitivity.Sensitivity(1.0, 0.5),
    trends.Trend(1.0, 0.5, 0.1, 1.4, 0.0),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_constants_that_are_no_numbers_are_refused_by_name(law):
    for field in dataclasses.fields(law):
        if field.name == "residual":  # Told, not used.
            continue
        for bad in (np.nan, np.inf, "text", None, 10**400, [[0.5]], {"a": 1}):
            with pytest.raises((ValueError, TypeError), match=f"`{field.name}"):
                dataclasses.replace(law, **{field.name: bad})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: budgets.label_grid(7, weak_cost=1e-60), "`weak_cost` must buy at most 2\\^53 weak labels"),
        (lambda: performance_profile.algoperf_score([[1, 2]], num_points=1e12), "`num_points` .* at most 1e\\+06"),
        (lambda: projection.source_gradient([1], [0], num_sources=1e12), "`num_sources` .* at most"),
        (lambda: statistics.bootstrap_divergence([9, 9], [9, 9], seed=1, num_draws=1e12), "`num_draws` .* at most"),
        (lambda: scaling.precision.critical_tokens(1e9, 1e60, 3, block=128), "`exponent_bits` .* at most 64"),
        (
            lambda: test_time.verifier.imperfect_verifier([0.5, 0.1], [0.5, 0.5], soundness=[[1.0]], loss=-1),
            "`soundness` and `completeness` must be one number or one per type",
        ),
    ],
)
def test_sizes_that_no_memory_or_number_holds_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
