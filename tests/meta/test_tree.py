"""The tree: length of files, help lines, nothing that should not be committed."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


def test_no_file_is_long_without_a_reason():
    for path in tracked("*.rs", "*.py", "*.js", "*.cu", "*.cuh"):
        lines = path.read_text().splitlines()
        reason = any("long because" in line for line in lines[:12])
        assert len(lines) <= 400 or reason, f"{path.relative_to(ROOT)}: {len(lines)} lines and no reason at the top"


def test_every_file_says_first_what_it_is():
    for path in tracked("*.rs", "*.py"):
        assert path.read_text().startswith(('"""', "//! ", "#!")), f"{path.relative_to(ROOT)}: no documentation on top"


def test_every_make_target_has_a_help_line():
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.M)
    assert phony
    for target in phony.group(1).split():
        parts_of_test = target.startswith("test-")
        assert parts_of_test or re.search(rf"^{target}:.*## \S", makefile, re.M), f"make {target} has no help line"


def test_no_lock_file_of_a_python_tool():
    names = {path.name for path in tracked()}
    assert not names & {"uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock", "requirements.lock"}
    assert "Cargo.lock" in names


def test_no_open_ends():
    marker = re.compile(r"\b(TODO|FIXME|XXX)\b|todo!\(|unimplemented!\(|NotImplementedError")
    for path in tracked("*.rs", "*.py", "*.js", "*.toml", "Makefile"):
        if path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            assert not marker.search(line), f"{path.relative_to(ROOT)}:{number}: {line.strip()}"


def test_links_in_documents_lead_somewhere():
    for path in tracked("*.md"):
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.relative_to(ROOT)}: link to {target} leads nowhere"


def test_documents_named_in_code_exist():
    known = {path.name for path in tracked("*.md")}
    for path in tracked("*.rs", "*.py"):
        named = set(re.findall(r"\b[\w-]+\.md\b", path.read_text()))
        assert named <= known, f"{path.relative_to(ROOT)} names {sorted(named - known)}"


def test_comments_in_rust_fit_the_line():
    for path in tracked("*.rs"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            # The formatter leaves macros and text alone.
            assert len(line) <= 120 or not line.lstrip().startswith("//"), f"{path.relative_to(ROOT)}:{number}"


def test_sdist_has_what_the_build_needs():
    assert "cuda" not in {p.name for p in ROOT.iterdir()} or "cuda/**" in (ROOT / "pyproject.toml").read_text()
