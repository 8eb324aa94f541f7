"""Profiles of layers from JSON and CSV files, checked cell by cell.

Everything wrong with a file is a `DataError` that names file, row and column.
"""

from __future__ import annotations

import csv
import io
import json
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paretoserve._files import file_error, read_bytes
from paretoserve._integers import shown
from paretoserve.partition.layers import Layers

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["read_profile", "write_profile"]

PER_DEVICE = ("seconds", "joules")
WHOLE = ("output_bytes", "memory_bytes")
FIELDS = ("name", "inputs", *WHOLE, *PER_DEVICE)

Rows = list[tuple[str, dict[str, Any]]]


def read_profile(path: str | Path) -> Layers:
    r"""Read what the layers of a model take from a JSON or CSV file.

    Parameters
    ----------
    path : str or Path
        A CSV file with a header and one line per layer: `output_bytes`, `seconds` (once for all devices) or
        `seconds:NAME` for each device, and if known `name`, `memory_bytes`, `joules` or `joules:NAME`, and `inputs`,
        numbers of earlier layers with spaces between them. Or JSON: a list of objects with these keys, or an object
        whose `layers` is that list; `seconds` and `joules` may be objects from device to number, `inputs` a list.
        Files compressed by gzip, xz or zstandard are read too.

    Returns
    -------
    Layers

    Raises
    ------
    DataError
        If the file is missing, empty or broken; names file, row and column.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "profile.csv"
    ...     _ = path.write_text("name,seconds:pi,seconds:gpu,output_bytes\nstem,0.2,0.01,8000\nhead,0.1,0.01,400\n")
    ...     layers = read_profile(path)
    >>> layers.names, layers.seconds["pi"].tolist(), layers.output_bytes.tolist()
    (('stem', 'head'), [0.2, 0.1], [8000, 400])
    """
    file = str(path)
    try:
        text = read_bytes(Path(path)).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise file_error(file, "is not UTF-8 text") from None
    rows = _json_rows(file, text) if text.lstrip().startswith(("{", "[")) else _csv_rows(file, text)
    if not rows:
        raise file_error(file, "has no layers")
    names = list(rows[0][1])
    for at, row in rows:
        for key in row:
            if key.partition(":")[0] not in FIELDS or (":" in key and key.partition(":")[0] not in PER_DEVICE):
                raise file_error(file, f"is not known, expected {', '.join(FIELDS)} or seconds:NAME", at=at, column=key)
            if key not in names:
                raise file_error(file, "has no value in the first row", at=at, column=key)
        for key in names:
            if key not in row:
                raise file_error(file, "has no value", at=at, column=key)
    columns = {key: [_cell(file, at, key, row[key]) for at, row in rows] for key in names}
    for key in ("output_bytes", "seconds"):
        if not any(name.partition(":")[0] == key for name in names):
            raise file_error(file, f"has no column `{key}`")
    try:
        return Layers(
            _of_devices(file, columns, "seconds"),
            columns["output_bytes"],
            memory_bytes=columns.get("memory_bytes"),
            joules=_of_devices(file, columns, "joules"),
            names=columns.get("name"),
            inputs=columns.get("inputs"),
        )
    except (ValueError, TypeError) as error:
        raise file_error(file, str(error)) from None


def write_profile(layers: Layers, path: str | Path) -> None:
    """Write a profile to a file that `read_profile` and `paretoserve split` read.

    Parameters
    ----------
    layers : Layers
    path : str or Path
        Ends in .csv or .json. An older file is replaced.

    Returns
    -------
    None

    Raises
    ------
    TypeError, ValueError
        If it is not a profile, a layer has no name or one with space around it, or the path ends otherwise.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "profile.csv"
    ...     write_profile(Layers([0.2, 0.1], [8000, 400], names=["stem", "head"]), path)
    ...     path.read_text().split()
    ['name,output_bytes,memory_bytes,seconds', 'stem,8000,0,0.2', 'head,400,0,0.1']
    """
    if not isinstance(layers, Layers):
        raise TypeError(f"`layers` must be a Layers object, got {shown(layers)}")
    for number, name in enumerate(layers.names):
        if not name or name != name.strip():
            raise ValueError(f"`layers` must have names without space around them, got {shown(name)} for {number}")
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix not in (".csv", ".json"):
        raise ValueError(f"`path` must end in .csv or .json, got `{target.name}`")
    columns: dict[str, list[Any]] = {"name": list(layers.names)}
    columns |= {key: getattr(layers, key).tolist() for key in WHOLE}
    for what in PER_DEVICE:
        values = getattr(layers, what)
        if isinstance(values, dict):
            columns |= {f"{what}:{device}": row.tolist() for device, row in values.items()}
        elif values is not None:
            columns[what] = values.tolist()
    if layers.inputs is not None:
        columns["inputs"] = [[int(source) for source in row] for row in layers.inputs]
    rows = zip(*columns.values(), strict=True)
    if suffix == ".json":
        text = json.dumps({"layers": [dict(zip(columns, row, strict=True)) for row in rows]}, indent=1)
        target.write_text(text + "\n", encoding="utf-8")
        return
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([" ".join(map(str, cell)) if isinstance(cell, list) else cell for cell in row] for row in rows)


def _csv_rows(file: str, text: str) -> Rows:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: Rows = []
    header: list[str] = []
    try:
        for cells in reader:
            at = f"line {reader.line_num}"
            if not header:
                header = [cell.strip() for cell in cells]
                for name in header:
                    if header.count(name) > 1:
                        raise file_error(file, "stands in the header more than once", column=name)
            elif cells:
                if len(cells) != len(header):
                    raise file_error(file, f"must have {len(header)} cells, got {len(cells)}", at=at)
                rows.append((at, dict(zip(header, (cell.strip() for cell in cells), strict=True))))
    except csv.Error as error:
        raise file_error(file, f"is not valid CSV: {error}", at=f"line {reader.line_num}") from None
    return rows


def _json_rows(file: str, text: str) -> Rows:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise file_error(file, f"is not valid JSON: {error}") from None
    layers = value.get("layers") if isinstance(value, dict) else value
    if not isinstance(layers, list):
        raise file_error(file, "must hold a list of layers, or an object with such a list named `layers`")
    rows: Rows = []
    for number, layer in enumerate(layers):
        at = f"layer {number}"
        if not isinstance(layer, dict):
            raise file_error(file, f"must be an object, got {shown(layer)}", at=at)
        row: dict[str, Any] = {}
        for key, cell in layer.items():
            if key in PER_DEVICE and isinstance(cell, dict):
                row.update({f"{key}:{device}": number for device, number in cell.items()})
            else:
                row[key] = cell
        rows.append((at, row))
    return rows


def _cell(file: str, at: str, key: str, cell: Any) -> Any:
    """Return a cell as a name, a list of layers, a whole number or a number."""
    if key == "name":
        if isinstance(cell, str) and cell:
            return cell
        raise file_error(file, f"must be a name, got {shown(cell)}", at=at, column=key)
    if key == "inputs":
        parts = cell.split() if isinstance(cell, str) else cell
        if not isinstance(parts, list):
            raise file_error(file, f"must be numbers of layers, got {shown(cell)}", at=at, column=key)
        return [_number(file, at, key, part, int) for part in parts]
    return _number(file, at, key, cell, int if key in WHOLE else float)


def _number(file: str, at: str, key: str, cell: Any, kind: Callable[[Any], Any]) -> Any:
    expected = "a whole number" if kind is int else "a number"
    try:
        if isinstance(cell, bool) or not isinstance(cell, str | int | float):
            raise ValueError
        value = kind(cell)
        if isinstance(cell, float) and value != cell:
            raise ValueError
    except (ValueError, OverflowError):
        raise file_error(file, f"must be {expected}, got {shown(cell)}", at=at, column=key) from None
    limit = 2**60 if kind is int else 1e9
    if not isfinite(value) or not 0 <= value <= limit:
        raise file_error(file, f"must be from 0 to {limit:g}, got {shown(cell)}", at=at, column=key)
    return value


def _of_devices(file: str, columns: dict[str, list[Any]], what: str) -> Any:
    """Return a column, or one per device; None if there is none."""
    devices = {key.partition(":")[2]: column for key, column in columns.items() if key.startswith(f"{what}:")}
    if devices and what in columns:
        raise file_error(
            file, f"must be given once or for each device, got both `{what}` and `{what}:NAME`", column=what
        )
    return devices or columns.get(what)
