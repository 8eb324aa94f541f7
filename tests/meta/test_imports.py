"""What importing a part of the package pulls in."""

import os
import subprocess
import sys

import pytest

from _parts import ADAPTERS, PARTS

SHOW = """
import sys
before = set(sys.modules)
import {part}
new = {{name.partition(".")[0] for name in set(sys.modules) - before}} - set(sys.stdlib_module_names)
print(sorted(new - {{"numpy", "paretoserve"}}))
"""


def imported(part: str) -> str:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(os.path.abspath(entry) for entry in sys.path if entry)}
    command = [sys.executable, "-c", SHOW.format(part=part)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("part", ["", *(f".{part}" for part in (*PARTS, *ADAPTERS) if part != "plan")])
def test_parts_need_numpy_only(part):
    assert imported(f"paretoserve{part}") == "[]"


def test_planning_loads_tables_and_plots_only_when_used():
    assert not {"pyarrow", "plotly", "yaml", "rich", "typer"} & set(imported("paretoserve.plan").split("'"))
