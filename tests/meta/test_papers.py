"""The page of papers is what the code says: 71 rows, none empty, names that exist, tests that exist."""

import importlib
import re
from pathlib import Path

import pytest

import papers_page
from paretoserve import metrics, reference

ROOT = Path(__file__).resolve().parents[2]
PAPERS = list(reference.papers().values())


def resolved(name):
    """Return what a dotted name below `paretoserve` means."""
    words = name.split(".")
    for length in range(len(words), 0, -1):
        try:
            thing = importlib.import_module(".".join(["paretoserve", *words[:length]]))
        except ModuleNotFoundError:
            continue
        for word in words[length:]:
            thing = getattr(thing, word)
        return thing
    raise AssertionError(f"{name} is nothing")


def test_the_page_is_what_the_code_says():
    written = papers_page.PAGE.read_text()
    assert written == papers_page.page(), "run python tools/papers_page.py"
    rows = [line for line in written.splitlines() if re.match(r"\| \d+ \|", line)]
    assert len(rows) == 71
    for line in rows:
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        assert len(cells) == 7
        assert all(cells), line


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.key)
def test_names_and_tests_of_a_paper_exist(paper):
    for name in paper.does:
        assert resolved(name) is not None
    assert papers_page.has(paper)
    for test in papers_page.tests(paper):
        file, _, function = test.partition("::")
        text = (ROOT / file).read_text()
        assert not function or f"\ndef {function}(" in text, test


def test_formulas_name_papers_that_are_registered():
    keys = {paper.key for paper in PAPERS}
    for metric in metrics.known().values():
        assert set(metric.papers) <= keys, metric.name
