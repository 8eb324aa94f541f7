"""`paretoserve split`: where to cut a model over a chain of devices, all splits that none beats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["command"]


def command(
    profile: Annotated[
        Path | None, typer.Option("--profile", metavar="FILE", help="CSV or JSON file of layers.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME|PATH", help="Transformer, in place of --profile.")
    ] = None,
    system: Annotated[
        list[str] | None,
        typer.Option("--system", metavar="NAME|YAML", help="With --model: GPU system of each stage; repeatable."),
    ] = None,
    devices: Annotated[
        list[str] | None,
        typer.Option(
            "--devices",
            metavar="NAME[,FIELD=X]",
            help="With --profile: a device, with memory_bytes, count, speed, watts or joules_per_byte; repeatable.",
        ),
    ] = None,
    link: Annotated[
        list[str] | None,
        typer.Option(
            "--link",
            metavar="FIELD=X[,FIELD=X]",
            help="latency_s and bandwidth (bytes/s) between devices: once, or once from each to the next.",
        ),
    ] = None,
    prompt_tokens: Annotated[int, typer.Option(metavar="N", help="With --model: tokens of a prompt.")] = 512,
    batch_size: Annotated[int, typer.Option(metavar="N", help="With --model: prompts that pass together.")] = 1,
    decode: Annotated[bool, typer.Option("--decode", help="With --model: decode a token instead of prompts.")] = False,
    weight_format: Annotated[str, typer.Option(metavar="NAME", help="With --model: such as fp8 or int4.")] = "bf16",
    objectives: Annotated[
        str | None, typer.Option("--objectives", metavar="NAME,NAME", help="latency, throughput, energy.")
    ] = None,
    order: Annotated[str, typer.Option(metavar="NAME", help="Of devices: fixed or free.")] = "fixed",
    use_all: Annotated[bool, typer.Option(help="Whether every device gets a layer.")] = True,
    max_replicas: Annotated[int, typer.Option(metavar="N", help="Equal devices that may share a stage.")] = 1,
    overlap: Annotated[bool, typer.Option(help="Whether devices compute while they send.")] = True,
    epsilon: Annotated[float, typer.Option(metavar="X", help="Share by which splits left out may be better.")] = 0.0,
    explain: Annotated[bool, typer.Option("--explain", help="Print the splits and what bounds them in words.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the splits to .parquet, .csv or .json instead of stdout.")
    ] = None,
    form: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help="On stdout: table (default), csv, json or parquet.")
    ] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write an interactive report.")] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also draw the first two objectives: .png, .svg or .pdf.")
    ] = None,
) -> None:
    """Print all splits of a model over devices that no other split beats, and where other planners' answers lie."""
    from paretoserve._names import one_of
    from paretoserve.cli._split import devices_of, links_of, systems_of, write_html, write_plot
    from paretoserve.cli._table import FORMATS, PICTURES, check_suffix, render, tell_written, write_table
    from paretoserve.partition import Link, model_layers, read_profile, split_front

    form = one_of("--format", form, FORMATS) if form else None
    check_suffix("--out", out)
    check_suffix("--plot", plot, PICTURES)
    if (profile is None) == (model is None):
        raise ValueError("`--profile` or `--model` must be given, and not both")
    if model is None:
        if system or not devices:
            raise ValueError("`--profile` needs `--devices` and no `--system`")
        chain = devices_of(devices)
        layers = read_profile(str(profile))
    else:
        if devices or not system:
            raise ValueError("`--model` needs `--system` and no `--devices`")
        chain, systems = systems_of(system)
        layers = model_layers(
            model,
            systems,
            prompt_tokens=prompt_tokens,
            batch_size=batch_size,
            decode=decode,
            weight_format=weight_format,
        )
    links = links_of(link or [])
    front = split_front(
        layers,
        chain,
        Link() if not links else links[0] if len(links) == 1 else links,
        objectives=objectives.split(",") if objectives else None,
        order="free" if one_of("--order", order, ("fixed", "free")) == "free" else "fixed",
        use_all=use_all,
        max_replicas=max_replicas,
        overlap=overlap,
        epsilon=epsilon,
    )
    rows = front.to_table()
    if out is not None:
        write_table(rows, out)
    if explain:
        typer.echo(front.explain())
    elif form is not None or out is None:
        typer.echo(render(rows, form or "table"), nl=False)
    if html is not None:
        write_html(html, front, rows)
    if plot is not None:
        write_plot(plot, front, rows)
    tell_written(out, html, plot)
