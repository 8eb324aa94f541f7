"""The registry of papers, read from the data files when it is first asked for."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

__all__ = ["Paper", "entries", "papers"]

DATA = Path(__file__).parent / "data"
CLASSES: tuple[Literal["A", "B", "C", "D"], ...] = ("A", "B", "C", "D")


@dataclass(frozen=True)
class Paper:
    """A paper and what the package does for it.

    Attributes
    ----------
    number : int
        From 1, in the order of the page of papers.
    key : str
        The name that `points`, `table` and the declarations of `paretoserve.metrics` use.
    title : str
    arxiv : str
        Number there.
    year : int
        Of the first version.
    kind : {"A", "B", "C", "D"}
        A system the package implements; a formula that a function computes; a decision that became a function;
        outside the field, so that its points can be loaded.
    what : str
        What it is, in words.
    does : tuple of str
        What the package has for it, below ``paretoserve``; functions of `paretoserve.metrics` name their papers
        themselves (`metrics.known`) and are not repeated.
    tests : tuple of str
        Tests in the repository that prove it, as ``file`` or ``file::test``.
    tables : tuple of str
        Names of its published tables, for `points`.
    notes : str
        What was not found, and where paper and code differ; empty if there is nothing to say.
    """

    number: int
    key: str
    title: str
    arxiv: str
    year: int
    kind: Literal["A", "B", "C", "D"]
    what: str
    does: tuple[str, ...]
    tests: tuple[str, ...]
    tables: tuple[str, ...]
    notes: str

    @property
    def url(self) -> str:
        """Its address at arXiv."""
        return f"https://arxiv.org/abs/{self.arxiv}"


@cache
def entries() -> tuple[tuple[Paper, tuple[dict[str, Any], ...]], ...]:
    """Return every paper with its published tables as they stand in the files, by number."""
    found = []
    for kind in CLASSES:
        with (DATA / f"class_{kind.lower()}.toml").open("rb") as file:
            found += [_entry(kind, entry) for entry in tomllib.load(file)["paper"]]
    return tuple(sorted(found, key=lambda entry: entry[0].number))


def _entry(kind: Literal["A", "B", "C", "D"], entry: dict[str, Any]) -> tuple[Paper, tuple[dict[str, Any], ...]]:
    tables = tuple(entry.pop("table", ()))
    names = tuple("/".join(filter(None, (entry["key"], table.get("name")))) for table in tables)
    does, tests = (tuple(entry.pop(field, ())) for field in ("does", "tests"))
    notes = entry.pop("notes", "")
    return Paper(kind=kind, does=does, tests=tests, tables=names, notes=notes, **entry), tables


def papers() -> dict[str, Paper]:
    """Return all papers by key.

    Returns
    -------
    papers : dict from str to Paper
        In the order of their numbers, 1 to 71.

    Examples
    --------
    >>> papers()["cost-of-pass"].arxiv
    '2504.13359'
    >>> len(papers())
    71
    """
    return {paper.key: paper for paper, _ in entries()}
