"""Write docs/reference/papers.md from the registries of the code: papers, formulas and published tables.

Usage: python tools/papers_page.py [--check]; with --check nothing is written and a page that is old fails.
"""

import argparse
import sys
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


def tests(paper: reference.Paper) -> list[str]:
    """Return the tests of a paper: those it names, those of the modules of its formulas, those of its tables."""
    found = list(paper.tests)
    for module in dict.fromkeys(m.module for m in metrics.known().values() if paper.key in m.papers):
        words = module.split(".")
        names = ["_".join(words), words[-1], words[0]]
        files = [f"tests/unit/test_metrics_{name}.py" for name in dict.fromkeys(names)]
        found += [file for file in files if (ROOT / file).exists()][:1]
    if paper.tables:
        found.append("tests/unit/test_reference.py::test_published_tables_are_sound")
    return found or ["tests/unit/test_reference.py::test_papers_without_figures_say_why"]


def row(paper: reference.Paper) -> str:
    """Return the row of a paper."""
    proofs = [f"`{test.removeprefix('tests/')}`" for test in tests(paper)]
    cells = [
        str(paper.number),
        f"[{paper.title}]({paper.url}), {paper.year}; `{paper.key}`",
        paper.kind,
        paper.what,
        "<br>".join(has(paper)),
        "<br>".join(proofs),
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
