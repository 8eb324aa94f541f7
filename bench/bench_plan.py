"""CPU seconds of the README's command, in a process of its own: imports, profile, simulation, report and all files.

Run with ``make bench`` or ``pytest bench/bench_plan.py --benchmark-enable``. `extra_info` holds the target.
"""

import resource
import subprocess
import sys

import pytest

COMMAND = ["plan", "--model", "qwen3-32b", "--system", "h100_sxm", "--gpus", "8", "--trace", "azure-chat"]


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(benchmark, command: list[str]) -> None:
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    benchmark.pedantic(subprocess.run, (command,), {"check": True, **silent}, rounds=3)


@pytest.mark.benchmark(timer=cpu_seconds)
@pytest.mark.parametrize(
    ("name", "arguments", "target"),
    [("plan", COMMAND, 5.0), ("help", ["--help"], 0.5)],
    ids=["plan", "help"],
)
def test_command(benchmark, tmp_path, name, arguments, target):
    benchmark.extra_info["target_cpu_s"] = target
    out = ["--out", str(tmp_path / "plan")] if name == "plan" else []
    command = [sys.executable, "-m", "paretoserve", *arguments, *out]
    run(benchmark, command)


@pytest.mark.benchmark(timer=cpu_seconds)
def test_import(benchmark):
    benchmark.extra_info["target_cpu_s"] = 0.3
    run(benchmark, [sys.executable, "-c", "import paretoserve"])
