"""Where the real data lies that some tests need; it is not part of the project."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def data(relative: str) -> Path:
    """Return the path of a shared data file, or skip the test with the reason."""
    base = Path(os.environ.get("PARETOSERVE_DATA", ROOT.parent / "shared" / "data"))
    path = base / relative
    if not path.exists():
        pytest.skip(f"{relative} is not here; set PARETOSERVE_DATA to a folder that holds it")
    return path
