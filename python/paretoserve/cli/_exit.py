"""From exceptions to exit codes, for all commands alike.

Errors that a user can act on print their message without a traceback; anything else is a bug and keeps its traceback.
With `PARETOSERVE_TRACEBACK` set, expected errors keep theirs too.
"""

import functools
import os
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import typer

from paretoserve.errors import DataError, ParetoserveError, UnmetSloError

__all__ = ["with_exit_codes"]

P = ParamSpec("P")
T = TypeVar("T")

SYSTEM, USAGE, UNMET_SLO, DATA, INTERRUPTED = 1, 2, 3, 4, 130


def with_exit_codes(command: Callable[P, T]) -> Callable[P, T]:
    """Return `command` with its exceptions turned into a message on stderr and an exit code."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except KeyboardInterrupt:
            typer.echo("interrupted", err=True)
            raise typer.Exit(INTERRUPTED) from None
        except Exception as error:
            code = _exit_code(error)
            if code is None or os.environ.get("PARETOSERVE_TRACEBACK"):
                raise
            typer.echo(f"error: {_stated(error)}", err=True)
            raise typer.Exit(code) from None

    return wrapped


def _stated(error: Exception) -> str:
    """Return the message; that of the operating system without its number, after the file it is about."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    reason = error.strerror[:1].lower() + error.strerror[1:]
    return reason if error.filename is None else f"`{error.filename}`: {reason}"


def _exit_code(error: Exception) -> int | None:
    """Return the exit code of an expected error, None for a bug and for what typer itself handles."""
    if isinstance(error, UnmetSloError):
        return UNMET_SLO
    if isinstance(error, DataError):
        return DATA
    if isinstance(error, ParetoserveError | ValueError | ModuleNotFoundError):
        return USAGE
    if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
        return SYSTEM
    return None
