"""The programs in the guide of running splits work as they stand."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "run-split.md"
PROGRAMS = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.M | re.S)


@pytest.mark.parametrize("number", range(2))
def test_programs_of_the_guide_run(tmp_path, number):
    if "import torch" in PROGRAMS[number]:
        pytest.importorskip("torch")
    script = tmp_path / "program.py"
    script.write_text(PROGRAMS[number])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(os.path.abspath(entry) for entry in sys.path if entry)}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"batches/s with \d in flight, predicted", done.stdout)
    assert len(PROGRAMS) == 2
