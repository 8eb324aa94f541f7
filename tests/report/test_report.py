"""The report in a real browser without network: what it draws, what the controls do, and that it loads nothing."""

import json
import re
import shutil

import numpy as np
import pytest

from paretoserve import pareto
from paretoserve.errors import ShapeError
from paretoserve.plan.report import MAX_OTHER_POINTS, Axis, render_report, write_report

AXES = [
    Axis("tokens_per_s", "max", "tokens/s"),
    Axis("ttft_p99_s", "min", "s", "time to first token"),
    Axis("usd_per_mtok", "min", "$/M tokens"),
]
HOSTILE = "</script><b onmouseover=alert(1)>&\"'"


def content(**changes):
    generator = np.random.default_rng(0)
    n = 30
    points = {
        "configuration": [f"{i}x TP{2 ** (i % 4)}" for i in range(n)],
        "engine": ["vllm"] * n,
        "tokens_per_s": generator.uniform(10, 100, n),
        "ttft_p99_s": generator.uniform(0.1, 9, n),
        "usd_per_mtok": generator.uniform(0, 2, n),
    }
    points["configuration"][3] = HOSTILE
    values = np.column_stack([points[axis.name] for axis in AXES])
    front = pareto.mask(values, [axis.sense for axis in AXES])
    first, second = np.flatnonzero(front)[:2]
    whole = {
        "title": f"a front {HOSTILE}",
        "points": points,
        "objectives": AXES,
        "front": front,
        "picks": {"knee": int(first), "SLO pick": int(second)},
        "notes": ["a note", HOSTILE],
        "provenance": {"trace": "azure-chat, seed 0", HOSTILE: HOSTILE},
    }
    return whole | changes


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_report(browser, tmp_path):
    """Open a report offline; at the end nothing may have been requested, logged or thrown."""
    requests, messages, contexts = [], [], []

    def opened(**changes):
        path = tmp_path / "report.html"
        write_report(path, **content(**changes))
        context = browser.new_context(offline=True, viewport={"width": 1400, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.goto(path.as_uri())
        page.wait_for_selector("#chart .main-svg")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert all(url.startswith(("file:", "data:", "blob:")) for url in requests), requests
    assert len([url for url in requests if url.startswith("file:")]) == len(contexts)
    assert messages == []


def trace(page, name):
    """Return x, y and hover texts of one trace as plotly holds it."""
    find = "document.getElementById('chart').data.find(trace => trace.name === name)"
    return page.evaluate(f"name => {{ const found = {find}; return found && [found.x, found.y, found.text] }}", name)


def axis_title(page, side):
    return page.locator(f"#chart .{side}title").text_content()


def test_chart_and_table_show_all_points(open_report):
    page = open_report()
    front = content()["front"]
    assert page.title() == content()["title"]
    assert len(trace(page, "front of all objectives")[0]) == front.sum()
    assert len(trace(page, "other points")[0]) == (~front).sum()
    assert len(trace(page, "knee")[0]) == len(trace(page, "SLO pick")[0]) == 1
    assert page.locator("#table tbody tr").count() == front.sum()
    page.uncheck("#front-only")
    assert page.locator("#table tbody tr").count() == len(front)
    assert page.locator("#table .tag").all_text_contents() == ["knee", "SLO pick"]
    assert "engine vllm" in page.locator("header").text_content()


def test_dropdowns_change_the_axes(open_report):
    page = open_report()
    assert "tokens_per_s [tokens/s]" in axis_title(page, "x")
    assert "ttft_p99_s [s]" in axis_title(page, "y")
    page.select_option("#x", label="usd_per_mtok [$/M tokens]")
    assert "usd_per_mtok [$/M tokens]" in axis_title(page, "x")
    assert "lower is better" in axis_title(page, "x")
    page.check("#log-y")
    assert page.evaluate("document.getElementById('chart').layout.yaxis.type") == "log"


@pytest.mark.parametrize(("x", "y"), [(0, 1), (1, 0), (1, 2), (2, 0)])
def test_the_staircase_is_the_front_of_the_chosen_pair(open_report, x, y):
    page = open_report()
    page.select_option("#x", str(x))
    page.select_option("#y", str(y))
    points = np.column_stack([content()["points"][AXES[axis].name] for axis in (x, y)])
    senses = [AXES[axis].sense for axis in (x, y)]
    expected = points[pareto.front(points, senses)]
    steps = np.column_stack(trace(page, "front of these two")[:2])
    worst = [(points.min if sense == "max" else points.max)(axis=0)[k] for k, sense in enumerate(senses)]
    assert np.allclose(steps[1::2], expected)
    assert np.allclose(steps, pareto.staircase(points, senses))
    assert np.allclose(steps[0], [expected[0, 0], worst[1]])
    assert np.allclose(steps[-1], [worst[0], expected[-1, 1]])


def test_hover_shows_the_configuration_and_all_objectives(open_report):
    page = open_report()
    texts = trace(page, "front of all objectives")[2]
    assert all(axis.name in text for text in texts for axis in AXES)
    dot = (
        page.locator("#chart .scatterlayer .trace", has=page.locator(".points path")).last.locator(".points path").first
    )
    box = dot.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector("#chart .hoverlayer .hovertext")
    shown = page.locator("#chart .hoverlayer .hovertext").first.text_content()
    assert "configuration: " in shown
    assert "tokens/s" in shown
    assert re.search(r"ttft_p99_s: [\d.]+ m?s", shown)


def test_a_row_marks_its_point_and_a_heading_sorts(open_report):
    page = open_report()
    row = page.locator("#table tbody tr").nth(2)
    index = int(row.get_attribute("data-index"))
    row.click()
    assert trace(page, "chosen")[:2] == [[content()["points"][AXES[k].name][index]] for k in (0, 1)]
    assert page.locator("tr[aria-selected='true']").get_attribute("data-index") == str(index)
    page.keyboard.press("Enter")
    assert trace(page, "chosen") is None
    values = content()["points"]["ttft_p99_s"][content()["front"]]
    for ordered in (np.sort(values), np.sort(values)[::-1]):
        page.locator("#table th button", has_text="ttft").click()
        listed = [
            int(index)
            for index in page.locator("#table tbody tr").evaluate_all("rows => rows.map(r => r.dataset.index)")
        ]
        assert content()["points"]["ttft_p99_s"][listed].tolist() == ordered.tolist()


def test_other_columns_are_axes_but_not_in_the_table(open_report):
    page = open_report(objectives=AXES[:2], others=AXES[2:])
    assert "usd_per_mtok" not in page.locator("#table").text_content()
    assert "usd_per_mtok" not in trace(page, "front of all objectives")[2][0]
    page.select_option("#x", "2")
    assert "usd_per_mtok" in trace(page, "front of all objectives")[2][0]


def test_points_outside_the_limits_and_without_value(open_report):
    points = content()["points"]
    points["tokens_per_s"][:3] = [np.nan, np.inf, 0.0]
    eligible = points["ttft_p99_s"] < 5
    page = open_report(points=points, eligible=eligible, front=content()["front"] & eligible)
    assert "2 points have no value" in page.locator("#status").text_content()
    assert len(trace(page, "outside the limits")[0]) == (~eligible[2:]).sum()
    page.check("#log-x")
    assert "3 points have no value" in page.locator("#status").text_content()
    shown = np.column_stack([points[axis.name] for axis in AXES[:2]])[eligible & (points["tokens_per_s"] > 0)]
    steps = np.column_stack(trace(page, "front of these two")[:2])
    assert np.allclose(steps, pareto.staircase(shown[np.isfinite(shown).all(axis=1)], ["max", "min"]))


def test_one_objective_and_one_point(open_report):
    page = open_report(
        points={"latency_s": [1.0]}, objectives=[Axis("latency_s", "min", "s")], front=[True], picks={}, title="one"
    )
    assert trace(page, "front of all objectives")[:2] == [[1.0], [1.0]]


def test_the_same_input_gives_the_same_bytes_and_nothing_unescaped():
    page = render_report(**content())
    assert page == render_report(**content())
    assert HOSTILE not in page
    assert "default-src 'none'" in page
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S).group(1))
    assert data["points"][3]["fields"] == [HOSTILE]


def test_arrow_tables_and_large_ones():
    pa = pytest.importorskip("pyarrow")
    table = pa.table(content()["points"])
    assert render_report(**content(points=table)) == render_report(**content())
    n = 3 * MAX_OTHER_POINTS
    page = render_report(
        title="large",
        points={"latency_s": np.arange(n) + 1.0},
        objectives=[Axis("latency_s", "min")],
        front=np.arange(n) == 7,
    )
    assert f"{2 * MAX_OTHER_POINTS - 1} of {n} points are off the front" in page


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"front": [True]}, ShapeError, "one entry per point"),
        ({"objectives": []}, ValueError, "at least one"),
        ({"objectives": [Axis("speed", "max")]}, ValueError, "`speed`, which is not a column"),
    ],
)
def test_bad_input_is_named(changes, error, message):
    with pytest.raises(error, match=message):
        render_report(**content(**changes))
