"""Tables of what was measured on a GPU, with device, date and commit."""

import datetime
import json
import subprocess
from pathlib import Path
from typing import Any

import torch


def commit() -> str:
    """Return the commit of the checkout, if there is one."""
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "unknown"


def write(folder: Path, name: str, columns: list[str], lines: list[str], facts: dict[str, Any]) -> None:
    """Write a table as Markdown and what it is made of as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    device, date = torch.cuda.get_device_name(), datetime.date.today().isoformat()
    common = {"device": device, "date": date, "commit": commit(), "torch": torch.__version__}
    stem = f"{device.lower().replace(' ', '-')}-{date}{name}"
    (folder / f"{stem}.json").write_text(json.dumps({**common, **facts}, indent=1) + "\n")
    head = [f"# {device}, {date}, commit {common['commit']}", "", f"| {' | '.join(columns)} |"]
    (folder / f"{stem}.md").write_text("\n".join([*head, f"|{' --- |' * len(columns)}", *lines]) + "\n")
