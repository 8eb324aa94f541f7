"""Write docs/reference/papers.md from the registries of the code: papers, formulas and published tables.

Usage: python tools/papers_page.py [--check]; with --check nothing is written and a page that is old fails.
"""

import argparse
import re
import sys
from functools import cache
from pathlib import Path

from paretoserve import metrics, reference

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/reference/papers.md"
INTRODUCTION = """# Papers

Written by `tools/papers_page.py` from the code: `reference.papers()`, the papers that formulas of `metrics` declare,
and the published tables. Class A: a system that the package implements; B: a formula that a function computes; C: a
decision that became a function; D: outside the field, its reported points can be loaded. The letter behind a formula
says where it was read: R official repository, T full text, S secondary source, D derived here.

| # | paper | class | what it is | what the package has for it | proved by | notes |
| --- | --- | --- | --- | --- | --- | --- |
"""


def has(paper: reference.Paper) -> list[str]:
    """Return what the package has for a paper, as it is called."""
    formulas = [metric for metric in metrics.known().values() if paper.key in metric.papers]
    found = [f"`{name}`" for name in paper.does]
    found += [f"`metrics.{metric.module}.{metric.name}` ({metric.grade})" for metric in formulas]
    found += [f'`reference.points("{name}")`' for name in paper.tables]
    return found or [f'`reference.papers()["{paper.key}"]`']


@cache
def proofs() -> dict[str, str]:
    """Return the bodies of the tests of formulas by ``file::test``."""
    found = {}
    for path in sorted((ROOT / "tests/unit").glob("test_metrics_*.py")):
        if path.name != "test_metrics_contract.py":
            for name, body in re.findall(r"^def (test_\w+)\(.*?\n(.*?)(?=^\S|\Z)", path.read_text(), re.M | re.S):
                found[f"tests/unit/{path.name}::{name}"] = body
    return found


def tests(paper: reference.Paper) -> list[str]:
    """Return the tests of a paper: those it names, the first that calls each of its formulas, that of its tables."""
    found = list(paper.tests)
    for metric in metrics.known().values():
        if paper.key in metric.papers:
            called = re.compile(rf"\b{metric.name}\(")
            calls = [test for test, body in proofs().items() if called.search(body)]
            named = {test.partition("::")[0] for test in proofs()}
            # A test may get its formula from a table of cases above it.
            found += (calls or sorted(file for file in named if metric.name in (ROOT / file).read_text()))[:1]
    if paper.tables:
        found.append("tests/unit/test_reference.py::test_published_tables_are_sound")
    return list(dict.fromkeys(found)) or ["tests/unit/test_reference.py::test_papers_without_figures_say_why"]


def row(paper: reference.Paper) -> str:
    """Return the row of a paper."""
    proved = [f"`{test.removeprefix('tests/')}`" for test in tests(paper)]
    cells = [
        str(paper.number),
        f"[{paper.title}]({paper.url}), {paper.year}; `{paper.key}`",
        paper.kind,
        paper.what,
        "<br>".join(has(paper)),
        "<br>".join(proved),
        paper.notes or "none",
    ]
    return "| " + " | ".join(cells) + " |\n"


def page() -> str:
    """Return the whole page."""
    return INTRODUCTION + "".join(row(paper) for paper in reference.papers().values())


def main() -> int:
    """Write the page, or tell whether it is as it would be written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    text = page()
    if parser.parse_args().check:
        return 0 if PAGE.exists() and PAGE.read_text() == text else 1
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
