"""Benchmarks print the machine they ran on, so that a figure is never quoted without it."""

import os
import platform
from pathlib import Path


def processor() -> str:
    """Return the processor's name as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def pytest_report_header() -> str:
    """Name processor, cores and Python above the results."""
    return f"machine: {processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
