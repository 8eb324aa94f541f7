"""What benchmarks find, printed at the end with the machine it was found on, so that no figure is quoted without it."""

import os
import platform
from pathlib import Path

import pytest

import _pareto

FIGURES = pytest.StashKey[list[str]]()


def processor() -> str:
    """Return the processor's name as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def machine() -> str:
    return f"machine: {processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def pytest_configure(config) -> None:
    disabled = config.getoption("benchmark_disable", default=False)
    if disabled and not config.getoption("benchmark_enable", default=False):
        _pareto.smoke()


def pytest_report_header() -> str:
    return machine()


@pytest.fixture
def show(request):
    """Return a function that takes lines for the end of the output."""
    return request.config.stash.setdefault(FIGURES, []).append


def pytest_terminal_summary(terminalreporter, config):
    figures = config.stash.get(FIGURES, [])
    if figures:
        terminalreporter.section("figures")
        terminalreporter.write_line(machine())
        for line in figures:
            terminalreporter.write_line(line)
