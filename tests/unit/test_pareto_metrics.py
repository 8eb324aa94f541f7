"""Fronts over metrics and columns of plans, which know their better direction."""

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from paretoserve import metrics, pareto
from paretoserve.errors import DataError, DtypeError, UnknownNameError
from paretoserve.metrics.cost import cost_of_pass
from paretoserve.metrics.frontier import essentialness

TABLE = {
    "model": ["a", "b", "c", "d", "e"],
    "cost_of_pass": cost_of_pass([0.1, 0.2, 0.05, 0.3, 0.1], [0.5, 0.8, 0.5, 0.6, 0.0]),
    "goodput_rps": [3, 9, 2, 8, 10],
    "ttft_p99_s": [0.5, 0.9, 0.2, 1.1, 0.4],
}
SIGNS = {"cost_of_pass": "min", "goodput_rps": "max", "ttft_p99_s": "min"}


def rows(*columns, **options):
    return pareto.from_frame(TABLE, {name: SIGNS[name] for name in columns}, **options).indices.tolist()


def test_metrics_need_no_signs():
    expected = rows("cost_of_pass", "goodput_rps")
    assert expected == [2, 0, 1, 4]
    for cost in (cost_of_pass, "cost_of_pass", metrics.find("cost_of_pass")):
        assert pareto.front(TABLE, metrics=[cost, "goodput_rps"]).tolist() == expected
        front = pareto.from_frame(TABLE, metrics=[cost, "goodput_rps"])
        assert front.indices.tolist() == expected
        assert front.objectives == {"cost_of_pass": "min", "goodput_rps": "max"}
    assert front.table["model"] == ["c", "a", "b", "e"]


def test_the_front_is_the_one_with_the_signs_written_out():
    rng = np.random.default_rng(5)
    columns = {"cost_of_pass": rng.integers(0, 30, 400), "goodput_rps": rng.integers(0, 30, 400)}
    got = pareto.front(columns, metrics=["cost_of_pass", "goodput_rps"])
    np.testing.assert_array_equal(got, pareto.front(columns, ["min", "max"]))
    for options in ({"keep": "first"}, {"eps": 4.0}, {"eps": [2.0, 0.0]}, {"threads": 1}):
        got = pareto.front(columns, metrics=["cost_of_pass", "goodput_rps"], **options)
        np.testing.assert_array_equal(got, pareto.front(columns, ["min", "max"], **options))


def test_one_metric_may_stand_alone():
    assert pareto.front(TABLE, metrics=cost_of_pass).tolist() == [2]
    assert pareto.front(TABLE, metrics="goodput_rps").tolist() == [4]
    assert pareto.front(TABLE, metrics=metrics.find("cost_of_pass")).tolist() == [2]


def test_columns_of_plans_have_their_direction():
    plan = pytest.importorskip("paretoserve.plan")
    for name, objective in plan.OBJECTIVES.items():
        table = {name: [1.0, 2.0]}
        assert pareto.front(table, metrics=[name]).tolist() == [0 if objective.sense == "min" else 1]
        assert pareto.front(table, metrics=[objective]).tolist() == pareto.front(table, metrics=[name]).tolist()


def test_objects_with_a_name_and_a_sense():
    accuracy = SimpleNamespace(name="goodput_rps", sense="max")
    assert pareto.front(TABLE, metrics=[accuracy, cost_of_pass]).tolist() == [4, 1, 0, 2]
    with pytest.raises(ValueError, match=r"`goodput_rps.sense` must be one of"):
        pareto.front(TABLE, metrics=[SimpleNamespace(name="goodput_rps", sense="up")])


def test_metrics_beside_objectives():
    both = pareto.from_frame(TABLE, {"goodput_rps": "max"}, metrics=[cost_of_pass], where={"ttft_p99_s": (None, 0.9)})
    assert both.objectives == {"goodput_rps": "max", "cost_of_pass": "min"}
    assert both.indices.tolist() == rows("goodput_rps", "cost_of_pass", where={"ttft_p99_s": (None, 0.9)})
    with pytest.raises(ValueError, match="`cost_of_pass` must be in `objectives` or in `metrics`, got it in both"):
        pareto.from_frame(TABLE, {"cost_of_pass": "max"}, metrics=[cost_of_pass])
    with pytest.raises(ValueError, match="`objectives` must name 1 column or more"):
        pareto.from_frame(TABLE)


def test_tables_of_any_library():
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    expected = rows("cost_of_pass", "ttft_p99_s")
    for frame in (pandas.DataFrame(TABLE), polars.DataFrame(TABLE), polars.DataFrame(TABLE).to_arrow()):
        assert pareto.front(frame, metrics=[cost_of_pass, "ttft_p99_s"]).tolist() == expected


def test_a_metric_without_a_direction_is_refused():
    with pytest.raises(ValueError, match="metric `essentialness` has no better direction") as error:
        pareto.front(TABLE, metrics=[cost_of_pass, essentialness])
    assert 'objectives={"essentialness": "min"}' in str(error.value)


def test_a_function_of_the_same_name_is_another_one():
    def cost_of_pass():
        return None

    with pytest.raises(UnknownNameError, match="cost_of_pass"):
        pareto.front(TABLE, metrics=[cost_of_pass])


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ([], ValueError, "`metrics` must have 1 metric or more, got none"),
        (["cost_of_pas"], UnknownNameError, "close names are cost_of_pass"),
        ([cost_of_pass, "cost_of_pass"], ValueError, "`metrics` must be distinct, got `cost_of_pass` twice"),
        ([3], DtypeError, "`metrics` must be functions of paretoserve.metrics"),
        (3, DtypeError, "`metrics` must be a sequence of metrics, got 3"),
        (["essentialness"], ValueError, "no better direction"),
        (["technique_gain"], DataError, "`technique_gain`: is not in the table"),
    ],
)
def test_bad_metrics_are_named(asked, error, message):
    for function in (pareto.front, pareto.from_frame):
        with pytest.raises(error, match=message):
            function(TABLE, metrics=asked)


@pytest.mark.parametrize("option", [{"sense": ["max"]}, {"groups": [1] * 5}, {"where": {0: (0, 1)}}])
def test_options_that_go_by_position_stay_out(option):
    with pytest.raises(ValueError, match="`sense`, `groups` and `where` must stay out beside `metrics`"):
        pareto.front(TABLE, metrics=[cost_of_pass], **option)


def test_missing_values_are_errors_unless_asked():
    table = {"cost_of_pass": [1.0, None, 2.0], "goodput_rps": [1, 2, 3]}
    with pytest.raises(DataError, match="`cost_of_pass`, row 1"):
        pareto.front(table, metrics=["cost_of_pass", "goodput_rps"])
    assert pareto.front(table, metrics=["cost_of_pass", "goodput_rps"], nan="drop").tolist() == [0, 2]


def test_fronts_import_no_metrics_before_they_are_named():
    code = """
import sys
from paretoserve import pareto
pareto.from_frame({"a": [1, 2]}, {"a": "min"})
assert not [name for name in sys.modules if name.startswith(("paretoserve.metrics", "paretoserve.plan"))]
pareto.front({"cost_of_pass": [1, 2]}, metrics=["cost_of_pass"])
assert not [name for name in sys.modules if name.startswith("paretoserve.plan")]
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(os.path.abspath(entry) for entry in sys.path if entry)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_files_are_scanned_by_metrics(tmp_path):
    pytest.importorskip("pyarrow")
    file = tmp_path / "models.csv"
    file.write_text("cost_of_pass,goodput_rps,ttft_p99_s\n0.2,3,0.5\n0.25,9,0.9\n0.1,2,0.2\n0.5,8,1.1\n")
    assert pareto.scan(file, metrics=[cost_of_pass, "goodput_rps"]).indices.tolist() == [2, 0, 1]
    mixed = pareto.scan(file, {"ttft_p99_s": "min"}, metrics=cost_of_pass)
    assert mixed.indices.tolist() == [2]
    assert mixed.objectives == {"ttft_p99_s": "min", "cost_of_pass": "min"}
    with pytest.raises(ValueError, match="`cost_of_pass` must be in `objectives` or in `metrics`, got it in both"):
        pareto.scan(file, {"cost_of_pass": "min"}, metrics=cost_of_pass)
    with pytest.raises(ValueError, match="`objectives` must name 1 column or more, got none"):
        pareto.scan(file)
