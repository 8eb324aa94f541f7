"""Options that several commands share: the same word, the same meaning and the same help everywhere.

A command writes ``trace: TraceOption`` and gives the default itself. Values stay plain text and numbers here; the
functions behind the commands check their meaning, so that the library refuses the same things in the same words.
"""

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "ExpertLoadOption",
    "FormatOption",
    "GpusOption",
    "LimitOption",
    "ModelOption",
    "ObjectivesOption",
    "SeedOption",
    "SloOption",
    "SpaceOption",
    "SystemOption",
    "ThreadsOption",
    "TraceOption",
]

ModelOption = Annotated[
    str, typer.Option("--model", metavar="NAME|PATH", help="Bundled model, a folder or a Hugging Face config.json.")
]
SystemOption = Annotated[
    str, typer.Option("--system", metavar="NAME|YAML", help="Bundled GPU system or a YAML file that describes one.")
]
GpusOption = Annotated[int, typer.Option("--gpus", metavar="N", help="GPUs that may be used, at least 1.")]
TraceOption = Annotated[
    str,
    typer.Option(
        "--trace",
        metavar="FILE|PROFILE",
        help="Trace file (Azure CSV, Mooncake JSONL, Parquet; gz, xz, zst) or a built-in profile such as azure-chat.",
    ),
]
ExpertLoadOption = Annotated[
    str | None,
    typer.Option(
        "--expert-load",
        metavar="FILE|NAME",
        help="How popular experts are: uniform, power_law, mixture, or a file of loads; without it routing is uniform.",
    ),
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", metavar="N", help="Take the first N requests of the trace.")
]
SloOption = Annotated[
    list[str],
    typer.Option("--slo", metavar="NAME=LIMIT", help="Limit such as ttft_p99=1s; repeat it for more than one."),
]
ObjectivesOption = Annotated[
    str | None, typer.Option("--objectives", metavar="NAME,NAME", help="Objectives of the front, separated by commas.")
]
SpaceOption = Annotated[
    Path | None, typer.Option("--space", metavar="YAML", help="Search space; without it the default of the model.")
]
SeedOption = Annotated[int, typer.Option("--seed", metavar="N", help="Seed of everything random; 0 or above.")]
ThreadsOption = Annotated[
    int | None, typer.Option("--threads", metavar="N", help="Threads; without it as many as there are CPUs.")
]
FormatOption = Annotated[str, typer.Option("--format", metavar="NAME", help="Form of what goes to stdout.")]
