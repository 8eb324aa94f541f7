"""Every public function says what it takes, returns and raises, and shows an example that runs."""

import importlib
import inspect

import pytest

from _parts import ADAPTERS, PARTS


def public(part: str) -> list[tuple[str, object]]:
    module = importlib.import_module(f"paretoserve.{part}")
    return [(f"{part}.{name}", getattr(module, name)) for name in module.__all__]


@pytest.mark.parametrize("part", [*PARTS, *ADAPTERS])
def test_public_names_are_documented(part):
    for name, thing in public(part):
        if callable(thing) or inspect.isclass(thing):
            assert inspect.getdoc(thing), f"{name} has no docstring"


@pytest.mark.parametrize("part", [*PARTS, *ADAPTERS])
def test_public_functions_have_numpydoc_sections(part):
    for name, thing in public(part):
        if not inspect.isfunction(thing):
            continue
        text = inspect.getdoc(thing) or ""
        needed = ["Returns", "Examples"] + (["Parameters"] if inspect.signature(thing).parameters else [])
        missing = [section for section in needed if f"{section}\n{'-' * len(section)}" not in text]
        assert not missing, f"{name} lacks {missing}"
