"""`pareto.plot`: what is drawn where, files without pyplot, tables, groups, runs and probabilities."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

from paretoserve.errors import DataError, DtypeError, ShapeError
from paretoserve.pareto import mask, plot, staircase

POINTS = np.random.default_rng(0).random((40, 2))
TABLE = {"wait_s": [0.9, 0.4, 0.8, None], "rate": [900, 700, 500, 800], "gpu": ["b", "a", "b", "a"]}


@pytest.fixture(scope="module", autouse=True)
def matplotlib():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip("matplotlib")
        pytest.importorskip("matplotlib.figure")
    return module


@pytest.fixture
def ax(matplotlib):
    return matplotlib.figure.Figure().add_subplot()


def drawn(ax):
    return {collection.get_label(): collection.get_offsets() for collection in ax.collections}


@pytest.mark.parametrize("sense", [["min", "min"], ["min", "max"], ["max", "min"], ["max", "max"]])
def test_line_and_points_of_every_orientation(ax, sense):
    plot(POINTS, sense, ax=ax)
    worst = [POINTS[:, k].max() if each == "min" else POINTS[:, k].min() for k, each in enumerate(sense)]
    assert np.array_equal(ax.lines[0].get_xydata(), staircase(POINTS, sense, limits=worst))
    marked = mask(POINTS, sense)
    assert np.array_equal(drawn(ax)["front"], POINTS[marked])
    assert np.array_equal(drawn(ax)["dominated"], POINTS[~marked])
    words = {"min": "lower is better", "max": "higher is better"}
    assert ax.get_xlabel() == f"objective 0 ({words[sense[0]]})"
    assert ax.get_ylabel() == f"objective 1 ({words[sense[1]]})"


def test_front_only_names_title_and_labels(ax):
    labels = [f"p{i}" for i in range(40)]
    plot(POINTS, ax=ax, show="front", names=["wait [s]", "price"], title="forty", labels=labels)
    assert set(drawn(ax)) == {"front"}
    assert (ax.get_xlabel(), ax.get_title()) == ("wait [s] (lower is better)", "forty")
    assert [text.get_text() for text in ax.texts] == [labels[i] for i in np.flatnonzero(mask(POINTS))]


def test_groups_of_a_table_have_their_own_staircase(ax):
    plot(TABLE, {"wait_s": "min", "rate": "max"}, groups="gpu", labels="gpu", ax=ax)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]
    assert drawn(ax)["a"].tolist() == [[0.4, 700]]
    assert drawn(ax)["b"].tolist() == [[0.9, 900], [0.8, 500]]
    first, second = ax.lines
    assert first.get_color() != second.get_color()
    assert first.get_linestyle() != second.get_linestyle()
    assert ax.get_xlabel() == "wait_s (lower is better)"


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_tables_of_all_libraries(ax, library):
    module = pytest.importorskip(library)
    frame = module.table(TABLE) if library == "pyarrow" else module.DataFrame(TABLE)
    plot(frame, {"wait_s": "min", "rate": "max"}, ax=ax)
    assert drawn(ax)["front"].tolist() == [[0.9, 900], [0.4, 700]]


def test_more_objectives_and_what_has_no_place(ax):
    points = np.array([[1.0, 9.0, 1.0], [2.0, 0.0, 2.0], [np.inf, 0.0, 0.0], [3.0, 5.0, 3.0], [np.nan, 0.0, 0.0]])
    plot(points, axes=(0, 2), ax=ax)
    assert drawn(ax)["front"].tolist() == [[1, 1], [2, 2]]
    assert drawn(ax)["dominated"].tolist() == [[3, 3]]
    assert ax.lines[0].get_xydata().tolist() == [[1, 3], [1, 1], [3, 1]]
    plot(np.empty((0, 2)), ax=ax)
    plot([[np.nan, 1.0]], ax=ax)


@pytest.mark.parametrize("sense", [["min", "min"], ["min", "max"], ["max", "min"], ["max", "max"]])
def test_band_of_runs(ax, sense):
    sign = np.array([1 if each == "min" else -1 for each in sense])
    runs = [np.array([[0.0, 3 + i], [2.0, 1 + i]]) * sign for i in range(4)]
    plot(np.vstack(runs), sense, runs=runs, ax=ax)
    middle = next(line for line in ax.lines if line.get_label() == "half of the runs")
    assert (middle.get_xydata() * sign).tolist() == [[0, 6], [0, 4], [2, 4], [2, 2], [2, 2]]
    band = next(patch for patch in ax.patches if patch.get_label() == "25% to 75% of runs")
    corners = (band.get_path().vertices * sign).tolist()
    assert corners[:5] == [[0, 6], [0, 3], [2, 3], [2, 1], [2, 1]]
    assert corners[5:10] == [[2, 3], [2, 3], [2, 5], [0, 5], [0, 6]]


def test_band_of_runs_that_reach_nothing(ax):
    plot([[1.0, 1.0]], runs=[[[1.0, 1.0]], np.empty((0, 2)), np.empty((0, 2)), [[np.nan, 1.0]]], ax=ax)
    assert ax.patches[0].get_path().vertices.tolist()[0] == [1, 1]
    plot([[1.0, 1.0]], runs=[np.empty((0, 2))], ax=ax)


def test_probability_is_how_solid_a_point_is(ax):
    plot([[0, 1], [1, 0]], probability=[0, 1], ax=ax)
    solid = next(each for each in ax.collections if each.get_label() == "front").get_facecolors()[:, 3]
    assert solid.tolist() == [0.15, 1.0]


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_files_are_written_without_pyplot(tmp_path, suffix):
    path = tmp_path / f"front.{suffix}"
    program = (
        "import sys; from paretoserve.pareto import plot; "
        f"plot([[0, 2], [1, 1], [2, 2]], file={str(path)!r}); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": ":".join(sys.path)}, timeout=60)
    assert path.stat().st_size > 1000


def test_without_axes_and_file_it_is_a_figure_of_pyplot(matplotlib):
    matplotlib.use("agg")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from matplotlib import pyplot
    ax = plot(POINTS)
    assert ax.figure is pyplot.gcf()
    pyplot.close(ax.figure)


@pytest.mark.parametrize(
    ("points", "options", "error", "message"),
    [
        (np.zeros((3, 1)), {}, ShapeError, "must have 2 objectives or more to be drawn, got 1"),
        (POINTS, {"axes": (0, 0)}, ValueError, "`axes` must be two different objectives of 0 to 1"),
        (POINTS, {"axes": (0, 2)}, ValueError, "`axes` must be two"),
        (POINTS, {"names": ["a"]}, ShapeError, "`names` must have 2 entries"),
        (POINTS, {"show": "some"}, ValueError, "`show` must be one of"),
        (POINTS, {"groups": ["a"]}, ShapeError, r"`groups` must have shape \(40,\)"),
        (POINTS, {"groups": [None] * 40}, DataError, "must name the group of every row"),
        (POINTS, {"labels": ["a"]}, ShapeError, "`labels` must have 40 entries"),
        (POINTS, {"probability": [0.5]}, ShapeError, r"`probability` must have shape \(40,\)"),
        (POINTS, {"probability": np.full(40, 1.5)}, ValueError, "`probability` must be from 0 to 1, got 1.5"),
        (POINTS, {"runs": 3}, DtypeError, "`runs` must be a sequence of runs"),
        (POINTS, {"axes": 1}, DtypeError, "`axes` must be two objectives, got int"),
        (POINTS, {"names": "xy"}, DtypeError, "`names` must be a sequence of texts, got str"),
        (POINTS, {"runs": []}, ValueError, "`runs` must hold 1 run or more"),
        (POINTS, {"runs": [np.zeros((2, 3))]}, ShapeError, r"`runs\[0\]` must have 2 objectives, got 3"),
        (POINTS, {"runs": [POINTS], "groups": [1] * 40}, ValueError, "cannot be drawn together"),
        (POINTS, {"sense": {"x": "min", "y": "min"}}, DtypeError, "`frame` must be"),
        (TABLE, {"sense": {"wait_s": "min", "speed": "max"}}, DataError, "column `speed`: is not in the table"),
        (TABLE, {"sense": {"wait_s": "min", "gpu": "max"}}, DataError, "column `gpu`: must be a column of numbers"),
        (POINTS, {"file": "front.xyz"}, ValueError, "xyz"),
    ],
)
def test_wrong_arguments_are_refused(ax, points, options, error, message):
    with pytest.raises(error, match=message):
        plot(points, **options)
