"""The files of a plan: tables, report, `plan.json` and what it takes to serve and check the pick.

Every file is written beside its name and moved there, so that a full disk leaves no half file; `plan.json` comes
last. Nothing in them depends on the folder, the clock or the machine.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paretoserve.plan.emit import EMITTED, emit
from paretoserve.plan.store import json_text

if TYPE_CHECKING:
    from paretoserve.plan.front import Front
    from paretoserve.plan.problem import Problem

__all__ = ["plan_json", "write_file", "write_outputs", "write_text"]


def write_file(path: Path, fill: Callable[[Path], Any]) -> None:
    """Let `fill` write a file beside `path`, then move it there.

    Raises
    ------
    OSError
        If the disk is full or the folder is not there, about `path`, which is as before; nothing is left beside it.
    """
    beside = path.with_name(f".{path.name}.part")
    try:
        fill(beside)
        os.replace(beside, path)
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno) if error.errno else str(error), str(path)) from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


def write_text(path: Path, text: str) -> None:
    """Write text as `write_file` does."""
    write_file(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def plan_json(front: Front) -> str:
    """Return the content of ``plan.json``: `Front.to_dict` as text."""
    return json_text(front.to_dict())


def write_outputs(front: Front, problem: Problem, folder: Path) -> None:
    """Write everything a plan leaves behind.

    Parameters
    ----------
    front : Front
        The result.
    problem : Problem
        What it was made from, for the predicted numbers of the emitted benchmark.
    folder : Path
        Made if missing. Gets ``all.parquet``, ``front.parquet``, ``report.html``, ``top1/`` and ``plan.json``; only
        the last one when no configuration could be simulated, and those of an earlier plan are removed then.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if front.configurations:
        import pyarrow.parquet as parquet

        write_file(folder / "all.parquet", partial(parquet.write_table, front.table("all")))
        write_file(folder / "front.parquet", partial(parquet.write_table, front.table("front")))
        write_text(folder / "report.html", front.to_html())
        top = folder / "top1"
        top.mkdir(exist_ok=True)
        for name, text in emit(front, problem).items():
            write_text(top / name, text)
            if name.endswith(".sh"):
                (top / name).chmod(0o755)
    else:
        for name in ("all.parquet", "front.parquet", "report.html", *(f"top1/{name}" for name in EMITTED)):
            (folder / name).unlink(missing_ok=True)
    write_text(folder / "plan.json", plan_json(front))
