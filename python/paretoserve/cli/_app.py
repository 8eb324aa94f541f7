"""The typer application: every module of this folder without an underscore is a command of that name.

Such a module defines one function `command`, whose docstring is its help, or a typer application `group` with commands
of its own. It imports what it needs inside that
function, because all modules are imported to print the help.
"""

import pkgutil
from importlib import import_module
from typing import Annotated

import typer

from paretoserve import cli
from paretoserve.cli._exit import with_exit_codes

__all__ = ["app"]

app = typer.Typer(
    help="Find the LLM serving configurations that nobody beats, for your trace, model and GPUs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"paretoserve {version('paretoserve')}")
        except PackageNotFoundError:
            typer.echo("paretoserve (source tree, not installed)")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Hold the options of the command without a subcommand; `--version` acts in its callback."""


for module in pkgutil.iter_modules(cli.__path__):
    if not module.name.startswith("_"):
        loaded = import_module(f"paretoserve.cli.{module.name}")
        if hasattr(loaded, "group"):
            app.add_typer(loaded.group, name=module.name)
        else:
            app.command(module.name)(with_exit_codes(loaded.command))
