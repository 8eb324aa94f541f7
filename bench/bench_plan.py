"""CPU seconds of the README's command, in a process of its own: imports, profile, simulation, report and all files.

Run with ``make bench`` or ``pytest bench/bench_plan.py --benchmark-enable``.
"""

import resource
import subprocess
import sys

import pytest

COMMAND = ["plan", "--model", "qwen3-32b", "--system", "h100_sxm", "--gpus", "8", "--trace", "azure-chat"]


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(benchmark, show, command: list[str], target: float) -> None:
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    benchmark.pedantic(subprocess.run, (command,), {"check": True, **silent}, rounds=3)
    if benchmark.stats:
        seconds = benchmark.stats.stats.median
        show(f"{benchmark.name.removeprefix('test_')}: {seconds:.2f} CPU s, target {target} CPU s")


@pytest.mark.benchmark(timer=cpu_seconds)
@pytest.mark.parametrize(
    ("name", "arguments", "target"),
    [("plan", COMMAND, 5.0), ("help", ["--help"], 0.5)],
    ids=["plan", "help"],
)
def test_command(benchmark, show, tmp_path, name, arguments, target):
    out = ["--out", str(tmp_path / "plan")] if name == "plan" else []
    run(benchmark, show, [sys.executable, "-m", "paretoserve", *arguments, *out], target)


@pytest.mark.benchmark(timer=cpu_seconds)
def test_import(benchmark, show):
    run(benchmark, show, [sys.executable, "-c", "import paretoserve"], 0.3)
