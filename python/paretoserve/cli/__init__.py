"""The command line: `paretoserve plan`, `sim`, `front` and what later parts add.

One file per command. Nothing but typer is imported before a command runs, so that help and usage errors come at once.
"""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line with the arguments of this process and exit.

    Exit codes: 0 done, 2 usage (also an unknown name or a missing extra), 3 nothing meets the SLO, 4 input data missing
    or broken, 130 interrupted; 1 is left for a system error such as a full disk.
    """
    try:
        from paretoserve.cli._app import app
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "click", "rich"):
            raise
        print(f"error: the command line needs `{error.name}`, which is not installed", file=sys.stderr)
        print("hint: pip install 'paretoserve[plan]'", file=sys.stderr)
        raise SystemExit(2) from None
    app(prog_name="paretoserve")
