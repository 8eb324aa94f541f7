"""Hold the flags that we emit against a release of vLLM, read from its wheel without installing it.

    pip download --no-deps vllm==0.33.0 && python tools/check_vllm_flags.py vllm-0.33.0-*.whl

Prints the flags that its argument parsers do not name and exits 1 if there are any.
"""

import argparse
import sys
import zipfile
from pathlib import Path

from paretoserve.plan.vllm import BENCH_FLAGS, FLAGS

# `--port` belongs to the web server, `--seed` and the like to the shared part of the benchmarks.
SERVE_SOURCES = ("vllm/engine/arg_utils.py", "vllm/entrypoints/")
BENCH_SOURCES = ("vllm/benchmarks/",)


def missing(wheel: zipfile.ZipFile, flags: tuple[str, ...], sources: tuple[str, ...]) -> list[str]:
    """Return the flags that no source file under `sources` spells."""
    names = [name for name in wheel.namelist() if name.startswith(sources) and name.endswith(".py")]
    text = "\n".join(wheel.read(name).decode() for name in names)

    def spelled(flag: str) -> bool:
        # The web server's options are fields of a dataclass: `--port` is `port: int`.
        field = flag.removeprefix("--").removeprefix("no-").replace("-", "_")
        return f'"{flag}"' in text or f'"--{field.replace("_", "-")}"' in text or f"\n    {field}: " in text

    return [flag for flag in flags if not spelled(flag)]


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    path = parser.parse_args().wheel
    with zipfile.ZipFile(path) as wheel:
        unknown = missing(wheel, FLAGS, SERVE_SOURCES) + missing(wheel, BENCH_FLAGS, BENCH_SOURCES)
    for flag in unknown:
        print(f"{path.name} does not name {flag}")
    print(f"{path.name}: {len(FLAGS) + len(BENCH_FLAGS) - len(unknown)} flags found, {len(unknown)} missing")
    return int(bool(unknown))


if __name__ == "__main__":
    sys.exit(main())
